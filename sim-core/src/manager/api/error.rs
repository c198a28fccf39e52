//! Why a request is refused. Ids become text only when an error is printed.
use super::SpecError;
use crate::model::constraint::ConstraintError;
use crate::model::{NodeId, ServiceId};
use crate::protocol::{Status, StatusCode};
use crate::store::StoreError;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// The spec itself is not valid.
    Spec(SpecError),
    /// A placement constraint does not parse. SwarmKit attaches no code to this one (spec scheduler 12.1).
    Constraint(ConstraintError),
    /// A service is to be attached to the network of the routing mesh.
    AttachedToIngress {
        /// Name of that network.
        network: String,
    },
    /// A port is published for the routing mesh, and there is no such network.
    NoIngressNetwork,
    /// A service of this name is there already.
    ServiceExists {
        /// The name asked for.
        name: String,
    },
    /// A published port belongs to another service (spec networking 5.2).
    PortInUse {
        /// Its number.
        port: u16,
        /// Name of the service that has it.
        name: String,
        /// That service.
        service: ServiceId,
        /// True if that service publishes it on its tasks' nodes only.
        host_published: bool,
    },
    /// There is no service with this id.
    ServiceNotFound(ServiceId),
    /// The mode of a service cannot be changed.
    ModeChange,
    /// The name of a service cannot be changed.
    Rename,
    /// There is nothing to roll back to.
    NoPreviousSpec(ServiceId),
    /// There is no node with this id.
    NodeNotFound(NodeId),
    /// The only manager is to become a worker.
    LastManager,
    /// The manager to be demoted is no member of the Raft cluster.
    NotInMemberList,
    /// Without the manager to be demoted too few could be reached.
    QuorumLoss,
    /// The node to be removed is a member of the Raft cluster.
    IsManager(NodeId),
    /// The node to be removed is alive.
    NodeNotDown(NodeId),
    /// The swarm has no cluster object.
    NoCluster,
    /// The store refused the write.
    Store(StoreError),
}

impl ApiError {
    /// The code of gRPC that goes with it.
    pub(crate) fn code(&self) -> StatusCode {
        match self {
            ApiError::Spec(_) | ApiError::AttachedToIngress { .. } | ApiError::PortInUse { .. } => {
                StatusCode::InvalidArgument
            }
            ApiError::Constraint(_) | ApiError::Store(_) => StatusCode::Unknown,
            ApiError::ServiceExists { .. } => StatusCode::AlreadyExists,
            ApiError::ServiceNotFound(_) | ApiError::NodeNotFound(_) | ApiError::NotInMemberList => {
                StatusCode::NotFound
            }
            ApiError::ModeChange | ApiError::Rename => StatusCode::Unimplemented,
            ApiError::NoIngressNetwork
            | ApiError::NoPreviousSpec(_)
            | ApiError::LastManager
            | ApiError::QuorumLoss
            | ApiError::IsManager(_)
            | ApiError::NodeNotDown(_) => StatusCode::FailedPrecondition,
            ApiError::NoCluster => StatusCode::Internal,
        }
    }

    /// The words, with ids as the run of this seed prints them.
    #[must_use]
    pub fn text(&self, seed: u64) -> String {
        match self {
            ApiError::Spec(error) => error.to_string(),
            ApiError::Constraint(error) => error.to_string(),
            ApiError::AttachedToIngress { network } => {
                format!("Service cannot be explicitly attached to the ingress network {network:?}")
            }
            ApiError::NoIngressNetwork => {
                "service needs ingress network, but no ingress network is present".to_owned()
            }
            ApiError::ServiceExists { name } => {
                format!("{}: service {name} already exists", StoreError::NameConflict)
            }
            ApiError::PortInUse { port, name, service, host_published } => {
                let how = if *host_published { "a host-published port" } else { "an ingress port" };
                let id = service.text(seed);
                format!("port '{port}' is already in use by service '{name}' ({id}) as {how}")
            }
            ApiError::ServiceNotFound(service) => format!("service {} not found", service.text(seed)),
            ApiError::ModeChange => "service mode change is not allowed".to_owned(),
            ApiError::Rename => "renaming services is not supported".to_owned(),
            ApiError::NoPreviousSpec(service) => {
                format!("service {} does not have a previous spec", service.text(seed))
            }
            ApiError::NodeNotFound(node) => format!("node {} not found", node.text(seed)),
            ApiError::LastManager => "attempting to demote the last manager of the swarm".to_owned(),
            ApiError::NotInMemberList => "can't find manager in raft memberlist".to_owned(),
            ApiError::QuorumLoss => {
                "can't remove member from the raft: this would result in a loss of quorum".to_owned()
            }
            ApiError::IsManager(node) => format!(
                "node {} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal",
                node.text(seed)
            ),
            ApiError::NodeNotDown(node) => {
                format!("node {} is not down and can't be removed", node.text(seed))
            }
            ApiError::NoCluster => "could not fetch cluster object".to_owned(),
            ApiError::Store(error) => error.to_string(),
        }
    }

    /// The error as it travels.
    pub(crate) fn status(&self, seed: u64) -> Status {
        Status::new(self.code(), self.text(seed))
    }
}

impl From<SpecError> for ApiError {
    fn from(error: SpecError) -> Self {
        ApiError::Spec(error)
    }
}

impl From<ConstraintError> for ApiError {
    fn from(error: ConstraintError) -> Self {
        ApiError::Constraint(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        ApiError::Store(error)
    }
}
