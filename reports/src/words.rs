//! Facts in words. Every fact can be told as a sentence; the story says of many things what happened to all of them.
mod enumerate;

pub(crate) use enumerate::{Enumeration, conjoin, enumerate};

use sim_core::kernel::SimTime;
use sim_core::metrics::Census;
use sim_core::model::{
    Availability, BackendEvent, ContainerEvent, Fact, FactRecord, Failure, HostId, NodeRole, NodeState,
    RaftRole, RequestsFailed, SessionEvent, Subject, TaskState, UpdateState,
};

use crate::time;

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
    ServiceRemoved,
    NetworkCreated,
    NetworkRemoved,
    TaskCreated,
    TaskReplaced,
    TaskAssigned,
    TaskWaits,
    TaskProgress,
    TaskRuns,
    TaskComplete,
    TaskStopped,
    TaskFailed,
    TaskRejected,
    TaskOrphaned,
    TaskToldToStop,
    TaskToldToStart,
    TaskRemoved,
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

/// A fact in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    pub(crate) family: Family,
    pub(crate) subject: Subject,
    pub(crate) detail: String,
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
            Family::ServiceRemoved => ("is removed", "are removed"),
            Family::NetworkCreated => ("is created", "are created"),
            Family::NetworkRemoved => ("is removed", "are removed"),
            Family::TaskCreated => ("is created", "are created"),
            Family::TaskReplaced => ("is replaced", "are replaced"),
            Family::TaskAssigned => ("goes to", "go to"),
            Family::TaskWaits => ("waits", "wait"),
            Family::TaskProgress => ("is", "are"),
            Family::TaskRuns => ("runs", "run"),
            Family::TaskComplete => ("is complete", "are complete"),
            Family::TaskStopped => ("has stopped", "have stopped"),
            Family::TaskFailed => ("has failed", "have failed"),
            Family::TaskRejected => ("is rejected", "are rejected"),
            Family::TaskOrphaned => ("is given up as orphaned", "are given up as orphaned"),
            Family::TaskToldToStop => ("shall stop", "shall stop"),
            Family::TaskToldToStart => ("shall start", "shall start"),
            Family::TaskRemoved => ("is deleted", "are deleted"),
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
            | Family::TaskWaits
            | Family::TaskRuns
            | Family::TaskComplete
            | Family::TaskStopped
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
            | Family::NetworkCreated
            | Family::NetworkRemoved
            | Family::TaskProgress
            | Family::TaskToldToStart
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
}

/// A fact in words.
pub(crate) fn tell(fact: &Fact, census: &Census) -> Telling {
    let host = |host| census.names().host(host).to_owned();
    let (family, detail) = match fact {
        Fact::Start => (Family::Start, String::new()),
        Fact::Command { line, host: on, .. } => {
            (Family::Command, format!("command `docker {line}` on {}", host(*on)))
        }
        Fact::Answer { exit, took, .. } => {
            (Family::Answer, format!("exit {exit} after {}", time::nanos(took.as_nanos())))
        }
        Fact::Fault { fault } if fault.is_repair() => (Family::Repair, census.names().fault(fault)),
        Fact::Fault { fault } => (Family::Fault, census.names().fault(fault)),
        Fact::WithoutEffect(reason) => (Family::WithoutEffect, census.names().no_effect(reason)),
        Fact::Note { text } => (Family::Note, text.to_string()),
        Fact::RaftRole { role: RaftRole::Leader, term, .. } => (Family::Elected, format!("of term {term}")),
        Fact::RaftRole { role: RaftRole::Candidate, term, .. } => {
            (Family::AsksForVotes, format!("in term {term}"))
        }
        Fact::RaftRole { role: RaftRole::Follower, term, leader, .. } => {
            (Family::StepsDown, leader.map_or_else(|| format!("nobody in term {term}"), host))
        }
        Fact::Leadership { active: true, .. } => (Family::LoopsStart, String::new()),
        Fact::Leadership { active: false, .. } => (Family::LoopsStop, String::new()),
        Fact::Manager { running: true, .. } => (Family::ManagerStarts, String::new()),
        Fact::Manager { running: false, .. } => (Family::ManagerEnds, String::new()),
        Fact::Session { event: SessionEvent::Registered, .. } => (Family::SessionOpen, String::new()),
        Fact::Session { event: SessionEvent::Overtaken, .. } => (Family::SessionOvertaken, String::new()),
        Fact::Session { event: SessionEvent::Failed { error, .. }, .. } => {
            (Family::SessionLost, error.to_string())
        }
        Fact::NodeCreated { .. } => (Family::NodeCreated, String::new()),
        Fact::NodeStatus { to, message, .. } => (Family::NodeState, join(node_state(*to), message)),
        Fact::NodeAvailability { to, .. } => (Family::NodeAvailability, availability(*to).to_owned()),
        Fact::NodeRole { to: NodeRole::Manager, .. } => (Family::NodePromoted, String::new()),
        Fact::NodeRole { to: NodeRole::Worker, .. } => (Family::NodeDemoted, String::new()),
        Fact::NodeUpdated { .. } => (Family::NodeUpdated, String::new()),
        Fact::NodeRemoved { .. } => (Family::NodeRemoved, String::new()),
        Fact::ServiceCreated { .. } => (Family::ServiceCreated, String::new()),
        Fact::ServiceUpdated { .. } => (Family::ServiceUpdated, String::new()),
        Fact::ServiceUpdateStatus { to, message, .. } => {
            (Family::UpdateState, join(update_state(*to), message))
        }
        Fact::ServiceRemoved { .. } => (Family::ServiceRemoved, String::new()),
        Fact::Network { created: true, .. } => (Family::NetworkCreated, String::new()),
        Fact::Network { created: false, .. } => (Family::NetworkRemoved, String::new()),
        Fact::TaskCreated { .. } => (Family::TaskCreated, String::new()),
        Fact::TaskAssigned { node, .. } => (Family::TaskAssigned, census.node_name(*node)),
        Fact::TaskState { to, message, err, .. } => (task_family(*to, err), task_detail(*to, message, err)),
        Fact::TaskDesired { to, .. } if *to > TaskState::Complete => (Family::TaskToldToStop, String::new()),
        Fact::TaskDesired { .. } => (Family::TaskToldToStart, String::new()),
        Fact::TaskRemoved { .. } => (Family::TaskRemoved, String::new()),
        Fact::Container { event, host: on, .. } => container(*event, &host(*on)),
        Fact::Traffic { .. } => (Family::TrafficBegins, String::new()),
        Fact::RequestsFailed(failed) => (Family::RequestsFailed, requests_failed(failed, census)),
        Fact::Backends { event, tasks, .. } => {
            let tasks: Vec<String> = tasks.iter().map(|task| census.task_name(*task)).collect();
            (backends(*event), tasks.join(", "))
        }
    };
    Telling { family, subject: fact.subject(), detail }
}

fn backends(event: BackendEvent) -> Family {
    match event {
        BackendEvent::Added => Family::BackendsAdded,
        BackendEvent::Disabled => Family::BackendsDisabled,
        BackendEvent::Removed => Family::BackendsRemoved,
    }
}

/// A fact as a sentence of its own, without its time.
pub(crate) fn sentence(record: &FactRecord, census: &Census) -> String {
    let Telling { family, subject, detail } = tell(&record.fact, census);
    if family == Family::Start {
        return "the run begins".to_owned();
    }
    if let Fact::RequestsFailed(failed) = &record.fact {
        return lost_requests(failed.count, &subject_name(subject, census), &detail);
    }
    if family == Family::TrafficBegins {
        return format!("requests of {} begin", subject_name(subject, census));
    }
    if matches!(family, Family::Command | Family::Fault | Family::Repair | Family::Note) {
        return detail;
    }
    if family == Family::WithoutEffect {
        return format!("without effect: {detail}");
    }
    let words = [subject_name(subject, census), family.phrase(false).to_owned()];
    let words = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    with_detail(family, &words, &detail)
}

/// The words with what is to be said more exactly.
pub(crate) fn with_detail(family: Family, words: &str, detail: &str) -> String {
    let takes_it_directly = matches!(
        family,
        Family::NodeState
            | Family::NodeAvailability
            | Family::TaskAssigned
            | Family::TaskProgress
            | Family::UpdateState
            | Family::StepsDown
            | Family::Elected
            | Family::AsksForVotes
            | Family::ContainerStep
            | Family::BackendsAdded
            | Family::BackendsDisabled
            | Family::BackendsRemoved
    );
    match (detail.is_empty(), takes_it_directly) {
        (true, _) => words.to_owned(),
        (false, true) => format!("{words} {detail}"),
        (false, false) => format!("{words}: {detail}"),
    }
}

/// What something is called in a sentence.
pub(crate) fn subject_name(subject: Subject, census: &Census) -> String {
    match subject {
        Subject::Run => "the run".to_owned(),
        Subject::Host(host) => census.names().host(host).to_owned(),
        Subject::Node(node) => census.node_name(node),
        Subject::Service(service) => census.service_name(service),
        Subject::Task(task) => census.task_name(task),
        Subject::Network(_) => census.subject(subject).replacen('/', " ", 1),
        Subject::Command(command) => format!("command {}", command.0),
        Subject::Traffic(traffic) => census.names().traffic(traffic).to_owned(),
    }
}

/// Why something happened, after a comma: `because of `service scale web=9` at 30 s`.
pub(crate) fn reason_of_command(line: &str, at: SimTime) -> String {
    format!("because of `{}` at {}", short_command(line), time::short(at))
}

/// A command without its flags, but with the service that it is about, if it has a name there.
fn short_command(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, rest) = words.split_at(words.len().min(2));
    let service = match name {
        ["service", "create"] => {
            let mut flags = rest.iter().zip(rest.iter().skip(1));
            let apart = flags.find(|(flag, _)| **flag == "--name").map(|(_, name)| *name);
            apart.or_else(|| rest.iter().find_map(|word| word.strip_prefix("--name="))).into_iter().collect()
        }
        ["service", "scale"] => rest.iter().filter(|word| !word.starts_with('-')).copied().collect(),
        ["service", _] => rest.last().into_iter().copied().collect(),
        _ => Vec::new(),
    };
    name.iter().copied().chain(service).collect::<Vec<_>>().join(" ")
}

/// The same for a fault: `because of the crash of w1 at 30 s`.
pub(crate) fn reason_of_fault(fault: &str, at: SimTime) -> String {
    format!("because of the {fault} at {}", time::short(at))
}

fn join(first: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}: {second}") }
}

/// Docker's word for a node's status.
pub(crate) fn node_state(state: NodeState) -> &'static str {
    match state {
        NodeState::Unknown => "Unknown",
        NodeState::Down => "Down",
        NodeState::Ready => "Ready",
        NodeState::Disconnected => "Disconnected",
    }
}

/// A node's availability as an adjective.
pub(crate) fn availability(availability: Availability) -> &'static str {
    match availability {
        Availability::Active => "active",
        Availability::Pause => "paused",
        Availability::Drain => "drained",
    }
}

fn update_state(state: Option<UpdateState>) -> &'static str {
    match state {
        None => "has no update any more",
        Some(UpdateState::Updating) => "is updated",
        Some(UpdateState::Paused) => "has a paused update",
        Some(UpdateState::Completed) => "has completed its update",
        Some(UpdateState::RollbackStarted) => "is rolled back",
        Some(UpdateState::RollbackPaused) => "has a paused rollback",
        Some(UpdateState::RollbackCompleted) => "has completed its rollback",
    }
}

fn task_family(state: TaskState, err: &str) -> Family {
    match state {
        TaskState::New | TaskState::Pending if !err.is_empty() => Family::TaskWaits,
        TaskState::New
        | TaskState::Pending
        | TaskState::Assigned
        | TaskState::Accepted
        | TaskState::Preparing
        | TaskState::Ready
        | TaskState::Starting
        | TaskState::Remove => Family::TaskProgress,
        TaskState::Running => Family::TaskRuns,
        TaskState::Complete => Family::TaskComplete,
        TaskState::Shutdown => Family::TaskStopped,
        TaskState::Failed => Family::TaskFailed,
        TaskState::Rejected => Family::TaskRejected,
        TaskState::Orphaned => Family::TaskOrphaned,
    }
}

fn task_detail(state: TaskState, message: &str, err: &str) -> String {
    if task_family(state, err) == Family::TaskProgress { join(state.name(), message) } else { err.to_owned() }
}

fn container(event: ContainerEvent, host: &str) -> (Family, String) {
    let step = |what: &str| (Family::ContainerStep, format!("{what} on {host}"));
    match event {
        ContainerEvent::Pulling => (Family::Pulling, String::new()),
        ContainerEvent::Unhealthy => (Family::Unhealthy, String::new()),
        ContainerEvent::Killed => (Family::Killed, String::new()),
        ContainerEvent::Lost => (Family::ContainerLost, String::new()),
        ContainerEvent::Pulled => step("image"),
        ContainerEvent::Created => step("created"),
        ContainerEvent::Started => step("started"),
        ContainerEvent::Healthy => step("found healthy"),
        ContainerEvent::StopSignal => step("asked to stop"),
        ContainerEvent::Exited { code } => step(&format!("exited with code {code}")),
    }
}

/// `12 requests of users are lost: refused, web.1 does not listen yet`.
pub(crate) fn lost_requests(count: u64, sources: &str, why: &str) -> String {
    let (requests, are) = if count == 1 { ("request", "is") } else { ("requests", "are") };
    format!("{count} {requests} of {sources} {are} lost: {why}")
}

/// What went wrong with requests, and with whom.
fn requests_failed(failed: &RequestsFailed, census: &Census) -> String {
    let host = |host: Option<HostId>| host.map_or("a node", |host| census.names().host(host));
    let entry = host(failed.entry);
    let task = failed.task.map_or_else(|| "its backend".to_owned(), |task| census.task_name(task));
    let address = failed.address.filter(|address| !address.is_unspecified());
    let at = address.map_or_else(String::new, |address| format!(" at {address}"));
    let what = match failed.failure {
        Failure::PortClosed => format!("{entry} knows no backend"),
        Failure::EntryStopped => format!("the engine of {entry} does not run"),
        Failure::NoBackend => format!("no backend that {entry} knows takes new connections"),
        Failure::NotListening => format!("{task} does not listen yet"),
        Failure::WrongPort => format!("{task} listens on other ports"),
        Failure::Gone => format!("{task}{at} is gone, and {entry} does not know it"),
        Failure::Unreachable => format!("{task}{at} on {} cannot be reached from {entry}", host(failed.host)),
        Failure::Ended => format!("{task} ended in the middle"),
        Failure::Expired => format!("{entry} has forgotten the connection to {task}"),
        Failure::ClientGone => format!("{task} ended, which had sent them"),
        Failure::TooSlow => format!("{task} took too long"),
        Failure::QueueFull => format!("{task} has no room for more"),
        Failure::EntrySilent => format!("{entry} does not answer"),
        Failure::NoEntry => "no node is taken for healthy".to_owned(),
        Failure::NoName => format!("the name is not known on {entry}"),
    };
    let cause = failed.failure.cause().name().replace('_', " ");
    match failed.via {
        Some(call) => format!("{cause} in the call {}, {what}", census.names().traffic(call)),
        None => format!("{cause}, {what}"),
    }
}
