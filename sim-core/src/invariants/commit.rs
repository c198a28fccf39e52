//! A manager's term and commit index never decrease, also across restarts, and it never applies more than is
//! committed (spec control-plane 10, I-R5, I-R6).
use std::collections::BTreeMap;

use super::Invariant;
use crate::manager::Manager;
use crate::model::HostId;
use crate::raft::{RaftId, Term};

/// The highest term and commit index seen of each member, with the commit index that is durable only.
#[derive(Debug, Default)]
pub(super) struct CommitMonotone(BTreeMap<RaftId, (Term, u64)>);

impl Invariant for CommitMonotone {
    fn name(&self) -> &'static str {
        "monotone term and commit"
    }

    fn after_event(&mut self, host: HostId, manager: &Manager) -> Result<(), String> {
        let raft = manager.raft();
        let (term, applied) = (raft.term(), raft.applied_index());
        if applied > raft.commit_index() || raft.commit_index() > raft.last().index {
            let (commit, last) = (raft.commit_index(), raft.last().index);
            return Err(format!(
                "{host:?} has applied {applied}, committed {commit} and logged {last} entries"
            ));
        }
        // A crash may lose a term that was not yet written down, and a commit index, but never a vote: what is
        // compared is therefore what the disk holds.
        let durable = manager.durable_state();
        let (known_term, known_commit) = self.0.entry(raft.id()).or_insert((durable.term, durable.commit));
        if durable.term < *known_term || durable.commit < *known_commit {
            let known = (*known_term, *known_commit);
            return Err(format!("{host:?} went back from {known:?} to {durable:?} (term now {term:?})"));
        }
        (*known_term, *known_commit) = (durable.term, durable.commit);
        Ok(())
    }
}
