//! What orchestrators write. Every step reads its objects again with the store's lock held.
use std::collections::BTreeMap;

use super::task::NewTask;
use super::update::UpdateStep;
use crate::kernel::SimDuration;
use crate::manager::loops::{Context, MAIN_STRAND, Step};
use crate::manager::ties::TieBreaker;
use crate::model::{FactId, ServiceId, Task, TaskId, TaskState};
use crate::store::{Store, StoreError, Transaction};

/// One step of an orchestrator's batch.
#[derive(Clone, Debug)]
pub(crate) enum OrchestratorStep {
    /// Make a task.
    Create(NewTask),
    /// Delete a task from the store, whatever it does.
    Delete(TaskId),
    /// Shut a task down without replacement.
    Shutdown(TaskId),
    /// Stop a task, then delete it: nobody wants it any more.
    Remove(TaskId),
    /// Shut a task down and replace it if its policy allows.
    Restart(TaskId),
    /// The same for a task that ended while it waited for its start.
    RestartAgain(TaskId),
    /// Let a task run that got ready.
    Start(TaskId),
    /// The same after what is left of its restart delay, on behalf of an earlier leader.
    StartLater(TaskId, SimDuration),
    /// A step of an update.
    Update(UpdateStep),
}

impl Step {
    pub(super) fn start(task: TaskId) -> Self {
        OrchestratorStep::Start(task).into()
    }

    pub(super) fn restart_again(task: TaskId) -> Self {
        OrchestratorStep::RestartAgain(task).into()
    }

    /// The step of an orchestrator.
    pub(super) fn of_orchestrator(&self) -> &OrchestratorStep {
        let Step::Orchestrator(step) = self else { unreachable!("orchestrators write their own steps") };
        step
    }
}

impl From<OrchestratorStep> for Step {
    fn from(step: OrchestratorStep) -> Self {
        Step::Orchestrator(step)
    }
}

/// Asks for a batch of steps in the name of what was just heard.
pub(super) fn submit(steps: impl IntoIterator<Item = OrchestratorStep>, context: &mut Context<'_>) {
    let cause = context.cause();
    context.batch(MAIN_STRAND, steps.into_iter().map(|step| (step.into(), cause)));
}

/// Asks for the restarts that were noted, each in the name of the fact that it was noted with. False if there are none.
pub(super) fn submit_restarts(
    noted: &mut BTreeMap<TaskId, FactId>,
    ties: &mut TieBreaker,
    context: &mut Context<'_>,
) -> bool {
    let mut restarts: Vec<(TaskId, FactId)> = std::mem::take(noted).into_iter().collect();
    if restarts.is_empty() {
        return false;
    }
    ties.order(&mut restarts);
    let steps = restarts.into_iter().map(|(task, cause)| (OrchestratorStep::Restart(task).into(), cause));
    context.batch(MAIN_STRAND, steps);
    true
}

/// The steps that stop all tasks of a service that is gone, history included (spec orchestration 5.5).
pub(super) fn remove_all(store: &Store, service: ServiceId) -> Vec<OrchestratorStep> {
    store.tasks_of_service(service).map(|task| OrchestratorStep::Remove(task.id)).collect()
}

/// Makes a task.
pub(super) fn create(wanted: &NewTask, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let id = transaction.mint_task();
    let cluster = transaction.store().cluster().cloned();
    transaction.create_task(wanted.build(id, cluster.as_deref(), transaction.now()))
}

/// Deletes a task that may be gone already.
pub(super) fn delete(task: TaskId, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    if transaction.store().task(task).is_none() {
        return Ok(());
    }
    transaction.delete_task(task)
}

/// Raises the desired state of a task, unless it is gone or `passes` the wanted one.
pub(super) fn raise_desired_state(
    task: TaskId,
    wanted: TaskState,
    passes: impl FnOnce(TaskState) -> bool,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    match transaction.store().task(task) {
        Some(task) if !passes(task.desired_state) => {
            let raised = Task { desired_state: wanted, ..Task::clone(task) };
            transaction.update_task(raised)
        }
        Some(_) | None => Ok(()),
    }
}
