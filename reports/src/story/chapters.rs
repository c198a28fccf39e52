//! Puts facts into groups, each of which becomes a line of the story.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sim_core::Recording;
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::metrics::Census;
use sim_core::model::{
    CommandId, Fact, FactId, FactRecord, HostId, NoEffect, NodeId, ServiceId, Subject, TaskId,
};

use super::replacements::Replacements;
use crate::causes::is_own_doing;
use crate::words::{Family, Telling, Weight, tell};

/// How long a task may be NEW before that is worth a line: usually it is for some milliseconds.
const ALLOCATION_LONG: SimDuration = SimDuration::from_secs(5);

/// The same thing that happened to one or more subjects for one reason.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) family: Family,
    pub(super) detail: String,
    pub(super) first: SimTime,
    pub(super) last: SimTime,
    /// Every time that it happened, in order. Empty for a command.
    pub(super) members: Vec<Member>,
    /// What explains it.
    pub(super) reason: Option<Reason>,
    /// The command, if it is one.
    pub(super) command: Option<CommandLine>,
}

/// One of the things that make a group.
#[derive(Clone, Debug)]
pub(super) struct Member {
    fact: FactId,
    time: SimTime,
    pub(super) subject: Subject,
    /// How a fault ends whose like there may be more of: `worker-2` of `crash of worker-2`.
    pub(super) tail: Option<String>,
    /// Where it went, if it is a task that gets a node.
    pub(super) node: Option<NodeId>,
    /// Failed requests.
    pub(super) requests: u64,
}

/// What explains a group: of another one those members that led to it. The others may be of later.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    pub(super) group: usize,
    pub(super) facts: BTreeSet<FactId>,
}

/// A fact that explains what it leads to, and its group.
#[derive(Clone, Copy, Debug)]
struct Explanation {
    group: usize,
    fact: FactId,
}

/// A command and what became of it.
#[derive(Clone, Debug)]
pub(super) struct CommandLine {
    pub(super) id: CommandId,
    pub(super) host: HostId,
    pub(super) line: Arc<str>,
    /// Exit code, time, and what it printed; absent while there is no answer.
    pub(super) answer: Option<(u8, SimDuration, Arc<str>, Arc<str>)>,
}

/// What makes two facts belong to one group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    family: Family,
    detail: String,
    service: Option<ServiceId>,
    reason: Option<usize>,
}

/// All groups of a run, in the order of their first facts.
#[derive(Debug, Default)]
pub(super) struct Chapters {
    groups: Vec<Group>,
    open: BTreeMap<Key, usize>,
    /// For every fact what explains the things that it leads to.
    explanations: Vec<Option<Explanation>>,
    commands: BTreeMap<CommandId, usize>,
}

impl Chapters {
    /// Groups all facts; what is further apart than `window` does not belong together.
    pub(super) fn collect(recording: &Recording, replacements: &Replacements, window: SimDuration) -> Self {
        let mut chapters = Chapters::default();
        for record in &recording.facts {
            let explanation = chapters.explanation_of(record);
            let own = explanation.filter(|found| !is_own_doing(record, found.fact, recording));
            let group = chapters.add(record, own, &recording.census, replacements, window);
            let explains = group.filter(|group| chapters.groups[*group].family.is_reason());
            let explains = explains.map(|group| Explanation { group, fact: record.id });
            chapters.explanations.push(explains.or(explanation));
        }
        chapters.add_unallocated(recording, window);
        chapters
    }

    /// Tasks for which nothing happens are told when that takes long: no fact says it.
    fn add_unallocated(&mut self, recording: &Recording, window: SimDuration) {
        for created in unallocated(recording) {
            let telling = Telling {
                family: Family::TaskUnallocated,
                subject: created.fact.subject(),
                detail: String::new(),
            };
            let told = FactRecord { time: created.time + ALLOCATION_LONG, ..created.clone() };
            self.join(telling, &told, self.explanation_of(created), &recording.census, window);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn explanation_of(&self, record: &FactRecord) -> Option<Explanation> {
        if record.cause == record.id { None } else { *self.explanations.get(record.cause.0 as usize)? }
    }

    /// The group of a fact that is worth telling.
    fn add(
        &mut self,
        record: &FactRecord,
        explanation: Option<Explanation>,
        census: &Census,
        replacements: &Replacements,
        window: SimDuration,
    ) -> Option<usize> {
        if let Fact::Command { command, host, line } = &record.fact {
            return Some(self.add_command(record, explanation, *command, *host, line));
        }
        if let Fact::Answer { command, exit, took, stdout, stderr } = &record.fact {
            let group = self.commands.get(command)?;
            let answer = Some((*exit, *took, Arc::clone(stdout), Arc::clone(stderr)));
            self.groups[*group].command.as_mut()?.answer = answer;
            return None;
        }
        let mut telling = tell(record, census);
        if let Fact::TaskCreated { task, .. } = record.fact
            && replacements.is_successor(task)
        {
            telling.family = Family::TaskReplaced;
        }
        let goes_without_saying = matches!(record.fact, Fact::TaskDesired { task, .. }
            if replacements.is_replaced_at(task, record.time));
        if goes_without_saying || telling.family.weight() == Weight::Step {
            return None;
        }
        Some(self.join(telling, record, explanation, census, window))
    }

    fn add_command(
        &mut self,
        record: &FactRecord,
        explanation: Option<Explanation>,
        command: CommandId,
        host: HostId,
        line: &Arc<str>,
    ) -> usize {
        let typed = CommandLine { id: command, host, line: Arc::clone(line), answer: None };
        let group = Group::new(Family::Command, String::new(), record, explanation);
        self.groups.push(Group { command: Some(typed), ..group });
        self.commands.insert(command, self.groups.len() - 1);
        self.groups.len() - 1
    }

    /// Adds to an open group, or opens one.
    fn join(
        &mut self,
        telling: Telling,
        record: &FactRecord,
        explanation: Option<Explanation>,
        census: &Census,
        window: SimDuration,
    ) -> usize {
        let Telling { family, subject, detail } = telling;
        let (detail, tail) = split_detail(family, &record.fact, detail);
        let task = if let Subject::Task(task) = subject { census.task(task) } else { None };
        let service = task.and_then(|task| task.service);
        let key = Key { family, detail, service, reason: explanation.map(|found| found.group) };
        let patience = patience(family, window);
        let open = self.open.get(&key).copied();
        let open = open.filter(|group| record.time.since(self.groups[*group].last) <= patience);
        let index = open.unwrap_or_else(|| {
            self.groups.push(Group::new(family, key.detail.clone(), record, explanation));
            self.open.insert(key, self.groups.len() - 1);
            self.groups.len() - 1
        });
        let group = &mut self.groups[index];
        group.last = record.time;
        group.members.push(Member::of(record, subject, tail));
        if let Some((reason, found)) = group.reason.as_mut().zip(explanation) {
            reason.facts.insert(found.fact);
        }
        index
    }
}

/// The facts of their creation for tasks that stay NEW for long.
fn unallocated(recording: &Recording) -> Vec<&FactRecord> {
    let (mut fresh, mut found) = (BTreeMap::<TaskId, &FactRecord>::new(), Vec::new());
    let is_long = |created: &&FactRecord, until: SimTime| until > created.time + ALLOCATION_LONG;
    for record in &recording.facts {
        let Subject::Task(task) = record.fact.subject() else { continue };
        if matches!(record.fact, Fact::TaskCreated { .. }) {
            fresh.insert(task, record);
        } else {
            found.extend(fresh.remove(&task).filter(|created| is_long(created, record.time)));
        }
    }
    found.extend(fresh.into_values().filter(|created| is_long(created, recording.ended)));
    found.sort_by_key(|created| created.id);
    found
}

/// What things of one group have in common, and what is particular to one of them.
fn split_detail(family: Family, fact: &Fact, detail: String) -> (String, Option<String>) {
    // A fault of one place and all others is one for each link.
    let is_link = matches!(fact, Fact::WithoutEffect(NoEffect::SameLink { .. }));
    match (family, detail.rsplit_once(' ')) {
        (Family::Fault | Family::Repair, Some((head, tail))) => (head.to_owned(), Some(tail.to_owned())),
        (Family::WithoutEffect, Some((head, tail))) if is_link => (head.to_owned(), Some(tail.to_owned())),
        // Each task goes to a node of its own; the group has the list.
        (Family::TaskAssigned, _) => (String::new(), None),
        _ => (detail, None),
    }
}

/// How far apart two things of a family may be that are told in one line.
pub(crate) fn patience(family: Family, window: SimDuration) -> SimDuration {
    const RETRIES: u64 = 20;
    if matches!(family, Family::Fault | Family::Repair | Family::Note | Family::UpdateState) {
        // What happens to things at one time belongs together, what happens later is news.
        return SimDuration::ZERO;
    }
    // Attempts that fail are repeated every few seconds, and each is as good as the next.
    if family == Family::SessionLost {
        SimDuration::from_nanos(window.as_nanos().saturating_mul(RETRIES))
    } else {
        window
    }
}

impl Group {
    fn new(family: Family, detail: String, record: &FactRecord, explanation: Option<Explanation>) -> Self {
        let reason = |found: Explanation| Reason { group: found.group, facts: [found.fact].into() };
        Group {
            family,
            detail,
            first: record.time,
            last: record.time,
            members: Vec::new(),
            reason: explanation.map(reason),
            command: None,
        }
    }

    /// The group as if nothing but these facts belonged to it.
    pub(super) fn only(&self, facts: &BTreeSet<FactId>) -> Group {
        let members: Vec<Member> =
            self.members.iter().filter(|member| facts.contains(&member.fact)).cloned().collect();
        let first = members.first().map_or(self.first, |member| member.time);
        let last = members.last().map_or(self.last, |member| member.time);
        let (family, detail, reason, command) =
            (self.family, self.detail.clone(), self.reason.clone(), self.command.clone());
        Group { family, detail, first, last, members, reason, command }
    }
}

impl Member {
    fn of(record: &FactRecord, subject: Subject, tail: Option<String>) -> Self {
        let node = if let Fact::TaskAssigned { node, .. } = record.fact { Some(node) } else { None };
        let requests = if let Fact::RequestsFailed(failed) = &record.fact { failed.count } else { 0 };
        Member { fact: record.id, time: record.time, subject, tail, node, requests }
    }
}
