//! Requests of a docker client.
use crate::kernel::{Digest, StateDigest};
use crate::model::command::{NodeChange, ServiceCreate, SpecChange, SwarmChange};
use crate::model::{NetworkSpec, NodeId, NodeRole};

/// One thing that a docker client asks the swarm for. A command can need several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiRequest {
    /// It is answered from the store as it is.
    Read(ApiRead),
    /// It changes something, so it has to wait for the store's lock.
    Write(ApiWrite),
}

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiWrite {
    /// Make a service.
    CreateService(Box<ServiceCreate>),
    /// Change a service's spec. Client and manager read, change and write in one step here.
    UpdateService {
        /// Name, id, or beginning of an id.
        service: String,
        /// In the order in which docker applies them.
        changes: Vec<SpecChange>,
    },
    /// Change the number of tasks of a service.
    ScaleService {
        /// Name, id, or beginning of an id.
        service: String,
        /// Replicas, or completions of a job.
        replicas: u64,
    },
    /// Return to the spec before.
    RollbackService {
        /// Name, id, or beginning of an id.
        service: String,
    },
    /// Remove a service.
    RemoveService {
        /// Name, id, or beginning of an id.
        service: String,
    },
    /// Change a node's role, availability or labels.
    UpdateNode {
        /// Which.
        node: NodeQuery,
        /// What.
        change: NodeChange,
    },
    /// Promote or demote a node. Nothing happens if it has the role.
    SetNodeRole {
        /// Which.
        node: NodeQuery,
        /// The role it shall have.
        role: NodeRole,
    },
    /// Remove a node.
    RemoveNode {
        /// Which.
        node: NodeQuery,
        /// Even if it is alive.
        force: bool,
    },
    /// Make a network.
    CreateNetwork(Box<NetworkSpec>),
    /// Remove a network.
    RemoveNetwork {
        /// Name, id, or beginning of an id.
        network: String,
    },
    /// Change settings of the swarm.
    UpdateSwarm(SwarmChange),
    /// Make a new join token for a role.
    RotateJoinToken(NodeRole),
}

/// A request that only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiRead {
    /// List services with the state of their tasks.
    ListServices(Filters),
    /// List the tasks of services.
    ListServiceTasks {
        /// Names, ids, or beginnings of ids.
        services: Vec<String>,
        /// Which of the tasks.
        filters: Filters,
    },
    /// List the tasks of nodes.
    ListNodeTasks {
        /// Which nodes.
        nodes: Vec<NodeQuery>,
        /// Which of the tasks.
        filters: Filters,
    },
    /// Describe services.
    InspectServices {
        /// Names, ids, or beginnings of ids.
        services: Vec<String>,
    },
    /// List networks.
    ListNetworks(Filters),
    /// Describe networks.
    InspectNetworks {
        /// Names, ids, or beginnings of ids.
        networks: Vec<String>,
    },
    /// List nodes.
    ListNodes(Filters),
    /// Describe nodes.
    InspectNodes {
        /// Which.
        nodes: Vec<NodeQuery>,
    },
    /// Describe the swarm.
    InspectSwarm {
        /// The node that the client's engine is.
        own: Option<NodeId>,
    },
}

/// How a request names a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeQuery {
    /// By its id in full, which is a number here.
    Id(NodeId),
    /// By an id, a hostname, or the beginning of an id.
    Text(String),
}

/// Conditions of a listing as (key, value): of equal keys one must hold, of different keys all.
pub type Filters = Vec<(String, String)>;

impl From<ApiRead> for ApiRequest {
    fn from(request: ApiRead) -> Self {
        ApiRequest::Read(request)
    }
}

impl From<ApiWrite> for ApiRequest {
    fn from(request: ApiWrite) -> Self {
        ApiRequest::Write(request)
    }
}

impl StateDigest for ApiRequest {
    fn digest(&self, digest: &mut Digest) {
        digest.debug(self);
    }
}
