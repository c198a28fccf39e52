//! What is committed in one term is in the log of every leader of a later term (spec control-plane 10, I-R4).
use super::Invariant;
use crate::manager::Manager;
use crate::model::HostId;
use crate::raft::{EntryId, Role, Term};

/// The last entry that any leader has committed.
#[derive(Debug, Default)]
pub(super) struct LeaderCompleteness {
    committed: EntryId,
    checked_term: Term,
}

impl Invariant for LeaderCompleteness {
    fn name(&self) -> &'static str {
        "leader completeness"
    }

    fn after_event(&mut self, host: HostId, manager: &Manager) -> Result<(), String> {
        let raft = manager.raft();
        if raft.role() != Role::Leader {
            return Ok(());
        }
        if raft.term() > self.checked_term {
            self.checked_term = raft.term();
            let EntryId { term, index } = self.committed;
            let own = raft.term_at(index);
            let compacted = index < raft.first_index();
            if !compacted && own != Some(term) {
                return Err(format!(
                    "{host:?} leads without entry {index} of {term:?}; it has {own:?} there"
                ));
            }
        }
        let index = raft.commit_index();
        if index > self.committed.index && raft.term() >= self.checked_term {
            let term =
                raft.term_at(index).ok_or(format!("{host:?} committed {index}, which it does not have"))?;
            self.committed = EntryId { term, index };
        }
        Ok(())
    }
}
