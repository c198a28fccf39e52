//! What a scenario expects: when, about what, and which conditions have to hold together.
//!
//! Names are resolved; checking is the runner's work. A condition is a question about one instant, the time form
//! says at which instants it is asked.
use std::fmt;

use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::command::NodeReference;
use sim_core::model::{
    Availability, CommandId, FailureCause, HostId, NodeState, TaskState, TrafficId, UpdateState,
};

use crate::error::Location;

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// At which instants.
    pub when: When,
    /// About what, and what is said of it.
    pub subject: Subject,
    /// Why, for the reader.
    pub because: Option<String>,
    /// Where it is written.
    pub at: Location,
}

/// The instants at which conditions have to hold. All ends are included, except where it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After every event of this time.
    At(SimTime),
    /// After every event of this time; the report says since when.
    By(SimTime),
    /// Not at the first time, and from some instant behind it, at the latest the second time.
    Between(SimTime, SimTime),
    /// At every instant.
    Always(SimTime, SimTime),
    /// At no instant.
    Never(SimTime, SimTime),
    /// At some instant.
    Sometimes(SimTime, SimTime),
    /// Of the requests that were sent from the first time on and before the second one, when the run is over.
    Over(SimTime, SimTime),
    /// When the run is over.
    AtEnd,
}

/// What an expectation is about, with the conditions that have to hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A service.
    Service {
        /// Its name.
        name: String,
        /// What is said of it.
        conditions: Vec<ServiceCondition>,
    },
    /// A node.
    Node {
        /// Its host.
        host: HostId,
        /// Which of the host's node objects, from 1; none: the last one.
        number: Option<u32>,
        /// What is said of it.
        conditions: Vec<NodeCondition>,
    },
    /// The newest task of a replica.
    Task {
        /// Which replica.
        task: TaskName,
        /// What is said of it.
        conditions: Vec<TaskCondition>,
    },
    /// The cluster.
    Cluster {
        /// What is said of it.
        conditions: Vec<ClusterCondition>,
    },
    /// A source of requests.
    Traffic {
        /// Which.
        traffic: TrafficId,
        /// Its name.
        name: String,
        /// Only requests that were sent in this time count.
        over: Option<(SimTime, SimTime)>,
        /// What is said of it.
        conditions: Vec<TrafficCondition>,
    },
    /// The commands of one entry of the timeline.
    Command {
        /// The entry's id.
        name: String,
        /// All of its commands: each has to end as expected.
        commands: Vec<CommandId>,
        /// How they end.
        outcome: Outcome,
    },
}

/// A condition on a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceCondition {
    /// Tasks that are observed and wanted RUNNING (jobs: that are COMPLETE).
    Running(Bounds),
    /// Docker's column: running tasks, which may be on lost nodes, and wanted ones.
    Replicas {
        /// Before the stroke.
        running: u64,
        /// Behind it.
        desired: u64,
    },
    /// Tasks wanted RUNNING that have no node.
    Pending(Bounds),
    /// Tasks in the store, of whatever state.
    Tasks(Bounds),
    /// State of the update; none: there is no status.
    Update(Option<UpdateState>),
}

/// A condition on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeCondition {
    /// Its status; none: there is no such node object.
    Status(Option<NodeState>),
    /// Its availability.
    Availability(Availability),
    /// Docker's column; none: it is empty.
    Manager(Option<ManagerStatus>),
    /// Tasks that are observed and wanted RUNNING on it.
    Running(Bounds),
}

/// Docker's MANAGER STATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagerStatus {
    /// It leads.
    Leader,
    /// It is a member that the leader can reach.
    Reachable,
    /// It is a member that the leader cannot reach.
    Unreachable,
}

/// A condition on a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskCondition {
    /// Its observed state.
    State(TaskState),
    /// Its desired state.
    Desired(TaskState),
    /// It is on one of these hosts.
    Node(Vec<HostId>),
    /// Its error contains this text.
    Error(String),
}

/// A condition on the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterCondition {
    /// One of these hosts leads; empty: nobody does.
    Leader(Vec<HostId>),
    /// Nodes that are READY.
    Ready(Bounds),
}

/// A condition on requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrafficCondition {
    /// How many there were of a kind.
    Count(RequestCount, Bounds),
    /// The latency that this percentage of the answered requests does not exceed.
    Latency {
        /// 50, 90 or 99; 100 is the longest.
        percent: u8,
        /// At least.
        min: SimDuration,
        /// At most.
        max: SimDuration,
    },
}

/// A kind of requests that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestCount {
    /// All that were sent.
    Sent,
    /// Answered.
    Answered,
    /// Failed for whatever cause.
    Failed,
    /// Failed for one cause.
    FailedBy(FailureCause),
    /// Attempts after a failed one.
    Retries,
    /// Not requests, but the tasks that answered some.
    Tasks,
}

impl RequestCount {
    /// The key in scenario files.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            RequestCount::Sent => "sent",
            RequestCount::Answered => "ok",
            RequestCount::Failed => "failed",
            RequestCount::FailedBy(cause) => cause.name(),
            RequestCount::Retries => "retried",
            RequestCount::Tasks => "tasks",
        }
    }
}

/// The key of a latency in scenario files.
pub(crate) fn latency_key(percent: u8) -> &'static str {
    match percent {
        50 => "p50",
        90 => "p90",
        99 => "p99",
        _ => "max",
    }
}

/// How a command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With exit code 0.
    Succeeds,
    /// With another exit code, and this text in what it printed.
    Fails(String),
    /// With exit code 0. What all commands of the entry print together contains each of these texts.
    Prints(Vec<String>),
}

/// A replica of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskName {
    /// The service.
    pub service: String,
    /// Which of its replicas.
    pub replica: Replica,
}

/// Which replica of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replica {
    /// By its slot.
    Slot(u32),
    /// Of a global service: by its host.
    Host(HostId),
}

/// Bounds of a number, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// At least.
    pub min: u64,
    /// At most.
    pub max: u64,
}

impl Bounds {
    /// This number and no other.
    #[must_use]
    pub fn exactly(number: u64) -> Self {
        Bounds { min: number, max: number }
    }

    /// True if the number is within the bounds.
    #[must_use]
    pub fn contain(self, number: u64) -> bool {
        (self.min..=self.max).contains(&number)
    }
}

impl When {
    /// The last instant at which it is decided; none for the end of the run.
    #[must_use]
    pub fn last(self) -> Option<SimTime> {
        match self {
            When::At(time) | When::By(time) => Some(time),
            When::Between(_, last)
            | When::Always(_, last)
            | When::Never(_, last)
            | When::Sometimes(_, last)
            | When::Over(_, last) => Some(last),
            When::AtEnd => None,
        }
    }
}

/// The node that `w1#2` names: the second node object of host `w1`. None for any other text.
pub(crate) fn nth_node(text: &str) -> Option<NodeReference> {
    let (hostname, number) = text.rsplit_once('#')?;
    let number = number.parse().ok().filter(|number| *number > 0)?;
    Some(NodeReference::Nth { hostname: hostname.to_owned(), number })
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::At(time) => write!(f, "at {time}"),
            When::By(time) => write!(f, "by {time}"),
            When::Between(first, last) => write!(f, "between {first} and {last}"),
            When::Always(first, last) => write!(f, "always from {first} to {last}"),
            When::Never(first, last) => write!(f, "never from {first} to {last}"),
            When::Sometimes(first, last) => write!(f, "sometimes from {first} to {last}"),
            When::Over(first, last) => write!(f, "over {first} to {last}"),
            When::AtEnd => write!(f, "at the end"),
        }
    }
}

/// `6`, `6..8`, `at least 6`, `at most 8`.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, max) if min == max => write!(f, "{min}"),
            (0, max) => write!(f, "at most {max}"),
            (min, u64::MAX) => write!(f, "at least {min}"),
            (min, max) => write!(f, "{min} to {max}"),
        }
    }
}
