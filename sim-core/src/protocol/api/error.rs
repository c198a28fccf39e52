//! Why a request is refused, and by whom. Ids become text only when an error is printed.
use std::fmt;

use super::{NetworkError, SpecError};
use crate::model::command::ChangeError;
use crate::model::constraint::ConstraintError;
use crate::model::{NodeId, ServiceId};
use crate::protocol::StatusCode;
use crate::store::StoreError;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// The spec itself is not valid.
    Spec(SpecError),
    /// A placement constraint does not parse. SwarmKit attaches no code to this one (spec scheduler 12.1).
    Constraint(ConstraintError),
    /// A network cannot be made or removed.
    Network(NetworkError),
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
    /// Raft did not commit the write; the words are its own. It may still be committed (spec control-plane 3.2).
    NotCommitted(String),

    /// Nothing has this name, id, or beginning of an id.
    NoSuch {
        /// What was looked for.
        kind: ObjectKind,
        /// As the user wrote it.
        reference: String,
    },
    /// Several have this name, or this beginning of an id.
    Ambiguous {
        /// What was looked for.
        kind: ObjectKind,
        /// As the user wrote it.
        reference: String,
        /// How many there are.
        matches: usize,
    },
    /// A listing has no condition of this kind.
    InvalidFilter {
        /// Its key.
        key: String,
    },
    /// A condition that wants one of some words has another one.
    InvalidFilterValue {
        /// Its key.
        key: &'static str,
        /// The word.
        value: String,
    },

    /// The client cannot change the spec as asked.
    Change(ChangeError),
    /// A label is to be taken away that the node lacks.
    NoSuchNodeLabel {
        /// Its name.
        label: String,
    },
    /// No service to list the tasks of, or to describe, has this name, id, or beginning of an id.
    NoSuchService {
        /// As the user wrote it.
        reference: String,
    },
    /// Several services have this beginning of an id.
    SeveralServices {
        /// The beginning.
        prefix: String,
    },
}

/// Kind of an object, as error texts name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A service.
    Service,
    /// A node.
    Node,
    /// A network.
    Network,
}

/// Who refuses a request. The leader's errors travel over gRPC, with a code; the engine's do not, and the client
/// finds some mistakes by itself.
enum Origin {
    /// The leading manager. Unknown is the code of those errors that SwarmKit gives none.
    Leader(StatusCode),
    /// The engine that passes the request on.
    Engine,
    /// The docker client.
    Client,
}

impl ApiError {
    /// The error as docker prints it, with ids as in the run of this seed.
    #[must_use]
    pub fn message(&self, seed: u64) -> String {
        match self.origin() {
            Origin::Leader(_) | Origin::Engine => {
                format!("Error response from daemon: {}", self.rpc_text(seed))
            }
            Origin::Client => self.text(seed),
        }
    }

    /// The error as it reaches the engine: over gRPC, if it is the leader's.
    #[must_use]
    pub fn rpc_text(&self, seed: u64) -> String {
        let text = self.text(seed);
        match self.origin() {
            Origin::Leader(code) => format!("rpc error: code = {} desc = {text}", code.name()),
            Origin::Engine | Origin::Client => text,
        }
    }

    fn origin(&self) -> Origin {
        match self {
            ApiError::Spec(_) | ApiError::AttachedToIngress { .. } | ApiError::PortInUse { .. } => {
                Origin::Leader(StatusCode::InvalidArgument)
            }
            ApiError::Network(error) => error.code().map_or(Origin::Engine, Origin::Leader),
            ApiError::ServiceExists { .. } => Origin::Leader(StatusCode::AlreadyExists),
            ApiError::ServiceNotFound(_) | ApiError::NodeNotFound(_) | ApiError::NotInMemberList => {
                Origin::Leader(StatusCode::NotFound)
            }
            ApiError::ModeChange | ApiError::Rename => Origin::Leader(StatusCode::Unimplemented),
            ApiError::NoIngressNetwork
            | ApiError::NoPreviousSpec(_)
            | ApiError::LastManager
            | ApiError::QuorumLoss
            | ApiError::IsManager(_)
            | ApiError::NodeNotDown(_) => Origin::Leader(StatusCode::FailedPrecondition),
            ApiError::NoCluster => Origin::Leader(StatusCode::Internal),
            ApiError::Constraint(_) | ApiError::Store(_) | ApiError::NotCommitted(_) => {
                Origin::Leader(StatusCode::Unknown)
            }
            ApiError::NoSuch { .. }
            | ApiError::Ambiguous { .. }
            | ApiError::InvalidFilter { .. }
            | ApiError::InvalidFilterValue { .. } => Origin::Engine,
            ApiError::Change(_)
            | ApiError::NoSuchNodeLabel { .. }
            | ApiError::NoSuchService { .. }
            | ApiError::SeveralServices { .. } => Origin::Client,
        }
    }

    /// The words alone.
    fn text(&self, seed: u64) -> String {
        match self {
            ApiError::Spec(error) => error.to_string(),
            ApiError::Constraint(error) => error.to_string(),
            ApiError::Network(error) => error.text(seed),
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
            ApiError::NotCommitted(text) => text.clone(),
            ApiError::NoSuch { kind, reference } => format!("{kind} {reference} not found"),
            ApiError::Ambiguous { kind, reference, matches } => {
                format!("{kind} {reference} is ambiguous ({matches} matches found)")
            }
            ApiError::InvalidFilter { key } => format!("invalid filter '{key}'"),
            ApiError::InvalidFilterValue { key, value } => format!("Invalid {key} filter: '{value}'"),
            ApiError::Change(error) => error.to_string(),
            ApiError::NoSuchNodeLabel { label } => format!("key {label} doesn't exist in node's labels"),
            ApiError::NoSuchService { reference } => format!("no such service: {reference}"),
            ApiError::SeveralServices { prefix } => {
                format!("multiple services found with provided prefix: {prefix}")
            }
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObjectKind::Service => "service",
            ObjectKind::Node => "node",
            ObjectKind::Network => "network",
        })
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

impl From<ChangeError> for ApiError {
    /// The client asks its engine for networks, so that it is the engine that knows none of the name.
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::UnknownNetwork(reference) => {
                ApiError::NoSuch { kind: ObjectKind::Network, reference }
            }
            ChangeError::NotReplicated
            | ChangeError::NotScalable
            | ChangeError::UnknownGenericResource(_)
            | ChangeError::AlreadyAttached(_) => ApiError::Change(error),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        ApiError::Store(error)
    }
}
