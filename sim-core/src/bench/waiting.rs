//! A scheduler on its own, with tasks that wait: what it costs to decide, apart from what it costs to write.
use super::{LoopSettings, Store};
use crate::kernel::SimTime;
use crate::manager::scheduler::Scheduler;
use crate::model::FactId;

/// A scheduler that knows a store and has not decided anything yet.
#[derive(Debug)]
pub struct WaitingScheduler<'a> {
    scheduler: Scheduler,
    store: &'a Store,
}

impl<'a> WaitingScheduler<'a> {
    /// The scheduler of a manager that begins to lead with this store.
    #[must_use]
    pub fn new(store: &'a Store, settings: &LoopSettings) -> Self {
        let mut scheduler = settings.scheduler();
        scheduler.learn(store, SimTime::ZERO, FactId::START);
        WaitingScheduler { scheduler, store }
    }

    /// Decides about all tasks that wait, and answers how many got a node. Nothing is written.
    pub fn decide(&mut self) -> usize {
        self.scheduler.decide(self.store, SimTime::ZERO)
    }
}
