//! The restart and the update supervisor of one orchestrator, and what one of them means for the other.
use super::restart::{self, start_now};
use super::step::{OrchestratorStep, create, delete, raise_desired_state};
use super::update;
use crate::kernel::{Digest, StateDigest};
use crate::manager::loops::{Context, Heard, Outcome};
use crate::model::{TaskId, TaskState};
use crate::protocol::{LoopKind, LoopTimer};
use crate::store::{StoreError, Transaction};

/// Both supervisors.
#[derive(Debug)]
pub(super) struct Supervisors {
    pub(super) restart: restart::Supervisor,
    pub(super) update: update::Supervisor,
}

impl Supervisors {
    pub(super) fn new(owner: LoopKind, seed: u64) -> Self {
        let (restart, update) = (restart::Supervisor::new(owner), update::Supervisor::new(owner, seed));
        Supervisors { restart, update }
    }

    /// A strand other than the orchestrator's own heard something.
    pub(super) fn hear(&mut self, strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        if !self.restart.hear(strand, context) {
            self.update.hear(strand, event, context);
        }
    }

    pub(super) fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) {
        let is_known = self.restart.fire(timer, context) || self.update.fire(timer, context);
        assert!(is_known, "an orchestrator does not set {timer:?}");
    }

    /// A task is gone: it will not be started.
    pub(super) fn cancel_start(&mut self, task: TaskId, context: &mut Context<'_>) {
        if self.restart.delays.cancel(task, context) {
            self.update.start_done(task, context);
        }
    }

    /// A part of a batch is committed.
    pub(super) fn part_settled(&mut self, context: &mut Context<'_>) {
        self.restart.delays.begin_decided(context);
    }

    /// A write of any strand came to its end. Of those who wait for a delayed start the updater goes first
    /// (spec orchestration 20.2).
    pub(super) fn settled(&mut self, strand: u32, outcome: &Outcome, context: &mut Context<'_>) {
        match self.restart.settled(strand, outcome, context) {
            Some(started) => {
                self.update.start_done(started.task, context);
                if started.restarts_again {
                    self.restart.restart_again(started.task, context);
                }
            }
            None => self.update.settled(strand, outcome, context),
        }
    }
}

/// Performs a step.
pub(super) fn write(
    step: &OrchestratorStep,
    restart: &mut restart::Supervisor,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    match step {
        OrchestratorStep::Create(task) => create(task, transaction),
        OrchestratorStep::Delete(task) => delete(*task, transaction),
        OrchestratorStep::Shutdown(task) => {
            let passes = |desired| desired >= TaskState::Shutdown;
            raise_desired_state(*task, TaskState::Shutdown, passes, transaction)
        }
        OrchestratorStep::Remove(task) => {
            let passes = |desired| desired > TaskState::Remove;
            raise_desired_state(*task, TaskState::Remove, passes, transaction)
        }
        OrchestratorStep::Restart(task) | OrchestratorStep::RestartAgain(task) => {
            restart_if_wanted(*task, TaskState::Running, restart, transaction)
        }
        OrchestratorStep::Start(task) => start_now(*task, transaction),
        OrchestratorStep::StartLater(task, delay) => {
            if transaction.store().task(*task).is_some_and(|task| task.desired_state == TaskState::Ready) {
                restart.decide_start(*task, None, *delay, transaction);
            }
            Ok(())
        }
        OrchestratorStep::Update(step) => update::write(step, restart, transaction),
    }
}

/// Restarts a task unless it is gone, its service is gone, or more than `highest` is desired of it by now.
pub(super) fn restart_if_wanted(
    task: TaskId,
    highest: TaskState,
    restart: &mut restart::Supervisor,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let store = transaction.store();
    let Some(task) = store.task(task).filter(|task| task.desired_state <= highest).cloned() else {
        return Ok(());
    };
    let Some(service) = task.service.and_then(|service| store.service(service)).cloned() else {
        return Ok(());
    };
    restart.restart(&service, &task, transaction)
}

impl StateDigest for Supervisors {
    fn digest(&self, digest: &mut Digest) {
        let Self { restart, update } = self;
        restart.digest(digest);
        update.digest(digest);
    }
}
