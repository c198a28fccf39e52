//! The tree of placement preferences (spec scheduler 8.2).
//!
//! Every node of the cluster stands on a leaf and counts on the way to it, whether it can take the task or
//! not: a zone full of drained nodes still has its tasks. A leaf keeps the best nodes that passed the filters,
//! as many as there are tasks to place.
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

use super::node_info::NodeInfo;
use super::rank::Candidate;
use crate::model::constraint::label_name;
use crate::model::{Node, Placement};

/// One level of the tree: the label that divides nodes into branches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Level {
    NodeLabel(String),
    EngineLabel(String),
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::NodeLabel(name) => write!(f, "node.labels.{name}"),
            Level::EngineLabel(name) => write!(f, "engine.labels.{name}"),
        }
    }
}

impl Level {
    /// The levels of a placement. A descriptor that names no label makes none.
    pub(super) fn of(placement: Option<&Placement>) -> Vec<Level> {
        let descriptors = placement.iter().flat_map(|placement| &placement.preferences);
        descriptors.filter_map(|descriptor| Level::parse(descriptor)).collect()
    }

    fn parse(descriptor: &str) -> Option<Level> {
        let node_label = label_name(descriptor, "node.labels.").map(str::to_owned).map(Level::NodeLabel);
        node_label
            .or_else(|| label_name(descriptor, "engine.labels.").map(str::to_owned).map(Level::EngineLabel))
    }

    /// The branch of a node at this level. A missing label and an empty one are the same branch.
    pub(super) fn branch_of<'a>(&self, node: &'a Node) -> &'a str {
        match self {
            Level::NodeLabel(name) => node.label(name),
            Level::EngineLabel(name) => node.engine_label(name),
        }
    }
}

/// Number of a position in a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position(usize);

/// All positions; the first is the root.
#[derive(Debug)]
pub(super) struct Tree {
    positions: Vec<Branch>,
    levels: Vec<Level>,
}

#[derive(Debug, Default)]
struct Branch {
    /// Active tasks of the service on all nodes below, when the tree was built. Never updated.
    tasks: i64,
    /// Branches by label value.
    children: BTreeMap<String, Position>,
    leaf: Leaf,
}

impl Tree {
    pub(super) const ROOT: Position = Position(0);

    pub(super) fn new(levels: Vec<Level>) -> Self {
        Tree { positions: vec![Branch::default()], levels }
    }

    /// Counts the node's tasks on the way to its leaf, and returns that.
    pub(super) fn grow(&mut self, node: &NodeInfo, tasks_of_service: u32) -> Position {
        let mut position = Tree::ROOT;
        self.positions[position.0].tasks += i64::from(tasks_of_service);
        for level in 0..self.levels.len() {
            let value = self.levels[level].branch_of(node.node());
            position = match self.positions[position.0].children.get(value) {
                Some(child) => *child,
                None => self.add_child(position, value.to_owned()),
            };
            self.positions[position.0].tasks += i64::from(tasks_of_service);
        }
        position
    }

    fn add_child(&mut self, parent: Position, value: String) -> Position {
        let child = Position(self.positions.len());
        self.positions.push(Branch::default());
        self.positions[parent.0].children.insert(value, child);
        child
    }

    pub(super) fn tasks(&self, position: Position) -> i64 {
        self.positions[position.0].tasks
    }

    /// The branches below a position in the order of their label values; none below a leaf.
    pub(super) fn children(&self, position: Position) -> impl Iterator<Item = (&str, Position)> {
        self.positions[position.0].children.iter().map(|(value, child)| (value.as_str(), *child))
    }

    pub(super) fn leaf_mut(&mut self, position: Position) -> &mut Leaf {
        &mut self.positions[position.0].leaf
    }
}

/// The nodes of a leaf that can take a task.
#[derive(Debug)]
pub(super) enum Leaf {
    /// As they came: at most as many as are wanted.
    Open(Vec<Candidate>),
    /// As many as are wanted, the worst one on top.
    Full(BinaryHeap<Candidate>),
    /// Best first; tasks were placed on them.
    Ordered(Vec<Candidate>),
}

impl Default for Leaf {
    fn default() -> Self {
        Leaf::Open(Vec::new())
    }
}

impl Leaf {
    /// Keeps a candidate that passes if fewer than `wanted` are kept, or if it is better than the worst of
    /// them. Candidates come in the order of their visits; those that cannot win are not tested.
    pub(super) fn offer(&mut self, candidate: Candidate, wanted: usize, passes: impl FnOnce() -> bool) {
        if let Leaf::Open(nodes) = self {
            if nodes.len() < wanted {
                if passes() {
                    nodes.push(candidate);
                }
                return;
            }
            *self = Leaf::Full(std::mem::take(nodes).into());
        }
        let Leaf::Full(nodes) = self else { unreachable!("nodes are placed on after the tree is built") };
        let Some(mut worst) = nodes.peek_mut() else { return };
        if candidate.rank < worst.rank && passes() {
            *worst = candidate;
        }
    }

    /// The candidates, best first, and whether they were ordered before.
    pub(super) fn take_ordered(&mut self) -> (Vec<Candidate>, bool) {
        let mut nodes = match std::mem::take(self) {
            Leaf::Ordered(nodes) => return (nodes, true),
            Leaf::Open(nodes) => nodes,
            Leaf::Full(nodes) => nodes.into_vec(),
        };
        nodes.sort_unstable();
        (nodes, false)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kernel::SimTime;
    use crate::manager::scheduler::tests::objects;
    use crate::model::NodeId;
    use crate::text_test::objects::ready_node;
    use crate::text_test::split_words;

    #[test]
    fn every_position_counts_the_tasks_of_all_nodes_below_it() {
        // SCH-053
        let placement = Placement {
            preferences: vec![
                "node.labels.datacenter".into(),
                "node.hostname".into(),
                "node.labels.rack".into(),
            ],
            ..Placement::default()
        };
        let mut tree = Tree::new(Level::of(Some(&placement)));
        let nodes = [
            ("label=datacenter=dc1 label=rack=r1", 3),
            ("label=datacenter=dc1 label=rack=r2", 2),
            ("label=datacenter=dc2 label=rack=r2", 4),
            ("", 2),
            ("", 1),
        ];
        for (words, tasks) in nodes {
            let mut node = ready_node(NodeId(0));
            objects::change_node(&mut node, &split_words(words));
            tree.grow(&NodeInfo::new(Arc::new(node), SimTime::ZERO), tasks);
        }
        let mut counts = vec![format!("root {}", tree.tasks(Tree::ROOT))];
        for (datacenter, position) in tree.children(Tree::ROOT) {
            counts.push(format!("'{datacenter}' {}", tree.tasks(position)));
            let racks = tree.children(position);
            counts.extend(racks.map(|(rack, leaf)| format!("'{datacenter}'/'{rack}' {}", tree.tasks(leaf))));
        }
        let expected = "root 12; '' 3; ''/'' 3; 'dc1' 5; 'dc1'/'r1' 3; 'dc1'/'r2' 2; 'dc2' 4; 'dc2'/'r2' 4";
        assert_eq!(counts.join("; "), expected);
    }
}
