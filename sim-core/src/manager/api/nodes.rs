//! Changes of node objects by a user (spec control-plane 8.4, 8.7).
use std::sync::Arc;

use crate::model::{Cluster, Node, NodeId, NodeRole, NodeSpec, NodeState, Task, TaskState, TaskStatus};
use crate::protocol::{ApiError, MemberList};
use crate::store::Transaction;

/// What a task says whose node was removed (spec orchestration 14.4).
const NODE_DELETED_MESSAGE: &str = "Task belonged to a node that has been deleted";

/// Gives a node a new spec: labels, availability, wanted role. `version` is that of the node that the user saw.
///
/// # Errors
/// If there is no such node, if it changed since then, or if the Raft cluster needs it as a manager.
pub fn update_node(
    transaction: &mut Transaction<'_>,
    id: NodeId,
    version: u64,
    spec: NodeSpec,
    members: &MemberList,
) -> Result<(), ApiError> {
    let node = transaction.store().node(id).ok_or(ApiError::NodeNotFound(id))?;
    if node.spec.desired_role == NodeRole::Manager && spec.desired_role == NodeRole::Worker {
        check_demotion(transaction, id, members)?;
    }
    let mut node = Node::clone(node);
    node.meta.version = version;
    node.spec = Arc::new(spec);
    Ok(transaction.update_node(node)?)
}

/// Removes a node and orphans its tasks. A node that is alive is removed only by `force`, a member of the Raft
/// cluster not even then. Its certificate is worth nothing from here on.
///
/// # Errors
/// If there is no such node, or if it may not be removed.
pub fn remove_node(
    transaction: &mut Transaction<'_>,
    id: NodeId,
    force: bool,
    members: &MemberList,
) -> Result<(), ApiError> {
    let node = transaction.store().node(id).ok_or(ApiError::NodeNotFound(id))?;
    if node.spec.desired_role == NodeRole::Manager && members.get(id).is_some() {
        return Err(ApiError::IsManager(id));
    }
    if !force && node.status.state == NodeState::Ready {
        return Err(ApiError::NodeNotDown(id));
    }
    let mut cluster = Cluster::clone(transaction.store().cluster().ok_or(ApiError::NoCluster)?);
    cluster.blacklisted_certificates.insert(id);
    transaction.update_cluster(cluster)?;
    orphan_tasks(transaction, id)?;
    Ok(transaction.delete_node(id)?)
}

/// A manager may become a worker only while the others can go on without it.
fn check_demotion(transaction: &Transaction<'_>, id: NodeId, members: &MemberList) -> Result<(), ApiError> {
    let mut managers = transaction.store().nodes().filter(|node| node.role == NodeRole::Manager);
    if managers.next().is_some_and(|node| node.id == id) && managers.next().is_none() {
        return Err(ApiError::LastManager);
    }
    if members.get(id).is_none() {
        return Err(ApiError::NotInMemberList);
    }
    if !members.can_remove(id) {
        return Err(ApiError::QuorumLoss);
    }
    Ok(())
}

/// Nobody will report on the node's tasks any more, so they end here and free what they hold
/// (spec orchestration 14.4). Tasks that have ended stay as they are: that keeps the transaction small.
fn orphan_tasks(transaction: &mut Transaction<'_>, node: NodeId) -> Result<(), ApiError> {
    let tasks = transaction.store().tasks_of_node(node);
    let alive: Vec<Arc<Task>> =
        tasks.filter(|task| task.status.state < TaskState::Complete).cloned().collect();
    for task in alive {
        let status = TaskStatus {
            state: TaskState::Orphaned,
            timestamp: Some(transaction.now()),
            message: NODE_DELETED_MESSAGE.into(),
            ..TaskStatus::default()
        };
        transaction.update_task(Task { status, ..Task::clone(&task) })?;
    }
    Ok(())
}
