//! A recorded case of the scheduler, as it stands in a line of a file.
use std::collections::BTreeMap;

use serde::de::{self, IgnoredAny};
use serde::{Deserialize, Deserializer};
use sim_core::model::TaskState;

use crate::objects::{
    RecordedAvailability, RecordedHostPort, RecordedNode, RecordedPlatform, RecordedReservation,
    RecordedState,
};
use crate::recordings::distinct;

/// One case: what was given, and what came out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) class: String,
    pub(super) given: Given,
    pub(super) expected: Expected,
}

/// The input. Unknown fields are refused: a case that is only half understood proves nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    pub(super) nodes: Vec<RecordedNode>,
    pub(super) services: Vec<Service>,
    pub(super) tasks: Vec<InitialTask>,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) mode: Mode,
    pub(super) reservation: Option<RecordedReservation>,
    #[serde(default)]
    pub(super) constraints: Vec<String>,
    #[serde(default)]
    pub(super) preferences: Vec<String>,
    #[serde(default)]
    pub(super) max_replicas: u64,
    #[serde(default)]
    pub(super) platforms: Vec<RecordedPlatform>,
    #[serde(default)]
    pub(super) host_ports: Vec<RecordedHostPort>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Replicated,
    Global,
}

/// A task, or several equal ones, from before the scheduler starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InitialTask {
    pub(super) id: String,
    pub(super) service: String,
    pub(super) node: Option<String>,
    #[serde(deserialize_with = "task_state")]
    pub(super) state: TaskState,
    #[serde(deserialize_with = "task_state")]
    pub(super) desired: TaskState,
    pub(super) count: Option<u32>,
}

/// Changes in one transaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    #[serde(default)]
    pub(super) wait_ms: u64,
    pub(super) ops: Vec<Op>,
}

/// One change.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Op {
    Create {
        service: String,
        count: u32,
    },
    CreateGlobal {
        service: String,
        nodes: Vec<String>,
    },
    Node(Box<NodeChange>),
    AddNode {
        new_node: Box<RecordedNode>,
    },
    TaskState {
        task: String,
        #[serde(deserialize_with = "task_state")]
        state: TaskState,
    },
    TaskDesired {
        task: String,
        #[serde(deserialize_with = "task_state")]
        desired: TaskState,
    },
    TaskDelete {
        task: String,
        /// The recorder writes it here too, where it means nothing.
        #[serde(default, rename = "desired")]
        _desired: IgnoredAny,
    },
}

/// A changed node; what is absent or zero stays as it was.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeChange {
    pub(super) node: String,
    pub(super) state: Option<RecordedState>,
    pub(super) availability: Option<RecordedAvailability>,
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) nano_cpus: i64,
    #[serde(default)]
    pub(super) memory_bytes: i64,
}

/// What came out, and what of it was the same in all runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) deterministic: bool,
    pub(super) canonical_deterministic: bool,
    pub(super) node_class: BTreeMap<String, u32>,
    pub(super) placement: Placement,
    pub(super) unscheduled: Vec<Unscheduled>,
    pub(super) unscheduled_stable: bool,
    pub(super) services: BTreeMap<String, ServiceFacts>,
    #[serde(default)]
    pub(super) after_step: Vec<AfterStep>,
    #[serde(default)]
    pub(super) outcomes: Vec<Outcome>,
    #[serde(default)]
    pub(super) outcomes_exhaustive: bool,
    #[serde(rename = "runs")]
    _runs: u64,
    #[serde(default, rename = "outcomes_seen")]
    _outcomes_seen: u64,
}

/// Service to node to number of tasks.
pub(super) type Placement = BTreeMap<String, BTreeMap<String, u64>>;

/// Equal tasks that have no node, or one on which they cannot run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unscheduled {
    pub(super) service: String,
    pub(super) node: Option<String>,
    pub(super) count: u64,
    #[serde(default)]
    pub(super) err: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceFacts {
    pub(super) placed: u64,
    pub(super) placed_stable: bool,
    /// In the first run only.
    #[serde(default, rename = "unscheduled")]
    _unscheduled: u64,
    pub(super) placed_range: Option<[u64; 2]>,
    #[serde(default)]
    pub(super) sorted_new: Vec<u64>,
    pub(super) sorted_new_stable: bool,
    #[serde(default)]
    pub(super) sorted_total: Vec<u64>,
    pub(super) sorted_total_stable: bool,
    #[serde(default)]
    pub(super) branches: Vec<BranchFacts>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BranchFacts {
    pub(super) level: usize,
    #[serde(default)]
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) stable: bool,
    #[serde(default)]
    pub(super) sorted: Vec<u64>,
    pub(super) sorted_stable: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AfterStep {
    pub(super) stable: bool,
    pub(super) placed: BTreeMap<String, u64>,
    pub(super) unscheduled: Vec<Unscheduled>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    pub(super) placement: Placement,
    pub(super) unscheduled: Vec<Unscheduled>,
    #[serde(rename = "runs")]
    _runs: u64,
}

impl Case {
    /// Refuses what cannot be replayed or compared as it is meant.
    pub(super) fn check(&self) -> Result<(), String> {
        let added = self.given.steps.iter().flat_map(|step| &step.ops).filter_map(Op::new_node);
        distinct("node", self.given.nodes.iter().chain(added).map(|node| node.id.as_str()))?;
        distinct("service", self.given.services.iter().map(|service| service.id.as_str()))?;
        distinct("task", self.given.tasks.iter().map(|task| task.id.as_str()))?;
        for (name, facts) in &self.expected.services {
            let Some(service) = self.given.services.iter().find(|service| service.id == *name) else {
                return Err(format!("facts are expected of {name}, which is no service"));
            };
            let levels = 1..=service.preferences.len();
            if let Some(branch) = facts.branches.iter().find(|branch| !levels.contains(&branch.level)) {
                return Err(format!("{name} has no preference of level {}", branch.level));
            }
        }
        Ok(())
    }
}

impl Op {
    /// The node that joins, if that is what happens.
    pub(super) fn new_node(&self) -> Option<&RecordedNode> {
        if let Op::AddNode { new_node } = self { Some(new_node) } else { None }
    }
}

fn task_state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TaskState, D::Error> {
    let name = String::deserialize(deserializer)?;
    TaskState::from_name(&name).ok_or_else(|| de::Error::custom(format!("unknown task state '{name}'")))
}
