//! Plain data: what a cluster consists of, what can be asked of it and what can happen to it.
//!
//! Nothing here acts. Objects of the replicated store are immutable behind `Arc`; their parts that are rarely
//! changed (specs, descriptions) have an `Arc` of their own, so that a new version of an object is a few words.
pub mod cluster;
pub mod command;
pub mod constraint;
pub mod endpoint;
pub mod explanation;
pub mod fact;
pub mod failure;
pub mod fault;
pub mod generic;
pub mod ids;
pub mod image;
pub mod network;
pub mod node;
pub(crate) mod paged;
pub mod resources;
pub mod sabotage;
pub mod service;
pub mod setup;
pub mod spec;
pub mod task;
pub mod token;

pub use cluster::{Cluster, ClusterSpec, HEARTBEAT_EPSILON, RaftConfig, TokenGenerations};
pub use command::DockerCommand;
pub use constraint::{Constraint, ConstraintError};
pub use endpoint::{
    AttachedNetwork, BackendChange, BackendEvent, EndpointId, EndpointRecord, RecordChange, RecordEvent,
    ServiceRecord,
};
pub use explanation::{ExplainWish, Explanation, Explanations};
pub use fact::{
    CommandId, ContainerEvent, Fact, FactId, FactRecord, Loss, NoEffect, RaftRole, RequestsFailed,
    SessionEvent, Subject,
};
pub use failure::{Failure, FailureCause};
pub(crate) use fault::Heading;
pub use fault::{Fault, Place, SwarmPort};
pub use ids::{ClusterId, HostId, IdMap, NetworkId, NodeId, ObjectId, ServiceId, TaskId, TrafficId, ZoneId};
pub use network::{
    AllocatedSubnet, Endpoint, Network, NetworkAttachment, NetworkSpec, Subnet, SubnetSpec, VirtualIp,
};
pub use node::{
    Availability, EngineDescription, IssuanceState, Node, NodeDescription, NodeRole, NodeSpec, NodeState,
    NodeStatus,
};
pub(crate) use paged::PagedMap;
pub use resources::{GenericResource, Platform, Reservations, Resources};
pub use sabotage::{Defect, Sabotage};
pub use service::{JobStatus, Service, UpdateState, UpdateStatus};
pub use setup::{Setup, Stimulus};
pub use spec::{
    Annotations, ContainerSpec, EndpointMode, EndpointSpec, FailureAction, Labels, Placement, PortConfig,
    PublishMode, ResourceRequirements, RestartCondition, RestartPolicy, ServiceMode, ServiceSpec, TaskSpec,
    TransportProtocol, UpdateConfig, UpdateOrder,
};
pub(crate) use task::SlotTuple;
pub use task::{Slot, Task, TaskState, TaskStatus};

use crate::kernel::{Digest, SimTime, StateDigest};

/// What the store keeps about every object (spec control-plane 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// The Raft commit index at the moment the last transaction that wrote this object began.
    pub version: u64,
    /// When the object was created, by the leader's clock.
    pub created_at: SimTime,
    /// When the object was last written, by the leader's clock.
    pub updated_at: SimTime,
}

impl StateDigest for Meta {
    fn digest(&self, digest: &mut Digest) {
        let Self { version, created_at, updated_at } = self;
        digest.u64(*version);
        digest.time(*created_at);
        digest.time(*updated_at);
    }
}
