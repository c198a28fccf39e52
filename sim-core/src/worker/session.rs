//! The life of an agent's session with a dispatcher (spec control-plane 7.1).
//!
//! ```text
//!            delay over              first item within 5 s
//! Waiting ──────────────▶ Opening ─────────────────────────▶ Open
//!    ▲                       │ error, 5 s                      │ any of heartbeat, stream, assignments
//!    └──── back-off ─────────┴─────────────────────────────────┘ and reports failed
//! ```
//!
//! The manager is drawn before the delay begins. A host with a manager of its own talks to no other, even if that
//! one reaches no leader. Losing the session changes nothing about tasks.
mod phase;

use std::borrow::Cow;
use std::sync::Arc;

use self::phase::{Gone, Heartbeat, Phase};
use super::alarm::Alarm;
use super::remotes::Remotes;
use super::reporter::Route;
use crate::kernel::{Digest, Ppm, SimDuration, SimTime, StateDigest, Stream, Streams};
use crate::model::{Fact, FactId, HostId, Node, NodeDescription, NodeId, SessionEvent};
use crate::protocol::{
    AgentTimer, Answer, CallError, CallId, Component, Effects, Message, Request, Response, SessionId,
    SessionMessage, StatusCode,
};

/// How long the first item of a session and the answer to a heartbeat are waited for (spec control-plane 1.3).
const DISPATCHER_TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// The back-off after the first failure in a row. Later ones add this to twice the one before (spec control-plane
/// 1.3).
const BACKOFF_FIRST: SimDuration = SimDuration::from_millis(100);
/// The longest back-off (spec control-plane 1.3).
const BACKOFF_MAX: SimDuration = SimDuration::from_secs(8);
/// How often the end of an open session counts as two failures, because two of the goroutines that serve it
/// report it before it is closed. Recorded: 79 of 190 times; never while a session is being opened.
const SECOND_FAILURE: Ppm = Ppm(416_000);

/// The random streams of an agent.
#[derive(Debug)]
pub(crate) struct AgentStreams {
    pub(crate) backoff: Stream,
    pub(crate) manager_choice: Stream,
}

impl StateDigest for AgentStreams {
    fn digest(&self, digest: &mut Digest) {
        let Self { backoff, manager_choice } = self;
        backoff.digest(digest);
        manager_choice.digest(digest);
    }
}

impl AgentStreams {
    /// The streams of the host with this name.
    pub(crate) fn of(streams: &mut Streams, host: &str) -> Self {
        AgentStreams {
            backoff: streams.stream(&format!("backoff/{host}")),
            manager_choice: streams.stream(&format!("manager-choice/{host}")),
        }
    }
}

/// A session with a dispatcher, or the attempts to get one.
#[derive(Debug)]
pub(super) struct Session {
    host: HostId,
    node: NodeId,
    local_manager: bool,
    /// What is told at the next opening.
    description: Arc<NodeDescription>,
    remotes: Remotes,
    /// In a place of their own: they are large, and needed when a session ends only.
    streams: Box<AgentStreams>,
    /// The last one that a dispatcher gave. It is sent along when the session is opened again.
    id: Option<SessionId>,
    backoff: SimDuration,
    phase: Phase,
    /// Why a session is asked for: the process began, or a manager has ended the last one. That one was silent is no
    /// reason: what let the next session begin is that another one leads, or that the way is open again.
    wanted_by: FactId,
    /// The stream of assignments of the session that failed last, and when it failed.
    last_assignments: Option<(CallId, SimTime)>,
    /// The node object as last told.
    node_object: Option<Arc<Node>>,
}

impl Session {
    pub(super) fn new(
        (host, node): (HostId, NodeId),
        local_manager: bool,
        description: Arc<NodeDescription>,
        managers: &[HostId],
        streams: AgentStreams,
    ) -> Self {
        Session {
            host,
            node,
            local_manager,
            description,
            remotes: Remotes::new(managers),
            streams: Box::new(streams),
            id: None,
            backoff: SimDuration::ZERO,
            phase: Phase::Closed,
            wanted_by: FactId::START,
            last_assignments: None,
            node_object: None,
        }
    }

    /// A new process opens its first session at once.
    pub(super) fn start(&mut self, out: &mut Effects) {
        self.remotes.restart();
        (self.id, self.backoff) = (None, SimDuration::ZERO);
        self.wanted_by = out.cause();
        self.open_after(SimDuration::ZERO, out);
    }

    /// The session was opened long ago.
    pub(super) fn settle(
        &mut self,
        (peer, session): (HostId, SessionId),
        (opening, assignments): (CallId, CallId),
        next_heartbeat: SimTime,
        out: &mut Effects,
    ) {
        self.remotes.settle();
        self.id = Some(session);
        let heartbeat = Heartbeat::Due(Alarm::set(AgentTimer::Heartbeat, next_heartbeat, out));
        self.phase = Phase::Open { peer, session, opening, assignments, heartbeat };
    }

    /// The process is over. Nobody is told.
    pub(super) fn die(&mut self) {
        self.phase = Phase::Closed;
    }

    /// The process ends in an orderly way and closes its connection.
    pub(super) fn stop(&mut self, out: &mut Effects) {
        self.phase.hang_up(Gone::Nothing, out);
        self.phase = Phase::Closed;
    }

    /// Where reports go, if the session is open.
    pub(super) fn route(&self) -> Option<Route> {
        self.phase.route()
    }

    /// The node object as the dispatcher last told it.
    pub(super) fn node_object(&self) -> Option<&Arc<Node>> {
        self.node_object.as_ref()
    }

    /// Whether the host has a manager of its own, from the next opening on.
    pub(super) fn set_local_manager(&mut self, local: bool) {
        self.local_manager = local;
    }

    /// True if this is the stream of assignments of the open session. What arrives together with the end of a
    /// session is still handled, as after a thaw, when the process finds everything at once.
    pub(super) fn brings_assignments(&self, call: CallId, now: SimTime) -> bool {
        self.last_assignments == Some((call, now))
            || matches!(self.phase, Phase::Open { assignments, .. } if assignments == call)
    }

    /// The manager for the next session.
    pub(super) fn choose_manager(&mut self) -> Option<HostId> {
        if self.local_manager {
            return Some(self.host);
        }
        self.remotes.choose(None, &mut self.streams.manager_choice)
    }

    /// The managers that are known.
    pub(super) fn known_managers(&self) -> Vec<HostId> {
        self.remotes.known()
    }

    /// Ends for good.
    pub(super) fn into_streams(self) -> AgentStreams {
        *self.streams
    }

    /// A manager of another host.
    pub(super) fn choose_other_manager(&mut self) -> Option<HostId> {
        self.remotes.choose(Some(self.host), &mut self.streams.manager_choice)
    }

    fn open_after(&mut self, delay: SimDuration, out: &mut Effects) {
        let peer = self.choose_manager();
        let delay = Alarm::set(AgentTimer::OpenSession, out.now() + delay, out);
        self.phase = Phase::Waiting { peer, delay };
    }

    /// The delay is over.
    pub(super) fn open(&mut self, out: &mut Effects) {
        let Phase::Waiting { peer, delay } = self.phase else { return };
        if !delay.is_due(out) {
            return;
        }
        out.set_cause(self.wanted_by);
        let Some(peer) = peer else {
            self.fail("no remote hosts provided".into(), Gone::Nothing, out);
            return;
        };
        let call = out.mint_call(Component::Agent);
        let description = Arc::clone(&self.description);
        let request = Request::Session { node: self.node, session: self.id, description };
        out.send(peer, Message::Request { call, request });
        self.phase = Phase::Opening { peer, call, limit: limit(call, out) };
    }

    /// The dispatcher tells about the session. The first time, that is its acceptance. False if the message is of an
    /// earlier session.
    pub(super) fn told(&mut self, call: CallId, message: &SessionMessage, out: &mut Effects) -> bool {
        match self.phase {
            Phase::Opening { peer, call: opening, limit } if opening == call => {
                limit.cancel(out);
                self.registered(peer, opening, message.session, out);
            }
            Phase::Open { opening, .. } if opening == call => {}
            Phase::Closed | Phase::Waiting { .. } | Phase::Opening { .. } | Phase::Open { .. } => {
                return false;
            }
        }
        self.remotes.list(&message.managers);
        self.node_object = Some(Arc::clone(&message.node));
        true
    }

    fn registered(&mut self, peer: HostId, opening: CallId, session: SessionId, out: &mut Effects) {
        let fact = out.fact(Fact::Session { host: self.host, event: SessionEvent::Registered });
        out.set_cause(fact);
        (self.id, self.backoff) = (Some(session), SimDuration::ZERO);
        let heartbeat = self.send_heartbeat(peer, session, out);
        let assignments = out.mint_call(Component::Agent);
        let request = Request::Assignments { node: self.node, session };
        out.send(peer, Message::Request { call: assignments, request });
        self.phase = Phase::Open { peer, session, opening, assignments, heartbeat };
    }

    /// The next heartbeat is due.
    pub(super) fn heartbeat_due(&mut self, out: &mut Effects) {
        if let Phase::Open { peer, session, heartbeat: Heartbeat::Due(due), .. } = self.phase
            && due.is_due(out)
        {
            let sent = self.send_heartbeat(peer, session, out);
            if let Phase::Open { heartbeat, .. } = &mut self.phase {
                *heartbeat = sent;
            }
        }
    }

    fn send_heartbeat(&self, peer: HostId, session: SessionId, out: &mut Effects) -> Heartbeat {
        let call = out.mint_call(Component::Agent);
        out.send(peer, Message::Request { call, request: Request::Heartbeat { node: self.node, session } });
        Heartbeat::Sent { call, limit: limit(call, out) }
    }

    /// A call came to its end. Calls of earlier openings, and those of others, are none of ours.
    pub(super) fn answered(&mut self, call: CallId, answer: &Answer, out: &mut Effects) {
        match &mut self.phase {
            Phase::Opening { call: opening, limit, .. } if *opening == call => {
                limit.cancel(out);
                self.fail(stream_error(answer), Gone::Stream(call), out);
            }
            Phase::Open { opening, assignments, .. } if *opening == call || *assignments == call => {
                let fact = self.fail(stream_error(answer), Gone::Stream(call), out);
                self.ended_by(answer.as_ref().err(), fact);
            }
            Phase::Open { heartbeat, .. } => {
                let Heartbeat::Sent { call: sent, limit } = *heartbeat else { return };
                if sent != call {
                    return;
                }
                limit.cancel(out);
                match answer {
                    Ok(Response::Heartbeat { period }) => {
                        let due = out.now() + *period;
                        *heartbeat = Heartbeat::Due(Alarm::set(AgentTimer::Heartbeat, due, out));
                    }
                    Ok(response) => unreachable!("a heartbeat is answered with a period, not {response:?}"),
                    Err(error) => {
                        let fact = self.fail(heartbeat_error(error), Gone::Nothing, out);
                        self.ended_by(Some(error), fact);
                    }
                }
            }
            Phase::Closed | Phase::Waiting { .. } | Phase::Opening { .. } => {}
        }
    }

    /// A call was not answered in time.
    pub(super) fn timed_out(&mut self, call: CallId, out: &mut Effects) {
        let (peer, error) = match self.phase {
            Phase::Opening { peer, call: opening, .. } if opening == call => {
                (peer, "session initiation timed out".into())
            }
            Phase::Open { peer, heartbeat: Heartbeat::Sent { call: sent, .. }, .. } if sent == call => {
                (peer, heartbeat_error(&CallError::TimedOut))
            }
            Phase::Closed | Phase::Waiting { .. } | Phase::Opening { .. } | Phase::Open { .. } => return,
        };
        // The fault that silenced the path is to blame, or else whatever made us ask.
        let fault = out.silence_of_manager(self.host, peer);
        out.set_cause(fault.unwrap_or(out.cause()));
        let fact = self.fail(error, Gone::Nothing, out);
        if fault > Some(self.wanted_by) {
            self.wanted_by = fact;
        }
    }

    /// The process at the other end of connections to `peer` died.
    pub(super) fn reset(&mut self, peer: HostId, out: &mut Effects) {
        if self.phase.peer() == Some(peer) {
            self.fail(CallError::Reset.to_string().into(), Gone::Connection, out);
        }
    }

    /// A report failed, and takes the session with it.
    pub(super) fn report_failed(&mut self, error: &CallError, out: &mut Effects) {
        let fact = self.fail(error.to_string().into(), Gone::Nothing, out);
        self.ended_by(Some(error), fact);
    }

    /// The session is over, which is this fact. If a manager has said so, that is why the next one is asked for.
    fn ended_by(&mut self, error: Option<&CallError>, fact: FactId) {
        if matches!(error, None | Some(CallError::Status(_))) {
            self.wanted_by = fact;
        }
    }

    /// The session failed, which becomes a fact: the next one follows after a back-off.
    fn fail(&mut self, error: Cow<'static, str>, gone: Gone, out: &mut Effects) -> FactId {
        let was_open = matches!(self.phase, Phase::Open { .. });
        if let Phase::Open { assignments, .. } = self.phase {
            self.last_assignments = Some((assignments, out.now()));
        }
        self.close(gone, out);
        let twice = was_open && self.streams.backoff.chance(SECOND_FAILURE);
        for _ in 0..1 + u32::from(twice) {
            self.backoff = (BACKOFF_FIRST + self.backoff.times(2)).min(BACKOFF_MAX);
        }
        let delay = self.streams.backoff.span(SimDuration::ZERO, self.backoff);
        let event = SessionEvent::Failed { error, backoff: self.backoff, retry_in: delay };
        let fact = out.fact(Fact::Session { host: self.host, event });
        out.set_cause(fact);
        self.open_after(delay, out);
        fact
    }

    /// Every end of a connection, even an orderly one, speaks against the host at its other end, if it was not the
    /// socket of the own manager.
    fn close(&mut self, gone: Gone, out: &mut Effects) {
        self.phase.hang_up(gone, out);
        if let Some(peer) = self.phase.peer().filter(|peer| *peer != self.host || !self.local_manager) {
            self.remotes.disconnected(peer);
        }
    }
}

fn limit(call: CallId, out: &mut Effects) -> Alarm {
    Alarm::set(AgentTimer::CallTimeout(call), out.now() + DISPATCHER_TIMEOUT, out)
}

/// The text of a stream's end. A dispatcher that ends one without an error sends the end of the file.
fn stream_error(answer: &Answer) -> Cow<'static, str> {
    match answer {
        Ok(_) => "EOF".into(),
        Err(error) => error.to_string().into(),
    }
}

/// A dispatcher that does not know the node is quoted without its code.
fn heartbeat_error(error: &CallError) -> Cow<'static, str> {
    match error {
        CallError::Status(status) if status.code == StatusCode::NotFound => "node not registered".into(),
        CallError::Status(_) | CallError::Refused | CallError::Reset | CallError::TimedOut => {
            error.to_string().into()
        }
    }
}

impl StateDigest for Session {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            host,
            node,
            local_manager,
            description,
            remotes,
            streams,
            id,
            backoff,
            phase,
            wanted_by,
            last_assignments,
            node_object,
        } = self;
        host.digest(digest);
        node.digest(digest);
        digest.bool(*local_manager);
        digest.debug(description);
        remotes.digest(digest);
        AgentStreams::digest(streams, digest);
        digest.u64(id.map_or(0, |id| id.0));
        digest.duration(*backoff);
        node_object.as_ref().map(|node| node.meta.version).digest(digest);
        phase.digest(digest);
        wanted_by.digest(digest);
        digest.u64(last_assignments.map_or(0, |(call, _)| call.number));
    }
}
