//! Which of two nodes is preferred for a service (spec scheduler 8.2).
//!
//! Free CPU and memory play no part: SwarmKit counts tasks.
use super::failures::{MAX_FAILURES, VersionedService};
use super::node_info::NodeInfo;
use crate::kernel::SimTime;
use crate::model::NodeId;

/// A node's place in the order of preference. The lesser is preferred; equal ranks are a tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Recent failures of this version of the service, where they are many; zero where they are few.
    pub(super) failures: u32,
    /// Active tasks of the service.
    pub(super) tasks_of_service: u32,
    /// Active tasks of all services.
    pub(super) tasks: u32,
}

impl Rank {
    pub(super) fn of(node: &NodeInfo, service: VersionedService, now: SimTime) -> Self {
        let failures = node.failures.count(service, now);
        Rank {
            failures: if failures >= MAX_FAILURES { failures } else { 0 },
            tasks_of_service: node.active_tasks_of(service.service),
            tasks: node.active_tasks(),
        }
    }
}

/// A node that passed the filters. Ties go to the one that was visited first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) rank: Rank,
    pub(super) visit: u32,
    pub(super) node: NodeId,
}
