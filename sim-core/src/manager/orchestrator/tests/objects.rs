//! Service specs, nodes and update states from the words of a text test.
use std::sync::Arc;

use crate::kernel::SimDuration;
use crate::model::spec::Driver;
use crate::model::{
    Annotations, Availability, FailureAction, HostId, Labels, Node, NodeDescription, NodeId, NodeRole,
    NodeState, NodeStatus, Resources, RestartCondition, RestartPolicy, ServiceMode, ServiceSpec, TaskSpec,
    TaskState, UpdateConfig, UpdateOrder, UpdateState,
};

/// A replicated service without replicas, restart policy or update configuration.
pub(super) fn bare_spec(name: &str) -> ServiceSpec {
    ServiceSpec {
        annotations: Annotations { name: name.to_owned(), labels: Labels::new() },
        task: Arc::new(TaskSpec::default()),
        mode: ServiceMode::Replicated { replicas: 0 },
        update: None,
        rollback: None,
        endpoint: None,
    }
}

/// Changes a spec as these words say; answers the words that are about something else.
pub(super) fn change_spec<'a>(spec: &mut ServiceSpec, words: &'a [String]) -> Vec<&'a str> {
    let mut others = Vec::new();
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if !change_service(spec, key, value) && !change_task(Arc::make_mut(&mut spec.task), key, value) {
            others.push(word.as_str());
        }
    }
    others
}

fn change_service(spec: &mut ServiceSpec, key: &str, value: &str) -> bool {
    match key {
        "replicas" => spec.mode = ServiceMode::Replicated { replicas: number(value) },
        "global" => spec.mode = ServiceMode::Global,
        "global-job" => spec.mode = ServiceMode::GlobalJob,
        "job" => {
            let (concurrent, total) = value.split_once('/').expect("job=concurrent/total");
            let (max_concurrent, total_completions) = (number(concurrent), number(total));
            spec.mode = ServiceMode::ReplicatedJob { max_concurrent, total_completions };
        }
        "label" => {
            spec.annotations.labels.insert(value.to_owned(), String::new());
        }
        "update" => spec.update = Some(config(value)),
        "rollback" => spec.rollback = Some(config(value)),
        _ => return false,
    }
    true
}

fn change_task(spec: &mut TaskSpec, key: &str, value: &str) -> bool {
    match key {
        "image" => spec.container.image = value.to_owned(),
        "pull" => spec.container.pull_options = Some(value.to_owned()),
        "force" => spec.force_update += 1,
        "driver" => spec.log_driver = (!value.is_empty()).then(|| driver(value)),
        "constraint" => spec.placement.get_or_insert_default().constraints.push(value.to_owned()),
        "restart" => spec.restart = Some(policy(value)),
        _ => return false,
    }
    true
}

/// `any delay=5s attempts=1 window=1m`
fn policy(text: &str) -> RestartPolicy {
    let mut policy = RestartPolicy::default();
    for word in text.split_whitespace() {
        match word.split_once('=') {
            None => policy.condition = condition(word),
            Some(("delay", value)) => policy.delay = Some(duration(value)),
            Some(("attempts", value)) => policy.max_attempts = number(value),
            Some(("window", value)) => policy.window = Some(duration(value)),
            Some((key, _)) => panic!("unknown word {key} of a restart policy"),
        }
    }
    policy
}

fn condition(word: &str) -> RestartCondition {
    match word {
        "none" => RestartCondition::None,
        "on-failure" => RestartCondition::OnFailure,
        "any" => RestartCondition::Any,
        other => panic!("unknown condition {other}"),
    }
}

/// `p=1 delay=1s rollback monitor=5s ratio=0.4 start-first`
fn config(text: &str) -> UpdateConfig {
    let mut config = UpdateConfig::default();
    for word in text.split_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("p", value) => config.parallelism = number(value),
            ("delay", value) => config.delay = duration(value),
            ("monitor", value) => config.monitor = Some(duration(value)),
            ("ratio", value) => config.max_failure_ratio_ppb = ratio(value),
            ("pause", _) => config.failure_action = FailureAction::Pause,
            ("continue", _) => config.failure_action = FailureAction::Continue,
            ("rollback", _) => config.failure_action = FailureAction::Rollback,
            ("start-first", _) => config.order = UpdateOrder::StartFirst,
            (key, _) => panic!("unknown word {key} of an update configuration"),
        }
    }
    config
}

/// `0.4` in parts per billion.
fn ratio(text: &str) -> u32 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    number(&format!("{whole}{decimals:0<9}")) as u32
}

pub(super) fn driver(name: &str) -> Driver {
    Driver { name: name.to_owned(), options: Labels::new() }
}

/// A node that is READY and ACTIVE unless words say otherwise.
pub(super) fn new_node(id: NodeId, name: &str) -> Node {
    Node {
        description: Some(Arc::new(NodeDescription {
            hostname: name.to_owned(),
            resources: Some(Resources::default()),
            ..NodeDescription::default()
        })),
        status: NodeStatus { state: NodeState::Ready, ..NodeStatus::default() },
        ..Node::new(id, HostId(id.0), NodeRole::Worker)
    }
}

/// Changes a node as these words say.
pub(super) fn change_node(node: &mut Node, words: &[String]) {
    let spec = Arc::make_mut(&mut node.spec);
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("label", value) => {
                let (name, value) = value.split_once('=').expect("label=name=value");
                spec.annotations.labels.insert(name.to_owned(), value.to_owned());
            }
            ("no-labels", _) => spec.annotations.labels.clear(),
            ("ACTIVE", _) => spec.availability = Availability::Active,
            ("PAUSE", _) => spec.availability = Availability::Pause,
            ("DRAIN", _) => spec.availability = Availability::Drain,
            ("UNKNOWN", _) => node.status.state = NodeState::Unknown,
            ("DOWN", _) => node.status.state = NodeState::Down,
            ("READY", _) => node.status.state = NodeState::Ready,
            (key, _) => panic!("unknown word {key} of a node"),
        }
    }
}

pub(super) fn update_state(name: &str) -> UpdateState {
    let mut all = UpdateState::ALL.into_iter();
    all.find(|state| state.name() == name).expect("a state of an update")
}

pub(super) fn state(name: &str) -> TaskState {
    TaskState::from_name(name).unwrap_or_else(|| panic!("no state {name}"))
}

pub(super) fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// `5s`, `250ms`, `10m`, `24h`; `1m30s` is not needed.
pub(super) fn duration(text: &str) -> SimDuration {
    let unit = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let count = number(&text[..unit]);
    match &text[unit..] {
        "ms" => SimDuration::from_millis(count),
        "s" => SimDuration::from_secs(count),
        "m" => SimDuration::from_secs(count * 60),
        "h" => SimDuration::from_secs(count * 3600),
        other => panic!("unknown unit {other}"),
    }
}
