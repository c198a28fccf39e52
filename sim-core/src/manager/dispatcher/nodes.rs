//! The nodes that the dispatcher trusts at present, each until its heartbeats fail (spec control-plane 6.2 to 6.5).
use std::sync::Arc;

use super::deadline::Deadline;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{FactId, HostId, IdMap, Node, NodeId};
use crate::protocol::{SessionId, Status, StatusCode};

/// Registrations of a node that count for one window (spec control-plane 1.2).
const REGISTRATIONS_MAX: u32 = 3;
/// The count begins anew when the last accepted registration is longer ago (spec control-plane 1.2).
const REGISTRATION_WINDOW: SimDuration = SimDuration::from_secs(8);

/// What the dispatcher remembers about a node that it trusts.
#[derive(Debug)]
pub(super) struct RegisteredNode {
    /// The node object; its last version if it was removed.
    pub(super) object: Arc<Node>,
    /// Where it is; beside the object, because every heartbeat asks.
    pub(super) host: HostId,
    /// The only valid session. Without one the node has not been heard of since this manager leads.
    pub(super) session: Option<SessionId>,
    /// When it is not trusted any longer.
    pub(super) expiry: Deadline,
    /// The fact behind the last sign of life.
    pub(super) heard: FactId,
    /// When the last counted registration was accepted; absent: before any window that still matters.
    registered_at: Option<SimTime>,
    registrations: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct RegisteredNodes {
    nodes: IdMap<NodeId, RegisteredNode>,
}

impl RegisteredNode {
    /// Without a deadline yet, and without registrations that count.
    pub(super) fn new(object: Arc<Node>, session: Option<SessionId>, cause: FactId) -> Self {
        RegisteredNode {
            host: object.host,
            object,
            session,
            expiry: Deadline::default(),
            heard: cause,
            registered_at: None,
            registrations: 0,
        }
    }
}

impl RegisteredNodes {
    /// Trusts a node from now on.
    pub(super) fn insert(&mut self, node: RegisteredNode) {
        self.nodes.insert(node.object.id, node);
    }

    /// Gives a node a session in place of an older one, whose deadline is returned. The count of registrations
    /// goes on.
    pub(super) fn register(
        &mut self,
        object: Arc<Node>,
        session: SessionId,
        now: SimTime,
        cause: FactId,
    ) -> Option<Deadline> {
        let mut node = RegisteredNode::new(object, Some(session), cause);
        node.registered_at = Some(now);
        let old = self.nodes.remove(node.object.id);
        if let Some(old) = &old {
            (node.registered_at, node.registrations) = (old.registered_at, old.registrations);
        }
        self.insert(node);
        old.map(|old| old.expiry)
    }

    pub(super) fn get_mut(&mut self, node: NodeId) -> Option<&mut RegisteredNode> {
        self.nodes.get_mut(node)
    }

    /// All nodes in id order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut RegisteredNode> {
        self.nodes.values_mut()
    }

    pub(super) fn remove(&mut self, node: NodeId) -> Option<RegisteredNode> {
        self.nodes.remove(node)
    }

    /// The node, if this is its valid session.
    pub(super) fn with_session(
        &mut self,
        node: NodeId,
        session: SessionId,
    ) -> Result<&mut RegisteredNode, Status> {
        match self.nodes.get_mut(node) {
            None => Err(Status::new(StatusCode::NotFound, "node not registered")),
            Some(found) if found.session == Some(session) => Ok(found),
            Some(_) => Err(Status::new(StatusCode::InvalidArgument, "session invalid")),
        }
    }

    /// Counts an attempt to register. False if there were too many; a node that is not known here has no count.
    pub(super) fn count_registration(&mut self, node: NodeId, now: SimTime) -> bool {
        let Some(node) = self.nodes.get_mut(node) else { return true };
        if node.registered_at.is_none_or(|last| now.since(last) > REGISTRATION_WINDOW) {
            node.registrations = 0;
        }
        node.registrations += 1;
        if node.registrations > REGISTRATIONS_MAX {
            return false;
        }
        node.registered_at = Some(now);
        true
    }
}

impl StateDigest for RegisteredNodes {
    fn digest(&self, digest: &mut Digest) {
        let Self { nodes } = self;
        nodes.digest(digest);
    }
}

impl StateDigest for RegisteredNode {
    fn digest(&self, digest: &mut Digest) {
        let Self { object, host: _, session, expiry, heard, registered_at, registrations } = self;
        digest.u64(object.meta.version);
        session.map(|session| session.0).digest(digest);
        expiry.digest(digest);
        heard.digest(digest);
        registered_at.digest(digest);
        digest.u32(*registrations);
    }
}
