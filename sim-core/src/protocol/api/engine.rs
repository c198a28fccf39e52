//! What a docker client asks its own engine for, and not the swarm: to enter a swarm, to leave it, and what the
//! engine is in one.
use std::net::IpAddr;

use crate::kernel::{Digest, StateDigest};
use crate::model::command::{RemoteAddress, SwarmChange};
use crate::model::{Availability, NodeId, NodeRole};

/// A request to the engine itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EngineRequest {
    /// Begin a new swarm.
    InitSwarm {
        /// Availability of the first node.
        availability: Availability,
        /// Settings that differ from the default.
        change: SwarmChange,
    },
    /// Go on alone with the state that is here, and forget all other managers.
    ForceNewCluster,
    /// Enter a swarm.
    JoinSwarm {
        /// The join token as text.
        token: String,
        /// The manager that is asked.
        remote: RemoteAddress,
        /// Availability of the new node.
        availability: Availability,
    },
    /// Leave the swarm.
    LeaveSwarm,
    /// Describe the engine's part in a swarm.
    Info,
}

/// An engine's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EngineResponse {
    /// The engine is the first manager of a swarm, or its only one from now on.
    Initialized(NodeId),
    /// The engine is a node of the swarm.
    Joined(NodeRole),
    /// The engine is in no swarm any more.
    Left,
    /// This is the engine's part.
    Info(EngineInfo),
}

/// What an engine says of its part in a swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EngineInfo {
    /// State of that part.
    pub state: LocalState,
    /// Why it is not what it should be.
    pub error: Option<String>,
    /// The node that the engine is.
    pub node: Option<NodeId>,
    /// True if its manager answers requests.
    pub control_available: bool,
    /// The address that it tells to others.
    pub address: IpAddr,
    /// The managers that it knows.
    pub managers: Vec<IpAddr>,
}

/// State of an engine's part in a swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalState {
    /// It has none.
    Inactive,
    /// It is entering a swarm.
    Pending,
    /// It is a node.
    Active,
    /// It could not enter a swarm.
    Error,
}

impl LocalState {
    /// Docker's word: `active`.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            LocalState::Inactive => "inactive",
            LocalState::Pending => "pending",
            LocalState::Active => "active",
            LocalState::Error => "error",
        }
    }
}

impl StateDigest for EngineRequest {
    fn digest(&self, digest: &mut Digest) {
        digest.debug(self);
    }
}
