//! What a settled cluster holds at time zero, and which of its phases are given instead of drawn.
//!
//! Scenario files do not set this: it is how a recorded run, which began in the middle of a cluster's life, is
//! replayed from its own start.
use std::collections::BTreeMap;

use crate::kernel::SimDuration;
use crate::model::{HostId, ServiceSpec, Slot};

/// A given start. By default nothing is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Initial {
    /// The manager that leads; none: the first.
    pub leader: Option<HostId>,
    /// Phases of heartbeats; those of other hosts are drawn.
    pub heartbeats: BTreeMap<HostId, HeartbeatPhase>,
    /// The managers that agents have sessions with; those of other hosts are drawn, or their own ones.
    pub sessions: BTreeMap<HostId, HostId>,
    /// Services whose tasks run.
    pub services: Vec<InitialService>,
}

/// How far a node is between two heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatPhase {
    /// Time since the last heartbeat that was answered.
    pub age: SimDuration,
    /// The period that was drawn for it.
    pub period: SimDuration,
}

/// A service whose tasks run at time zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialService {
    /// The service.
    pub spec: ServiceSpec,
    /// Its tasks, each with the host that runs it.
    pub tasks: Vec<(Slot, HostId)>,
}
