//! Carries out requests: reads on the store as it is, writes in a transaction.
use super::list::{
    inspect_nodes, inspect_services, inspect_swarm, list_node_tasks, list_nodes, list_service_tasks,
    list_services,
};
use super::networks::{create_network, inspect_networks, list_networks, remove_network};
use super::nodes::{remove_node, update_node};
use super::prepare::PreparedWrite;
use super::services::{remove_service, store_new_service, store_rolled_back_service, store_updated_service};
use super::swarm::{rotate_join_token, update_swarm};
use crate::protocol::{ApiError, ApiRead, ApiResponse, MemberList};
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

/// Carries out a prepared write. An error leaves the transaction to be abandoned.
pub(super) fn execute(
    write: &PreparedWrite,
    transaction: &mut Transaction<'_>,
    members: &MemberList,
) -> Result<ApiResponse, ApiError> {
    match write {
        PreparedWrite::CreateService(spec) => {
            let service = store_new_service(transaction, spec.clone())?;
            return Ok(ApiResponse::ServiceCreated(service));
        }
        PreparedWrite::UpdateService { service, version, spec } => {
            store_updated_service(transaction, *service, *version, spec.clone())?;
        }
        PreparedWrite::RollbackService { service, version } => {
            store_rolled_back_service(transaction, *service, *version)?;
        }
        PreparedWrite::RemoveService(service) => remove_service(transaction, *service)?,
        PreparedWrite::UpdateNode { node, version, spec } => {
            update_node(transaction, *node, *version, spec.clone(), members)?;
        }
        PreparedWrite::RemoveNode { node, force } => remove_node(transaction, *node, *force, members)?,
        PreparedWrite::CreateNetwork(spec) => {
            let network = create_network(transaction, spec.clone())?;
            return Ok(ApiResponse::NetworkCreated(network));
        }
        PreparedWrite::RemoveNetwork(network) => remove_network(transaction, *network)?,
        PreparedWrite::UpdateSwarm { version, spec } => update_swarm(transaction, *version, spec.clone())?,
        PreparedWrite::RotateJoinToken { version, role } => {
            rotate_join_token(transaction, *version, *role)?;
        }
    }
    Ok(ApiResponse::Done)
}
