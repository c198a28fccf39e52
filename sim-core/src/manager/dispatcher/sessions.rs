//! Sessions: how they begin, what is said in them, how they end (spec control-plane 6.4).
use std::net::IpAddr;
use std::sync::Arc;

use super::Dispatcher;
use super::liveness::GRACE_PERIODS;
use super::nodes::RegisteredNodes;
use super::updates::PendingSession;
use crate::kernel::{Digest, StateDigest};
use crate::manager::loops::Context;
use crate::model::{HostId, Node, NodeDescription, NodeId};
use crate::protocol::{
    CallError, LoopTimer, Message, ReplyTo, SessionId, SessionMessage, Status, StatusCode, StreamItem,
};

/// A stream that tells an agent about its session.
#[derive(Debug)]
pub(super) struct SessionStream {
    pub(super) session: SessionId,
    /// The node object as the agent knows it.
    pub(super) object: Arc<Node>,
}

impl Dispatcher {
    /// An agent wants a session, or goes on with the one it has. Both wait until the node is written to be READY.
    pub(super) fn open_session(
        &mut self,
        reply: ReplyTo,
        from: HostId,
        request: (NodeId, Option<SessionId>, Arc<NodeDescription>),
        context: &mut Context<'_>,
    ) -> Result<(), Status> {
        let (node, session, description) = request;
        let (object, resumed) = self.admit(node, session, context)?;
        // It takes an agent that asks and a manager that leads: what came last made it possible.
        let cause = context.cause().max(self.leads_by);
        let address = self.periods.setup().hosts.get(from).map(|host| IpAddr::V4(host.address));
        self.queue.mark_ready(node, address, description, cause);
        self.forget_down(node, context);
        self.queue.wait(PendingSession { reply, object, resumed, cause, hung_up: false });
        self.queue.schedule(&mut self.ties, context);
        Ok(())
    }

    /// A valid session goes on without a count; everybody else registers.
    fn admit(
        &mut self,
        node: NodeId,
        session: Option<SessionId>,
        context: &Context<'_>,
    ) -> Result<(Arc<Node>, Option<SessionId>), Status> {
        if let Some(session) = session
            && let Ok(registered) = self.nodes.with_session(node, session)
        {
            return Ok((Arc::clone(&registered.object), Some(session)));
        }
        if !self.nodes.count_registration(node, context.now()) {
            let id = node.text(self.periods.seed());
            let text = format!("node {id} exceeded rate limit count of registrations");
            return Err(Status::new(StatusCode::Unavailable, text));
        }
        match context.store.node(node) {
            Some(object) => Ok((Arc::clone(object), None)),
            None => Err(Status::new(StatusCode::Unknown, "node not found")),
        }
    }

    /// The pass is over that a session has waited for: it begins, and the agent hears of it.
    pub(super) fn begin_session(&mut self, pending: PendingSession, context: &mut Context<'_>) {
        let PendingSession { reply, object, resumed, cause, hung_up } = pending;
        context.effects.set_cause(cause);
        let node = object.id;
        let session = match resumed {
            Some(session) => session,
            None => self.register(&object, context),
        };
        if hung_up {
            return;
        }
        if let Err(status) = self.nodes.with_session(node, session) {
            return super::answer(reply, Err(CallError::Status(status)), context);
        }
        let object = context.store.node(node).cloned().unwrap_or(object);
        let stream = SessionStream { session, object };
        stream.tell(reply, &self.managers, context);
        self.sessions.open(node, reply, stream);
    }

    fn register(&mut self, object: &Arc<Node>, context: &mut Context<'_>) -> SessionId {
        let node = object.id;
        let session = context.effects.mint_session();
        let (now, cause) = (context.now(), context.cause());
        if let Some(replaced) = self.nodes.register(Arc::clone(object), session, now, cause) {
            replaced.cancel(context);
        }
        let expiry = now + self.periods.choose(object.host).times(GRACE_PERIODS);
        let registered = self.nodes.get_mut(node).expect("registered above");
        registered.expiry.set(expiry, LoopTimer::HeartbeatExpiry { node }, context);
        session
    }

    /// The agents of a node hear how its object looks now.
    pub(super) fn node_changed(&mut self, object: &Arc<Node>, context: &mut Context<'_>) {
        if let Some(registered) = self.nodes.get_mut(object.id) {
            registered.object = Arc::clone(object);
        }
        let (nodes, managers) = (&mut self.nodes, &self.managers);
        self.sessions.retain_of(object.id, |reply, stream| {
            // A session that began after the change has told it in its first message.
            if Arc::ptr_eq(&stream.object, object) || stream.object.meta.version > object.meta.version {
                return true;
            }
            stream.object = Arc::clone(object);
            stream.tell(reply, managers, context);
            stream.still_valid(reply, nodes, context)
        });
    }

    /// All agents hear of something that concerns everybody.
    pub(super) fn tell_everybody(&mut self, context: &mut Context<'_>) {
        for node in self.sessions.nodes() {
            let (nodes, managers) = (&mut self.nodes, &self.managers);
            self.sessions.retain_of(node, |reply, stream| {
                stream.tell(reply, managers, context);
                stream.still_valid(reply, nodes, context)
            });
        }
    }

    /// Leadership is lost: every agent gets a last message and has to look for the next leader.
    pub(super) fn disconnect_all(&mut self, context: &mut Context<'_>) {
        for (reply, stream) in self.sessions.close_all() {
            stream.tell(reply, &self.managers, context);
            let status = Status::new(StatusCode::Aborted, "node must disconnect");
            super::answer(reply, Err(CallError::Status(status)), context);
        }
    }
}

impl SessionStream {
    fn tell(&self, reply: ReplyTo, managers: &Arc<[HostId]>, context: &mut Context<'_>) {
        let message = SessionMessage {
            session: self.session,
            node: Arc::clone(&self.object),
            managers: Arc::clone(managers),
        };
        let item = StreamItem::Session(Arc::new(message));
        context.effects.send(reply.host, Message::Item { call: reply.call, item });
    }

    /// A session that was replaced or has expired is found out after the next message, not before.
    fn still_valid(&self, reply: ReplyTo, nodes: &mut RegisteredNodes, context: &mut Context<'_>) -> bool {
        match nodes.with_session(self.object.id, self.session) {
            Ok(_) => true,
            Err(status) => {
                super::answer(reply, Err(CallError::Status(status)), context);
                false
            }
        }
    }
}

impl StateDigest for SessionStream {
    fn digest(&self, digest: &mut Digest) {
        let Self { session, object } = self;
        digest.u64(session.0);
        digest.u64(object.meta.version);
    }
}
