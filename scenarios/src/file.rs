//! A scenario file as it is written: the first of two steps.
//!
//! The structs mirror the text key by key; every value keeps its text and its place. Nothing is checked here but
//! which keys exist and what is a list or a table. Units, names and everything that one part of the file demands
//! of another are the second step (`resolve`).
use serde::Deserialize;
use serde_saphyr::Spanned;

mod shapes;

pub(crate) use shapes::{Table, TextOrList, TextOrTable};

/// A scalar as it is written, and where.
pub(crate) type Text = Spanned<String>;
/// One name or a list of names.
pub(crate) type Names = TextOrList<Text>;
/// A number, or its bounds.
pub(crate) type Number = TextOrTable<Bounds>;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioFile {
    pub(crate) name: Text,
    pub(crate) about: Option<Text>,
    pub(crate) seed: Option<Text>,
    #[serde(default)]
    pub(crate) params: Table<Text>,
    pub(crate) cluster: Spanned<ClusterFile>,
    #[serde(default)]
    pub(crate) images: Table<Spanned<ImageFile>>,
    #[serde(default)]
    pub(crate) timeline: Vec<Spanned<EntryFile>>,
    pub(crate) until: Option<Text>,
    #[serde(default)]
    pub(crate) expect: Vec<Spanned<ExpectationFile>>,
}

/// `cluster`: the machines and what holds for all of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterFile {
    pub(crate) start: Option<Text>,
    pub(crate) managers: Option<TextOrList<TextOrTable<HostFile>>>,
    pub(crate) workers: Option<TextOrList<TextOrTable<HostFile>>>,
    #[serde(default)]
    pub(crate) links: Vec<LinkFile>,
    pub(crate) settings: Option<SettingsFile>,
}

/// A machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostFile {
    pub(crate) name: Text,
    pub(crate) zone: Option<Text>,
    #[serde(default)]
    pub(crate) labels: Table<Text>,
    pub(crate) cpus: Option<Text>,
    pub(crate) memory: Option<Text>,
    #[serde(default)]
    pub(crate) generic: Table<Names>,
    pub(crate) availability: Option<Text>,
    pub(crate) platform: Option<Text>,
    pub(crate) ip: Option<Text>,
    pub(crate) swarm: Option<Text>,
}

/// The link between two zones, or inside one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkFile {
    pub(crate) between: Spanned<Vec<Text>>,
    pub(crate) latency: Option<Text>,
    pub(crate) jitter: Option<Text>,
    pub(crate) loss: Option<Text>,
}

/// What holds for the whole cluster.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsFile {
    pub(crate) heartbeat: Option<Text>,
    pub(crate) history: Option<Text>,
    pub(crate) snapshot_interval: Option<Text>,
    pub(crate) slow_follower_entries: Option<Text>,
    pub(crate) ties: Option<Text>,
    pub(crate) scheduler: Option<Text>,
    pub(crate) latency: Option<Text>,
    pub(crate) latency_between_zones: Option<Text>,
    pub(crate) persist: Option<Spanned<Vec<Text>>>,
    pub(crate) call_limit: Option<Text>,
    pub(crate) pull: Option<Text>,
    pub(crate) prepare: Option<Text>,
    pub(crate) start: Option<Text>,
    pub(crate) stop: Option<Text>,
}

/// How containers of an image behave, on all hosts or (under `on`) on one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageFile {
    pub(crate) cached: Option<Names>,
    pub(crate) missing: Option<Text>,
    pub(crate) pull: Option<Text>,
    pub(crate) prepare: Option<Text>,
    pub(crate) start: Option<Text>,
    pub(crate) stop: Option<Text>,
    pub(crate) ignores_stop: Option<Text>,
    pub(crate) exit: Option<ExitFile>,
    pub(crate) health: Option<HealthFile>,
    pub(crate) server: Option<Spanned<ServerFile>>,
    #[serde(default)]
    pub(crate) on: Table<Spanned<ImageFile>>,
}

/// How a process ends by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExitFile {
    pub(crate) code: Text,
    pub(crate) after: Text,
}

/// How a process answers its health check, and the image's own check.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthFile {
    pub(crate) after: Option<Text>,
    pub(crate) until: Option<Text>,
    pub(crate) hangs: Option<Text>,
    pub(crate) interval: Option<Text>,
    pub(crate) timeout: Option<Text>,
    pub(crate) retries: Option<Text>,
    pub(crate) start_period: Option<Text>,
    pub(crate) start_interval: Option<Text>,
}

/// Something that comes from outside: exactly one of docker, fault, traffic and note.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryFile {
    pub(crate) at: Text,
    pub(crate) id: Option<Text>,
    pub(crate) on: Option<Text>,
    pub(crate) docker: Option<TextOrList<Text>>,
    pub(crate) fault: Option<Spanned<FaultFile>>,
    pub(crate) traffic: Option<Spanned<TrafficFile>>,
    pub(crate) note: Option<Text>,
}

/// A fault: exactly one of its kinds, and what goes with that kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultFile {
    pub(crate) crash: Option<Names>,
    pub(crate) lose_disk: Option<Names>,
    pub(crate) kill: Option<Names>,
    pub(crate) stop: Option<Names>,
    pub(crate) restart: Option<Names>,
    pub(crate) freeze: Option<Names>,
    pub(crate) thaw: Option<Names>,
    pub(crate) cut: Option<Spanned<Vec<Names>>>,
    pub(crate) heal: Option<Spanned<Vec<Names>>>,
    pub(crate) slow: Option<Spanned<Vec<Names>>>,
    pub(crate) loss: Option<Spanned<Vec<Names>>>,
    pub(crate) block: Option<Spanned<Vec<Names>>>,
    pub(crate) gossip_loss: Option<Spanned<Vec<Names>>>,
    pub(crate) slow_disk: Option<Names>,
    pub(crate) kill_task: Option<Text>,
    pub(crate) by: Option<Text>,
    pub(crate) rate: Option<Text>,
    pub(crate) port: Option<Names>,
    pub(crate) one_way: Option<Text>,
    pub(crate) containers: Option<Text>,
    #[serde(rename = "for")]
    pub(crate) lasts: Option<Text>,
}

/// Requests from outside, or from the tasks of a service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrafficFile {
    pub(crate) name: Text,
    pub(crate) to: Text,
    pub(crate) protocol: Option<Text>,
    pub(crate) through: Option<Names>,
    pub(crate) check: Option<Spanned<CheckFile>>,
    pub(crate) from: Option<Text>,
    pub(crate) rate: Option<Text>,
    pub(crate) arrivals: Option<Text>,
    pub(crate) users: Option<Text>,
    pub(crate) think: Option<Spread>,
    pub(crate) clients: Option<Text>,
    pub(crate) keep_alive: Option<Text>,
    pub(crate) dns: Option<Text>,
    pub(crate) timeout: Option<Text>,
    pub(crate) connect_timeout: Option<Text>,
    pub(crate) retries: Option<Text>,
    #[serde(rename = "for")]
    pub(crate) lasts: Text,
}

/// How a load balancer in front of the nodes checks them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckFile {
    pub(crate) every: Option<Text>,
    pub(crate) falls: Option<Text>,
    pub(crate) rises: Option<Text>,
}

/// A span of time that may differ from one time to the next.
pub(crate) type Spread = TextOrTable<SpreadFile>;

/// How a span of time is distributed: exactly one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpreadFile {
    pub(crate) uniform: Option<Spanned<Vec<Text>>>,
    pub(crate) exponential: Option<Text>,
}

/// How the program of an image serves requests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerFile {
    pub(crate) ports: Option<Spanned<Vec<Text>>>,
    pub(crate) listens_after: Option<Text>,
    pub(crate) takes: Option<Spread>,
    pub(crate) at_once: Option<Text>,
    pub(crate) queue: Option<Text>,
    pub(crate) hangs_after: Option<Text>,
    pub(crate) slow_start: Option<SlowStartFile>,
    #[serde(default)]
    pub(crate) calls: Vec<TextOrTable<CallFile>>,
}

/// How much slower a program is at first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowStartFile {
    pub(crate) times: Text,
    #[serde(rename = "for")]
    pub(crate) lasts: Text,
}

/// What a program asks another service for before it answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallFile {
    pub(crate) to: Text,
    pub(crate) keep_alive: Option<Text>,
    pub(crate) dns: Option<Text>,
    pub(crate) timeout: Option<Text>,
    pub(crate) connect_timeout: Option<Text>,
    pub(crate) retries: Option<Text>,
}

/// Something that must hold: a time, a subject, and what is said about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectationFile {
    pub(crate) at: Option<Text>,
    pub(crate) by: Option<Text>,
    pub(crate) between: Option<Spanned<Vec<Text>>>,
    pub(crate) always: Option<Spanned<Vec<Text>>>,
    pub(crate) never: Option<Spanned<Vec<Text>>>,
    pub(crate) sometimes: Option<Spanned<Vec<Text>>>,
    pub(crate) over: Option<Spanned<Vec<Text>>>,
    pub(crate) service: Option<Text>,
    pub(crate) task: Option<Text>,
    /// A subject, or what is said about a task.
    pub(crate) node: Option<Names>,
    pub(crate) command: Option<Text>,
    pub(crate) cluster: Option<Spanned<ClusterStateFile>>,
    pub(crate) running: Option<Number>,
    pub(crate) replicas: Option<Text>,
    pub(crate) pending: Option<Number>,
    pub(crate) tasks: Option<Number>,
    pub(crate) update: Option<Text>,
    pub(crate) status: Option<Text>,
    pub(crate) availability: Option<Text>,
    pub(crate) manager: Option<Text>,
    pub(crate) state: Option<Text>,
    pub(crate) desired: Option<Text>,
    pub(crate) error: Option<Text>,
    pub(crate) succeeds: Option<Text>,
    pub(crate) fails: Option<Text>,
    pub(crate) prints: Option<Names>,
    pub(crate) traffic: Option<Text>,
    pub(crate) sent: Option<Number>,
    pub(crate) ok: Option<Number>,
    pub(crate) failed: Option<Number>,
    pub(crate) refused: Option<Number>,
    pub(crate) black_hole: Option<Number>,
    pub(crate) reset: Option<Number>,
    pub(crate) timeout: Option<Number>,
    pub(crate) entry_down: Option<Number>,
    pub(crate) unresolved: Option<Number>,
    pub(crate) retried: Option<Number>,
    pub(crate) p50: Option<Number>,
    pub(crate) p90: Option<Number>,
    pub(crate) p99: Option<Number>,
    pub(crate) max: Option<Number>,
    pub(crate) because: Option<Text>,
}

/// What is said about the cluster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterStateFile {
    pub(crate) leader: Option<Names>,
    pub(crate) ready: Option<Number>,
}

/// Bounds of a number, both included.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bounds {
    pub(crate) min: Option<Text>,
    pub(crate) max: Option<Text>,
}
