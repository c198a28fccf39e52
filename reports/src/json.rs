//! A run as one JSON object, for programs (schema `swarm-sim/run/1`).
//!
//! Names of states are SwarmKit's, times are nanoseconds since the start, hashes are 16 hexadecimal digits. Every key
//! is always there; what does not exist is `null` or an empty list.
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sim_core::Recording;
use sim_core::metrics::{Label, Measurement};
use sim_core::model::{Fact, NodeId, PortConfig, ServiceId, Task};
use sim_core::progress::{Progress, ProgressEnd};

use crate::losses::losses_json;
use crate::placement::placement_json;
use crate::traffic::traffic_json;
use crate::{Expectation, Run, Verdict};

/// The run as an object on several lines.
#[must_use]
pub fn run_json(run: &Run<'_>) -> String {
    let scenario = run.scenario;
    let params: Map<String, Value> =
        scenario.params.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let states: Vec<Value> =
        run.state_hashes.iter().map(|(time, one)| json!([time.as_nanos(), hash(*one)])).collect();
    let object = json!({
        "schema": "swarm-sim/run/1",
        "scenario": {
            "name": scenario.name,
            "file": scenario.file,
            "seed": scenario.seed,
            "params": params,
        },
        "ended_ns": run.recording.ended.as_nanos(),
        "passed": run.passed(),
        "expectations": run.expectations.iter().map(expectation).collect::<Vec<_>>(),
        "violations": violations(run),
        "commands": commands(run),
        "nodes": nodes(run),
        "services": services(run),
        "tasks": tasks(run),
        "metrics": metrics(run.recording),
        "traffic": traffic_json(run),
        "lost_requests": losses_json(run),
        "placement": placement_json(run.placement.as_ref(), run),
        "raft": run.raft.map(|raft| raft.json(run.recording.census.names())),
        "hash": {
            "trace": hash(run.trace_hash),
            "state": hash(run.state_hash()),
            "states": states,
        },
    });
    pretty(&object)
}

/// The metrics alone, with the history of those that were sampled.
#[must_use]
pub fn metrics_json(run: &Run<'_>) -> String {
    let histories = run.recording.measurements.iter().map(|one| {
        let steps: Vec<Value> =
            one.history.iter().map(|(time, value)| json!([time.as_nanos(), value])).collect();
        let mut object = metric(one, run.recording);
        object["history"] = steps.into();
        object
    });
    pretty(&json!({
        "schema": "swarm-sim/metrics/1",
        "scenario": run.scenario.name,
        "seed": run.scenario.seed,
        "ended_ns": run.recording.ended.as_nanos(),
        "metrics": histories.collect::<Vec<_>>(),
    }))
}

/// A hash as it is printed everywhere.
pub(crate) fn hash(hash: u64) -> String {
    format!("{hash:016x}")
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("keys are texts and numbers are finite");
    text.push('\n');
    text
}

fn expectation(expectation: &Expectation) -> Value {
    let Expectation { place, text, seen, because, verdict } = expectation;
    let verdict = match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::NotReached => "not reached",
    };
    json!({ "place": place, "expected": text, "verdict": verdict, "seen": seen, "because": because })
}

fn violations(run: &Run<'_>) -> Vec<Value> {
    let violation = |violation: &sim_core::Violation| {
        json!({
            "invariant": violation.invariant,
            "time_ns": violation.time.as_nanos(),
            "event": violation.event,
            "seen": violation.what,
        })
    };
    run.violations.iter().map(violation).collect()
}

/// Every command with its answer, which is null if none came before the end, and what its client showed while it
/// waited for the service.
fn commands(run: &Run<'_>) -> Vec<Value> {
    let (mut commands, mut places) = (Vec::new(), BTreeMap::new());
    for record in &run.recording.facts {
        if let Fact::Command { command, host, line } = &record.fact {
            let name = run.scenario.command_names.iter().find(|(id, _)| id == command);
            places.insert(*command, commands.len());
            commands.push(json!({
                "id": name.map(|(_, name)| name),
                "time_ns": record.time.as_nanos(),
                "on": run.recording.census.names().host(*host),
                "line": format!("docker {line}"),
                "answer": Value::Null,
                "progress": [],
            }));
        }
        if let Fact::Answer { command, exit, stdout, stderr, took } = &record.fact {
            let place = places.get(command).expect("an answer follows its command");
            commands[*place]["answer"] =
                json!({ "exit": exit, "stdout": **stdout, "stderr": **stderr, "took_ns": took.as_nanos() });
        }
    }
    for waited in &run.recording.progress {
        let list = &mut commands[places[&waited.command]]["progress"];
        list.as_array_mut().expect("it was made above").push(progress(run, waited));
    }
    commands
}

/// What a client showed while it waited for a service. Without an exit code it still waits, or died with its host.
fn progress(run: &Run<'_>, waited: &Progress) -> Value {
    let (ended, exit, error) = match &waited.end {
        None => (None, None, None),
        Some((at, ProgressEnd::Lost)) => (Some(at), None, None),
        Some((at, ProgressEnd::Failed(text))) => (Some(at), Some(1), Some(text)),
        Some((at, ProgressEnd::Converged | ProgressEnd::JobComplete | ProgressEnd::UpdateOver)) => {
            (Some(at), Some(0), None)
        }
    };
    json!({
        "service": waited.service.text(run.view.seed()),
        "began_ns": waited.began.as_nanos(),
        "ended_ns": ended.map(|at| at.as_nanos()),
        "exit": exit,
        "lines": waited.lines,
        "error": error,
    })
}

fn nodes(run: &Run<'_>) -> Vec<Value> {
    let (census, seed) = (&run.recording.census, run.view.seed());
    let nodes = census.nodes().filter(|(_, node)| !node.removed);
    nodes
        .map(|(id, node)| {
            json!({
                "id": id.text(seed),
                "name": census.node_name(id),
                "state": node.state.name(),
                "availability": node.availability.name(),
                "role": node.role.name(),
                "manager": manager_status(run, id),
                "running": node.running,
            })
        })
        .collect()
}

/// Docker's word; null for a worker, and if no manager runs that could tell.
fn manager_status(run: &Run<'_>, node: NodeId) -> Option<&'static str> {
    let status = run.view.manager_status(node)?;
    let reachability = if status.reachable { "reachable" } else { "unreachable" };
    Some(if status.leader { "leader" } else { reachability })
}

fn services(run: &Run<'_>) -> Vec<Value> {
    let (census, seed) = (&run.recording.census, run.view.seed());
    let listings: BTreeMap<ServiceId, (u64, u64)> =
        run.view.service_listings().iter().map(|one| (one.service.id, (one.running, one.desired))).collect();
    let services = census.services().filter(|(_, service)| !service.removed);
    services
        .map(|(id, service)| {
            let replicas = listings.get(&id).map(|(running, desired)| format!("{running}/{desired}"));
            json!({
                "id": id.text(seed),
                "name": service.name,
                "mode": service.mode.name(),
                "image": service.image,
                "replicas": replicas,
                "desired": service.desired(),
                "running": service.counts.running,
                "pending": service.counts.pending,
                "tasks": service.counts.tasks,
                "update": service.update.map(|state| state.name()),
            })
        })
        .collect()
}

fn tasks(run: &Run<'_>) -> Vec<Value> {
    let Some(store) = run.view.store() else { return Vec::new() };
    store.tasks().map(|one| task(one, run)).collect()
}

fn task(task: &Task, run: &Run<'_>) -> Value {
    let (census, seed) = (&run.recording.census, run.view.seed());
    json!({
        "id": task.id.text(seed),
        "name": census.task_name(task.id),
        "service": task.service.map(|service| census.service_name(service)),
        "slot": task.slot.0,
        "node": task.node.map(|node| census.node_name(node)),
        "desired": task.desired_state.name(),
        "state": task.status.state.name(),
        "since_ns": task.timestamp().map(|time| time.as_nanos()),
        "error": task.status.err,
        "ports": task.status.ports.iter().map(port).collect::<Vec<_>>(),
    })
}

/// A port of the task's own node that leads to it.
fn port(port: &PortConfig) -> Value {
    json!({
        "published": port.published_port,
        "target": port.target_port,
        "protocol": port.protocol.name(),
    })
}

fn metrics(recording: &Recording) -> Vec<Value> {
    recording.measurements.iter().map(|one| metric(one, recording)).collect()
}

fn metric(measurement: &Measurement, recording: &Recording) -> Value {
    let mut labels = Map::new();
    for label in &measurement.labels {
        let (key, value) = match label {
            Label::Service(service) => ("service", recording.census.service_name(*service).into()),
            Label::Node(node) => ("node", recording.census.node_name(*node).into()),
            Label::Host(host) => ("host", recording.census.names().host(*host).into()),
            Label::Traffic(traffic) => ("traffic", recording.census.names().traffic(*traffic).into()),
            Label::Cause(cause) => ("cause", cause.name().into()),
            Label::Fault(fact) => {
                let fault = recording.origins.strike(*fact).expect("labels name faults that struck");
                labels.insert("fact".to_owned(), fact.0.into());
                ("fault", recording.census.names().fault(&fault.fault).into())
            }
        };
        labels.insert(key.to_owned(), value);
    }
    json!({ "name": measurement.kind().name, "labels": labels, "value": measurement.value })
}
