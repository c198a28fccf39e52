//! Decides about all waiting tasks (spec scheduler 8, 10, 11).
//!
//! Decisions take effect in the scheduler's own records at once, so that each is made with the ones before it
//! in mind; they are written afterwards.
use std::sync::Arc;

use super::Scheduler;
use super::classic::{self, Ranking};
use super::decision::{Decision, assigned, unplaced};
use super::explain::Scene;
use super::failures::VersionedService;
use super::group::Group;
use super::needs::Needs;
use super::pipeline::Pipeline;
use super::queue::Queued;
use crate::kernel::SimTime;
use crate::model::explanation::PlacementOutcome;
use crate::model::setup::PlacementStrategy;
use crate::model::{Explanations, FactId, Service, Task, TaskState};
use crate::store::Store;

/// Message of a task that may run on the node that it came with (spec scheduler 10).
const CONFIRMED_MESSAGE: &str = "scheduler confirmed task can run on preassigned node";
/// Message of a task that waits for a node (spec scheduler 11).
const NO_SUITABLE_NODE: &str = "no suitable node";

impl Scheduler {
    /// Decides about every task without a node.
    pub(super) fn tick(
        &mut self,
        cause: FactId,
        now: SimTime,
        store: &Store,
        explanations: &mut Explanations,
    ) -> Vec<Decision> {
        let mut groups = self.unassigned.take_groups();
        let one_offs = groups.partition_point(|group| group[0].task.spec_version.is_some());
        let (common, single) = groups.split_at_mut(one_offs);
        self.ties.order(common);
        self.ties.order(single);
        let mut decisions = Vec::with_capacity(groups.iter().map(Vec::len).sum());
        for group in groups {
            self.schedule_group(group, cause, now, store, explanations, &mut decisions);
        }
        for decision in &decisions {
            self.all_tasks.insert(decision.new.id, Arc::clone(&decision.new));
        }
        decisions
    }

    fn schedule_group(
        &mut self,
        mut tasks: Vec<Queued>,
        cause: FactId,
        now: SimTime,
        store: &Store,
        explanations: &mut Explanations,
        decisions: &mut Vec<Decision>,
    ) {
        self.ties.order(&mut tasks);
        let representative = Arc::clone(&tasks[0].task);
        let mut group = Group {
            nodes: &mut self.nodes,
            rank_indexes: &mut self.rank_indexes,
            ties: &mut self.ties,
            strategy: self.strategy,
            pipeline: Pipeline::new(Needs::of(&representative, self.seed)),
            service: VersionedService::of(&representative),
            now,
            retried_because: cause,
            waiting: tasks.into_iter(),
            explanations,
            decisions,
        };
        match group.strategy {
            PlacementStrategy::Swarmkit => group.place(),
            PlacementStrategy::ClassicSpread => classic::place_by_weight(&mut group, Ranking::Spread),
            PlacementStrategy::ClassicBinpack => classic::place_by_weight(&mut group, Ranking::Binpack),
            PlacementStrategy::ClassicRandom => classic::place_by_lot(&mut group, &mut self.lots),
        }
        let explanation = group.pipeline.explain();
        let message = match explanation.as_str() {
            "" => NO_SUITABLE_NODE.to_owned(),
            _ => format!("{NO_SUITABLE_NODE} ({explanation})"),
        };
        group.explain_refusals(&message);
        for left in group.waiting {
            if let Some(new) = self.no_suitable_node(&left.task, &message, now, store) {
                let cause = left.cause.unwrap_or(cause);
                decisions.push(Decision { old: left.task, new, cause });
            }
        }
    }

    /// What becomes of a task for which no node was found. None: it is forgotten, with its service.
    fn no_suitable_node(
        &mut self,
        task: &Arc<Task>,
        message: &str,
        now: SimTime,
        store: &Store,
    ) -> Option<Arc<Task>> {
        let service = store.service(task.service?)?;
        if !is_outdated(task, service) {
            let new = unplaced(task, message, now);
            self.unassigned.put(Arc::clone(&new), None);
            return Some(new);
        }
        // Not queued again: an update replaces the task. After a change of the number of replicas nobody does, and it
        // waits for ever. One that waits only to end can end here.
        let ends = task.status.state == TaskState::Pending && task.desired_state >= TaskState::Shutdown;
        if !ends {
            return Some(Arc::clone(task));
        }
        let mut new = Task::clone(task);
        new.status.state = TaskState::Shutdown;
        new.status.err = "".into();
        new.status.timestamp = Some(now);
        Some(Arc::new(new))
    }

    /// Decides about every task whose node was chosen by an orchestrator, one by one.
    pub(super) fn process_preassigned(
        &mut self,
        cause: FactId,
        now: SimTime,
        explanations: &mut Explanations,
    ) -> Vec<Decision> {
        let mut waiting: Vec<Queued> = self.pending_preassigned.iter().cloned().collect();
        self.ties.order(&mut waiting);
        self.pending_preassigned.forget_causes();
        let mut decisions = Vec::with_capacity(waiting.len());
        for Queued { task, cause: brought } in waiting {
            if let Some(new) = self.fit_to_its_node(&task, now, explanations) {
                self.all_tasks.insert(new.id, Arc::clone(&new));
                decisions.push(Decision { old: task, new, cause: brought.unwrap_or(cause) });
            }
        }
        decisions
    }

    /// None if the node is not known: the task waits for it without a word.
    pub(super) fn fit_to_its_node(
        &mut self,
        task: &Arc<Task>,
        now: SimTime,
        explanations: &mut Explanations,
    ) -> Option<Arc<Task>> {
        let id = task.node.expect("a preassigned task has a node");
        let node = self.nodes.get(id)?;
        let mut pipeline = Pipeline::new(Needs::of(task, self.seed));
        let fits = pipeline.process(node);
        let reason = pipeline.explain();
        if !explanations.is_unwanted() && explanations.is_wanted(task) {
            let scene = Scene { nodes: &self.nodes, pipeline: &pipeline, now };
            let outcome = match fits {
                true => PlacementOutcome::Confirmed { node: id },
                false => PlacementOutcome::Refused { err: reason.clone() },
            };
            explanations.give(scene.explain(task, outcome));
        }
        if !fits {
            return Some(unplaced(task, &reason, now));
        }
        let mut new = Arc::new(assigned(task, id, CONFIRMED_MESSAGE, now));
        self.nodes.get_mut(id)?.add_task(&mut new);
        Some(new)
    }
}

/// True if the service has been changed since the task was made.
pub(super) fn is_outdated(task: &Task, service: &Service) -> bool {
    service.spec_version.zip(task.spec_version).is_some_and(|(new, old)| new > old)
}
