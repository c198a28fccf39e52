//! Which object a user means: first its id in full, then its exact name, then the beginning of its id.
use std::sync::Arc;

use crate::model::{Network, NetworkId, Node, NodeId, Service, ServiceId};
use crate::protocol::{ApiError, NodeQuery, ObjectKind};
use crate::store::Store;

/// The service that is meant.
pub(crate) fn find_service<'a>(
    store: &'a Store,
    reference: &str,
    seed: u64,
) -> Result<&'a Arc<Service>, ApiError> {
    let id = |service: &ServiceId| service.text(seed);
    let all = || store.services();
    if let Some(service) = all().find(|service| id(&service.id) == reference) {
        return Ok(service);
    }
    let named = all().filter(|service| service.name() == reference).collect();
    let prefixed = || all().filter(|service| id(&service.id).starts_with(reference)).collect();
    only(named, prefixed, ObjectKind::Service, reference)
}

/// The node that is meant. Hostnames need not be unique.
pub(super) fn find_node<'a>(
    store: &'a Store,
    query: &NodeQuery,
    seed: u64,
) -> Result<&'a Arc<Node>, ApiError> {
    let reference = match query {
        NodeQuery::Id(node) => {
            let missing = || not_found(ObjectKind::Node, &node.text(seed));
            return store.node(*node).ok_or_else(missing);
        }
        NodeQuery::Text(text) => text,
    };
    let id = |node: &NodeId| node.text(seed);
    let all = || store.nodes();
    if let Some(node) = all().find(|node| id(&node.id) == *reference) {
        return Ok(node);
    }
    let named = all().filter(|node| node.description.is_some() && node.hostname() == reference).collect();
    let prefixed = || all().filter(|node| id(&node.id).starts_with(reference)).collect();
    only(named, prefixed, ObjectKind::Node, reference)
}

/// The network that is meant.
pub(super) fn find_network(store: &Store, reference: &str, seed: u64) -> Result<NetworkId, ApiError> {
    let id = |network: &NetworkId| network.text(seed);
    let all = || store.networks();
    if let Some(network) = all().find(|network| id(&network.id) == reference) {
        return Ok(network.id);
    }
    let named = all().filter(|network| network.spec.annotations.name == reference).collect();
    let prefixed = || all().filter(|network| id(&network.id).starts_with(reference)).collect();
    only(named, prefixed, ObjectKind::Network, reference).map(|network: &Arc<Network>| network.id)
}

/// The one object of this name; without any, the one object of this beginning of an id.
fn only<'a, T>(
    named: Vec<&'a T>,
    prefixed: impl FnOnce() -> Vec<&'a T>,
    kind: ObjectKind,
    reference: &str,
) -> Result<&'a T, ApiError> {
    let candidates = if named.is_empty() { prefixed() } else { named };
    match candidates.as_slice() {
        [] => Err(not_found(kind, reference)),
        [only] => Ok(only),
        several => Err(ApiError::Ambiguous { kind, reference: reference.to_owned(), matches: several.len() }),
    }
}

fn not_found(kind: ObjectKind, reference: &str) -> ApiError {
    ApiError::NoSuch { kind, reference: reference.to_owned() }
}
