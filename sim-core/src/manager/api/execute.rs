//! Carries out requests: reads on the store as it is, writes in a transaction.
use std::sync::Arc;

use super::list::{
    inspect_nodes, inspect_services, inspect_swarm, list_node_tasks, list_nodes, list_service_tasks,
    list_services,
};
use super::lookup::{find_network, find_node, find_service};
use super::name::made_up_name;
use super::networks::{create_network, inspect_networks, list_networks, remove_network};
use super::nodes::{remove_node, update_node};
use super::services::{
    check_new_service, remove_service, rollback_service, store_new_service, update_service,
};
use super::swarm::{rotate_join_token, update_swarm};
use crate::model::command::{self, NodeChange, ServiceCreate, SpecChange};
use crate::model::image::ImageReference;
use crate::model::spec::NetworkAttachmentConfig;
use crate::model::{ContainerSpec, NetworkSpec, Node, NodeRole, NodeSpec, Service, ServiceSpec, TaskSpec};
use crate::protocol::{ApiError, ApiRead, ApiResponse, ApiWrite, MemberList, NodeQuery};
use crate::store::{Store, Transaction};

/// What a request is carried out with, besides the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Gives ids their text: users name objects by it.
    pub(crate) seed: u64,
    /// The members of the Raft cluster as this manager sees them.
    pub(crate) members: MemberList,
}

/// Answers a request that only reads.
pub(crate) fn read(
    request: &ApiRead,
    store: &Store,
    surroundings: &Surroundings,
) -> Result<ApiResponse, ApiError> {
    let Surroundings { seed, members } = surroundings;
    match request {
        ApiRead::ListServices(filters) => list_services(store, filters, *seed).map(ApiResponse::Services),
        ApiRead::ListServiceTasks { services, filters } => {
            let listing = list_service_tasks(store, services, filters, *seed)?;
            Ok(ApiResponse::Tasks(Box::new(listing)))
        }
        ApiRead::ListNodeTasks { nodes, filters } => {
            let listing = list_node_tasks(store, nodes, filters, *seed)?;
            Ok(ApiResponse::Tasks(Box::new(listing)))
        }
        ApiRead::InspectServices { services } => {
            Ok(ApiResponse::ServiceDetails(inspect_services(store, services, *seed)))
        }
        ApiRead::ListNodes(filters) => list_nodes(store, filters, members, *seed).map(ApiResponse::Nodes),
        ApiRead::InspectNodes { nodes } => {
            Ok(ApiResponse::NodeDetails(inspect_nodes(store, nodes, members, *seed)))
        }
        ApiRead::ListNetworks(filters) => list_networks(store, filters, *seed).map(ApiResponse::Networks),
        ApiRead::InspectNetworks { networks } => {
            Ok(ApiResponse::NetworkDetails(inspect_networks(store, networks, *seed)))
        }
        ApiRead::InspectSwarm { own } => inspect_swarm(store, *own, members).map(ApiResponse::Swarm),
    }
}

/// The part of a write that does not wait for the store's lock. It can refuse the request, and it settles what
/// the names in it mean.
pub(crate) fn prepare(
    request: ApiWrite,
    store: &Store,
    surroundings: &Surroundings,
) -> Result<ApiWrite, ApiError> {
    let ApiWrite::CreateService(create) = request else { return Ok(request) };
    let spec = new_spec(&create, store, surroundings.seed)?;
    check_new_service(store, &spec)?;
    Ok(ApiWrite::CreateService(Box::new(ServiceCreate { spec, networks: Vec::new(), detach: create.detach })))
}

/// Carries out a prepared request that writes. An error leaves the transaction to be abandoned.
pub(crate) fn execute(
    request: &ApiWrite,
    transaction: &mut Transaction<'_>,
    surroundings: &Surroundings,
) -> Result<ApiResponse, ApiError> {
    let Surroundings { seed, members } = surroundings;
    match request {
        ApiWrite::CreateService(create) => {
            let service = store_new_service(transaction, create.spec.clone())?;
            return Ok(ApiResponse::ServiceCreated(service));
        }
        ApiWrite::UpdateService { service, changes } => change_service(transaction, service, changes, *seed)?,
        ApiWrite::ScaleService { service, replicas } => scale(transaction, service, *replicas, *seed)?,
        ApiWrite::RollbackService { service } => {
            let service = service_named(transaction, service, *seed)?;
            rollback_service(transaction, service.id, service.meta.version)?;
        }
        ApiWrite::RemoveService { service } => {
            let service = service_named(transaction, service, *seed)?;
            remove_service(transaction, service.id)?;
        }
        ApiWrite::UpdateNode { node, change } => {
            let node = node_named(transaction, node, *seed)?;
            let spec = changed_node_spec(&node.spec, change)?;
            update_node(transaction, node.id, node.meta.version, spec, members)?;
        }
        ApiWrite::SetNodeRole { node, role } => return set_role(transaction, node, *role, surroundings),
        ApiWrite::RemoveNode { node, force } => {
            let node = node_named(transaction, node, *seed)?;
            remove_node(transaction, node.id, *force, members)?;
        }
        ApiWrite::CreateNetwork(spec) => {
            let network = create_network(transaction, NetworkSpec::clone(spec))?;
            return Ok(ApiResponse::NetworkCreated(network));
        }
        ApiWrite::RemoveNetwork { network } => {
            let network = find_network(transaction.store(), network, *seed)?;
            remove_network(transaction, network)?;
        }
        ApiWrite::UpdateSwarm(change) => update_swarm(transaction, change)?,
        ApiWrite::RotateJoinToken(role) => rotate_join_token(transaction, *role)?,
    }
    Ok(ApiResponse::Done)
}

/// The spec of a service to be created, with its networks, and with a name if the user gave none.
fn new_spec(create: &ServiceCreate, store: &Store, seed: u64) -> Result<ServiceSpec, ApiError> {
    let mut spec = create.spec.clone();
    let mut task = TaskSpec::clone(&spec.task);
    for reference in &create.networks {
        let network = find_network(store, &reference.network, seed)?;
        task.networks.push(NetworkAttachmentConfig { network, aliases: reference.aliases.clone() });
    }
    task.networks.sort_by_key(|attachment| attachment.network);
    tag_image(&mut task.container);
    spec.task = Arc::new(task);
    if spec.annotations.name.is_empty() {
        spec.annotations.name = made_up_name(store, seed);
    }
    Ok(spec)
}

/// The client sends the whole spec back. Whatever was changed, it brings the mounts in order and gives the image
/// a tag, which can make tasks out of date that nobody meant.
fn change_service(
    transaction: &mut Transaction<'_>,
    reference: &str,
    changes: &[SpecChange],
    seed: u64,
) -> Result<(), ApiError> {
    let service = service_named(transaction, reference, seed)?;
    let store = transaction.store();
    let mut spec = ServiceSpec::clone(&service.spec);
    for change in changes {
        change.apply(&mut spec, &|network| find_network(store, network, seed).ok())?;
    }
    let container = &mut Arc::make_mut(&mut spec.task).container;
    container.mounts.sort_by(|one, other| (&one.source, &one.target).cmp(&(&other.source, &other.target)));
    tag_image(container);
    update_service(transaction, service.id, service.meta.version, spec)
}

fn scale(transaction: &mut Transaction<'_>, reference: &str, count: u64, seed: u64) -> Result<(), ApiError> {
    let service = service_named(transaction, reference, seed)?;
    let mut spec = ServiceSpec::clone(&service.spec);
    command::scale(&mut spec, count)?;
    update_service(transaction, service.id, service.meta.version, spec)
}

/// The client sends no image without tag or digest. One that is malformed is left to the manager.
fn tag_image(container: &mut ContainerSpec) {
    if let Some(reference) = ImageReference::parse(&container.image) {
        container.image = reference.tagged().to_string();
    }
}

fn set_role(
    transaction: &mut Transaction<'_>,
    query: &NodeQuery,
    role: NodeRole,
    surroundings: &Surroundings,
) -> Result<ApiResponse, ApiError> {
    let node = node_named(transaction, query, surroundings.seed)?;
    if node.spec.desired_role == role {
        return Ok(ApiResponse::RoleUnchanged(node.id));
    }
    let spec = NodeSpec { desired_role: role, ..NodeSpec::clone(&node.spec) };
    update_node(transaction, node.id, node.meta.version, spec, &surroundings.members)?;
    Ok(ApiResponse::Done)
}

fn changed_node_spec(spec: &NodeSpec, change: &NodeChange) -> Result<NodeSpec, ApiError> {
    let mut spec = spec.clone();
    spec.desired_role = change.role.unwrap_or(spec.desired_role);
    spec.availability = change.availability.unwrap_or(spec.availability);
    spec.annotations.labels.extend(change.labels.add.clone());
    for label in &change.labels.remove {
        if spec.annotations.labels.remove(label).is_none() {
            return Err(ApiError::NoSuchNodeLabel { label: label.clone() });
        }
    }
    Ok(spec)
}

fn service_named(
    transaction: &Transaction<'_>,
    reference: &str,
    seed: u64,
) -> Result<Arc<Service>, ApiError> {
    find_service(transaction.store(), reference, seed).cloned()
}

fn node_named(transaction: &Transaction<'_>, query: &NodeQuery, seed: u64) -> Result<Arc<Node>, ApiError> {
    find_node(transaction.store(), query, seed).cloned()
}
