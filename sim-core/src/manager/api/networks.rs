//! Creation and removal of networks (spec networking 2).
use std::sync::Arc;

use super::filters::Conditions;
use super::lookup::find_network;
use super::validate::validate_annotations;
use crate::model::network::{OVERLAY, PREDEFINED_LABEL};
use crate::model::{Network, NetworkId, NetworkSpec, Service, TaskState};
use crate::protocol::{ApiError, Filters, NetworkError};
use crate::store::{Store, StoreError, Transaction};

const NETWORK_FILTERS: [&str; 6] = ["driver", "id", "label", "name", "scope", "type"];

/// Creates a network and returns its id. Whether its addresses can be had is the allocator's affair.
///
/// # Errors
/// If its name is taken or none, or the routing mesh would have two networks or a wrong one.
pub fn create_network(transaction: &mut Transaction<'_>, spec: NetworkSpec) -> Result<NetworkId, ApiError> {
    if spec.ingress {
        check_ingress(&spec)?;
    }
    validate_annotations(&spec.annotations)?;
    if spec.annotations.labels.contains_key(PREDEFINED_LABEL) {
        return Err(NetworkError::PredefinedLabel.into());
    }
    if spec.ingress {
        check_alone(transaction.store())?;
    }
    let id = transaction.mint_network();
    let name = spec.annotations.name.clone();
    match transaction.create_network(Network::new(id, spec)) {
        Ok(()) => Ok(id),
        Err(StoreError::NameConflict) => Err(NetworkError::Exists(name).into()),
        Err(error) => Err(error.into()),
    }
}

/// Removes a network that nobody uses.
///
/// # Errors
/// If there is no such network, or it is needed.
pub fn remove_network(transaction: &mut Transaction<'_>, id: NetworkId) -> Result<(), ApiError> {
    let store = transaction.store();
    let network = store.network(id).ok_or(StoreError::NotExist)?;
    if network.is_predefined() {
        return Err(NetworkError::Predefined(id, network.name().to_owned()).into());
    }
    if network.spec.ingress {
        if let Some(service) = store.services().find(|service| service.spec.publishes_ingress_port()) {
            return Err(NetworkError::IngressNeeded(service.id).into());
        }
    } else {
        check_unused(store, id)?;
    }
    Ok(transaction.delete_network(id)?)
}

fn check_ingress(spec: &NetworkSpec) -> Result<(), NetworkError> {
    if spec.attachable {
        return Err(NetworkError::IngressAttachable);
    }
    if spec.driver() != OVERLAY {
        return Err(NetworkError::IngressDriver);
    }
    Ok(())
}

/// There is one network of the routing mesh at most.
fn check_alone(store: &Store) -> Result<(), NetworkError> {
    match store.networks().find(|network| network.spec.ingress) {
        Some(present) => Err(NetworkError::IngressPresent(present.id)),
        None => Ok(()),
    }
}

fn check_unused(store: &Store, id: NetworkId) -> Result<(), NetworkError> {
    let attached = |service: &&Arc<Service>| {
        service.spec.task.networks.iter().any(|attachment| attachment.network == id)
    };
    if let Some(service) = store.services().find(attached) {
        return Err(NetworkError::UsedByService(id, service.id));
    }
    let mut alive = store
        .tasks()
        .filter(|task| task.desired_state <= TaskState::Running && task.status.state <= TaskState::Running);
    match alive.find(|task| task.networks.iter().any(|attachment| attachment.network.id == id)) {
        Some(task) => Err(NetworkError::UsedByTask(id, task.id)),
        None => Ok(()),
    }
}

/// The networks of the swarm that fulfil conditions. Those that every engine has by itself are hidden.
pub(super) fn list_networks(
    store: &Store,
    filters: &Filters,
    seed: u64,
) -> Result<Vec<Arc<Network>>, ApiError> {
    select_networks(store.networks().filter(|network| !network.is_predefined()), filters, seed)
}

/// Those of several networks that fulfil conditions.
pub(crate) fn select_networks<'a>(
    networks: impl Iterator<Item = &'a Arc<Network>>,
    filters: &Filters,
    seed: u64,
) -> Result<Vec<Arc<Network>>, ApiError> {
    let conditions = Conditions::new(filters, &NETWORK_FILTERS, seed)?;
    Ok(networks.filter(|network| conditions.admit_network(network)).cloned().collect())
}

/// Networks by name, id, or beginning of an id.
pub(super) fn inspect_networks(
    store: &Store,
    networks: &[String],
    seed: u64,
) -> Vec<Result<Arc<Network>, ApiError>> {
    let details = |reference: &String| {
        let id = find_network(store, reference, seed)?;
        Ok(Arc::clone(store.network(id).expect("it was found")))
    };
    networks.iter().map(details).collect()
}
