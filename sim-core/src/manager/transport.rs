//! Carries Raft messages to the other managers (spec control-plane 3.5).
//!
//! One queue per peer and one message under way at a time: the next leaves when the last one was answered or
//! given up. Whether a peer counts as active is nothing but the outcome of the last message to it.
use std::collections::{BTreeMap, VecDeque};

use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::{FactId, HostId};
use crate::protocol::{CallId, Component, Effects, ManagerTimer, Message, Request, StoreEntry, Timer};
use crate::raft::{self, Body, RaftId};

/// A message to a peer is given up after this time without an answer.
const SEND_TIMEOUT: SimDuration = SimDuration::from_secs(2);
/// Messages that wait for a peer at most; more are dropped.
const QUEUE_MAX: usize = 4096;

/// A member of the Raft cluster as this manager reaches it.
#[derive(Debug)]
struct Peer {
    host: HostId,
    queue: VecDeque<(raft::Message<StoreEntry>, FactId)>,
    under_way: Option<UnderWay>,
    active: bool,
}

#[derive(Debug)]
struct UnderWay {
    call: CallId,
    timeout: TimerId,
    snapshot: bool,
}

/// What the manager has to tell Raft about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// What was sent is probably lost.
    Unreachable(RaftId),
    /// A snapshot arrived, or did not.
    Snapshot { peer: RaftId, delivered: bool },
}

/// The peers of one manager.
#[derive(Debug, Default)]
pub(crate) struct Transport {
    peers: BTreeMap<RaftId, Peer>,
    calls: BTreeMap<CallId, RaftId>,
}

impl Transport {
    /// Gets to know a peer, or its new address.
    pub(crate) fn add(&mut self, id: RaftId, host: HostId, active: bool) {
        let peer = Peer { host, queue: VecDeque::new(), under_way: None, active };
        self.peers.entry(id).or_insert(peer).host = host;
    }

    /// Forgets a peer.
    pub(crate) fn remove(&mut self, id: RaftId, out: &mut Effects) {
        let Some(peer) = self.peers.remove(&id) else { return };
        if let Some(under_way) = peer.under_way {
            out.cancel_timer(under_way.timeout);
            self.calls.remove(&under_way.call);
        }
    }

    /// Whether the last message to the peer got through.
    pub(crate) fn is_active(&self, id: RaftId) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.active)
    }

    /// The host of a peer.
    pub(crate) fn host(&self, id: RaftId) -> Option<HostId> {
        self.peers.get(&id).map(|peer| peer.host)
    }

    /// Queues a message. A full queue drops it and takes the peer for unreachable.
    pub(crate) fn send(&mut self, message: raft::Message<StoreEntry>, out: &mut Effects) -> Option<Report> {
        let id = message.to;
        let peer = self.peers.get_mut(&id)?;
        if peer.queue.len() >= QUEUE_MAX {
            peer.active = false;
            return Some(Report::Unreachable(id));
        }
        peer.queue.push_back((message, out.cause()));
        self.send_next(id, out);
        None
    }

    /// A call of this transport was answered or failed. `None` if the call is not one of its.
    pub(crate) fn settle(&mut self, call: CallId, delivered: bool, out: &mut Effects) -> Option<Vec<Report>> {
        let id = self.calls.remove(&call)?;
        let peer = self.peers.get_mut(&id)?;
        let under_way = peer.under_way.take()?;
        out.cancel_timer(under_way.timeout);
        peer.active = delivered;
        let mut reports = Vec::new();
        if !delivered {
            reports.push(Report::Unreachable(id));
        }
        if under_way.snapshot {
            reports.push(Report::Snapshot { peer: id, delivered });
        }
        self.send_next(id, out);
        Some(reports)
    }

    /// The process at the other end of the connections with a host has died: what was under way is lost.
    pub(crate) fn reset(&mut self, host: HostId, out: &mut Effects) -> Vec<Report> {
        let lost = self.peers.values().filter(|peer| peer.host == host);
        let calls: Vec<CallId> = lost.filter_map(|peer| Some(peer.under_way.as_ref()?.call)).collect();
        calls.into_iter().filter_map(|call| self.settle(call, false, out)).flatten().collect()
    }

    fn send_next(&mut self, id: RaftId, out: &mut Effects) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.under_way.is_some() {
            return;
        }
        let Some((message, cause)) = peer.queue.pop_front() else { return };
        out.set_cause(cause);
        let call = out.mint_call(Component::Manager);
        let timer = Timer::Manager(ManagerTimer::CallTimeout(call));
        let timeout = out.set_timer(timer, out.now() + SEND_TIMEOUT);
        let snapshot = matches!(message.body, Body::Snapshot(_));
        peer.under_way = Some(UnderWay { call, timeout, snapshot });
        self.calls.insert(call, id);
        out.send(peer.host, Message::Request { call, request: Request::Raft(Box::new(message)) });
    }
}

impl StateDigest for Transport {
    fn digest(&self, digest: &mut Digest) {
        // The calls are those under way.
        let Self { peers, calls: _ } = self;
        for (id, Peer { host, queue, under_way, active }) in peers {
            digest.u64(id.0);
            host.digest(digest);
            digest.u64(queue.len() as u64);
            digest.bool(under_way.is_some());
            digest.bool(*active);
        }
    }
}
