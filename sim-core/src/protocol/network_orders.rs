//! What the agent of a host has the network of the same host do (spec networking 6.2). It happens at once, before
//! anything is sent: a task takes connections before it is reported RUNNING.
use crate::model::{AttachedNetwork, EndpointRecord, PortConfig, TaskId};

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetworkOrder {
    /// The load balancers of the node have addresses on these networks, and on no others.
    Configure(Vec<AttachedNetwork>),
    /// A container is being made ready for these networks.
    Attach { task: TaskId, networks: Vec<AttachedNetwork> },
    /// The process of a container starts, and is reached by ports of its node alone.
    Start { task: TaskId, program: Program, host_ports: Vec<PortConfig> },
    /// A container takes part in load balancing.
    Enable { task: TaskId, records: Vec<EndpointRecord> },
    /// A container gets no new connections any more.
    Disable { task: TaskId },
    /// The process of a container has ended.
    Remove { task: TaskId },
    /// A container is gone.
    Detach { task: TaskId },
    /// The host leaves its swarm, or its engine stops in an orderly way.
    LeaveSwarm,
}

/// What a container runs, and for which service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) service: String,
    pub(crate) image: String,
}
