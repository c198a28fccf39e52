//! The Raft cluster as those who learn about it want to see it: every manager's own view.
use super::View;
use crate::manager::Manager;
use crate::model::{HostId, RaftRole};
use crate::raft::{RaftId, Role};

/// How many of the last entries of a log are shown.
const TAIL: u64 = 4;

/// A manager as a member of the Raft cluster, as it sees itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaftMember {
    /// Where it runs.
    pub host: HostId,
    /// What it is.
    pub role: RaftRole,
    /// The last election that it knows of.
    pub term: u64,
    /// Whom it voted for in that election.
    pub vote: Option<HostId>,
    /// Whom it follows.
    pub leader: Option<HostId>,
    /// The last entry that it knows to be committed.
    pub commit: u64,
    /// The last entry that it has applied.
    pub applied: u64,
    /// The last entry that its newest snapshot covers.
    pub snapshot: u64,
    /// The first entry that its log still has.
    pub log_first: u64,
    /// Term and index of its last entries, oldest first.
    pub log_tail: Vec<(u64, u64)>,
    /// The voters, in the order in which they joined.
    pub voters: Vec<HostId>,
}

impl View<'_> {
    /// All running managers, in host order.
    #[must_use]
    pub fn raft_members(&self) -> Vec<RaftMember> {
        self.cluster.managers().map(|(host, manager)| member(host, manager)).collect()
    }
}

fn member(host: HostId, manager: &Manager) -> RaftMember {
    let raft = manager.raft();
    let host_of = |id: RaftId| manager.host_of(id);
    RaftMember {
        host,
        role: match raft.role() {
            Role::Follower => RaftRole::Follower,
            Role::Candidate => RaftRole::Candidate,
            Role::Leader => RaftRole::Leader,
        },
        term: raft.term().0,
        vote: raft.vote().and_then(host_of),
        leader: raft.leader().and_then(host_of),
        commit: raft.commit_index(),
        applied: raft.applied_index(),
        snapshot: raft.snapshot_index(),
        log_first: raft.first_index(),
        log_tail: raft.log_tail(TAIL).map(|entry| (entry.term.0, entry.index)).collect(),
        voters: raft.members().ids().filter_map(host_of).collect(),
    }
}
