//! What invariants of a log's history look at.
use crate::manager::Manager;
use crate::protocol::Lineage;
use crate::raft::{EntryId, HardState, RaftId, Role, Term};

/// A manager's part in its history. Most events change nothing of it, and then there is nothing to check.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    lineage: Lineage,
    id: RaftId,
    role: Role,
    leads: bool,
    term: Term,
    durable: HardState,
    first_index: u64,
    last: EntryId,
    commit_index: u64,
    applied_index: u64,
    chain: u64,
    sum: u64,
}

impl Seen {
    pub(super) fn of(manager: &Manager) -> Self {
        let (raft, store) = (manager.raft(), manager.store());
        Seen {
            lineage: manager.lineage(),
            id: raft.id(),
            role: raft.role(),
            leads: manager.leads(),
            term: raft.term(),
            durable: manager.durable_state(),
            first_index: raft.first_index(),
            last: raft.last(),
            commit_index: raft.commit_index(),
            applied_index: raft.applied_index(),
            chain: store.chain(),
            sum: store.sum(),
        }
    }
}
