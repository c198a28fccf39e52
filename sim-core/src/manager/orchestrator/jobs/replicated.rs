//! Reconciles a replicated job: so many tasks at one time until enough have completed (spec orchestration 11.2).
use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::step::OrchestratorStep;
use super::super::task::NewTask;
use crate::model::{Service, Slot, Task, TaskState};
use crate::store::Store;

/// The tasks of the current iteration, counted.
#[derive(Default)]
struct Census {
    completed: u64,
    running: u64,
    taken: BTreeSet<Slot>,
    ended: Vec<OrchestratorStep>,
    outdated: Vec<OrchestratorStep>,
}

/// New tasks first, then restarts, then what is left of earlier iterations.
///
/// Nothing at all if the job has more tasks than it ever wanted: the real orchestrator writes an error into its log and
/// leaves this pass out.
pub(super) fn reconcile(
    service: &Arc<Service>,
    max_concurrent: u64,
    total_completions: u64,
    store: &Store,
) -> Vec<OrchestratorStep> {
    let iteration = service.job_status.map_or(0, |status| status.iteration);
    let mut census = Census::default();
    for task in store.tasks_of_service(service.id) {
        census.count(task, iteration);
    }
    let Census { completed, running, mut taken, ended, outdated } = census;
    // The real arithmetic is that of unsigned numbers, which run below zero to very large ones.
    let room = max_concurrent.wrapping_sub(running);
    let missing = total_completions.wrapping_sub(completed).wrapping_sub(running);
    let count = room.min(missing);
    if count > total_completions {
        return Vec::new();
    }
    let mut steps = Vec::new();
    let mut free = free_slots(total_completions);
    for _ in 0..count {
        // Slot 0 if none is free, as in the real system.
        let slot = free.find(|slot| !taken.contains(slot)).unwrap_or(Slot(0));
        taken.insert(slot);
        let (service, iteration) = (Arc::clone(service), Some(iteration));
        steps.push(OrchestratorStep::Create(NewTask { service, slot, node: None, iteration }));
    }
    steps.extend(ended);
    steps.extend(outdated);
    steps
}

impl Census {
    fn count(&mut self, task: &Task, iteration: u64) {
        let Some(own) = task.job_iteration else { return };
        let observed = task.status.state;
        if own != iteration {
            // What has ended stays as it is.
            if observed <= TaskState::Running && task.desired_state != TaskState::Remove {
                self.outdated.push(OrchestratorStep::Remove(task.id));
            }
        } else if observed == TaskState::Complete {
            self.completed += 1;
            self.taken.insert(task.slot);
        } else if task.desired_state <= TaskState::Complete {
            self.running += 1;
            self.taken.insert(task.slot);
            if observed > TaskState::Complete {
                self.ended.push(OrchestratorStep::Restart(task.id));
            }
        }
    }
}

fn free_slots(total_completions: u64) -> impl Iterator<Item = Slot> {
    (0..u32::try_from(total_completions).unwrap_or(u32::MAX)).map(Slot)
}
