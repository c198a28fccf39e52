//! Reads recorded timelines: one run a line.
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::history::{Call, Event, History, Task, What};
use crate::recordings::{self, Place, RecordingError};

/// One recorded run.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    pub(super) place: Place,
    pub(super) experiment: String,
    pub(super) variant: String,
    pub(super) given: Given,
    pub(super) history: History,
    /// The figures that came with the recording.
    pub(super) derived: serde_json::Map<String, Value>,
    /// When processes that were started again said so.
    pub(super) process_starts: Vec<(String, f64)>,
}

/// What a run started from.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Given {
    pub(super) managers: u8,
    pub(super) workers: u8,
    pub(super) duration_ms: f64,
    pub(super) target: Option<String>,
    #[serde(default)]
    pub(super) killed: Vec<String>,
    pub(super) restarted: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) probes: Option<Probes>,
    pub(super) service: Option<Service>,
    #[serde(default)]
    pub(super) services: Vec<Service>,
    pub(super) initial: Initial,
    pub(super) actions: Vec<Action>,
}

/// Requests that were made all the time.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Probes {
    pub(super) via: String,
    pub(super) until_ms: u64,
    pub(super) timeout_ms: u64,
    pub(super) read_every_ms: u64,
    pub(super) write_every_ms: u64,
}

/// How a service is updated or rolled back.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Update {
    pub(super) parallelism: u64,
    pub(super) delay_ms: u64,
    pub(super) monitor_ms: u64,
    pub(super) failure_action: String,
    pub(super) order: String,
}

/// A service as it is at the start, or as it will be created.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) mode: String,
    pub(super) replicas: Option<u64>,
    pub(super) image: String,
    #[serde(default)]
    pub(super) constraints: Vec<String>,
    pub(super) update_config: Option<Update>,
    pub(super) rollback_config: Option<Update>,
}

/// State at time zero.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Initial {
    #[serde(default)]
    pub(super) tasks: Vec<InitialTask>,
    #[serde(default)]
    pub(super) nodes: Vec<InitialNode>,
}

/// A task at time zero.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct InitialTask {
    pub(super) task: String,
    pub(super) node: String,
    pub(super) desired: String,
    pub(super) state: String,
    pub(super) image: String,
}

/// A node at time zero.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct InitialNode {
    pub(super) node: String,
    pub(super) last_heartbeat_ms: Option<f64>,
    pub(super) period_ms: Option<f64>,
}

/// Something that was done.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Action {
    pub(super) t_ms: f64,
    pub(super) action: String,
    pub(super) node: Option<String>,
    pub(super) replicas: Option<u64>,
    pub(super) image: Option<String>,
    pub(super) containers_survive: Option<bool>,
    /// Of a node that joins.
    pub(super) role: Option<String>,
    /// Of a removal.
    #[serde(default)]
    pub(super) force: bool,
}

#[derive(Deserialize)]
struct Line {
    experiment: String,
    variant: String,
    given: Given,
    events: Vec<Value>,
    derived: serde_json::Map<String, Value>,
}

/// All runs in files or folders.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Recording>, RecordingError> {
    recordings::lines(paths)?.iter().map(parse).collect()
}

fn parse(line: &recordings::Line) -> Result<Recording, RecordingError> {
    let place = line.place.clone();
    let line: Line = line.parse()?;
    let initial = line.given.initial.tasks.iter().map(initial_task).collect::<Result<_, String>>();
    let initial = initial.map_err(|error| place.problem(&error))?;
    let events = line.events.iter().flat_map(events).collect();
    let answers = line.events.iter().filter_map(answer).collect();
    let process_starts = line.events.iter().filter_map(process_start).collect();
    Ok(Recording {
        place,
        experiment: line.experiment,
        variant: line.variant,
        given: line.given,
        history: History { initial, events, probes: Vec::new(), answers },
        derived: line.derived,
        process_starts,
    })
}

/// The slot in a name such as `web.3#1`; 0 for a global service, whose tasks are named after nodes.
pub(super) fn slot_of(name: &str) -> Option<u64> {
    let (place, _) = name.split_once('.')?.1.split_once('#')?;
    Some(place.parse().unwrap_or(0))
}

fn initial_task(task: &InitialTask) -> Result<Task, String> {
    let slot = slot_of(&task.task).ok_or_else(|| format!("{} is no name of a task", task.task))?;
    Ok(Task {
        name: task.task.clone(),
        slot,
        node: Some(task.node.clone()),
        desired: task.desired.clone(),
        state: task.state.clone(),
        image: task.image.clone(),
    })
}

fn process_start(event: &Value) -> Option<(String, f64)> {
    let started = event["kind"] == "process" && event["what"] == "start";
    started.then(|| Some((event["node"].as_str()?.to_owned(), event["t_ms"].as_f64()?)))?
}

/// What an action was answered.
fn answer(event: &Value) -> Option<(f64, String)> {
    let returned = event["kind"] == "action" && event["phase"] == "return";
    let text = event["err"].as_str().unwrap_or("ok").to_owned();
    returned.then(|| Some((event["t_ms"].as_f64()?, text)))?
}

/// The events that figures are derived from. A change of a node is several.
fn events(event: &Value) -> Vec<Event> {
    let whats =
        if event["kind"] == "node" { node_events(event) } else { other_event(event).into_iter().collect() };
    let Some(at_ms) = event["t_ms"].as_f64() else { return Vec::new() };
    whats.into_iter().map(|what| Event { at_ms, what }).collect()
}

fn node_events(event: &Value) -> Vec<What> {
    let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let node = text("node");
    let role = What::Role { node: node.clone(), role: text("role"), certificate: text("cert") };
    let state = What::Node { node: node.clone(), state: text("state") };
    match event["op"].as_str() {
        Some("create") => vec![What::NodeCreated { node }, state, role],
        Some("remove") => vec![What::NodeRemoved { node }],
        _ => vec![state, role],
    }
}

fn other_event(event: &Value) -> Option<What> {
    let text = |field: &str| event[field].as_str().map(str::to_owned);
    let term = || event["term"].as_u64();
    Some(match (event["kind"].as_str()?, event["what"].as_str()) {
        ("task", _) if event["op"] == "remove" => What::TaskRemoved { task: text("task")? },
        ("task", _) => What::Task(Task {
            name: text("task")?,
            slot: event["slot"].as_u64().unwrap_or(0),
            node: text("node"),
            desired: text("desired")?,
            state: text("state")?,
            image: text("image").unwrap_or_default(),
        }),
        ("raft", Some("candidate")) => What::Candidate { node: text("node")?, term: term()? },
        ("raft", Some("leader")) => What::Leader { node: text("node")?, term: term()? },
        ("manager", Some("leader_ready")) => What::LeaderReady { node: text("node")? },
        ("raft", Some("follower")) => What::Follower { node: text("node")? },
        ("raft", Some("elected_leader")) => What::KnowsLeader { node: text("node")? },
        ("service", _) => What::Update { state: text("update_state")?.to_lowercase() },
        ("dispatcher", Some("registered")) => What::Registered { node: text("node")? },
        ("session", Some("registered")) => What::SessionOpened { node: text("node")? },
        ("session", Some("failed")) => What::SessionFailed {
            node: text("node")?,
            error: text("err").unwrap_or_default(),
            backoff_ms: event["backoff_ms"].as_u64()?,
        },
        ("executor", _) => What::Executor {
            task: text("task")?,
            call: match event["call"].as_str()? {
                "prepare" => Call::Prepare,
                "start" => Call::Start,
                "shutdown" => Call::Shutdown,
                _ => return None,
            },
        },
        _ => return None,
    })
}
