//! What the allocator writes once something is handed out, and how. What is gone from the store meanwhile is left
//! alone: the allocator gives it back when it hears of that.
use std::sync::Arc;

use crate::kernel::{Digest, StateDigest};
use crate::manager::loops::Step;
use crate::model::{
    AllocatedSubnet, Endpoint, Network, NetworkAttachment, NetworkId, Node, NodeId, Service, ServiceId, Task,
    TaskId, TaskState, TaskStatus,
};
use crate::store::{StoreError, Transaction};

/// What a task says while it waits for the scheduler (spec networking 1).
const ALLOCATED_MESSAGE: &str = "pending task scheduling";

/// What the allocator writes.
#[derive(Clone, Debug)]
pub(crate) enum AllocatorStep {
    /// A network is ready.
    Network(NetworkId, Vec<AllocatedSubnet>),
    /// A node has these addresses for its load balancers.
    Node(NodeId, Vec<NetworkAttachment>),
    /// A service has these ports and addresses.
    Service(ServiceId, Arc<Endpoint>),
    /// A task has all it needs.
    Task(TaskId, Vec<NetworkAttachment>, Option<Arc<Endpoint>>),
}

/// Performs a step.
pub(super) fn write(step: &AllocatorStep, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    match step {
        AllocatorStep::Network(id, subnets) => write_network(*id, subnets, transaction),
        AllocatorStep::Node(id, attachments) => write_node(*id, attachments, transaction),
        AllocatorStep::Service(id, endpoint) => write_service(*id, endpoint, transaction),
        AllocatorStep::Task(id, networks, endpoint) => {
            write_task(*id, networks, endpoint.as_ref(), transaction)
        }
    }
}

fn write_network(
    id: NetworkId,
    subnets: &[AllocatedSubnet],
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some(network) = transaction.store().network(id) else { return Ok(()) };
    let network = Network { allocated: Some(subnets.to_vec()), ..Network::clone(network) };
    transaction.update_network(network)
}

fn write_node(
    id: NodeId,
    attachments: &[NetworkAttachment],
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some(node) = transaction.store().node(id) else { return Ok(()) };
    let node = Node { attachments: attachments.to_vec(), ..Node::clone(node) };
    transaction.update_node(node)
}

/// Only the endpoint is written, whatever else has changed meanwhile.
fn write_service(
    id: ServiceId,
    endpoint: &Arc<Endpoint>,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some(service) = transaction.store().service(id) else { return Ok(()) };
    let service = Service { endpoint: Some(Arc::clone(endpoint)), ..Service::clone(service) };
    transaction.update_service(service)
}

fn write_task(
    id: TaskId,
    networks: &[NetworkAttachment],
    endpoint: Option<&Arc<Endpoint>>,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some(task) = transaction.store().task(id) else { return Ok(()) };
    let mut task = Task::clone(task);
    task.networks = networks.to_vec();
    task.endpoint = endpoint.cloned();
    if task.status.state < TaskState::Pending {
        task.status = TaskStatus {
            state: TaskState::Pending,
            timestamp: Some(transaction.now()),
            message: ALLOCATED_MESSAGE.into(),
            ..TaskStatus::default()
        };
    }
    transaction.update_task(task)
}

impl From<AllocatorStep> for Step {
    fn from(step: AllocatorStep) -> Self {
        Step::Allocator(step)
    }
}

impl StateDigest for AllocatorStep {
    fn digest(&self, digest: &mut Digest) {
        digest.debug(self);
    }
}
