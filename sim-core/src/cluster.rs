//! Owns every component and delivers one event to one component.
//!
//! A host has an engine process, in which an agent and perhaps a manager live, and clients that run beside it.
//! What a component sends is routed when its step has returned: the network says when it arrives, and the state
//! of the receiving host then decides what becomes of it.
mod clients;
mod engine_networks;
mod host;
mod networks;
mod routing;
mod settle;
mod spreading;
mod traffic;
mod view;

#[cfg(test)]
mod tests;

pub use view::{RaftMember, View};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub(crate) use self::clients::Clients;
use self::clients::{Engine, Site};
pub(crate) use self::host::Host;
pub(crate) use self::host::Power;
use self::spreading::Spreading;
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::manager::Manager;
use crate::model::setup::Setup;
use crate::model::{FactId, Fault, Heading, HostId, IdMap, RecordChange, TaskId, TaskState};
use crate::net::Net;
use crate::protocol::{
    CallError, CallId, Component, Effects, Envelope, Event, LocalState, Message, Request, Response, Status,
    StatusCode, Timer,
};
use crate::store::Store;
use crate::traffic::Traffic;

/// What a manager answers to others before it has its place among them.
const NO_RAFT_MEMBER: &str = "raft: node is not yet part of a raft cluster";

/// All hosts and the network between them.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) setup: Arc<Setup>,
    pub(crate) seed: u64,
    pub(crate) hosts: IdMap<HostId, Host>,
    /// The hosts on which a manager runs, or ran before the current step: to look for them among all hosts would
    /// cost too much.
    running_managers: BTreeSet<HostId>,
    pub(crate) net: Net,
    /// Messages delivered so far, without the periodic ones that only say that somebody lives.
    pub(crate) messages: u64,
    /// The facts of the faults that struck, by place in the timeline.
    pub(crate) struck: BTreeMap<usize, FactId>,
    /// What slows the disks of hosts down, each with the fact that brought it; the last one counts.
    pub(crate) slow_disks: BTreeMap<HostId, Vec<(FactId, SimDuration)>>,
    /// Hosts that lost power, each with those that still take their old connections with it for open.
    unaware: BTreeSet<(HostId, HostId)>,
    /// Calls whose connections are there as soon as this event is due, after their links have healed.
    dialled: BTreeMap<CallId, TimerId>,
    /// What managers have said to agents over links that have healed since then, and will arrive when it is repeated.
    late_answers: BTreeMap<(HostId, HostId), Vec<TimerId>>,
    /// Hosts that have left their swarms, until their processes of gossip have said farewell, and why they left.
    departing: Vec<(HostId, FactId)>,
    outbox: Vec<(HostId, HostId, FactId, Message)>,
    /// What nodes have done to their records, and gossip has not heard yet.
    record_changes: Vec<(HostId, FactId, RecordChange)>,
    spreading: Spreading,
    /// Requests, and the programs that serve them.
    pub(crate) traffic: Traffic,
    /// The end of a second of traffic is in the queue.
    second_awaited: bool,
}

impl Cluster {
    /// Handles one event that is due now.
    pub(crate) fn handle(&mut self, event: Event, out: &mut Effects) {
        match event {
            Event::Fire { host, life, timer, cause } => self.fire(host, life, timer, cause, out),
            Event::Deliver(envelope) => self.deliver(envelope, out),
            Event::Traffic => self.second_over(out),
            Event::Stimulus(entry) => {
                unreachable!("entry {entry} of the timeline is for whoever injects faults")
            }
        }
        let host = out.host();
        self.follow_manager(host);
        if self.hosts.get(host).is_some_and(Host::has_answers) {
            self.deliver_answers(host, out);
        }
        self.route_all(out);
    }

    fn fire(&mut self, id: HostId, life: u32, timer: Timer, cause: FactId, out: &mut Effects) {
        let host = self.hosts.get_mut(id).expect("timers belong to hosts");
        if host.lives.of(&timer) != life && !matches!(timer, Timer::Client(_)) {
            return;
        }
        if let Some(backlog) = &mut host.frozen {
            backlog.push_back(Event::Fire { host: id, life, timer, cause });
            return;
        }
        out.enter(id, host.lives, cause);
        match timer {
            Timer::Loop(..) | Timer::Manager(_) => {
                if let Some(manager) = &mut host.manager {
                    manager.fire(timer, out);
                    let is_news = manager.has_lost_membership();
                    host.follow(is_news, out);
                }
            }
            Timer::Agent(timer) => {
                if let Some(agent) = &mut host.agent {
                    agent.fire(timer, out);
                    host.follow(false, out);
                }
            }
            Timer::Client(timer) => {
                self.with_clients(id, out, |clients, site, out| clients.fire(timer, site, out))
            }
            Timer::Node(timer) => host.fire(timer, out),
            Timer::Alarm(_) => unreachable!("alarms ring on benches only"),
        }
    }

    fn deliver(&mut self, envelope: Box<Envelope>, out: &mut Effects) {
        let (from, to, heading) = (envelope.from, envelope.to, envelope.heading);
        if !self.dialled.is_empty()
            && let Some(call) = envelope.message.begins_connection()
        {
            self.dialled.remove(&call);
        }
        if self.net.is_cut(from, to, heading) || self.net.lacks_way_back(&envelope) {
            return self.stop_at_cut(envelope, out);
        }
        let host = self.hosts.get_mut(to).expect("messages go to hosts");
        if host.power == Power::Off {
            return;
        }
        if let Some(backlog) = &mut host.frozen {
            backlog.push_back(Event::Deliver(envelope));
            return;
        }
        let Envelope { to_life, cause, message, .. } = *envelope;
        let repair = out.path_speaks(from, to, heading);
        out.enter(to, host.lives, repair.map_or(cause, |repair| repair.max(cause)));
        if host.power == Power::EngineStopped || host.lives.process() != to_life {
            return refuse(from, message, host.ended_by, out);
        }
        if is_of_old_connection(&mut self.unaware, to, from, &message) {
            return self.route(to, from, cause, Message::Reset, out);
        }
        self.messages += u64::from(!is_liveness(&message));
        match addressee(&message) {
            Some(Component::Manager) => {
                if let Some(manager) = &mut host.manager {
                    manager.hear(from, message, out);
                    let is_news = manager.has_lost_membership();
                    host.follow(is_news, out);
                } else if host.manager_joins() {
                    say_hello(from, message, host.ended_by, out);
                } else {
                    refuse(from, message, host.ended_by, out);
                }
            }
            Some(Component::Agent) => {
                if let Some(agent) = &mut host.agent {
                    let is_news = matches!(message, Message::Item { .. });
                    agent.hear(message, out);
                    host.follow(is_news, out);
                }
            }
            Some(Component::Node) => {
                if let Message::Answer { call, answer } = message {
                    host.answered(call, answer, out);
                }
            }
            Some(Component::Client) => {
                self.with_clients(to, out, |clients, site, out| clients.hear(message, site, out));
            }
            None => host.reset(from, out),
        }
    }

    /// The hosts with a manager, running or not.
    fn manager_hosts(&self) -> Vec<HostId> {
        self.hosts.ids().filter(|id| self.has_manager(*id)).collect()
    }

    /// The managers that run, in host order.
    pub(crate) fn managers(&self) -> impl Iterator<Item = (HostId, &Manager)> {
        self.running_managers.iter().filter_map(|id| Some((*id, self.hosts.get(*id)?.manager.as_deref()?)))
    }

    /// Something has happened on a host: its manager may run now, or not any more.
    pub(crate) fn follow_manager(&mut self, id: HostId) {
        let runs = self.hosts.get(id).is_some_and(|host| host.manager.is_some());
        if runs != self.running_managers.contains(&id) {
            if runs {
                self.running_managers.insert(id);
            } else {
                self.running_managers.remove(&id);
            }
        }
    }

    fn has_manager(&self, id: HostId) -> bool {
        self.hosts.get(id).is_some_and(|host| host.manager.is_some() || host.manager_disk.is_some())
    }

    /// The events that a frozen host has missed come now, in their order.
    pub(crate) fn replay(&mut self, backlog: VecDeque<Event>, out: &mut Effects) {
        for event in backlog {
            out.schedule(out.now(), event);
        }
    }

    /// The first manager of the file whose engine runs; without one the first host whose engine runs. If none does,
    /// the first of all: its client says that there is no engine.
    pub(crate) fn default_client_host(&self) -> HostId {
        let first = |fits: fn(&Host) -> bool| {
            let mut hosts = self.hosts.iter();
            hosts.find(|(_, host)| fits(host)).map(|(id, _)| id)
        };
        let manager = self.running_managers.first().copied();
        manager
            .or_else(|| first(|host| host.power == Power::On))
            .or_else(|| first(|_| true))
            .expect("a cluster has hosts")
    }

    /// Lets the clients of a host act on what they find there.
    pub(crate) fn with_clients(
        &mut self,
        id: HostId,
        out: &mut Effects,
        act: impl FnOnce(&mut Clients, &Site, &mut Effects),
    ) {
        let site = self.site(id);
        act(&mut self.host_mut(id).clients, &site, out);
        let host = self.host_mut(id);
        // What an engine is asked for while it is frozen, it does when it goes on.
        let asked = if host.frozen.is_none() { host.clients.take_asked() } else { Vec::new() };
        for (call, request) in asked {
            host.requested(call, request, out);
        }
        self.follow_manager(id);
        self.deliver_answers(id, out);
    }

    /// What the engine of a host has to say to its clients reaches them.
    pub(crate) fn deliver_answers(&mut self, id: HostId, out: &mut Effects) {
        for (call, answer) in self.host_mut(id).take_answers() {
            self.with_clients(id, out, |clients, site, out| clients.engine_answered(call, answer, site, out));
        }
    }

    fn site(&self, id: HostId) -> Site {
        let view = View::new(self);
        let host = self.hosts.get(id).expect("clients have hosts");
        let engine = match host.power {
            Power::Off | Power::EngineStopped => Engine::Down,
            Power::On => match host.local_state() {
                _ if host.manager_serves() => Engine::Manager,
                _ if host.manager.is_some() || host.manager_joins() => Engine::StartingManager,
                LocalState::Active | LocalState::Pending => Engine::Worker,
                LocalState::Inactive | LocalState::Error => Engine::NoSwarm,
            },
        };
        let nodes = view.store().into_iter().flat_map(Store::nodes);
        let nodes = nodes.map(|node| (node.host, node.id)).collect();
        let own = host.node.identity.map(|identity| identity.node);
        let swarm = view.store().and_then(Store::cluster).cloned();
        let joined = host.mesh.joined().filter_map(|id| view.store()?.network(id));
        let networks = joined.cloned().collect();
        let is_frozen = host.frozen.is_some();
        Site { engine, is_frozen, own, nodes, networks, setup: Arc::clone(&self.setup), swarm }
    }

    pub(crate) fn host_mut(&mut self, host: HostId) -> &mut Host {
        self.hosts.get_mut(host).expect("hosts come from the set-up")
    }

    /// The running container of a task with this docker name, and its host.
    pub(crate) fn find_container(&self, name: &str) -> Option<(TaskId, HostId)> {
        let view = View::new(self);
        let store = view.store()?;
        let (service, _) = name.rsplit_once('.')?;
        let service = store.service_by_name(service)?;
        let task = store.tasks_of_service(service.id).find(|task| {
            task.status.state == TaskState::Running && view.task_name(task.id).as_deref() == Some(name)
        })?;
        Some((task.id, store.node(task.node?)?.host))
    }

    /// Applies a fault of links, or ends the one that it heals. False if it changes nothing.
    pub(crate) fn apply_link_fault(
        &mut self,
        fault: &Fault,
        fact: FactId,
        ended: Option<FactId>,
        out: &mut Effects,
    ) -> bool {
        let is_change = match (fault, ended) {
            (Fault::Heal { from, to, one_way }, Some(ended)) => {
                self.net.end((*from, *to), *one_way, ended, fact)
            }
            _ => self.net.apply(fault, fact),
        };
        if !is_change {
            return false;
        }
        if fault.is_repair() {
            // Over a way without a way back there are no connections.
            let is_open = |from, to, heading| !self.net.is_cut(from, to, heading);
            out.paths_repaired(|from, to, heading| {
                is_open(from, to, heading) && is_open(to, from, Heading::Back)
            });
        }
        self.release_blocked(out);
        true
    }
}

/// Whether a message belongs to a connection that ended when its receiver lost power. Its sender learns it now, and
/// begins a new one.
fn is_of_old_connection(
    unaware: &mut BTreeSet<(HostId, HostId)>,
    to: HostId,
    from: HostId,
    message: &Message,
) -> bool {
    let Message::Request { request, .. } = message else { return false };
    if unaware.is_empty() {
        return false;
    }
    if let Request::Session { .. } = request {
        unaware.remove(&(to, from));
        return false;
    }
    let goes_on = matches!(request, Request::Heartbeat { .. } | Request::UpdateTaskStatus { .. });
    goes_on && unaware.remove(&(to, from))
}

/// Nobody listens: a caller learns it, everybody else does not. What ended the process that would have listened is
/// to blame; where there never was one, it is whatever made the caller ask.
fn refuse(from: HostId, message: Message, ended_by: Option<FactId>, out: &mut Effects) {
    if let Message::Request { call, .. } = message {
        out.set_cause(ended_by.unwrap_or(out.cause()));
        out.send(from, Message::Answer { call, answer: Err(CallError::Refused) });
    }
}

/// A manager that has no place in the Raft cluster yet says that it is there, and nothing else.
fn say_hello(from: HostId, message: Message, ended_by: Option<FactId>, out: &mut Effects) {
    match message {
        Message::Request { call, request: Request::Health } => {
            out.send(from, Message::Answer { call, answer: Ok(Response::Alive) });
        }
        Message::Request { call, request: Request::Raft(_) } => {
            let status = Status::new(StatusCode::FailedPrecondition, NO_RAFT_MEMBER);
            out.send(from, Message::Answer { call, answer: Err(CallError::Status(status)) });
        }
        Message::Request { .. }
        | Message::Item { .. }
        | Message::Answer { .. }
        | Message::HangUp { .. }
        | Message::Reset => refuse(from, message, ended_by, out),
    }
}

/// Who on the host hears a message; none: everybody.
fn addressee(message: &Message) -> Option<Component> {
    match message {
        Message::Request { .. } | Message::HangUp { .. } => Some(Component::Manager),
        Message::Item { call, .. } | Message::Answer { call, .. } => Some(call.caller),
        Message::Reset => None,
    }
}

/// Messages that are sent periodically in a quiet cluster.
fn is_liveness(message: &Message) -> bool {
    match message {
        Message::Request { request, .. } => match request {
            Request::Heartbeat { .. } | Request::Health => true,
            Request::Raft(message) => message.body.is_heartbeat(),
            Request::Forwarded { request, .. } => matches!(**request, Request::Heartbeat { .. }),
            Request::Session { .. }
            | Request::UpdateTaskStatus { .. }
            | Request::Assignments { .. }
            | Request::RootCertificate
            | Request::IssueCertificate(_)
            | Request::CertificateStatus { .. }
            | Request::JoinRaft(_)
            | Request::Api(_) => false,
        },
        Message::Answer { answer, .. } => {
            matches!(answer, Ok(Response::Heartbeat { .. } | Response::Alive))
        }
        Message::Item { .. } | Message::HangUp { .. } | Message::Reset => false,
    }
}

impl StateDigest for Cluster {
    fn digest(&self, digest: &mut Digest) {
        // The set-up never changes in a run; the outbox is empty between events; which managers run, the hosts say.
        let Self {
            setup: _,
            seed: _,
            hosts,
            running_managers: _,
            net,
            messages,
            struck: _,
            // What counts of it, the managers have.
            slow_disks: _,
            unaware,
            // Events of the queue, and what waits for gossip.
            dialled: _,
            late_answers: _,
            departing,
            outbox: _,
            record_changes: _,
            spreading,
            traffic,
            second_awaited,
        } = self;
        hosts.digest(digest);
        net.digest(digest);
        spreading.digest(digest);
        digest.u64(*messages);
        unaware.digest(digest);
        digest.debug(departing);
        if traffic.is_planned() {
            traffic.digest(digest);
            digest.bool(*second_awaited);
        }
    }
}
