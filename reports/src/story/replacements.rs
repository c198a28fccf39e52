//! Which tasks replace another one.
use std::collections::{BTreeMap, BTreeSet};

use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::metrics::Census;
use sim_core::model::{Fact, FactRecord, NodeId, ServiceId, ServiceMode, Slot, TaskId, TaskState};

/// A replica: a slot of a service, or the place of a global service on a node.
type Replica = (ServiceId, Slot, Option<NodeId>);

/// Who replaces whom, for all tasks of a run.
#[derive(Debug, Default)]
pub(super) struct Replacements {
    /// The latest task of every replica that is still wanted.
    latest: BTreeMap<Replica, TaskId>,
    /// Tasks that took the place of another one.
    successors: BTreeSet<TaskId>,
    /// Tasks whose place was taken, and when.
    replaced: BTreeMap<TaskId, SimTime>,
}

impl Replacements {
    pub(super) fn of(recording: &Recording) -> Self {
        let mut replacements = Replacements::default();
        for record in &recording.facts {
            replacements.note(record, &recording.census);
        }
        replacements
    }

    /// True if the task took the place of another one.
    pub(super) fn is_successor(&self, task: TaskId) -> bool {
        self.successors.contains(&task)
    }

    /// True if another task took this one's place at this very time.
    pub(super) fn is_replaced_at(&self, task: TaskId, time: SimTime) -> bool {
        self.replaced.get(&task) == Some(&time)
    }

    fn note(&mut self, record: &FactRecord, census: &Census) {
        if let Fact::TaskCreated { task, .. } = record.fact
            && let Some(replica) = replica(task, census)
            && let Some(before) = self.latest.insert(replica, task)
        {
            self.successors.insert(task);
            self.replaced.insert(before, record.time);
        }
        // A replica that was taken away by its user is a new one when it comes back.
        if let Fact::TaskDesired { task, to: TaskState::Remove, .. } = record.fact
            && let Some(replica) = replica(task, census)
        {
            self.latest.remove(&replica);
        }
    }
}

fn replica(task: TaskId, census: &Census) -> Option<Replica> {
    let entry = census.task(task)?;
    let service = entry.service?;
    let global = matches!(census.service(service)?.mode, ServiceMode::Global | ServiceMode::GlobalJob);
    Some((service, entry.slot, entry.node.filter(|_| global)))
}
