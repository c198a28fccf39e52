//! What the words of a text test mean.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Manner;
use crate::kernel::{SimDuration, SimTime};
use crate::model::setup::{Exit, ImageProfile, ImageSetup};
use crate::model::spec::{ContainerSpec, HealthConfig};
use crate::model::{
    Annotations, Endpoint, Fact, HostId, Network, NetworkAttachment, NetworkId, NetworkSpec, NodeId,
    PortConfig, SessionEvent, Slot, Task, TaskId, TaskSpec, TaskState,
};
use crate::protocol::{CallError, NetworkOrder, Status, StatusCode};
use crate::text_test::{split_words, values};

/// An attachment to the network of the tasks.
pub(super) fn attachment(driver: &str) -> NetworkAttachment {
    let spec = NetworkSpec { driver: driver.to_owned(), ..NetworkSpec::default() };
    NetworkAttachment::to(Arc::new(Network::new(NetworkId(1), spec)))
}

/// What the network of the host is to do.
pub(super) fn order_text(order: &NetworkOrder) -> String {
    match order {
        NetworkOrder::Configure(networks) => format!("network: configure {}", networks.len()),
        NetworkOrder::Attach { task, networks } => {
            format!("network: attach t{} to {}", task.0, networks.len())
        }
        NetworkOrder::Start { task, host_ports, .. } => {
            format!("network: start t{} with {} host ports", task.0, host_ports.len())
        }
        NetworkOrder::Enable { task, records } => {
            let addresses: Vec<String> = records.iter().map(|record| record.address.to_string()).collect();
            format!("network: enable t{} {}", task.0, addresses.join(","))
        }
        NetworkOrder::Disable { task } => format!("network: disable t{}", task.0),
        NetworkOrder::Remove { task } => format!("network: remove t{}", task.0),
        NetworkOrder::Detach { task } => format!("network: detach t{}", task.0),
        NetworkOrder::LeaveSwarm => "network: leave the swarm".to_owned(),
    }
}

/// The task as before, with what the words change.
pub(super) fn changed_task(before: Option<&Arc<Task>>, id: TaskId, words: &[String]) -> Task {
    let get = |key| values(words, key).next();
    let mut task = before.map_or_else(
        || {
            let mut task = Task::new(id, Arc::default(), SimTime::ZERO);
            task.status.state = TaskState::Assigned;
            task.slot = Slot(id.0);
            task.node = Some(NodeId(9));
            let name = "web".to_owned();
            task.service_annotations = Arc::new(Annotations { name, ..Annotations::default() });
            task
        },
        |task| (**task).clone(),
    );
    if let Some(image) = get("image") {
        let health = get("check").map(health_check);
        let stop_grace_period = get("grace").map(span);
        let container =
            ContainerSpec { image: image.to_owned(), health, stop_grace_period, ..ContainerSpec::default() };
        task.spec = Arc::new(TaskSpec { container, ..TaskSpec::default() });
    }
    if let Some(state) = get("desired") {
        task.desired_state = TaskState::from_name(state).expect("a state");
    }
    if let Some(state) = get("state") {
        task.status.state = TaskState::from_name(state).expect("a state");
    }
    if let Some(slot) = get("slot") {
        task.slot = Slot(slot.parse().unwrap());
    }
    if let Some(driver) = get("network") {
        let address = [10, 0, 1, u8::try_from(id.0).expect("small numbers")].into();
        task.networks = vec![NetworkAttachment { addresses: vec![address], ..attachment(driver) }];
    }
    if get("publish").is_some() {
        let ports = vec![PortConfig::default()];
        task.endpoint = Some(Arc::new(Endpoint { ports, ..Endpoint::default() }));
    }
    task
}

/// `5s/3` is an interval and a number of retries.
fn health_check(text: &str) -> HealthConfig {
    let (interval, retries) = text.split_once('/').expect("interval/retries");
    HealthConfig {
        test: vec!["CMD".to_owned()],
        interval: Some(span(interval)),
        retries: retries.parse().unwrap(),
        ..HealthConfig::default()
    }
}

/// `crasher exit=1@2s prepare=0s missing`.
pub(super) fn image(line: &str) -> (String, ImageSetup) {
    let words = split_words(line);
    let get = |key| values(&words, key).next();
    let flag = |name: &str| words.iter().any(|word| word == name);
    let mut profile =
        ImageProfile { cached: !flag("absent"), missing: flag("missing"), ..Default::default() };
    for (key, place) in [
        ("pull", &mut profile.pull),
        ("prepare", &mut profile.prepare),
        ("start", &mut profile.start),
        ("stop", &mut profile.stop),
        ("healthy", &mut profile.health.healthy_after),
    ] {
        if let Some(text) = get(key) {
            *place = span(text);
        }
    }
    profile.ignores_stop = flag("ignores_stop");
    profile.health.unhealthy_after = get("unhealthy").map(span);
    profile.exit = get("exit").map(|text| {
        let (code, after) = text.split_once('@').expect("code@after");
        Exit { code: code.parse().unwrap(), after: span(after) }
    });
    (words[0].clone(), ImageSetup { profile, on: BTreeMap::new() })
}

pub(super) fn manner(text: &str) -> Manner {
    match text {
        "yes" => Manner::Yes,
        "silent" => Manner::Silent,
        error => Manner::Fails(failure(error)),
    }
}

pub(super) fn failure(text: &str) -> CallError {
    let code = match text {
        "refused" => return CallError::Refused,
        "node not registered" => StatusCode::NotFound,
        "session invalid" => StatusCode::InvalidArgument,
        "node must disconnect" => StatusCode::Aborted,
        _ => StatusCode::Unknown,
    };
    CallError::Status(Status::new(code, text.to_owned()))
}

pub(super) fn hosts(text: &str) -> Arc<[HostId]> {
    text.split(',').filter(|text| !text.is_empty()).map(|text| HostId(text.parse().unwrap())).collect()
}

pub(super) fn host(text: &str) -> HostId {
    HostId(text.trim_start_matches('h').parse().unwrap())
}

pub(super) fn task_id(text: &str) -> TaskId {
    TaskId(text.trim_start_matches('t').parse().unwrap())
}

/// `5s`, `200ms` or `10m`.
pub(super) fn span(text: &str) -> SimDuration {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no span"));
    if let Some(text) = text.strip_suffix("ms") {
        SimDuration::from_millis(number(text))
    } else if let Some(text) = text.strip_suffix('s') {
        SimDuration::from_secs(number(text))
    } else {
        SimDuration::from_secs(60 * number(text.trim_end_matches('m')))
    }
}

/// What the log says of a fact, if anything.
pub(super) fn fact_text(fact: &Fact) -> Option<String> {
    if let Fact::Container { task, event, .. } = fact {
        return Some(format!("t{} {event:?}", task.0));
    }
    if let Fact::Note { text } = fact {
        return Some(format!("note: {text}"));
    }
    let Fact::Session { event, .. } = fact else { return None };
    Some(match event {
        SessionEvent::Registered => "registered".to_owned(),
        SessionEvent::Overtaken => "overtaken".to_owned(),
        SessionEvent::Failed { error, retry_in, .. } => {
            format!("session failed: {error}; again in {retry_in}")
        }
    })
}
