//! The processes in containers, as requests find them: when they listen, how much they can do at a time, and what
//! became of them.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::request::List;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest, Stream};
use crate::model::setup::ServerBehaviour;
use crate::model::{EndpointRecord, FactId, HostId, IdMap, TaskId, TransportProtocol};

/// The process of one container.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) service: Arc<str>,
    pub(super) host: HostId,
    pub(super) behaviour: Arc<ServerBehaviour>,
    pub(super) started: SimTime,
    pub(super) started_by: FactId,
    pub(super) end: Option<End>,
    /// What its node tells others of it. None: that it takes nothing, or nothing at all.
    pub(super) told: Option<Told>,
    /// Requests that it works on, with those that it asks others for meanwhile.
    pub(super) working: List,
    pub(super) working_count: u32,
    /// Requests that wait for it.
    pub(super) waiting: List,
    pub(super) waiting_count: u32,
}

/// A backend, as its node has told the others.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The fact because of which it was told.
    pub(super) because: FactId,
    /// The ports of the routing mesh that lead to it.
    pub(super) ports: Vec<(TransportProtocol, u16)>,
}

/// What became of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It ended, and its connections with it.
    Ended(FactId),
    /// It vanished with its machine, and nobody was told.
    Lost(FactId),
}

impl Server {
    /// From when on connections are accepted.
    pub(super) fn listens_from(&self) -> SimTime {
        self.started + self.behaviour.listens_after
    }

    /// True from the moment on in which connections are accepted.
    pub(super) fn listens(&self, now: SimTime) -> bool {
        now >= self.listens_from()
    }

    /// True if requests to a port of its container find it there, once it listens at all.
    pub(super) fn has_port(&self, port: Option<(TransportProtocol, u16)>) -> bool {
        let ports = self.behaviour.ports.as_ref();
        ports.is_none_or(|ports| port.is_some_and(|port| ports.contains(&port)))
    }

    /// True if it answers nothing any more.
    pub(super) fn hangs(&self, now: SimTime) -> bool {
        self.behaviour.hangs_after.is_some_and(|age| now >= self.started + age)
    }

    /// How long a request that it begins now takes.
    pub(super) fn service_time(&self, now: SimTime, lots: &mut Stream) -> SimDuration {
        let takes = self.behaviour.takes.draw(lots);
        let Some(slow) = self.behaviour.slow_start else { return takes };
        let age = now.since(self.listens_from());
        let left = slow.lasts.saturating_sub(age);
        let more = u128::from(takes.as_nanos()) * u128::from(slow.times.saturating_sub(1));
        let more = more * u128::from(left.as_nanos()) / u128::from(slow.lasts.as_nanos().max(1));
        takes + SimDuration::from_nanos(u64::try_from(more).unwrap_or(u64::MAX))
    }

    /// True if it can begin with another request.
    pub(super) fn has_time(&self) -> bool {
        self.behaviour.at_once.is_none_or(|most| self.working_count < most)
    }

    /// True if another request can wait.
    pub(super) fn has_room(&self) -> bool {
        self.waiting_count < self.behaviour.queue
    }
}

impl Told {
    fn new(records: &[EndpointRecord], because: FactId) -> Self {
        let services = records.iter().filter_map(|record| record.service.as_ref());
        let ports = services.flat_map(|service| service.ingress_ports.iter());
        Told { because, ports: ports.map(|port| (port.protocol, port.published_port)).collect() }
    }
}

impl End {
    /// The fact behind it.
    pub(super) fn fact(self) -> FactId {
        match self {
            End::Ended(fact) | End::Lost(fact) => fact,
        }
    }
}

/// All processes that ever were, by task.
#[derive(Clone, Debug, Default)]
pub(super) struct Servers {
    by_task: IdMap<TaskId, Server>,
    /// The tasks of each service whose processes run, in order.
    running: BTreeMap<Arc<str>, Vec<TaskId>>,
    /// The fact because of which a service last lost a backend.
    last_loss: BTreeMap<Arc<str>, FactId>,
}

impl Servers {
    pub(super) fn get(&self, task: TaskId) -> Option<&Server> {
        self.by_task.get(task)
    }

    pub(super) fn get_mut(&mut self, task: TaskId) -> Option<&mut Server> {
        self.by_task.get_mut(task)
    }

    /// What became of the process of a task. None: it runs.
    pub(super) fn end_of(&self, task: TaskId) -> Option<End> {
        self.by_task.get(task)?.end
    }

    /// The tasks of a service whose processes run.
    pub(super) fn running(&self, service: &str) -> &[TaskId] {
        self.running.get(service).map_or(&[], Vec::as_slice)
    }

    /// The fact because of which a service has fewer backends than it had, if it ever lost one.
    pub(super) fn last_loss(&self, service: &str) -> Option<FactId> {
        self.last_loss.get(service).copied()
    }

    /// The running processes on a machine.
    pub(super) fn on_host(&self, host: HostId) -> Vec<TaskId> {
        let there = self.by_task.iter().filter(|(_, server)| server.host == host && server.end.is_none());
        there.map(|(task, _)| task).collect()
    }

    /// A process starts, unless it was there all the time.
    pub(super) fn start(&mut self, task: TaskId, server: Server) {
        if self.by_task.get(task).is_some_and(|known| known.end.is_none()) {
            return;
        }
        let running = self.running.entry(Arc::clone(&server.service)).or_default();
        if let Err(place) = running.binary_search(&task) {
            running.insert(place, task);
        }
        self.by_task.insert(task, server);
    }

    /// The load balancers are told that a task takes connections.
    pub(super) fn gain_backend(&mut self, task: TaskId, records: &[EndpointRecord], because: FactId) {
        if let Some(server) = self.by_task.get_mut(task) {
            server.told = Some(Told::new(records, because));
        }
    }

    /// The load balancers are told that a task takes no more connections.
    pub(super) fn lose_backend(&mut self, task: TaskId, because: FactId) {
        if let Some(server) = self.by_task.get_mut(task) {
            server.told = None;
            self.last_loss.insert(Arc::clone(&server.service), because);
        }
    }

    /// A process ends. The answer has what it worked on, and what waited for it. None: it had ended before.
    pub(super) fn end(&mut self, task: TaskId, end: End) -> Option<[List; 2]> {
        let server = self.by_task.get_mut(task).filter(|server| server.end.is_none())?;
        server.end = Some(end);
        (server.working_count, server.waiting_count, server.told) = (0, 0, None);
        if let Some(running) = self.running.get_mut(&server.service) {
            running.retain(|known| *known != task);
        }
        self.last_loss.insert(Arc::clone(&server.service), end.fact());
        Some([std::mem::take(&mut server.working), std::mem::take(&mut server.waiting)])
    }
}

impl StateDigest for Servers {
    fn digest(&self, digest: &mut Digest) {
        // Which processes run follows from what became of each. What they told is for the trace.
        let Self { by_task, running: _, last_loss } = self;
        for (task, server) in by_task.iter() {
            digest.u32(task.0);
            digest.time(server.started);
            digest.u32(server.working_count);
            digest.u32(server.waiting_count);
            digest.u64(server.end.map_or(0, |end| end.fact().0 + 1));
        }
        digest.u64(last_loss.len() as u64);
    }
}
