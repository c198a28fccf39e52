//! The restart supervisor: shuts a task down and, if its restart policy allows, makes a replacement that starts
//! later (spec orchestration 6).
//!
//! Each orchestrator owns one and calls it inside its own transactions; nothing is shared between them.
mod delay;
mod history;

pub use delay::StartWaits;
pub(crate) use delay::{Decision, Predecessor, Started};

use std::collections::BTreeMap;
use std::sync::Arc;

use self::delay::Delays;
use self::history::History;
use super::slot::{SlotTasks, newest};
use super::task::{NewTask, released_state, restart_condition};
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::manager::loops::{Context, Outcome, Step};
use crate::model::{
    Availability, Node, NodeState, RestartCondition, Service, ServiceId, ServiceMode, SlotTuple, Task,
    TaskId, TaskState, UpdateState,
};
use crate::protocol::{LoopKind, LoopTimer};
use crate::store::{StoreError, Transaction};

/// The restart supervisor of one orchestrator.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) history: History,
    pub(crate) delays: Delays,
    /// Restarts that wait for a delayed start to end, by the strands that do the waiting.
    again: BTreeMap<u32, TaskId>,
}

impl Supervisor {
    pub(crate) fn new(owner: LoopKind) -> Self {
        Supervisor { history: History::default(), delays: Delays::new(owner), again: BTreeMap::new() }
    }

    /// Shuts a task down and replaces it if its policy allows. A task that still waits for its own start is
    /// restarted once that is over.
    pub(crate) fn restart(
        &mut self,
        service: &Arc<Service>,
        task: &Task,
        transaction: &mut Transaction<'_>,
    ) -> Result<(), StoreError> {
        if self.delays.postpone_restart(task.id) {
            return Ok(());
        }
        if task.desired_state > TaskState::Complete {
            return Err(StoreError::Abandoned("Restart called on task that was already shut down"));
        }
        transaction.update_task(Task { desired_state: TaskState::Shutdown, ..task.clone() })?;
        if !self.should_restart(service, task) {
            return Ok(());
        }
        let replacement = self.replace(service, task, transaction)?;
        let node = task.node.and_then(|node| transaction.store().node(node));
        let delay = restart_delay(task, node.map(|node| &**node));
        let waits_for_stop = !is_stopped_or_lost(task, node.map(|node| &**node));
        let after = waits_for_stop.then_some(Predecessor { task: task.id, node: task.node });
        self.decide_start(replacement, after, delay, transaction);
        Ok(())
    }

    /// A task shall start once `delay` is over and the task before it has stopped.
    pub(crate) fn decide_start(
        &mut self,
        task: TaskId,
        after: Option<Predecessor>,
        delay: SimDuration,
        transaction: &Transaction<'_>,
    ) {
        let (decided_at, cause) = (transaction.now(), transaction.cause());
        self.delays.decide(Decision { task, after, delay, decided_at, cause });
    }

    /// Of a slot's tasks those that an update has to look at (spec orchestration 6.4): the live ones, or a last
    /// one that is not to be replaced. None: the slot is dead.
    pub(crate) fn updatable_tasks_in_slot(&mut self, slot: &SlotTasks, service: &Service) -> SlotTasks {
        let live: SlotTasks =
            slot.iter().filter(|task| task.desired_state <= TaskState::Running).cloned().collect();
        let rolls_back =
            service.update_status.as_ref().map(|status| status.state) == Some(UpdateState::RollbackStarted);
        if !live.is_empty() || rolls_back {
            return live;
        }
        let newest = newest(slot).filter(|task| !self.should_restart(service, task));
        newest.cloned().into_iter().collect()
    }

    /// True if the policy lets a task be replaced that ended or lost its node.
    fn should_restart(&mut self, service: &Service, task: &Task) -> bool {
        let is_complete = task.status.state == TaskState::Complete;
        let allowed = match restart_condition(task) {
            RestartCondition::None => false,
            RestartCondition::OnFailure => !is_complete,
            RestartCondition::Any => !(is_complete && service.spec.mode.is_job()),
        };
        // The nodes of a global job are left out here, though not when its restarts are recorded: its limit
        // is never reached.
        let node = task.node.filter(|_| service.spec.mode == ServiceMode::Global);
        let slot = SlotTuple { service: service.id, slot: task.slot, node };
        allowed && self.history.has_attempts_left(slot, task)
    }

    /// Creates the replacement of a task from the service's current spec.
    fn replace(
        &mut self,
        service: &Arc<Service>,
        task: &Task,
        transaction: &mut Transaction<'_>,
    ) -> Result<TaskId, StoreError> {
        let per_node = matches!(service.spec.mode, ServiceMode::Global | ServiceMode::GlobalJob);
        let wanted = NewTask {
            service: Arc::clone(service),
            slot: task.slot,
            node: task.node.filter(|_| per_node),
            iteration: service
                .job_status
                .map(|status| status.iteration)
                .filter(|_| service.spec.mode.is_job()),
        };
        let id = transaction.mint_task();
        let cluster = transaction.store().cluster().cloned();
        let mut replacement = wanted.build(id, cluster.as_deref(), transaction.now());
        replacement.desired_state = TaskState::Ready;
        let slot = SlotTuple { service: service.id, slot: replacement.slot, node: replacement.node };
        self.history.record(slot, &replacement, transaction.now());
        transaction.create_task(replacement)?;
        Ok(id)
    }

    /// A strand other than the orchestrator's own heard something. False if it is none of this supervisor's.
    pub(crate) fn hear(&mut self, strand: u32, context: &mut Context<'_>) -> bool {
        self.delays.hear(strand, context)
    }

    /// A timer ran out. False if it is none of this supervisor's.
    pub(crate) fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) -> bool {
        self.delays.fire(timer, context)
    }

    /// A write of any of the orchestrator's strands came to its end: the starts that it decided begin. If it was
    /// a delayed start itself, that is over.
    pub(crate) fn settled(
        &mut self,
        strand: u32,
        outcome: &Outcome,
        context: &mut Context<'_>,
    ) -> Option<Started> {
        match outcome {
            Outcome::Committed | Outcome::Unchanged => self.delays.begin_decided(context),
            Outcome::Failed(_) => self.delays.forget_decided(),
        }
        if self.again.remove(&strand).is_some() {
            context.end(strand);
        }
        self.delays.settled(strand, context)
    }

    /// A task that ended while it waited for its start was started: it is restarted now, unless somebody else
    /// did so (spec orchestration 6.6).
    pub(crate) fn restart_again(&mut self, task: TaskId, context: &mut Context<'_>) {
        let strand = context.new_strand();
        self.again.insert(strand, task);
        context.update(strand, Step::restart_again(task));
    }

    pub(crate) fn clear_history(&mut self, service: ServiceId) {
        self.history.clear(service);
    }
}

/// Lets a task run that was only wanted to get ready.
pub(crate) fn start_now(task: TaskId, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    match transaction.store().task(task) {
        Some(task) if task.desired_state < TaskState::Running => {
            let desired_state = released_state(task.job_iteration);
            let released = Task { desired_state, ..Task::clone(task) };
            transaction.update_task(released)
        }
        Some(_) | None => Ok(()),
    }
}

/// The restart delay of the task's own spec; none on a node that is being drained.
fn restart_delay(task: &Task, node: Option<&Node>) -> SimDuration {
    if node.is_some_and(|node| node.spec.availability == Availability::Drain) {
        return SimDuration::ZERO;
    }
    task.restart_delay()
}

fn is_stopped_or_lost(task: &Task, node: Option<&Node>) -> bool {
    task.status.state.is_terminal() || node.is_some_and(|node| node.status.state == NodeState::Down)
}

impl StateDigest for Supervisor {
    fn digest(&self, digest: &mut Digest) {
        let Self { history, delays, again } = self;
        history.digest(digest);
        delays.digest(digest);
        again.digest(digest);
    }
}
