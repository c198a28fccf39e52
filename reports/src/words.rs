//! Facts in words. Every fact can be told as a sentence; the story says of many things what happened to all of them.
//!
//! A fact is told as a family, which gives the words, a subject and a detail, so that many facts of one family can
//! become one line. Nothing here decides what is worth a line: the story does.
mod because;
mod enumerate;
mod family;
mod lost;

pub(crate) use because::{reason_of_command, reason_of_fault};
pub(crate) use enumerate::{Enumeration, conjoin, enumerate};
pub(crate) use family::{Family, Weight};
pub(crate) use lost::lost_requests;

use sim_core::client::pretty;
use sim_core::metrics::Census;
use sim_core::model::{
    Availability, BackendEvent, ContainerEvent, Fact, FactRecord, Loss, NodeRole, RaftRole, SessionEvent,
    Subject, TaskId, TaskState, UpdateState,
};

use self::lost::requests_failed;

use crate::time;

/// A fact in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    pub(crate) family: Family,
    pub(crate) subject: Subject,
    pub(crate) detail: String,
}

/// A fact in words.
pub(crate) fn tell(record: &FactRecord, census: &Census) -> Telling {
    let fact = &record.fact;
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
        Fact::Lost { loss: Loss::Log, .. } => (Family::LogLost, String::new()),
        Fact::Lost { loss: Loss::Reports { nodes, tasks }, .. } => {
            let nodes = nodes.iter().map(|node| census.node_name(*node));
            let tasks = tasks.iter().map(|task| census.task_name(*task));
            (Family::ReportsLost, enumerate(nodes.chain(tasks)).text)
        }
        Fact::Session { event: SessionEvent::Registered, .. } => (Family::SessionOpen, String::new()),
        Fact::Session { event: SessionEvent::Overtaken, .. } => (Family::SessionOvertaken, String::new()),
        Fact::Session { event: SessionEvent::Failed { error, .. }, .. } => {
            (Family::SessionLost, error.to_string())
        }
        Fact::NodeCreated { .. } => (Family::NodeCreated, String::new()),
        Fact::NodeStatus { to, message, .. } => (Family::NodeState, join(&pretty(to.name()), message)),
        Fact::NodeAvailability { to, .. } => (Family::NodeAvailability, availability(*to).to_owned()),
        Fact::NodeRole { to: NodeRole::Manager, .. } => (Family::NodePromoted, String::new()),
        Fact::NodeRole { to: NodeRole::Worker, .. } => (Family::NodeDemoted, String::new()),
        Fact::NodeUpdated { .. } => (Family::NodeUpdated, String::new()),
        Fact::NodeRemoved { .. } => (Family::NodeRemoved, String::new()),
        Fact::ServiceCreated { .. } => (Family::ServiceCreated, String::new()),
        Fact::ServiceUpdated { .. } => (Family::ServiceUpdated, String::new()),
        Fact::ServiceUpdateStatus { to: Some(to), message, .. } => {
            (Family::UpdateState, join(update_state(*to), message))
        }
        Fact::ServiceUpdateStatus { to: None, .. } => (Family::UpdateCleared, String::new()),
        Fact::ServiceRemoved { .. } => (Family::ServiceRemoved, String::new()),
        Fact::Network { created: true, .. } => (Family::NetworkCreated, String::new()),
        Fact::Network { created: false, .. } => (Family::NetworkRemoved, String::new()),
        Fact::TaskCreated { .. } => (Family::TaskCreated, String::new()),
        Fact::TaskAssigned { node, .. } => (Family::TaskAssigned, census.node_name(*node)),
        Fact::TaskState { task, to: TaskState::Shutdown, .. } if !has_run(*task, census) => {
            (Family::TaskNeverRan, String::new())
        }
        Fact::TaskState { to, message, err, .. } => (task_family(*to, err), task_detail(*to, message, err)),
        Fact::TaskDesired { to, .. } if has_ended(record, census) => {
            (Family::TaskFiled, to.name().to_owned())
        }
        Fact::TaskDesired { to, .. } if *to > TaskState::Complete => (Family::TaskToldToStop, String::new()),
        Fact::TaskDesired { .. } => (Family::TaskToldToStart, String::new()),
        Fact::TaskRemoved { task } if !has_run(*task, census) && !has_ended(record, census) => {
            (Family::TaskWithdrawn, String::new())
        }
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

/// True if a container of the task ever ran.
pub(crate) fn has_run(task: TaskId, census: &Census) -> bool {
    census.task(task).is_some_and(|task| task.has_run)
}

/// True if the task of a fact had ended when that happened: whatever is desired of it then, it need not stop.
pub(crate) fn has_ended(record: &FactRecord, census: &Census) -> bool {
    let Subject::Task(task) = record.fact.subject() else { return false };
    census.task(task).and_then(|task| task.ended).is_some_and(|end| end < record.id)
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
    let Telling { family, subject, detail } = tell(record, census);
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
    match (detail.is_empty(), family.takes_detail_directly()) {
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

fn join(first: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}: {second}") }
}

/// A node's availability as an adjective.
pub(crate) fn availability(availability: Availability) -> &'static str {
    match availability {
        Availability::Active => "active",
        Availability::Pause => "paused",
        Availability::Drain => "drained",
    }
}

fn update_state(state: UpdateState) -> &'static str {
    match state {
        UpdateState::Updating => "is updated",
        UpdateState::Paused => "has a paused update",
        UpdateState::Completed => "has completed its update",
        UpdateState::RollbackStarted => "is rolled back",
        UpdateState::RollbackPaused => "has a paused rollback",
        UpdateState::RollbackCompleted => "has completed its rollback",
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
