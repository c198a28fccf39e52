//! Why something is as it is: sentences from the chains of causes, what is waited for right now, and the facts.
//!
//! A run that is asked about ends at the time in question, so "right now" is the end of the run. Only facts and the
//! view of the cluster are read; what the loops are about to do is told by them, never guessed.
mod history;
mod json;
mod reasons;
mod subject;
pub(crate) mod waits;

use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::metrics::Census;
use sim_core::model::{CommandId, Fact, FactRecord, HostId, NodeId, Subject};

use self::history::happenings;
use self::reasons::{Reason, explains, reasons};
pub use self::subject::UnknownSubject;
use crate::Run;
use crate::backends::StaleBackends;
use crate::losses::losses_text;
use crate::summary::counted;
use crate::text::{Text, Tone};
use crate::time;
use crate::words::{Weight, sentence, subject_name, tell};

/// Lines about the subject that are listed; the last ones.
const LINES_MAX: usize = 40;

/// Reasons that are listed; the last ones.
const REASONS_MAX: usize = 12;

/// All that can be said about why something is as it is at the end of a run.
pub struct Answer<'a> {
    run: &'a Run<'a>,
    subject: Subject,
    reasons: Vec<Reason<'a>>,
    /// What is waited for, in sentences.
    now: Vec<String>,
    facts: Vec<&'a FactRecord>,
}

/// Why a task, node, host, service or command is as it is when the run ends. The run must have kept its facts.
///
/// A task is named `web.2`, which is the newest one of that name, or by the beginning of its id; a command by the
/// name that its author gave it. Names of traces, such as `service/web`, tell things of one name apart.
///
/// # Errors
/// If nothing has this name.
pub fn why<'a>(run: &'a Run<'a>, name: &str) -> Result<Answer<'a>, UnknownSubject> {
    let subject = subject::find(run, name)?;
    let traffic = if let Subject::Traffic(traffic) = subject { Some(traffic) } else { None };
    let stale = traffic.map(|traffic| StaleBackends::of(run.recording, Some(traffic)));
    let concerns = |record: &&FactRecord| {
        concerns(record, subject, run.recording) || stale.as_ref().is_some_and(|stale| stale.is_end(record))
    };
    let facts: Vec<&FactRecord> = run.recording.facts.iter().filter(concerns).collect();
    let reasons = reasons(subject, &facts, run);
    Ok(Answer { run, subject, reasons, now: waits::now(subject, run), facts })
}

/// True if a fact belongs to the history of something. That of a node includes the one of its host, and which tasks
/// came to it and ended there; that of a command what followed from it before anything else explains what happened.
fn concerns(record: &FactRecord, subject: Subject, recording: &Recording) -> bool {
    if record.fact.subject() == subject {
        return true;
    }
    match subject {
        Subject::Host(host) => {
            let is_node = |node| recording.census.node(node).is_some_and(|entry| entry.host == host);
            concerns_host(&record.fact, host) || moves_task(&record.fact, &recording.census, is_node)
        }
        Subject::Node(node) => {
            let entry = recording.census.node(node);
            entry.is_some_and(|entry| concerns_host(&record.fact, entry.host))
                || moves_task(&record.fact, &recording.census, |other| other == node)
        }
        Subject::Command(_) => {
            let reason = recording.causes(record.id).find(|cause| explains(&cause.fact));
            let is_told = tell(record, &recording.census).family.weight() != Weight::Step;
            is_told && reason.is_some_and(|reason| reason.fact.subject() == subject)
        }
        Subject::Run | Subject::Service(_) | Subject::Task(_) | Subject::Network(_) | Subject::Traffic(_) => {
            false
        }
    }
}

fn concerns_host(fact: &Fact, host: HostId) -> bool {
    let strikes = matches!(fact, Fact::Fault { fault } if fault.hosts().contains(&host));
    strikes || fact.subject() == Subject::Host(host)
}

/// True if a task got a node of these, or ended on one.
fn moves_task(fact: &Fact, census: &Census, is_node: impl Fn(NodeId) -> bool) -> bool {
    let node = if let Fact::TaskAssigned { node, .. } = fact {
        Some(*node)
    } else if let Fact::TaskState { task, to, .. } = fact {
        census.task(*task).and_then(|entry| entry.node).filter(|_| to.is_terminal())
    } else {
        None
    };
    node.is_some_and(is_node)
}

impl<'a> Answer<'a> {
    /// The answer for people.
    #[must_use]
    pub fn text(&self) -> Text {
        let mut text = Text::new();
        let at = time::short(self.run.recording.ended);
        text.push(Tone::Heading, format!("{} at {at}", self.heading()));
        text.end_line();
        let hidden = self.reasons.len().saturating_sub(REASONS_MAX);
        let are = if hidden == 1 { "is" } else { "are" };
        let left_out = format!("{} {are} left out", counted(hidden as u64, "earlier reason"));
        let left_out = (hidden > 0).then_some(left_out);
        let reasons = self.reasons[hidden..].iter().map(|reason| reason.sentence.as_str());
        paragraph("Why", left_out.as_deref().into_iter().chain(reasons), &mut text);
        paragraph("Right now", self.now.iter().map(String::as_str), &mut text);
        if let Subject::Traffic(traffic) = self.subject
            && let Some(lost) = losses_text(self.run, Some(traffic))
        {
            text.section("Requests lost");
            text.append(lost);
        }
        text.section("What happened");
        self.history(&mut text);
        if let Some(last) = self.facts.last() {
            text.section("The causes of the last of that");
            self.chain(last, &mut text);
        }
        text
    }

    fn recording(&self) -> &'a Recording {
        self.run.recording
    }

    fn heading(&self) -> String {
        let name = subject_name(self.subject, &self.recording().census);
        match self.subject {
            Subject::Task(task) => {
                format!("{name}, task {}", task.text(self.recording().census.names().seed()))
            }
            Subject::Service(_) => format!("service {name}"),
            Subject::Node(_) => format!("node {name}"),
            Subject::Host(_) => format!("host {name}"),
            Subject::Command(command) => self.command_name(command).unwrap_or(name),
            Subject::Traffic(_) => format!("traffic {name}"),
            Subject::Run | Subject::Network(_) => name,
        }
    }

    /// The name that its author gave to a command.
    fn command_name(&self, command: CommandId) -> Option<String> {
        let named = self.run.scenario.command_names.iter().find(|(id, _)| *id == command);
        named.map(|(_, name)| format!("command {name}"))
    }

    /// A fact as a sentence; a command that is answered goes by its own name.
    fn tell(&self, record: &FactRecord) -> String {
        let words = sentence(record, &self.recording().census);
        let Fact::Answer { command, .. } = record.fact else { return words };
        match self.command_name(command) {
            Some(name) => words.replacen(&format!("command {}", command.0), &name, 1),
            None => words,
        }
    }

    fn history(&self, text: &mut Text) {
        let happenings = happenings(&self.facts, self.recording());
        let hidden = happenings.len().saturating_sub(LINES_MAX);
        if hidden > 0 {
            text.push(Tone::Faint, format!("             {hidden} earlier lines are left out"));
            text.end_line();
        }
        for happening in &happenings[hidden..] {
            let words = match happening.is_group() {
                true => happening.sentence(self.recording()),
                false => self.tell(happening.first),
            };
            line(happening.first.time, &words, text);
        }
        if self.facts.is_empty() {
            text.plain("             nothing until then");
            text.end_line();
        }
    }

    /// The fact, and what led to it, nearest cause first.
    fn chain(&self, last: &FactRecord, text: &mut Text) {
        line(last.time, &self.tell(last), text);
        for cause in self.recording().causes(last.id) {
            let words = self.tell(cause);
            let is_thing = matches!(cause.fact, Fact::Command { .. } | Fact::Fault { .. });
            let because = if is_thing { "because of the" } else { "because" };
            line(cause.time, &format!("  {because} {words}"), text);
        }
    }
}

fn paragraph<'a>(title: &str, sentences: impl Iterator<Item = &'a str>, text: &mut Text) {
    let mut sentences = sentences.peekable();
    if sentences.peek().is_none() {
        return;
    }
    text.section(title);
    for sentence in sentences {
        text.plain(format!("  {sentence}"));
        text.end_line();
    }
}

fn line(at: SimTime, words: &str, text: &mut Text) {
    text.push(Tone::Faint, format!("{:>11}", time::seconds(at)));
    text.plain(format!("  {words}"));
    text.end_line();
}
