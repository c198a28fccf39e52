//! What a user asks for: service and task specs (spec orchestration 1.2, 3.1).
//!
//! An absent list, map or number equals an empty one or zero, so those are plain fields; a block that is
//! present but all zero differs from an absent one, so blocks are `Option`s (spec orchestration 5.2).
use std::collections::BTreeMap;
use std::sync::Arc;

use super::NetworkId;
use super::constraint::{self, Constraint};
use super::resources::{Platform, Reservations};
use crate::kernel::{Digest, SimDuration, StateDigest};

/// Time between the end of a task and the start of its replacement, where a spec says nothing: 5 s (spec orchestration
/// 3.1).
pub const DEFAULT_RESTART_DELAY: SimDuration = SimDuration::from_secs(5);
/// How long after its start a task's failure counts in an update, where a spec says nothing: 5 s (spec orchestration 3.2).
pub const DEFAULT_MONITOR: SimDuration = SimDuration::from_secs(5);

/// User labels in order of their names.
pub type Labels = BTreeMap<String, String>;

/// Name and labels of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The name; unique among objects of a kind without regard to case.
    pub name: String,
    /// User labels.
    pub labels: Labels,
}

/// How many tasks a service has, and of what kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceMode {
    /// So many tasks, anywhere.
    Replicated {
        /// The wanted number of tasks.
        replicas: u64,
    },
    /// One task on every eligible node.
    Global,
    /// Tasks that run to completion, anywhere.
    ReplicatedJob {
        /// How many run at one time.
        max_concurrent: u64,
        /// How many must complete.
        total_completions: u64,
    },
    /// One task that runs to completion on every eligible node.
    GlobalJob,
}

impl ServiceMode {
    /// Docker's word: `replicated-job`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ServiceMode::Replicated { .. } => "replicated",
            ServiceMode::Global => "global",
            ServiceMode::ReplicatedJob { .. } => "replicated-job",
            ServiceMode::GlobalJob => "global-job",
        }
    }

    /// True for the two modes whose tasks run to completion.
    #[must_use]
    pub fn is_job(self) -> bool {
        matches!(self, ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob)
    }
}

/// A service as the user wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Name and labels.
    pub annotations: Annotations,
    /// What each task runs.
    pub task: Arc<TaskSpec>,
    /// How many tasks.
    pub mode: ServiceMode,
    /// How an update proceeds. Absent: [`UpdateConfig::default`].
    pub update: Option<UpdateConfig>,
    /// How a rollback proceeds. Absent: [`UpdateConfig::default`].
    pub rollback: Option<UpdateConfig>,
    /// Published ports and endpoint mode.
    pub endpoint: Option<EndpointSpec>,
}

/// What a task runs and what it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskSpec {
    /// The container.
    pub container: ContainerSpec,
    /// Limits and reservations.
    pub resources: Option<ResourceRequirements>,
    /// What happens when it ends. Absent: any, 5 s.
    pub restart: Option<RestartPolicy>,
    /// Where it may run.
    pub placement: Option<Placement>,
    /// Networks it is attached to, besides ingress.
    pub networks: Vec<NetworkAttachmentConfig>,
    /// Log driver; absent: the cluster's default.
    pub log_driver: Option<Driver>,
    /// A counter that makes every task out of date when it is raised (`--force`).
    pub force_update: u64,
}

impl TaskSpec {
    /// The constraints on nodes. None if the list does not parse: the real scheduler, orchestrators and enforcer then
    /// ignore it as a whole (spec scheduler 7, orchestration 5.2, 8). The API lets no such list in.
    #[must_use]
    pub fn constraints(&self) -> Vec<Constraint> {
        let expressions = self.placement.iter().flat_map(|placement| &placement.constraints);
        constraint::parse(expressions.map(String::as_str)).unwrap_or_default()
    }
}

/// A driver by name, with options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Driver {
    /// The plugin's name; empty: the default.
    pub name: String,
    /// Driver options.
    pub options: Labels,
}

/// A wish to be attached to a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAttachmentConfig {
    /// The network.
    pub network: NetworkId,
    /// Further DNS names of the task there.
    pub aliases: Vec<String>,
}

/// The container of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Image reference.
    pub image: String,
    /// Container labels.
    pub labels: Labels,
    /// Entry point that replaces the image's.
    pub command: Vec<String>,
    /// Arguments.
    pub args: Vec<String>,
    /// Host name inside the container.
    pub hostname: String,
    /// Environment, `NAME=value`.
    pub env: Vec<String>,
    /// User inside the container.
    pub user: String,
    /// Working directory inside the container.
    pub directory: String,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Signal that asks the process to end; empty: SIGTERM.
    pub stop_signal: String,
    /// How long the process may take to end before it is killed. Default 10 s.
    pub stop_grace_period: Option<SimDuration>,
    /// Registry credentials, by their digest. A difference here alone replaces no running task.
    pub pull_options: Option<String>,
    /// Health check.
    pub health: Option<HealthConfig>,
    /// Further `/etc/hosts` lines.
    pub hosts: Vec<String>,
    /// What its resolver is told beside the engine's own answers.
    pub dns: DnsConfig,
    /// Names of secrets given to the container.
    pub secrets: Vec<String>,
    /// Names of configs given to the container.
    pub configs: Vec<String>,
    /// Options that do not change what is simulated (such as `sysctl` or `read-only`), by name.
    pub other: Labels,
}

/// What a container's resolver is told. Only names outside the swarm are concerned, which nobody asks for here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsConfig {
    /// Addresses of name servers.
    pub nameservers: Vec<String>,
    /// Domains that are tried behind a name.
    pub search: Vec<String>,
    /// Options of the resolver, such as `ndots:2`.
    pub options: Vec<String>,
}

/// A file system given to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Kind of mount.
    pub kind: MountKind,
    /// Volume name or host path.
    pub source: String,
    /// Path inside the container.
    pub target: String,
    /// True if the container may not write.
    pub read_only: bool,
    /// Volume driver; empty or `local`: the engine's own.
    pub driver: String,
}

/// Kind of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// A path of the host.
    Bind,
    /// A volume of the engine.
    Volume,
    /// Memory.
    Tmpfs,
    /// A Windows pipe.
    NamedPipe,
    /// A CSI volume of the cluster.
    Cluster,
}

impl MountKind {
    /// Docker's word: `bind`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            MountKind::Bind => "bind",
            MountKind::Volume => "volume",
            MountKind::Tmpfs => "tmpfs",
            MountKind::NamedPipe => "npipe",
            MountKind::Cluster => "cluster",
        }
    }
}

/// A container's health check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthConfig {
    /// The command; `["NONE"]` switches the image's check off.
    pub test: Vec<String>,
    /// Time between checks. Default 30 s.
    pub interval: Option<SimDuration>,
    /// Time a check may take. Default 30 s.
    pub timeout: Option<SimDuration>,
    /// Failures in a row that make the container unhealthy. Default 3.
    pub retries: u32,
    /// Time after the start in which failures do not count. Default 0 s.
    pub start_period: Option<SimDuration>,
    /// Time between checks during the start period. Default 5 s.
    pub start_interval: Option<SimDuration>,
}

/// What a container may use at most, and what is set aside for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceRequirements {
    /// Upper limits; they play no part in placement.
    pub limits: Option<Limits>,
    /// What a node must have free.
    pub reservations: Option<Reservations>,
}

/// Upper limits of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU time in billionths of a CPU; 0: no limit.
    pub nano_cpus: i64,
    /// Memory in bytes; 0: no limit.
    pub memory_bytes: i64,
    /// Processes; 0: no limit.
    pub pids: i64,
}

/// When a task that ended is replaced. The zero value of a present block is `None`, of an absent one `Any`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RestartCondition {
    /// Never.
    #[default]
    None,
    /// Unless it completed with exit code 0.
    OnFailure,
    /// Always.
    Any,
}

/// What happens when a task ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestartPolicy {
    /// When a replacement is made.
    pub condition: RestartCondition,
    /// Time between the end and the start of the replacement. Default [`DEFAULT_RESTART_DELAY`].
    pub delay: Option<SimDuration>,
    /// How many replacements a slot gets; 0: no limit.
    pub max_attempts: u64,
    /// Only replacements within this time count for `max_attempts`. Absent or zero: all count.
    pub window: Option<SimDuration>,
}

/// Where a task may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Constraint expressions as the user wrote them.
    pub constraints: Vec<String>,
    /// Spread descriptors such as `node.labels.zone`, outermost first.
    pub preferences: Vec<String>,
    /// Active tasks of the service on one node at most; 0: no limit.
    pub max_replicas: u64,
    /// Platforms of the image; empty: any.
    pub platforms: Vec<Platform>,
}

/// What an update does when tasks fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureAction {
    /// Stop and wait for the user.
    #[default]
    Pause,
    /// Go on.
    Continue,
    /// Return to the previous spec.
    Rollback,
}

impl FailureAction {
    /// Docker's word: `pause`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FailureAction::Pause => "pause",
            FailureAction::Continue => "continue",
            FailureAction::Rollback => "rollback",
        }
    }
}

/// Which of old and new task of a slot comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdateOrder {
    /// The old task ends before the new one starts.
    #[default]
    StopFirst,
    /// The new task runs before the old one ends.
    StartFirst,
}

impl UpdateOrder {
    /// Docker's word: `stop-first`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            UpdateOrder::StopFirst => "stop-first",
            UpdateOrder::StartFirst => "start-first",
        }
    }
}

/// How an update or rollback proceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateConfig {
    /// Slots at one time; 0: all.
    pub parallelism: u64,
    /// Pause of a worker after each slot.
    pub delay: SimDuration,
    /// What happens when too many tasks fail.
    pub failure_action: FailureAction,
    /// How long after its start a task's failure counts. Default [`DEFAULT_MONITOR`].
    pub monitor: Option<SimDuration>,
    /// Failed part of the slots that is tolerated, in parts per billion.
    pub max_failure_ratio_ppb: u32,
    /// Which of old and new task comes first.
    pub order: UpdateOrder,
}

impl Default for UpdateConfig {
    /// What an absent block means: one slot at a time, pause on the first failure.
    fn default() -> Self {
        UpdateConfig {
            parallelism: 1,
            delay: SimDuration::ZERO,
            failure_action: FailureAction::Pause,
            monitor: None,
            max_failure_ratio_ppb: 0,
            order: UpdateOrder::StopFirst,
        }
    }
}

/// How clients find the tasks of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndpointMode {
    /// Through one virtual address.
    #[default]
    Vip,
    /// Through the addresses of the tasks.
    DnsRoundRobin,
}

impl EndpointMode {
    /// Docker's word: `vip`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EndpointMode::Vip => "vip",
            EndpointMode::DnsRoundRobin => "dnsrr",
        }
    }
}

/// Endpoint mode and published ports as the user wants them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSpec {
    /// How clients find the tasks.
    pub mode: EndpointMode,
    /// Published ports.
    pub ports: Vec<PortConfig>,
}

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransportProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl TransportProtocol {
    /// All protocols.
    pub const ALL: [TransportProtocol; 3] =
        [TransportProtocol::Tcp, TransportProtocol::Udp, TransportProtocol::Sctp];

    /// The protocol with docker's word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// Docker's word: `tcp`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TransportProtocol::Tcp => "tcp",
            TransportProtocol::Udp => "udp",
            TransportProtocol::Sctp => "sctp",
        }
    }
}

/// Where a published port answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublishMode {
    /// On every node, through the routing mesh.
    #[default]
    Ingress,
    /// On the task's node only.
    Host,
}

impl PublishMode {
    /// Docker's word: `ingress`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PublishMode::Ingress => "ingress",
            PublishMode::Host => "host",
        }
    }
}

/// A published port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortConfig {
    /// Name of the port; usually empty.
    pub name: String,
    /// Protocol.
    pub protocol: TransportProtocol,
    /// Port inside the container.
    pub target_port: u16,
    /// Port outside; 0: chosen by the swarm.
    pub published_port: u16,
    /// Where it answers.
    pub publish_mode: PublishMode,
}

impl ServiceSpec {
    /// A replicated service of an image, with nothing else said about it.
    #[must_use]
    pub fn replicated(name: &str, image: &str, replicas: u64) -> Self {
        let container = ContainerSpec { image: image.to_owned(), ..ContainerSpec::default() };
        ServiceSpec {
            annotations: Annotations { name: name.to_owned(), ..Annotations::default() },
            task: Arc::new(TaskSpec { container, ..TaskSpec::default() }),
            mode: ServiceMode::Replicated { replicas },
            update: None,
            rollback: None,
            endpoint: None,
        }
    }

    /// True if an ingress port is published.
    #[must_use]
    pub fn publishes_ingress_port(&self) -> bool {
        let ports = self.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
        ports.into_iter().any(|port| port.publish_mode == PublishMode::Ingress)
    }
}

macro_rules! digest_by_debug {
    ($($type:ty),* $(,)?) => {$(
        /// Specs are compared and hashed rarely and have many fields: their canonical text is the digest's input.
        impl StateDigest for $type {
            fn digest(&self, digest: &mut Digest) {
                digest.debug(self);
            }
        }
    )*};
}

digest_by_debug!(ServiceSpec, TaskSpec, EndpointSpec, PortConfig, Annotations, Driver, UpdateConfig);
