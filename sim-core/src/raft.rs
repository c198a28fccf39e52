//! Raft as SwarmKit runs it: the algorithm of etcd without PreVote, learners, read index and joint consensus.
//!
//! A pure state machine (spec control-plane 2). Time reaches it as [`Raft::tick`], peers as [`Raft::step`], the
//! manager as proposals, reports and applied changes. Whatever goes out waits in a [`Ready`] until the driver
//! takes it, makes it durable, sends it, applies it and calls [`Raft::advance`] (2.12): a vote or an entry counts
//! for its own node only then, so a crash in between loses exactly what was not yet on the [`Disk`].
//!
//! Deliberately absent: clocks, connections and delays, the forwarding of proposals (SwarmKit proxies requests
//! to the leader instead), and whether a peer is trusted or removed (the manager's transport decides, 3.4, 3.5).
mod digest;
mod election;
mod entries;
mod entry;
mod follower;
mod inflight;
mod log;
mod membership;
mod message;
mod progress;
mod ready;
mod replication;
mod snapshot;
mod start;
mod status;
mod storage;
mod transfer;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use crate::kernel::{StateDigest, Stream};
use crate::model::Sabotage;

pub(crate) use election::Role;
pub(crate) use entries::entry_digest;
pub(crate) use entry::{ConfChange, Entry, EntryData, EntryId, Term};
pub(crate) use membership::Members;
pub(crate) use message::{AppendResponse, Body, Message};
pub(crate) use progress::{Progress, ProgressState};
pub(crate) use ready::{HardState, Persist, Ready, SoftState};
#[cfg(test)]
pub(crate) use replication::ProposalDropped;
pub(crate) use snapshot::Snapshot;
pub(crate) use storage::Disk;

use election::Timer;
use log::Log;
use ready::Outbox;

/// A member of one Raft cluster. Never reused: a manager that lost its disk comes back under another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RaftId(pub(crate) u64);

/// What is replicated: the bodies of entries and snapshots, of which Raft knows nothing but their size.
///
/// Payloads are cloned with every message, so they are cheap to clone, and their digest is taken whenever they
/// enter or leave a log, so an implementation keeps it computed.
pub(crate) trait Payload: Clone + fmt::Debug + StateDigest {
    /// The applied state that a snapshot carries.
    type Snapshot: Clone + fmt::Debug + StateDigest;
    /// What a configuration change says about the member, such as its address.
    type Member: Clone + fmt::Debug + StateDigest;

    /// The encoded length in bytes, which counts against the limits of messages.
    fn size_bytes(&self) -> u64;
}

/// The constants of a node (spec 1.1). Ticks are those of [`Raft::tick`], one second each in SwarmKit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Length of the leader's lease and lower bound of the election timeout. Default 10.
    pub(crate) election_tick: u64,
    /// Ticks between two heartbeats of a leader. Default 1.
    pub(crate) heartbeat_tick: u64,
    /// Whether a leader steps down without a quorum, and followers keep their lease. Default on.
    pub(crate) check_quorum: bool,
    /// Limit of the entries in one message, and of the entries applied with one Ready. Default 65 535.
    pub(crate) max_message_bytes: u64,
    /// Messages with entries that may be on their way to one peer. Default 256.
    pub(crate) max_inflight: usize,
    /// A defect that a test puts in.
    pub(crate) sabotage: Sabotage,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            election_tick: 10,
            heartbeat_tick: 1,
            check_quorum: true,
            max_message_bytes: 65_535,
            max_inflight: 256,
            sabotage: Sabotage::default(),
        }
    }
}

/// One member's view of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Raft<P: Payload> {
    id: RaftId,
    config: Config,
    term: Term,
    vote: Option<RaftId>,
    log: Log<P>,
    role: Role,
    leader: Option<RaftId>,
    votes: BTreeMap<RaftId, bool>,
    members: Members,
    pending_conf_index: u64,
    transferee: Option<RaftId>,
    timer: Timer,
    random: Stream,
    outbox: Outbox<P>,
}

impl<P: Payload> Raft<P> {
    /// One unit of time has passed.
    pub(crate) fn tick(&mut self) {
        match self.role {
            Role::Follower | Role::Candidate => self.tick_election(),
            Role::Leader => self.tick_leader(),
        }
    }

    /// A message of a peer has arrived (spec 2.4).
    pub(crate) fn step(&mut self, message: Message<P>) {
        assert_eq!(message.to, self.id, "the transport delivers a message to its addressee only");
        if message.body.is_response() && !self.members.contains(message.from) {
            return; // an answer to a question of an earlier configuration
        }
        match message.term.cmp(&self.term) {
            Ordering::Less => return self.answer_stale(&message),
            Ordering::Equal => {}
            Ordering::Greater if self.lease_forbids(&message.body) => return,
            Ordering::Greater => {
                let leader = message.body.is_from_leader().then_some(message.from);
                self.become_follower(message.term, leader);
            }
        }
        self.step_in_term(message.from, message.body);
    }

    /// Handles a message of the own term: who hears what, in one place.
    fn step_in_term(&mut self, from: RaftId, body: Body<P>) {
        match (self.role, body) {
            (_, Body::Vote { last, .. }) => self.answer_vote(from, last),

            (Role::Follower | Role::Candidate, Body::Append { previous, entries, commit }) => {
                self.follow(from);
                self.handle_append(from, previous, entries, commit);
            }
            (Role::Follower | Role::Candidate, Body::Heartbeat { commit }) => {
                self.follow(from);
                self.handle_heartbeat(from, commit);
            }
            (Role::Follower | Role::Candidate, Body::Snapshot(snapshot)) => {
                self.follow(from);
                self.handle_snapshot(from, snapshot);
            }
            (Role::Follower, Body::TimeoutNow) => self.campaign_for_transfer(),

            (Role::Candidate, Body::VoteResponse { granted }) => self.count_vote(from, granted),

            (Role::Leader, Body::AppendResponse(response)) => self.handle_append_response(from, response),
            (Role::Leader, Body::HeartbeatResponse) => self.handle_heartbeat_response(from),

            // Too late: the role that would have cared is over.
            (Role::Follower, Body::VoteResponse { .. } | Body::AppendResponse(_) | Body::HeartbeatResponse)
            | (Role::Candidate, Body::AppendResponse(_) | Body::HeartbeatResponse | Body::TimeoutNow)
            | (Role::Leader, Body::VoteResponse { .. } | Body::TimeoutNow)
            // Nobody else leads in the own term.
            | (Role::Leader, Body::Append { .. } | Body::Heartbeat { .. } | Body::Snapshot(_)) => {}
        }
    }

    /// Tells a leader of an older term, with an acknowledgement of nothing, that its time is over. Without this
    /// answer a candidate whose votes everybody ignores could never come back (spec 2.4).
    fn answer_stale(&mut self, message: &Message<P>) {
        let calls_for_answer = match message.body {
            Body::Append { .. } | Body::Heartbeat { .. } => self.config.check_quorum,
            Body::Vote { .. }
            | Body::VoteResponse { .. }
            | Body::AppendResponse(_)
            | Body::HeartbeatResponse
            | Body::Snapshot(_)
            | Body::TimeoutNow => false,
        };
        if calls_for_answer {
            self.send(message.from, Body::AppendResponse(AppendResponse::Accepted { index: 0 }));
        }
    }
}

impl fmt::Display for RaftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
