//! Places the tasks of one group: tasks of one service and spec version, or a single one without a version
//! (spec scheduler 8.1 to 8.4).
//!
//! All the tasks are alike for the filters, so one of them stands for all.
use std::sync::Arc;

use super::decision::{Decision, assigned};
use super::explain::Scene;
use super::failures::VersionedService;
use super::node_info::NodeInfo;
use super::node_set::NodeSet;
use super::pipeline::Pipeline;
use super::queue::Queued;
use super::rank::{Candidate, Rank};
use super::rank_index::RankIndexes;
use super::ring::Ring;
use super::tree::{Level, Position, Tree};
use crate::kernel::SimTime;
use crate::manager::ties::TieBreaker;
use crate::model::explanation::{PlacementOutcome, WonBy};
use crate::model::setup::PlacementStrategy;
use crate::model::{Explanations, FactId, NodeId, Task};

/// Message of a task that got a node here (spec scheduler 8.6).
const ASSIGNED_MESSAGE: &str = "scheduler assigned task to node";

/// A group of at most one task for so many nodes is placed with an index.
const FEW_OF: usize = 8;

/// A group while its tasks are being placed.
pub(super) struct Group<'a> {
    pub(super) nodes: &'a mut NodeSet,
    pub(super) rank_indexes: &'a mut RankIndexes,
    pub(super) ties: &'a mut TieBreaker,
    pub(super) strategy: PlacementStrategy,
    pub(super) pipeline: Pipeline<'a>,
    pub(super) service: VersionedService,
    pub(super) now: SimTime,
    /// The fact behind tasks that were tried before.
    pub(super) retried_because: FactId,
    /// Tasks without a node yet, the next one first.
    pub(super) waiting: std::vec::IntoIter<Queued>,
    pub(super) explanations: &'a mut Explanations,
    pub(super) decisions: &'a mut Vec<Decision>,
}

impl Group<'_> {
    /// Places as many tasks as there is room for; the others stay in `waiting`.
    pub(super) fn place(&mut self) {
        let wanted = self.waiting.len();
        let levels = Level::of(self.pipeline.needs().placement());
        if levels.is_empty()
            && let Some(mut best) = self.best_by_index(wanted)
        {
            self.place_on_nodes(&mut best, wanted as i64);
            return;
        }
        let mut tree = self.tree(levels, wanted);
        self.place_on_branch(&mut tree, Tree::ROOT, wanted as i64);
    }

    /// The nodes that the only leaf of a tree without levels would keep, if an index has them and there are
    /// enough. Then every task finds room and no filter needs to be counted.
    fn best_by_index(&mut self, wanted: usize) -> Option<Vec<Candidate>> {
        let few = wanted.saturating_mul(FEW_OF) <= self.nodes.len();
        if !few || !matches!(self.ties, TieBreaker::ById) {
            return None;
        }
        let index = self.rank_indexes.of(self.service, self.nodes, self.now)?;
        let passing = index.iter().filter(|(_, node)| {
            let info = self.nodes.get(*node).expect("an index has known nodes");
            self.pipeline.accepts(info)
        });
        let candidates = passing.map(|(rank, node)| Candidate { rank, visit: node.0, node });
        let best: Vec<Candidate> = candidates.take(wanted).collect();
        (best.len() == wanted).then_some(best)
    }

    /// Puts every node on its leaf.
    fn tree(&mut self, levels: Vec<Level>, wanted: usize) -> Tree {
        let mut tree = Tree::new(levels);
        for (visit, node) in self.visiting_order().into_iter().enumerate() {
            let info = self.nodes.get(node).expect("the order has known nodes");
            let rank = Rank::of(info, self.service, self.now);
            let leaf = tree.grow(info, rank.tasks_of_service);
            let candidate = Candidate { rank, visit: visit as u32, node };
            tree.leaf_mut(leaf).offer(candidate, wanted, || self.pipeline.process(info));
        }
        tree
    }

    pub(super) fn visiting_order(&mut self) -> Vec<NodeId> {
        let mut order: Vec<NodeId> = self.nodes.ids().collect();
        self.ties.order(&mut order);
        order
    }

    /// Makes the branches below a position even, as far as `wanted` tasks do. Answers how many were placed,
    /// which can be more: a branch whose own branches are uneven raises them regardless of what it was asked.
    fn place_on_branch(&mut self, tree: &mut Tree, position: Position, wanted: i64) -> i64 {
        let mut branches: Vec<Position> = tree.children(position).map(|(_, child)| child).collect();
        if branches.is_empty() {
            return self.place_on_leaf(tree, position, wanted);
        }
        let mut tasks_in_usable_branches = tree.tasks(position);
        let mut placed = 0;
        while placed != wanted && !branches.is_empty() {
            let total = tasks_in_usable_branches + wanted - placed;
            let usable = branches.len() as i64;
            let (share, mut remainder) = (total / usable, total % usable);
            let mut visits = std::mem::take(&mut branches);
            self.ties.order(&mut visits);
            let mut tried = false;
            for branch in visits {
                // The count from when the tree was built: what this tick placed is not in it.
                let tasks = tree.tasks(branch);
                let asked = share - tasks + i64::from(remainder > 0);
                if tasks > share || asked == 0 {
                    branches.push(branch);
                    continue;
                }
                tried = true;
                let got = self.place_on_branch(tree, branch, asked);
                placed += got;
                if got < asked {
                    tasks_in_usable_branches -= tasks;
                    continue;
                }
                branches.push(branch);
                remainder -= i64::from(remainder > 0);
            }
            if !tried {
                break;
            }
        }
        placed
    }

    fn place_on_leaf(&mut self, tree: &mut Tree, position: Position, wanted: i64) -> i64 {
        let leaf = tree.leaf_mut(position);
        let (mut nodes, seen_before) = leaf.take_ordered();
        if seen_before {
            self.order_again(&mut nodes);
        }
        let placed = self.place_on_nodes(&mut nodes, wanted);
        *leaf = super::tree::Leaf::Ordered(nodes);
        placed
    }

    /// Tasks were placed since the nodes were ordered: tests and ranks them anew.
    fn order_again(&mut self, nodes: &mut Vec<Candidate>) {
        nodes.retain_mut(|candidate| {
            let info = self.nodes.get(candidate.node).expect("nodes stay while a group is placed");
            candidate.rank = Rank::of(info, self.service, self.now);
            self.pipeline.process(info)
        });
        nodes.sort_unstable();
    }

    /// Fills nodes, best first, each until the next one is strictly better; behind the last one goes round,
    /// one task a node, whatever the counts are by then.
    fn place_on_nodes(&mut self, nodes: &mut [Candidate], wanted: i64) -> i64 {
        let mut ring = Ring::new(nodes.len());
        let mut placed = 0;
        let (mut at, mut going_round) = (0, false);
        if nodes.is_empty() {
            return placed;
        }
        while let Some(task) = self.waiting.next() {
            nodes[at].rank = self.assign(task, nodes[at].node);
            placed += 1;
            if placed == wanted {
                break;
            }
            going_round |= at + 1 == nodes.len();
            if going_round || nodes[at + 1].rank < nodes[at].rank {
                at += 1;
            }
            let Some((next, wrapped)) = self.next_usable(nodes, &mut ring, at) else { break };
            at = next;
            going_round |= wrapped;
        }
        placed
    }

    /// The first node from `at` on that passes the filters, and whether the search began again in front. Nodes
    /// that fail are not tested again.
    fn next_usable(&mut self, nodes: &[Candidate], ring: &mut Ring, at: usize) -> Option<(usize, bool)> {
        let (mut at, mut wrapped) = ring.open_from(at)?;
        loop {
            if self.still_fits(nodes[at].node) {
                return Some((at, wrapped));
            }
            ring.close(at);
            let (next, again) = ring.open_from(at)?;
            at = next;
            wrapped |= again;
        }
    }

    pub(super) fn info(&self, node: NodeId) -> &NodeInfo {
        self.nodes.get(node).expect("nodes stay while a group is placed")
    }

    /// True if the node passes the filters, with what this group placed on it so far.
    pub(super) fn still_fits(&mut self, node: NodeId) -> bool {
        let info = self.nodes.get(node).expect("nodes stay while a group is placed");
        self.pipeline.process(info)
    }

    /// Gives a task to a node and answers the node's new rank.
    pub(super) fn assign(&mut self, queued: Queued, node: NodeId) -> Rank {
        if !self.explanations.is_unwanted() {
            self.explain_choice(&queued.task, node);
        }
        let info = self.nodes.get_mut(node).expect("nodes stay while a group is placed");
        let mut new = Arc::new(assigned(&queued.task, node, ASSIGNED_MESSAGE, self.now));
        info.add_task(&mut new);
        let cause = queued.cause.unwrap_or(self.retried_because);
        self.decisions.push(Decision { old: queued.task, new, cause });
        Rank::of(info, self.service, self.now)
    }

    fn explain_choice(&mut self, task: &Task, node: NodeId) {
        if self.explanations.is_wanted(task) {
            let scene = Scene { nodes: self.nodes, pipeline: &self.pipeline, now: self.now };
            let won_by = match self.strategy {
                PlacementStrategy::Swarmkit => scene.won_by(task, node),
                PlacementStrategy::ClassicSpread
                | PlacementStrategy::ClassicBinpack
                | PlacementStrategy::ClassicRandom => WonBy::ClassicStrategy,
            };
            self.explanations.give(scene.explain(task, PlacementOutcome::Placed { node, won_by }));
        }
    }

    /// Explains for the tasks that are left why they are.
    pub(super) fn explain_refusals(&mut self, message: &str) {
        if self.explanations.is_unwanted() {
            return;
        }
        for left in self.waiting.as_slice() {
            if self.explanations.is_wanted(&left.task) {
                let scene = Scene { nodes: self.nodes, pipeline: &self.pipeline, now: self.now };
                let outcome = PlacementOutcome::Refused { err: message.to_owned() };
                self.explanations.give(scene.explain(&left.task, outcome));
            }
        }
    }
}
