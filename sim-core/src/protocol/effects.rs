//! What a step does to the world outside its component.
use std::collections::BTreeMap;

use super::silences::Silences;
use super::{CallId, Component, Event, Lineage, Lives, Message, NetworkOrder, SessionId, Timer};
use crate::kernel::SimTime;
use crate::kernel::queue::{EventQueue, TimerId};
use crate::kernel::trace::Trace;
use crate::model::{ClusterId, Explanations, Fact, FactId, Heading, HostId, NodeId};
use crate::raft::RaftId;
use crate::store::{ChangeSet, Ids, emit_facts};

/// What a step does to the world outside its component: facts, timers and messages. Facts and timers take
/// effect at once, messages when the step has returned, all in the order of emission.
pub(crate) struct Effects {
    now: SimTime,
    cause: FactId,
    host: HostId,
    lives: Lives,
    /// The leadership whose loops act.
    epoch: u32,
    queue: EventQueue<Event>,
    trace: Trace<Fact>,
    /// The next free ids.
    pub(crate) ids: Ids,
    /// The highest log index whose changes were told as facts, in each history of a log.
    told: BTreeMap<Lineage, u64>,
    calls: u64,
    silences: Silences,
    outbox: Vec<(HostId, HostId, FactId, Message)>,
    orders: Vec<(HostId, FactId, NetworkOrder)>,
    /// Explanations of decisions, for those who asked; nobody in the cluster reads them.
    pub(crate) explanations: Explanations,
}

impl Effects {
    /// At time zero, with the fact that the run began.
    pub(crate) fn new() -> Self {
        let mut trace = Trace::default();
        let cause = trace.add(SimTime::ZERO, FactId::START, None, Fact::Start);
        Effects {
            now: SimTime::ZERO,
            cause,
            // Nobody has acted yet; whoever acts enters first.
            host: HostId(0),
            lives: Lives::default(),
            epoch: 0,
            queue: EventQueue::new(),
            trace,
            ids: Ids::default(),
            told: BTreeMap::new(),
            calls: 0,
            silences: Silences::default(),
            outbox: Vec::new(),
            orders: Vec::new(),
            explanations: Explanations::default(),
        }
    }

    pub(crate) fn now(&self) -> SimTime {
        self.now
    }

    /// The host whose component acts.
    pub(crate) fn host(&self) -> HostId {
        self.host
    }

    /// From here on a component of this host acts.
    pub(crate) fn enter(&mut self, host: HostId, lives: Lives, cause: FactId) {
        (self.host, self.lives, self.cause) = (host, lives, cause);
    }

    /// A component of the host whose step this is has ended: what is set from here on belongs to its successor.
    pub(crate) fn set_lives(&mut self, lives: Lives) {
        self.lives = lives;
    }

    /// From here on the loops of this leadership act.
    pub(crate) fn set_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The fault that keeps `there` from being heard `here`, if there is one.
    pub(crate) fn silence_cause(&self, here: HostId, there: HostId) -> Option<FactId> {
        self.silences.cause(here, there)
    }

    /// The fault that keeps a host from getting an answer of the manager there, or of the leader behind that one.
    pub(crate) fn silence_of_manager(&self, here: HostId, manager: HostId) -> Option<FactId> {
        self.silence_cause(here, manager).or_else(|| self.silences.behind(manager))
    }

    /// The manager of a host passes on what it is asked to this leader from here on.
    pub(crate) fn follows(&mut self, host: HostId, leader: HostId) {
        self.silences.follows(host, leader);
    }

    /// The fault that keeps `there` from being heard `here`, or from answering in time.
    pub(crate) fn delay_cause(&self, here: HostId, there: HostId) -> Option<FactId> {
        let slowness = self.silences.of_disk(there).max(self.silences.of_disk(here));
        self.silence_cause(here, there).max(slowness)
    }

    /// The manager of a host is slow from here on, because of a fact, or not any more.
    pub(crate) fn slow_disk(&mut self, host: HostId, because: Option<FactId>) {
        self.silences.slow_disk(host, because);
    }

    /// The fault that a host is silent for, if there is one.
    pub(crate) fn silence_of_host(&self, host: HostId) -> Option<FactId> {
        self.silences.of_host(host)
    }

    /// A host is silent from here on, because of the current fact.
    pub(crate) fn silence_host(&mut self, host: HostId) {
        self.silences.silence_host(host, self.cause);
    }

    /// A host can be heard again.
    pub(crate) fn host_speaks(&mut self, host: HostId) {
        self.silences.host_speaks(host);
    }

    /// A message did not get through, because of a fault.
    pub(crate) fn silence_path(&mut self, from: HostId, to: HostId, heading: Heading, fault: FactId) {
        self.silences.silence_path(from, to, heading, fault);
    }

    /// Links are repaired by the current fact.
    pub(crate) fn paths_repaired(&mut self, is_open: impl Fn(HostId, HostId, Heading) -> bool) {
        self.silences.paths_repaired(self.cause, is_open);
    }

    /// A message got through. The answer is the repair that made it possible, if one did.
    pub(crate) fn path_speaks(&mut self, from: HostId, to: HostId, heading: Heading) -> Option<FactId> {
        self.silences.path_speaks(from, to, heading)
    }

    /// What was sent and is not routed yet, in exchange for an empty list whose room is used again.
    pub(crate) fn swap_outbox(&mut self, room: &mut Vec<(HostId, HostId, FactId, Message)>) {
        room.clear();
        std::mem::swap(&mut self.outbox, room);
    }

    /// Has the network of the host whose step this is do something, as soon as the step has returned.
    pub(crate) fn order(&mut self, order: NetworkOrder) {
        self.orders.push((self.host, self.cause, order));
    }

    /// True if networks of hosts are to do something.
    pub(crate) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    /// What networks of hosts are to do and have not done yet, in order.
    pub(crate) fn take_orders(&mut self) -> Vec<(HostId, FactId, NetworkOrder)> {
        std::mem::take(&mut self.orders)
    }

    /// Puts an event of the cluster itself in the queue.
    pub(crate) fn schedule(&mut self, at: SimTime, event: Event) -> TimerId {
        self.queue.push(at, event)
    }

    /// The fact behind what is being done now; facts, timers, messages and writes inherit it.
    pub(crate) fn cause(&self) -> FactId {
        self.cause
    }

    /// From here on things are done because of another fact.
    pub(crate) fn set_cause(&mut self, cause: FactId) {
        self.cause = cause;
    }

    /// Tells a fact, caused by the current one.
    pub(crate) fn fact(&mut self, fact: Fact) -> FactId {
        self.trace.add(self.now, self.cause, None, fact)
    }

    /// Tells the changes of a committed entry, unless another manager did so before. The answer has for every
    /// change the fact that reactions to it are caused by.
    pub(crate) fn tell_commit(&mut self, lineage: Lineage, index: u64, changes: &ChangeSet) -> Vec<FactId> {
        let told = self.told.entry(lineage).or_default();
        let first = index > *told;
        *told = index.max(*told);
        let mut causes = Vec::with_capacity(changes.len());
        for change in changes.iter() {
            let mut latest = change.cause;
            if first {
                let (trace, now) = (&mut self.trace, self.now);
                emit_facts(&change.object, &mut |fact| {
                    latest = trace.add(now, change.cause, Some(index), fact);
                });
            }
            causes.push(latest);
        }
        causes
    }

    pub(crate) fn set_timer(&mut self, timer: Timer, at: SimTime) -> TimerId {
        let event = Event::Fire { host: self.host, life: self.lives.of(&timer), timer, cause: self.cause };
        self.queue.push(at, event)
    }

    /// A number for a call that was never used before.
    pub(crate) fn mint_call(&mut self, caller: Component) -> CallId {
        self.calls += 1;
        CallId { caller, number: self.calls }
    }

    /// A session that never was before.
    pub(crate) fn mint_session(&mut self) -> SessionId {
        self.ids.sessions += 1;
        SessionId(self.ids.sessions)
    }

    /// Entries up to this index tell no facts: they were told in another history, or were there before the run.
    pub(crate) fn told_until(&mut self, lineage: Lineage, index: u64) {
        self.told.insert(lineage, index);
    }

    /// A history of a log that never was before.
    pub(crate) fn mint_lineage(&mut self) -> Lineage {
        self.ids.lineages += 1;
        Lineage(self.ids.lineages - 1)
    }

    /// A member of a Raft cluster that never was before. Real ones draw a number of 63 bits.
    pub(crate) fn mint_raft_id(&mut self) -> RaftId {
        self.ids.raft_members += 1;
        RaftId(self.ids.raft_members)
    }

    /// A swarm that never was before.
    pub(crate) fn mint_cluster(&mut self) -> ClusterId {
        self.ids.clusters += 1;
        ClusterId(self.ids.clusters - 1)
    }

    /// A node that never was before.
    pub(crate) fn mint_node(&mut self) -> NodeId {
        self.ids.mint_node()
    }

    /// Sends a message from the host whose step this is.
    pub(crate) fn send(&mut self, to: HostId, message: Message) {
        self.outbox.push((self.host, to, self.cause, message));
    }

    pub(crate) fn cancel_timer(&mut self, timer: TimerId) {
        self.queue.cancel(timer);
    }

    /// When the next event is due.
    pub(crate) fn next_time(&mut self) -> Option<SimTime> {
        self.queue.peek_time()
    }

    /// Takes the next event and goes to its time.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let (at, event) = self.queue.pop()?;
        self.now = at;
        Some(event)
    }

    /// Goes to a time at which something comes from outside the queue.
    pub(crate) fn advance_to(&mut self, at: SimTime) {
        assert!(at >= self.now, "time runs forward: {at} after {}", self.now);
        self.now = at;
    }

    pub(crate) fn trace(&self) -> &Trace<Fact> {
        &self.trace
    }

    pub(crate) fn trace_mut(&mut self) -> &mut Trace<Fact> {
        &mut self.trace
    }
}
