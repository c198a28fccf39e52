//! Answers of the control API that only read the store.
use std::sync::Arc;

use super::filters::Conditions;
use super::lookup::{find_node, find_service};
use crate::model::{NodeId, NodeRole, Service, ServiceId, ServiceMode, Task, TaskState};
use crate::protocol::{
    ApiError, Filters, MemberList, NodeListing, NodeQuery, ServiceDetails, ServiceListing, SwarmDetails,
    TaskListing,
};
use crate::store::Store;

const SERVICE_FILTERS: [&str; 5] = ["id", "label", "mode", "name", "runtime"];
const TASK_FILTERS: [&str; 7] = ["desired-state", "id", "label", "name", "node", "runtime", "service"];
const NODE_FILTERS: [&str; 6] = ["id", "label", "membership", "name", "node.label", "role"];

/// The services that fulfil conditions, with the state of their tasks.
///
/// # Errors
/// If there is no such condition.
pub fn list_services(store: &Store, filters: &Filters, seed: u64) -> Result<Vec<ServiceListing>, ApiError> {
    let conditions = Conditions::new(filters, &SERVICE_FILTERS, seed)?;
    let services = store.services().filter(|service| conditions.admit_service(service));
    Ok(services.map(|service| service_status(store, service)).collect())
}

/// A service with the state of its tasks, as `docker service ls` counts it. A task that is observed RUNNING counts
/// even if its node is down or it is being stopped; the tasks that a global service shall have are those that are
/// wanted RUNNING now (jobs: those of the present iteration that are wanted COMPLETE and are not yet).
#[must_use]
pub fn service_status(store: &Store, service: &Arc<Service>) -> ServiceListing {
    let mut listing = ServiceListing { service: Arc::clone(service), running: 0, desired: 0, completed: 0 };
    let global = match service.spec.mode {
        ServiceMode::Replicated { replicas } => {
            listing.desired = replicas;
            false
        }
        ServiceMode::ReplicatedJob { max_concurrent, .. } => {
            listing.desired = max_concurrent;
            false
        }
        ServiceMode::Global | ServiceMode::GlobalJob => true,
    };
    let iteration = service.job_status.map(|status| status.iteration);
    for task in store.tasks_of_service(service.id) {
        if iteration.is_some() && task.job_iteration != iteration {
            continue;
        }
        let state = task.status.state;
        listing.running += u64::from(state == TaskState::Running);
        listing.completed += u64::from(iteration.is_some() && state == TaskState::Complete);
        listing.desired += u64::from(global && is_outstanding(task));
    }
    listing
}

fn is_outstanding(task: &Task) -> bool {
    task.desired_state == TaskState::Running
        || (task.desired_state == TaskState::Complete && task.status.state != TaskState::Complete)
}

/// The tasks of services. Services that do not exist are errors beside the list.
///
/// # Errors
/// If there is no such condition, or a beginning of an id is not unique.
pub fn list_service_tasks(
    store: &Store,
    services: &[String],
    filters: &Filters,
    seed: u64,
) -> Result<TaskListing, ApiError> {
    let conditions = task_conditions(filters, seed)?;
    let mut listing = TaskListing::default();
    let mut found = Vec::new();
    for reference in services {
        match find_service_to_list(store, reference, seed)? {
            Some(service) => found.push(service),
            None => listing.errors.push(ApiError::NoSuchService { reference: reference.clone() }),
        }
    }
    found.sort();
    found.dedup();
    let tasks = found.into_iter().flat_map(|service| store.tasks_of_service(service));
    fill(&mut listing, tasks, &conditions, store, seed)?;
    Ok(listing)
}

/// The tasks of nodes, node after node. Nodes that do not exist are errors beside the list.
///
/// # Errors
/// If there is no such condition.
pub fn list_node_tasks(
    store: &Store,
    nodes: &[NodeQuery],
    filters: &Filters,
    seed: u64,
) -> Result<TaskListing, ApiError> {
    let conditions = task_conditions(filters, seed)?;
    let mut listing = TaskListing::default();
    for query in nodes {
        match find_node(store, query, seed) {
            Ok(node) => fill(&mut listing, store.tasks_of_node(node.id), &conditions, store, seed)?,
            Err(error) => listing.errors.push(error),
        }
    }
    Ok(listing)
}

/// Services with what is needed to describe them.
#[must_use]
pub fn inspect_services(
    store: &Store,
    services: &[String],
    seed: u64,
) -> Vec<Result<ServiceDetails, ApiError>> {
    let details = |reference: &String| {
        let service = find_service(store, reference, seed).map_err(as_the_client_says)?;
        let attached = service.spec.task.networks.iter().map(|attachment| attachment.network);
        let addressed =
            service.endpoint.iter().flat_map(|endpoint| &endpoint.virtual_ips).map(|ip| ip.network);
        let networks = attached.chain(addressed).filter_map(|id| Some((id, Arc::clone(store.network(id)?))));
        let networks = networks.collect();
        Ok(ServiceDetails { service: Arc::clone(service), networks })
    };
    services.iter().map(details).collect()
}

/// `docker service inspect` has words of its own for a service that does not exist.
fn as_the_client_says(error: ApiError) -> ApiError {
    if let ApiError::NoSuch { reference, .. } = error { ApiError::NoSuchService { reference } } else { error }
}

/// The nodes that fulfil conditions.
///
/// # Errors
/// If there is no such condition, or its value is none of the words it can have.
pub fn list_nodes(
    store: &Store,
    filters: &Filters,
    members: &MemberList,
    seed: u64,
) -> Result<Vec<NodeListing>, ApiError> {
    let conditions = Conditions::new(filters, &NODE_FILTERS, seed)?;
    let is_role =
        |word: &str| [NodeRole::Worker, NodeRole::Manager].iter().any(|role| same_word(role.name(), word));
    let is_membership = |word: &str| ["pending", "accepted"].iter().any(|known| same_word(known, word));
    check_words(&conditions, "role", is_role)?;
    check_words(&conditions, "membership", is_membership)?;
    let nodes = store.nodes().filter(|node| conditions.admit_node(node));
    Ok(nodes.map(|node| NodeListing { node: Arc::clone(node), manager: members.get(node.id) }).collect())
}

/// Nodes with what is needed to describe them.
#[must_use]
pub fn inspect_nodes(
    store: &Store,
    nodes: &[NodeQuery],
    members: &MemberList,
    seed: u64,
) -> Vec<Result<NodeListing, ApiError>> {
    let details = |query: &NodeQuery| {
        let node = find_node(store, query, seed)?;
        Ok(NodeListing { node: Arc::clone(node), manager: members.get(node.id) })
    };
    nodes.iter().map(details).collect()
}

/// The swarm, with the node that asks for it.
///
/// # Errors
/// If there is no cluster object.
pub(crate) fn inspect_swarm(
    store: &Store,
    own: Option<NodeId>,
    members: &MemberList,
) -> Result<SwarmDetails, ApiError> {
    let cluster = Arc::clone(store.cluster().ok_or(ApiError::NoCluster)?);
    let node = own.and_then(|own| store.node(own));
    let own = node.map(|node| NodeListing { node: Arc::clone(node), manager: members.get(node.id) });
    Ok(SwarmDetails { cluster, own })
}

/// `docker service ps` looks for services in its own way: only several matches of a beginning of an id are an
/// error of the whole command.
fn find_service_to_list(store: &Store, reference: &str, seed: u64) -> Result<Option<ServiceId>, ApiError> {
    match find_service(store, reference, seed) {
        Ok(service) => Ok(Some(service.id)),
        Err(ApiError::Ambiguous { reference, .. }) => Err(ApiError::SeveralServices { prefix: reference }),
        Err(_) => Ok(None),
    }
}

fn task_conditions(filters: &Filters, seed: u64) -> Result<Conditions<'_>, ApiError> {
    let conditions = Conditions::new(filters, &TASK_FILTERS, seed)?;
    check_words(&conditions, "desired-state", |word| TaskState::from_name(word).is_some())?;
    Ok(conditions)
}

/// A condition with a word that it does not know is refused, unless the word is empty.
fn check_words(
    conditions: &Conditions<'_>,
    key: &'static str,
    known: impl Fn(&str) -> bool,
) -> Result<(), ApiError> {
    match conditions.values(key).find(|word| !word.is_empty() && !known(word)) {
        Some(word) => Err(ApiError::InvalidFilterValue { key, value: word.to_owned() }),
        None => Ok(()),
    }
}

fn same_word(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Adds those tasks that fulfil the conditions, and the names that belong to them.
fn fill<'a>(
    listing: &mut TaskListing,
    tasks: impl Iterator<Item = &'a Arc<Task>>,
    conditions: &Conditions<'_>,
    store: &Store,
    seed: u64,
) -> Result<(), ApiError> {
    let of_nodes: Result<Vec<NodeId>, ApiError> = conditions
        .values("node")
        .map(|text| Ok(find_node(store, &NodeQuery::Text(text.to_owned()), seed)?.id))
        .collect();
    let of_services: Result<Vec<ServiceId>, ApiError> =
        conditions.values("service").map(|text| Ok(find_service(store, text, seed)?.id)).collect();
    let (of_nodes, of_services) = (of_nodes?, of_services?);
    for task in tasks {
        let on_node = of_nodes.is_empty() || task.node.is_some_and(|node| of_nodes.contains(&node));
        let of_service = of_services.is_empty() || task.service.is_some_and(|id| of_services.contains(&id));
        if !on_node || !of_service || !conditions.admit_task(task) {
            continue;
        }
        listing.tasks.push(Arc::clone(task));
        add_names(listing, task, store);
    }
    Ok(())
}

fn add_names(listing: &mut TaskListing, task: &Task, store: &Store) {
    if let Some(service) = task.service.and_then(|id| store.service(id)) {
        listing.services.entry(service.id).or_insert_with(|| service.name().to_owned());
    }
    let Some(node) = task.node.and_then(|id| store.node(id)) else { return };
    let given = &node.spec.annotations.name;
    let name = if given.is_empty() { node.hostname() } else { given };
    if !name.is_empty() {
        listing.nodes.entry(node.id).or_insert_with(|| name.to_owned());
    }
}
