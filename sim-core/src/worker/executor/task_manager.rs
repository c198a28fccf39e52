//! Takes one task as far as it shall go, one operation at a time (spec control-plane 7.5).
//!
//! An update cancels the operation that runs. A preparation, a start or a wait then ends with the context's error,
//! which counts as an error to retry: the task manager looks again a second later. Therefore every stop of a
//! running task begins with a second of nothing. A shutdown is not cancelled.
use std::sync::Arc;

use super::container::Owner;
use super::controller::{Controller, Outcome};
use super::ports::HostPorts;
use super::transition::{self, Next, Operation};
use super::{Context, Site};
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::{FactId, Task, TaskState, TaskStatus};
use crate::protocol::{AgentTimer, Effects};
use crate::worker::alarm::Alarm;
use crate::worker::reporter::Reporter;

/// Time until an interrupted operation is tried again (spec control-plane 1.3).
const RETRY_DELAY: SimDuration = SimDuration::from_secs(1);

/// A task on this host: what the disk keeps of it, and what is being done for it.
#[derive(Debug)]
pub(super) struct TaskManager {
    /// As it was last assigned. The status is the agent's own, whatever the manager believes.
    task: Arc<Task>,
    status: TaskStatus,
    /// The fact behind the status.
    cause: FactId,
    activity: Activity,
    controller: Controller,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// Nothing, until the task is updated.
    Paused,
    /// An operation runs.
    Busy(Operation),
    /// An operation was interrupted and will be tried again.
    Retrying(Alarm),
    /// The task is no longer assigned: the shutdown that runs is finished first.
    Finishing,
    /// The task is no longer assigned: its container is being removed.
    Removing,
    /// Nothing is left.
    Gone,
}

impl TaskManager {
    /// A task that was not here before is accepted, and that is reported.
    pub(super) fn accept(task: Arc<Task>, context: &mut Context<'_>) -> Self {
        let mut manager = TaskManager::new(task, Activity::Paused, Controller::default(), context.out);
        transition::accept(&mut manager.status);
        manager.report(context.reporter);
        manager
    }

    /// A task that has been running for long.
    pub(super) fn settled(task: Arc<Task>, site: &Site, ports: &mut HostPorts, out: &mut Effects) -> Self {
        assert_eq!(task.status.state, TaskState::Running, "a settled task runs");
        let controller = Controller::settled(Owner { task: &task, site }, ports, out);
        TaskManager::new(task, Activity::Busy(Operation::Wait), controller, out)
    }

    /// The status is the manager's at first. When and by whom it was applied is none of the agent's business.
    fn new(task: Arc<Task>, activity: Activity, controller: Controller, out: &Effects) -> Self {
        let status = TaskStatus { applied_at: None, applied_by: None, ..task.status.clone() };
        TaskManager { task, status, cause: out.cause(), activity, controller }
    }

    /// True while a manager wants to know about the task.
    pub(super) fn is_assigned(&self) -> bool {
        match self.activity {
            Activity::Paused | Activity::Busy(_) | Activity::Retrying(_) => true,
            Activity::Finishing | Activity::Removing | Activity::Gone => false,
        }
    }

    /// True once neither task nor container is left.
    pub(super) fn is_gone(&self) -> bool {
        self.activity == Activity::Gone
    }

    /// Reports the status, as long as somebody wants to know.
    pub(super) fn report(&self, reporter: &mut Reporter) {
        if self.is_assigned() {
            reporter.report(self.task.id, &self.status, self.cause);
        }
    }

    /// The task is assigned again, perhaps changed. One that differs in its status only, or that wants less than
    /// the one before, is ignored.
    pub(super) fn update(&mut self, task: &Arc<Task>, context: &mut Context<'_>) {
        if self.task.asks_the_same_as(task) || task.desired_state < self.task.desired_state {
            return;
        }
        self.task = Arc::clone(task);
        match self.activity {
            Activity::Paused => self.run(context),
            // The retry is not waited for. The real one happens nevertheless and runs a second operation beside
            // this one, which changes nothing: stopping a container twice is stopping it once.
            Activity::Retrying(retry) => {
                retry.cancel(context.out);
                self.run(context);
            }
            Activity::Busy(Operation::Shutdown) => {}
            Activity::Busy(Operation::Prepare | Operation::Start | Operation::Wait) => {
                self.controller.interrupt();
                let at = context.out.now() + RETRY_DELAY;
                self.activity =
                    Activity::Retrying(Alarm::set(AgentTimer::Retry(self.task.id), at, context.out));
            }
            Activity::Finishing | Activity::Removing | Activity::Gone => unreachable!("it is not assigned"),
        }
    }

    /// The task is no longer assigned: its container is shut down and removed. Nothing is reported any more.
    pub(super) fn unassign(&mut self, context: &mut Context<'_>) {
        match self.activity {
            Activity::Finishing | Activity::Removing | Activity::Gone => return,
            Activity::Busy(Operation::Shutdown) => return self.activity = Activity::Finishing,
            Activity::Retrying(retry) => retry.cancel(context.out),
            Activity::Busy(Operation::Prepare | Operation::Start | Operation::Wait) => {
                self.controller.interrupt();
            }
            Activity::Paused => {}
        }
        self.remove(context);
    }

    /// The removal runs the path of a shutdown once more. Without a process nobody could see it.
    fn remove(&mut self, context: &mut Context<'_>) {
        if !self.controller.is_alive() {
            return self.abandon(context);
        }
        self.activity = Activity::Removing;
        let Self { task, controller, .. } = self;
        controller.begin(Operation::Shutdown, task, context).expect("a shutdown always begins");
        self.look(context);
    }

    /// Everything about the task goes at once.
    pub(super) fn abandon(&mut self, context: &mut Context<'_>) {
        if let Activity::Retrying(retry) = self.activity {
            retry.cancel(context.out);
        }
        let Self { task, controller, .. } = self;
        controller.abandon(Owner { task, site: context.site }, context);
        self.activity = Activity::Gone;
    }

    /// Goes on until the task pauses or an operation takes time.
    pub(super) fn run(&mut self, context: &mut Context<'_>) {
        loop {
            match transition::next(self.status.state, self.task.desired_state) {
                Next::Pause => return self.activity = Activity::Paused,
                Next::Become(state, message) => {
                    transition::advance(&mut self.status, (state, message), context.out.now());
                    self.changed(context);
                }
                Next::Operate(operation) => {
                    self.activity = Activity::Busy(operation);
                    let Self { task, controller, .. } = self;
                    let begun = controller.begin(operation, task, context);
                    let outcome = match begun {
                        Ok(()) => controller.outcome(operation, task, context.site),
                        Err(error) => Some(Err(error)),
                    };
                    match outcome {
                        Some(outcome) => self.finish(operation, outcome, context),
                        None => return,
                    }
                }
            }
        }
    }

    /// Something happened: perhaps what the task waits for is over.
    fn look(&mut self, context: &mut Context<'_>) {
        let operation = match self.activity {
            Activity::Busy(operation) => operation,
            Activity::Finishing | Activity::Removing => Operation::Shutdown,
            Activity::Paused | Activity::Retrying(_) | Activity::Gone => return,
        };
        let Some(outcome) = self.controller.outcome(operation, &self.task, context.site) else { return };
        match self.activity {
            Activity::Finishing => self.remove(context),
            Activity::Removing => self.abandon(context),
            Activity::Busy(_) | Activity::Paused | Activity::Retrying(_) | Activity::Gone => {
                self.finish(operation, outcome, context);
                self.run(context);
            }
        }
    }

    fn finish(&mut self, operation: Operation, outcome: Outcome, context: &mut Context<'_>) {
        let now = context.out.now();
        if let Some(end) = self.controller.end().filter(|_| operation != Operation::Shutdown) {
            context.out.set_cause(end);
        }
        match outcome {
            Ok(()) => transition::advance(&mut self.status, operation.success(), now),
            Err(error) => transition::fail(&mut self.status, error.to_string().into(), now),
        }
        if self.status.state.is_terminal() {
            self.status.exit_code = self.controller.exit_code();
        }
        self.changed(context);
    }

    fn changed(&mut self, context: &mut Context<'_>) {
        self.cause = context.out.cause();
        let bound = if self.has_process() { context.ports.of(self.task.id) } else { &[] };
        self.status.ports = bound.to_vec();
        self.report(context.reporter);
    }

    /// True if there is a process, or soon will be.
    pub(super) fn has_process(&self) -> bool {
        self.controller.is_alive()
    }

    /// A timer of this task runs out.
    pub(super) fn fire(&mut self, timer: AgentTimer, context: &mut Context<'_>) {
        if let AgentTimer::Retry(_) = timer {
            if matches!(self.activity, Activity::Retrying(retry) if retry.is_due(context.out)) {
                self.run(context);
            }
            return;
        }
        let operation = self.operation();
        let Self { task, controller, .. } = self;
        controller.fire(timer, operation, task, context);
        self.look(context);
    }

    /// The image of the task was pulled.
    pub(super) fn pulled(&mut self, context: &mut Context<'_>) {
        let wanted = self.operation() == Some(Operation::Prepare);
        let Self { task, controller, .. } = self;
        controller.pulled(wanted, task, context);
        self.look(context);
    }

    fn operation(&self) -> Option<Operation> {
        match self.activity {
            Activity::Busy(operation) => Some(operation),
            Activity::Paused
            | Activity::Retrying(_)
            | Activity::Finishing
            | Activity::Removing
            | Activity::Gone => None,
        }
    }

    /// The container's process is killed from outside. Without an engine that is noticed later.
    /// False if there is none.
    pub(super) fn kill_container(&mut self, engine_runs: bool, context: &mut Context<'_>) -> bool {
        let Self { task, controller, .. } = self;
        let is_killed = controller.kill(Owner { task, site: context.site }, context.out);
        if engine_runs {
            self.look(context);
        }
        is_killed
    }

    /// The host loses power.
    pub(super) fn lose_power(&mut self, site: &Site, out: &mut Effects) {
        let Self { task, controller, .. } = self;
        controller.lose_power(Owner { task, site }, out);
        self.engine_ended(out);
    }

    /// The engine process dies.
    pub(super) fn engine_died(&mut self, containers_survive: bool, out: &mut Effects) {
        self.controller.engine_died(containers_survive, out);
        self.engine_ended(out);
    }

    /// The engine was stopped in an orderly way.
    pub(super) fn engine_stopped(&mut self, site: &Site, out: &mut Effects) {
        let Self { task, controller, .. } = self;
        controller.engine_stopped(Owner { task, site }, out);
        self.engine_ended(out);
    }

    fn engine_ended(&mut self, out: &mut Effects) {
        self.activity = match self.activity {
            Activity::Retrying(retry) => {
                retry.cancel(out);
                Activity::Paused
            }
            Activity::Paused | Activity::Busy(_) => Activity::Paused,
            unassigned @ (Activity::Finishing | Activity::Removing | Activity::Gone) => unassigned,
        };
    }

    /// The engine process starts. The task goes on from the status on the disk. Of one that was not assigned any
    /// more there is no record; the real engine would leave its container to itself, here it is removed.
    pub(super) fn resume(&mut self, joins_again: bool, context: &mut Context<'_>) {
        let Self { task, controller, .. } = self;
        let ports = joins_again.then_some(&mut *context.ports);
        controller.engine_started(Owner { task, site: context.site }, ports, context.out);
        if self.is_assigned() {
            self.run(context);
        } else {
            self.remove(context);
        }
    }
}

impl StateDigest for TaskManager {
    fn digest(&self, digest: &mut Digest) {
        let Self { task, status, cause, activity, controller } = self;
        digest.u64(task.meta.version);
        digest.u32(task.desired_state as u32);
        digest.debug(status);
        cause.digest(digest);
        match activity {
            Activity::Paused => digest.u8(0),
            Activity::Busy(operation) => {
                digest.u8(1);
                digest.u8(*operation as u8);
            }
            Activity::Retrying(retry) => {
                digest.u8(2);
                retry.digest(digest);
            }
            Activity::Finishing => digest.u8(3),
            Activity::Removing => digest.u8(4),
            Activity::Gone => digest.u8(5),
        }
        controller.digest(digest);
    }
}
