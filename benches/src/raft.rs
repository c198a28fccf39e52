//! Writes through Raft: one client after the other changes the swarm, and each change is an entry.
//!
//! The store has one lock, which is held for a whole round of consensus, so there is one entry under way at a time. A
//! manager sends another one message at a time.
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::command::{DockerCommand, ServiceCommand, ServiceCreate};
use sim_core::model::setup::{ClientCommand, HostSetup, Setup, Stimulus, SwarmPart, TimelineEntry};
use sim_core::model::{CommandId, HostId, ServiceSpec, ZoneId};
use sim_core::{NoObserver, Simulation};

/// Time between two looks whether all entries are committed.
const STEP: SimDuration = SimDuration::from_millis(100);

/// A cluster of managers only, and how many entries it is to commit.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many managers.
    pub managers: u8,
    /// How many entries.
    pub entries: u32,
    /// Whether writing to a disk takes time.
    pub disks: bool,
}

/// What a load came to.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    /// Entries that were committed.
    pub entries: u64,
    /// Virtual time, in round trips between two managers.
    pub round_trips: u64,
}

/// A cluster that is about to get its load.
pub struct Writes {
    simulation: Simulation,
    load: Load,
    round_trip: SimDuration,
}

impl Writes {
    /// A settled cluster with all clients waiting in line.
    #[must_use]
    pub fn new(load: Load) -> Self {
        let mut setup = Setup { until: SimTime::from_secs(3_600), ..Setup::default() };
        setup.zones.insert(ZoneId(0), "default".to_owned());
        for number in 0..load.managers {
            let address = Ipv4Addr::new(172, 31, 0, number + 1);
            let mut host = HostSetup::new(&format!("m{}", number + 1), ZoneId(0), address);
            host.part = SwarmPart::Manager;
            setup.hosts.insert(HostId(u32::from(number)), host);
        }
        if !load.disks {
            (setup.settings.persist_min, setup.settings.persist_max) = (SimDuration::ZERO, SimDuration::ZERO);
        }
        let commands = (0..load.entries).map(client).collect();
        let stimulus = Stimulus::Commands { host: None, commands };
        setup.timeline.push(TimelineEntry { at: SimTime::ZERO, stimulus });
        let round_trip = setup.settings.latency_same_zone.times(2);
        Writes { simulation: Simulation::new(Arc::new(setup), 1), load, round_trip }
    }

    /// Lets all clients have their turn.
    ///
    /// # Panics
    /// If the cluster does not take what it is given.
    pub fn commit(&mut self) -> Committed {
        let before = self.simulation.view().commit_index();
        let services =
            |simulation: &Simulation| simulation.view().store().map_or(0, |store| store.services().count());
        while services(&self.simulation) < self.load.entries as usize {
            let next = self.simulation.now() + STEP;
            assert!(next < SimTime::from_secs(3_600), "{:?} takes more than an hour", self.load);
            self.simulation.run_until(next, &mut NoObserver);
        }
        let entries = self.simulation.view().commit_index() - before;
        let time = self.simulation.now().since(SimTime::ZERO);
        Committed { entries, round_trips: time.as_nanos() / self.round_trip.as_nanos() }
    }
}

/// A client that creates a service without tasks, which is one transaction.
fn client(number: u32) -> ClientCommand {
    let spec = ServiceSpec::replicated(&format!("s{number}"), "app", 0);
    let create = ServiceCreate { spec, networks: Vec::new(), detach: true };
    let command = Arc::new(DockerCommand::Service(ServiceCommand::Create(Box::new(create))));
    ClientCommand { id: CommandId(number), line: "service create".into(), command }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_disks_an_entry_takes_two_round_trips_and_with_them_their_time_too() {
        for managers in [3, 5] {
            let run = |disks| Writes::new(Load { managers, entries: 500, disks }).commit();
            let (bare, whole) = (run(false), run(true));
            assert!(bare.entries >= 500 && bare.entries < 520, "{bare:?}");
            // The entry goes out when the news of the commit before was answered: a peer gets one message at a time.
            let steps = STEP.as_nanos() / 400_000;
            assert!((bare.entries * 2..=bare.entries * 2 + steps).contains(&bare.round_trips), "{bare:?}");
            assert!(whole.round_trips > bare.round_trips * 2, "{whole:?}");
        }
    }
}
