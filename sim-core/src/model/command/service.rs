//! Commands of `docker service`.
use super::{Listing, SpecChange};
use crate::model::ServiceSpec;

/// A command of `docker service`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceCommand {
    /// `create`.
    Create(Box<ServiceCreate>),
    /// `update`: the client reads the service, applies the changes in this order and sends the whole spec back.
    Update {
        /// Name, id, or beginning of an id.
        service: String,
        /// In the order in which docker applies them, which is not that of the command line.
        changes: Vec<SpecChange>,
        /// `--detach`: the client does not wait for the tasks.
        detach: bool,
    },
    /// `scale`: one update per service, one after the other.
    Scale {
        /// Each service with its new number of replicas.
        replicas: Vec<(String, u64)>,
        /// `--detach`: the client does not wait for the tasks.
        detach: bool,
    },
    /// `rollback`, or `update --rollback`.
    Rollback {
        /// Name, id, or beginning of an id.
        service: String,
        /// `--detach`: the client does not wait for the tasks.
        detach: bool,
    },
    /// `rm`.
    Remove {
        /// Names, ids, or beginnings of ids.
        services: Vec<String>,
    },
    /// `ls`.
    List(Listing),
    /// `ps`.
    Tasks {
        /// Names, ids, or beginnings of ids.
        services: Vec<String>,
        /// How it is printed.
        listing: Listing,
    },
    /// `inspect`.
    Inspect {
        /// Names, ids, or beginnings of ids.
        services: Vec<String>,
        /// `--pretty`: for a person, not as JSON.
        pretty: bool,
    },
}

/// What `docker service create` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCreate {
    /// The service, but for its networks. The name is empty if none was given: the manager makes one up.
    pub spec: ServiceSpec,
    /// Networks the tasks are attached to.
    pub networks: Vec<NetworkReference>,
    /// `--detach`: the client does not wait for the tasks.
    pub detach: bool,
}

/// A wish to be attached to a network that is known by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkReference {
    /// Name or id of the network.
    pub network: String,
    /// Further DNS names of the task there.
    pub aliases: Vec<String>,
}
