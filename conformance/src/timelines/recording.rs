//! Reads recorded timelines: one run a line.
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::derived;
use super::given::{Given, InitialTask, TaskName};
use super::history::{Call, Event, History, Task, What};
use super::kind::Kind;
use crate::recordings::{self, Place, RecordingError};

/// One recorded run.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    pub(super) place: Place,
    pub(super) experiment: String,
    pub(super) variant: String,
    pub(super) given: Given,
    pub(super) kind: Kind,
    pub(super) history: History,
    /// The figures that came with the recording.
    pub(super) derived: serde_json::Map<String, Value>,
    /// When processes that were started again said so.
    pub(super) process_starts: Vec<(String, f64)>,
    /// Figures that came with the recording, and of which nothing is known.
    pub(super) unknown_figures: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    experiment: String,
    variant: String,
    given: Given,
    events: Vec<Value>,
    derived: serde_json::Map<String, Value>,
    #[serde(rename = "run")]
    _run: IgnoredAny,
    #[serde(rename = "source")]
    _source: IgnoredAny,
    #[serde(default, rename = "replication_lag_ms")]
    _replication_lag_ms: IgnoredAny,
    #[serde(default, rename = "probe_summary")]
    _probe_summary: IgnoredAny,
}

/// Kinds of events that recordings have.
const KINDS: [&str; 12] = [
    "action",
    "task",
    "node",
    "service",
    "heartbeat",
    "dispatcher",
    "session",
    "raft",
    "manager",
    "process",
    "executor",
    "probe",
];

/// All runs in files or folders.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Recording>, RecordingError> {
    recordings::lines(paths)?.iter().map(parse).collect()
}

fn parse(line: &recordings::Line) -> Result<Recording, RecordingError> {
    let place = line.place.clone();
    let parsed: Line = line.parse()?;
    recording(place.clone(), parsed).map_err(|error| place.problem(&error))
}

fn recording(place: Place, mut line: Line) -> Result<Recording, String> {
    // A run was watched until the recorder was stopped, a moment after its time.
    let watched = line.events.iter().filter_map(|event| event["t_ms"].as_f64());
    line.given.duration_ms = watched.fold(line.given.duration_ms, f64::max);
    line.given.check()?;
    let kind = Kind::of(&line.experiment, &line.given)?;
    line.events.iter().try_for_each(check_event)?;
    let initial = line.given.initial.tasks.iter().map(initial_task).collect::<Result<_, String>>()?;
    let history = History {
        initial,
        events: line.events.iter().flat_map(events).collect(),
        probes: Vec::new(),
        answers: line.events.iter().filter_map(answer).collect(),
    };
    let mut recording = Recording {
        place,
        experiment: line.experiment,
        variant: line.variant,
        given: line.given,
        kind,
        history,
        derived: line.derived,
        process_starts: line.events.iter().filter_map(process_start).collect(),
        unknown_figures: Vec::new(),
    };
    recording.unknown_figures = derived::check(&recording)?;
    Ok(recording)
}

fn initial_task(task: &InitialTask) -> Result<Task, String> {
    Ok(Task {
        name: task.task.clone(),
        slot: u64::from(TaskName::parse(&task.task)?.slot()),
        node: Some(task.node.clone()),
        desired: task.desired.clone(),
        state: task.state.clone(),
        image: task.image.clone(),
    })
}

/// An event has a time and a kind that is known, whether a figure looks at it or not.
fn check_event(event: &Value) -> Result<(), String> {
    let kind = event["kind"].as_str().unwrap_or_default();
    if !KINDS.contains(&kind) {
        return Err(format!("an event is of the unknown kind '{kind}'"));
    }
    let is_whole = event["t_ms"].is_number() && (!is_seen(event) || !events(event).is_empty());
    if is_whole { Ok(()) } else { Err(format!("an event is not described completely: {event}")) }
}

/// Whether an event is one of those that figures look at, as far as one can tell.
fn is_seen(event: &Value) -> bool {
    matches!(event["kind"].as_str(), Some("task" | "node"))
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
        ("service", _) => {
            What::Update { service: text("service")?, state: text("update_state")?.to_lowercase() }
        }
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

#[cfg(test)]
impl Recording {
    /// A run of which nothing was seen.
    pub(super) fn of_actions(given: Given) -> Self {
        Recording {
            place: Place::default(),
            experiment: "01_worker_crash".to_owned(),
            variant: String::new(),
            kind: Kind::of("01_worker_crash", &given).expect("there is something to look at"),
            given,
            history: History::default(),
            derived: serde_json::Map::new(),
            process_starts: Vec::new(),
            unknown_figures: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::timelines::given::Action;

    fn action(text: &str) -> Result<Action, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_action_that_nobody_knows_is_refused_by_name() {
        assert!(action(r#"{"t_ms": 0, "action": "crash", "node": "w1"}"#).is_ok());
        let refused = action(r#"{"t_ms": 0, "action": "explode", "node": "w1"}"#);
        assert!(refused.is_err_and(|error| error.contains("unknown variant `explode`")));
    }

    #[test]
    fn a_field_that_an_action_does_not_have_is_refused_by_name() {
        let refused = action(r#"{"t_ms": 0, "action": "crash", "node": "w1", "gently": true}"#);
        assert!(refused.is_err_and(|error| error.contains("unknown field `gently`")));
    }

    #[test]
    fn an_action_without_its_node_is_refused() {
        let refused = action(r#"{"t_ms": 0, "action": "restart"}"#);
        assert!(refused.is_err_and(|error| error.contains("missing field `node`")));
    }
}
