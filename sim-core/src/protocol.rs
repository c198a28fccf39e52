//! All that a component can hear and say: events, timers, messages, and the [`Effects`] of a step.
use crate::kernel::SimTime;
use crate::kernel::queue::{EventQueue, TimerId};
use crate::kernel::trace::Trace;
use crate::model::{Fact, FactId, HostId, NodeId, ServiceId, TaskId};
use crate::store::{ChangeSet, Ids, emit_facts};

/// The control loops of a leading manager, in the order in which they subscribe to the store
/// (spec orchestration 20.2, control-plane 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoopKind {
    /// Control API calls: they write, and watch nothing.
    Api,
    /// NEW to PENDING.
    Allocator,
    /// PENDING to ASSIGNED.
    Scheduler,
    /// Rejects tasks whose node no longer fits.
    ConstraintEnforcer,
    /// Deletes old tasks.
    Reaper,
    /// Replicated services.
    Replicated,
    /// Replicated and global jobs.
    Jobs,
    /// Global services.
    Global,
    /// Sessions, heartbeats and assignments of agents.
    Dispatcher,
}

/// Timers of control loops. Each names what it is for; what is still due is known to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopTimer {
    /// The scheduler's commit debounce ran out.
    SchedulerDebounce,
    /// The task reaper's batching interval ran out.
    ReaperTick,
    /// The restart delay of a replacement ran out.
    RestartDelay { owner: LoopKind, task: TaskId },
    /// A replacement has waited long enough for the task before it to stop.
    OldTaskTimeout { owner: LoopKind, task: TaskId },
    /// An update worker's pause after a slot is over.
    UpdateDelay { owner: LoopKind, service: ServiceId, worker: u32 },
    /// The monitoring period after the last slot is over.
    UpdateMonitor { owner: LoopKind, service: ServiceId },
    /// The dispatcher writes what agents reported.
    DispatcherBatch,
    /// A node's heartbeat did not come.
    HeartbeatExpiry { node: NodeId },
    /// A node was down for 24 hours.
    NodeDownPeriod { node: NodeId },
    /// No assignment of a node changed for a while: they are sent.
    AssignmentBatch { node: NodeId },
}

impl LoopTimer {
    /// The loop that set the timer.
    pub(crate) fn owner(self) -> LoopKind {
        match self {
            LoopTimer::SchedulerDebounce => LoopKind::Scheduler,
            LoopTimer::ReaperTick => LoopKind::Reaper,
            LoopTimer::RestartDelay { owner, .. }
            | LoopTimer::OldTaskTimeout { owner, .. }
            | LoopTimer::UpdateDelay { owner, .. }
            | LoopTimer::UpdateMonitor { owner, .. } => owner,
            LoopTimer::DispatcherBatch
            | LoopTimer::HeartbeatExpiry { .. }
            | LoopTimer::NodeDownPeriod { .. }
            | LoopTimer::AssignmentBatch { .. } => LoopKind::Dispatcher,
        }
    }
}

/// What a component waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// For a control loop of the leading manager.
    Loop(LoopTimer),
    /// For the world around a bench.
    Alarm(u64),
}

/// One thing that can happen next. Ordered by time and sequence, never by content.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A timer of a component on a host. `life` is the process that set it: a later one does not hear it.
    Fire { host: HostId, life: u32, timer: Timer, cause: FactId },
}

/// What a step does to the world outside its component: facts, timers and messages. Facts and timers take
/// effect at once, messages when the step has returned, all in the order of emission.
pub(crate) struct Effects {
    now: SimTime,
    cause: FactId,
    host: HostId,
    life: u32,
    queue: EventQueue<Event>,
    trace: Trace<Fact>,
    /// The next free ids.
    pub(crate) ids: Ids,
    /// The highest log index whose changes were told as facts.
    told: u64,
}

impl Effects {
    /// At time zero, with the fact that the run began.
    pub(crate) fn new() -> Self {
        let mut trace = Trace::default();
        let cause = trace.add(SimTime::ZERO, FactId(0), None, Fact::Start);
        Effects {
            now: SimTime::ZERO,
            cause,
            host: HostId(0),
            life: 0,
            queue: EventQueue::new(),
            trace,
            ids: Ids::default(),
            told: 0,
        }
    }

    pub(crate) fn now(&self) -> SimTime {
        self.now
    }

    /// The fact behind what is being done now; facts, timers, messages and writes inherit it.
    pub(crate) fn cause(&self) -> FactId {
        self.cause
    }

    /// From here on things are done because of another fact.
    pub(crate) fn set_cause(&mut self, cause: FactId) {
        self.cause = cause;
    }

    /// Tells a fact, caused by the current one.
    pub(crate) fn fact(&mut self, fact: Fact) -> FactId {
        self.trace.add(self.now, self.cause, None, fact)
    }

    /// Tells the changes of a committed entry, unless another manager did so before. The answer has for every
    /// change the fact that reactions to it are caused by.
    pub(crate) fn tell_commit(&mut self, index: u64, changes: &ChangeSet) -> Vec<FactId> {
        let first = index > self.told;
        self.told = self.told.max(index);
        let mut causes = Vec::with_capacity(changes.len());
        for change in changes.iter() {
            let mut latest = change.cause;
            if first {
                let (trace, now) = (&mut self.trace, self.now);
                emit_facts(&change.object, &mut |fact| {
                    latest = trace.add(now, change.cause, Some(index), fact);
                });
            }
            causes.push(latest);
        }
        causes
    }

    pub(crate) fn set_timer(&mut self, timer: Timer, at: SimTime) -> TimerId {
        let event = Event::Fire { host: self.host, life: self.life, timer, cause: self.cause };
        self.queue.push(at, event)
    }

    pub(crate) fn cancel_timer(&mut self, timer: TimerId) {
        self.queue.cancel(timer);
    }

    /// When the next event is due.
    pub(crate) fn next_time(&mut self) -> Option<SimTime> {
        self.queue.peek_time()
    }

    /// Takes the next event and goes to its time.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let (at, event) = self.queue.pop()?;
        self.now = at;
        Some(event)
    }

    /// Goes to a time at which something comes from outside the queue.
    pub(crate) fn advance_to(&mut self, at: SimTime) {
        assert!(at >= self.now, "time runs forward: {at} after {}", self.now);
        self.now = at;
    }

    pub(crate) fn trace(&self) -> &Trace<Fact> {
        &self.trace
    }

    pub(crate) fn trace_mut(&mut self) -> &mut Trace<Fact> {
        &mut self.trace
    }
}
