//! Nodes and task specs from the words of a text test.
use std::sync::Arc;

use crate::model::spec::{Driver, Mount, MountKind};
use crate::model::{
    Availability, Endpoint, EngineDescription, GenericResource, Labels, Network, NetworkAttachment,
    NetworkId, NetworkSpec, Node, NodeDescription, NodeRole, NodeState, Placement, Platform, PortConfig,
    PublishMode, Resources, Task, TaskSpec, TaskState, TransportProtocol,
};

/// Changes a node as these words say.
pub(in crate::manager::scheduler) fn change_node(node: &mut Node, words: &[String]) {
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "state" => node.status.state = state_named(value),
            "availability" => {
                Arc::make_mut(&mut node.spec).availability = match value {
                    "ACTIVE" => Availability::Active,
                    "PAUSE" => Availability::Pause,
                    "DRAIN" => Availability::Drain,
                    other => panic!("unknown availability {other}"),
                };
            }
            "role" => node.role = if value == "MANAGER" { NodeRole::Manager } else { NodeRole::Worker },
            "label" => insert(&mut Arc::make_mut(&mut node.spec).annotations.labels, value),
            "no-labels" => Arc::make_mut(&mut node.spec).annotations.labels.clear(),
            _ => describe(Arc::make_mut(node.description.get_or_insert_default()), key, value),
        }
    }
}

fn describe(description: &mut NodeDescription, key: &str, value: &str) {
    match key {
        "described" => {}
        "hostname" => description.hostname = value.to_owned(),
        "platform" => description.platform = Some(platform(value)),
        "cpu" => description.resources.get_or_insert_default().nano_cpus = number(value),
        "memory" => description.resources.get_or_insert_default().memory_bytes = number(value),
        "generic" => {
            description.resources.get_or_insert_default().generic = generic(value);
        }
        "engine-label" => insert(&mut engine(description).labels, value),
        "plugin" => {
            let (kind, name) = value.split_once('/').expect("plugin=Kind/name");
            engine(description).plugins.push((kind.to_owned(), name.to_owned()));
        }
        other => panic!("unknown word {other} of a node"),
    }
}

fn engine(description: &mut NodeDescription) -> &mut EngineDescription {
    description.engine.get_or_insert_default()
}

/// Changes a task and its spec as these words say; answers the words that are about something else.
pub(in crate::manager::scheduler) fn change_task(task: &mut Task, words: &[String]) {
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if change_spec(Arc::make_mut(&mut task.spec), key, value) {
            continue;
        }
        match key {
            "state" => task.status.state = state(value),
            "desired" => task.desired_state = state(value),
            "message" => task.status.message = value.to_owned().into(),
            "assigned" => task.assigned_generic = generic(value),
            "network" => {
                let spec = NetworkSpec { driver: value.to_owned(), ..NetworkSpec::default() };
                task.networks.push(NetworkAttachment::to(Arc::new(Network::new(NetworkId(0), spec))));
            }
            "host-port" => {
                let endpoint = Arc::make_mut(task.endpoint.get_or_insert_with(Arc::<Endpoint>::default));
                endpoint.ports.push(host_port(value));
            }
            "version" => task.spec_version = (value != "none").then(|| number(value) as u64),
            "service" | "node" | "count" => {}
            other => panic!("unknown word {other} of a task"),
        }
    }
}

/// True if the word is one about the spec.
fn change_spec(spec: &mut TaskSpec, key: &str, value: &str) -> bool {
    let value_text = value.to_owned();
    match key {
        "cpu" => reservations(spec).nano_cpus = number(value),
        "memory" => reservations(spec).memory_bytes = number(value),
        "generic" => reservations(spec).generic = generic(value),
        "constraint" => placement(spec).constraints.push(value_text),
        "prefer" => placement(spec).preferences.push(value_text),
        "no-placement" => spec.placement = None,
        "max-replicas" => placement(spec).max_replicas = number(value) as u64,
        "platform" => placement(spec).platforms.push(platform(value)),
        "bind" => spec.container.mounts.push(mount(MountKind::Bind, value)),
        "volume" => spec.container.mounts.push(mount(MountKind::Volume, value)),
        "log-driver" => {
            spec.log_driver = Some(Driver { name: value_text, options: Labels::new() });
        }
        _ => return false,
    }
    true
}

fn reservations(spec: &mut TaskSpec) -> &mut Resources {
    spec.resources.get_or_insert_default().reservations.get_or_insert_default()
}

fn placement(spec: &mut TaskSpec) -> &mut Placement {
    spec.placement.get_or_insert_default()
}

fn mount(kind: MountKind, driver: &str) -> Mount {
    Mount { kind, source: "data".into(), target: "/data".into(), read_only: false, driver: driver.into() }
}

fn host_port(text: &str) -> PortConfig {
    let (port, protocol) = text.split_once('/').expect("host-port=80/tcp");
    PortConfig {
        protocol: TransportProtocol::from_name(protocol).expect("tcp, udp or sctp"),
        published_port: port.parse().expect("a port"),
        publish_mode: PublishMode::Host,
        ..PortConfig::default()
    }
}

fn state_named(name: &str) -> NodeState {
    let all = [NodeState::Unknown, NodeState::Down, NodeState::Ready, NodeState::Disconnected];
    all.into_iter().find(|state| state.name() == name).expect("a state of a node")
}

/// `x86_64/linux`.
fn platform(text: &str) -> Platform {
    let (architecture, os) = text.split_once('/').expect("platform=architecture/os");
    Platform { os: os.to_owned(), architecture: architecture.to_owned() }
}

/// `apple:3 orange/red`.
pub(in crate::manager::scheduler) fn generic(text: &str) -> Vec<GenericResource> {
    let entries = text.split_whitespace().map(|word| match word.split_once(':') {
        Some((kind, value)) => GenericResource::Discrete { kind: kind.to_owned(), value: number(value) },
        None => {
            let (kind, value) = word.split_once('/').expect("kind:number or kind/name");
            GenericResource::Named { kind: kind.to_owned(), value: value.to_owned() }
        }
    });
    entries.collect()
}

/// A number, `0.5G` for half a thousand million.
fn number(text: &str) -> i64 {
    let Some(giga) = text.strip_suffix('G') else { return text.parse().expect("a number") };
    let (whole, tenth) = giga.split_once('.').unwrap_or((giga, "0"));
    let [whole, tenth] = [whole, tenth].map(|digits| digits.parse::<i64>().expect("a number"));
    whole * 1_000_000_000 + tenth * 100_000_000
}

fn insert(labels: &mut Labels, text: &str) {
    let (name, value) = text.split_once('=').expect("name=value");
    labels.insert(name.to_owned(), value.to_owned());
}

/// A task state by its name.
pub(super) fn state(name: &str) -> TaskState {
    TaskState::from_name(name).unwrap_or_else(|| panic!("unknown state {name}"))
}
