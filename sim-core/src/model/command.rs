//! Docker commands as a client sends them: typed, with the client's own defaults filled in.
//!
//! The parser of scenario files makes them, the simulated client runs them. Names of services, nodes and networks
//! are still text: what they mean is decided when the command runs, by the manager that answers it. Flags that
//! only change what a waiting client prints are kept; flags that nothing here can honour never get this far.
mod apply;
mod change;
mod node;
mod service;
mod swarm;

pub use apply::{ChangeError, scale};
pub use change::{ListChange, SpecChange, UpdateConfigChange};
pub use node::{NodeChange, NodeCommand, NodeReference};
pub use service::{NetworkReference, ServiceCommand, ServiceCreate};
pub use swarm::{Advertised, JoinToken, RemoteAddress, SwarmChange, SwarmCommand};

use super::{Labels, NetworkSpec};

/// The words after `docker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerCommand {
    /// `docker service ...`.
    Service(ServiceCommand),
    /// `docker node ...`.
    Node(NodeCommand),
    /// `docker network ...`.
    Network(NetworkCommand),
    /// `docker swarm ...`.
    Swarm(SwarmCommand),
    /// `docker info`.
    Info,
    /// `docker ps`: the containers of the client's own host.
    ContainerList {
        /// `--all`: those that have ended too.
        all: bool,
        /// How it is printed.
        listing: Listing,
    },
}

/// A command of `docker network`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkCommand {
    /// `create`.
    Create {
        /// What is asked for.
        spec: Box<NetworkSpec>,
    },
    /// `ls`.
    List(Listing),
    /// `rm`.
    Remove {
        /// Which.
        networks: Vec<String>,
        /// `--force`: no complaint about those that do not exist.
        force: bool,
    },
    /// `inspect`.
    Inspect {
        /// Which.
        networks: Vec<String>,
    },
}

/// What a list command prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// `--quiet`: ids only.
    pub quiet: bool,
    /// `--no-trunc`: nothing is shortened.
    pub no_trunc: bool,
    /// `--no-resolve`: ids in place of names.
    pub no_resolve: bool,
    /// `--filter`, as (key, value), in the order given.
    pub filters: Vec<(String, String)>,
}

/// Labels to add and to take away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelChange {
    /// Set, whether they existed or not.
    pub add: Labels,
    /// Taken away, by name.
    pub remove: Vec<String>,
}
