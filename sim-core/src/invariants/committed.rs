//! What one member has committed at an index, every member commits there (spec control-plane 10, I-R5).
use std::collections::BTreeMap;

use super::{Invariant, REMEMBERED};
use crate::manager::Manager;
use crate::model::HostId;
use crate::raft::{EntryId, RaftId, Term};

/// The committed log, as far back as it is remembered.
#[derive(Debug, Default)]
pub(super) struct CommittedEntries {
    /// Term of the entry at each index, and who committed it first.
    terms: BTreeMap<u64, (Term, HostId)>,
    /// How far each member has been followed.
    followed: BTreeMap<RaftId, u64>,
}

impl Invariant for CommittedEntries {
    fn name(&self) -> &'static str {
        "committed entries never change"
    }

    fn after_event(&mut self, host: HostId, manager: &Manager) -> Result<(), String> {
        let raft = manager.raft();
        let commit = raft.commit_index();
        let followed = self.followed.insert(raft.id(), commit).unwrap_or(0);
        if commit == followed {
            return Ok(());
        }
        // A restarted member may know less than before its crash, and then commits the same entries again.
        let first = followed.min(commit) + 1;
        for entry in raft.entries_from(first).take_while(|entry| entry.id.index <= commit) {
            let EntryId { term, index } = entry.id;
            let (known, by) = *self.terms.entry(index).or_insert((term, host));
            if known != term {
                return Err(format!(
                    "{host:?} commits an entry of term {term} at {index}, where {by:?} has committed one of term {known}"
                ));
            }
        }
        while self.terms.len() > REMEMBERED {
            self.terms.pop_first();
        }
        Ok(())
    }
}
