//! Task objects and their states (spec orchestration 1.1, 2).
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::network::{Endpoint, NetworkAttachment};
use super::resources::GenericResource;
use super::spec::{Annotations, DEFAULT_RESTART_DELAY, Driver, PortConfig, TaskSpec};
use super::{Meta, NodeId, ServiceId, TaskId};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};

/// Number of a replica within its service: from 1 (jobs: from 0), always 0 for global services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// Names a slot: by number, or by node where each node has a task (spec orchestration 1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotTuple {
    pub(crate) service: ServiceId,
    pub(crate) slot: Slot,
    pub(crate) node: Option<NodeId>,
}

/// How far a task is, or how far it shall go. The order of the variants is the order of the states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum TaskState {
    /// Created; nothing was allocated.
    #[default]
    New = 0,
    /// Waits for the scheduler.
    Pending = 64,
    /// Has a node.
    Assigned = 192,
    /// The agent took it.
    Accepted = 256,
    /// Image and networks are made ready.
    Preparing = 320,
    /// May be started.
    Ready = 384,
    /// Is being started.
    Starting = 448,
    /// Runs, and is healthy if it has a health check.
    Running = 512,
    /// Ended with exit code 0.
    Complete = 576,
    /// Was stopped because a manager asked.
    Shutdown = 640,
    /// Ended with an error, at its start or later.
    Failed = 704,
    /// Could not be made ready, or its node no longer fits.
    Rejected = 768,
    /// Only ever a desired state: stop, then delete.
    Remove = 800,
    /// Its node was unreachable for too long or is gone.
    Orphaned = 832,
}

impl TaskState {
    /// All states in order.
    pub const ALL: [TaskState; 14] = [
        TaskState::New,
        TaskState::Pending,
        TaskState::Assigned,
        TaskState::Accepted,
        TaskState::Preparing,
        TaskState::Ready,
        TaskState::Starting,
        TaskState::Running,
        TaskState::Complete,
        TaskState::Shutdown,
        TaskState::Failed,
        TaskState::Rejected,
        TaskState::Remove,
        TaskState::Orphaned,
    ];

    /// SwarmKit's name: `RUNNING`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TaskState::New => "NEW",
            TaskState::Pending => "PENDING",
            TaskState::Assigned => "ASSIGNED",
            TaskState::Accepted => "ACCEPTED",
            TaskState::Preparing => "PREPARING",
            TaskState::Ready => "READY",
            TaskState::Starting => "STARTING",
            TaskState::Running => "RUNNING",
            TaskState::Complete => "COMPLETE",
            TaskState::Shutdown => "SHUTDOWN",
            TaskState::Failed => "FAILED",
            TaskState::Rejected => "REJECTED",
            TaskState::Remove => "REMOVE",
            TaskState::Orphaned => "ORPHANED",
        }
    }

    /// The state of this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(name))
    }

    /// True for an observed state from which a task never returns.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self > TaskState::Running
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is known to have happened to a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskStatus {
    /// The observed state.
    pub state: TaskState,
    /// When, by the clock of whoever set it.
    pub timestamp: Option<SimTime>,
    /// When a leader's dispatcher committed the agent's report.
    pub applied_at: Option<SimTime>,
    /// The leader that did.
    pub applied_by: Option<NodeId>,
    /// What happened.
    pub message: Cow<'static, str>,
    /// The error, if any.
    pub err: Cow<'static, str>,
    /// Exit code of the container, once it has ended.
    pub exit_code: Option<i32>,
    /// Ports of its node that lead straight to its container, while that runs.
    pub ports: Vec<PortConfig>,
}

/// A task of the swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Version and times.
    pub meta: Meta,
    /// Owning service; none for a task without a service.
    pub service: Option<ServiceId>,
    /// Replica number.
    pub slot: Slot,
    /// The node it is on, once it has one.
    pub node: Option<NodeId>,
    /// The service's task spec at creation. Never changes.
    pub spec: Arc<TaskSpec>,
    /// The service's spec version at creation.
    pub spec_version: Option<u64>,
    /// Name and labels of the service at creation.
    pub service_annotations: Arc<Annotations>,
    /// The service's endpoint at creation, with what the allocator handed out.
    pub endpoint: Option<Arc<Endpoint>>,
    /// Log driver in force.
    pub log_driver: Option<Driver>,
    /// Iteration of the job it belongs to.
    pub job_iteration: Option<u64>,
    /// What is known to have happened.
    pub status: TaskStatus,
    /// What the manager wants.
    pub desired_state: TaskState,
    /// Addresses on networks.
    pub networks: Vec<NetworkAttachment>,
    /// Generic resources that were handed to it.
    pub assigned_generic: Vec<GenericResource>,
}

impl Task {
    /// Time between the end of the task and the start of its replacement, by the task's own spec.
    #[must_use]
    pub fn restart_delay(&self) -> SimDuration {
        self.spec.restart.and_then(|restart| restart.delay).unwrap_or(DEFAULT_RESTART_DELAY)
    }

    /// A task in its first state: NEW, desired RUNNING, without service, node or network. Callers set the rest.
    #[must_use]
    pub fn new(id: TaskId, spec: Arc<TaskSpec>, now: SimTime) -> Self {
        Task {
            id,
            meta: Meta::default(),
            service: None,
            slot: Slot(0),
            node: None,
            spec,
            spec_version: None,
            service_annotations: Arc::default(),
            endpoint: None,
            log_driver: None,
            job_iteration: None,
            status: TaskStatus { timestamp: Some(now), message: "created".into(), ..TaskStatus::default() },
            desired_state: TaskState::Running,
            networks: Vec::new(),
            assigned_generic: Vec::new(),
        }
    }

    /// True if two versions of a task ask the same of its node: they differ in nothing but status and version.
    pub(crate) fn asks_the_same_as(&self, other: &Task) -> bool {
        let Task {
            id,
            meta: _,
            service,
            slot,
            node,
            spec,
            spec_version,
            service_annotations,
            endpoint,
            log_driver,
            job_iteration,
            status: _,
            desired_state,
            networks,
            assigned_generic,
        } = self;
        *desired_state == other.desired_state
            && *id == other.id
            && *service == other.service
            && *slot == other.slot
            && *node == other.node
            && *spec_version == other.spec_version
            && *job_iteration == other.job_iteration
            && *spec == other.spec
            && *service_annotations == other.service_annotations
            && *endpoint == other.endpoint
            && *log_driver == other.log_driver
            && *networks == other.networks
            && *assigned_generic == other.assigned_generic
    }

    /// The time that orders a slot's tasks and measures restart windows: when the dispatcher applied the
    /// status, else when it was set (spec orchestration 2.4).
    #[must_use]
    pub fn timestamp(&self) -> Option<SimTime> {
        self.status.applied_at.or(self.status.timestamp)
    }

    /// True if the scheduler counts it for spreading: desired state up to COMPLETE (spec scheduler).
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.desired_state <= TaskState::Complete
    }
}

impl StateDigest for Slot {
    fn digest(&self, digest: &mut Digest) {
        digest.u32(self.0);
    }
}

impl StateDigest for SlotTuple {
    fn digest(&self, digest: &mut Digest) {
        let Self { service, slot, node } = self;
        service.digest(digest);
        slot.digest(digest);
        node.digest(digest);
    }
}

impl StateDigest for Task {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            id,
            meta,
            service,
            slot,
            node,
            // Never changes after creation, and is hashed as part of its service.
            spec: _,
            spec_version,
            service_annotations: _,
            endpoint,
            log_driver: _,
            job_iteration,
            status,
            desired_state,
            networks,
            assigned_generic,
        } = self;
        id.digest(digest);
        meta.digest(digest);
        service.digest(digest);
        slot.digest(digest);
        node.digest(digest);
        spec_version.digest(digest);
        job_iteration.digest(digest);
        digest.u32(*desired_state as u32);
        let TaskStatus { state, timestamp, applied_at, applied_by, message, err, exit_code, ports } = status;
        digest.u32(*state as u32);
        timestamp.digest(digest);
        applied_at.digest(digest);
        applied_by.digest(digest);
        digest.text(message);
        digest.text(err);
        digest.i64(exit_code.map_or(-1, i64::from));
        ports.digest(digest);
        endpoint.digest(digest);
        networks.digest(digest);
        assigned_generic.digest(digest);
    }
}
