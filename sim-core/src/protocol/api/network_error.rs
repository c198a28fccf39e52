//! Why a network cannot be made or removed (spec networking 2).
use super::ApiError;
use crate::model::network::PREDEFINED_LABEL;
use crate::model::{NetworkId, ServiceId, TaskId};
use crate::protocol::StatusCode;

/// Why a network cannot be made or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// There is a network of the routing mesh already.
    IngressPresent(NetworkId),
    /// The network of the routing mesh is for services only.
    IngressAttachable,
    /// The network of the routing mesh has to span nodes.
    IngressDriver,
    /// A service publishes a port through the routing mesh.
    IngressNeeded(ServiceId),
    /// A service is attached to it.
    UsedByService(NetworkId, ServiceId),
    /// A task that may still run is attached to it.
    UsedByTask(NetworkId, TaskId),
    /// Every engine has it by itself.
    Predefined(NetworkId, String),
    /// The label of such networks is not for users.
    PredefinedLabel,
    /// Another network has the name.
    Exists(String),
}

impl NetworkError {
    /// The code of the leader's answer. None: the engine finds out by itself.
    pub(super) fn code(&self) -> Option<StatusCode> {
        match self {
            NetworkError::IngressPresent(_) => Some(StatusCode::AlreadyExists),
            NetworkError::IngressAttachable => Some(StatusCode::InvalidArgument),
            NetworkError::IngressDriver => Some(StatusCode::Unimplemented),
            NetworkError::IngressNeeded(_)
            | NetworkError::UsedByService(..)
            | NetworkError::UsedByTask(..)
            | NetworkError::Predefined(..) => Some(StatusCode::FailedPrecondition),
            NetworkError::PredefinedLabel => Some(StatusCode::PermissionDenied),
            NetworkError::Exists(_) => None,
        }
    }

    /// The words alone, with ids as in the run of this seed.
    pub(super) fn text(&self, seed: u64) -> String {
        match self {
            NetworkError::IngressPresent(network) => {
                format!("ingress network ({}) is already present", network.text(seed))
            }
            NetworkError::IngressAttachable => "ingress network cannot be attachable".to_owned(),
            NetworkError::IngressDriver => {
                "only overlay driver is currently supported for ingress network".to_owned()
            }
            NetworkError::IngressNeeded(service) => format!(
                "ingress network cannot be removed because service {} depends on it",
                service.text(seed)
            ),
            NetworkError::UsedByService(network, service) => {
                format!("network {} is in use by service {}", network.text(seed), service.text(seed))
            }
            NetworkError::UsedByTask(network, task) => {
                format!("network {} is in use by task {}", network.text(seed), task.text(seed))
            }
            NetworkError::Predefined(network, name) => format!(
                "network {} ({name}) is a swarm predefined network and cannot be removed",
                network.text(seed)
            ),
            NetworkError::PredefinedLabel => format!(
                "label {PREDEFINED_LABEL} is for internally created predefined networks and cannot be applied by users"
            ),
            NetworkError::Exists(name) => format!("network with name {name} already exists"),
        }
    }
}

impl From<NetworkError> for ApiError {
    fn from(error: NetworkError) -> Self {
        ApiError::Network(error)
    }
}
