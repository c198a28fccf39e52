//! Backends on all nodes of a cluster: who hears what when, and why.
use super::roles::docker_on;
use super::*;
use crate::model::command::SwarmCommand;
use crate::model::{BackendEvent, FactId};

/// What nodes told about their backends, and all causes.
#[derive(Default)]
struct Backends {
    told: Vec<(SimTime, FactId, HostId, BackendEvent, usize)>,
    causes: Vec<FactId>,
    faults: Vec<FactId>,
}

impl Observer for Backends {
    fn fact(&mut self, record: &FactRecord, _view: View<'_>) {
        self.causes.push(record.cause);
        if let Fact::Backends { host, event, tasks, .. } = &record.fact {
            self.told.push((record.time, record.id, *host, *event, tasks.len()));
        }
        if let Fact::Fault { .. } = &record.fact {
            self.faults.push(record.id);
        }
    }

    fn instant_over(&mut self, _time: SimTime, _view: View<'_>) {}
}

impl Backends {
    /// The nodes that forgot backends after a time, in order, with the last time.
    fn forgot(&self, after: SimTime) -> (Vec<HostId>, SimTime) {
        let forgot =
            self.told.iter().filter(|(at, _, _, event, _)| *at > after && *event == BackendEvent::Removed);
        let mut hosts: Vec<HostId> = forgot.clone().map(|(_, _, host, ..)| *host).collect();
        hosts.sort();
        (hosts, forgot.map(|(at, ..)| *at).max().expect("somebody forgot something"))
    }

    fn chain(&self, fact: FactId) -> Vec<FactId> {
        let mut chain = vec![fact];
        while let Some(last) = chain.last().filter(|last| last.0 > 0) {
            chain.push(self.causes[last.0 as usize]);
        }
        chain
    }
}

/// Six tasks with a published port on six hosts, and a blow after half a minute.
fn struck(stimulus: Stimulus, until: u64) -> (Simulation, Backends) {
    let mut setup = setup(3, 3);
    setup.timeline.push(TimelineEntry { at: SimTime::from_secs(1), stimulus: published_service() });
    setup.timeline.push(TimelineEntry { at: SimTime::from_secs(30), stimulus });
    let mut simulation = Simulation::new(Arc::new(setup), 1);
    simulation.check_invariants();
    let mut backends = Backends::default();
    simulation.run_until(SimTime::from_secs(until), &mut backends);
    assert_eq!(simulation.violations(), []);
    (simulation, backends)
}

fn fault(fault: Fault) -> Stimulus {
    Stimulus::Fault(Arc::new(fault))
}

const OTHERS: [HostId; 5] = [HostId(0), HostId(1), HostId(2), HostId(3), HostId(4)];

#[test]
fn every_node_tells_why_it_knows_a_backend_no_more() {
    let (_, backends) = struck(fault(Fault::Crash { hosts: vec![HostId(5)] }), 40);
    let (hosts, last) = backends.forgot(SimTime::from_secs(30));
    assert_eq!(hosts, OTHERS);
    assert!(last > SimTime::from_secs(35), "a dead node is suspected first");
    let removed = backends.told.iter().filter(|(_, _, _, event, _)| *event == BackendEvent::Removed);
    for (_, id, ..) in removed {
        assert_eq!(backends.chain(*id)[1], backends.faults[0]);
    }
}

#[test]
fn backends_behind_links_that_lose_everything_are_forgotten_because_of_the_loss() {
    let (from, to) = (Place::Host(HostId(5)), Place::Zone(ZoneId(0)));
    let loss = Fault::Loss { from, to, one_way: false, rate: crate::kernel::Ppm(1_000_000) };
    let (_, backends) = struck(fault(loss), 60);
    let (hosts, _) = backends.forgot(SimTime::from_secs(30));
    assert!(OTHERS.iter().all(|host| hosts.contains(host)), "{hosts:?}");
    for (_, id, ..) in backends.told.iter().filter(|(_, _, _, event, _)| *event == BackendEvent::Removed) {
        let chain = backends.chain(*id);
        assert!(chain.contains(&backends.faults[0]), "{chain:?}");
    }
}

#[test]
fn the_chain_of_a_backend_leads_over_its_owner_to_the_command() {
    let (_, backends) = struck(fault(Fault::Crash { hosts: vec![HostId(5)] }), 29);
    let added = backends.told.iter().filter(|(_, _, _, event, _)| *event == BackendEvent::Added);
    let tasks: usize = added.clone().map(|(.., tasks)| tasks).sum();
    assert_eq!(tasks, 36, "six nodes know six backends");
    for (_, id, host, ..) in added {
        let chain = backends.chain(*id);
        let by_owner =
            |fact: &FactId| backends.told.iter().any(|(_, told, owner, ..)| told == fact && owner != host);
        assert!(chain.len() > 4 && chain.last() == Some(&FactId(0)));
        assert!(chain[2..].iter().all(|fact| !by_owner(fact)), "gossip adds one link at most");
    }
}

#[test]
fn an_engine_that_stops_in_an_orderly_way_is_forgotten_at_once() {
    // NET-138
    let (_, backends) = struck(fault(Fault::Stop { hosts: vec![HostId(5)] }), 40);
    let (hosts, last) = backends.forgot(SimTime::from_secs(30));
    assert!(OTHERS.iter().all(|host| hosts.contains(host)), "{hosts:?}");
    assert!(last < SimTime::from_millis(30_700), "{last}");
}

#[test]
fn a_host_that_leaves_the_swarm_says_farewell() {
    let command = DockerCommand::Swarm(SwarmCommand::Leave { force: false });
    let leave = docker_on(30, Some(HostId(5)), command).stimulus;
    let (simulation, backends) = struck(leave, 50);
    let (hosts, last) = backends.forgot(SimTime::from_secs(30));
    assert!(OTHERS.iter().all(|host| hosts.contains(host)), "{hosts:?}");
    assert!(last < SimTime::from_millis(34_000), "{last}");
    assert!(simulation.view().backends_of_port(HostId(5), 8080).is_empty());
}
