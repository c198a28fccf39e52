//! Reads recorded timelines: one run a line.
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
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

/// What a run started from. Unknown fields are refused: a run that is only half understood proves nothing. Fields that
/// are known and not needed have an underscore before their names: they stand elsewhere as well, or came out of the run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
    #[serde(default, rename = "containers_survive")]
    _containers_survive: IgnoredAny,
    #[serde(default, rename = "new_image")]
    _new_image: IgnoredAny,
    #[serde(default, rename = "join_via")]
    _join_via: IgnoredAny,
    #[serde(default, rename = "new_leader")]
    _new_leader: IgnoredAny,
    #[serde(default, rename = "failed_writes_found_applied_at_end")]
    _failed_writes_found_applied_at_end: IgnoredAny,
}

/// Requests that were made all the time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probes {
    pub(super) via: String,
    pub(super) until_ms: u64,
    pub(super) timeout_ms: u64,
    pub(super) read_every_ms: u64,
    pub(super) write_every_ms: u64,
}

/// How a service is updated or rolled back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    pub(super) parallelism: u64,
    pub(super) delay_ms: u64,
    pub(super) monitor_ms: u64,
    pub(super) max_failure_ratio: f64,
    pub(super) failure_action: RecordedFailureAction,
    pub(super) order: RecordedOrder,
}

/// What becomes of an update whose tasks fail.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RecordedFailureAction {
    Pause,
    Continue,
    Rollback,
}

/// Whether the old or the new task of a slot goes first.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RecordedOrder {
    StopFirst,
    StartFirst,
}

/// A service as it is at the start, or as it will be created.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) mode: RecordedMode,
    pub(super) replicas: Option<u64>,
    pub(super) image: String,
    #[serde(default)]
    pub(super) constraints: Vec<String>,
    pub(super) update_config: Option<Update>,
    pub(super) rollback_config: Option<Update>,
}

/// How many tasks a service has: as many as it says, or one on every node.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RecordedMode {
    Replicated,
    Global,
}

/// State at time zero.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Initial {
    pub(super) tasks: Vec<InitialTask>,
    pub(super) nodes: Vec<InitialNode>,
}

/// A task at time zero.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InitialTask {
    pub(super) task: String,
    pub(super) node: String,
    pub(super) desired: String,
    pub(super) state: String,
    pub(super) image: String,
}

/// A node at time zero. All of them were ready and active, and their names tell their roles.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InitialNode {
    pub(super) node: String,
    pub(super) last_heartbeat_ms: Option<f64>,
    pub(super) period_ms: Option<f64>,
    #[serde(rename = "role")]
    _role: RecordedRole,
    #[serde(rename = "state")]
    _state: ReadyOnly,
    #[serde(rename = "availability")]
    _availability: ActiveOnly,
}

/// The only state of nodes at time zero that is replayed.
#[derive(Clone, Copy, Debug, Deserialize)]
enum ReadyOnly {
    #[serde(rename = "READY")]
    Ready,
}

/// The only availability at time zero that is replayed.
#[derive(Clone, Copy, Debug, Deserialize)]
enum ActiveOnly {
    #[serde(rename = "ACTIVE")]
    Active,
}

/// Something that was done, and when.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Action {
    pub(super) t_ms: f64,
    #[serde(flatten)]
    pub(super) deed: Deed,
}

/// What was done.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Deed {
    /// A process ends without a word.
    Crash {
        node: String,
    },
    /// A process is told to end.
    Stop {
        node: String,
    },
    /// A process starts again, and finds the containers of the one before or does not.
    Restart {
        node: String,
        #[serde(default)]
        containers_survive: bool,
    },
    /// A process gets no time.
    Freeze {
        node: String,
    },
    /// A frozen process goes on.
    Thaw {
        node: String,
    },
    /// A new node.
    Join {
        node: String,
        role: RecordedRole,
    },
    Promote {
        node: String,
    },
    Demote {
        node: String,
    },
    NodeDrain {
        node: String,
    },
    NodeActivate {
        node: String,
    },
    NodePause {
        node: String,
    },
    NodeRemove {
        node: String,
        force: bool,
    },
    ServiceCreate {
        service: String,
    },
    /// Either of the two is changed.
    ServiceUpdate {
        service: String,
        image: Option<String>,
        replicas: Option<u64>,
    },
}

/// A role that a node gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RecordedRole {
    Manager,
    Worker,
}

impl RecordedRole {
    /// The word for it in events.
    pub(super) fn word(self) -> &'static str {
        match self {
            RecordedRole::Manager => "manager",
            RecordedRole::Worker => "worker",
        }
    }
}

impl Given {
    /// When something was done for the first time.
    pub(super) fn first(&self, wanted: impl Fn(&Deed) -> bool) -> Option<f64> {
        self.actions.iter().find(|action| wanted(&action.deed)).map(|action| action.t_ms)
    }

    /// The names of nodes that joined.
    pub(super) fn joining(&self) -> impl Iterator<Item = &String> {
        self.actions.iter().filter_map(|action| match &action.deed {
            Deed::Join { node, .. } => Some(node),
            _ => None,
        })
    }

    /// All services, whether they exist at the start or are created.
    pub(super) fn all_services(&self) -> impl Iterator<Item = &Service> {
        self.service.iter().chain(&self.services)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
