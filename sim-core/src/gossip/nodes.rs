//! The nodes of the cluster as the tables of one peer know them. A node stays known for a day after it is gone, so
//! that it can be reached again (spec networking 8.4).
use std::collections::BTreeSet;

use super::PeerId;
use super::limits::{NODE_REAP_INTERVAL, NODE_REMEMBERED};
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::{HostId, PagedMap};

/// What the tables hold a node for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeStatus {
    Active,
    Failed,
    Left,
}

/// A node as the tables know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) host: HostId,
    pub(super) status: NodeStatus,
    gone_since: Option<SimTime>,
}

/// All known nodes, this one included.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes {
    by_id: PagedMap<PeerId, Node>,
    /// Lamport times of the last events about them. They change often and are read seldom.
    versions: PagedMap<PeerId, u64>,
    active: usize,
    failed: BTreeSet<PeerId>,
}

impl Nodes {
    /// All of these are known and active.
    pub(super) fn settled(peers: &[(PeerId, HostId)]) -> Self {
        let mut nodes = Nodes::default();
        for (peer, host) in peers {
            nodes.set(SimTime::ZERO, *peer, *host, NodeStatus::Active);
        }
        nodes
    }

    pub(super) fn contains(&self, peer: PeerId) -> bool {
        self.by_id.get(peer).is_some()
    }

    pub(super) fn active(&self, peer: PeerId) -> Option<&Node> {
        self.by_id.get(peer).filter(|node| node.status == NodeStatus::Active)
    }

    pub(super) fn active_count(&self) -> usize {
        self.active
    }

    /// The failed ones, in order of id.
    pub(super) fn failed(&self) -> &BTreeSet<PeerId> {
        &self.failed
    }

    pub(super) fn host(&self, peer: PeerId) -> Option<HostId> {
        Some(self.by_id.get(peer)?.host)
    }

    /// True if somebody is known who is not there.
    pub(super) fn lacks_some(&self) -> bool {
        self.active < self.by_id.len()
    }

    /// An event about a node. None: it is not known, or the event is not new.
    pub(super) fn hear(&mut self, peer: PeerId, version: u64) -> Option<Node> {
        let node = self.by_id.get(peer)?;
        if self.versions.get(peer).is_some_and(|known| *known >= version) {
            return None;
        }
        self.versions.put(peer, Some(version));
        Some(*node)
    }

    /// A node is at a host, and held for this.
    pub(super) fn set(&mut self, now: SimTime, peer: PeerId, host: HostId, status: NodeStatus) {
        let known = self.by_id.get(peer);
        self.active -= usize::from(known.is_some_and(|node| node.status == NodeStatus::Active));
        self.active += usize::from(status == NodeStatus::Active);
        let gone_since = match status {
            NodeStatus::Active => None,
            NodeStatus::Failed | NodeStatus::Left => known.and_then(|node| node.gone_since).or(Some(now)),
        };
        if status == NodeStatus::Failed {
            self.failed.insert(peer);
        } else {
            self.failed.remove(&peer);
        }
        self.by_id.put(peer, Some(Node { host, status, gone_since }));
    }

    /// Another process that was at a host before: one that is active, else one that failed.
    pub(super) fn earlier_at(&self, host: HostId, peer: PeerId) -> Option<PeerId> {
        let with = |status: NodeStatus| {
            let mut others = self.by_id.iter().filter(|(id, _)| *id != peer);
            others.find(|(_, node)| node.host == host && node.status == status).map(|(id, _)| id)
        };
        with(NodeStatus::Active).or_else(|| with(NodeStatus::Failed))
    }

    /// Forgets the nodes that were gone for so long that nobody looks for them any more.
    pub(super) fn reap(&mut self, now: SimTime) {
        let over = |node: &Node| {
            node.gone_since.is_some_and(|gone| now.since(gone) + NODE_REAP_INTERVAL >= NODE_REMEMBERED)
        };
        let over: Vec<PeerId> =
            self.by_id.iter().filter(|(_, node)| over(node)).map(|(peer, _)| peer).collect();
        for peer in over {
            self.by_id.put(peer, None);
            self.versions.put(peer, None);
            self.failed.remove(&peer);
        }
    }
}

impl StateDigest for Node {
    fn digest(&self, digest: &mut Digest) {
        let Self { host, status, gone_since } = self;
        host.digest(digest);
        digest.u8(*status as u8);
        gone_since.digest(digest);
    }
}

impl StateDigest for Nodes {
    fn digest(&self, digest: &mut Digest) {
        // How many are active, and who failed, follows from the nodes.
        let Self { by_id, versions, active: _, failed: _ } = self;
        by_id.digest(digest);
        versions.digest(digest);
    }
}
