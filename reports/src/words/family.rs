//! The families of facts: what they have in common in a sentence, and how much they mean to a reader of the story.

/// What happened to something. The phrase of a family needs a subject before it and may take a detail after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Start,
    Command,
    Answer,
    Fault,
    Repair,
    WithoutEffect,
    Note,
    Elected,
    AsksForVotes,
    StepsDown,
    LoopsStart,
    LoopsStop,
    ManagerStarts,
    ManagerEnds,
    LogLost,
    ReportsLost,
    SessionOpen,
    SessionLost,
    SessionOvertaken,
    NodeCreated,
    NodeState,
    NodeAvailability,
    NodePromoted,
    NodeDemoted,
    NodeUpdated,
    NodeRemoved,
    ServiceCreated,
    ServiceUpdated,
    UpdateState,
    UpdateCleared,
    ServiceRemoved,
    NetworkCreated,
    NetworkRemoved,
    TaskCreated,
    TaskReplaced,
    TaskAssigned,
    TaskUnallocated,
    TaskWaits,
    TaskProgress,
    TaskRuns,
    TaskComplete,
    TaskStopped,
    TaskNeverRan,
    TaskFailed,
    TaskRejected,
    TaskOrphaned,
    TaskToldToStop,
    TaskToldToStart,
    TaskFiled,
    TaskRemoved,
    TaskWithdrawn,
    Pulling,
    Unhealthy,
    Killed,
    ContainerLost,
    ContainerStep,
    TrafficBegins,
    RequestsFailed,
    BackendsAdded,
    BackendsDisabled,
    BackendsRemoved,
}

/// How much a reader of the story wants to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It changes the course of things: a line at the margin.
    Headline,
    /// It follows from a headline: an indented line.
    Line,
    /// Only who asks for every step wants to know.
    Step,
}

impl Family {
    /// The words after one subject, or after many.
    pub(crate) fn phrase(self, many: bool) -> &'static str {
        let (one, several) = match self {
            Family::Start => ("begins", "begin"),
            Family::Command => ("is typed", "are typed"),
            Family::Answer => ("is answered", "are answered"),
            Family::Fault | Family::Repair => ("happens", "happen"),
            Family::WithoutEffect => ("has no effect", "have no effect"),
            Family::Note => ("is a remark", "are remarks"),
            Family::Elected => ("is elected leader", "are elected leaders"),
            Family::AsksForVotes => ("asks for votes", "ask for votes"),
            Family::StepsDown => ("follows", "follow"),
            Family::LoopsStart => ("takes over as leader", "take over as leaders"),
            Family::LoopsStop => ("leads no longer", "lead no longer"),
            Family::ManagerStarts => ("starts its manager", "start their managers"),
            Family::ManagerEnds => ("ends its manager", "end their managers"),
            Family::LogLost => (
                "comes back as the Raft member that it was, without its log: the swarm may forget what it has decided",
                "come back as the Raft members that they were, without their logs: the swarm may forget what it has decided",
            ),
            Family::ReportsLost => (
                "drops what agents have told it, because it tries to hand over its leadership: what it knows stays old of",
                "drop what agents have told them, because they try to hand over their leadership: what they know stays old of",
            ),
            Family::SessionOpen => ("has a session", "have sessions"),
            Family::SessionLost => ("has no session", "have no sessions"),
            Family::SessionOvertaken => (
                "will be Down until its next session: its heartbeats ran out while it registered again",
                "will be Down until their next sessions: their heartbeats ran out while they registered again",
            ),
            Family::NodeCreated => ("joins the swarm", "join the swarm"),
            Family::NodeState | Family::NodeAvailability => ("is", "are"),
            Family::NodePromoted => ("is a manager now", "are managers now"),
            Family::NodeDemoted => ("is a worker now", "are workers now"),
            Family::NodeUpdated => ("is changed", "are changed"),
            Family::NodeRemoved => ("is removed from the swarm", "are removed from the swarm"),
            Family::ServiceCreated => ("is created", "are created"),
            Family::ServiceUpdated => ("has a new spec", "have new specs"),
            Family::UpdateState => ("", ""),
            Family::UpdateCleared => ("loses its update status", "lose their update statuses"),
            Family::ServiceRemoved => ("is removed", "are removed"),
            Family::NetworkCreated => ("is created", "are created"),
            Family::NetworkRemoved => ("is removed", "are removed"),
            Family::TaskCreated => ("is created", "are created"),
            Family::TaskReplaced => ("is replaced", "are replaced"),
            Family::TaskAssigned => ("goes to", "go to"),
            Family::TaskUnallocated => (
                "is still New: the allocator has not given it its networks, addresses or ports",
                "are still New: the allocator has not given them their networks, addresses or ports",
            ),
            Family::TaskWaits => ("waits", "wait"),
            Family::TaskProgress => ("is", "are"),
            Family::TaskRuns => ("runs", "run"),
            Family::TaskComplete => ("is complete", "are complete"),
            Family::TaskStopped => ("has stopped", "have stopped"),
            Family::TaskNeverRan => ("ends before it ran", "end before they ran"),
            Family::TaskFailed => ("has failed", "have failed"),
            Family::TaskRejected => ("is rejected", "are rejected"),
            Family::TaskOrphaned => ("is given up as orphaned", "are given up as orphaned"),
            Family::TaskToldToStop => ("shall stop", "shall stop"),
            Family::TaskToldToStart => ("shall start", "shall start"),
            Family::TaskFiled => ("has ended and is desired", "have ended and are desired"),
            Family::TaskRemoved => ("is deleted", "are deleted"),
            Family::TaskWithdrawn => ("is deleted before it ran", "are deleted before they ran"),
            Family::Pulling => ("pulls its image", "pull their images"),
            Family::Unhealthy => ("is unhealthy", "are unhealthy"),
            Family::Killed => ("did not stop in time and is killed", "did not stop in time and are killed"),
            Family::ContainerLost => ("has lost its container", "have lost their containers"),
            Family::ContainerStep => ("has its container", "have their containers"),
            Family::TrafficBegins => ("begins", "begin"),
            Family::RequestsFailed => ("is lost", "are lost"),
            Family::BackendsAdded => ("sends connections to", "send connections to"),
            Family::BackendsDisabled => ("sends no new connections to", "send no new connections to"),
            Family::BackendsRemoved => ("forgets", "forget"),
        };
        if many { several } else { one }
    }

    pub(crate) fn weight(self) -> Weight {
        match self {
            Family::Command
            | Family::Fault
            | Family::Repair
            | Family::Note
            | Family::LoopsStart
            | Family::LoopsStop
            | Family::ManagerStarts
            | Family::ManagerEnds
            | Family::NodeCreated
            | Family::LogLost
            | Family::ReportsLost
            | Family::SessionOvertaken
            | Family::NodeState
            | Family::NodeAvailability
            | Family::NodePromoted
            | Family::NodeDemoted
            | Family::NodeRemoved
            | Family::UpdateState
            | Family::TrafficBegins => Weight::Headline,
            Family::AsksForVotes
            | Family::Elected
            | Family::SessionLost
            | Family::ServiceRemoved
            | Family::TaskCreated
            | Family::TaskReplaced
            | Family::TaskAssigned
            | Family::TaskUnallocated
            | Family::TaskWaits
            | Family::TaskWithdrawn
            | Family::TaskRuns
            | Family::TaskComplete
            | Family::TaskStopped
            | Family::TaskNeverRan
            | Family::TaskFailed
            | Family::TaskRejected
            | Family::TaskOrphaned
            | Family::TaskToldToStop
            | Family::Pulling
            | Family::Unhealthy
            | Family::Killed
            | Family::ContainerLost
            | Family::RequestsFailed
            | Family::WithoutEffect => Weight::Line,
            Family::Start
            | Family::Answer
            | Family::StepsDown
            | Family::SessionOpen
            | Family::NodeUpdated
            | Family::ServiceCreated
            | Family::ServiceUpdated
            | Family::UpdateCleared
            | Family::NetworkCreated
            | Family::NetworkRemoved
            | Family::TaskProgress
            | Family::TaskToldToStart
            | Family::TaskFiled
            | Family::TaskRemoved
            | Family::ContainerStep
            | Family::BackendsAdded
            | Family::BackendsDisabled
            | Family::BackendsRemoved => Weight::Step,
        }
    }

    /// True for what the scenario does to hosts, links and containers.
    pub(crate) fn is_fault(self) -> bool {
        matches!(self, Family::Fault | Family::Repair)
    }

    /// True if the story names it as the reason of what follows.
    pub(crate) fn is_reason(self) -> bool {
        let ends_a_task = matches!(
            self,
            Family::TaskComplete | Family::TaskFailed | Family::TaskRejected | Family::Unhealthy
        );
        ends_a_task
            || self.weight() == Weight::Headline && !matches!(self, Family::Note | Family::TrafficBegins)
    }

    /// The end of a task as a noun: what comes in its place does so after it, not because of it.
    pub(crate) fn end_of_task(self) -> Option<&'static str> {
        const ENDS: &[(Family, &str)] = &[
            (Family::TaskComplete, "completion"),
            (Family::TaskFailed, "failure"),
            (Family::TaskRejected, "rejection"),
        ];
        ENDS.iter().find(|(known, _)| *known == self).map(|(_, noun)| *noun)
    }

    /// True if the phrase goes on with the detail; else that stands after a colon.
    pub(super) fn takes_detail_directly(self) -> bool {
        matches!(
            self,
            Family::NodeState
                | Family::NodeAvailability
                | Family::TaskAssigned
                | Family::TaskProgress
                | Family::TaskFiled
                | Family::UpdateState
                | Family::StepsDown
                | Family::Elected
                | Family::AsksForVotes
                | Family::ContainerStep
                | Family::BackendsAdded
                | Family::BackendsDisabled
                | Family::BackendsRemoved
        )
    }
}
