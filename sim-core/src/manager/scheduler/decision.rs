//! What the scheduler decided about a task, and how that is written (spec scheduler 13).
use std::sync::Arc;

use super::node_set::NodeSet;
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::{FactId, NodeId, Task, TaskState, TaskStatus};
use crate::store::Transaction;

/// A task before and after a decision. The new one may say only why it has no node.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) old: Arc<Task>,
    pub(super) new: Arc<Task>,
    pub(super) cause: FactId,
}

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// It was not tried: a write before it in the batch failed.
    Untried,
    /// The store has no such task any more.
    Gone,
    /// The task says all this already.
    Unchanged,
    /// The task or its node changed in the meantime.
    Conflict,
    /// It is written.
    Written,
}

/// The decisions of one batch while they are being written.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) purpose: Purpose,
    pub(super) decisions: Vec<Decision>,
    pub(super) applied: Vec<Applied>,
}

/// What a batch is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Tasks whose node was chosen by somebody else.
    Preassigned,
    /// A tick.
    Tick,
}

impl StateDigest for Batch {
    fn digest(&self, digest: &mut Digest) {
        let Self { purpose, decisions, applied } = self;
        digest.u8(*purpose as u8);
        decisions.digest(digest);
        applied.iter().for_each(|applied| digest.u8(*applied as u8));
    }
}

impl StateDigest for Decision {
    fn digest(&self, digest: &mut Digest) {
        let Self { old, new, cause } = self;
        old.digest(digest);
        new.digest(digest);
        cause.digest(digest);
    }
}

impl Batch {
    pub(super) fn new(purpose: Purpose, decisions: Vec<Decision>) -> Self {
        let applied = vec![Applied::Untried; decisions.len()];
        Batch { purpose, decisions, applied }
    }

    /// Decisions with what became of them.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = (&Decision, Applied)> {
        self.decisions.iter().zip(self.applied.iter().copied())
    }

    /// The batch broke off: what was written before counts as failed too.
    pub(super) fn fail(&mut self) {
        for applied in &mut self.applied {
            if *applied == Applied::Written {
                *applied = Applied::Conflict;
            }
        }
    }
}

/// Writes one decision, if the store still is as it was when it was made.
pub(super) fn apply(decision: &Decision, nodes: &NodeSet, transaction: &mut Transaction<'_>) -> Applied {
    let new = &decision.new;
    let Some(stored) = transaction.store().task(new.id) else { return Applied::Gone };
    if says_the_same(&stored.status, &new.status) {
        return Applied::Unchanged;
    }
    // The node is looked at only for a task that got one in the meantime: one that went down between
    // decision and write still gets a task, which the orchestrators take away again.
    let was_assigned = stored.status.state >= TaskState::Assigned;
    if was_assigned && !node_is_current(new, nodes, transaction) {
        return Applied::Conflict;
    }
    match transaction.update_task(Task::clone(new)) {
        Ok(()) => Applied::Written,
        Err(_) => Applied::Conflict,
    }
}

/// The task with a node.
pub(super) fn assigned(task: &Task, node: NodeId, message: &'static str, now: SimTime) -> Task {
    let status = TaskStatus {
        state: TaskState::Assigned,
        timestamp: Some(now),
        message: message.into(),
        ..TaskStatus::default()
    };
    Task { node: Some(node), status, ..task.clone() }
}

/// The task with a reason why it has no node. A task that gives the reason already stays the same object.
pub(super) fn unplaced(task: &Arc<Task>, err: &str, now: SimTime) -> Arc<Task> {
    if task.status.err == err {
        return Arc::clone(task);
    }
    let mut task = Task::clone(task);
    task.status.err = err.to_owned().into();
    task.status.timestamp = Some(now);
    Arc::new(task)
}

/// True if only the time would differ; that alone is never written.
fn says_the_same(one: &TaskStatus, other: &TaskStatus) -> bool {
    one.state == other.state && one.message == other.message && one.err == other.err
}

fn node_is_current(task: &Task, nodes: &NodeSet, transaction: &Transaction<'_>) -> bool {
    let Some(id) = task.node else { return false };
    match (nodes.get(id), transaction.store().node(id)) {
        (Some(known), Some(stored)) => known.node().meta.version == stored.meta.version,
        _ => false,
    }
}
