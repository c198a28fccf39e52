//! What an update waits for right now, for explanations.
use super::super::restart::StartWaits;
use crate::kernel::SimTime;
use crate::model::{ServiceId, TaskId};

/// How far an update is and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateWaits {
    /// The service.
    pub service: ServiceId,
    /// What the update is doing.
    pub phase: UpdatePhase,
    /// Slots that were out of date when it began.
    pub slots: u64,
    /// Slots that are done.
    pub slots_done: u64,
    /// Tasks made by this update that failed.
    pub failures: u64,
    /// What each worker waits for that is busy.
    pub workers: Vec<SlotWaits>,
}

/// What an update is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdatePhase {
    /// It is about to begin, or writes its status.
    Writing,
    /// It hands out slots to workers.
    Dispatching,
    /// All slots are handed out, or no more will be: it waits for its workers.
    Draining,
    /// All slots are done: it watches for failures until then.
    Monitoring {
        /// The end of the monitoring period.
        until: SimTime,
    },
}

/// What a worker waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotWaits {
    /// Its write has not come through yet.
    Write,
    /// A task that is ready or getting ready may not start yet.
    Start {
        /// Which.
        task: TaskId,
        /// Why; none if the start is just being written.
        waits: Option<StartWaits>,
    },
    /// A new task does not run yet. There is no limit to this wait.
    Run {
        /// Which.
        task: TaskId,
    },
    /// The slot is done; the pause before the next one is not over.
    Delay {
        /// The end of the pause.
        until: SimTime,
    },
}
