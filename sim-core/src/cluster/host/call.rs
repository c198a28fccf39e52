//! A call that a host's part in the swarm makes to a manager.
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::HostId;
use crate::protocol::{Answer, CallError, CallId, Component, Effects, Message, NodeTimer, Request, Timer};

/// A call that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenCall {
    call: CallId,
    peer: HostId,
    timeout: TimerId,
}

impl OpenCall {
    /// Asks the manager of a host, and waits for so long.
    pub(super) fn make(peer: HostId, request: Request, limit: SimDuration, out: &mut Effects) -> Self {
        let call = out.mint_call(Component::Node);
        let timeout = out.set_timer(Timer::Node(NodeTimer::CallTimeout(call)), out.now() + limit);
        out.send(peer, Message::Request { call, request });
        OpenCall { call, peer, timeout }
    }

    pub(super) fn is(&self, call: CallId) -> bool {
        self.call == call
    }

    /// The call, if it was made to this host.
    pub(super) fn to(&self, peer: HostId) -> Option<CallId> {
        (self.peer == peer).then_some(self.call)
    }

    /// It is over. Whoever does not wait for the answer any longer says so: what has not got through by then, because
    /// there was no connection yet, never does.
    pub(super) fn close(self, answer: &Answer, out: &mut Effects) {
        match answer {
            Err(CallError::TimedOut) => self.give_up(out),
            Ok(_) | Err(_) => out.cancel_timer(self.timeout),
        }
    }

    /// The answer does not matter any more.
    pub(super) fn give_up(self, out: &mut Effects) {
        out.cancel_timer(self.timeout);
        out.send(self.peer, Message::HangUp { call: self.call });
    }
}

impl StateDigest for OpenCall {
    fn digest(&self, digest: &mut Digest) {
        let Self { call, peer, timeout: _ } = self;
        digest.u64(call.number);
        peer.digest(digest);
    }
}
