//! The orchestrators: control loops that give every service the tasks that its spec asks for (spec
//! orchestration).
//!
//! One for replicated services, one for global services, one for both kinds of jobs. They never speak to each
//! other. Each owns a restart supervisor, the first two an update supervisor too; those write in their owner's
//! name, as strands of their owner.
pub(crate) mod global;
pub(crate) mod jobs;
pub(crate) mod replicated;
pub(crate) mod restart;
mod slot;
mod step;
mod supervised;
mod supervisors;
pub(crate) mod task;
mod taskinit;
pub(crate) mod update;

pub(crate) use step::OrchestratorStep;

use crate::model::{NodeId, ServiceMode};
use crate::store::Store;

/// True if tasks must not stay on the node, or there is no such node.
fn is_invalid_node(store: &Store, node: NodeId) -> bool {
    store.node(node).is_none_or(|node| node.is_invalid())
}

fn is_replicated(mode: ServiceMode) -> bool {
    matches!(mode, ServiceMode::Replicated { .. })
}

#[cfg(test)]
mod tests;
