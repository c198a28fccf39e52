//! The records of all nodes, with a log of which of them changed.
use super::node_info::NodeInfo;
use crate::kernel::{Digest, StateDigest};
use crate::model::{IdMap, NodeId};

/// Records by node. Whoever keeps something that follows from them can ask what changed since.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeSet {
    infos: IdMap<NodeId, NodeInfo>,
    /// Nodes whose records may have changed, in order; emptied now and then.
    changes: Vec<NodeId>,
    /// How often the log was emptied.
    epoch: u64,
}

/// A place in the log of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogPosition {
    epoch: u64,
    length: usize,
}

impl NodeSet {
    pub(super) fn get(&self, node: NodeId) -> Option<&NodeInfo> {
        self.infos.get(node)
    }

    /// The record, to be changed.
    pub(super) fn get_mut(&mut self, node: NodeId) -> Option<&mut NodeInfo> {
        if self.infos.contains(node) {
            self.log(node);
        }
        self.infos.get_mut(node)
    }

    pub(super) fn insert(&mut self, info: NodeInfo) {
        self.log(info.id());
        self.infos.insert(info.id(), info);
    }

    pub(super) fn remove(&mut self, node: NodeId) {
        self.log(node);
        self.infos.remove(node);
    }

    pub(super) fn len(&self) -> usize {
        self.infos.len()
    }

    /// All records in id order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &NodeInfo> {
        self.infos.values()
    }

    /// All nodes in id order.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.infos.ids()
    }

    /// The end of the log.
    pub(super) fn log_position(&self) -> LogPosition {
        LogPosition { epoch: self.epoch, length: self.changes.len() }
    }

    /// The nodes that may have changed since then; none if that is no longer known.
    pub(super) fn changes_since(&self, position: LogPosition) -> Option<&[NodeId]> {
        (position.epoch == self.epoch).then(|| &self.changes[position.length..])
    }

    fn log(&mut self, node: NodeId) {
        // Of use only while it is short: with more changes than nodes it is cheaper to look at all nodes.
        if self.changes.len() > self.infos.len() {
            self.changes.clear();
            self.epoch += 1;
        }
        self.changes.push(node);
    }
}

impl StateDigest for NodeSet {
    fn digest(&self, digest: &mut Digest) {
        // The log says nothing that the records do not.
        let Self { infos, changes: _, epoch: _ } = self;
        infos.digest(digest);
    }
}
