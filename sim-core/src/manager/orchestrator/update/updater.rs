//! One update or rollback from its first slot to its last: hands slots to workers, counts failures, watches for
//! a while after the last slot (spec orchestration 9.2 to 9.6).
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::super::slot::SlotTasks;
use super::super::task::is_task_dirty;
use super::failures::Failures;
use super::status::failure_message;
use super::step::UpdateStep;
use super::waits::{UpdatePhase, UpdateWaits};
use super::worker::Worker;
use super::{Directory, Life, restart};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::manager::loops::{Context, Interest};
use crate::manager::orchestrator::step::OrchestratorStep;
use crate::model::spec::DEFAULT_MONITOR;
use crate::model::{
    Cluster, FactId, FailureAction, Service, ServiceSpec, Task, TaskId, UpdateConfig, UpdateState,
};
use crate::protocol::LoopTimer;
use crate::store::Store;

/// By how much the last slot is watched longer than the pause between slots, if that is not shorter (spec
/// orchestration 3.2).
const MONITOR_BEYOND_DELAY: SimDuration = SimDuration::from_secs(1);

/// An update or rollback under way.
#[derive(Debug)]
pub(super) struct Updater {
    pub(super) strand: u32,
    /// The service as it was when the update was asked for.
    pub(super) service: Arc<Service>,
    /// The cluster at the same moment.
    pub(super) cluster: Option<Arc<Cluster>>,
    /// The fact that asked for the update.
    pub(super) cause: FactId,
    pub(super) config: UpdateConfig,
    monitor: SimDuration,
    phase: Phase,
    /// Too many tasks failed: nothing is done beyond the slots in work.
    is_stopped: bool,
    /// A failure's consequence is being written; the updater does nothing else meanwhile.
    is_triggering: bool,
    /// Slots that wait for a worker.
    waiting: VecDeque<SlotTasks>,
    slots: u64,
    pub(super) slots_done: u64,
    pub(super) workers: Vec<Worker>,
    idle: BTreeSet<u32>,
    pub(super) failures: Failures,
    /// Tasks that ended while nobody looked.
    unseen_ends: VecDeque<(TaskId, FactId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Asked for, or writing that it begins.
    Beginning,
    Dispatching,
    Draining,
    Monitoring {
        timer: TimerId,
        until: SimTime,
    },
    /// Writing that it is complete.
    Ending,
}

impl Updater {
    pub(super) fn new(
        strand: u32,
        service: Arc<Service>,
        cluster: Option<Arc<Cluster>>,
        slots: Vec<SlotTasks>,
        cause: FactId,
    ) -> Self {
        let config = config_of(&service);
        Updater {
            strand,
            service,
            cluster,
            cause,
            config,
            monitor: config.monitor.unwrap_or(DEFAULT_MONITOR),
            phase: Phase::Beginning,
            is_stopped: false,
            is_triggering: false,
            waiting: slots.into(),
            slots: 0,
            slots_done: 0,
            workers: Vec::new(),
            idle: BTreeSet::new(),
            failures: Failures::default(),
            unseen_ends: VecDeque::new(),
        }
    }

    pub(super) fn works_towards(&self, spec: &Arc<ServiceSpec>) -> bool {
        self.service.spec == *spec
    }

    /// Looks for slots that are out of date, and begins with them.
    pub(super) fn begin(&mut self, directory: &mut Directory, context: &mut Context<'_>) -> Life {
        context.effects.set_cause(self.cause);
        let state = self.service.update_status.as_ref().map(|status| status.state);
        if matches!(state, Some(UpdateState::Paused | UpdateState::RollbackPaused)) {
            return Life::Ended;
        }
        let mut slots = std::mem::take(&mut self.waiting);
        slots.retain(|slot| slot.len() > 1 || self.is_dirty(&slot[0], context.store, directory.seed));
        self.slots = slots.len() as u64;
        self.waiting = slots;
        match state {
            Some(UpdateState::Updating | UpdateState::RollbackStarted) if self.slots == 0 => {
                self.complete(context)
            }
            _ if self.slots == 0 => Life::Ended,
            None => {
                self.write(UpdateStep::Begin(self.service.id), context);
                Life::GoesOn
            }
            Some(_) => self.start_workers(directory, context),
        }
    }

    /// A write of the updater itself came to its end.
    pub(super) fn settled(&mut self, directory: &mut Directory, context: &mut Context<'_>) -> Life {
        let was_triggering = std::mem::take(&mut self.is_triggering);
        match self.phase {
            Phase::Beginning => self.start_workers(directory, context),
            Phase::Dispatching => {
                assert!(was_triggering, "nothing else is written while slots are handed out");
                self.drain(directory, context)
            }
            Phase::Monitoring { .. } if self.is_stopped => Life::Ended,
            Phase::Monitoring { .. } => self.complete(context),
            Phase::Ending => Life::Ended,
            Phase::Draining => unreachable!("a draining updater writes nothing"),
        }
    }

    /// A task of the service ended.
    pub(super) fn hear_of_end(
        &mut self,
        task: TaskId,
        directory: &mut Directory,
        context: &mut Context<'_>,
    ) -> Life {
        match self.phase {
            Phase::Dispatching | Phase::Monitoring { .. } => {
                self.look_at_end(task, directory.seed, context);
            }
            Phase::Draining if !self.is_stopped => self.unseen_ends.push_back((task, context.cause())),
            Phase::Draining | Phase::Beginning | Phase::Ending => {}
        }
        Life::GoesOn
    }

    /// Gives slots to idle workers, lowest first.
    pub(super) fn hand_out(&mut self, directory: &mut Directory, context: &mut Context<'_>) -> Life {
        while self.phase == Phase::Dispatching && !self.is_triggering {
            let Some(worker) = self.idle.pop_first() else { return Life::GoesOn };
            let slot = self.waiting.pop_front().expect("dispatching ends with the last slot");
            if self.waiting.is_empty() {
                self.phase = Phase::Draining;
            }
            self.work_on(worker, slot, directory, context);
        }
        if self.phase == Phase::Draining { self.drain(directory, context) } else { Life::GoesOn }
    }

    /// A worker has nothing to do.
    pub(super) fn worker_is_idle(
        &mut self,
        worker: u32,
        directory: &mut Directory,
        context: &mut Context<'_>,
    ) -> Life {
        self.idle.insert(worker);
        self.hand_out(directory, context)
    }

    /// True if the task is not what the update wants.
    pub(super) fn is_dirty(&self, task: &Task, store: &Store, seed: u64) -> bool {
        let node = task.node.and_then(|node| store.node(node));
        is_task_dirty(&self.service, task, node.map(|node| &**node), seed)
    }

    /// Ends all strands and timers.
    pub(super) fn end(self, directory: &mut Directory, context: &mut Context<'_>) {
        if let Phase::Monitoring { timer, .. } = self.phase {
            context.cancel_timer(timer);
        }
        directory.strands.remove(&self.strand);
        context.end(self.strand);
        for worker in self.workers {
            worker.end(directory, context);
        }
    }

    pub(super) fn waits(&self, restart: &restart::Supervisor) -> UpdateWaits {
        let phase = match self.phase {
            Phase::Beginning | Phase::Ending => UpdatePhase::Writing,
            Phase::Dispatching => UpdatePhase::Dispatching,
            Phase::Draining => UpdatePhase::Draining,
            Phase::Monitoring { until, .. } => UpdatePhase::Monitoring { until },
        };
        UpdateWaits {
            service: self.service.id,
            phase,
            slots: self.slots,
            slots_done: self.slots_done,
            failures: self.failures.count(),
            workers: self.workers.iter().filter_map(|worker| worker.waits(restart)).collect(),
        }
    }

    fn start_workers(&mut self, directory: &mut Directory, context: &mut Context<'_>) -> Life {
        self.phase = Phase::Dispatching;
        if self.config.failure_action != FailureAction::Continue {
            context.watch(self.strand, Interest::TaskOfServiceEnded(self.service.id));
        }
        let parallelism = if self.config.parallelism == 0 { self.slots } else { self.config.parallelism };
        for number in 0..parallelism.min(self.slots) as u32 {
            let strand = context.new_strand();
            directory.strands.insert(strand, (self.service.id, Some(number)));
            self.workers.push(Worker::new(strand));
            self.idle.insert(number);
        }
        self.hand_out(directory, context)
    }

    /// No slot is handed out any more. When all workers are done, the tasks are watched for a while.
    fn drain(&mut self, directory: &Directory, context: &mut Context<'_>) -> Life {
        self.phase = Phase::Draining;
        if self.idle.len() < self.workers.len() {
            return Life::GoesOn;
        }
        if self.is_stopped {
            return Life::Ended;
        }
        if self.config.delay >= self.monitor {
            self.monitor = self.config.delay + MONITOR_BEYOND_DELAY;
        }
        let until = context.now() + self.monitor;
        let timer = LoopTimer::UpdateMonitor { owner: directory.owner, service: self.service.id };
        self.phase = Phase::Monitoring { timer: context.set_timer(timer, until), until };
        while let Some((task, cause)) = self.unseen_ends.pop_front() {
            context.effects.set_cause(cause);
            self.look_at_end(task, directory.seed, context);
        }
        Life::GoesOn
    }

    /// Counts a task that ended, and does what the spec wants done about too many.
    fn look_at_end(&mut self, task: TaskId, seed: u64, context: &mut Context<'_>) {
        let now = context.now();
        if self.is_triggering
            || !self.failures.is_one_too_many(task, now, self.monitor, &self.config, self.slots)
        {
            return;
        }
        let service = self.service.id;
        let step = match self.config.failure_action {
            FailureAction::Continue => return,
            FailureAction::Pause => {
                self.is_stopped = true;
                UpdateStep::Pause(service, failure_message("update paused", task, seed))
            }
            // A rollback is never rolled back. It is paused, but goes on as if it were not: its last word is
            // that it is complete.
            FailureAction::Rollback if self.is_rollback() => {
                UpdateStep::Pause(service, failure_message("rollback paused", task, seed))
            }
            FailureAction::Rollback => {
                self.is_stopped = true;
                UpdateStep::RollBack(service, failure_message("update rolled back", task, seed))
            }
        };
        if let Phase::Monitoring { timer, .. } = self.phase {
            context.cancel_timer(timer);
        }
        self.is_triggering = true;
        self.write(step, context);
    }

    /// All slots are done and were watched for long enough.
    pub(super) fn complete(&mut self, context: &mut Context<'_>) -> Life {
        context.effects.set_cause(self.cause);
        self.phase = Phase::Ending;
        self.write(UpdateStep::Complete(self.service.id), context);
        Life::GoesOn
    }

    fn write(&self, step: UpdateStep, context: &mut Context<'_>) {
        context.update(self.strand, OrchestratorStep::Update(step).into());
    }

    fn is_rollback(&self) -> bool {
        is_rollback(&self.service)
    }
}

fn is_rollback(service: &Service) -> bool {
    service.update_status.as_ref().is_some_and(|status| status.state == UpdateState::RollbackStarted)
}

/// How the update proceeds. After a rollback began, the service's spec is the restored one: it is that one's
/// block that counts.
fn config_of(service: &Service) -> UpdateConfig {
    let spec = &service.spec;
    if is_rollback(service) { spec.rollback } else { spec.update }.unwrap_or_default()
}

impl StateDigest for Updater {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            strand,
            service,
            // Both are objects of the store.
            cluster: _,
            cause,
            config,
            monitor,
            phase,
            is_stopped,
            is_triggering,
            waiting,
            slots,
            slots_done,
            workers,
            idle,
            failures,
            unseen_ends,
        } = self;
        digest.u32(*strand);
        service.id.digest(digest);
        digest.u64(service.meta.version);
        cause.digest(digest);
        config.digest(digest);
        digest.duration(*monitor);
        digest.debug(phase);
        digest.bool(*is_stopped);
        digest.bool(*is_triggering);
        for slot in waiting {
            digest.sequence(slot.iter().map(|task| task.id));
        }
        digest.u64(*slots);
        digest.u64(*slots_done);
        workers.digest(digest);
        digest.sequence(idle.iter());
        failures.digest(digest);
        for (task, cause) in unseen_ends {
            task.digest(digest);
            cause.digest(digest);
        }
    }
}
