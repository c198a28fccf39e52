//! Scenario files: a cluster, what happens to it, and what is expected of it.
//!
//! A file is read in two steps. `file` mirrors the text, `resolve` turns it into a [`Scenario`] with ids, integer
//! times and resolved names; only the step between them can fail, with a [`ScenarioError`] that says where, what
//! and what to do. Docker commands in a file are parsed with docker's own flags. Nothing here touches a disk.

mod docker;
mod error;
mod expect;
mod explain;
mod file;
pub mod library;
mod parse;
mod resolve;
pub mod runner;
mod scenario;
mod source;
pub mod storm;
pub mod suggest;
pub mod units;

pub use error::{CommandProblem, Location, NameKind, Problem, ScenarioError, ScenarioErrors};
pub use expect::{
    Bounds, ClusterCondition, Expectation, ManagerStatus, NodeCondition, Outcome, Replica, RequestCount,
    ServiceCondition, Subject, TaskCondition, TaskName, TrafficCondition, When,
};
pub use explain::NoSuchTask;
pub use parse::BYTES_MAX;
pub use scenario::{Scenario, ScenarioOptions};
