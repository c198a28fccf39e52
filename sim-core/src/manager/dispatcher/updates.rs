//! What agents have brought and the store does not have yet, and when it is written (spec control-plane 6.6).
//!
//! A pass writes everything that is queued. Passes come every 100 ms, counted from the end of the last one, also
//! when nothing is queued; such an empty pass takes no time. So only its place on that grid is kept, and a timer
//! is set once there is something to write.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::BATCH_STRAND;
use super::steps::DispatcherStep;
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::manager::loops::Context;
use crate::manager::ties::TieBreaker;
use crate::model::{FactId, Node, NodeDescription, NodeId, NodeState, TaskId, TaskStatus};
use crate::protocol::{LoopTimer, ReplyTo, SessionId, StatusUpdate};

/// Time from the end of a pass to the next (spec control-plane 1.2).
pub(super) const BATCH_INTERVAL: SimDuration = SimDuration::from_millis(100);
/// So many queued changes of tasks, or of nodes, are written at once (spec control-plane 1.2).
const BATCH_ITEMS_MAX: usize = 10_000;

/// What is to be written about a node.
#[derive(Clone, Debug)]
pub(crate) struct NodeUpdate {
    pub(super) state: NodeState,
    pub(super) message: &'static str,
    /// Absent: it stays what it is.
    pub(super) address: Option<IpAddr>,
    /// Absent: it stays what it is.
    pub(super) description: Option<Arc<NodeDescription>>,
}

/// A session that is opened when the node is written to be READY.
#[derive(Debug)]
pub(super) struct PendingSession {
    pub(super) reply: ReplyTo,
    pub(super) object: Arc<Node>,
    /// The session that goes on. Absent: a new one begins.
    pub(super) resumed: Option<SessionId>,
    pub(super) cause: FactId,
    /// The agent does not wait any longer. The node is registered all the same.
    pub(super) hung_up: bool,
}

/// The queue and its clock.
#[derive(Debug)]
pub(super) struct UpdateQueue {
    /// Time from the end of a pass to the next.
    interval: SimDuration,
    /// The last report about each task.
    tasks: BTreeMap<TaskId, (TaskStatus, FactId)>,
    /// The last news of each node.
    nodes: BTreeMap<NodeId, (NodeUpdate, FactId)>,
    /// Who waits for the next pass.
    pending: Vec<PendingSession>,
    /// An instant at which a pass is due. Later ones follow in steps of the interval.
    next_pass: SimTime,
    timer: Option<TimerId>,
    /// What is being written.
    pass: Option<Pass>,
}

/// What is written at one time.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) nodes: Vec<NodeId>,
    pub(super) tasks: Vec<TaskId>,
    /// Who waits for it.
    pub(super) sessions: Vec<PendingSession>,
}

impl UpdateQueue {
    /// An empty queue with its first pass at this time. Each further one comes late by `lateness`.
    pub(super) fn new(next_pass: SimTime, lateness: SimDuration) -> Self {
        UpdateQueue {
            interval: BATCH_INTERVAL + lateness,
            tasks: BTreeMap::new(),
            nodes: BTreeMap::new(),
            pending: Vec::new(),
            next_pass,
            timer: None,
            pass: None,
        }
    }

    /// An empty queue that counts from a pass that has just ended.
    pub(super) fn after_pass(now: SimTime, lateness: SimDuration) -> Self {
        UpdateQueue::new(now + BATCH_INTERVAL + lateness, lateness)
    }

    /// The last report about a task counts.
    pub(super) fn report(&mut self, update: &StatusUpdate) {
        self.tasks.insert(update.task, (update.status.clone(), update.cause));
    }

    /// A node has a session.
    pub(super) fn mark_ready(
        &mut self,
        node: NodeId,
        address: Option<IpAddr>,
        description: Arc<NodeDescription>,
        cause: FactId,
    ) {
        let description = Some(description);
        let update = NodeUpdate { state: NodeState::Ready, message: "", address, description };
        self.nodes.insert(node, (update, cause));
    }

    /// A node is not trusted any longer. A description that waits to be written is written with that.
    pub(super) fn mark_down(&mut self, node: NodeId, message: &'static str, cause: FactId) {
        let description = self.nodes.remove(&node).and_then(|(queued, _)| queued.description);
        let update = NodeUpdate { state: NodeState::Down, message, address: None, description };
        self.nodes.insert(node, (update, cause));
    }

    /// True if a node waits for a new session.
    pub(super) fn registers(&self, node: NodeId) -> bool {
        let mut waiting = self.pending.iter().chain(self.pass.iter().flat_map(|pass| &pass.sessions));
        waiting.any(|session| session.object.id == node && session.resumed.is_none() && !session.hung_up)
    }

    /// The session is opened after the next pass.
    pub(super) fn wait(&mut self, session: PendingSession) {
        self.pending.push(session);
    }

    /// Sees to it that what is queued is written at the next pass, or now if it is too much. While a pass is
    /// being written the rest waits for its end.
    pub(super) fn schedule(&mut self, ties: &mut TieBreaker, context: &mut Context<'_>) {
        if self.pass.is_some() || (self.tasks.is_empty() && self.nodes.is_empty()) {
            return;
        }
        if self.tasks.len() >= BATCH_ITEMS_MAX || self.nodes.len() >= BATCH_ITEMS_MAX {
            return self.write(ties, context);
        }
        if self.timer.is_none() {
            let at = self.pass_after(context.now());
            self.timer = Some(context.set_timer(LoopTimer::DispatcherBatch, at));
        }
    }

    /// Writes everything that is queued: tasks first. SwarmKit walks through a map for each kind.
    pub(super) fn write(&mut self, ties: &mut TieBreaker, context: &mut Context<'_>) {
        if let Some(timer) = self.timer.take() {
            context.cancel_timer(timer);
        }
        let mut tasks: Vec<_> = std::mem::take(&mut self.tasks).into_iter().collect();
        ties.order(&mut tasks);
        let mut nodes: Vec<_> = std::mem::take(&mut self.nodes).into_iter().collect();
        ties.order(&mut nodes);
        self.pass = Some(Pass {
            nodes: nodes.iter().map(|(id, _)| *id).collect(),
            tasks: tasks.iter().map(|(id, _)| *id).collect(),
            sessions: std::mem::take(&mut self.pending),
        });
        let tasks = tasks.into_iter();
        let tasks = tasks.map(|(id, (status, cause))| (DispatcherStep::TaskStatus(id, status).into(), cause));
        let nodes = nodes.into_iter();
        let nodes = nodes.map(|(id, (update, cause))| (DispatcherStep::NodeStatus(id, update).into(), cause));
        context.batch(BATCH_STRAND, tasks.chain(nodes));
    }

    /// A pass came to its end, whatever became of it.
    pub(super) fn end_pass(&mut self, now: SimTime) -> Pass {
        self.next_pass = now + self.interval;
        self.pass.take().expect("a pass was under way")
    }

    /// Whoever waits, in order. Nothing will be written any more.
    pub(super) fn take_pending(&mut self) -> Vec<PendingSession> {
        let mut pending = self.pass.take().map(|pass| pass.sessions).unwrap_or_default();
        pending.append(&mut self.pending);
        pending
    }

    /// These callers do not wait any longer.
    pub(super) fn hang_up(&mut self, is_gone: impl Fn(ReplyTo) -> bool) {
        let waiting = self.pending.iter_mut().chain(self.pass.iter_mut().flat_map(|pass| &mut pass.sessions));
        for session in waiting.filter(|session| is_gone(session.reply)) {
            session.hung_up = true;
        }
    }

    /// The first pass that comes later than `now`: what arrives at the instant of a pass misses it.
    fn pass_after(&self, now: SimTime) -> SimTime {
        if now < self.next_pass {
            return self.next_pass;
        }
        let passed = now.since(self.next_pass).as_nanos() / self.interval.as_nanos();
        self.next_pass + self.interval.times(passed + 1)
    }
}

impl StateDigest for UpdateQueue {
    fn digest(&self, digest: &mut Digest) {
        // The interval is the run's; the timer follows from what is queued; what a pass writes is in the queue of writes.
        let Self { interval: _, tasks, nodes, pending, next_pass, timer: _, pass } = self;
        for (task, (status, cause)) in tasks {
            task.digest(digest);
            digest.u32(status.state as u32);
            status.timestamp.digest(digest);
            digest.text(&status.message);
            digest.text(&status.err);
            cause.digest(digest);
        }
        for (node, (update, cause)) in nodes {
            let NodeUpdate { state, message, address, description } = update;
            node.digest(digest);
            digest.u8(*state as u8);
            digest.text(message);
            digest.debug(&(address, description));
            cause.digest(digest);
        }
        pending.digest(digest);
        digest.time(*next_pass);
        pass.as_ref().map(|pass| &pass.sessions).digest(digest);
    }
}

impl StateDigest for PendingSession {
    fn digest(&self, digest: &mut Digest) {
        let Self { reply, object, resumed, cause, hung_up } = self;
        reply.host.digest(digest);
        digest.u64(reply.call.number);
        object.id.digest(digest);
        resumed.map(|session| session.0).digest(digest);
        cause.digest(digest);
        digest.bool(*hung_up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_of_passes_counts_from_the_end_of_the_last_one() {
        let mut queue = UpdateQueue::new(SimTime::from_millis(30), SimDuration::ZERO);
        let millis = SimTime::from_millis;
        assert_eq!(queue.pass_after(millis(0)), millis(30));
        assert_eq!(queue.pass_after(millis(29)), millis(30));
        assert_eq!(queue.pass_after(millis(30)), millis(130));
        assert_eq!(queue.pass_after(millis(129)), millis(130));
        assert_eq!(queue.pass_after(millis(3_600_000)), millis(3_600_030));
        queue.pass = Some(Pass { nodes: Vec::new(), tasks: Vec::new(), sessions: Vec::new() });
        queue.end_pass(millis(133));
        assert_eq!(queue.pass_after(millis(133)), millis(233));
        assert_eq!(queue.pass_after(millis(240)), millis(333));
    }

    #[test]
    fn the_lateness_of_passes_adds_up() {
        let queue = UpdateQueue::after_pass(SimTime::ZERO, SimDuration::from_millis(1));
        assert_eq!(queue.pass_after(SimTime::from_millis(100)), SimTime::from_millis(101));
        assert_eq!(queue.pass_after(SimTime::from_millis(5_000)), SimTime::from_millis(5_050));
    }
}
