//! Facts: changes that somebody could ask about, each with the fact that caused it (decisions: trace).
mod digest;

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{
    Availability, BackendEvent, Failure, Fault, HostId, NetworkId, NodeId, NodeRole, NodeState, Place,
    ServiceId, Slot, TaskId, TaskState, TrafficId, UpdateState,
};
pub use crate::kernel::trace::FactId;
use crate::kernel::trace::Record;
use crate::kernel::{SimDuration, SimTime};

/// Number of a docker command of the scenario, in the order of the timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandId(pub u32);

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The run as a whole.
    Run,
    /// A host.
    Host(HostId),
    /// A node.
    Node(NodeId),
    /// A service.
    Service(ServiceId),
    /// A task.
    Task(TaskId),
    /// A network.
    Network(NetworkId),
    /// A command of the scenario.
    Command(CommandId),
    /// A source of requests.
    Traffic(TrafficId),
}

/// A fact with its number, time and cause.
pub type FactRecord = Record<Fact>;

/// Role of a Raft member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RaftRole {
    /// Follows a leader, or waits for one.
    #[default]
    Follower,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
}

/// What became of an agent's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The dispatcher accepted it.
    Registered,
    /// It ended; the next attempt follows after a delay.
    Failed {
        /// Why.
        error: Cow<'static, str>,
        /// Upper bound of the delay, from which it was drawn.
        backoff: SimDuration,
        /// Time until the next attempt.
        retry_in: SimDuration,
    },
    /// The heartbeats of the session before ran out while it was registered: the node is written DOWN over
    /// READY, and stays so until its next session (spec control-plane 6.4, 6.7).
    Overtaken,
}

/// Something that a swarm relies on and that can be lost, in reality too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A manager comes back as the Raft member that it was, without its log: entries that it helped to commit may
    /// be forgotten, and nothing that Raft promises holds any more (spec control-plane 3.3).
    Log,
    /// The leader drops what agents have told it, because Raft takes no proposals while leadership is handed over.
    /// Agents do not tell it again before their next sessions (spec control-plane 2.6, 6.6).
    Reports {
        /// Nodes whose state is not written.
        nodes: Vec<NodeId>,
        /// Tasks whose state is not written.
        tasks: Vec<TaskId>,
    },
}

/// What became of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerEvent {
    /// The image is being pulled.
    Pulling,
    /// The image is there.
    Pulled,
    /// It was created.
    Created,
    /// Its process runs.
    Started,
    /// Its health check passed for the first time.
    Healthy,
    /// Its health check failed too often.
    Unhealthy,
    /// It was asked to stop.
    StopSignal,
    /// It did not stop in time and was killed.
    Killed,
    /// Its process ended.
    Exited {
        /// Exit code.
        code: i32,
    },
    /// It vanished with its host.
    Lost,
}

/// A change that somebody could ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The run began.
    Start,
    /// A client ran a docker command on a host.
    Command {
        /// Which.
        command: CommandId,
        /// Where.
        host: HostId,
        /// The words after `docker`.
        line: Arc<str>,
    },
    /// The command ended.
    Answer {
        /// Which.
        command: CommandId,
        /// Exit code.
        exit: u8,
        /// What it printed.
        stdout: Arc<str>,
        /// What it complained about.
        stderr: Arc<str>,
        /// How long it took.
        took: SimDuration,
    },
    /// A fault struck.
    Fault {
        /// Which.
        fault: Arc<Fault>,
    },
    /// A fault, or a part of one, found nothing to change.
    WithoutEffect(NoEffect),
    /// A remark of the scenario's author.
    Note {
        /// The remark.
        text: Arc<str>,
    },
    /// A manager's Raft role, term or leader changed.
    RaftRole {
        /// Where.
        host: HostId,
        /// Role now.
        role: RaftRole,
        /// Term now.
        term: u64,
        /// The leader it knows.
        leader: Option<HostId>,
    },
    /// A manager's control loops started or stopped.
    Leadership {
        /// Where.
        host: HostId,
        /// True if they started.
        active: bool,
    },
    /// A manager's process started or ended, by itself or for a change of its role.
    Manager {
        /// Where.
        host: HostId,
        /// True if it started.
        running: bool,
    },
    /// A manager has lost something, although everything works as it should.
    Lost {
        /// Where.
        host: HostId,
        /// What.
        loss: Loss,
    },
    /// An agent's session changed.
    Session {
        /// The agent's host.
        host: HostId,
        /// What happened.
        event: SessionEvent,
    },
    /// A node object was created.
    NodeCreated {
        /// Which.
        node: NodeId,
        /// On which host.
        host: HostId,
    },
    /// A node's status changed.
    NodeStatus {
        /// Which.
        node: NodeId,
        /// Before.
        from: NodeState,
        /// Now.
        to: NodeState,
        /// The leader's message.
        message: Cow<'static, str>,
    },
    /// A node's availability changed.
    NodeAvailability {
        /// Which.
        node: NodeId,
        /// Before.
        from: Availability,
        /// Now.
        to: Availability,
    },
    /// A node's role changed.
    NodeRole {
        /// Which.
        node: NodeId,
        /// Before.
        from: NodeRole,
        /// Now.
        to: NodeRole,
    },
    /// Something else about a node changed: labels, wanted role, description, certificate.
    NodeUpdated {
        /// Which.
        node: NodeId,
    },
    /// A node object was removed.
    NodeRemoved {
        /// Which.
        node: NodeId,
    },
    /// A service was created.
    ServiceCreated {
        /// Which.
        service: ServiceId,
    },
    /// A service's spec changed.
    ServiceUpdated {
        /// Which.
        service: ServiceId,
    },
    /// The state of a service's update changed; `None` is no status.
    ServiceUpdateStatus {
        /// Which.
        service: ServiceId,
        /// Before.
        from: Option<UpdateState>,
        /// Now.
        to: Option<UpdateState>,
        /// The supervisor's message.
        message: Cow<'static, str>,
    },
    /// A service was removed.
    ServiceRemoved {
        /// Which.
        service: ServiceId,
    },
    /// A network was created or removed.
    Network {
        /// Which.
        network: NetworkId,
        /// True if it was created.
        created: bool,
    },
    /// A task was created.
    TaskCreated {
        /// Which.
        task: TaskId,
        /// For which service.
        service: Option<ServiceId>,
        /// As which replica.
        slot: Slot,
        /// On which node, if that is known already.
        node: Option<NodeId>,
        /// Its first desired state.
        desired: TaskState,
    },
    /// A task got a node.
    TaskAssigned {
        /// Which.
        task: TaskId,
        /// Where.
        node: NodeId,
    },
    /// A task's observed state or its error changed.
    TaskState {
        /// Which.
        task: TaskId,
        /// Before.
        from: TaskState,
        /// Now.
        to: TaskState,
        /// What happened.
        message: Cow<'static, str>,
        /// The error, if any.
        err: Cow<'static, str>,
    },
    /// A task's desired state changed.
    TaskDesired {
        /// Which.
        task: TaskId,
        /// Before.
        from: TaskState,
        /// Now.
        to: TaskState,
    },
    /// A task was removed from the store.
    TaskRemoved {
        /// Which.
        task: TaskId,
    },
    /// Something happened to a task's container.
    Container {
        /// Which.
        task: TaskId,
        /// Where.
        host: HostId,
        /// What.
        event: ContainerEvent,
    },
    /// Clients began to send requests.
    Traffic {
        /// Which.
        traffic: TrafficId,
    },
    /// Requests of one source failed for one reason within one second.
    RequestsFailed(RequestsFailed),
    /// The backends that a node's load balancer knows changed.
    Backends {
        /// Whose load balancer.
        host: HostId,
        /// On which network.
        network: NetworkId,
        /// Of which service.
        service: ServiceId,
        /// What happened.
        event: BackendEvent,
        /// To the backends of these tasks.
        tasks: Arc<[TaskId]>,
    },
}

/// Requests of one source that failed for one reason, at one task, through one node, within one second of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestsFailed {
    /// Whose.
    pub traffic: TrafficId,
    /// What went wrong.
    pub failure: Failure,
    /// The call in which it went wrong, if the program that they reached could not answer because of that. Node and
    /// task are then those of the call.
    pub via: Option<TrafficId>,
    /// How many.
    pub count: u64,
    /// When the first of them was sent.
    pub first_sent: SimTime,
    /// When the last of them was sent.
    pub last_sent: SimTime,
    /// The node that they were sent to or, inside the swarm, from.
    pub entry: Option<HostId>,
    /// The task that should have served them, if one was chosen.
    pub task: Option<TaskId>,
    /// Where the sending node took it to be.
    pub host: Option<HostId>,
    /// Its address; unspecified for a port that is published on its node alone.
    pub address: Option<Ipv4Addr>,
}

/// Why a fault changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoEffect {
    /// The host has no power as it is.
    HasNoPower(HostId),
    /// The host's engine does not run as it is.
    EngineDown(HostId),
    /// The host's engine runs as it is.
    EngineRuns(HostId),
    /// The host's engine is frozen as it is.
    Frozen(HostId),
    /// The host's engine is not frozen.
    NotFrozen(HostId),
    /// No container of this task runs.
    NoContainer {
        /// The task's name.
        task: String,
    },
    /// The host has no manager, whose disk is the only one that keeps anybody waiting.
    NoManager(HostId),
    /// Messages pass between the two places as before.
    SameLink {
        /// Messages from here.
        from: Place,
        /// Messages to there.
        to: Place,
        /// True if only this direction was meant.
        one_way: bool,
    },
}

impl NoEffect {
    /// The host that stays as it is.
    #[must_use]
    pub fn host(&self) -> Option<HostId> {
        match self {
            NoEffect::HasNoPower(host)
            | NoEffect::EngineDown(host)
            | NoEffect::EngineRuns(host)
            | NoEffect::Frozen(host)
            | NoEffect::NotFrozen(host)
            | NoEffect::NoManager(host) => Some(*host),
            NoEffect::NoContainer { .. } | NoEffect::SameLink { .. } => None,
        }
    }
}

impl Fact {
    /// What the fact is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Fact::Start | Fact::Fault { .. } | Fact::Note { .. } => Subject::Run,
            Fact::WithoutEffect(reason) => reason.host().map_or(Subject::Run, Subject::Host),
            Fact::Command { command, .. } | Fact::Answer { command, .. } => Subject::Command(*command),
            Fact::RaftRole { host, .. }
            | Fact::Leadership { host, .. }
            | Fact::Manager { host, .. }
            | Fact::Lost { host, .. }
            | Fact::Session { host, .. }
            | Fact::Backends { host, .. } => Subject::Host(*host),
            Fact::NodeCreated { node, .. }
            | Fact::NodeStatus { node, .. }
            | Fact::NodeAvailability { node, .. }
            | Fact::NodeRole { node, .. }
            | Fact::NodeUpdated { node }
            | Fact::NodeRemoved { node } => Subject::Node(*node),
            Fact::ServiceCreated { service }
            | Fact::ServiceUpdated { service }
            | Fact::ServiceUpdateStatus { service, .. }
            | Fact::ServiceRemoved { service } => Subject::Service(*service),
            Fact::Network { network, .. } => Subject::Network(*network),
            Fact::TaskCreated { task, .. }
            | Fact::TaskAssigned { task, .. }
            | Fact::TaskState { task, .. }
            | Fact::TaskDesired { task, .. }
            | Fact::TaskRemoved { task }
            | Fact::Container { task, .. } => Subject::Task(*task),
            Fact::Traffic { traffic } | Fact::RequestsFailed(RequestsFailed { traffic, .. }) => {
                Subject::Traffic(*traffic)
            }
        }
    }

    /// The word for this kind of fact in trace files.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Fact::Start => "start",
            Fact::Command { .. } => "command",
            Fact::Answer { .. } => "answer",
            Fact::Fault { fault } if matches!(**fault, Fault::Heal { .. }) => "heal",
            Fact::Fault { .. } => "fault",
            Fact::WithoutEffect(_) => "without-effect",
            Fact::Note { .. } => "note",
            Fact::RaftRole { .. } => "raft-role",
            Fact::Leadership { .. } => "leadership",
            Fact::Manager { .. } => "manager",
            Fact::Lost { .. } => "lost",
            Fact::Session { .. } => "session",
            Fact::NodeCreated { .. } => "node-created",
            Fact::NodeStatus { .. } => "node-status",
            Fact::NodeAvailability { .. } => "node-availability",
            Fact::NodeRole { .. } => "node-role",
            Fact::NodeUpdated { .. } => "node-updated",
            Fact::NodeRemoved { .. } => "node-removed",
            Fact::ServiceCreated { .. } => "service-created",
            Fact::ServiceUpdated { .. } => "service-updated",
            Fact::ServiceUpdateStatus { .. } => "service-update-status",
            Fact::ServiceRemoved { .. } => "service-removed",
            Fact::Network { .. } => "network",
            Fact::TaskCreated { .. } => "task-created",
            Fact::TaskAssigned { .. } => "task-assigned",
            Fact::TaskState { .. } => "task-state",
            Fact::TaskDesired { .. } => "task-desired",
            Fact::TaskRemoved { .. } => "task-removed",
            Fact::Container { .. } => "container",
            Fact::Traffic { .. } => "traffic",
            Fact::RequestsFailed(_) => "request-failed",
            Fact::Backends { .. } => "backends",
        }
    }
}
