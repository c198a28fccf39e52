//! Which object a user means: first its id in full, then its exact name, then the beginning of its id.
use std::sync::Arc;

use crate::model::{Network, NetworkId, Node, Service};
use crate::protocol::{ApiError, NodeQuery, ObjectKind};
use crate::store::Store;

/// The service that is meant.
pub(crate) fn find_service<'a>(
    store: &'a Store,
    reference: &str,
    seed: u64,
) -> Result<&'a Arc<Service>, ApiError> {
    // Who names a service by its whole id has mostly just been given it.
    if let Some(service) = store.services().rev().find(|service| service.id.is_text(seed, reference)) {
        return Ok(service);
    }
    let named = store.service_by_name(reference).filter(|service| service.name() == reference);
    let named = named.into_iter().collect();
    let is_prefixed = |service: &&Arc<Service>| service.id.text(seed).starts_with(reference);
    let prefixed = || store.services().filter(is_prefixed).collect();
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
    let all = || store.nodes();
    if let Some(node) = all().find(|node| node.id.is_text(seed, reference)) {
        return Ok(node);
    }
    let named = all().filter(|node| node.description.is_some() && node.hostname() == reference).collect();
    let prefixed = || all().filter(|node| node.id.text(seed).starts_with(reference)).collect();
    only(named, prefixed, ObjectKind::Node, reference)
}

/// The network that is meant.
pub(super) fn find_network(store: &Store, reference: &str, seed: u64) -> Result<NetworkId, ApiError> {
    find_network_among(&store.networks().collect::<Vec<_>>(), reference, seed).map(|network| network.id)
}

/// The one of several networks that is meant.
pub(crate) fn find_network_among<'a>(
    networks: &[&'a Arc<Network>],
    reference: &str,
    seed: u64,
) -> Result<&'a Arc<Network>, ApiError> {
    let all = || networks.iter().copied();
    if let Some(network) = all().find(|network| network.id.is_text(seed, reference)) {
        return Ok(network);
    }
    let named = all().filter(|network| network.name() == reference).collect();
    let prefixed = || all().filter(|network| network.id.text(seed).starts_with(reference)).collect();
    only(named, prefixed, ObjectKind::Network, reference)
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
