//! A leader whose store is wedged hands the leadership over (spec control-plane 5.5).
use std::sync::Arc;

use scenarios::{Scenario, ScenarioOptions};
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::{Defect, Fact, FactRecord, HostId, RaftRole, Sabotage};
use sim_core::{Observer, Simulation, View};

const SCENARIO: &str = "
name: wedge
about: The first writer of every leader keeps the lock of the store.
cluster: { managers: 3, workers: 1 }
timeline: [ { at: 10s, docker: 'service create --name web nginx' } ]
until: 200s
";

/// Who led from when on.
#[derive(Default)]
struct Leaders(Vec<(SimTime, HostId)>);

impl Observer for Leaders {
    fn fact(&mut self, record: &FactRecord, _view: View<'_>) {
        if let Fact::RaftRole { host, role: RaftRole::Leader, .. } = &record.fact {
            self.0.push((record.time, *host));
        }
    }

    fn instant_over(&mut self, _time: SimTime, _view: View<'_>) {}
}

fn leaders(seed: u64, sabotage: Sabotage) -> Vec<(SimTime, HostId)> {
    let scenario = Scenario::parse(SCENARIO, "wedge", &ScenarioOptions::default())
        .unwrap_or_else(|errors| panic!("{errors}"));
    let mut setup = scenario.setup;
    setup.sabotage = sabotage;
    let mut leaders = Leaders::default();
    let until = setup.until;
    Simulation::new(Arc::new(setup), seed).run_until(until, &mut leaders);
    leaders.0
}

#[test]
fn mgr_005_mgr_054_a_wedged_leader_hands_over_after_half_a_minute_and_once_a_minute() {
    // MGR-005, MGR-054
    let (wedged, tick) = (SimDuration::from_secs(30), SimDuration::from_millis(1_100));
    for seed in 0..5 {
        let leaders = leaders(seed, Sabotage::of(Defect::KeepLock));
        let (first, second) = (leaders[0], leaders[1]);
        assert_ne!(first.1, HostId(0), "seed {seed}");
        let held = first.0.since(SimTime::from_secs(10));
        assert!(held > wedged && held < wedged + tick, "seed {seed}: {held}");
        // The next leader is wedged as well, from its first write on.
        let held = second.0.since(first.0);
        assert!(held > wedged && held < wedged + tick, "seed {seed}: {held}");
        assert_eq!(second.1, HostId(0), "seed {seed}");
        for (time, host) in &leaders {
            let next = leaders.iter().find(|(later, other)| later > time && other == host);
            let pause = next.map(|(later, _)| later.since(*time));
            assert!(pause.is_none_or(|pause| pause >= SimDuration::from_secs(60)), "seed {seed}: {pause:?}");
        }
    }
}

#[test]
fn a_store_that_is_not_wedged_keeps_its_leader() {
    assert_eq!(leaders(1, Sabotage::default()), []);
}
