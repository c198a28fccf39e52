//! A store and chosen control loops on a virtual clock, without Raft, network or agents.
//!
//! A write settles at once, so nothing ever waits for a lock. What happens inside one instant follows the order
//! that was found in recordings of the real system (spec orchestration 20): all timers due act first, then the
//! loops hear of it in turn, then changes come from outside. Property tests and replays of recordings use it.
#[cfg(any(test, feature = "proptest"))]
pub mod lives;
#[cfg(any(test, feature = "proptest"))]
pub mod properties;
mod waiting;

use std::sync::Arc;

use crate::kernel::{Digest, SimTime, StateDigest};
use crate::manager::loops::LeaderLoops;
use crate::manager::orchestrator::update::UpdateWaits;
use crate::manager::scheduler::Scheduler;
use crate::model::{ExplainWish, Explanation, FactId, ServiceId, TaskId};
use crate::protocol::{Effects, Event, Lineage, Timer};

pub use self::waiting::WaitingScheduler;
pub use crate::manager::api::{
    create_network, create_service, inspect_nodes, inspect_services, list_node_tasks, list_nodes,
    list_service_tasks, list_services, remove_network, remove_node, remove_service, rollback_service,
    service_status, update_node, update_service,
};
pub use crate::manager::loops::LoopSettings;
pub use crate::protocol::{
    ApiError, ApiRead, ApiRequest, ApiResponse, ApiWrite, Filters, LoopKind, ManagerStatus, MemberList,
    NetworkError, NodeListing, NodeQuery, ObjectKind, ServiceDetails, ServiceListing, SpecError,
    SwarmDetails, TaskListing,
};
pub use crate::store::{Change, ChangeSet, Delta, ObjectChange, Store, StoreError, Transaction};

/// The store's version before the first commit. A service begins with spec version 0, which no later spec may get.
const VERSION_AT_START: u64 = 1;

/// The loops that decide about tasks, in the order in which they subscribe to the store (spec orchestration 20).
pub const CONTROL_LOOPS: [LoopKind; 7] = [
    LoopKind::Allocator,
    LoopKind::Scheduler,
    LoopKind::ConstraintEnforcer,
    LoopKind::Reaper,
    LoopKind::Replicated,
    LoopKind::Jobs,
    LoopKind::Global,
];

/// What lives outside the loops, such as the agents of the nodes.
pub trait World {
    /// A transaction was committed. The world may set alarms and must not write before one rings.
    fn committed(&mut self, changes: &ChangeSet, bench: &mut Bench);

    /// An alarm rings that this world has set.
    fn alarm(&mut self, alarm: u64, bench: &mut Bench);
}

/// A world in which nothing happens.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyWorld;

impl World for EmptyWorld {
    fn committed(&mut self, _changes: &ChangeSet, _bench: &mut Bench) {}

    fn alarm(&mut self, alarm: u64, _bench: &mut Bench) {
        unreachable!("nobody has set alarm {alarm}");
    }
}

/// The store, its loops and their clock.
pub struct Bench {
    kinds: Vec<LoopKind>,
    settings: LoopSettings,
    store: Store,
    loops: LeaderLoops,
    effects: Effects,
    version: u64,
    /// Commits that the world has not seen.
    unseen: Vec<Arc<ChangeSet>>,
    started: bool,
}

impl Bench {
    /// An empty store, with loops that are not started yet.
    #[must_use]
    pub fn new(kinds: &[LoopKind], settings: &LoopSettings) -> Self {
        Bench {
            kinds: kinds.to_vec(),
            settings: settings.clone(),
            store: Store::default(),
            loops: LeaderLoops::of_kinds(kinds, settings),
            effects: Effects::new(),
            version: VERSION_AT_START,
            unseen: Vec::new(),
            started: false,
        }
    }

    /// The committed state.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The current virtual time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.effects.now()
    }

    /// The scheduler, if it is one of the loops.
    pub(crate) fn scheduler(&self) -> Option<&Scheduler> {
        self.loops.scheduler()
    }

    /// From here on the scheduler's decisions about these tasks are explained.
    pub fn explain(&mut self, wish: ExplainWish) {
        self.effects.explanations.wish(wish);
    }

    /// All explanations so far.
    #[must_use]
    pub fn explanations(&self) -> &[Explanation] {
        self.effects.explanations.given()
    }

    /// Where the scheduler would put a task that waited alone, now. None without a scheduler or such a task.
    #[must_use]
    pub fn explain_now(&self, task: TaskId) -> Option<Explanation> {
        self.scheduler()?.explain_now(self.store.task(task)?, self.now(), &self.store)
    }

    /// How many transactions were committed.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.version - VERSION_AT_START
    }

    /// Hash over all facts so far.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.effects.trace().hash()
    }

    /// What the update of a service waits for right now, if one is under way.
    #[must_use]
    pub fn update_waits(&self, service: ServiceId) -> Option<UpdateWaits> {
        self.loops.update_waits(service)
    }

    /// Starts the loops on what the store holds now.
    ///
    /// # Panics
    /// If they run already.
    pub fn start(&mut self) {
        assert!(!self.started, "the loops run already");
        self.started = true;
        self.loops.start(&MemberList::default(), &self.store, &mut self.effects);
    }

    /// Ends the loops as a lost leadership does: all that they know is lost. They can be started anew.
    pub fn stop(&mut self) {
        self.started = false;
        self.loops = LeaderLoops::of_kinds(&self.kinds, &self.settings);
        self.effects.set_epoch(self.effects.epoch() + 1);
    }

    /// Commits a transaction from outside. An error leaves the store as it was.
    ///
    /// # Errors
    /// The error of `work`.
    pub fn transact<R, E>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let (now, cause) = (self.effects.now(), self.effects.cause());
        let mut transaction =
            Transaction::new(&mut self.store, &mut self.effects.ids, now, self.version, cause);
        let result = work(&mut transaction);
        let changes = transaction.into_changes();
        if result.is_ok() && changes.len() > 0 {
            let changes = Arc::new(changes);
            let causes = self.commit(&changes);
            if self.started {
                self.loops.publish(&changes, causes);
            }
        }
        result
    }

    /// Lets an alarm ring. Alarms and the loops' timers of one instant act in the order in which they were set.
    pub fn set_alarm(&mut self, alarm: u64, at: SimTime) {
        self.effects.set_timer(Timer::Alarm(alarm), at);
    }

    /// Runs until nothing is left to be done up to and including this time, and goes to it.
    pub fn run_until(&mut self, end: SimTime, world: &mut impl World) {
        self.settle(world);
        while let Some(due) = self.effects.next_time().filter(|due| *due <= end) {
            self.fire_all(due, world);
            self.settle(world);
        }
        self.effects.advance_to(end);
    }

    /// When the next timer is due.
    pub fn next_time(&mut self) -> Option<SimTime> {
        self.effects.next_time()
    }

    /// All timers due at an instant, each with its own action.
    fn fire_all(&mut self, due: SimTime, world: &mut impl World) {
        while self.effects.next_time() == Some(due) {
            let Some(Event::Fire { timer, cause, .. }) = self.effects.pop() else {
                unreachable!("a bench has timers only")
            };
            self.effects.set_cause(cause);
            match timer {
                Timer::Loop(_, epoch) if epoch != self.effects.epoch() => {}
                Timer::Loop(timer, _) => self.loops.fire(timer, &self.store, &mut self.effects),
                Timer::Alarm(alarm) => world.alarm(alarm, self),
                Timer::Manager(_) | Timer::Agent(_) | Timer::Client(_) | Timer::Node(_) => {
                    unreachable!("a bench has no processes, but {timer:?} fired")
                }
            }
            self.commit_writes(world);
        }
    }

    /// Turn by turn until all queues are empty; timers set meanwhile for this instant act after that.
    fn settle(&mut self, world: &mut impl World) {
        loop {
            self.commit_writes(world);
            if self.loops.turn(&self.store, &mut self.effects) {
                continue;
            }
            if self.effects.next_time() != Some(self.effects.now()) {
                return;
            }
            self.fire_all(self.effects.now(), world);
        }
    }

    fn commit_writes(&mut self, world: &mut impl World) {
        loop {
            self.show(world);
            let Some(changes) = self.loops.next_proposal(&mut self.store, &mut self.effects, self.version)
            else {
                return;
            };
            let causes = self.commit(&changes);
            self.loops.committed(&changes, causes, &self.store, &mut self.effects);
        }
    }

    fn commit(&mut self, changes: &Arc<ChangeSet>) -> Vec<FactId> {
        self.version += 1;
        self.store.apply(changes);
        self.unseen.push(Arc::clone(changes));
        self.effects.tell_commit(Lineage::default(), self.version, changes)
    }

    fn show(&mut self, world: &mut impl World) {
        for changes in std::mem::take(&mut self.unseen) {
            world.committed(&changes, self);
        }
    }
}

impl StateDigest for Bench {
    fn digest(&self, digest: &mut Digest) {
        let Self { kinds: _, settings: _, store, loops, effects: _, version, unseen: _, started } = self;
        store.digest(digest);
        loops.digest(digest);
        digest.u64(*version);
        digest.bool(*started);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Task, TaskId, TaskSpec, TaskState};

    #[test]
    fn a_new_task_is_pending_at_the_instant_of_its_creation() {
        let mut bench = Bench::new(&[LoopKind::Allocator], &LoopSettings::default());
        bench.start();
        let created: Result<TaskId, StoreError> = bench.transact(|transaction| {
            let id = transaction.mint_task();
            transaction.create_task(Task::new(id, Arc::new(TaskSpec::default()), transaction.now()))?;
            Ok(id)
        });
        bench.run_until(SimTime::from_secs(1), &mut EmptyWorld);
        let task = bench.store().task(created.unwrap()).unwrap();
        assert_eq!(task.status.state, TaskState::Pending);
        assert_eq!(task.status.timestamp, Some(SimTime::ZERO));
        assert_eq!(bench.commits(), 2);
    }
}
