//! Timers: what a component waits for. What is still due is known to the owner.
use super::CallId;
use crate::model::{NodeId, ServiceId, TaskId};
use crate::raft::RaftId;

/// The control loops of a leading manager, in the order in which they subscribe to the store
/// (spec orchestration 20.2, control-plane 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoopKind {
    /// Control API calls: they write, and watch nothing.
    Api,
    /// NEW to PENDING.
    Allocator,
    /// PENDING to ASSIGNED.
    Scheduler,
    /// Rejects tasks whose node no longer fits.
    ConstraintEnforcer,
    /// Deletes old tasks.
    Reaper,
    /// Replicated services.
    Replicated,
    /// Replicated and global jobs.
    Jobs,
    /// Global services.
    Global,
    /// Issues certificates.
    CertificateAuthority,
    /// Makes roles what they shall be.
    RoleManager,
    /// Sessions, heartbeats and assignments of agents.
    Dispatcher,
}

/// Timers of control loops. Each names what it is for; what is still due is known to its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopTimer {
    /// The scheduler's commit debounce ran out.
    SchedulerDebounce,
    /// The task reaper's batching interval ran out.
    ReaperTick,
    /// The restart delay of a replacement ran out.
    RestartDelay { owner: LoopKind, task: TaskId },
    /// A replacement has waited long enough for the task before it to stop.
    OldTaskTimeout { owner: LoopKind, task: TaskId },
    /// An update worker's pause after a slot is over.
    UpdateDelay { owner: LoopKind, service: ServiceId, worker: u32 },
    /// The monitoring period after the last slot is over.
    UpdateMonitor { owner: LoopKind, service: ServiceId },
    /// The dispatcher writes what agents reported.
    DispatcherBatch,
    /// A node's heartbeat did not come.
    HeartbeatExpiry { node: NodeId },
    /// A node was down for 24 hours.
    NodeDownPeriod { node: NodeId },
    /// No assignment of a node changed for a while: they are sent.
    AssignmentBatch { node: NodeId },
    /// The role manager looks again at what it could not do.
    RoleReconcile,
}

impl LoopKind {
    /// The loops that a leading manager runs, besides the dispatcher.
    pub(crate) const IN_A_CLUSTER: [LoopKind; 10] = [
        LoopKind::Api,
        LoopKind::Allocator,
        LoopKind::Scheduler,
        LoopKind::ConstraintEnforcer,
        LoopKind::Reaper,
        LoopKind::Replicated,
        LoopKind::Jobs,
        LoopKind::Global,
        LoopKind::CertificateAuthority,
        LoopKind::RoleManager,
    ];
}

impl LoopTimer {
    /// The loop that set the timer.
    pub(crate) fn owner(self) -> LoopKind {
        match self {
            LoopTimer::SchedulerDebounce => LoopKind::Scheduler,
            LoopTimer::ReaperTick => LoopKind::Reaper,
            LoopTimer::RestartDelay { owner, .. }
            | LoopTimer::OldTaskTimeout { owner, .. }
            | LoopTimer::UpdateDelay { owner, .. }
            | LoopTimer::UpdateMonitor { owner, .. } => owner,
            LoopTimer::DispatcherBatch
            | LoopTimer::HeartbeatExpiry { .. }
            | LoopTimer::NodeDownPeriod { .. }
            | LoopTimer::AssignmentBatch { .. } => LoopKind::Dispatcher,
            LoopTimer::RoleReconcile => LoopKind::RoleManager,
        }
    }
}

/// Timers of a manager, besides those of its control loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManagerTimer {
    /// One tick of Raft.
    RaftTick,
    /// What the last step of Raft produced is on the disk.
    Persisted,
    /// All timers of this instant have acted: the control loops hear of it.
    LoopsTurn,
    /// A call of this manager is not waited for any longer.
    CallTimeout(CallId),
    /// A request that waits for a leader looks again; the number is the manager's own.
    LeaderPoll(u64),
    /// The next attempt to connect with a member is due.
    Redial(RaftId),
    /// A change of the members has taken too long; the number is the manager's own.
    MembershipTimeout(u32),
}

/// Timers of a host's membership in a swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeTimer {
    /// A call is not waited for any longer.
    CallTimeout(CallId),
    /// The certificate is renewed now.
    Renew,
    /// The certificate's role should have changed by now.
    RoleTimeout,
    /// The log of a new manager is on its disk.
    ManagerWritten,
    /// It is looked whether the manager serves requests.
    ManagerReady,
    /// The node's components run again after they failed.
    Restart,
    /// The pause before the next attempt to enter a swarm is over.
    JoinRetry,
    /// The client that asked to enter a swarm is not kept waiting any longer.
    JoinTimeout,
    /// A host that leaves does not wait for its containers any longer.
    LeaveTimeout,
}

/// Timers of an agent and its executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentTimer {
    /// The back-off before the next session is over.
    OpenSession,
    /// The next heartbeat is due.
    Heartbeat,
    /// A call of this agent is not waited for any longer.
    CallTimeout(CallId),
    /// The pause before a container's stop signal is over.
    Operation(TaskId),
    /// The engine has created or started a container.
    Engine(TaskId),
    /// A temporary error of a task is over: it is tried again.
    Retry(TaskId),
    /// A container's process ends, by itself or because it was told to.
    Exit(TaskId),
    /// A container's health changes, or the pause before the stop of an unhealthy one is over.
    HealthCheck(TaskId),
    /// An image's pull is complete; the number is the executor's own for the image.
    Pulled(u32),
}

/// Timers of a docker client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientTimer {
    /// The engine does not wait for an API call any longer.
    CallTimeout(CallId),
}

/// What a component waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// For a control loop of the leading manager, in its leadership of this number.
    Loop(LoopTimer, u32),
    /// For a manager.
    Manager(ManagerTimer),
    /// For an agent.
    Agent(AgentTimer),
    /// For a client.
    Client(ClientTimer),
    /// For the membership of a host.
    Node(NodeTimer),
    /// For the world around a bench.
    Alarm(u64),
}
