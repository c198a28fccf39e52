//! Two logs that have an entry of one index and term have the same entries up to it (spec control-plane 10, I-R3).
//!
//! It is enough that equal ids stand for equal contents and have equal ids before them: the rest follows entry by
//! entry. So only what was appended since the last look is compared.
use std::collections::BTreeMap;

use super::{Invariant, REMEMBERED};
use crate::manager::Manager;
use crate::model::HostId;
use crate::raft::{EntryId, RaftId, Term, entry_digest};

/// What is known of all logs.
#[derive(Debug, Default)]
pub(super) struct LogMatching {
    /// Per index and term: the term of the entry before, and the digest of the content.
    entries: BTreeMap<(u64, Term), (Option<Term>, u64)>,
    /// The end of each member's log at the last look.
    seen: BTreeMap<RaftId, EntryId>,
}

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log matching"
    }

    fn after_event(&mut self, host: HostId, manager: &Manager) -> Result<(), String> {
        let raft = manager.raft();
        let seen = self.seen.insert(raft.id(), raft.last()).unwrap_or_default();
        if seen == raft.last() {
            return Ok(());
        }
        // A suffix was replaced if the entry seen last is gone: then everything that can be replaced is new.
        let appended = raft.term_at(seen.index) == Some(seen.term);
        let first = if appended { seen.index + 1 } else { raft.commit_index().min(seen.index) + 1 };
        for entry in raft.entries_from(first) {
            let EntryId { term, index } = entry.id;
            let own = (raft.term_at(index - 1), entry_digest(entry));
            let known = *self.entries.entry((index, term)).or_insert(own);
            let same_before = known.0.is_none() || own.0.is_none() || known.0 == own.0;
            if !same_before || known.1 != own.1 {
                return Err(format!("entry {} of {host:?} is not what others have under this id", entry.id));
            }
        }
        while self.entries.len() > REMEMBERED {
            self.entries.pop_first();
        }
        Ok(())
    }
}
