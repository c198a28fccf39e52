//! Neither the observed nor the desired state of a task ever decreases (spec control-plane 10, I-S4).
use super::Invariant;
use crate::model::{Fact, FactRecord};

/// Looks at every change of a task.
#[derive(Debug)]
pub(super) struct TaskStates;

impl Invariant for TaskStates {
    fn name(&self) -> &'static str {
        "task states move forward"
    }

    fn after_fact(&mut self, record: &FactRecord) -> Result<(), String> {
        let (Fact::TaskState { task, from, to, .. } | Fact::TaskDesired { task, from, to }) = &record.fact
        else {
            return Ok(());
        };
        if to < from {
            return Err(format!("{task:?} went back from {from} to {to}"));
        }
        Ok(())
    }
}
