//! What managers replicate: change sets of the store, and who the members are.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::kernel::{Digest, StateDigest};
use crate::model::{HostId, NodeId};
use crate::raft::{Payload, RaftId};
use crate::store::{ChangeSet, Store};

/// One transaction of the store as the body of a Raft entry.
#[derive(Clone, Debug)]
pub(crate) struct StoreEntry(pub(crate) Arc<ChangeSet>);

/// A manager as a member of the Raft cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) node: NodeId,
    pub(crate) host: HostId,
}

/// Everything that applied entries have brought, in place of the entries.
#[derive(Clone, Debug)]
pub(crate) struct ManagerSnapshot {
    pub(crate) store: Arc<Store>,
    pub(crate) members: BTreeMap<RaftId, Member>,
    /// Members of the past: their ids never come back (spec control-plane 3.1).
    pub(crate) removed: BTreeSet<RaftId>,
}

impl Payload for StoreEntry {
    type Snapshot = ManagerSnapshot;
    type Member = Member;

    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }
}

impl StateDigest for StoreEntry {
    fn digest(&self, digest: &mut Digest) {
        digest.u64(self.0.digest());
    }
}

impl StateDigest for Member {
    fn digest(&self, digest: &mut Digest) {
        let Self { node, host } = self;
        node.digest(digest);
        host.digest(digest);
    }
}

impl StateDigest for ManagerSnapshot {
    fn digest(&self, digest: &mut Digest) {
        let Self { store, members, removed } = self;
        store.digest(digest);
        for (id, member) in members {
            digest.u64(id.0);
            member.digest(digest);
        }
        removed.iter().for_each(|id| digest.u64(id.0));
    }
}
