//! Writes down why a task goes where it goes, for those who asked beforehand or ask now.
use std::collections::BTreeMap;

use super::Scheduler;
use super::failures::VersionedService;
use super::node_set::NodeSet;
use super::pipeline::Pipeline;
use super::rank::{Candidate, Rank};
use super::tick::is_outdated;
use super::tree::Level;
use crate::kernel::SimTime;
use crate::model::explanation::{
    ExplainWish, Explanation, Explanations, NodeExplanation, PlacementOutcome, Verdict, WonBy,
};
use crate::model::{FactId, NodeId, Task, TaskState};
use crate::store::Store;

/// What a decision looks at.
pub(super) struct Scene<'a> {
    pub(super) nodes: &'a NodeSet,
    pub(super) pipeline: &'a Pipeline<'a>,
    pub(super) now: SimTime,
}

impl Scene<'_> {
    /// The explanation of a decision that is about to take effect.
    pub(super) fn explain(&self, task: &Task, outcome: PlacementOutcome) -> Explanation {
        let levels = Level::of(self.pipeline.needs().placement());
        Explanation {
            task: task.id,
            service: task.service_annotations.name.clone(),
            slot: task.slot,
            time: self.now,
            filters: self.pipeline.filters().map(|filter| filter.name()).collect(),
            levels: levels.iter().map(Level::to_string).collect(),
            nodes: self.table(task, &levels),
            outcome,
        }
    }

    fn table(&self, task: &Task, levels: &[Level]) -> Vec<NodeExplanation> {
        let mut tasks_of_branch: BTreeMap<Vec<&str>, u64> = BTreeMap::new();
        for info in self.nodes.iter() {
            let path = path(info.node(), levels);
            for depth in 1..=levels.len() {
                let tasks = tasks_of_branch.entry(path[..depth].to_vec()).or_default();
                *tasks += u64::from(info.active_tasks_of(task.service));
            }
        }
        let rows = self.nodes.iter().map(|info| {
            let path = path(info.node(), levels);
            let rank = Rank::of(info, VersionedService::of(task), self.now);
            let branch =
                (0..levels.len()).map(|level| (path[level].to_owned(), tasks_of_branch[&path[..=level]]));
            let verdicts = self.pipeline.filters().map(|filter| Verdict {
                passes: filter.fits(self.pipeline.needs(), info),
                detail: filter.detail(self.pipeline.needs(), info),
            });
            NodeExplanation {
                node: info.id(),
                verdicts: verdicts.collect(),
                recent_failures: info.failures.count(VersionedService::of(task), self.now),
                ranked_failures: rank.failures,
                tasks_of_service: rank.tasks_of_service,
                tasks: rank.tasks,
                branch: branch.collect(),
            }
        });
        rows.collect()
    }

    /// What speaks for a node against the best other one that could have been taken.
    pub(super) fn won_by(&self, task: &Task, winner: NodeId) -> WonBy {
        let levels = Level::of(self.pipeline.needs().placement());
        let candidate = |node: NodeId| {
            let info = self.nodes.get(node)?;
            Some(Candidate {
                rank: Rank::of(info, VersionedService::of(task), self.now),
                visit: node.0,
                node,
            })
        };
        let fitting = self.nodes.iter().filter(|info| info.id() != winner && self.pipeline.accepts(info));
        let others: Vec<NodeId> = fitting.map(|info| info.id()).collect();
        if others.is_empty() {
            return WonBy::OnlyNode;
        }
        let branch_of = |node: NodeId| self.nodes.get(node).map(|info| path(info.node(), &levels));
        let neighbours = others.into_iter().filter(|node| branch_of(*node) == branch_of(winner));
        let best = neighbours.filter_map(candidate).min();
        let (Some(best), Some(winner)) = (best, candidate(winner)) else { return WonBy::OnlyNodeOfBranch };
        compare(winner.rank, best.rank, best.node)
    }
}

/// What makes the winner's rank better than another one, if it is.
fn compare(winner: Rank, other: Rank, node: NodeId) -> WonBy {
    if winner > other {
        WonBy::OrderOfGroup(node)
    } else if winner.failures != other.failures {
        WonBy::FewerFailures(node)
    } else if winner.tasks_of_service != other.tasks_of_service {
        WonBy::FewerTasksOfService(node)
    } else if winner.tasks != other.tasks {
        WonBy::FewerTasks(node)
    } else {
        WonBy::Tie(node)
    }
}

fn path<'a>(node: &'a crate::model::Node, levels: &[Level]) -> Vec<&'a str> {
    levels.iter().map(|level| level.branch_of(node)).collect()
}

impl Scheduler {
    /// True for a task that found no node when its service was newer than the task: it is not looked at again before
    /// it changes (spec scheduler, a task without a suitable node).
    pub(crate) fn has_given_up(&self, task: &Task, store: &Store) -> bool {
        let service = task.service.and_then(|service| store.service(service));
        let is_outdated = service.is_some_and(|service| is_outdated(task, service));
        let waits = task.status.state == TaskState::Pending && task.node.is_none();
        waits && is_outdated && !self.unassigned.contains(task.id)
    }

    /// Where a task would go now, if it waited alone: on any node, or on the one that came with it. None if its
    /// service is gone.
    pub(crate) fn explain_now(&self, task: &Task, now: SimTime, store: &Store) -> Option<Explanation> {
        let mut copy = self.copy_to_try();
        let mut task = task.clone();
        if let Some(node) = task.node.and_then(|node| copy.nodes.get_mut(node)) {
            let known = self.all_tasks.get(task.id);
            node.remove_task(known.map_or(&task, |known| known));
        }
        let mut explanations = Explanations::default();
        let service = task.service_annotations.name.clone();
        explanations.wish(ExplainWish { service, slot: Some(task.slot) });
        if self.preassigned.contains(&task.id) {
            copy.fit_to_its_node(&task.into(), now, &mut explanations);
        } else {
            task.node = None;
            copy.unassigned.put(task.into(), None);
            copy.tick(FactId::START, now, store, &mut explanations);
        }
        explanations.given().first().cloned()
    }
}
