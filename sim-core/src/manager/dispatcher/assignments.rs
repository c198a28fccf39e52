//! What a node's agent knows of its tasks, and which changes it has to be told (spec control-plane 6.8).
//!
//! Secrets, configs and volumes are no objects of the store yet, so tasks bring no dependencies.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernel::{Digest, StateDigest};
use crate::model::{FactId, Task, TaskId, TaskState};
use crate::protocol::{Assignment, Assignments};

/// A node's tasks, and what became of them since the last message.
#[derive(Debug, Default)]
pub(super) struct AssignmentSet {
    tasks: BTreeMap<TaskId, Arc<Task>>,
    changes: BTreeMap<TaskId, Assignment>,
}

impl AssignmentSet {
    /// A task as it is now, and why. True if the agent must hear of it.
    pub(super) fn update(&mut self, task: &Arc<Task>, cause: FactId) -> bool {
        if task.status.state < TaskState::Assigned {
            return false;
        }
        if let Some(known) = self.tasks.get_mut(&task.id) {
            // Read from the store when the stream was opened, before its last changes were published.
            if Arc::ptr_eq(known, task) || known.meta.version > task.meta.version {
                return false;
            }
            // What is behind ASSIGNED the agent has reported itself.
            if task.status.state > TaskState::Assigned && known.asks_the_same_as(task) {
                *known = Arc::clone(task);
                return false;
            }
        }
        self.tasks.insert(task.id, Arc::clone(task));
        self.changes.insert(task.id, Assignment::Update { task: Arc::clone(task), cause });
        true
    }

    /// A task is gone, and why. True if the agent must hear of it.
    pub(super) fn remove(&mut self, task: TaskId, cause: FactId) -> bool {
        let known = self.tasks.remove(&task).is_some();
        if known {
            self.changes.insert(task, Assignment::Remove { task, cause });
        }
        known
    }

    /// All that changed since the last message.
    pub(super) fn take_message(&mut self, complete: bool) -> Assignments {
        Assignments { complete, changes: std::mem::take(&mut self.changes).into_values().collect() }
    }
}

impl StateDigest for AssignmentSet {
    fn digest(&self, digest: &mut Digest) {
        let Self { tasks, changes } = self;
        for (id, task) in tasks {
            id.digest(digest);
            digest.u64(task.meta.version);
        }
        for (id, change) in changes {
            id.digest(digest);
            digest.bool(matches!(change, Assignment::Update { .. }));
        }
    }
}
