//! Answers to a docker client.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ApiError, ManagerStatus};
use crate::kernel::{Digest, StateDigest};
use crate::model::{Cluster, Network, NetworkId, Node, NodeId, Service, ServiceId, Task};

/// What a manager answers when it has done what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiResponse {
    /// It is done.
    Done,
    /// The service has this id.
    ServiceCreated(ServiceId),
    /// The node had the role already; nothing was done.
    RoleUnchanged(NodeId),
    /// Services in the store's order.
    Services(Vec<ServiceListing>),
    /// Tasks in the store's order.
    Tasks(Box<TaskListing>),
    /// One answer for each service that was asked for.
    ServiceDetails(Vec<Result<ServiceDetails, ApiError>>),
    /// The network has this id.
    NetworkCreated(NetworkId),
    /// Networks in the store's order.
    Networks(Vec<Arc<Network>>),
    /// One answer for each network that was asked for.
    NetworkDetails(Vec<Result<Arc<Network>, ApiError>>),
    /// Nodes in the store's order.
    Nodes(Vec<NodeListing>),
    /// One answer for each node that was asked for.
    NodeDetails(Vec<Result<NodeListing, ApiError>>),
    /// The swarm.
    Swarm(SwarmDetails),
}

/// A service with the state of its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceListing {
    /// The service.
    pub service: Arc<Service>,
    /// Tasks that are observed RUNNING, whatever is wanted of them and wherever they are.
    pub running: u64,
    /// Tasks that there shall be.
    pub desired: u64,
    /// Tasks of the job's present iteration that have completed.
    pub completed: u64,
}

/// Tasks, with the names that their ids stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskListing {
    /// The tasks.
    pub tasks: Vec<Arc<Task>>,
    /// Names of their services, as far as these exist.
    pub services: BTreeMap<ServiceId, String>,
    /// Names of their nodes, as far as these exist and have a name.
    pub nodes: BTreeMap<NodeId, String>,
    /// What was asked for and not found.
    pub errors: Vec<ApiError>,
}

/// A service with its networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceDetails {
    /// The service.
    pub service: Arc<Service>,
    /// The networks that it is attached to or has an address on, as far as these exist.
    pub networks: BTreeMap<NetworkId, Arc<Network>>,
}

/// The swarm, and the node that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwarmDetails {
    /// The swarm's settings and tokens.
    pub cluster: Arc<Cluster>,
    /// The node that the client's engine is, if it exists.
    pub own: Option<NodeListing>,
}

/// A node, and what the answering manager knows of it as a manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeListing {
    /// The node.
    pub node: Arc<Node>,
    /// Its part in the Raft cluster; none if it has none.
    pub manager: Option<ManagerStatus>,
}

impl StateDigest for ApiResponse {
    fn digest(&self, digest: &mut Digest) {
        digest.debug(self);
    }
}
