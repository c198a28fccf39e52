//! A dispatcher that has led for a while when the run begins (decisions: the world at t = 0).
use std::sync::Arc;

use super::assignment_streams::AssignmentStream;
use super::liveness::GRACE_PERIODS;
use super::nodes::RegisteredNode;
use super::sessions::SessionStream;
use super::updates::{BATCH_INTERVAL, UpdateQueue};
use super::{Dispatcher, HeartbeatPeriods, Phase, SettledHeartbeat};
use crate::kernel::random::Stream;
use crate::kernel::{SimDuration, SimTime};
use crate::manager::loops::Context;
use crate::manager::ties::TieBreaker;
use crate::model::NodeId;
use crate::protocol::{LoopTimer, ReplyTo, SessionId};

/// A session that is older than the window for registrations. The agent knows all of its tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettledSession {
    /// Whose session it is.
    pub(crate) node: NodeId,
    /// The session.
    pub(crate) session: SessionId,
    /// Where its heartbeats stand. Absent: that is drawn.
    pub(crate) heartbeat: Option<SettledHeartbeat>,
    /// Where the session's messages go.
    pub(crate) session_reply: ReplyTo,
    /// Where the assignments go.
    pub(crate) assignments_reply: ReplyTo,
}

impl Dispatcher {
    /// A dispatcher whose start changes nothing: it leads already. Sessions are added after its start.
    pub(crate) fn settled(periods: HeartbeatPeriods, ties: TieBreaker) -> Self {
        Dispatcher { phase: Phase::Settled, ..Dispatcher::new(periods, ties) }
    }

    /// The passes of the batch loop go on at an instant that nothing is known about.
    pub(super) fn go_on(&mut self, context: &mut Context<'_>) {
        let name = format!("batch/{}", self.periods.manager());
        let phase = Stream::named(self.periods.seed(), &name).span(SimDuration::ZERO, BATCH_INTERVAL);
        self.queue = UpdateQueue::new(context.now() + phase, self.periods.setup().settings.batch_lateness);
    }

    /// Takes over a session. Returns when its next heartbeat is due.
    pub(crate) fn settle_session(&mut self, settled: SettledSession, context: &mut Context<'_>) -> SimTime {
        let SettledSession { node, session, heartbeat, session_reply, assignments_reply } = settled;
        let object = Arc::clone(context.store.node(node).expect("a node with a session exists"));
        let heartbeat = heartbeat.unwrap_or_else(|| self.periods.choose_settled(object.host));
        let SettledHeartbeat { period, age } = heartbeat;
        let mut registered = RegisteredNode::new(Arc::clone(&object), Some(session), context.cause());
        let expiry = context.now() + period.times(GRACE_PERIODS).saturating_sub(age);
        registered.expiry.set(expiry, LoopTimer::HeartbeatExpiry { node }, context);
        self.nodes.insert(registered);
        self.sessions.open(node, session_reply, SessionStream { session, object });
        let assignments = AssignmentStream::settled(node, session, context);
        self.assignments.open(node, assignments_reply, assignments);
        context.now() + period.saturating_sub(age)
    }
}
