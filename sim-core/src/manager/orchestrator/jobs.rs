//! The orchestrator of jobs, whose tasks run to completion (spec orchestration 11).
//!
//! It looks at a job when the job changes and when one of its tasks ended, and at nothing else: what happens to
//! nodes is not heard here. There are no updates either; a new iteration replaces everything at once.
mod global;
mod replicated;

use std::collections::VecDeque;

use super::restart::{StartWaits, Supervisor};
use super::step::{OrchestratorStep, remove_all, submit};
use super::supervisors::{restart_if_wanted, write};
use super::{is_invalid_node, taskinit};
use crate::kernel::{Digest, StateDigest};
use crate::manager::loops::{Context, ControlLoop, Heard, MAIN_STRAND, Outcome, Step};
use crate::model::{Service, ServiceId, ServiceMode, Task, TaskId, TaskState};
use crate::protocol::{LoopKind, LoopTimer};
use crate::store::{Delta, ObjectChange, Store, StoreError, Transaction};

/// The jobs orchestrator of a leading manager.
#[derive(Debug)]
pub(crate) struct Orchestrator {
    restart: Supervisor,
    seed: u64,
    stage: Stage,
    /// Jobs that are still to be reconciled at the start of the leadership.
    at_start: VecDeque<ServiceId>,
}

/// What the orchestrator's own strand does once its write is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It hears.
    Idle,
    /// It has looked at the tasks of replicated jobs; next come those of global jobs.
    Starting,
    /// It reconciles the jobs that there were at its start, one after the other.
    ReconcilingAll,
    /// It has written what an event asks for, and hears on.
    Reacting,
}

impl Orchestrator {
    pub(crate) fn new(seed: u64) -> Self {
        let restart = Supervisor::new(LoopKind::Jobs);
        Orchestrator { restart, seed, stage: Stage::Idle, at_start: VecDeque::new() }
    }

    fn hear_of_service(&mut self, delta: &Delta<Service>, context: &mut Context<'_>) {
        if !delta.object().spec.mode.is_job() {
            return;
        }
        let service = delta.id();
        let steps = if delta.new.is_some() {
            self.steps_for(service, context.store)
        } else {
            self.restart.clear_history(service);
            remove_all(context.store, service)
        };
        self.react(steps, context);
    }

    /// A task ended that was wanted to complete.
    fn hear_of_task(&mut self, delta: &Delta<Task>, context: &mut Context<'_>) {
        let Delta { old: Some(_), new: Some(task) } = delta else { return };
        if !task.status.state.is_terminal() || task.desired_state > TaskState::Complete {
            return;
        }
        let service = task.service.and_then(|service| context.store.service(service));
        if let Some(service) = service.filter(|service| service.spec.mode.is_job()) {
            let steps = self.steps_for(service.id, context.store);
            self.react(steps, context);
        }
    }

    /// What a job needs now. Nothing if it is gone.
    fn steps_for(&self, service: ServiceId, store: &Store) -> Vec<OrchestratorStep> {
        let Some(service) = store.service(service) else { return Vec::new() };
        match service.spec.mode {
            ServiceMode::ReplicatedJob { max_concurrent, total_completions } => {
                replicated::reconcile(service, max_concurrent, total_completions, store)
            }
            ServiceMode::GlobalJob => global::reconcile(service, store, self.seed),
            ServiceMode::Replicated { .. } | ServiceMode::Global => {
                unreachable!("only jobs are reconciled here")
            }
        }
    }

    fn react(&mut self, steps: Vec<OrchestratorStep>, context: &mut Context<'_>) {
        self.stage = Stage::Reacting;
        submit(steps, context);
    }

    fn reconcile_next_at_start(&mut self, context: &mut Context<'_>) {
        match self.at_start.pop_front() {
            Some(service) => submit(self.steps_for(service, context.store), context),
            None => self.stage = Stage::Idle,
        }
    }

    /// Tasks of global jobs are shut down where they must not stay; nothing else is repaired.
    fn check_tasks(&mut self, mode: fn(ServiceMode) -> bool, context: &mut Context<'_>) {
        let store = context.store;
        let fix = |task: &Task| {
            let per_node = task.service.and_then(|service| store.service(service));
            let per_node = per_node.is_some_and(|service| service.spec.mode == ServiceMode::GlobalJob);
            let is_lost = task.node.is_none_or(|node| is_invalid_node(store, node));
            (per_node && is_lost && task.desired_state <= TaskState::Complete)
                .then_some(OrchestratorStep::Shutdown(task.id))
        };
        let steps = taskinit::check_tasks(mode, fix, &mut self.restart, context);
        context.batch(MAIN_STRAND, steps);
    }
}

impl ControlLoop for Orchestrator {
    fn start(&mut self, context: &mut Context<'_>) {
        self.stage = Stage::Starting;
        self.check_tasks(|mode| matches!(mode, ServiceMode::ReplicatedJob { .. }), context);
    }

    fn hear(&mut self, strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        if strand != MAIN_STRAND {
            self.restart.hear(strand, context);
            return;
        }
        match event {
            Heard::Change(ObjectChange::Service(delta)) => self.hear_of_service(delta, context),
            Heard::Change(ObjectChange::Task(delta)) => self.hear_of_task(delta, context),
            Heard::Change(ObjectChange::Cluster(_) | ObjectChange::Node(_) | ObjectChange::Network(_))
            | Heard::Commit => {}
        }
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let step = step.of_orchestrator();
        if let OrchestratorStep::Restart(task) = step {
            return restart_if_wanted(*task, TaskState::Complete, &mut self.restart, transaction);
        }
        write(step, &mut self.restart, transaction)
    }

    fn part_settled(&mut self, _strand: u32, context: &mut Context<'_>) {
        self.restart.delays.begin_decided(context);
    }

    fn settled(&mut self, strand: u32, outcome: Outcome, context: &mut Context<'_>) {
        let started = self.restart.settled(strand, &outcome, context);
        if let Some(started) = started.filter(|started| started.restarts_again) {
            self.restart.restart_again(started.task, context);
        }
        if strand != MAIN_STRAND {
            return;
        }
        match self.stage {
            Stage::Starting => {
                self.stage = Stage::ReconcilingAll;
                let jobs = context.store.services().filter(|service| service.spec.mode.is_job());
                self.at_start = jobs.map(|service| service.id).collect();
                self.check_tasks(|mode| mode == ServiceMode::GlobalJob, context);
            }
            Stage::ReconcilingAll => self.reconcile_next_at_start(context),
            Stage::Reacting => self.stage = Stage::Idle,
            Stage::Idle => unreachable!("an idle orchestrator writes nothing"),
        }
    }

    fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) {
        assert!(self.restart.fire(timer, context), "the jobs orchestrator does not set {timer:?}");
    }

    fn start_waits(&self, task: TaskId) -> Option<StartWaits> {
        self.restart.delays.waits(task)
    }
}

impl StateDigest for Orchestrator {
    fn digest(&self, digest: &mut Digest) {
        let Self { restart, seed: _, stage, at_start } = self;
        restart.digest(digest);
        digest.u8(*stage as u8);
        digest.sequence(at_start.iter());
    }
}
