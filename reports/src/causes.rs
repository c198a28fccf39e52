//! What comes out of a thing itself, although its chain of causes goes on.
//!
//! A chain says what made something possible: a program that fails was started, and that because a command asked for
//! it. Who reads why it failed wants to know whether something did that to it, and not who started it.
use sim_core::Recording;
use sim_core::model::{ContainerEvent, Fact, FactId, FactRecord, Subject, TaskState};

/// True if a program ended or fell ill by itself, or requests were lost because it had: nothing has happened since its
/// start that could explain it. `explanation` is the nearest cause that a reader would take for a reason.
pub(crate) fn is_own_doing(record: &FactRecord, explanation: FactId, recording: &Recording) -> bool {
    let mut since = recording.causes(record.id).take_while(|cause| cause.id != explanation);
    let end = if let Fact::RequestsFailed(_) = record.fact { since.next() } else { Some(record) };
    let Some(end) = end.filter(|record| is_end(&record.fact)) else { return false };
    since.any(|cause| is_start(cause, end.fact.subject()))
}

fn is_end(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::TaskState { to: TaskState::Complete | TaskState::Failed, .. }
            | Fact::Container { event: ContainerEvent::Unhealthy | ContainerEvent::Exited { .. }, .. }
    )
}

fn is_start(record: &FactRecord, task: Subject) -> bool {
    let starts = matches!(
        record.fact,
        Fact::Container { event: ContainerEvent::Started, .. }
            | Fact::TaskState { to: TaskState::Running, .. }
    );
    starts && record.fact.subject() == task
}
