//! What the control API needs to know of Raft: who is a member, and which of them can be reached.
use std::collections::BTreeMap;

use crate::kernel::{Digest, StateDigest};
use crate::model::NodeId;

/// What a node listing says of a manager, as the answering manager sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagerStatus {
    /// True for the leader.
    pub leader: bool,
    /// True if its connection is alive. A manager always reaches itself.
    pub reachable: bool,
}

/// The members of the Raft cluster as the answering manager sees them. Without Raft there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberList(BTreeMap<NodeId, ManagerStatus>);

impl MemberList {
    /// This member, or nothing if the node is none.
    #[must_use]
    pub fn get(&self, node: NodeId) -> Option<ManagerStatus> {
        self.0.get(&node).copied()
    }

    /// All members in id order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, ManagerStatus)> {
        self.0.iter().map(|(node, member)| (*node, *member))
    }

    /// True if the others could still decide without this member (spec control-plane 3.4).
    #[must_use]
    pub fn can_remove(&self, node: NodeId) -> bool {
        let reachable = self.0.iter().filter(|(id, member)| **id != node && member.reachable).count();
        let quorum = self.0.len().saturating_sub(1) / 2 + 1;
        reachable >= quorum
    }
}

impl FromIterator<(NodeId, ManagerStatus)> for MemberList {
    fn from_iter<T: IntoIterator<Item = (NodeId, ManagerStatus)>>(members: T) -> Self {
        MemberList(members.into_iter().collect())
    }
}

impl StateDigest for MemberList {
    fn digest(&self, digest: &mut Digest) {
        let Self(members) = self;
        digest.u64(members.len() as u64);
        for (node, ManagerStatus { leader, reachable }) in members {
            node.digest(digest);
            digest.bool(*leader);
            digest.bool(*reachable);
        }
    }
}
