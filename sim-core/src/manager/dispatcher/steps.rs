//! What the dispatcher writes. Every step reads again what it changes, because others have written meanwhile.
use std::sync::Arc;

use super::Dispatcher;
use super::deadline::Deadline;
use super::liveness::{NODE_DOWN_PERIOD, UNKNOWN_PERIODS};
use super::nodes::RegisteredNode;
use super::updates::NodeUpdate;
use crate::manager::loops::Step;
use crate::model::{Node, NodeId, NodeState, Task, TaskId, TaskState, TaskStatus};
use crate::store::{StoreError, Transaction};

/// What a node says between a change of leadership and its next registration (spec control-plane 6.1).
const UNKNOWN_MESSAGE: &str = "Node moved to \"unknown\" state due to leadership change in cluster";

/// One change of the store.
#[derive(Clone, Debug)]
pub(crate) enum DispatcherStep {
    /// This manager leads now and has not heard of the node.
    MarkUnknown(NodeId),
    /// An agent reported this.
    TaskStatus(TaskId, TaskStatus),
    /// This was found out about a node.
    NodeStatus(NodeId, NodeUpdate),
    /// The task's node was down for too long.
    Orphan(TaskId),
}

impl From<DispatcherStep> for Step {
    fn from(step: DispatcherStep) -> Self {
        Step::Dispatcher(step)
    }
}

impl Dispatcher {
    pub(super) fn write_step(
        &mut self,
        step: &DispatcherStep,
        transaction: &mut Transaction<'_>,
    ) -> Result<(), StoreError> {
        match step {
            DispatcherStep::MarkUnknown(node) => self.mark_unknown(*node, transaction),
            DispatcherStep::TaskStatus(task, status) => self.write_status(*task, status, transaction),
            DispatcherStep::NodeStatus(node, update) => write_node(*node, update, transaction),
            DispatcherStep::Orphan(task) => orphan(*task, transaction),
        }
    }

    /// A node that is down stays so, and has its full time again before its tasks are orphaned. Everybody else has
    /// some time to register (spec control-plane 6.2). The deadlines are armed when all of this is written.
    fn mark_unknown(&mut self, id: NodeId, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Some(object) = transaction.store().node(id).cloned() else { return Ok(()) };
        if object.status.state == NodeState::Down {
            self.down.insert(id, Deadline::at(transaction.now() + NODE_DOWN_PERIOD));
            return Ok(());
        }
        let mut node = Node::clone(&object);
        node.status.state = NodeState::Unknown;
        node.status.message = UNKNOWN_MESSAGE.into();
        let grace = self.periods.choose(object.host).times(UNKNOWN_PERIODS);
        let mut registered = RegisteredNode::new(object, None, transaction.cause());
        registered.expiry = Deadline::at(transaction.now() + grace);
        self.nodes.insert(registered);
        transaction.update_node(node)
    }

    /// States never go back; an equal state with other content is news (spec control-plane 6.6).
    fn write_status(
        &self,
        id: TaskId,
        status: &TaskStatus,
        transaction: &mut Transaction<'_>,
    ) -> Result<(), StoreError> {
        let Some(task) = transaction.store().task(id) else { return Ok(()) };
        if task.status == *status || task.status.state > status.state {
            return Ok(());
        }
        let mut task = Task::clone(task);
        task.status = status.clone();
        task.status.applied_by = self.leader;
        task.status.applied_at = Some(transaction.now());
        transaction.update_task(task)
    }
}

fn write_node(id: NodeId, update: &NodeUpdate, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let Some(node) = transaction.store().node(id) else { return Ok(()) };
    let mut node = Node::clone(node);
    node.status.state = update.state;
    node.status.message = update.message.into();
    node.status.address = update.address.or(node.status.address);
    if let Some(description) = &update.description {
        node.description = Some(Arc::clone(description));
    }
    transaction.update_node(node)
}

/// Only tasks that an agent may still be running are given up (spec control-plane 6.7).
fn orphan(id: TaskId, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let Some(task) = transaction.store().task(id) else { return Ok(()) };
    if !may_run(task) {
        return Ok(());
    }
    let mut task = Task::clone(task);
    task.status.state = TaskState::Orphaned;
    transaction.update_task(task)
}

/// True if an agent has the task and it has not ended, as far as is known.
pub(super) fn may_run(task: &Task) -> bool {
    (TaskState::Assigned..=TaskState::Running).contains(&task.status.state)
}
