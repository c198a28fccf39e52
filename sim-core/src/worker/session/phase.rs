//! How far a session is, and what is open between its two sides.
use crate::kernel::{Digest, StateDigest};
use crate::model::HostId;
use crate::protocol::{CallId, Effects, Message, SessionId};
use crate::worker::alarm::Alarm;
use crate::worker::reporter::Route;

/// How far a session is.
#[derive(Debug)]
pub(super) enum Phase {
    /// No process.
    Closed,
    /// The delay before an opening runs. No peer: no manager is known, so the opening will fail.
    Waiting { peer: Option<HostId>, delay: Alarm },
    /// The first item is awaited.
    Opening { peer: HostId, call: CallId, limit: Alarm },
    /// Registered.
    Open { peer: HostId, session: SessionId, opening: CallId, assignments: CallId, heartbeat: Heartbeat },
}

/// The heartbeat of an open session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heartbeat {
    /// It is sent when the time has come.
    Due(Alarm),
    /// It was sent and is not answered.
    Sent { call: CallId, limit: Alarm },
}

/// What is gone at the end of a session. The rest is closed by us, so that the other side does not wait for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    Nothing,
    Stream(CallId),
    Connection,
}

impl Phase {
    /// The host at the other end of the connection, if there is one.
    pub(super) fn peer(&self) -> Option<HostId> {
        match self {
            Phase::Opening { peer, .. } | Phase::Open { peer, .. } => Some(*peer),
            Phase::Closed | Phase::Waiting { .. } => None,
        }
    }

    /// Where reports go, if the session is open.
    pub(super) fn route(&self) -> Option<Route> {
        match *self {
            Phase::Open { peer, session, opening, .. } => Some(Route { peer, session, opening }),
            Phase::Closed | Phase::Waiting { .. } | Phase::Opening { .. } => None,
        }
    }

    /// Streams that are still open end on both sides; calls are not waited for any longer.
    pub(super) fn hang_up(&self, gone: Gone, out: &mut Effects) {
        let (peer, alarm, streams) = match *self {
            Phase::Closed => return,
            Phase::Waiting { delay, .. } => return delay.cancel(out),
            Phase::Opening { peer, call, limit } => (peer, limit, [Some(call), None]),
            Phase::Open { peer, opening, assignments, heartbeat, .. } => {
                let (Heartbeat::Due(alarm) | Heartbeat::Sent { limit: alarm, .. }) = heartbeat;
                (peer, alarm, [Some(opening), Some(assignments)])
            }
        };
        alarm.cancel(out);
        for call in streams.into_iter().flatten() {
            if gone != Gone::Connection && gone != Gone::Stream(call) {
                out.send(peer, Message::HangUp { call });
            }
        }
    }
}

impl StateDigest for Phase {
    fn digest(&self, digest: &mut Digest) {
        match self {
            Phase::Closed => digest.u8(0),
            Phase::Waiting { peer, delay } => {
                digest.u8(1);
                peer.digest(digest);
                delay.digest(digest);
            }
            Phase::Opening { peer, call, limit } => {
                digest.u8(2);
                peer.digest(digest);
                digest.u64(call.number);
                limit.digest(digest);
            }
            Phase::Open { peer, session, opening, assignments, heartbeat } => {
                digest.u8(3);
                peer.digest(digest);
                digest.u64(session.0);
                digest.u64(opening.number);
                digest.u64(assignments.number);
                let (call, alarm) = match heartbeat {
                    Heartbeat::Due(due) => (0, due),
                    Heartbeat::Sent { call, limit } => (call.number, limit),
                };
                digest.u64(call);
                alarm.digest(digest);
            }
        }
    }
}
