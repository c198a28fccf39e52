//! Moves tasks from NEW to PENDING once everything is allocated that they need.
//!
//! Relies on nothing but the store. Networks, addresses and published ports are not handed out yet, so every
//! task is complete as soon as it is seen.
use std::collections::BTreeMap;

use super::loops::{Context, ControlLoop, Heard, Outcome, Step};
use crate::kernel::{Digest, StateDigest};
use crate::model::{FactId, Task, TaskId, TaskState, TaskStatus};
use crate::protocol::LoopTimer;
use crate::store::{ObjectChange, StoreError, Transaction};

/// What a task says while it waits for the scheduler (spec networking 1).
const ALLOCATED_MESSAGE: &str = "pending task scheduling";

/// The allocator of a leading manager.
#[derive(Debug, Default)]
pub(crate) struct Allocator {
    /// Tasks to be allocated at the next commit, each with the fact that brought it.
    pending: BTreeMap<TaskId, FactId>,
}

/// What the allocator writes.
#[derive(Clone, Debug)]
pub(crate) enum AllocatorStep {
    /// The task has all it needs.
    Allocate(TaskId),
}

impl Allocator {
    fn consider(&mut self, task: &Task, cause: FactId) {
        if task.status.state == TaskState::New {
            self.pending.insert(task.id, cause);
        }
    }

    fn allocate_pending(&mut self, context: &mut Context<'_>) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        let steps = pending.into_iter().map(|(task, cause)| (AllocatorStep::Allocate(task).into(), cause));
        context.batch(0, steps);
    }
}

impl ControlLoop for Allocator {
    fn start(&mut self, context: &mut Context<'_>) {
        let cause = context.cause();
        for task in context.store.tasks() {
            self.consider(task, cause);
        }
        self.allocate_pending(context);
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        match event {
            Heard::Change(ObjectChange::Task(delta)) => {
                if let Some(task) = &delta.new {
                    self.consider(task, context.cause());
                }
            }
            Heard::Change(_) => {}
            Heard::Commit => self.allocate_pending(context),
        }
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::Allocator(AllocatorStep::Allocate(id)) = step else {
            unreachable!("the allocator's own step")
        };
        let Some(task) = transaction.store().task(*id) else { return Ok(()) };
        if task.status.state != TaskState::New {
            return Ok(());
        }
        let mut task = Task::clone(task);
        task.status = TaskStatus {
            state: TaskState::Pending,
            timestamp: Some(transaction.now()),
            message: ALLOCATED_MESSAGE.into(),
            ..TaskStatus::default()
        };
        transaction.update_task(task)
    }

    fn settled(&mut self, _strand: u32, outcome: Outcome, _context: &mut Context<'_>) {
        match outcome {
            // A lost leadership takes the allocator with it; the next leader's finds the tasks in the store.
            Outcome::Committed | Outcome::Unchanged | Outcome::Failed(_) => {}
        }
    }

    fn fire(&mut self, timer: LoopTimer, _context: &mut Context<'_>) {
        unreachable!("the allocator sets no timer, but {timer:?} fired");
    }
}

impl From<AllocatorStep> for Step {
    fn from(step: AllocatorStep) -> Self {
        Step::Allocator(step)
    }
}

impl StateDigest for Allocator {
    fn digest(&self, digest: &mut Digest) {
        let Self { pending } = self;
        pending.digest(digest);
    }
}
