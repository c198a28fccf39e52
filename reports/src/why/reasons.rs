//! Sentences with "because": the decisive facts about something, each with what led to it.
use sim_core::Recording;
use sim_core::client::pretty;
use sim_core::metrics::Census;
use sim_core::model::{
    ContainerEvent, Fact, FactRecord, NodeState, SessionEvent, Subject, TaskState, UpdateState,
};

use crate::causes::is_own_doing;
use crate::losses::{Incident, incidents};
use crate::words::{availability, has_ended, has_run, sentence as tell_sentence, subject_name};
use crate::{Run, time};

/// Links of a chain that are told before only its end is.
const LINKS_MAX: usize = 3;

/// A fact with its explanation.
pub(super) struct Reason<'a> {
    pub(super) fact: &'a FactRecord,
    /// What led to it, nearest first.
    pub(super) links: Vec<&'a FactRecord>,
    pub(super) sentence: String,
}

/// The facts that decided how something is, in order.
pub(super) fn reasons<'a>(subject: Subject, facts: &[&'a FactRecord], run: &'a Run<'a>) -> Vec<Reason<'a>> {
    let mut decisive: Vec<&FactRecord> = Vec::new();
    // What followed from a command is no reason of it, and tasks are none of how their node is.
    let is_consequence = |record: &FactRecord| match (subject, record.fact.subject()) {
        (Subject::Command(_), of) => of != subject,
        (Subject::Node(_) | Subject::Host(_), of) => matches!(of, Subject::Task(_)),
        _ => false,
    };
    let facts: Vec<&FactRecord> = facts.iter().copied().filter(|record| !is_consequence(record)).collect();
    for (place, record) in facts.iter().enumerate() {
        let aspect = |record| aspect(record, subject, &run.recording.census);
        let Some(decided) = aspect(record) else { continue };
        let is_last = facts[place + 1..].iter().all(|later| aspect(later) != Some(decided));
        if is_last {
            decisive.push(record);
        }
    }
    let mut reasons: Vec<Reason<'_>> = decisive.into_iter().map(|fact| explain(fact, None, run)).collect();
    if let Subject::Traffic(traffic) = subject {
        reasons.extend(incidents(run, traffic).into_iter().filter_map(|Incident { last, sentence }| {
            Some(explain(run.recording.fact(last)?, Some(sentence), run))
        }));
    }
    reasons
}

/// What about its subject a fact decides. Of several facts about one aspect the last one counts.
fn aspect(record: &FactRecord, subject: Subject, census: &Census) -> Option<&'static str> {
    match &record.fact {
        Fact::TaskCreated { .. } | Fact::NodeCreated { .. } | Fact::ServiceCreated { .. } => {
            Some("existence")
        }
        Fact::TaskDesired { to, .. } if *to > TaskState::Complete && !has_ended(record, census) => {
            Some("wish")
        }
        Fact::TaskState { to, .. } if to.is_terminal() => Some("end"),
        Fact::TaskRemoved { .. } | Fact::NodeRemoved { .. } | Fact::ServiceRemoved { .. } => Some("removal"),
        Fact::NodeStatus { .. } => Some("status"),
        Fact::NodeAvailability { .. } => Some("availability"),
        Fact::NodeRole { .. } => Some("role"),
        Fact::Leadership { .. } => Some("leadership"),
        Fact::Manager { .. } => Some("manager"),
        Fact::Lost { .. } => Some("loss"),
        Fact::Fault { .. } => Some("fault"),
        Fact::ServiceUpdated { .. } => Some("spec"),
        Fact::ServiceUpdateStatus { to: Some(_), .. } => Some("update"),
        Fact::Command { .. } => Some("command"),
        Fact::Answer { .. } => Some("answer"),
        Fact::Session { event: SessionEvent::Failed { .. } | SessionEvent::Overtaken, .. }
            if matches!(subject, Subject::Host(_)) =>
        {
            Some("session")
        }
        Fact::Start
        | Fact::Note { .. }
        | Fact::WithoutEffect(_)
        | Fact::RaftRole { .. }
        | Fact::Session { .. }
        | Fact::NodeUpdated { .. }
        | Fact::ServiceUpdateStatus { to: None, .. }
        | Fact::Network { .. }
        | Fact::TaskAssigned { .. }
        | Fact::TaskState { .. }
        | Fact::TaskDesired { .. }
        | Fact::Container { .. }
        | Fact::RequestsFailed(_)
        | Fact::Backends { .. } => None,
        Fact::Traffic { .. } => Some("traffic"),
    }
}

/// `web.3 was created at 43.913 s because worker-2 went Down at 43.912 s: heartbeat missed since 30 s, fault: crash
/// of worker-2`
///
/// `told` is the sentence for more than that fact, if it stands for more.
fn explain<'a>(fact: &'a FactRecord, told: Option<String>, run: &'a Run<'a>) -> Reason<'a> {
    let recording = run.recording;
    let links = links(fact, recording);
    let census = &recording.census;
    let mut sentence = told.unwrap_or_else(|| clause(fact, fact.fact.subject(), census));
    // What belongs to the timeline needs no reason, and an answer is its command's.
    if !matches!(fact.fact, Fact::Command { .. } | Fact::Fault { .. } | Fact::Answer { .. }) {
        append_chain(fact, &links, census, &mut sentence);
    }
    Reason { fact, links, sentence }
}

/// What led to a fact, nearest first, up to what a program did by itself.
fn links<'a>(fact: &'a FactRecord, recording: &'a Recording) -> Vec<&'a FactRecord> {
    let mut links = Vec::new();
    let mut last = fact;
    for cause in recording.causes(fact.id).filter(|cause| explains(&cause.fact)) {
        if is_own_doing(last, cause.id, recording) {
            break;
        }
        links.push(cause);
        last = cause;
    }
    links
}

fn append_chain(fact: &FactRecord, links: &[&FactRecord], census: &Census, sentence: &mut String) {
    let told = if links.len() > LINKS_MAX { LINKS_MAX - 1 } else { links.len() };
    let chain = [&fact].into_iter().chain(links).map(|record| record.fact.subject());
    // Tasks of one name are told apart from the first one.
    let task = chain.into_iter().find(|subject| matches!(subject, Subject::Task(_)));
    let about = task.unwrap_or(fact.fact.subject());
    let mut before = fact;
    for (place, link) in links[..told].iter().enumerate() {
        match (is_silence(before), &link.fact) {
            (true, Fact::Fault { fault }) => {
                let since = time::short(link.time);
                let fault = census.names().fault(fault);
                sentence.push_str(&format!(": heartbeat missed since {since}, fault: {fault}"));
            }
            _ => {
                // A detail after a colon ends with a comma.
                let comma = if place == 0 && !sentence.contains(": ") { "" } else { "," };
                sentence.push_str(&format!("{comma} because {}", as_cause(link, about, census)));
            }
        }
        before = link;
    }
    if let Some(last) = links.last().filter(|_| links.len() > told) {
        sentence.push_str(&format!(", and so on, in the end because {}", as_cause(last, about, census)));
    }
}

/// True if a node went Down because nothing was heard of it.
fn is_silence(record: &FactRecord) -> bool {
    matches!(&record.fact, Fact::NodeStatus { to: NodeState::Down, message, .. } if message.starts_with("heartbeat failure"))
}

/// True for what a reader takes for a reason.
pub(super) fn explains(fact: &Fact) -> bool {
    let is_setback = |state: &Option<UpdateState>| {
        matches!(
            state,
            Some(UpdateState::Paused | UpdateState::RollbackStarted | UpdateState::RollbackPaused)
        )
    };
    matches!(fact, Fact::Command { .. } | Fact::Fault { .. } | Fact::Leadership { active: true, .. })
        || matches!(fact, Fact::NodeCreated { .. } | Fact::NodeRemoved { .. } | Fact::NodeStatus { .. })
        || matches!(fact, Fact::NodeAvailability { .. } | Fact::NodeRole { .. })
        || matches!(fact, Fact::ServiceUpdateStatus { to, .. } if is_setback(to))
        || matches!(fact, Fact::TaskState { to, .. } if to.is_terminal())
        || matches!(fact, Fact::Container { event: ContainerEvent::Unhealthy | ContainerEvent::Lost, .. })
}

/// The clause after "because".
fn as_cause(record: &FactRecord, about: Subject, census: &Census) -> String {
    let at = time::short(record.time);
    if let Fact::Command { line, host, .. } = &record.fact {
        return format!("of the command `docker {line}` on {} at {at}", census.names().host(*host));
    }
    if let Fact::Fault { fault } = &record.fact {
        return format!("of the {} at {at}", census.names().fault(fault));
    }
    clause(record, about, census)
}

/// The name of something in a sentence that is about something else: another task of that name is the old or the new
/// one.
fn name_beside(subject: Subject, about: Subject, census: &Census) -> String {
    let name = subject_name(subject, census);
    match (subject, about) {
        (Subject::Task(one), Subject::Task(other)) if one != other && name == subject_name(about, census) => {
            format!("the {} {name}", if one < other { "old" } else { "new" })
        }
        _ => name,
    }
}

/// What happened, in the past tense and with its time.
fn clause(record: &FactRecord, about: Subject, census: &Census) -> String {
    let name = name_beside(record.fact.subject(), about, census);
    let at = time::short(record.time);
    let plain = |did: &str| format!("{name} {did} at {at}");
    let with = |did: &str, detail: &str| {
        if detail.is_empty() { plain(did) } else { format!("{}: {detail}", plain(did)) }
    };
    match &record.fact {
        Fact::Command { line, host, .. } => {
            format!(
                "`docker {line}` was run on {} at {at}: it is in the timeline",
                census.names().host(*host)
            )
        }
        Fact::Answer { exit: 0, took, .. } => {
            format!("it was answered at {at}, after {}", time::nanos(took.as_nanos()))
        }
        Fact::Answer { exit, stderr, took, .. } => {
            let took = time::nanos(took.as_nanos());
            format!("it failed at {at}, after {took}, with exit code {exit}: {}", stderr.trim_end())
        }
        Fact::Fault { fault } => {
            format!("the {} struck at {at}: it is in the timeline", census.names().fault(fault))
        }
        Fact::Leadership { active: true, .. } => plain("took over as leader"),
        Fact::Leadership { active: false, .. } => plain("stopped leading"),
        Fact::Manager { running: true, .. } => plain("started its manager"),
        Fact::Manager { running: false, .. } => plain("ended its manager"),
        Fact::Session { event: SessionEvent::Failed { error, .. }, .. } => with("had no session", error),
        Fact::NodeCreated { .. } => plain("joined the swarm"),
        // The silence is told with the fault behind it, if there is one.
        Fact::NodeStatus { to: NodeState::Down, .. } if is_silence(record) && record.cause.0 > 0 => {
            plain("went Down")
        }
        Fact::NodeStatus { to: NodeState::Down, message, .. } => with("went Down", message),
        Fact::NodeStatus { to, message, .. } => with(&format!("became {}", pretty(to.name())), message),
        Fact::NodeAvailability { to, .. } => plain(&format!("was set {}", availability(*to))),
        Fact::NodeRole { to, .. } => plain(&format!("became a {}", to.name().to_lowercase())),
        Fact::ServiceUpdated { .. } => plain("got a new spec"),
        // The message of an update that begins says nothing more.
        Fact::ServiceUpdateStatus { to: Some(UpdateState::Updating), .. } => {
            plain(update(Some(UpdateState::Updating)))
        }
        Fact::ServiceUpdateStatus { to, message, .. } => with(update(*to), message),
        Fact::TaskAssigned { node, .. } => plain(&format!("went to {}", census.node_name(*node))),
        Fact::TaskDesired { to, .. } if *to == TaskState::Remove => plain("was told to stop for good"),
        Fact::TaskDesired { to, .. } if *to > TaskState::Complete => plain("was told to stop"),
        Fact::TaskState { task, to: TaskState::Shutdown, .. } if !has_run(*task, census) => {
            plain("ended before it ran")
        }
        Fact::TaskState { to, err, .. } => with(end(*to), err),
        Fact::Container { event: ContainerEvent::Unhealthy, .. } => plain("became unhealthy"),
        Fact::Container { event: ContainerEvent::Lost, .. } => plain("lost its container"),
        Fact::TaskCreated { .. } | Fact::ServiceCreated { .. } | Fact::Network { created: true, .. } => {
            plain("was created")
        }
        Fact::TaskRemoved { .. } | Fact::NodeRemoved { .. } | Fact::ServiceRemoved { .. } => {
            plain("was removed")
        }
        Fact::Start
        | Fact::Note { .. }
        | Fact::WithoutEffect(_)
        | Fact::RaftRole { .. }
        | Fact::Lost { .. }
        | Fact::Session { event: SessionEvent::Registered | SessionEvent::Overtaken, .. }
        | Fact::NodeUpdated { .. }
        | Fact::Network { created: false, .. }
        | Fact::TaskDesired { .. }
        | Fact::Container { .. }
        | Fact::Traffic { .. }
        | Fact::RequestsFailed(_)
        | Fact::Backends { .. } => format!("{} at {at}", tell_sentence(record, census)),
    }
}

fn update(state: Option<UpdateState>) -> &'static str {
    match state {
        None => "lost its update status",
        Some(UpdateState::Updating) => "began its update",
        Some(UpdateState::Paused) => "paused its update",
        Some(UpdateState::Completed) => "completed its update",
        Some(UpdateState::RollbackStarted) => "began its rollback",
        Some(UpdateState::RollbackPaused) => "paused its rollback",
        Some(UpdateState::RollbackCompleted) => "completed its rollback",
    }
}

/// How a task ended; every other end is a stop.
fn end(state: TaskState) -> &'static str {
    const ENDS: &[(TaskState, &str)] = &[
        (TaskState::Complete, "completed"),
        (TaskState::Failed, "failed"),
        (TaskState::Rejected, "was rejected"),
        (TaskState::Orphaned, "was given up as orphaned"),
    ];
    ENDS.iter().find(|(known, _)| *known == state).map_or("stopped", |(_, words)| words)
}
