//! Open streams of agents: found by node when the store changes, by caller when the agent hangs up, and by host
//! when a connection breaks.
use std::collections::BTreeMap;

use crate::kernel::{Digest, StateDigest};
use crate::model::{HostId, IdMap, NodeId};
use crate::protocol::{CallId, Component, ReplyTo};

/// All open streams of one kind, with what the dispatcher remembers for each. A node has more than one for as
/// long as an agent that is gone has not been found out.
#[derive(Debug)]
pub(super) struct Streams<S> {
    of_node: IdMap<NodeId, Vec<(ReplyTo, S)>>,
    node_of: BTreeMap<ReplyTo, NodeId>,
}

impl<S> Default for Streams<S> {
    fn default() -> Self {
        Streams { of_node: IdMap::new(), node_of: BTreeMap::new() }
    }
}

impl<S> Streams<S> {
    pub(super) fn open(&mut self, node: NodeId, reply: ReplyTo, stream: S) {
        self.of_node.get_or_insert_with(node, Vec::new).push((reply, stream));
        self.node_of.insert(reply, node);
    }

    /// Shows every stream of a node to `act` in the order of opening, and ends those for which it says false.
    pub(super) fn retain_of(&mut self, node: NodeId, mut act: impl FnMut(ReplyTo, &mut S) -> bool) {
        let Some(streams) = self.of_node.get_mut(node) else { return };
        streams.retain_mut(|(reply, stream)| {
            let stays = act(*reply, stream);
            if !stays {
                self.node_of.remove(reply);
            }
            stays
        });
    }

    /// The nodes that may have streams, in order.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.of_node.ids().collect()
    }

    /// Ends the stream of a call.
    pub(super) fn close(&mut self, reply: ReplyTo) -> Option<S> {
        let node = self.node_of.remove(&reply)?;
        let streams = self.of_node.get_mut(node)?;
        let position = streams.iter().position(|(other, _)| *other == reply)?;
        Some(streams.remove(position).1)
    }

    /// Ends all streams whose items go to this host.
    pub(super) fn close_all_to(&mut self, host: HostId) -> Vec<S> {
        let first = ReplyTo { host, call: CallId { caller: Component::Agent, number: 0 } };
        let theirs = self.node_of.range(first..).map(|(reply, _)| *reply);
        let theirs: Vec<ReplyTo> = theirs.take_while(|reply| reply.host == host).collect();
        theirs.into_iter().filter_map(|reply| self.close(reply)).collect()
    }

    /// Ends all streams, in the order of nodes.
    pub(super) fn close_all(&mut self) -> Vec<(ReplyTo, S)> {
        self.node_of.clear();
        let mut of_node = std::mem::take(&mut self.of_node);
        of_node.values_mut().flat_map(std::mem::take).collect()
    }
}

impl<S: StateDigest> StateDigest for Streams<S> {
    fn digest(&self, digest: &mut Digest) {
        // The way back from calls to nodes follows from the streams.
        let Self { of_node, node_of: _ } = self;
        for (node, streams) in of_node.iter() {
            node.digest(digest);
            for (reply, stream) in streams {
                reply.host.digest(digest);
                digest.u64(reply.call.number);
                stream.digest(digest);
            }
        }
    }
}
