//! Decides which node a pending task runs on (spec scheduler 3 to 13).
//!
//! Reads committed state only and works in batches, some time after the last commit. Its records of nodes live
//! in memory and are built anew by each leader. Relies on orchestrators to create tasks, on the allocator to
//! make them PENDING, and on agents to report when they end. Deliberately absent: CSI volumes (section 15), and
//! the log line about a node that fails often; its effect on the ranking is there.
mod classic;
mod debounce;
mod decision;
mod explain;
mod failures;
mod filters;
mod group;
mod needs;
mod node_info;
mod node_set;
mod pipeline;
mod queue;
mod rank;
mod rank_index;
mod ring;
#[cfg(test)]
mod tests;
mod tick;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::debounce::Debounce;
use self::decision::{Applied, Batch, Decision, Purpose};
use self::node_info::NodeInfo;
use self::node_set::NodeSet;
use self::queue::Queue;
use self::rank_index::RankIndexes;
use super::loops::{Context, ControlLoop, Heard, Outcome, Step};
use super::ties::TieBreaker;
use crate::kernel::{Digest, SimTime, StateDigest, Stream};
use crate::model::setup::PlacementStrategy;
use crate::model::{Explanations, FactId, IdMap, Node, Task, TaskId, TaskState};
use crate::protocol::LoopTimer;
use crate::store::{Delta, ObjectChange, Store, StoreError, Transaction};

/// The scheduler of a leading manager.
#[derive(Debug)]
pub(crate) struct Scheduler {
    /// Seed of the run, which gives node ids their text.
    seed: u64,
    strategy: PlacementStrategy,
    ties: TieBreaker,
    /// What [`PlacementStrategy::ClassicRandom`] draws from.
    lots: Stream,
    /// Every task observed PENDING to RUNNING, as last seen.
    all_tasks: IdMap<TaskId, Arc<Task>>,
    /// Tasks without a node.
    unassigned: Queue,
    /// Tasks that came with a node and are still PENDING.
    pending_preassigned: Queue,
    /// Tasks that came with a node, for as long as they live.
    preassigned: BTreeSet<TaskId>,
    nodes: NodeSet,
    /// Nodes in order for services that get their tasks one at a time.
    rank_indexes: RankIndexes,
    debounce: Debounce,
    /// The fact that asked for a tick, if there is to be one.
    tick_required: Option<FactId>,
    /// Decisions under way to the store.
    batch: Option<Batch>,
}

/// What the scheduler writes: a decision of the batch under way, by position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchedulerStep(usize);

impl Scheduler {
    pub(crate) fn new(seed: u64, strategy: PlacementStrategy, ties: TieBreaker, lots: Stream) -> Self {
        Scheduler {
            seed,
            strategy,
            ties,
            lots,
            all_tasks: IdMap::new(),
            unassigned: Queue::default(),
            pending_preassigned: Queue::default(),
            preassigned: BTreeSet::new(),
            nodes: NodeSet::default(),
            rank_indexes: RankIndexes::default(),
            debounce: Debounce::default(),
            tick_required: None,
            batch: None,
        }
    }

    /// Builds all records from the store and asks for a tick.
    pub(crate) fn learn(&mut self, store: &Store, now: SimTime, cause: FactId) {
        for node in store.nodes() {
            self.nodes.insert(NodeInfo::new(Arc::clone(node), now));
        }
        for task in store.tasks() {
            // Only here: a task that waits and shall end can be left to its orchestrator.
            let waits_to_end = task.status.state == TaskState::Pending && !task.is_active();
            if !waits_to_end {
                self.task_created(task, cause);
            }
        }
        self.request_tick(cause);
    }

    /// Decides about all tasks that wait, and answers how many got a node. Nothing is written.
    pub(crate) fn decide(&mut self, store: &Store, now: SimTime) -> usize {
        let decisions = self.tick(FactId::START, now, store, &mut Explanations::default());
        decisions.iter().filter(|decision| decision.new.node.is_some()).count()
    }

    /// A scheduler with the same records and nothing to do.
    fn copy_to_try(&self) -> Self {
        let mut copy = Scheduler::new(self.seed, self.strategy, self.ties.clone(), self.lots.clone());
        copy.nodes = self.nodes.clone();
        copy
    }

    fn request_tick(&mut self, cause: FactId) {
        self.tick_required.get_or_insert(cause);
    }

    fn hear_task(&mut self, delta: &Delta<Task>, now: SimTime, cause: FactId) {
        match (&delta.old, &delta.new) {
            (None, Some(task)) => self.task_created(task, cause),
            (_, Some(task)) => self.task_updated(task, now, cause),
            (Some(task), None) => {
                if self.drop_task(task) {
                    self.request_tick(cause);
                }
            }
            (None, None) => unreachable!("a change has an object"),
        }
    }

    fn task_created(&mut self, task: &Arc<Task>, cause: FactId) {
        if (TaskState::Pending..=TaskState::Running).contains(&task.status.state) {
            self.take_in(task, cause);
        }
    }

    fn task_updated(&mut self, task: &Arc<Task>, now: SimTime, cause: FactId) {
        if task.status.state < TaskState::Pending {
            return;
        }
        let known = self.all_tasks.get(task.id).cloned();
        if task.status.state > TaskState::Running {
            if let Some(known) = known {
                self.task_ended(&known, task, now);
                self.request_tick(cause);
            }
            return;
        }
        match known {
            Some(known) if task.node.is_none() || task.status.state == TaskState::Pending => {
                self.drop_task(&known);
                self.take_in(task, cause);
            }
            // A new state of a task that has its node: only its desired state can matter, and no task that
            // waits is tried again because of it.
            _ => self.take_in(task, cause),
        }
    }

    fn task_ended(&mut self, known: &Arc<Task>, task: &Task, now: SimTime) {
        let ended_now = known.status.state != task.status.state;
        let failed = matches!(task.status.state, TaskState::Failed | TaskState::Rejected);
        let counts = failed && ended_now && !self.preassigned.contains(&task.id);
        if counts && let Some(node) = task.node.and_then(|node| self.nodes.get_mut(node)) {
            node.task_failed(task, now);
        }
        self.drop_task(known);
    }

    /// Notes a task that is PENDING to RUNNING where it belongs.
    fn take_in(&mut self, task: &Arc<Task>, cause: FactId) {
        let mut task = self.with_assigned_resources(task);
        match task.node {
            None => {
                self.unassigned.put(Arc::clone(&task), Some(cause));
                self.request_tick(cause);
            }
            Some(_) if task.status.state == TaskState::Pending => {
                self.preassigned.insert(task.id);
                self.pending_preassigned.put(Arc::clone(&task), Some(cause));
            }
            Some(node) => {
                if let Some(node) = self.nodes.get_mut(node) {
                    node.add_task(&mut task);
                }
            }
        }
        self.all_tasks.insert(task.id, task);
    }

    /// SwarmKit's records and its store share their objects, so what a node record claimed for a task is in
    /// every later version of it. Here it is carried over.
    fn with_assigned_resources(&self, task: &Arc<Task>) -> Arc<Task> {
        let mut task = Arc::clone(task);
        let known = self.all_tasks.get(task.id).filter(|known| known.node == task.node);
        if let Some(known) = known.filter(|known| known.assigned_generic != task.assigned_generic) {
            Arc::make_mut(&mut task).assigned_generic.clone_from(&known.assigned_generic);
        }
        task
    }

    /// Forgets a task, except that a queue of tasks without a node keeps it. True if a node held it.
    fn drop_task(&mut self, task: &Arc<Task>) -> bool {
        let task = self.with_assigned_resources(task);
        self.all_tasks.remove(task.id);
        self.preassigned.remove(&task.id);
        self.pending_preassigned.remove(task.id);
        let node = task.node.and_then(|node| self.nodes.get_mut(node));
        node.is_some_and(|node| node.remove_task(&task))
    }

    fn hear_node(&mut self, delta: &Delta<Node>, now: SimTime, cause: FactId) {
        let Some(node) = &delta.new else {
            self.nodes.remove(delta.id());
            return;
        };
        match self.nodes.get_mut(node.id) {
            Some(known) => known.refresh(Arc::clone(node)),
            None => self.nodes.insert(NodeInfo::new(Arc::clone(node), now)),
        }
        self.request_tick(cause);
    }

    /// Preassigned tasks first; the tick follows when they are written.
    fn schedule(&mut self, context: &mut Context<'_>) {
        if self.pending_preassigned.is_empty() {
            return self.tick_if_required(context);
        }
        let (cause, now) = (context.cause(), context.now());
        let decisions = self.process_preassigned(cause, now, &mut context.effects.explanations);
        self.write_decisions(Purpose::Preassigned, decisions, context);
    }

    fn tick_if_required(&mut self, context: &mut Context<'_>) {
        let Some(cause) = self.tick_required.take() else { return };
        let decisions = self.tick(cause, context.now(), context.store, &mut context.effects.explanations);
        self.write_decisions(Purpose::Tick, decisions, context);
    }

    fn write_decisions(&mut self, purpose: Purpose, decisions: Vec<Decision>, context: &mut Context<'_>) {
        let batch = Batch::new(purpose, decisions);
        if batch.decisions.is_empty() {
            return self.finish(batch, context);
        }
        let causes = batch.decisions.iter().map(|decision| decision.cause).enumerate();
        context.batch(0, causes.map(|(position, cause)| (SchedulerStep(position).into(), cause)));
        self.batch = Some(batch);
    }

    /// Everything is written that could be. Takes back what could not.
    fn finish(&mut self, batch: Batch, context: &mut Context<'_>) {
        for (decision, applied) in batch.outcomes() {
            match applied {
                Applied::Gone => {
                    self.drop_task(&decision.new);
                }
                Applied::Conflict => self.roll_back(decision, batch.purpose),
                Applied::Written if batch.purpose == Purpose::Preassigned => {
                    if decision.new.status.state == TaskState::Assigned {
                        self.pending_preassigned.remove(decision.new.id);
                    }
                }
                Applied::Written | Applied::Unchanged | Applied::Untried => {}
            }
        }
        if batch.purpose == Purpose::Preassigned {
            self.tick_if_required(context);
        }
    }

    /// No tick is asked for: whatever caused the conflict will be heard of.
    fn roll_back(&mut self, decision: &Decision, purpose: Purpose) {
        self.all_tasks.insert(decision.old.id, Arc::clone(&decision.old));
        if let Some(node) = decision.new.node.and_then(|node| self.nodes.get_mut(node)) {
            node.remove_task(&decision.new);
        }
        if purpose == Purpose::Tick {
            self.unassigned.put(Arc::clone(&decision.old), None);
        }
    }
}

impl ControlLoop for Scheduler {
    fn start(&mut self, context: &mut Context<'_>) {
        self.learn(context.store, context.now(), context.cause());
        self.schedule(context);
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        let (now, cause) = (context.now(), context.cause());
        match event {
            Heard::Change(ObjectChange::Task(delta)) => self.hear_task(delta, now, cause),
            Heard::Change(ObjectChange::Node(delta)) => self.hear_node(delta, now, cause),
            Heard::Change(ObjectChange::Cluster(_) | ObjectChange::Service(_) | ObjectChange::Network(_)) => {
            }
            Heard::Commit => {
                if self.debounce.commit(context) {
                    self.schedule(context);
                }
            }
        }
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::Scheduler(SchedulerStep(position)) = step else { unreachable!("the scheduler's own step") };
        let batch = self.batch.as_mut().expect("decisions are being written");
        let applied = decision::apply(&batch.decisions[*position], &self.nodes, transaction);
        batch.applied[*position] = applied;
        Ok(())
    }

    fn settled(&mut self, _strand: u32, outcome: Outcome, context: &mut Context<'_>) {
        let mut batch = self.batch.take().expect("decisions were being written");
        match outcome {
            Outcome::Committed | Outcome::Unchanged => {}
            Outcome::Failed(_) => batch.fail(),
        }
        self.finish(batch, context);
    }

    fn scheduler(&self) -> Option<&Scheduler> {
        Some(self)
    }

    fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) {
        assert_eq!(timer, LoopTimer::SchedulerDebounce, "the scheduler has one timer");
        self.debounce.fired();
        self.schedule(context);
    }
}

impl From<SchedulerStep> for Step {
    fn from(step: SchedulerStep) -> Self {
        Step::Scheduler(step)
    }
}

impl StateDigest for Scheduler {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            // Chosen for the whole run.
            seed: _,
            strategy: _,
            ties,
            lots,
            all_tasks,
            unassigned,
            pending_preassigned,
            preassigned,
            nodes,
            // Follows from the records of the nodes.
            rank_indexes: _,
            debounce,
            tick_required,
            batch,
        } = self;
        ties.digest(digest);
        lots.digest(digest);
        digest.u64(all_tasks.len() as u64);
        for task in all_tasks.values() {
            task.id.digest(digest);
            digest.u64(task.meta.version);
        }
        unassigned.digest(digest);
        pending_preassigned.digest(digest);
        preassigned.digest(digest);
        nodes.digest(digest);
        debounce.digest(digest);
        tick_required.digest(digest);
        batch.digest(digest);
    }
}
