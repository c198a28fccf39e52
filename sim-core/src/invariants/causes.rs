//! Every chain of causes ends at a command, a fault or the start of the run.
//!
//! Whatever is caused by an earlier fact leads back, step by step, to something that needs no cause. That is the
//! start, or something from outside the cluster: a command, a fault, a remark of the author.
use super::Invariant;
use crate::kernel::SimTime;
use crate::model::{Fact, FactId, FactRecord};

/// The last fact, to which the next is compared.
#[derive(Debug, Default)]
pub(super) struct CauseChains {
    last: Option<(FactId, SimTime)>,
}

impl Invariant for CauseChains {
    fn name(&self) -> &'static str {
        "causes come first"
    }

    fn after_fact(&mut self, record: &FactRecord) -> Result<(), String> {
        let FactRecord { id, time, cause, fact, .. } = record;
        if let Some((last, before)) = self.last.replace((*id, *time))
            && (id.0 != last.0 + 1 || *time < before)
        {
            return Err(format!("fact {id:?} at {time} follows {last:?} at {before}"));
        }
        let begins = matches!(fact, Fact::Start);
        if begins != (id.0 == 0) || (!begins && cause >= id) {
            return Err(format!("fact {id:?} ({}) is caused by {cause:?}", fact.kind()));
        }
        Ok(())
    }
}
