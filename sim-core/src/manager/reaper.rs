//! The task reaper: deletes tasks that nobody needs any more (spec orchestration 13).
//!
//! Two kinds: tasks that were to be removed and have stopped, and the history of a slot beyond its limit. A
//! slot is looked at only after a task was created in it; the end of a task alone changes nothing.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::loops::{Context, ControlLoop, Heard, MAIN_STRAND, Outcome, Step};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::{FactId, Service, ServiceMode, SlotTuple, Task, TaskId, TaskState};
use crate::protocol::LoopTimer;
use crate::store::{ObjectChange, Store, StoreError, Transaction};

/// How long changes are collected before the reaper acts on them (spec orchestration 3.2).
const BATCHING_INTERVAL: SimDuration = SimDuration::from_millis(250);
/// With more slots and tasks than this to look at, it does not wait (spec orchestration 3.2).
const DIRTY_MAX: usize = 1000;

/// The task reaper of a leading manager.
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    /// Tasks kept per slot, the live one included; negative: all.
    history_limit: i64,
    /// Slots in which a task was created.
    dirty: BTreeMap<SlotTuple, FactId>,
    /// Tasks to be deleted.
    cleanup: BTreeMap<TaskId, FactId>,
    timer: Option<TimerId>,
}

/// What the reaper writes.
#[derive(Clone, Debug)]
pub(crate) enum ReaperStep {
    /// Nobody needs the task any more.
    Delete(TaskId),
}

impl Reaper {
    fn read_limit(&mut self, store: &Store) {
        if let Some(cluster) = store.cluster() {
            self.history_limit = cluster.spec.task_history_retention_limit;
        }
    }

    fn hear_of_task(&mut self, task: &Task, is_new: bool, cause: FactId) {
        if is_new {
            if let Some(service) = task.service {
                self.dirty.insert(SlotTuple { service, slot: task.slot, node: task.node }, cause);
            }
        } else if is_to_be_deleted(task) {
            self.cleanup.insert(task.id, cause);
        }
    }

    /// Acts now or soon. A timer that runs is not set anew.
    fn arm(&mut self, context: &mut Context<'_>) {
        if self.dirty.len() + self.cleanup.len() > DIRTY_MAX {
            if let Some(timer) = self.timer.take() {
                context.cancel_timer(timer);
            }
            self.tick(context);
        } else if self.timer.is_none() {
            self.timer = Some(context.set_timer(LoopTimer::ReaperTick, context.now() + BATCHING_INTERVAL));
        }
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        if self.dirty.is_empty() && self.cleanup.is_empty() {
            return;
        }
        let mut deletions = std::mem::take(&mut self.cleanup);
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|slot, cause| {
            let Trim { excess, stays_dirty } = self.trim(*slot, context.store);
            deletions.extend(excess.into_iter().map(|task| (task, *cause)));
            stays_dirty
        });
        self.dirty = dirty;
        let steps =
            deletions.into_iter().map(|(task, cause)| (Step::Reaper(ReaperStep::Delete(task)), cause));
        context.batch(MAIN_STRAND, steps);
    }

    /// Which tasks of a slot are too many.
    fn trim(&self, slot: SlotTuple, store: &Store) -> Trim {
        let Some(limit) = store.service(slot.service).and_then(|service| self.limit_of(service)) else {
            return Trim::default();
        };
        let mut tasks = tasks_of(slot, store);
        let Some(mut excess) = tasks.len().checked_sub(limit).filter(|excess| *excess > 0) else {
            return Trim::default();
        };
        tasks.sort_by_key(|task| (task.timestamp(), task.id));
        let mut trim = Trim::default();
        let mut needed = 0;
        for task in tasks {
            if !is_history(task) {
                needed += 1;
                continue;
            }
            trim.excess.push(task.id);
            excess -= 1;
            if excess == 0 {
                break;
            }
        }
        trim.stays_dirty = needed > 1;
        trim
    }

    /// How many tasks a slot of the service may have; none: any number. A limit on restarts overrides the
    /// cluster's limit in both directions.
    fn limit_of(&self, service: &Service) -> Option<usize> {
        let attempts = service.spec.task.restart.map_or(0, |restart| restart.max_attempts);
        if attempts > 0 {
            return usize::try_from(attempts).ok()?.checked_add(1);
        }
        usize::try_from(self.history_limit).ok()
    }
}

/// What becomes of a slot.
#[derive(Default)]
struct Trim {
    excess: Vec<TaskId>,
    /// Several tasks are still needed: it is looked at again.
    stays_dirty: bool,
}

/// The tasks of a slot, or of a global service's node. The history of jobs is never trimmed.
fn tasks_of(slot: SlotTuple, store: &Store) -> Vec<&Arc<Task>> {
    let Some(service) = store.service(slot.service) else { return Vec::new() };
    match (service.spec.mode, slot.node) {
        (ServiceMode::Replicated { .. }, _) => store.tasks_of_slot(slot.service, slot.slot).collect(),
        (ServiceMode::Global, Some(node)) => {
            store.tasks_of_node(node).filter(|task| task.service == Some(slot.service)).collect()
        }
        (ServiceMode::Global | ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob, _) => Vec::new(),
    }
}

/// True if a task may be deleted to make room: it ended, or will never get a node.
fn is_history(task: &Task) -> bool {
    let observed = task.status.state;
    observed.is_terminal() || (observed < TaskState::Assigned && task.desired_state > TaskState::Running)
}

/// True if a task that was to be removed has stopped or never had a node, or a task without service is lost.
fn is_to_be_deleted(task: &Task) -> bool {
    let observed = task.status.state;
    let has_no_agent = observed < TaskState::Assigned || observed >= TaskState::Complete;
    (task.desired_state == TaskState::Remove && has_no_agent)
        || (observed >= TaskState::Orphaned && task.service.is_none())
}

impl ControlLoop for Reaper {
    fn start(&mut self, context: &mut Context<'_>) {
        self.read_limit(context.store);
        let cause = context.cause();
        let stopped = context.store.tasks().filter(|task| is_to_be_deleted(task));
        self.cleanup = stopped.map(|task| (task.id, cause)).collect();
        self.tick(context);
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        match event {
            Heard::Change(ObjectChange::Task(delta)) => {
                let Some(task) = &delta.new else { return };
                self.hear_of_task(task, delta.old.is_none(), context.cause());
                self.arm(context);
            }
            Heard::Change(ObjectChange::Cluster(delta)) => {
                self.read_limit(context.store);
                if delta.old.is_some() {
                    self.arm(context);
                }
            }
            Heard::Change(ObjectChange::Node(_) | ObjectChange::Service(_) | ObjectChange::Network(_))
            | Heard::Commit => {}
        }
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::Reaper(ReaperStep::Delete(task)) = step else { unreachable!("the reaper's own step") };
        match transaction.store().task(*task) {
            Some(_) => transaction.delete_task(*task),
            // Somebody else was quicker.
            None => Ok(()),
        }
    }

    fn settled(&mut self, _strand: u32, outcome: Outcome, _context: &mut Context<'_>) {
        match outcome {
            // What a lost leadership leaves behind, the next leader's reaper finds.
            Outcome::Committed | Outcome::Unchanged | Outcome::Failed(_) => {}
        }
    }

    fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) {
        assert!(timer == LoopTimer::ReaperTick, "the reaper does not set {timer:?}");
        self.timer = None;
        self.tick(context);
    }
}

impl StateDigest for Reaper {
    fn digest(&self, digest: &mut Digest) {
        let Self { history_limit, dirty, cleanup, timer } = self;
        digest.i64(*history_limit);
        dirty.digest(digest);
        cleanup.digest(digest);
        digest.bool(timer.is_some());
    }
}

#[cfg(test)]
mod tests;
