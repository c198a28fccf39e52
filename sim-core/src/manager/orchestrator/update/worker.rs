//! One slot of an update: a new task in place of an old one, or the choice of one that is there already
//! (spec orchestration 9.4).
//!
//! A worker waits for its new task without limit. It does not wait for, nor count, what the restart supervisor
//! does about that task.
use std::sync::Arc;

use super::super::restart;
use super::super::slot::SlotTasks;
use super::super::step::OrchestratorStep;
use super::super::task::NewTask;
use super::step::{Replacement, UpdateStep};
use super::updater::Updater;
use super::waits::SlotWaits;
use super::{Directory, Life};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::manager::loops::{Context, Interest, Outcome};
use crate::model::{ServiceMode, Task, TaskId, TaskState, UpdateOrder};
use crate::protocol::LoopTimer;
use crate::store::Store;

/// One of the pipelines of an update.
#[derive(Debug)]
pub(super) struct Worker {
    strand: u32,
    state: State,
    /// The tasks of its slot as the updater saw them.
    slot: SlotTasks,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It waits for a slot, or for the others to end.
    Idle,
    /// It writes what shall become of the slot. Then it waits for the start of this task, if any.
    Writing(Option<Awaited>),
    /// A delayed start is to end.
    AwaitingStart(Awaited),
    /// The new task is to run.
    AwaitingRun(TaskId),
    /// It shuts down the old tasks, as the new one runs.
    ShuttingDownOld,
    /// It pauses before the next slot.
    Pausing { timer: TimerId, until: SimTime },
}

/// A task whose start a worker waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Awaited {
    task: TaskId,
    /// The worker made the task, so it waits until it runs.
    is_new: bool,
}

impl Updater {
    /// A worker begins with a slot.
    pub(super) fn work_on(
        &mut self,
        worker: u32,
        slot: SlotTasks,
        directory: &Directory,
        context: &mut Context<'_>,
    ) {
        context.effects.set_cause(self.cause);
        let (step, awaited) = match self.existing_task(&slot, context.store, directory.seed) {
            Some(existing) => {
                let awaited = Awaited { task: existing.id, is_new: false };
                let is_started = existing.desired_state == TaskState::Running;
                let others = slot.iter().filter(|task| task.id != existing.id).cloned().collect();
                (UpdateStep::UseExisting { existing, others }, (!is_started).then_some(awaited))
            }
            None => {
                let id = context.effects.ids.mint_task();
                self.failures.track(id);
                let step = UpdateStep::Replace(Arc::new(self.replacement(id, &slot)));
                (step, Some(Awaited { task: id, is_new: true }))
            }
        };
        let own = &mut self.workers[worker as usize];
        own.slot = slot;
        own.state = State::Writing(awaited);
        context.update(own.strand, OrchestratorStep::Update(step).into());
    }

    /// A write of a worker came to its end. A slot whose write failed is skipped.
    pub(super) fn worker_settled(
        &mut self,
        worker: u32,
        outcome: &Outcome,
        directory: &mut Directory,
        context: &mut Context<'_>,
    ) -> Life {
        let failed = matches!(outcome, Outcome::Failed(_));
        let own = &mut self.workers[worker as usize];
        match own.state {
            State::Writing(Some(awaited)) if !failed => {
                own.state = State::AwaitingStart(awaited);
                directory.starts.insert(awaited.task, (self.service.id, worker));
                Life::GoesOn
            }
            State::Writing(_) | State::ShuttingDownOld => self.slot_is_done(worker, directory, context),
            State::Idle | State::AwaitingStart(_) | State::AwaitingRun(_) | State::Pausing { .. } => {
                unreachable!("a worker that writes nothing settles nothing")
            }
        }
    }

    /// The delayed start that a worker waits for is over.
    pub(super) fn start_done(
        &mut self,
        worker: u32,
        directory: &mut Directory,
        context: &mut Context<'_>,
    ) -> Life {
        let own = &mut self.workers[worker as usize];
        let State::AwaitingStart(Awaited { task: id, is_new }) = own.state else {
            unreachable!("the directory knows workers that wait for a start")
        };
        if !is_new {
            return self.slot_is_done(worker, directory, context);
        }
        own.state = State::AwaitingRun(id);
        let task = context.store.task(id).cloned();
        if let Some(task) = task.filter(|task| task.status.state >= TaskState::Running) {
            return self.new_task_runs(worker, &task, directory, context);
        }
        context.watch(own.strand, Interest::Task(id));
        Life::GoesOn
    }

    /// The task that a worker waits for changed.
    pub(super) fn hear_of_new_task(
        &mut self,
        worker: u32,
        task: &Task,
        directory: &mut Directory,
        context: &mut Context<'_>,
    ) -> Life {
        let own = &self.workers[worker as usize];
        if own.state != State::AwaitingRun(task.id) || task.status.state < TaskState::Running {
            return Life::GoesOn;
        }
        context.unwatch(own.strand);
        self.new_task_runs(worker, task, directory, context)
    }

    /// The pause after a slot is over.
    pub(super) fn delay_over(
        &mut self,
        worker: u32,
        directory: &mut Directory,
        context: &mut Context<'_>,
    ) -> Life {
        self.workers[worker as usize].state = State::Idle;
        self.worker_is_idle(worker, directory, context)
    }

    /// The new task runs, or has run. Only one that runs takes the place of the old ones.
    fn new_task_runs(
        &mut self,
        worker: u32,
        task: &Task,
        directory: &mut Directory,
        context: &mut Context<'_>,
    ) -> Life {
        self.failures.started(task.id, context.now());
        if self.config.order != UpdateOrder::StartFirst || task.status.state != TaskState::Running {
            return self.slot_is_done(worker, directory, context);
        }
        let own = &mut self.workers[worker as usize];
        own.state = State::ShuttingDownOld;
        let step = UpdateStep::ShutDownOld(std::mem::take(&mut own.slot));
        context.update(own.strand, OrchestratorStep::Update(step).into());
        Life::GoesOn
    }

    fn slot_is_done(&mut self, worker: u32, directory: &mut Directory, context: &mut Context<'_>) -> Life {
        self.slots_done += 1;
        let own = &mut self.workers[worker as usize];
        own.slot.clear();
        if self.config.delay.is_zero() {
            own.state = State::Idle;
            return self.worker_is_idle(worker, directory, context);
        }
        let until = context.now() + self.config.delay;
        let timer = LoopTimer::UpdateDelay { owner: directory.owner, service: self.service.id, worker };
        own.state = State::Pausing { timer: context.set_timer(timer, until), until };
        Life::GoesOn
    }

    /// A task of the slot that is what the update wants: one that runs before one that waits to start.
    fn existing_task(&self, slot: &SlotTasks, store: &Store, seed: u64) -> Option<Arc<Task>> {
        let clean = || slot.iter().filter(|task| !self.is_dirty(task, store, seed));
        let running = clean().find(|task| task.desired_state == TaskState::Running);
        running.or_else(|| clean().find(|task| task.desired_state < TaskState::Running)).cloned()
    }

    fn replacement(&self, id: TaskId, slot: &SlotTasks) -> Replacement {
        let service = Arc::clone(&self.service);
        let node = slot[0].node.filter(|_| service.spec.mode == ServiceMode::Global);
        let task = NewTask { service, slot: slot[0].slot, node, iteration: None };
        let (cluster, order) = (self.cluster.clone(), self.config.order);
        Replacement { id, task, cluster, old: slot.clone(), order }
    }
}

impl Worker {
    pub(super) fn new(strand: u32) -> Self {
        Worker { strand, state: State::Idle, slot: SlotTasks::new() }
    }

    pub(super) fn end(self, directory: &mut Directory, context: &mut Context<'_>) {
        match self.state {
            State::AwaitingStart(awaited) => {
                directory.starts.remove(&awaited.task);
            }
            State::Pausing { timer, .. } => context.cancel_timer(timer),
            State::Idle | State::Writing(_) | State::AwaitingRun(_) | State::ShuttingDownOld => {}
        }
        directory.strands.remove(&self.strand);
        context.end(self.strand);
    }

    /// What the worker waits for, if it is busy.
    pub(super) fn waits(&self, restart: &restart::Supervisor) -> Option<SlotWaits> {
        match self.state {
            State::Idle => None,
            State::Writing(_) | State::ShuttingDownOld => Some(SlotWaits::Write),
            State::AwaitingStart(Awaited { task, .. }) => {
                Some(SlotWaits::Start { task, waits: restart.delays.waits(task) })
            }
            State::AwaitingRun(task) => Some(SlotWaits::Run { task }),
            State::Pausing { until, .. } => Some(SlotWaits::Delay { until }),
        }
    }
}

impl StateDigest for Worker {
    fn digest(&self, digest: &mut Digest) {
        let Self { strand, state, slot } = self;
        digest.u32(*strand);
        digest.debug(state);
        digest.sequence(slot.iter().map(|task| task.id));
    }
}
