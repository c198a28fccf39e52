//! What a write request means, as far as that does not wait for the store's lock.
//!
//! Docker's client and engine read an object, change its spec and send that back with the version which they have read;
//! the manager checks the spec before it opens a transaction (spec control-plane 4, 8.4). All of that happens here when
//! the request arrives. What then waits for the lock names objects by id, and fails if its object has changed meanwhile.
use std::sync::Arc;

use super::execute::Surroundings;
use super::lookup::{find_network, find_node, find_service};
use super::name::made_up_name;
use super::services::{check_changed_service, check_new_service};
use super::swarm::changed_cluster_spec;
use crate::model::command::{self, NodeChange, ServiceCreate, SpecChange};
use crate::model::image::ImageReference;
use crate::model::spec::NetworkAttachmentConfig;
use crate::model::{
    Cluster, ClusterSpec, ContainerSpec, NetworkId, NetworkSpec, NodeId, NodeRole, NodeSpec, Service,
    ServiceId, ServiceSpec, TaskSpec,
};
use crate::protocol::{ApiError, ApiResponse, ApiWrite, NodeQuery};
use crate::store::Store;

/// What is left to do of a write request.
#[derive(Clone, Debug)]
pub(crate) enum Prepared {
    /// Nothing.
    Done(ApiResponse),
    /// To write, as soon as the store's lock is free.
    Write(PreparedWrite),
}

/// A write that waits for the store's lock. Versions are those of the objects that the user saw.
#[derive(Clone, Debug)]
pub(crate) enum PreparedWrite {
    CreateService(ServiceSpec),
    UpdateService { service: ServiceId, version: u64, spec: ServiceSpec },
    RollbackService { service: ServiceId, version: u64 },
    RemoveService(ServiceId),
    UpdateNode { node: NodeId, version: u64, spec: NodeSpec },
    RemoveNode { node: NodeId, force: bool },
    CreateNetwork(NetworkSpec),
    RemoveNetwork(NetworkId),
    UpdateSwarm { version: u64, spec: ClusterSpec },
    RotateJoinToken { version: u64, role: NodeRole },
}

/// Settles what the names in a request mean, and what it changes.
///
/// # Errors
/// If something that it names is not there, or what it asks for is not valid.
pub(super) fn prepare(
    request: ApiWrite,
    store: &Store,
    surroundings: &Surroundings,
) -> Result<Prepared, ApiError> {
    let seed = surroundings.seed;
    let write = match request {
        ApiWrite::CreateService(create) => PreparedWrite::CreateService(new_spec(&create, store, seed)?),
        ApiWrite::UpdateService { service, changes } => {
            updated_service(find_service(store, &service, seed)?, &changes, store, seed)?
        }
        ApiWrite::ScaleService { service, replicas } => {
            scaled_service(find_service(store, &service, seed)?, replicas, store)?
        }
        ApiWrite::RollbackService { service } => {
            let service = find_service(store, &service, seed)?;
            // The client sends the spec that it read; it is checked like one of an update and then not used.
            check_changed_service(store, &service.spec)?;
            PreparedWrite::RollbackService { service: service.id, version: service.meta.version }
        }
        ApiWrite::RemoveService { service } => {
            PreparedWrite::RemoveService(find_service(store, &service, seed)?.id)
        }
        ApiWrite::UpdateNode { node, change } => {
            let node = find_node(store, &node, seed)?;
            let spec = changed_node_spec(&node.spec, &change)?;
            PreparedWrite::UpdateNode { node: node.id, version: node.meta.version, spec }
        }
        ApiWrite::SetNodeRole { node, role } => return with_role(&node, role, store, seed),
        ApiWrite::RemoveNode { node, force } => {
            PreparedWrite::RemoveNode { node: find_node(store, &node, seed)?.id, force }
        }
        ApiWrite::CreateNetwork(spec) => PreparedWrite::CreateNetwork(*spec),
        ApiWrite::RemoveNetwork { network } => {
            PreparedWrite::RemoveNetwork(find_network(store, &network, seed)?)
        }
        ApiWrite::UpdateSwarm(change) => {
            let cluster = stored_cluster(store)?;
            let spec = changed_cluster_spec(&cluster.spec, &change)?;
            PreparedWrite::UpdateSwarm { version: cluster.meta.version, spec }
        }
        ApiWrite::RotateJoinToken(role) => {
            PreparedWrite::RotateJoinToken { version: stored_cluster(store)?.meta.version, role }
        }
    };
    Ok(Prepared::Write(write))
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
    check_new_service(store, &spec)?;
    Ok(spec)
}

/// The client sends the whole spec back. Whatever was changed, it brings the mounts in order and gives the image
/// a tag, which can make tasks out of date that nobody meant.
fn updated_service(
    service: &Service,
    changes: &[SpecChange],
    store: &Store,
    seed: u64,
) -> Result<PreparedWrite, ApiError> {
    let mut spec = ServiceSpec::clone(&service.spec);
    for change in changes {
        change.apply(&mut spec, &|network| find_network(store, network, seed).ok())?;
    }
    let container = &mut Arc::make_mut(&mut spec.task).container;
    container.mounts.sort_by(|one, other| (&one.source, &one.target).cmp(&(&other.source, &other.target)));
    tag_image(container);
    with_spec(service, spec, store)
}

fn scaled_service(service: &Service, count: u64, store: &Store) -> Result<PreparedWrite, ApiError> {
    let mut spec = ServiceSpec::clone(&service.spec);
    command::scale(&mut spec, count)?;
    with_spec(service, spec, store)
}

fn with_spec(service: &Service, spec: ServiceSpec, store: &Store) -> Result<PreparedWrite, ApiError> {
    check_changed_service(store, &spec)?;
    Ok(PreparedWrite::UpdateService { service: service.id, version: service.meta.version, spec })
}

/// The client sends no image without tag or digest. One that is malformed is left to the manager.
fn tag_image(container: &mut ContainerSpec) {
    if let Some(reference) = ImageReference::parse(&container.image) {
        container.image = reference.tagged().to_string();
    }
}

fn with_role(query: &NodeQuery, role: NodeRole, store: &Store, seed: u64) -> Result<Prepared, ApiError> {
    let node = find_node(store, query, seed)?;
    if node.spec.desired_role == role {
        return Ok(Prepared::Done(ApiResponse::RoleUnchanged(node.id)));
    }
    let spec = NodeSpec { desired_role: role, ..NodeSpec::clone(&node.spec) };
    Ok(Prepared::Write(PreparedWrite::UpdateNode { node: node.id, version: node.meta.version, spec }))
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

fn stored_cluster(store: &Store) -> Result<&Cluster, ApiError> {
    store.cluster().map(|cluster| &**cluster).ok_or(ApiError::NoCluster)
}
