//! The processes in containers, as requests find them: when they listen, how much they can do at a time, and what
//! became of them.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::departures::{Departure, Departures, Door};
use super::request::List;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest, Stream};
use crate::model::setup::ServerBehaviour;
use crate::model::{EndpointRecord, FactId, HostId, IdMap, NetworkId, TaskId, TransportProtocol};

/// The process of one container.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) service: Arc<str>,
    pub(super) host: HostId,
    pub(super) behaviour: Arc<ServerBehaviour>,
    pub(super) started: SimTime,
    pub(super) started_by: FactId,
    pub(super) end: Option<End>,
    /// Ports of its node that lead to it alone.
    pub(super) own_ports: Vec<(TransportProtocol, u16)>,
    /// What has led to it as a backend since it first was one, each on its network.
    pub(super) doors: Vec<(NetworkId, Door)>,
    /// What its node tells others of it.
    pub(super) told: Told,
    /// Requests that it works on, with those that it asks others for meanwhile.
    pub(super) working: List,
    pub(super) working_count: u32,
    /// Requests that wait for it.
    pub(super) waiting: List,
    pub(super) waiting_count: u32,
}

/// What a node has told the others of a backend, with the fact because of which it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing yet.
    Nothing,
    /// That it takes connections.
    Ready(FactId),
    /// That it takes none any more.
    Leaving(FactId),
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

/// What leads to a backend with these records. A network with published ports is that of the routing mesh, and has
/// no names.
fn doors(service: &Arc<str>, records: &[EndpointRecord]) -> Vec<(NetworkId, Door)> {
    let of_record = |record: &EndpointRecord| -> Vec<(NetworkId, Door)> {
        let network = record.id.network;
        let ports = record.service.iter().flat_map(|service| service.ingress_ports.iter());
        let ports = ports.map(|port| (network, Door::Port(port.protocol, port.published_port)));
        let ports: Vec<_> = ports.collect();
        if ports.is_empty() { vec![(network, Door::Names(Arc::clone(service)))] } else { ports }
    };
    records.iter().flat_map(of_record).collect()
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
    departures: Departures,
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

    /// Why a node has no backend behind a door: what took the last one away that it had, or that anybody had. None:
    /// there never was one.
    pub(super) fn last_loss(&self, node: Option<HostId>, door: &Door, service: &str) -> Option<FactId> {
        let here = node.and_then(|node| self.departures.last_at(node, door));
        // Who gave it up too early has lost it for good with its real end.
        let end = |departure: Departure| match self.by_task.get(departure.task)?.told {
            Told::Leaving(because) => Some(because),
            Told::Nothing | Told::Ready(_) => None,
        };
        let here = here.map(|departure| end(departure).unwrap_or(departure.because));
        let of_service = || self.departures.last_anywhere(&Door::Names(service.into()));
        here.or_else(|| self.departures.last_anywhere(door)).or_else(of_service)
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
            server.doors = doors(&server.service, records);
            server.told = Told::Ready(because);
        }
    }

    /// The load balancers are told that a task takes no more connections.
    pub(super) fn lose_backend(&mut self, task: TaskId, because: FactId) {
        let Some(server) = self.by_task.get_mut(task) else { return };
        server.told = Told::Leaving(because);
        for (_, door) in &server.doors {
            self.departures.anywhere(door.clone(), because);
        }
    }

    /// A load balancer of a node has lost a backend, or sends nothing new there.
    pub(super) fn leave_node(&mut self, node: HostId, network: NetworkId, departure: Departure) {
        let Some(server) = self.by_task.get(departure.task) else { return };
        for (_, door) in server.doors.iter().filter(|(on, _)| *on == network) {
            self.departures.at_node(node, door.clone(), departure);
        }
    }

    /// A node has lost all that it knew of other nodes.
    pub(super) fn forget(&mut self, node: HostId) {
        let Servers { by_task, departures, .. } = self;
        departures.forget(node, |task| by_task.get(task).is_some_and(|server| server.host == node));
    }

    /// A process ends. The answer has what it worked on, and what waited for it. None: it had ended before.
    pub(super) fn end(&mut self, task: TaskId, end: End) -> Option<[List; 2]> {
        let server = self.by_task.get_mut(task).filter(|server| server.end.is_none())?;
        server.end = Some(end);
        (server.working_count, server.waiting_count) = (0, 0);
        if let Some(running) = self.running.get_mut(&server.service) {
            running.retain(|known| *known != task);
        }
        let lists = [std::mem::take(&mut server.working), std::mem::take(&mut server.waiting)];
        let (host, departure) = (server.host, Departure { task, because: end.fact() });
        for (protocol, port) in &server.own_ports {
            let door = Door::Port(*protocol, *port);
            self.departures.at_node(host, door.clone(), departure);
            self.departures.anywhere(door, departure.because);
        }
        self.departures.anywhere(Door::Names(Arc::clone(&server.service)), departure.because);
        self.lose_backend(task, departure.because);
        Some(lists)
    }
}

impl StateDigest for Servers {
    fn digest(&self, digest: &mut Digest) {
        // Which processes run follows from what became of each. What they told is for the trace.
        let Self { by_task, running: _, departures } = self;
        for (task, server) in by_task.iter() {
            digest.u32(task.0);
            digest.time(server.started);
            digest.u32(server.working_count);
            digest.u32(server.waiting_count);
            digest.u64(server.end.map_or(0, |end| end.fact().0 + 1));
        }
        departures.digest(digest);
    }
}
