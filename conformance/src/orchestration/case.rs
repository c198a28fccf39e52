//! A recorded case of the orchestrators, as it stands in a line of a file.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use sim_core::kernel::SimDuration;
use sim_core::model::{
    Annotations, ContainerSpec, EndpointSpec, FailureAction, Labels, Placement, ResourceRequirements,
    RestartCondition, RestartPolicy, ServiceMode, ServiceSpec, TaskSpec, UpdateConfig, UpdateOrder,
};

use crate::objects::{
    RecordedAvailability, RecordedHostPort, RecordedNode, RecordedReservation, RecordedState,
};

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
    pub(super) task_history_limit: i64,
    pub(super) nodes: Vec<RecordedNode>,
    pub(super) agent: AgentModel,
    pub(super) timeline: Vec<TimelineEvent>,
    pub(super) end_ms: u64,
}

/// How long agents take for what they do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentModel {
    pub(super) dispatch_ms: u64,
    pub(super) prepare_ms: u64,
    pub(super) start_ms: u64,
    pub(super) stop_ms: u64,
    pub(super) images: BTreeMap<String, ImageModel>,
}

/// What tasks of an image do. Those of images that are not listed run well.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageModel {
    pub(super) fail_after_ms: Option<u64>,
    pub(super) complete_after_ms: Option<u64>,
    #[serde(default)]
    pub(super) reject: bool,
    #[serde(default)]
    pub(super) start_fail: bool,
    #[serde(default)]
    pub(super) stagger_ms: u64,
    /// Only the first so many tasks do so.
    pub(super) first: Option<u64>,
    /// Only tasks after so many do so.
    pub(super) after: Option<u64>,
}

/// Something that happens from outside.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TimelineEvent {
    pub(super) at_ms: u64,
    #[serde(flatten)]
    pub(super) op: Op,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Op {
    ServiceCreate {
        service: String,
        spec: RecordedSpec,
    },
    ServiceUpdate {
        service: String,
        spec: RecordedSpec,
    },
    ServiceRollback {
        service: String,
    },
    ServiceRemove {
        service: String,
    },
    NodeAvailability {
        node: String,
        availability: RecordedAvailability,
    },
    NodeLabels {
        node: String,
        labels: Labels,
    },
    NodeState {
        node: String,
        state: RecordedState,
    },
    NodeResources {
        node: String,
        #[serde(default)]
        nano_cpus: i64,
        #[serde(default)]
        memory_bytes: i64,
    },
    NodeAdd {
        new_node: Box<RecordedNode>,
    },
    NodeRemove {
        node: String,
    },
    TaskFail {
        service: String,
        slot: Option<u32>,
        on_node: Option<String>,
    },
}

/// What the user asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedSpec {
    mode: RecordedMode,
    #[serde(default)]
    replicas: u64,
    #[serde(default)]
    max_concurrent: u64,
    #[serde(default)]
    total_completions: u64,
    image: String,
    #[serde(default)]
    force_update: u64,
    reservation: Option<RecordedReservation>,
    #[serde(default)]
    constraints: Vec<String>,
    #[serde(default)]
    preferences: Vec<String>,
    #[serde(default)]
    max_replicas: u64,
    #[serde(default)]
    host_ports: Vec<RecordedHostPort>,
    restart: Option<RecordedRestart>,
    update: Option<RecordedUpdate>,
    rollback: Option<RecordedUpdate>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RecordedMode {
    Replicated,
    Global,
    ReplicatedJob,
    GlobalJob,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedRestart {
    condition: RecordedCondition,
    delay_ms: Option<u64>,
    #[serde(default)]
    max_attempts: u64,
    #[serde(default)]
    window_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RecordedCondition {
    None,
    OnFailure,
    Any,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedUpdate {
    #[serde(default)]
    parallelism: u64,
    #[serde(default)]
    delay_ms: u64,
    failure_action: RecordedAction,
    monitor_ms: Option<u64>,
    #[serde(default)]
    max_failure_ratio: f64,
    order: RecordedOrder,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RecordedAction {
    Pause,
    Continue,
    Rollback,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RecordedOrder {
    StopFirst,
    StartFirst,
}

/// What came out in all runs. Facts are compared as they stand in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    #[serde(rename = "runs")]
    _runs: u64,
    pub(super) log: Vec<Row>,
    pub(super) log_identical: bool,
    pub(super) stable: BTreeMap<String, BTreeMap<String, Value>>,
    pub(super) unstable: Vec<String>,
    #[serde(default)]
    pub(super) ranges: BTreeMap<String, BTreeMap<String, Value>>,
    pub(super) time_spread_ms: u64,
    #[serde(default)]
    pub(super) api_errors: Vec<String>,
}

/// A task as it was at the end of an instant in which it changed: time, service, slot, ordinal, desired and
/// observed state, image, node.
pub(super) type Row = (u64, String, Value, u64, String, String, String, String);

/// Facts of services.
const FACTS: [&str; 19] = [
    "created",
    "created_by_image",
    "ever_state",
    "final_nodes_sorted",
    "final_on_node",
    "final_running",
    "final_spec_image",
    "final_tasks",
    "first_running",
    "first_running_batches",
    "history_by_slot",
    "history_sorted",
    "remaining",
    "removed",
    "running_sequence",
    "running_series",
    "update_states",
    "update_timed",
    "windows",
];
/// Facts that may have a range.
const RANGES: [&str; 5] = ["created", "final_running", "removed", "update_states", "windows"];

impl Case {
    /// Refuses what cannot be replayed as it is meant, and expectations of which nothing is known.
    pub(super) fn check(&self) -> Result<(), String> {
        let Case { given, expected, .. } = self;
        let added = given.timeline.iter().filter_map(|event| event.op.new_node());
        let mut nodes = BTreeSet::new();
        for node in given.nodes.iter().chain(added) {
            if !nodes.insert(node.id.as_str()) {
                return Err(format!("node {} is there twice", node.id));
            }
        }
        let mut at_ms = 0;
        for event in &given.timeline {
            if event.at_ms < at_ms || event.at_ms > given.end_ms {
                return Err(format!("an event at {} ms is out of order, or after the end", event.at_ms));
            }
            at_ms = event.at_ms;
            if let Some(node) = event.op.node().filter(|node| !nodes.contains(node)) {
                return Err(format!("there is no node {node}"));
            }
        }
        let stable = expected.stable.values().flat_map(BTreeMap::keys).map(String::as_str);
        let unstable = expected.unstable.iter().map(|name| name.rsplit('.').next().unwrap_or_default());
        let ranges = expected.ranges.values().flat_map(BTreeMap::keys).map(String::as_str);
        let unknown = stable.chain(unstable).find(|fact| !FACTS.contains(fact));
        match unknown.or_else(|| ranges.into_iter().find(|fact| !RANGES.contains(fact))) {
            Some(fact) => Err(format!("nothing is known of the fact '{fact}'")),
            None => Ok(()),
        }
    }
}

impl Op {
    /// The node that is changed or looked at.
    fn node(&self) -> Option<&str> {
        match self {
            Op::NodeAvailability { node, .. }
            | Op::NodeLabels { node, .. }
            | Op::NodeState { node, .. }
            | Op::NodeResources { node, .. }
            | Op::NodeRemove { node } => Some(node),
            Op::TaskFail { on_node, .. } => on_node.as_deref(),
            Op::ServiceCreate { .. }
            | Op::ServiceUpdate { .. }
            | Op::ServiceRollback { .. }
            | Op::ServiceRemove { .. }
            | Op::NodeAdd { .. } => None,
        }
    }

    /// The node that joins, if that is what happens.
    pub(super) fn new_node(&self) -> Option<&RecordedNode> {
        if let Op::NodeAdd { new_node } = self { Some(new_node) } else { None }
    }
}

impl RecordedSpec {
    /// The spec as the API gets it.
    pub(super) fn to_spec(&self, name: &str) -> ServiceSpec {
        ServiceSpec {
            annotations: Annotations { name: name.to_owned(), labels: Labels::new() },
            task: Arc::new(self.task()),
            mode: match self.mode {
                RecordedMode::Replicated => ServiceMode::Replicated { replicas: self.replicas },
                RecordedMode::Global => ServiceMode::Global,
                RecordedMode::ReplicatedJob => ServiceMode::ReplicatedJob {
                    max_concurrent: self.max_concurrent,
                    total_completions: self.total_completions,
                },
                RecordedMode::GlobalJob => ServiceMode::GlobalJob,
            },
            update: self.update.as_ref().map(RecordedUpdate::to_config),
            rollback: self.rollback.as_ref().map(RecordedUpdate::to_config),
            endpoint: (!self.host_ports.is_empty()).then(|| EndpointSpec {
                ports: self.host_ports.iter().map(RecordedHostPort::to_port).collect(),
                ..EndpointSpec::default()
            }),
        }
    }

    fn task(&self) -> TaskSpec {
        let placement = Placement {
            constraints: self.constraints.clone(),
            preferences: self.preferences.clone(),
            max_replicas: self.max_replicas,
            ..Placement::default()
        };
        let resources = self.reservation.as_ref().map(|reservation| ResourceRequirements {
            reservations: Some(reservation.to_reservations()),
            ..ResourceRequirements::default()
        });
        TaskSpec {
            container: ContainerSpec { image: self.image.clone(), ..ContainerSpec::default() },
            resources,
            restart: self.restart.as_ref().map(RecordedRestart::to_policy),
            placement: (placement != Placement::default()).then_some(placement),
            force_update: self.force_update,
            ..TaskSpec::default()
        }
    }
}

impl RecordedRestart {
    fn to_policy(&self) -> RestartPolicy {
        RestartPolicy {
            condition: match self.condition {
                RecordedCondition::None => RestartCondition::None,
                RecordedCondition::OnFailure => RestartCondition::OnFailure,
                RecordedCondition::Any => RestartCondition::Any,
            },
            delay: self.delay_ms.map(SimDuration::from_millis),
            max_attempts: self.max_attempts,
            window: (self.window_ms > 0).then(|| SimDuration::from_millis(self.window_ms)),
        }
    }
}

impl RecordedUpdate {
    fn to_config(&self) -> UpdateConfig {
        UpdateConfig {
            parallelism: self.parallelism,
            delay: SimDuration::from_millis(self.delay_ms),
            failure_action: match self.failure_action {
                RecordedAction::Pause => FailureAction::Pause,
                RecordedAction::Continue => FailureAction::Continue,
                RecordedAction::Rollback => FailureAction::Rollback,
            },
            monitor: self.monitor_ms.map(SimDuration::from_millis),
            max_failure_ratio_ppb: (self.max_failure_ratio * 1e9).round() as u32,
            order: match self.order {
                RecordedOrder::StopFirst => UpdateOrder::StopFirst,
                RecordedOrder::StartFirst => UpdateOrder::StartFirst,
            },
        }
    }
}
