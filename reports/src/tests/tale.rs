//! Runs that are written by hand, so that reports can be tested on situations of any kind and size.
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::bench::{Bench, LoopSettings, create_service};
use sim_core::kernel::SimTime;
use sim_core::metrics::{Census, Metrics, Totals};
use sim_core::model::setup::{HostSetup, Setup, SwarmPart};
use sim_core::model::{
    CommandId, Fact, FactId, FactRecord, Fault, HostId, NodeId, NodeState, ServiceId, ServiceSpec, Slot,
    TaskId, TaskState, ZoneId,
};
use sim_core::record::SpecHistory;
use sim_core::{Recording, Simulation};

/// A run under way: three managers and some workers, and whatever the test tells.
pub(super) struct Tale {
    pub(super) simulation: Simulation,
    services: Bench,
    metrics: Metrics,
    facts: Vec<FactRecord>,
    now: SimTime,
}

impl Tale {
    pub(super) fn new(workers: u32) -> Self {
        let mut setup = Setup::default();
        setup.zones.insert(ZoneId(0), "default".to_owned());
        for number in 0..3 + workers {
            let name = match number {
                0..3 => format!("manager-{}", number + 1),
                _ => format!("worker-{}", number - 2),
            };
            let mut host = HostSetup::new(&name, ZoneId(0), Ipv4Addr::from_bits(0xac1f_0001 + number));
            host.part = if number < 3 { SwarmPart::Manager } else { SwarmPart::Worker };
            setup.hosts.insert(HostId(number), host);
        }
        let simulation = Simulation::new(Arc::new(setup), 42);
        let metrics = Metrics::new(Census::new(simulation.view().setup(), 42));
        let services = Bench::new(&[], &LoopSettings::default());
        let mut tale = Tale { simulation, services, metrics, facts: Vec::new(), now: SimTime::ZERO };
        tale.tell(0, 0, Fact::Start);
        tale
    }

    /// Something happens, and the tale knows why. Returns the number of the fact.
    pub(super) fn tell(&mut self, millis: u64, cause: u64, fact: Fact) -> u64 {
        let time = SimTime::from_millis(millis);
        if time > self.now {
            self.metrics.instant_over(self.now);
            self.now = time;
        }
        let id = self.facts.len() as u64;
        let record = FactRecord { id: FactId(id), time, cause: FactId(cause), commit: Some(100 + id), fact };
        let (nodes, services) = (self.simulation.view().store(), self.services.store());
        let store = if matches!(record.fact, Fact::ServiceCreated { .. }) { Some(services) } else { nodes };
        self.metrics.fact(&record, || store);
        self.facts.push(record);
        id
    }

    pub(super) fn command(&mut self, millis: u64, number: u32, line: &str) -> u64 {
        self.tell(millis, 0, Fact::Command { command: CommandId(number), host: HostId(0), line: line.into() })
    }

    pub(super) fn crash(&mut self, millis: u64, hosts: &[u32]) -> u64 {
        let hosts = hosts.iter().map(|host| HostId(*host)).collect();
        self.tell(millis, 0, Fact::Fault { fault: Arc::new(Fault::Crash { hosts }) })
    }

    pub(super) fn down(&mut self, millis: u64, cause: u64, node: u32) -> u64 {
        let message = "heartbeat failure".into();
        let (from, to) = (NodeState::Ready, NodeState::Down);
        self.tell(millis, cause, Fact::NodeStatus { node: NodeId(node), from, to, message })
    }

    pub(super) fn service(&mut self, millis: u64, cause: u64, name: &str, replicas: u64) -> u64 {
        let spec = ServiceSpec::replicated(name, "nginx:1.28", replicas);
        let created = self.services.transact(|transaction| create_service(transaction, spec));
        let service = created.expect("the service is valid");
        self.tell(millis, cause, Fact::ServiceCreated { service })
    }

    /// A task is created, and placed at once.
    pub(super) fn task(
        &mut self,
        millis: u64,
        cause: u64,
        task: u32,
        slot: u32,
        node: u32,
        desired: TaskState,
    ) {
        let (task, service, slot) = (TaskId(task), Some(ServiceId(0)), Slot(slot));
        let created =
            self.tell(millis, cause, Fact::TaskCreated { task, service, slot, node: None, desired });
        self.tell(millis + 50, created, Fact::TaskAssigned { task, node: NodeId(node) });
    }

    pub(super) fn state(
        &mut self,
        millis: u64,
        cause: u64,
        task: u32,
        from: TaskState,
        to: TaskState,
        err: &str,
    ) -> u64 {
        let (message, err) = ("".into(), err.to_owned().into());
        self.tell(millis, cause, Fact::TaskState { task: TaskId(task), from, to, message, err })
    }

    pub(super) fn desired(&mut self, millis: u64, cause: u64, task: u32, to: TaskState) -> u64 {
        self.tell(millis, cause, Fact::TaskDesired { task: TaskId(task), from: TaskState::Running, to })
    }

    pub(super) fn end(mut self, millis: u64) -> Recording {
        self.metrics.instant_over(self.now);
        let ended = SimTime::from_millis(millis);
        let measurements = self.metrics.read(ended, Totals { commit_index: 31, messages: 420, tallies: &[] });
        let (census, origins) = self.metrics.into_parts();
        let (progress, specs) = (Vec::new(), SpecHistory::default());
        Recording {
            facts: self.facts,
            specs,
            progress,
            census,
            origins,
            measurements,
            tallies: Vec::new(),
            ended,
        }
    }
}
