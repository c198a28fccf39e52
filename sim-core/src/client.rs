//! The docker client: which requests a command makes, and what it prints.
//!
//! Everything here is a pure function of the answers, the seed and the time. Columns, words and error texts are
//! docker's. What a waiting client shows while tasks come and go is the task of `progress`.
//! Deliberately absent: what the containers of one host look like (`docker ps`).
mod calendar;
mod command;
mod engine;
mod info;
mod json;
mod natural;
mod network;
mod node;
mod node_json;
mod plan;
mod service;
mod service_json;
mod service_pretty;
mod swarm;
mod table;
mod task;
mod words;

pub use plan::is_simulated;
pub use words::pretty;

pub(crate) use command::{ClientError, CommandRun};
pub(crate) use network::network_table;
pub(crate) use node::{node_pretty, node_table};
pub(crate) use plan::{Ask, ManagerState, OwnHost};
pub(crate) use service::service_table;
pub(crate) use service_pretty::service_pretty;
pub(crate) use task::task_table;

use crate::kernel::SimTime;

/// From where a client looks at the swarm: ids get their text from the seed, ages count from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Viewpoint {
    /// The run's seed.
    pub seed: u64,
    /// The present.
    pub now: SimTime,
}

/// Characters of an id that a table shows.
const SHORT_ID: usize = 12;

/// The beginning of an id.
fn short(id: &str) -> &str {
    &id[..id.len().min(SHORT_ID)]
}

#[cfg(test)]
mod tests;
