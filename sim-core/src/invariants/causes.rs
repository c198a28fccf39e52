//! Every chain of causes ends at a command, a fault or the start of the run.
//!
//! A cause is an earlier fact, so every chain ends at the start. What names the start as its cause must be able to come
//! out of nothing: it is from outside the cluster, or it is so since the start, as that processes run and may, with some
//! bad luck, hold an election. Whatever is done to services, tasks and networks has a reason. That holds fact by fact,
//! so it holds for every chain.
use std::collections::BTreeSet;

use super::Invariant;
use crate::kernel::SimTime;
use crate::model::{Fact, FactId, FactRecord};

/// What the next fact is compared to.
#[derive(Debug, Default)]
pub(super) struct CauseChains {
    last: Option<(FactId, SimTime)>,
    /// Facts that a fault may name as its cause, because it heals what they broke.
    faults: BTreeSet<FactId>,
}

/// Where a fact of some kind may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It is the start.
    Start,
    /// It comes from outside the cluster: nothing inside can be its cause.
    Outside,
    /// A process that has run since the start does it, with or without a reason; or it meets a host that was off then.
    SinceStart,
    /// There is a reason.
    Reason,
}

impl Invariant for CauseChains {
    fn name(&self) -> &'static str {
        "chains of causes have a root"
    }

    fn after_fact(&mut self, record: &FactRecord) -> Result<(), String> {
        let FactRecord { id, time, cause, fact, .. } = record;
        if let Some((last, before)) = self.last.replace((*id, *time))
            && (id.0 != last.0 + 1 || *time < before)
        {
            return Err(format!("fact {id:?} at {time} follows {last:?} at {before}"));
        }
        let is_root = *cause == FactId::START;
        let is_fault = matches!(fact, Fact::Fault { .. });
        let fits = match origin(fact) {
            Origin::Start => *id == FactId::START && is_root,
            Origin::Outside => cause < id && (is_root || (is_fault && self.faults.contains(cause))),
            Origin::SinceStart => cause < id,
            Origin::Reason => cause < id && !is_root,
        };
        if !fits {
            return Err(format!("fact {id:?} ({}) is caused by {cause:?}", fact.kind()));
        }
        if is_fault {
            self.faults.insert(*id);
        }
        Ok(())
    }
}

fn origin(fact: &Fact) -> Origin {
    match fact {
        Fact::Start => Origin::Start,
        Fact::Command { .. } | Fact::Fault { .. } | Fact::Note { .. } | Fact::Traffic { .. } => {
            Origin::Outside
        }
        Fact::RaftRole { .. }
        | Fact::Leadership { .. }
        | Fact::Manager { .. }
        | Fact::Lost { .. }
        | Fact::Session { .. }
        | Fact::NodeStatus { .. }
        | Fact::NodeUpdated { .. }
        | Fact::RequestsFailed(_) => Origin::SinceStart,
        Fact::Answer { .. }
        | Fact::WithoutEffect(_)
        | Fact::NodeCreated { .. }
        | Fact::NodeAvailability { .. }
        | Fact::NodeRole { .. }
        | Fact::NodeRemoved { .. }
        | Fact::ServiceCreated { .. }
        | Fact::ServiceUpdated { .. }
        | Fact::ServiceUpdateStatus { .. }
        | Fact::ServiceRemoved { .. }
        | Fact::Network { .. }
        | Fact::TaskCreated { .. }
        | Fact::TaskAssigned { .. }
        | Fact::TaskState { .. }
        | Fact::TaskDesired { .. }
        | Fact::TaskRemoved { .. }
        | Fact::Container { .. }
        | Fact::Backends { .. } => Origin::Reason,
    }
}
