//! Requests that only the leader can answer: where they go from a manager that does not lead
//! (spec control-plane 3.6).
use std::collections::BTreeMap;

use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::{FactId, HostId};
use crate::protocol::{CallId, Component, Effects, ManagerTimer, Message, ReplyTo, Request, Timer};

/// Time between two looks of a waiting request.
pub(crate) const LEADER_POLL: SimDuration = SimDuration::from_secs(1);
/// Time after which a request looks for a leader again that could not be passed on to the last one.
pub(crate) const BROKEN_POLL: SimDuration = SimDuration::from_millis(500);
/// After so many ticks without a leader, requests fail at once.
pub(crate) const LOST_QUORUM_TICKS: u64 = 10;
/// What they fail with.
pub(crate) const NO_LEADER: &str = "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.";

/// Requests on their way to a leader, or waiting for one.
#[derive(Debug, Default)]
pub(crate) struct Forwarding {
    /// By the call that this manager made for it.
    passed_on: BTreeMap<CallId, PassedOn>,
    /// The calls that their callers may hang up.
    call_of: BTreeMap<ReplyTo, CallId>,
    /// Each looks for a leader by itself, in the order in which they came.
    waiting: BTreeMap<u64, Waiting>,
    /// The number of the next one that waits.
    next_place: u64,
}

/// A request that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) reply: ReplyTo,
    pub(crate) request: Request,
    pub(crate) cause: FactId,
    /// What is done if there is still no leader known.
    pub(crate) patience: Patience,
}

/// How long a request waits for a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It has found none, and waits for as long as its caller does.
    Endless,
    /// Nobody listened where the leader was. It looks once more, as if it had just come.
    Once,
}

/// A request that the leader is asked to answer.
#[derive(Clone, Debug)]
struct PassedOn {
    reply: ReplyTo,
    leader: HostId,
    /// Whether the caller may hang up. Heartbeats and reports are short, and far more than all the rest.
    lasts: bool,
    /// What a client asks for, and why: it is asked again if nobody listens there. Agents begin a new session anyway.
    again: Option<Box<(Request, FactId)>>,
}

impl Forwarding {
    /// Passes a request on to the leader's host.
    pub(crate) fn pass_on(&mut self, reply: ReplyTo, request: Request, leader: HostId, out: &mut Effects) {
        let call = out.mint_call(Component::Manager);
        let lasts = !matches!(request, Request::Heartbeat { .. } | Request::UpdateTaskStatus { .. });
        let again = matches!(request, Request::Api(_)).then(|| Box::new((request.clone(), out.cause())));
        self.insert(call, PassedOn { reply, leader, lasts, again });
        let request = Request::Forwarded { from: reply.host, request: Box::new(request) };
        out.send(leader, Message::Request { call, request });
    }

    /// A stream that was passed on before the run began. Returns the call to the leader.
    pub(crate) fn settled(&mut self, reply: ReplyTo, leader: HostId, out: &mut Effects) -> CallId {
        let call = out.mint_call(Component::Manager);
        self.insert(call, PassedOn { reply, leader, lasts: true, again: None });
        call
    }

    fn insert(&mut self, call: CallId, passed_on: PassedOn) {
        if passed_on.lasts {
            self.call_of.insert(passed_on.reply, call);
        }
        self.passed_on.insert(call, passed_on);
    }

    /// Keeps a request until it looks for a leader again.
    pub(crate) fn wait(&mut self, reply: ReplyTo, request: Request, patience: Patience, out: &mut Effects) {
        let pause = match patience {
            Patience::Endless => LEADER_POLL,
            Patience::Once => BROKEN_POLL,
        };
        self.next_place += 1;
        let place = self.next_place;
        out.set_timer(Timer::Manager(ManagerTimer::LeaderPoll(place)), out.now() + pause);
        self.waiting.insert(place, Waiting { reply, request, cause: out.cause(), patience });
    }

    /// A request that looks for a leader again, if its caller still waits.
    pub(crate) fn take_waiting(&mut self, place: u64) -> Option<Waiting> {
        self.waiting.remove(&place)
    }

    /// For whom this manager made a call.
    pub(crate) fn origin(&self, call: CallId) -> Option<ReplyTo> {
        self.passed_on.get(&call).map(|passed_on| passed_on.reply)
    }

    /// A call made for somebody else is over. Returns what can be asked again if it was refused.
    pub(crate) fn finish(&mut self, call: CallId) -> Option<(ReplyTo, Option<(Request, FactId)>)> {
        let PassedOn { reply, lasts, again, .. } = self.passed_on.remove(&call)?;
        if lasts {
            self.call_of.remove(&reply);
        }
        Some((reply, again.map(|again| *again)))
    }

    /// The caller is not interested any longer. Returns the call to hang up, and where.
    pub(crate) fn hang_up(&mut self, reply: ReplyTo) -> Option<(CallId, HostId)> {
        self.waiting.retain(|_, waiting| waiting.reply != reply);
        let call = self.call_of.remove(&reply)?;
        let PassedOn { leader, .. } = self.passed_on.remove(&call)?;
        Some((call, leader))
    }

    /// Calls that wait for an answer from a host.
    pub(crate) fn calls_to(&self, leader: HostId) -> Vec<CallId> {
        let theirs = self.passed_on.iter().filter(|(_, passed_on)| passed_on.leader == leader);
        theirs.map(|(call, _)| *call).collect()
    }

    /// The calls made for others, each with the host that is asked.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (CallId, HostId)> {
        self.passed_on.iter().map(|(call, passed_on)| (*call, passed_on.leader))
    }

    /// Forgets all requests. Returns who waits.
    pub(crate) fn close(&mut self) -> Vec<ReplyTo> {
        let Forwarding { passed_on, call_of: _, waiting, next_place } = std::mem::take(self);
        self.next_place = next_place;
        let passed_on = passed_on.into_values().map(|passed_on| passed_on.reply);
        let waiting = waiting.into_values().map(|waiting| waiting.reply);
        passed_on.chain(waiting).collect()
    }

    /// Forgets the requests of a host whose process died. Returns the calls to hang up, and where.
    pub(crate) fn forget(&mut self, host: HostId) -> Vec<(CallId, HostId)> {
        self.waiting.retain(|_, waiting| waiting.reply.host != host);
        let theirs = self.passed_on.iter().filter(|(_, passed_on)| passed_on.reply.host == host);
        let theirs: Vec<(CallId, HostId)> =
            theirs.map(|(call, passed_on)| (*call, passed_on.leader)).collect();
        for (call, _) in &theirs {
            self.finish(*call);
        }
        theirs
    }
}

impl StateDigest for Forwarding {
    fn digest(&self, digest: &mut Digest) {
        // The reverse map follows from the first.
        let Self { passed_on, call_of: _, waiting, next_place } = self;
        passed_on.digest(digest);
        digest.debug(waiting);
        digest.u64(*next_place);
    }
}

impl StateDigest for PassedOn {
    fn digest(&self, digest: &mut Digest) {
        let Self { reply, leader, lasts, again } = self;
        reply.digest(digest);
        leader.digest(digest);
        digest.bool(*lasts);
        digest.debug(again);
    }
}
