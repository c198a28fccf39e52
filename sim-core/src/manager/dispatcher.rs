//! The dispatcher of a leading manager: what agents ask for and report (spec control-plane 6).
//!
//! A session lasts as long as heartbeats come; the stream that carries it says nothing about the node. What agents
//! bring to the store goes through one queue that is written in passes. Strand 0 hears the store and never writes,
//! because streams do not wait for a pass; the passes have a strand of their own, and so has every node whose tasks
//! are given up.
//!
//! A dispatcher lives as long as a leadership. The random streams of its heartbeat periods belong to the host, which
//! gets them back at the end. It relies on its caller to route requests to the leader, to refuse nodes that were
//! removed, and to drop its timers when leadership is lost. Network keys, root certificates, secrets, configs and
//! volumes are absent.
mod assignment_streams;
mod assignments;
mod deadline;
mod liveness;
mod nodes;
mod period;
mod sessions;
mod settled;
mod steps;
mod streams;
mod updates;

pub(crate) use period::{HeartbeatPeriods, SettledHeartbeat};
pub(crate) use settled::SettledSession;
pub(crate) use steps::DispatcherStep;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::assignment_streams::AssignmentStream;
use self::deadline::Deadline;
use self::nodes::RegisteredNodes;
use self::sessions::SessionStream;
use self::streams::Streams;
use self::updates::{Pass, UpdateQueue};
use super::loops::{Context, ControlLoop, Heard, Outcome, Step, WriteError};
use super::ties::TieBreaker;
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::{Fact, FactId, HostId, Loss, NodeId};
use crate::protocol::{
    Answer, CallError, LoopTimer, Message, ReplyTo, Request, Response, SessionId, Status, StatusCode,
    StatusUpdate,
};
use crate::store::{ObjectChange, StoreError, Transaction};

/// The strand that writes what is queued.
const BATCH_STRAND: u32 = 1;
/// The strand that gives up the tasks of the first node; those of the others follow.
const FIRST_ORPHAN_STRAND: u32 = 2;

/// The dispatcher of one leadership.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    periods: HeartbeatPeriods,
    ties: TieBreaker,
    /// The managers that agents may talk to.
    managers: Arc<[HostId]>,
    /// The node of this manager, which signs what it writes about tasks.
    leader: Option<NodeId>,
    phase: Phase,
    /// Why nodes can register: this manager leads.
    leads_by: FactId,
    nodes: RegisteredNodes,
    /// Nodes that are down, each with the time at which its tasks are given up.
    down: BTreeMap<NodeId, Deadline>,
    queue: UpdateQueue,
    sessions: Streams<SessionStream>,
    assignments: Streams<AssignmentStream>,
}

/// How far a dispatcher is.
#[derive(Debug)]
enum Phase {
    /// It serves nobody yet, or not any more.
    Stopped,
    /// It leads since before the run began.
    Settled,
    /// It writes what the change of leadership means for the nodes. Calls wait meanwhile.
    Starting(Vec<HeldCall>),
    /// It serves all agents.
    Running,
}

/// A call that came too early.
#[derive(Debug)]
struct HeldCall {
    reply: ReplyTo,
    from: HostId,
    request: Request,
    cause: FactId,
}

impl Dispatcher {
    /// The dispatcher of a leadership that is about to begin. Ties are of the order in which things are written.
    pub(crate) fn new(periods: HeartbeatPeriods, ties: TieBreaker) -> Self {
        let queue = UpdateQueue::new(SimTime::ZERO, periods.setup().settings.batch_lateness);
        Dispatcher {
            periods,
            ties,
            managers: Arc::default(),
            leader: None,
            phase: Phase::Stopped,
            leads_by: FactId::START,
            nodes: RegisteredNodes::default(),
            down: BTreeMap::new(),
            queue,
            sessions: Streams::default(),
            assignments: Streams::default(),
        }
    }

    /// Gives back what belongs to the host.
    pub(crate) fn into_periods(self) -> HeartbeatPeriods {
        self.periods
    }

    fn serve(&mut self, reply: ReplyTo, from: HostId, request: Request, context: &mut Context<'_>) {
        let answered = match request {
            Request::Heartbeat { node, session } => self.heartbeat(node, session, context).map(Some),
            Request::UpdateTaskStatus { node, session, updates } => {
                self.report_statuses(node, session, &updates, context).map(Some)
            }
            Request::Session { node, session, description } => {
                self.open_session(reply, from, (node, session, description), context).map(|()| None)
            }
            Request::Assignments { node, session } => {
                self.open_assignments(reply, node, session, context).map(|()| None)
            }
            Request::Api(_)
            | Request::Raft(_)
            | Request::Health
            | Request::RootCertificate
            | Request::IssueCertificate(_)
            | Request::CertificateStatus { .. }
            | Request::JoinRaft(_)
            | Request::Forwarded { .. } => {
                unreachable!("{request:?} is not for the dispatcher")
            }
        };
        match answered {
            Ok(Some(response)) => answer(reply, Ok(response), context),
            // A stream is answered at its end.
            Ok(None) => {}
            Err(status) => answer(reply, Err(CallError::Status(status)), context),
        }
    }

    /// An agent reports on its tasks. One task of another node spoils the whole report (spec control-plane 6.6).
    fn report_statuses(
        &mut self,
        node: NodeId,
        session: SessionId,
        updates: &[StatusUpdate],
        context: &mut Context<'_>,
    ) -> Result<Response, Status> {
        self.nodes.with_session(node, session)?;
        let mut stored = updates.iter().filter_map(|update| context.store.task(update.task));
        if stored.any(|task| task.node != Some(node)) {
            let text = "cannot update a task not assigned this node";
            return Err(Status::new(StatusCode::PermissionDenied, text));
        }
        for update in updates.iter().filter(|update| context.store.task(update.task).is_some()) {
            self.queue.report(update);
        }
        self.queue.schedule(&mut self.ties, context);
        Ok(Response::Done)
    }

    /// All nodes are marked: those who called meanwhile are served.
    fn begin_to_serve(&mut self, context: &mut Context<'_>) {
        self.arm_marked_nodes(context);
        self.queue = UpdateQueue::after_pass(context.now(), self.periods.setup().settings.batch_lateness);
        let Phase::Starting(held) = std::mem::replace(&mut self.phase, Phase::Running) else {
            unreachable!("nodes are marked at the start only")
        };
        for HeldCall { reply, from, request, cause } in held {
            context.effects.set_cause(cause);
            self.serve(reply, from, request, context);
        }
    }

    /// A pass is over: sessions that waited for it begin, and what came meanwhile is next.
    fn finish_pass(&mut self, outcome: &Outcome, context: &mut Context<'_>) {
        let Pass { nodes, tasks, sessions } = self.queue.end_pass(context.now());
        if *outcome == Outcome::Failed(WriteError::Dropped) {
            let host = context.effects.host();
            context.effects.fact(Fact::Lost { host, loss: Loss::Reports { nodes, tasks } });
        }
        for pending in sessions {
            self.begin_session(pending, context);
        }
        self.queue.schedule(&mut self.ties, context);
    }
}

impl ControlLoop for Dispatcher {
    fn start(&mut self, context: &mut Context<'_>) {
        // A host that left and joined again has more than one node; the last one is in use.
        let own = context.store.nodes().filter(|node| node.host == context.effects.host());
        self.leads_by = context.cause();
        self.leader = own.last().map(|node| node.id);
        if let Some(cluster) = context.store.cluster() {
            self.periods.set_period(cluster.spec.heartbeat_period);
        }
        if matches!(self.phase, Phase::Settled) {
            self.phase = Phase::Running;
            self.go_on(context);
        } else {
            self.phase = Phase::Starting(Vec::new());
            self.mark_nodes_unknown(context);
        }
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        let Heard::Change(change) = event else { return };
        match change {
            ObjectChange::Task(delta) => match (&delta.old, &delta.new) {
                (Some(_), Some(task)) => self.task_updated(task, context),
                (Some(task), None) => self.task_deleted(task, context),
                (None, _) => {}
            },
            ObjectChange::Node(delta) => {
                if let (Some(_), Some(node)) = (&delta.old, &delta.new) {
                    self.node_changed(node, context);
                }
            }
            ObjectChange::Cluster(delta) => {
                if let (Some(_), Some(cluster)) = (&delta.old, &delta.new) {
                    self.periods.set_period(cluster.spec.heartbeat_period);
                    self.tell_everybody(context);
                }
            }
            ObjectChange::Service(_) | ObjectChange::Network(_) => {}
        }
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::Dispatcher(step) = step else { unreachable!("the dispatcher's own step") };
        self.write_step(step, transaction)
    }

    /// A pass that failed is not tried again, and lets those who waited for it go on all the same.
    fn settled(&mut self, strand: u32, outcome: Outcome, context: &mut Context<'_>) {
        match (strand, &self.phase) {
            (BATCH_STRAND, Phase::Starting(_)) => self.begin_to_serve(context),
            (BATCH_STRAND, Phase::Running) => self.finish_pass(&outcome, context),
            // The tasks of a node are given up as far as that went.
            (_, Phase::Running) => {}
            (_, Phase::Stopped | Phase::Settled | Phase::Starting(_)) => {
                unreachable!("strand {strand} has written in {:?}", self.phase)
            }
        }
    }

    fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) {
        match timer {
            LoopTimer::DispatcherBatch => self.queue.write(&mut self.ties, context),
            LoopTimer::HeartbeatExpiry { node } => self.expire(node, context),
            LoopTimer::NodeDownPeriod { node } => self.orphan_tasks(node, context),
            LoopTimer::AssignmentBatch { node } => self.send_assignments(node, context),
            LoopTimer::SchedulerDebounce
            | LoopTimer::ReaperTick
            | LoopTimer::RestartDelay { .. }
            | LoopTimer::OldTaskTimeout { .. }
            | LoopTimer::UpdateDelay { .. }
            | LoopTimer::UpdateMonitor { .. }
            | LoopTimer::RoleReconcile => unreachable!("{timer:?} is not the dispatcher's"),
        }
    }

    fn request(&mut self, reply: ReplyTo, from: HostId, request: Request, context: &mut Context<'_>) {
        match &mut self.phase {
            Phase::Stopped | Phase::Settled => refuse(reply, context),
            Phase::Starting(held) => {
                held.push(HeldCall { reply, from, request, cause: context.cause() });
            }
            Phase::Running => self.serve(reply, from, request, context),
        }
    }

    fn hang_up(&mut self, reply: ReplyTo, context: &mut Context<'_>) {
        self.sessions.close(reply);
        if let Some(stream) = self.assignments.close(reply) {
            stream.cancel(context);
        }
        self.forget_callers(|caller| caller == reply);
    }

    fn reset(&mut self, host: HostId, context: &mut Context<'_>) {
        self.sessions.close_all_to(host);
        for stream in self.assignments.close_all_to(host) {
            stream.cancel(context);
        }
        self.forget_callers(|caller| caller.host == host);
    }

    /// Sessions that wait to be written begin and end at once, as those that are open end.
    fn stop(&mut self, context: &mut Context<'_>) {
        if let Phase::Starting(held) = std::mem::replace(&mut self.phase, Phase::Stopped) {
            for call in held {
                refuse(call.reply, context);
            }
        }
        let cause = context.cause();
        for pending in self.queue.take_pending() {
            self.begin_session(pending, context);
        }
        context.effects.set_cause(cause);
        self.disconnect_all(context);
        self.cancel_assignments(context);
    }
}

impl Dispatcher {
    /// The members of the Raft cluster are these now.
    pub(crate) fn managers_changed(&mut self, managers: Arc<[HostId]>, context: &mut Context<'_>) {
        if self.managers != managers {
            self.managers = managers;
            self.tell_everybody(context);
        }
    }

    fn forget_callers(&mut self, is_gone: impl Fn(ReplyTo) -> bool) {
        if let Phase::Starting(held) = &mut self.phase {
            held.retain(|call| !is_gone(call.reply));
        }
        self.queue.hang_up(is_gone);
    }
}

fn answer(reply: ReplyTo, answer: Answer, context: &mut Context<'_>) {
    context.effects.send(reply.host, Message::Answer { call: reply.call, answer });
}

fn refuse(reply: ReplyTo, context: &mut Context<'_>) {
    let status = Status::new(StatusCode::Aborted, "dispatcher is stopped");
    answer(reply, Err(CallError::Status(status)), context);
}

impl StateDigest for Dispatcher {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            periods,
            ties,
            managers,
            leader,
            phase,
            leads_by,
            nodes,
            down,
            queue,
            sessions,
            assignments,
        } = self;
        periods.digest(digest);
        ties.digest(digest);
        digest.sequence(managers.iter());
        leader.digest(digest);
        match phase {
            Phase::Stopped => digest.u8(0),
            Phase::Settled => digest.u8(1),
            Phase::Starting(held) => {
                digest.u8(2);
                digest.debug(held);
            }
            Phase::Running => digest.u8(3),
        }
        leads_by.digest(digest);
        nodes.digest(digest);
        down.digest(digest);
        queue.digest(digest);
        sessions.digest(digest);
        assignments.digest(digest);
    }
}

#[cfg(test)]
mod tests;
