//! Delayed starts: replacements that wait for their restart delay, for the task before them to stop, or both
//! (spec orchestration 6.5).
//!
//! Each is a strand of its own that outlives whoever asked for it. One is decided inside a transaction and
//! begins when that is committed; its times count from the decision.
use std::collections::BTreeMap;

use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::manager::loops::{Context, Interest, Step};
use crate::model::{FactId, NodeId, TaskId};
use crate::protocol::{LoopKind, LoopTimer};
use crate::store::Store;

/// How long a replacement waits for the task before it to stop. A container's stop grace period plays no part (spec
/// orchestration 3.2).
const OLD_TASK_TIMEOUT: SimDuration = SimDuration::from_secs(60);

/// All delayed starts of one orchestrator.
#[derive(Debug)]
pub(crate) struct Delays {
    owner: LoopKind,
    starts: BTreeMap<TaskId, DelayedStart>,
    by_strand: BTreeMap<u32, TaskId>,
    /// Decided in the transaction under way.
    decided: Vec<Decision>,
}

/// A start that was decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    /// The task to be started.
    pub(crate) task: TaskId,
    /// The task that must stop first.
    pub(crate) after: Option<Predecessor>,
    pub(crate) delay: SimDuration,
    pub(crate) decided_at: SimTime,
    pub(crate) cause: FactId,
}

/// A task that must stop before another one starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Predecessor {
    pub(crate) task: TaskId,
    pub(crate) node: Option<NodeId>,
}

/// A start that is waiting.
#[derive(Debug)]
struct DelayedStart {
    strand: u32,
    /// Runs until the restart delay is over.
    delay: Option<Alarm>,
    /// What must stop first, and the timer that ends the wait for it.
    after: Option<(Predecessor, Alarm)>,
    /// The start is being written.
    is_starting: bool,
    /// The task ended while it waited: it is to be restarted once it was started.
    restarts_again: bool,
}

/// A timer that is set.
#[derive(Clone, Copy, Debug)]
struct Alarm {
    timer: TimerId,
    at: SimTime,
}

/// A delayed start that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) task: TaskId,
    /// Somebody waits to restart it (spec orchestration 6.6).
    pub(crate) restarts_again: bool,
}

/// What a task waits for before it may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartWaits {
    /// The end of its restart delay, if that is not over.
    pub delay_until: Option<SimTime>,
    /// The task that must stop first, and the time at which it is no longer waited for.
    pub for_stop: Option<(TaskId, SimTime)>,
}

impl Delays {
    pub(crate) fn new(owner: LoopKind) -> Self {
        Delays { owner, starts: BTreeMap::new(), by_strand: BTreeMap::new(), decided: Vec::new() }
    }

    /// A start was decided; it begins when the transaction under way is committed.
    pub(crate) fn decide(&mut self, decision: Decision) {
        self.decided.push(decision);
    }

    /// The transaction under way came to nothing.
    pub(crate) fn forget_decided(&mut self) {
        self.decided.clear();
    }

    /// The transaction under way is committed: what it decided begins.
    pub(crate) fn begin_decided(&mut self, context: &mut Context<'_>) {
        let cause = context.cause();
        for decision in std::mem::take(&mut self.decided) {
            context.effects.set_cause(decision.cause);
            self.begin(decision, context);
        }
        context.effects.set_cause(cause);
    }

    /// True if the task waits to be started. Marks that it ended meanwhile.
    pub(crate) fn postpone_restart(&mut self, task: TaskId) -> bool {
        let Some(start) = self.starts.get_mut(&task) else { return false };
        start.restarts_again = true;
        true
    }

    /// The task is not to be started any more. True if it was waiting.
    pub(crate) fn cancel(&mut self, task: TaskId, context: &mut Context<'_>) -> bool {
        let Some(start) = self.starts.remove(&task) else { return false };
        self.by_strand.remove(&start.strand);
        for alarm in [start.delay, start.after.map(|(_, alarm)| alarm)].into_iter().flatten() {
            context.cancel_timer(alarm.timer);
        }
        context.end(start.strand);
        true
    }

    /// A task that had to stop has stopped, or its node is lost. False if the strand is no delayed start.
    pub(crate) fn hear(&mut self, strand: u32, context: &mut Context<'_>) -> bool {
        let Some(task) = self.by_strand.get(&strand).copied() else { return false };
        self.stop_waiting_for_old(task, context);
        self.start_if_due(task, context);
        true
    }

    /// A timer ran out. False if it belongs to no delayed start.
    pub(crate) fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) -> bool {
        if let LoopTimer::RestartDelay { task, .. } = timer {
            self.get_mut(task).delay = None;
            self.start_if_due(task, context);
            true
        } else if let LoopTimer::OldTaskTimeout { task, .. } = timer {
            self.get_mut(task).after = None;
            self.start_if_due(task, context);
            true
        } else {
            false
        }
    }

    /// The start of the strand's task is written. None if the strand is no delayed start.
    pub(crate) fn settled(&mut self, strand: u32, context: &mut Context<'_>) -> Option<Started> {
        let task = self.by_strand.remove(&strand)?;
        let start = self.starts.remove(&task).expect("a strand has its start");
        context.end(strand);
        Some(Started { task, restarts_again: start.restarts_again })
    }

    /// What a task waits for before it starts.
    pub(crate) fn waits(&self, task: TaskId) -> Option<StartWaits> {
        let start = self.starts.get(&task)?;
        let for_stop = start.after.map(|(old, alarm)| (old.task, alarm.at));
        Some(StartWaits { delay_until: start.delay.map(|alarm| alarm.at), for_stop })
    }

    fn begin(&mut self, decision: Decision, context: &mut Context<'_>) {
        let Decision { task, after, delay, decided_at, .. } = decision;
        // Whoever waits to restart the task goes on waiting for the new start.
        let restarts_again = self.starts.get(&task).is_some_and(|start| start.restarts_again);
        self.cancel(task, context);
        let owner = self.owner;
        let (now, strand) = (context.now(), context.new_strand());
        let alarm = |timer, at: SimTime, context: &mut Context<'_>| {
            let at = at.max(now);
            Alarm { timer: context.set_timer(timer, at), at }
        };
        let delay = (!delay.is_zero())
            .then(|| alarm(LoopTimer::RestartDelay { owner, task }, decided_at + delay, context));
        let after = after.filter(|old| !has_stopped(context.store, *old)).map(|old| {
            context.watch(strand, Interest::TaskEnded(old.task));
            if let Some(node) = old.node {
                context.watch(strand, Interest::NodeLost(node));
            }
            let timeout = LoopTimer::OldTaskTimeout { owner, task };
            (old, alarm(timeout, decided_at + OLD_TASK_TIMEOUT, context))
        });
        let start = DelayedStart { strand, delay, after, is_starting: false, restarts_again };
        self.starts.insert(task, start);
        self.by_strand.insert(strand, task);
        self.start_if_due(task, context);
    }

    fn stop_waiting_for_old(&mut self, task: TaskId, context: &mut Context<'_>) {
        if let Some((_, alarm)) = self.get_mut(task).after.take() {
            context.cancel_timer(alarm.timer);
        }
    }

    fn start_if_due(&mut self, task: TaskId, context: &mut Context<'_>) {
        let start = self.get_mut(task);
        if start.delay.is_some() || start.after.is_some() || start.is_starting {
            return;
        }
        start.is_starting = true;
        let strand = start.strand;
        context.update(strand, Step::start(task));
    }

    fn get_mut(&mut self, task: TaskId) -> &mut DelayedStart {
        self.starts.get_mut(&task).expect("only waiting starts hear and fire")
    }
}

/// True if the task ended as it was shut down: its own transaction tells so.
fn has_stopped(store: &Store, old: Predecessor) -> bool {
    store.task(old.task).is_some_and(|task| task.status.state.is_terminal())
}

impl StateDigest for Delays {
    fn digest(&self, digest: &mut Digest) {
        // The index by strand follows from the starts, and nothing is decided between two events.
        let Self { owner, starts, by_strand: _, decided: _ } = self;
        digest.u8(*owner as u8);
        digest.u64(starts.len() as u64);
        for (task, DelayedStart { strand, delay, after, is_starting, restarts_again }) in starts {
            task.digest(digest);
            digest.u32(*strand);
            delay.map(|alarm| alarm.at).digest(digest);
            after.map(|(old, _)| old.task).digest(digest);
            after.map(|(_, alarm)| alarm.at).digest(digest);
            digest.bool(*is_starting);
            digest.bool(*restarts_again);
        }
    }
}
