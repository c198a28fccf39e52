//! Requests that only the leader can answer: where they go from a manager that does not lead
//! (spec control-plane 3.6).
use std::collections::{BTreeMap, VecDeque};

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
    /// What clients ask for, and streams, by the call that this manager made for it.
    passed_on: BTreeMap<CallId, PassedOn>,
    /// Heartbeats and reports, by the call as well, which nobody hangs up. They are far more than all the rest, and
    /// answered in the order in which they were passed on, unless leaders change.
    brief: VecDeque<(CallId, PassedOn)>,
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
    /// What a client asks for, and why: it is asked again if nobody listens there. Agents begin a new session anyway.
    again: Option<Box<(Request, FactId)>>,
}

impl Forwarding {
    /// Passes a request on to the leader's host.
    pub(crate) fn pass_on(&mut self, reply: ReplyTo, request: Request, leader: HostId, out: &mut Effects) {
        let call = out.mint_call(Component::Manager);
        let again = matches!(request, Request::Api(_)).then(|| Box::new((request.clone(), out.cause())));
        let passed_on = PassedOn { reply, leader, again };
        if matches!(request, Request::Heartbeat { .. } | Request::UpdateTaskStatus { .. }) {
            self.brief.push_back((call, passed_on));
        } else {
            self.insert(call, passed_on);
        }
        let request = Request::Forwarded { from: reply.host, request: Box::new(request) };
        out.send(leader, Message::Request { call, request });
    }

    /// A stream that was passed on before the run began. Returns the call to the leader.
    pub(crate) fn settled(&mut self, reply: ReplyTo, leader: HostId, out: &mut Effects) -> CallId {
        let call = out.mint_call(Component::Manager);
        self.insert(call, PassedOn { reply, leader, again: None });
        call
    }

    fn insert(&mut self, call: CallId, passed_on: PassedOn) {
        self.call_of.insert(passed_on.reply, call);
        self.passed_on.insert(call, passed_on);
    }

    /// The place of a call among the brief ones.
    fn place(&self, call: CallId) -> Option<usize> {
        match self.brief.front() {
            Some((first, _)) if *first == call => Some(0),
            _ => self.brief.binary_search_by_key(&call, |(call, _)| *call).ok(),
        }
    }

    /// All calls in their order.
    fn all(&self) -> Vec<(CallId, &PassedOn)> {
        let lasting = self.passed_on.iter().map(|(call, passed_on)| (*call, passed_on));
        let brief = self.brief.iter().map(|(call, passed_on)| (*call, passed_on));
        let mut all: Vec<_> = lasting.chain(brief).collect();
        all.sort_unstable_by_key(|(call, _)| *call);
        all
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
        let brief = || self.place(call).map(|place| &self.brief[place].1);
        self.passed_on.get(&call).or_else(brief).map(|passed_on| passed_on.reply)
    }

    /// A call made for somebody else is over. Returns what can be asked again if it was refused.
    pub(crate) fn finish(&mut self, call: CallId) -> Option<(ReplyTo, Option<(Request, FactId)>)> {
        if let Some(place) = self.place(call) {
            let (_, PassedOn { reply, .. }) = self.brief.remove(place)?;
            return Some((reply, None));
        }
        let PassedOn { reply, again, .. } = self.passed_on.remove(&call)?;
        self.call_of.remove(&reply);
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
        let theirs = self.all().into_iter().filter(|(_, passed_on)| passed_on.leader == leader);
        theirs.map(|(call, _)| call).collect()
    }

    /// The calls made for others, each with the host that is asked.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (CallId, HostId)> {
        self.all().into_iter().map(|(call, passed_on)| (call, passed_on.leader))
    }

    /// Forgets all requests. Returns who waits.
    pub(crate) fn close(&mut self) -> Vec<ReplyTo> {
        let closed = std::mem::take(self);
        self.next_place = closed.next_place;
        let passed_on = closed.all().into_iter().map(|(_, passed_on)| passed_on.reply);
        passed_on.chain(closed.waiting.values().map(|waiting| waiting.reply)).collect()
    }

    /// Forgets the requests of a host whose process died. Returns the calls to hang up, and where.
    pub(crate) fn forget(&mut self, host: HostId) -> Vec<(CallId, HostId)> {
        self.waiting.retain(|_, waiting| waiting.reply.host != host);
        let theirs = self.all().into_iter().filter(|(_, passed_on)| passed_on.reply.host == host);
        let theirs: Vec<(CallId, HostId)> =
            theirs.map(|(call, passed_on)| (call, passed_on.leader)).collect();
        for (call, _) in &theirs {
            self.finish(*call);
        }
        theirs
    }
}

impl StateDigest for Forwarding {
    fn digest(&self, digest: &mut Digest) {
        // The reverse map follows from the first.
        let Self { passed_on, brief, call_of: _, waiting, next_place } = self;
        passed_on.digest(digest);
        brief.digest(digest);
        digest.debug(waiting);
        digest.u64(*next_place);
    }
}

impl StateDigest for PassedOn {
    fn digest(&self, digest: &mut Digest) {
        let Self { reply, leader, again } = self;
        reply.digest(digest);
        leader.digest(digest);
        digest.debug(again);
    }
}
