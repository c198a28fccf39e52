//! At most one leader in a term (spec control-plane 10, I-R1).
use std::collections::BTreeMap;

use super::Invariant;
use crate::manager::Manager;
use crate::model::HostId;
use crate::raft::{Role, Term};

/// Who led in which term.
#[derive(Debug, Default)]
pub(super) struct ElectionSafety(BTreeMap<Term, HostId>);

impl Invariant for ElectionSafety {
    fn name(&self) -> &'static str {
        "election safety"
    }

    fn after_event(&mut self, host: HostId, manager: &Manager) -> Result<(), String> {
        if manager.raft().role() != Role::Leader {
            return Ok(());
        }
        let term = manager.raft().term();
        let first = *self.0.entry(term).or_insert(host);
        if first == host {
            return Ok(());
        }
        Err(format!("{host:?} leads in {term:?}, in which {first:?} has led"))
    }
}
