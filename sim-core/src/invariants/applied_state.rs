//! Managers that have applied the same number of entries have applied the same entries and hold the same objects
//! (spec control-plane 10, I-R5, I-S1).
use std::collections::BTreeMap;

use super::{Invariant, REMEMBERED};
use crate::manager::Manager;
use crate::model::HostId;

/// Chain and sum of the store at each applied index, by whoever came first.
#[derive(Debug, Default)]
pub(super) struct EqualAppliedState(BTreeMap<u64, (u64, u64, HostId)>);

impl Invariant for EqualAppliedState {
    fn name(&self) -> &'static str {
        "equal applied state"
    }

    fn after_event(&mut self, host: HostId, manager: &Manager) -> Result<(), String> {
        let index = manager.raft().applied_index();
        let store = manager.store();
        let state = (store.chain(), store.sum());
        let (chain, sum, first) = *self.0.entry(index).or_insert((state.0, state.1, host));
        if self.0.len() > REMEMBERED {
            self.0.pop_first();
        }
        if (chain, sum) == state {
            return Ok(());
        }
        Err(format!("at index {index} the stores of {first:?} and {host:?} differ"))
    }
}
