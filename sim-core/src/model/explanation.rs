//! Why the scheduler put a task where it is: data for people who ask, no part of any state.
mod text;

use super::{NodeId, Slot, Task, TaskId};
use crate::kernel::SimTime;

/// A wish to have the decisions about some tasks explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainWish {
    /// Name of the service.
    pub service: String,
    /// Which of its replicas; none: all.
    pub slot: Option<Slot>,
}

/// Wishes, and the explanations that they led to.
#[derive(Clone, Debug, Default)]
pub struct Explanations {
    wishes: Vec<ExplainWish>,
    given: Vec<Explanation>,
}

/// One decision about one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The task.
    pub task: TaskId,
    /// Name of its service.
    pub service: String,
    /// Its replica number.
    pub slot: Slot,
    /// When it was decided.
    pub time: SimTime,
    /// The filters that apply to the task, in the order in which they are tried.
    pub filters: Vec<&'static str>,
    /// The placement preferences that divide the nodes, outermost first.
    pub levels: Vec<String>,
    /// What stood about every node at the moment of the decision, in id order.
    pub nodes: Vec<NodeExplanation>,
    /// What was decided.
    pub outcome: PlacementOutcome,
}

/// What stood about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeExplanation {
    /// The node.
    pub node: NodeId,
    /// The verdict of each filter that applies. A task goes only where all are positive.
    pub verdicts: Vec<Verdict>,
    /// Recent failures of this version of the service there.
    pub recent_failures: u32,
    /// The same as the ranking sees them: zero below five.
    pub ranked_failures: u32,
    /// Active tasks of the service there.
    pub tasks_of_service: u32,
    /// All active tasks there.
    pub tasks: u32,
    /// For each level the value of the node's label, and the active tasks of the service on all nodes that
    /// share it and the values before.
    pub branch: Vec<(String, u64)>,
}

/// What a filter says about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the node may get the task.
    pub passes: bool,
    /// What was compared: `needs 512 MiB, 300 MiB free of 2 GiB`.
    pub detail: String,
}

/// What was decided about a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementOutcome {
    /// It got a node.
    Placed {
        /// The node.
        node: NodeId,
        /// What decided for it.
        won_by: WonBy,
    },
    /// It came with a node, on which it may run.
    Confirmed {
        /// The node.
        node: NodeId,
    },
    /// It has to wait; its status says why.
    Refused {
        /// The error that its status shows.
        err: String,
    },
}

/// What decided for a node, in comparison with the next best one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WonBy {
    /// No other node passes the filters.
    OnlyNode,
    /// No other node of its branch passes the filters, and the branch was to get a task.
    OnlyNodeOfBranch,
    /// This one has many recent failures too, but fewer of them.
    FewerFailures(NodeId),
    /// It has fewer tasks of the service.
    FewerTasksOfService(NodeId),
    /// It has as many tasks of the service and fewer tasks in all.
    FewerTasks(NodeId),
    /// All counts are equal: the order of the nodes decided, where the real system draws lots.
    Tie(NodeId),
    /// The other one has better counts by now, but nodes are filled in the order in which they stood when the
    /// first task of the group was placed.
    OrderOfGroup(NodeId),
    /// A strategy of standalone Swarm, which ranks differently.
    ClassicStrategy,
}

impl Explanations {
    /// From here on decisions about these tasks are explained.
    pub fn wish(&mut self, wish: ExplainWish) {
        self.wishes.push(wish);
    }

    /// All explanations so far, in the order of the decisions.
    #[must_use]
    pub fn given(&self) -> &[Explanation] {
        &self.given
    }

    /// True if nobody wants to know anything.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.wishes.is_empty()
    }

    pub(crate) fn is_wanted(&self, task: &Task) -> bool {
        let service = &task.service_annotations.name;
        self.wishes
            .iter()
            .any(|wish| wish.service == *service && wish.slot.is_none_or(|slot| slot == task.slot))
    }

    pub(crate) fn give(&mut self, explanation: Explanation) {
        self.given.push(explanation);
    }
}

impl NodeExplanation {
    /// True if the node may get the task.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.passes)
    }
}
