//! Writes groups as lines: time, what happened, why.
use std::collections::BTreeMap;

use sim_core::Recording;
use sim_core::kernel::SimDuration;
use sim_core::metrics::Census;
use sim_core::model::{NodeId, Subject};
use sim_core::progress::{Progress, ProgressEnd};

use super::chapters::{Chapters, CommandLine, Group, Reason};
use crate::text::{Text, Tone};
use crate::time;
use crate::words::{
    Enumeration, Family, Weight, conjoin, enumerate, lost_requests, reason_of_command, reason_of_fault,
    subject_name, with_detail,
};

/// Lines of a command's output that are shown.
const OUTPUT_LINES_MAX: usize = 40;
/// Time that an answer takes before it is worth a word.
const LONG_ANSWER: SimDuration = SimDuration::from_millis(100);
/// Tasks of which it is said one by one where they go.
const ASSIGNMENTS_MAX: usize = 8;
/// Nodes that are listed one by one, with the tasks that go there.
const NODES_MAX: usize = 6;
/// Width of the column of times.
const TIME_WIDTH: usize = 11;

pub(super) fn print(chapters: &Chapters, recording: &Recording) -> Text {
    let mut printer =
        Printer { chapters, recording, census: &recording.census, text: Text::new(), known_reason: None };
    let mut order: Vec<usize> = (0..chapters.len()).collect();
    // The removal of a node and the end of its tasks are one commit, which has the tasks first.
    order.sort_by_key(|index| {
        let group = &chapters.groups()[*index];
        (group.first, group.family != Family::NodeRemoved)
    });
    for index in order {
        printer.group(index);
    }
    printer.text
}

struct Printer<'a> {
    chapters: &'a Chapters,
    recording: &'a Recording,
    census: &'a Census,
    text: Text,
    /// The group that the reader has just read, or has just been told as a reason.
    known_reason: Option<usize>,
}

impl Printer<'_> {
    fn group(&mut self, index: usize) {
        let group = &self.chapters.groups()[index];
        let indent = if group.family.weight() == Weight::Headline { "" } else { "  " };
        self.text.push(Tone::Faint, format!("{:>TIME_WIDTH$}", time::seconds(group.first)));
        self.text.plain(format!("  {indent}"));
        match &group.command {
            Some(command) => self.command(command),
            None => self.happening(group),
        }
        if group.family.is_reason() {
            self.known_reason = Some(index);
        }
    }

    fn happening(&mut self, group: &Group) {
        let (tone, sentence) = (tone(group.family), self.sentence(group));
        self.text.push(tone, sentence);
        self.text.push(Tone::Faint, self.extent(group));
        let is_headline = group.family.weight() == Weight::Headline;
        let untold = |reason: &&Reason| is_headline || Some(reason.group) != self.known_reason;
        if let Some(reason) = group.reason.as_ref().filter(|_| !group.family.is_fault()).filter(untold) {
            let words = self.reason(reason, is_headline);
            self.text.push(Tone::Faint, format!(", {words}"));
            self.known_reason = Some(reason.group);
        }
        self.text.end_line();
    }

    /// How often and until when, if it was more than once: ` (3 times, until 9.870 s)`.
    fn extent(&self, group: &Group) -> String {
        let Enumeration { distinct, total, .. } = self.names(group);
        let is_counted = group.family == Family::RequestsFailed;
        let times = if total > distinct && !is_counted { format!("{total} times") } else { String::new() };
        let is_long = time::seconds(group.last) != time::seconds(group.first);
        let until = if is_long { format!("until {}", time::seconds(group.last)) } else { String::new() };
        match (times.is_empty() || prefix(group.family).is_some(), until.is_empty()) {
            (true, true) => String::new(),
            (true, false) => format!(" ({until})"),
            (false, true) => format!(" ({times})"),
            (false, false) => format!(" ({times}, {until})"),
        }
    }

    fn names(&self, group: &Group) -> Enumeration {
        enumerate(group.members.iter().map(|member| subject_name(member.subject, self.census)))
    }

    /// What happened to whom.
    fn sentence(&self, group: &Group) -> String {
        match prefix(group.family) {
            Some(prefix) => format!("{prefix}: {}", fault_words(group)),
            None if group.family == Family::TaskAssigned => self.assignments(group),
            None if group.family == Family::TrafficBegins => {
                format!("requests of {} begin", self.names(group).text)
            }
            None if group.family == Family::RequestsFailed => {
                let requests = group.members.iter().map(|member| member.requests).sum();
                lost_requests(requests, &self.names(group).text, &group.detail)
            }
            None => {
                let Enumeration { text, distinct, .. } = self.names(group);
                let phrase = group.family.phrase(distinct > 1);
                let words = if phrase.is_empty() { text } else { format!("{text} {phrase}") };
                with_detail(group.family, &words, &group.detail)
            }
        }
    }

    /// Who goes where: one by one, or so many to each node.
    fn assignments(&self, group: &Group) -> String {
        if group.members.len() <= ASSIGNMENTS_MAX {
            return self.single_assignments(group);
        }
        let Enumeration { text, distinct, .. } = self.names(group);
        format!("{text} {} {}", group.family.phrase(distinct > 1), self.destinations(group))
    }

    /// `web.1 and web.4 go to worker-1, web.2 to worker-2`
    fn single_assignments(&self, group: &Group) -> String {
        let mut tasks_of_node = BTreeMap::<NodeId, Vec<Subject>>::new();
        for member in &group.members {
            if let Some(node) = member.node {
                tasks_of_node.entry(node).or_default().push(member.subject);
            }
        }
        let texts: Vec<String> = tasks_of_node
            .iter()
            .enumerate()
            .map(|(place, (node, tasks))| {
                let names = enumerate(tasks.iter().map(|task| subject_name(*task, self.census))).text;
                let phrase = if place == 0 { group.family.phrase(tasks.len() > 1) } else { "to" };
                format!("{names} {phrase} {}", self.census.node_name(*node))
            })
            .collect();
        texts.join(", ")
    }

    /// `worker-1 (2), worker-2 (2) and worker-3 (1)`
    fn destinations(&self, group: &Group) -> String {
        let mut counts = BTreeMap::<NodeId, u64>::new();
        for node in group.members.iter().filter_map(|member| member.node) {
            *counts.entry(node).or_default() += 1;
        }
        if counts.len() <= NODES_MAX {
            let texts: Vec<String> = counts
                .iter()
                .map(|(node, count)| format!("{} ({count})", self.census.node_name(*node)))
                .collect();
            return conjoin(&texts);
        }
        let fewest = counts.values().min().expect("a task went to a node");
        let most = counts.values().max().expect("a task went to a node");
        match fewest == most {
            true => format!("{} nodes, {most} each", counts.len()),
            false => format!("{} nodes, {fewest} to {most} each", counts.len()),
        }
    }

    /// Why something happened. What follows from the end of tasks comes after it, unless it changes the course of things.
    fn reason(&self, reason: &Reason, of_headline: bool) -> String {
        let group = self.chapters.groups()[reason.group].only(&reason.facts);
        let end = group.family.end_of_task().filter(|_| !of_headline);
        match (&group.command, end) {
            (Some(command), _) => reason_of_command(&command.line, group.first),
            (None, Some(end)) => {
                format!("after the {end} of {} at {}", self.names(&group).text, time::short(group.first))
            }
            (None, None) if group.family.is_fault() => reason_of_fault(&fault_words(&group), group.first),
            (None, None) => format!("because {}", self.sentence(&group)),
        }
    }

    fn command(&mut self, command: &CommandLine) {
        self.text.plain(format!("{}$ ", self.census.names().host(command.host)));
        self.text.push(Tone::Command, format!("docker {}", command.line));
        self.text.end_line();
        let Some((exit, took, stdout, stderr)) = &command.answer else {
            self.continuation(Tone::Bad, "no answer before the end of the run");
            return;
        };
        self.output(Tone::Plain, stdout);
        self.output(if *exit == 0 { Tone::Plain } else { Tone::Bad }, stderr);
        let after = time::nanos(took.as_nanos());
        if *exit != 0 {
            self.continuation(Tone::Bad, &format!("exit {exit} after {after}"));
        } else if *took >= LONG_ANSWER || stdout.is_empty() {
            self.continuation(Tone::Faint, &format!("answered after {after}"));
        }
        let recording = self.recording;
        for progress in recording.progress.iter().filter(|progress| progress.command == command.id) {
            self.progress(progress);
        }
    }

    /// What the client showed last while it waited. What is as it should be takes no lines of its own.
    fn progress(&mut self, progress: &Progress) {
        let lines = progress.lines.iter().map(|line| line.split(" [").next().unwrap_or_default().trim_end());
        let remarkable = |line: &&str| {
            !line.is_empty() && ![": running", ": complete"].iter().any(|state| line.ends_with(state))
        };
        let lines: Vec<&str> = lines.filter(remarkable).collect();
        self.output(Tone::Faint, &lines.join("\n"));
        match &progress.end {
            None => self.continuation(Tone::Bad, "waited until the end of the run"),
            Some((at, end)) => {
                let at = time::seconds(*at);
                match end {
                    ProgressEnd::Converged | ProgressEnd::JobComplete | ProgressEnd::UpdateOver => {
                        self.continuation(Tone::Faint, &format!("waited until {at}"));
                    }
                    ProgressEnd::Failed(text) => {
                        self.output(Tone::Bad, text);
                        self.continuation(Tone::Bad, &format!("exit 1 at {at}"));
                    }
                    ProgressEnd::Lost => self.continuation(Tone::Bad, &format!("died with its host at {at}")),
                }
            }
        }
    }

    fn output(&mut self, tone: Tone, output: &str) {
        for line in output.lines().take(OUTPUT_LINES_MAX) {
            self.continuation(tone, &format!("| {line}"));
        }
        let hidden = output.lines().count().saturating_sub(OUTPUT_LINES_MAX);
        if hidden > 0 {
            self.continuation(Tone::Faint, &format!("| ... and {hidden} more lines"));
        }
    }

    fn continuation(&mut self, tone: Tone, line: &str) {
        self.text.plain(format!("{:TIME_WIDTH$}    ", ""));
        self.text.push(tone, line.trim_end());
        self.text.end_line();
    }
}

/// The word before what comes from the scenario.
fn prefix(family: Family) -> Option<&'static str> {
    const PREFIXES: &[(Family, &str)] = &[
        (Family::Fault, "fault"),
        (Family::Repair, "repair"),
        (Family::WithoutEffect, "without effect"),
        (Family::Note, "note"),
    ];
    PREFIXES.iter().find(|(known, _)| *known == family).map(|(_, prefix)| *prefix)
}

/// One or several faults of one kind: `crash of w1 and w2`.
fn fault_words(group: &Group) -> String {
    let tails = enumerate(group.members.iter().filter_map(|member| member.tail.clone())).text;
    if tails.is_empty() { group.detail.clone() } else { format!("{} {tails}", group.detail) }
}

fn tone(family: Family) -> Tone {
    const TONES: &[(Family, Tone)] = &[
        (Family::Fault, Tone::Fault),
        (Family::Repair, Tone::Fault),
        (Family::Note, Tone::Faint),
        (Family::LoopsStart, Tone::Heading),
        (Family::NodeState, Tone::Heading),
        (Family::TaskRuns, Tone::Good),
        (Family::TaskComplete, Tone::Good),
        (Family::TaskFailed, Tone::Bad),
        (Family::TaskRejected, Tone::Bad),
        (Family::TaskOrphaned, Tone::Bad),
        (Family::Unhealthy, Tone::Bad),
        (Family::RequestsFailed, Tone::Bad),
    ];
    TONES.iter().find(|(known, _)| *known == family).map_or(Tone::Plain, |(_, tone)| *tone)
}
