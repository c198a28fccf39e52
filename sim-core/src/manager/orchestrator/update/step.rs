//! What an update writes, with the store's lock held (spec orchestration 9.4, 9.7, 9.8).
use std::borrow::Cow;
use std::sync::Arc;

use super::super::restart::{Predecessor, Supervisor};
use super::super::slot::SlotTasks;
use super::super::task::NewTask;
use super::status;
use crate::kernel::SimDuration;
use crate::model::{Cluster, ServiceId, Task, TaskId, TaskState, UpdateOrder};
use crate::store::{StoreError, Transaction};

/// One step of an update.
#[derive(Clone, Debug)]
pub(crate) enum UpdateStep {
    /// The service says that it is being updated.
    Begin(ServiceId),
    /// A slot gets a new task.
    Replace(Arc<Replacement>),
    /// A slot keeps one of its tasks, which is up to date.
    UseExisting { existing: Arc<Task>, others: SlotTasks },
    /// The new task of a slot runs: the others are not needed any more.
    ShutDownOld(SlotTasks),
    /// The service says that its update or rollback is paused.
    Pause(ServiceId, Cow<'static, str>),
    /// The service gets its previous spec back.
    RollBack(ServiceId, Cow<'static, str>),
    /// The service says that its update or rollback is complete.
    Complete(ServiceId),
}

/// A new task for a slot.
#[derive(Debug)]
pub(crate) struct Replacement {
    pub(super) id: TaskId,
    pub(super) task: NewTask,
    /// The cluster as the updater knows it.
    pub(super) cluster: Option<Arc<Cluster>>,
    pub(super) old: SlotTasks,
    pub(super) order: UpdateOrder,
}

/// Performs a step.
pub(crate) fn write(
    step: &UpdateStep,
    restart: &mut Supervisor,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    match step {
        UpdateStep::Begin(service) => status::begin(*service, transaction),
        UpdateStep::Replace(replacement) => replace(replacement, restart, transaction),
        UpdateStep::UseExisting { existing, others } => use_existing(existing, others, restart, transaction),
        UpdateStep::ShutDownOld(old) => shut_down(old, transaction).map(|_| ()),
        UpdateStep::Pause(service, message) => status::pause(*service, message.clone(), transaction),
        UpdateStep::RollBack(service, message) => status::roll_back(*service, message.clone(), transaction),
        UpdateStep::Complete(service) => status::complete(*service, transaction),
    }
}

fn replace(
    replacement: &Replacement,
    restart: &mut Supervisor,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Replacement { id, task, cluster, old, order } = replacement;
    if transaction.store().service(task.service.id).is_none() {
        return Err(StoreError::Abandoned("service was deleted"));
    }
    let mut task = task.build(*id, cluster.as_deref(), transaction.now());
    task.desired_state = TaskState::Ready;
    transaction.create_task(task)?;
    let after = match order {
        UpdateOrder::StopFirst => shut_down(old, transaction)?,
        UpdateOrder::StartFirst => None,
    };
    restart.decide_start(*id, after, SimDuration::ZERO, transaction);
    Ok(())
}

fn use_existing(
    existing: &Task,
    others: &SlotTasks,
    restart: &mut Supervisor,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let after = shut_down(others, transaction)?;
    if existing.desired_state != TaskState::Running {
        restart.decide_start(existing.id, after, SimDuration::ZERO, transaction);
    }
    Ok(())
}

/// Shuts down those of a slot's tasks that were live when the updater saw them, and names the last one if its
/// end must be waited for. An error only if there was something to shut down and nothing could be.
fn shut_down(
    tasks: &SlotTasks,
    transaction: &mut Transaction<'_>,
) -> Result<Option<Predecessor>, StoreError> {
    let mut error = None;
    let mut last = None;
    for seen in tasks.iter().filter(|task| task.desired_state <= TaskState::Running) {
        match shut_down_one(seen.id, transaction) {
            Ok(()) => last = Some(seen),
            Err(reason) => error = Some(reason),
        }
    }
    match (last, error) {
        (None, Some(error)) => Err(error),
        // What counts is the state in which the updater saw the task.
        (last, _) => Ok(last
            .filter(|seen| !seen.status.state.is_terminal())
            .map(|seen| Predecessor { task: seen.id, node: seen.node })),
    }
}

fn shut_down_one(task: TaskId, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let Some(task) = transaction.store().task(task) else {
        return Err(StoreError::Abandoned("task not found while trying to shut it down"));
    };
    if task.desired_state > TaskState::Running {
        return Err(StoreError::Abandoned("task was already shut down when reached by updater"));
    }
    let stopped = Task { desired_state: TaskState::Shutdown, ..Task::clone(task) };
    transaction.update_task(stopped)
}
