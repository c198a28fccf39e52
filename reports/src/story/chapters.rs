//! Puts facts into groups, each of which becomes a line of the story.
use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::Recording;
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::metrics::Census;
use sim_core::model::{CommandId, Fact, FactRecord, HostId, NodeId, ServiceId, Subject};

use super::replacements::Replacements;
use crate::words::{Family, Telling, Weight, tell};

/// The same thing that happened to one or more subjects for one reason.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) family: Family,
    pub(super) detail: String,
    pub(super) first: SimTime,
    pub(super) last: SimTime,
    /// Every time that it happened, in order.
    pub(super) subjects: Vec<Subject>,
    /// How each of several faults of one kind ends: `worker-2` of `crash of worker-2`.
    pub(super) tails: Vec<String>,
    /// Where each subject went; only for tasks that get a node.
    pub(super) nodes: Vec<NodeId>,
    /// The group that explains it.
    pub(super) reason: Option<usize>,
    /// The command, if it is one.
    pub(super) command: Option<CommandLine>,
    /// Failed requests.
    pub(super) requests: u64,
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
    /// For every fact the group that explains what it leads to.
    reasons: Vec<Option<usize>>,
    commands: BTreeMap<CommandId, usize>,
}

impl Chapters {
    /// Groups all facts; what is further apart than `window` does not belong together.
    pub(super) fn collect(recording: &Recording, replacements: &Replacements, window: SimDuration) -> Self {
        let mut chapters = Chapters::default();
        for record in &recording.facts {
            let group = chapters.add(record, &recording.census, replacements, window);
            let explains = group.filter(|group| chapters.groups[*group].family.is_reason());
            chapters.reasons.push(explains.or(chapters.reason_of(record)));
        }
        chapters
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn reason_of(&self, record: &FactRecord) -> Option<usize> {
        if record.cause == record.id { None } else { *self.reasons.get(record.cause.0 as usize)? }
    }

    /// The group of a fact that is worth telling.
    fn add(
        &mut self,
        record: &FactRecord,
        census: &Census,
        replacements: &Replacements,
        window: SimDuration,
    ) -> Option<usize> {
        if let Fact::Command { command, host, line } = &record.fact {
            return Some(self.add_command(record, *command, *host, line));
        }
        if let Fact::Answer { command, exit, took, stdout, stderr } = &record.fact {
            let group = self.commands.get(command)?;
            let answer = Some((*exit, *took, Arc::clone(stdout), Arc::clone(stderr)));
            self.groups[*group].command.as_mut()?.answer = answer;
            return None;
        }
        let mut telling = tell(&record.fact, census);
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
        Some(self.join(telling, record, census, window))
    }

    fn add_command(
        &mut self,
        record: &FactRecord,
        command: CommandId,
        host: HostId,
        line: &Arc<str>,
    ) -> usize {
        let typed = CommandLine { id: command, host, line: Arc::clone(line), answer: None };
        let group = Group::single(Family::Command, record, self.reason_of(record));
        self.groups.push(Group { command: Some(typed), ..group });
        self.commands.insert(command, self.groups.len() - 1);
        self.groups.len() - 1
    }

    /// Adds to an open group, or opens one.
    fn join(&mut self, telling: Telling, record: &FactRecord, census: &Census, window: SimDuration) -> usize {
        let Telling { family, subject, detail } = telling;
        let (detail, tail) = split_detail(family, detail);
        let task = if let Subject::Task(task) = subject { census.task(task) } else { None };
        let service = task.and_then(|task| task.service);
        let key = Key { family, detail, service, reason: self.reason_of(record) };
        let patience = patience(family, window);
        let open = self.open.get(&key).copied();
        let open = open.filter(|group| record.time.since(self.groups[*group].last) <= patience);
        let index = open.unwrap_or_else(|| {
            let group = Group::single(family, record, key.reason);
            self.groups.push(Group { detail: key.detail.clone(), ..group });
            self.open.insert(key, self.groups.len() - 1);
            self.groups.len() - 1
        });
        let group = &mut self.groups[index];
        group.last = record.time;
        group.subjects.push(subject);
        group.tails.extend(tail);
        if let Fact::TaskAssigned { node, .. } = record.fact {
            group.nodes.push(node);
        }
        if let Fact::RequestsFailed(failed) = &record.fact {
            group.requests += failed.count;
        }
        index
    }
}

/// What things of one group have in common, and what is particular to one of them.
fn split_detail(family: Family, detail: String) -> (String, Option<String>) {
    match (family, detail.rsplit_once(' ')) {
        (Family::Fault | Family::Repair, Some((head, tail))) => (head.to_owned(), Some(tail.to_owned())),
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
    fn single(family: Family, record: &FactRecord, reason: Option<usize>) -> Self {
        Group {
            family,
            detail: String::new(),
            first: record.time,
            last: record.time,
            subjects: Vec::new(),
            tails: Vec::new(),
            nodes: Vec::new(),
            requests: 0,
            reason,
            command: None,
        }
    }
}
