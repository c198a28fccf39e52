//! The cluster object (spec control-plane 5.1).
use std::collections::BTreeSet;
use std::sync::Arc;

use super::spec::Driver;
use super::{ClusterId, Meta, NodeId};
use crate::kernel::{Digest, SimDuration, StateDigest};

/// The period of an agent's heartbeats differs from the cluster's by up to this much (spec control-plane 6.3).
pub const HEARTBEAT_EPSILON: SimDuration = SimDuration::from_millis(500);

/// Raft settings that the store carries (spec control-plane 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftConfig {
    /// Entries between two snapshots; 0: none are taken. Default 10 000.
    pub snapshot_interval: u64,
    /// Entries kept behind a snapshot for followers that lag. Default 500.
    pub log_entries_for_slow_followers: u64,
}

impl Default for RaftConfig {
    fn default() -> Self {
        RaftConfig { snapshot_interval: 10_000, log_entries_for_slow_followers: 500 }
    }
}

/// The cluster as the user wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpec {
    /// Time between heartbeats of an agent. Default 5 s.
    pub heartbeat_period: SimDuration,
    /// Tasks kept per slot, the live one included; negative: all. Default 5.
    pub task_history_retention_limit: i64,
    /// Raft settings.
    pub raft: RaftConfig,
    /// How long a node's certificate is valid. Default 90 days; nothing renews one in a run.
    pub certificate_validity: SimDuration,
    /// Log driver of tasks that name none.
    pub default_log_driver: Option<Driver>,
    /// Whether managers need a key after a restart.
    pub auto_lock: bool,
}

impl Default for ClusterSpec {
    fn default() -> Self {
        ClusterSpec {
            heartbeat_period: SimDuration::from_secs(5),
            task_history_retention_limit: 5,
            raft: RaftConfig::default(),
            certificate_validity: SimDuration::from_secs(90 * 86_400),
            default_log_driver: None,
            auto_lock: false,
        }
    }
}

/// How often the join token of each role was rotated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenGenerations {
    /// The token of workers.
    pub worker: u32,
    /// The token of managers.
    pub manager: u32,
}

/// The swarm itself, as an object of its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// Version and times.
    pub meta: Meta,
    /// What the user wants.
    pub spec: Arc<ClusterSpec>,
    /// How often the join tokens were rotated.
    pub token_generations: TokenGenerations,
    /// Nodes that were removed: their certificates are worth nothing any more. SwarmKit forgets them 7 days after
    /// a certificate would have expired, later than any run ends.
    pub blacklisted_certificates: BTreeSet<NodeId>,
}

impl Cluster {
    /// A swarm in which nothing has happened yet.
    #[must_use]
    pub fn new(id: ClusterId, spec: Arc<ClusterSpec>) -> Self {
        Cluster {
            id,
            meta: Meta::default(),
            spec,
            token_generations: TokenGenerations::default(),
            blacklisted_certificates: BTreeSet::new(),
        }
    }
}

impl StateDigest for Cluster {
    fn digest(&self, digest: &mut Digest) {
        let Self { id, meta, spec, token_generations, blacklisted_certificates } = self;
        id.digest(digest);
        meta.digest(digest);
        let TokenGenerations { worker, manager } = token_generations;
        digest.debug(&(spec, (worker, manager)));
        blacklisted_certificates.digest(digest);
    }
}
