//! Carries Raft messages to the other managers (spec control-plane 3.5).
//!
//! One queue per peer and one message under way at a time: the next leaves when the last one was answered or
//! given up. Whether a peer counts as active is nothing but the outcome of the last message to it. A peer whose
//! host refuses connections is dialled again after a while, and everything for it fails until that succeeds.
use std::collections::{BTreeMap, VecDeque};

use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest, Stream};
use crate::model::{FactId, HostId};
use crate::protocol::{CallId, Component, Effects, ManagerTimer, Message, Request, StoreEntry, Timer};
use crate::raft::{self, Body, RaftId};

/// A message to a peer is given up after this time without an answer (spec control-plane 1.1).
const SEND_TIMEOUT: SimDuration = SimDuration::from_secs(2);
/// Messages that wait for a peer at most; more are dropped (spec control-plane 1.1).
const QUEUE_MAX: usize = 4096;

/// Time after the first refused connection (spec control-plane 3.5).
const REDIAL_FIRST: SimDuration = SimDuration::from_secs(1);
/// Longest time between two attempts to connect (spec control-plane 1.1).
const REDIAL_MAX: SimDuration = SimDuration::from_secs(8);

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It was answered.
    Done,
    /// Nobody listened.
    Refused,
    /// It was lost, refused by the peer itself, or took too long.
    Failed,
}

/// A member of the Raft cluster as this manager reaches it.
#[derive(Debug)]
struct Peer {
    host: HostId,
    queue: VecDeque<(raft::Message<StoreEntry>, FactId)>,
    under_way: Option<UnderWay>,
    active: bool,
    /// The time after which the next attempt to connect follows, while there is no connection.
    disconnected: Option<SimDuration>,
    /// It is no member any more, and gets only what is queued.
    removed: bool,
}

#[derive(Debug)]
struct UnderWay {
    call: CallId,
    timeout: TimerId,
    carries: Carries,
}

impl StateDigest for UnderWay {
    fn digest(&self, digest: &mut Digest) {
        // The time-out is in the queue.
        let Self { call, timeout: _, carries } = self;
        call.digest(digest);
        digest.u8(*carries as u8);
    }
}

/// What a call to a peer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    Message,
    Snapshot,
    /// Nothing: it only tries to connect.
    Dial,
}

/// What the manager has to tell Raft about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// What was sent is probably lost.
    Unreachable(RaftId),
    /// A snapshot arrived, or did not.
    Snapshot { peer: RaftId, delivered: bool },
}

/// What became of a message that Raft has handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Handover {
    /// It leaves when it is its turn.
    Queued,
    /// It is to a removed member, or to nobody that is known.
    NoMember,
    /// The peer cannot be reached, or has not taken what it got before.
    Unreachable(Vec<Report>),
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
        let peer = Peer {
            host,
            queue: VecDeque::new(),
            under_way: None,
            active,
            disconnected: None,
            removed: false,
        };
        self.peers.entry(id).or_insert(peer).host = host;
    }

    /// A peer is no member any more. What is queued still leaves: it tells the peer of its removal.
    pub(crate) fn remove(&mut self, id: RaftId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        (peer.removed, peer.active) = (true, false);
        if peer.under_way.is_none() {
            self.peers.remove(&id);
        }
    }

    /// Whether the last message to the peer got through.
    pub(crate) fn is_active(&self, id: RaftId) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.active)
    }

    /// Whether there is a connection with the peer, as far as this manager knows.
    pub(crate) fn can_reach(&self, id: RaftId) -> bool {
        self.peers.get(&id).is_some_and(|peer| peer.disconnected.is_none())
    }

    /// The host of a peer.
    pub(crate) fn host(&self, id: RaftId) -> Option<HostId> {
        self.peers.get(&id).map(|peer| peer.host)
    }

    /// Queues a message. Without a connection, or with a full queue, it is dropped and the peer is unreachable.
    pub(crate) fn send(&mut self, message: raft::Message<StoreEntry>, out: &mut Effects) -> Handover {
        let id = message.to;
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| !peer.removed) else {
            return Handover::NoMember;
        };
        if peer.disconnected.is_some() || peer.queue.len() >= QUEUE_MAX {
            peer.active = false;
            return Handover::Unreachable(failed(id, carries(&message)));
        }
        peer.queue.push_back((message, out.cause()));
        self.send_next(id, out);
        Handover::Queued
    }

    /// A call of this transport was answered or failed. `None` if the call is not one of its.
    pub(crate) fn settle(
        &mut self,
        call: CallId,
        delivery: Delivery,
        random: &mut Stream,
        out: &mut Effects,
    ) -> Option<Vec<Report>> {
        let id = self.calls.remove(&call)?;
        let peer = self.peers.get_mut(&id)?;
        let under_way = peer.under_way.take()?;
        out.cancel_timer(under_way.timeout);
        let delivered = delivery == Delivery::Done;
        if under_way.carries == Carries::Dial {
            match delivered {
                true => peer.disconnected = None,
                false => peer.redial_later(id, random, out),
            }
            return Some(Vec::new());
        }
        peer.active = delivered && !peer.removed;
        let mut reports = match (delivered, under_way.carries) {
            (true, Carries::Snapshot) => vec![Report::Snapshot { peer: id, delivered }],
            (true, Carries::Message | Carries::Dial) => Vec::new(),
            (false, carries) => failed(id, carries),
        };
        if delivery == Delivery::Refused {
            peer.redial_later(id, random, out);
            let dropped = std::mem::take(&mut peer.queue);
            reports.extend(dropped.iter().flat_map(|(message, _)| failed(id, carries(message))));
        }
        self.send_next(id, out);
        Some(reports)
    }

    /// The process at the other end of the connections with a host has died: what was under way is lost.
    pub(crate) fn reset(&mut self, host: HostId, random: &mut Stream, out: &mut Effects) -> Vec<Report> {
        let lost = self.peers.values().filter(|peer| peer.host == host);
        let calls: Vec<CallId> = lost.filter_map(|peer| Some(peer.under_way.as_ref()?.call)).collect();
        let settle = |call| self.settle(call, Delivery::Failed, random, out);
        calls.into_iter().filter_map(settle).flatten().collect()
    }

    /// Tries again to connect with a peer.
    pub(crate) fn redial(&mut self, id: RaftId, out: &mut Effects) {
        let disconnected = |peer: &&mut Peer| peer.disconnected.is_some() && peer.under_way.is_none();
        if self.peers.get_mut(&id).filter(disconnected).is_some() {
            self.call(id, Request::Health, Carries::Dial, out);
        }
    }

    fn send_next(&mut self, id: RaftId, out: &mut Effects) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.under_way.is_some() {
            return;
        }
        let Some((message, cause)) = peer.queue.pop_front() else {
            if peer.removed {
                self.peers.remove(&id);
            }
            return;
        };
        out.set_cause(cause);
        let carries = carries(&message);
        self.call(id, Request::Raft(Box::new(message)), carries, out);
    }

    fn call(&mut self, id: RaftId, request: Request, carries: Carries, out: &mut Effects) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let call = out.mint_call(Component::Manager);
        let timer = Timer::Manager(ManagerTimer::CallTimeout(call));
        let timeout = out.set_timer(timer, out.now() + SEND_TIMEOUT);
        peer.under_way = Some(UnderWay { call, timeout, carries });
        self.calls.insert(call, id);
        out.send(peer.host, Message::Request { call, request });
    }
}

impl Peer {
    /// The next attempt to connect follows after a time that grows by six tenths with each, up to a limit, and
    /// differs from it by up to a fifth.
    fn redial_later(&mut self, id: RaftId, random: &mut Stream, out: &mut Effects) {
        let pause = self.disconnected.unwrap_or(REDIAL_FIRST);
        let next = SimDuration::from_nanos(pause.as_nanos() / 5 * 8);
        self.disconnected = Some(next.min(REDIAL_MAX));
        let fifth = SimDuration::from_nanos(pause.as_nanos() / 5);
        let drawn = random.span(pause.saturating_sub(fifth), pause + fifth);
        out.set_timer(Timer::Manager(ManagerTimer::Redial(id)), out.now() + drawn);
    }
}

fn carries(message: &raft::Message<StoreEntry>) -> Carries {
    if matches!(message.body, Body::Snapshot(_)) { Carries::Snapshot } else { Carries::Message }
}

/// What Raft has to know of a message that did not arrive.
fn failed(peer: RaftId, carries: Carries) -> Vec<Report> {
    let mut reports = vec![Report::Unreachable(peer)];
    if carries == Carries::Snapshot {
        reports.push(Report::Snapshot { peer, delivered: false });
    }
    reports
}

impl StateDigest for Transport {
    fn digest(&self, digest: &mut Digest) {
        // The calls are those under way.
        let Self { peers, calls: _ } = self;
        for (id, Peer { host, queue, under_way, active, disconnected, removed }) in peers {
            digest.u64(id.0);
            host.digest(digest);
            queue.digest(digest);
            under_way.digest(digest);
            digest.bool(*active);
            disconnected.digest(digest);
            digest.bool(*removed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ManagerSnapshot;
    use crate::raft::{EntryId, Snapshot, Term};

    const OWN: RaftId = RaftId(1);
    const PEER: RaftId = RaftId(2);
    const OTHER: RaftId = RaftId(3);

    fn message(to: RaftId, body: Body<StoreEntry>) -> raft::Message<StoreEntry> {
        raft::Message { from: OWN, to, term: Term(1), body }
    }

    fn heartbeat(to: RaftId) -> raft::Message<StoreEntry> {
        message(to, Body::Heartbeat { commit: 0 })
    }

    fn snapshot(to: RaftId) -> raft::Message<StoreEntry> {
        let data = ManagerSnapshot {
            store: Default::default(),
            members: BTreeMap::new(),
            removed: Default::default(),
        };
        let last = EntryId { term: Term(1), index: 10 };
        message(to, Body::Snapshot(Snapshot { last, voters: vec![OWN, PEER], data }))
    }

    /// Two peers, which count as active.
    fn transport() -> (Transport, Effects, Stream) {
        let mut transport = Transport::default();
        transport.add(PEER, HostId(2), true);
        transport.add(OTHER, HostId(3), true);
        (transport, Effects::new(), Stream::named(1, "redial/test"))
    }

    /// Where calls went since the last time.
    fn sent(out: &mut Effects) -> Vec<(HostId, CallId)> {
        let mut outbox = Vec::new();
        out.swap_outbox(&mut outbox);
        let call = |(_, to, _, message)| {
            let Message::Request { call, .. } = message else { return None };
            Some((to, call))
        };
        outbox.into_iter().filter_map(call).collect()
    }

    #[test]
    fn mgr_040_each_peer_gets_its_messages_one_after_the_other() {
        // MGR-040
        let (mut transport, mut out, mut random) = transport();
        for to in [PEER, PEER, OTHER] {
            assert_eq!(transport.send(heartbeat(to), &mut out), Handover::Queued);
        }
        let calls = sent(&mut out);
        assert_eq!(calls.iter().map(|(host, _)| *host).collect::<Vec<_>>(), [HostId(2), HostId(3)]);
        let reports = transport.settle(calls[0].1, Delivery::Done, &mut random, &mut out);
        assert_eq!(reports, Some(Vec::new()));
        assert_eq!(sent(&mut out).iter().map(|(host, _)| *host).collect::<Vec<_>>(), [HostId(2)]);
    }

    #[test]
    fn mgr_041_a_message_to_a_removed_peer_is_refused_and_others_are_not() {
        // MGR-041: whether something for it was under way when it was removed, or not.
        for busy in [false, true] {
            let (mut transport, mut out, mut random) = transport();
            if busy {
                assert_eq!(transport.send(heartbeat(PEER), &mut out), Handover::Queued);
            }
            let under_way = sent(&mut out);
            transport.remove(PEER);
            assert_eq!(transport.send(heartbeat(PEER), &mut out), Handover::NoMember);
            assert_eq!(transport.send(heartbeat(OTHER), &mut out), Handover::Queued);
            for (_, call) in under_way {
                transport.settle(call, Delivery::Done, &mut random, &mut out);
                assert_eq!(transport.send(heartbeat(PEER), &mut out), Handover::NoMember);
            }
            assert_eq!(sent(&mut out).iter().map(|(host, _)| *host).collect::<Vec<_>>(), [HostId(3)]);
            assert!(!transport.is_active(PEER) && transport.is_active(OTHER));
        }
    }

    #[test]
    fn mgr_042_a_snapshot_that_nobody_takes_is_reported_twice() {
        // MGR-042
        let (mut transport, mut out, mut random) = transport();
        transport.send(snapshot(PEER), &mut out);
        let (_, call) = sent(&mut out)[0];
        let reports = transport.settle(call, Delivery::Refused, &mut random, &mut out);
        let expected = vec![Report::Unreachable(PEER), Report::Snapshot { peer: PEER, delivered: false }];
        assert_eq!(reports, Some(expected));
        assert!(!transport.is_active(PEER) && transport.is_active(OTHER));
    }

    #[test]
    fn mgr_045_what_does_not_fit_into_the_queue_is_reported() {
        // MGR-045
        let (mut transport, mut out, _) = transport();
        for _ in 0..=QUEUE_MAX {
            assert_eq!(transport.send(heartbeat(PEER), &mut out), Handover::Queued);
        }
        let refused = Handover::Unreachable(vec![Report::Unreachable(PEER)]);
        assert_eq!(transport.send(heartbeat(PEER), &mut out), refused);
        assert!(!transport.is_active(PEER));
    }
}
