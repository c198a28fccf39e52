//! The trace as JSON Lines: a header, then one fact a line.
//!
//! Keys that every fact has come first; those of its kind follow in the order of the fact's fields. `object` is the
//! id text of the node, service, task or network, because names come back and ids do not.
use serde_json::{Map, Value, json};
use sim_core::metrics::Census;
use sim_core::model::{
    ContainerEvent, Fact, FactRecord, HostId, Loss, RequestsFailed, SessionEvent, Subject,
};

use crate::ScenarioInfo;

/// The first line, without a line break. It is not part of the trace hash.
#[must_use]
pub fn trace_header(scenario: &ScenarioInfo) -> String {
    let ScenarioInfo { name, seed, params, .. } = scenario;
    let params: Map<String, Value> =
        params.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    json!({ "schema": "swarm-sim/trace/1", "scenario": name, "seed": seed, "params": params }).to_string()
}

/// The line of a fact, without a line break.
#[must_use]
pub fn trace_line(record: &FactRecord, census: &Census) -> String {
    trace_object(record, census).to_string()
}

/// A fact as an object.
pub(crate) fn trace_object(record: &FactRecord, census: &Census) -> Value {
    let mut line = Map::new();
    line.insert("id".to_owned(), record.id.0.into());
    line.insert("time_ns".to_owned(), record.time.as_nanos().into());
    line.insert("cause".to_owned(), record.cause.0.into());
    let subject = record.fact.subject();
    line.insert("subject".to_owned(), census.subject(subject).into());
    if let Some(id) = object_id(subject, census.names().seed()) {
        line.insert("object".to_owned(), id.into());
    }
    line.insert("kind".to_owned(), record.fact.kind().into());
    if let Some(commit) = record.commit {
        line.insert("commit".to_owned(), commit.into());
    }
    if let Value::Object(details) = details(&record.fact, census) {
        line.extend(details);
    }
    Value::Object(line)
}

fn object_id(subject: Subject, seed: u64) -> Option<String> {
    match subject {
        Subject::Node(node) => Some(node.text(seed)),
        Subject::Service(service) => Some(service.text(seed)),
        Subject::Task(task) => Some(task.text(seed)),
        Subject::Network(network) => Some(network.text(seed)),
        Subject::Run | Subject::Host(_) | Subject::Command(_) | Subject::Traffic(_) => None,
    }
}

/// What is particular to a kind of fact.
fn details(fact: &Fact, census: &Census) -> Value {
    let host = |host| census.names().host(host);
    match fact {
        Fact::Command { host: on, line, .. } => json!({ "on": host(*on), "line": **line }),
        Fact::Answer { exit, stdout, stderr, took, .. } => {
            json!({ "exit": exit, "stdout": **stdout, "stderr": **stderr, "took_ns": took.as_nanos() })
        }
        Fact::Fault { fault } => json!({ "fault": census.names().fault(fault) }),
        Fact::WithoutEffect(reason) => json!({ "reason": census.names().no_effect(reason) }),
        Fact::Note { text } => json!({ "text": **text }),
        Fact::RaftRole { role, term, leader, .. } => {
            let role = format!("{role:?}").to_lowercase();
            json!({ "role": role, "term": term, "leader": leader.map(host) })
        }
        Fact::Leadership { active, .. } => json!({ "active": active }),
        Fact::Manager { running, .. } => json!({ "running": running }),
        Fact::Lost { loss: Loss::Log, .. } => json!({ "loss": "log" }),
        Fact::Lost { loss: Loss::Reports { nodes, tasks }, .. } => {
            let nodes: Vec<String> = nodes.iter().map(|node| census.node_name(*node)).collect();
            let tasks: Vec<String> = tasks.iter().map(|task| census.task_name(*task)).collect();
            json!({ "loss": "reports", "nodes": nodes, "tasks": tasks })
        }
        Fact::Session { event: SessionEvent::Registered, .. } => json!({ "event": "registered" }),
        Fact::Session { event: SessionEvent::Overtaken, .. } => json!({ "event": "overtaken" }),
        Fact::Session { event: SessionEvent::Failed { error, backoff, retry_in }, .. } => {
            let (backoff, retry_in) = (backoff.as_nanos(), retry_in.as_nanos());
            json!({ "event": "failed", "error": error, "backoff_ns": backoff, "retry_in_ns": retry_in })
        }
        Fact::NodeCreated { host: on, .. } => json!({ "host": host(*on) }),
        Fact::NodeStatus { from, to, message, .. } => {
            json!({ "from": from.name(), "to": to.name(), "message": message })
        }
        Fact::NodeAvailability { from, to, .. } => json!({ "from": from.name(), "to": to.name() }),
        Fact::NodeRole { from, to, .. } => json!({ "from": from.name(), "to": to.name() }),
        Fact::ServiceUpdateStatus { from, to, message, .. } => {
            let name = |state: &Option<sim_core::model::UpdateState>| state.map(|state| state.name());
            json!({ "from": name(from), "to": name(to), "message": message })
        }
        Fact::Network { created, .. } => json!({ "created": created }),
        Fact::TaskCreated { slot, node, desired, .. } => {
            let node = node.map(|node| census.node_name(node));
            json!({ "slot": slot.0, "node": node, "desired": desired.name() })
        }
        Fact::TaskAssigned { node, .. } => json!({ "node": census.node_name(*node) }),
        Fact::TaskState { from, to, message, err, .. } => {
            json!({ "from": from.name(), "to": to.name(), "message": message, "error": err })
        }
        Fact::TaskDesired { from, to, .. } => json!({ "from": from.name(), "to": to.name() }),
        Fact::Container { host: on, event, .. } => container(*event, host(*on)),
        Fact::RequestsFailed(failed) => requests_failed(failed, census),
        Fact::Backends { network, service, event, tasks, .. } => {
            let tasks: Vec<String> = tasks.iter().map(|task| census.task_name(*task)).collect();
            let (network, service) = (census.network_name(*network), census.service_name(*service));
            json!({ "event": event.name(), "network": network, "service": service, "tasks": tasks })
        }
        Fact::Start
        | Fact::NodeUpdated { .. }
        | Fact::NodeRemoved { .. }
        | Fact::ServiceCreated { .. }
        | Fact::ServiceUpdated { .. }
        | Fact::ServiceRemoved { .. }
        | Fact::TaskRemoved { .. }
        | Fact::Traffic { .. } => Value::Null,
    }
}

fn requests_failed(failed: &RequestsFailed, census: &Census) -> Value {
    let host = |host: Option<HostId>| host.map(|host| census.names().host(host));
    json!({
        "cause_class": failed.failure.cause().name(),
        "failure": failed.failure.name(),
        "via": failed.via.map(|via| census.names().traffic(via)),
        "count": failed.count,
        "first_sent_ns": failed.first_sent.as_nanos(),
        "last_sent_ns": failed.last_sent.as_nanos(),
        "entry": host(failed.entry),
        "task": failed.task.map(|task| census.task_name(task)),
        "host": host(failed.host),
        "address": failed.address.filter(|address| !address.is_unspecified()).map(|one| one.to_string()),
    })
}

fn container(event: ContainerEvent, host: &str) -> Value {
    let (word, code) = match event {
        ContainerEvent::Pulling => ("pulling", None),
        ContainerEvent::Pulled => ("pulled", None),
        ContainerEvent::Created => ("created", None),
        ContainerEvent::Started => ("started", None),
        ContainerEvent::Healthy => ("healthy", None),
        ContainerEvent::Unhealthy => ("unhealthy", None),
        ContainerEvent::StopSignal => ("stop-signal", None),
        ContainerEvent::Killed => ("killed", None),
        ContainerEvent::Exited { code } => ("exited", Some(code)),
        ContainerEvent::Lost => ("lost", None),
    };
    match code {
        Some(code) => json!({ "host": host, "event": word, "code": code }),
        None => json!({ "host": host, "event": word }),
    }
}
