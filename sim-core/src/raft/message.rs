//! What members say to each other.
use super::{Entry, EntryId, Payload, RaftId, Snapshot, Term};

/// A message between two members. It depends on state of its sender that is durable when it leaves.
#[derive(Clone, Debug)]
pub(crate) struct Message<P: Payload> {
    pub(crate) from: RaftId,
    pub(crate) to: RaftId,
    /// The sender's term; for a vote the term that the candidate wants to lead.
    pub(crate) term: Term,
    pub(crate) body: Body<P>,
}

/// The kinds of message.
#[derive(Clone, Debug)]
pub(crate) enum Body<P: Payload> {
    /// A candidate whose log ends at `last` asks for a vote. `transfer` is set if the leader itself wants to be
    /// replaced; such a request is answered even within the lease.
    Vote { last: EntryId, transfer: bool },
    /// The answer to [`Body::Vote`].
    VoteResponse { granted: bool },
    /// The entries after `previous`, or none to probe for it, and how far the leader has committed.
    Append { previous: EntryId, entries: Vec<Entry<P>>, commit: u64 },
    /// The answer to [`Body::Append`] and [`Body::Snapshot`].
    AppendResponse(AppendResponse),
    /// The leader lives; it has committed at least this much of what the receiver is known to hold.
    Heartbeat { commit: u64 },
    /// The answer to [`Body::Heartbeat`].
    HeartbeatResponse,
    /// The applied state in place of entries that the leader has no more.
    Snapshot(Snapshot<P>),
    /// The receiver shall campaign at once: the last step of a leader transfer.
    TimeoutNow,
}

/// How a follower's log relates to what was sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppendResponse {
    /// The follower's log agrees with the leader's up to `index`.
    Accepted { index: u64 },
    /// The follower has no entry that matches the one before `rejected + 1`. The logs can agree up to
    /// `hint_index` at most, where the follower's entry has this term, if it knows it.
    Rejected { rejected: u64, hint_index: u64, hint_term: Option<Term> },
}

impl<P: Payload> Body<P> {
    /// True for what leaders send periodically, and the answers to it.
    pub(crate) fn is_heartbeat(&self) -> bool {
        matches!(self, Body::Heartbeat { .. } | Body::HeartbeatResponse)
    }

    /// Only a leader of its term sends this.
    pub(super) fn is_from_leader(&self) -> bool {
        match self {
            Body::Append { .. } | Body::Heartbeat { .. } | Body::Snapshot(_) => true,
            Body::Vote { .. }
            | Body::VoteResponse { .. }
            | Body::AppendResponse(_)
            | Body::HeartbeatResponse
            | Body::TimeoutNow => false,
        }
    }

    /// An answer, which is of no use if its sender is unknown.
    pub(super) fn is_response(&self) -> bool {
        match self {
            Body::VoteResponse { .. } | Body::AppendResponse(_) | Body::HeartbeatResponse => true,
            Body::Vote { .. }
            | Body::Append { .. }
            | Body::Heartbeat { .. }
            | Body::Snapshot(_)
            | Body::TimeoutNow => false,
        }
    }

    /// A statement about what its sender has stored: it leaves after everything else of its Ready.
    pub(super) fn attests_storage(&self) -> bool {
        match self {
            Body::VoteResponse { .. } | Body::AppendResponse(_) => true,
            Body::Vote { .. }
            | Body::Append { .. }
            | Body::Heartbeat { .. }
            | Body::HeartbeatResponse
            | Body::Snapshot(_)
            | Body::TimeoutNow => false,
        }
    }
}
