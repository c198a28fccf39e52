//! When agents are told what changed about their tasks: together, once it has been quiet for a while
//! (spec control-plane 6.8).
use std::sync::Arc;

use super::Dispatcher;
use super::assignments::AssignmentSet;
use super::deadline::Deadline;
use super::nodes::RegisteredNodes;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::manager::loops::Context;
use crate::model::{FactId, NodeId, Task, TaskId};
use crate::protocol::{CallError, LoopTimer, Message, ReplyTo, SessionId, Status, StatusCode, StreamItem};

/// A message is sent when nothing was modified for this time (spec control-plane 1.2).
const QUIET_TIME: SimDuration = SimDuration::from_millis(100);
/// So many modifications are sent without waiting for quiet (spec control-plane 1.2).
const MODIFICATIONS_MAX: u32 = 100;

/// A stream that tells an agent what to do.
#[derive(Debug, Default)]
pub(super) struct AssignmentStream {
    session: SessionId,
    set: AssignmentSet,
    /// Modifications since the last message; a task can be modified more than once.
    modifications: u32,
    /// When it has been quiet for long enough.
    quiet: Deadline,
    /// The fact behind the last modification.
    cause: FactId,
}

/// What happened to a task.
#[derive(Clone, Copy)]
enum Modification<'a> {
    Update(&'a Arc<Task>),
    Remove(TaskId),
}

impl Dispatcher {
    /// An agent wants to know its tasks, and from then on what becomes of them.
    pub(super) fn open_assignments(
        &mut self,
        reply: ReplyTo,
        node: NodeId,
        session: SessionId,
        context: &mut Context<'_>,
    ) -> Result<(), Status> {
        self.nodes.with_session(node, session)?;
        let mut stream = AssignmentStream::new(node, session, context);
        stream.send(reply, true, context);
        self.assignments.open(node, reply, stream);
        Ok(())
    }

    /// A task with a node changed. Its creation is no news: tasks are created without being assigned.
    pub(super) fn task_updated(&mut self, task: &Arc<Task>, context: &mut Context<'_>) {
        if let Some(node) = task.node {
            self.modify(node, Modification::Update(task), context);
        }
    }

    /// A task was deleted.
    pub(super) fn task_deleted(&mut self, task: &Task, context: &mut Context<'_>) {
        if let Some(node) = task.node {
            self.modify(node, Modification::Remove(task.id), context);
        }
    }

    fn modify(&mut self, node: NodeId, modification: Modification<'_>, context: &mut Context<'_>) {
        let nodes = &mut self.nodes;
        self.assignments.retain_of(node, |reply, stream| {
            let modified = match modification {
                Modification::Update(task) => stream.set.update(task, context.cause()),
                Modification::Remove(task) => stream.set.remove(task, context.cause()),
            };
            if !modified {
                return true;
            }
            stream.modifications += 1;
            stream.cause = context.cause();
            if stream.modifications >= MODIFICATIONS_MAX {
                return stream.send_changes(reply, node, nodes, context);
            }
            let quiet = context.now() + QUIET_TIME;
            stream.quiet.set(quiet, LoopTimer::AssignmentBatch { node }, context);
            true
        });
    }

    /// Perhaps it has been quiet for long enough.
    pub(super) fn send_assignments(&mut self, node: NodeId, context: &mut Context<'_>) {
        let nodes = &mut self.nodes;
        self.assignments.retain_of(node, |reply, stream| {
            let timer = LoopTimer::AssignmentBatch { node };
            !stream.quiet.is_reached(timer, context) || stream.send_changes(reply, node, nodes, context)
        });
    }

    /// Leadership is lost.
    pub(super) fn cancel_assignments(&mut self, context: &mut Context<'_>) {
        for (reply, _) in self.assignments.close_all() {
            let status = Status::new(StatusCode::Canceled, "context canceled");
            super::answer(reply, Err(CallError::Status(status)), context);
        }
    }
}

impl AssignmentStream {
    /// A stream whose agent knows nothing yet.
    pub(super) fn new(node: NodeId, session: SessionId, context: &Context<'_>) -> Self {
        let mut stream = AssignmentStream { session, cause: context.cause(), ..Self::default() };
        for task in context.store.tasks_of_node(node) {
            stream.set.update(task, stream.cause);
        }
        stream
    }

    /// A stream whose agent knows all that is in the store.
    pub(super) fn settled(node: NodeId, session: SessionId, context: &Context<'_>) -> Self {
        let mut stream = AssignmentStream::new(node, session, context);
        stream.set.take_message(true);
        stream
    }

    /// The agent does not listen any longer.
    pub(super) fn cancel(self, context: &mut Context<'_>) {
        self.quiet.cancel(context);
    }

    /// Sends the changes. A session that is over is found out after that, not before: false then.
    fn send_changes(
        &mut self,
        reply: ReplyTo,
        node: NodeId,
        nodes: &mut RegisteredNodes,
        context: &mut Context<'_>,
    ) -> bool {
        context.effects.set_cause(self.cause);
        self.send(reply, false, context);
        self.modifications = 0;
        self.quiet.forget();
        match nodes.with_session(node, self.session) {
            Ok(_) => true,
            Err(status) => {
                super::answer(reply, Err(CallError::Status(status)), context);
                false
            }
        }
    }

    fn send(&mut self, reply: ReplyTo, complete: bool, context: &mut Context<'_>) {
        let item = StreamItem::Assignments(Arc::new(self.set.take_message(complete)));
        context.effects.send(reply.host, Message::Item { call: reply.call, item });
    }
}

impl StateDigest for AssignmentStream {
    fn digest(&self, digest: &mut Digest) {
        let Self { session, set, modifications, quiet, cause } = self;
        digest.u64(session.0);
        set.digest(digest);
        digest.u32(*modifications);
        quiet.digest(digest);
        cause.digest(digest);
    }
}
