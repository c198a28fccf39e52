//! Commands of `docker swarm`.
use crate::kernel::SimDuration;
use crate::model::{Availability, HostId, NodeRole};

/// A command of `docker swarm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwarmCommand {
    /// `init`.
    Init {
        /// `--advertise-addr`; absent: the host's own address.
        advertise: Option<Advertised>,
        /// `--availability` of the new node.
        availability: Availability,
        /// `--force-new-cluster`: keep the state, forget the other managers.
        force_new_cluster: bool,
        /// Settings of the new swarm that differ from the default.
        change: SwarmChange,
    },
    /// `join`.
    Join {
        /// `--token`.
        token: JoinToken,
        /// The manager that is asked.
        remote: RemoteAddress,
        /// `--advertise-addr`; absent: the host's own address.
        advertise: Option<Advertised>,
        /// `--availability` of the new node.
        availability: Availability,
    },
    /// `leave`.
    Leave {
        /// `--force`: even from a manager.
        force: bool,
    },
    /// `update`.
    Update(SwarmChange),
    /// `join-token`.
    JoinToken {
        /// Whose token.
        role: NodeRole,
        /// `--rotate`: make a new one first.
        rotate: bool,
        /// `--quiet`: print the token only.
        quiet: bool,
    },
    /// `ca`.
    Ca {
        /// `--rotate`: make a new root certificate; else print the present one.
        rotate: bool,
        /// `--detach`: the client does not wait until all nodes trust it.
        detach: bool,
    },
}

/// Settings of a swarm that a command changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwarmChange {
    /// `--dispatcher-heartbeat`.
    pub heartbeat_period: Option<SimDuration>,
    /// `--task-history-limit`.
    pub task_history_retention_limit: Option<i64>,
    /// `--snapshot-interval`.
    pub snapshot_interval: Option<u64>,
    /// `--cert-expiry`.
    pub certificate_validity: Option<SimDuration>,
}

/// The address that a node tells the others to use for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// What the user wrote.
    pub text: String,
    /// The host that answers there; none if nobody does.
    pub host: Option<HostId>,
}

/// The address of another manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAddress {
    /// What the user wrote.
    pub text: String,
    /// The host that has this address; none if nobody does.
    pub host: Option<HostId>,
    /// The port; managers listen on 2377 only.
    pub port: u16,
}

/// A join token. Its text depends on the seed and on how often it was rotated, so an author names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinToken {
    /// The one that the swarm of the asked manager accepts when the command runs.
    Current(NodeRole),
    /// The one before the last rotation.
    Previous(NodeRole),
    /// A well-formed one of another swarm.
    Foreign(NodeRole),
    /// As written.
    Text(String),
}
