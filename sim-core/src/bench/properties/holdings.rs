//! What must hold of every store in which the scheduler placed all tasks, whatever happened to them since.
//!
//! A task holds its reservations and ports from ASSIGNED to RUNNING, and counts for the limit of replicas while its
//! desired state is COMPLETE or less (spec scheduler 3.3). These checks recount all of it; they hold for whole
//! clusters too, as long as no node loses resources and no service lowers its limit.
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::bench::Store;
use crate::model::{GenericResource, Node, PublishMode, Resources, Task, TaskState};

/// Checks that no node has given away more CPU, memory or generic resources than it has.
///
/// # Errors
/// The first node that has.
pub fn nothing_is_spent_twice(store: &Store) -> Result<(), TestCaseError> {
    for node in store.nodes() {
        let Some(described) = node.description.as_ref().and_then(|node| node.resources.as_ref()) else {
            continue;
        };
        let (mut spent, mut generic) = (Resources::default(), Vec::new());
        for task in holders(store, node) {
            let reserved = task.spec.resources.as_ref().and_then(|resources| resources.reservations.as_ref());
            spent.nano_cpus += reserved.map_or(0, |reserved| reserved.nano_cpus);
            spent.memory_bytes += reserved.map_or(0, |reserved| reserved.memory_bytes);
            generic.extend_from_slice(&task.assigned_generic);
        }
        prop_assert!(
            spent.nano_cpus <= described.nano_cpus,
            "CPU of {:?}: {} spent",
            node.id,
            spent.nano_cpus
        );
        prop_assert!(spent.memory_bytes <= described.memory_bytes, "memory of {:?}: {:?}", node.id, spent);
        generic_is_there(&described.generic, &generic)?;
    }
    Ok(())
}

/// Discrete amounts do not add up to more than there is; nothing named is given twice.
fn generic_is_there(described: &[GenericResource], spent: &[GenericResource]) -> Result<(), TestCaseError> {
    let mut amounts: BTreeMap<&str, i64> = BTreeMap::new();
    let mut named = BTreeSet::new();
    for resource in spent {
        match resource {
            GenericResource::Discrete { kind, value } => *amounts.entry(kind).or_default() += value,
            GenericResource::Named { .. } => {
                prop_assert!(named.insert(format!("{resource:?}")), "{:?} is given twice", resource);
                prop_assert!(described.contains(resource), "{:?} is not there", resource);
            }
        }
    }
    for (kind, amount) in amounts {
        let there = described.iter().find_map(|resource| match resource {
            GenericResource::Discrete { kind: of, value } if of == kind => Some(*value),
            GenericResource::Discrete { .. } | GenericResource::Named { .. } => None,
        });
        prop_assert!(there.is_some_and(|there| amount <= there), "{} {} of {:?}", amount, kind, there);
    }
    Ok(())
}

/// Checks that no two tasks of a node use one port of it.
///
/// # Errors
/// The first port that two tasks use.
pub fn host_ports_are_unique(store: &Store) -> Result<(), TestCaseError> {
    for node in store.nodes() {
        let mut used = BTreeSet::new();
        for task in holders(store, node) {
            let ports = task.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
            let direct =
                ports.filter(|port| port.publish_mode == PublishMode::Host && port.published_port != 0);
            for port in direct {
                let is_new = used.insert((port.protocol, port.published_port));
                prop_assert!(is_new, "{:?} of {:?} is used twice", port, node.id);
            }
        }
    }
    Ok(())
}

/// Checks that no node has more active tasks of a service than the service allows on a node.
///
/// # Errors
/// The first node that has.
pub fn limits_of_replicas_are_kept(store: &Store) -> Result<(), TestCaseError> {
    for node in store.nodes() {
        let active: Vec<&Task> = holders(store, node).filter(|task| task.is_active()).collect();
        for task in &active {
            let limit = task.spec.placement.as_ref().map_or(0, |placement| placement.max_replicas);
            let replicas = active.iter().filter(|other| other.service == task.service).count() as u64;
            prop_assert!(
                limit == 0 || replicas <= limit,
                "{} of {:?} on {:?}",
                replicas,
                task.service,
                node.id
            );
        }
    }
    Ok(())
}

/// The tasks that hold something on a node.
fn holders<'a>(store: &'a Store, node: &Node) -> impl Iterator<Item = &'a Task> {
    let holds = |task: &&Task| (TaskState::Assigned..=TaskState::Running).contains(&task.status.state);
    store.tasks_of_node(node.id).map(|task| &**task).filter(holds)
}
