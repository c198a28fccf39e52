//! What a name in a question means.
use std::fmt;

use sim_core::model::{Fact, ObjectId, Subject, TrafficId};

use crate::Run;

/// Beginning of a task's id that is taken for one.
const ID_LENGTH_MIN: usize = 4;

/// Nothing in the run has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSubject {
    /// The name.
    pub name: String,
    /// All names of services, nodes, hosts, commands and tasks.
    pub known: Vec<String>,
}

impl fmt::Display for UnknownSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing in the run is called {}", self.name)
    }
}

impl std::error::Error for UnknownSubject {}

/// What the name means above all: a command, else a service, a node, a host, the newest task of that name.
pub(super) fn find(run: &Run<'_>, name: &str) -> Result<Subject, UnknownSubject> {
    let census = &run.recording.census;
    let subjects = subjects(run);
    let is_meant = |(subject, known): &&(Subject, String)| known == name || census.subject(*subject) == name;
    if let Some((subject, _)) = subjects.iter().find(is_meant) {
        return Ok(*subject);
    }
    task_by_id(run, name).ok_or_else(|| {
        let mut known: Vec<String> = Vec::new();
        for (_, name) in subjects {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        UnknownSubject { name: name.to_owned(), known }
    })
}

/// All that can be asked about with its name, what is meant first coming first. Of what was replaced under the same
/// name, the newest is meant.
fn subjects(run: &Run<'_>) -> Vec<(Subject, String)> {
    let census = &run.recording.census;
    let names = &run.scenario.command_names;
    let commands = run.recording.facts.iter().filter_map(|record| {
        let Fact::Command { command, .. } = record.fact else { return None };
        let named = names.iter().find(|(id, _)| *id == command).map(|(_, name)| name.clone());
        Some((Subject::Command(command), named.unwrap_or_else(|| format!("command/{}", command.0))))
    });
    let hosts = census.names().hosts().map(|(id, name)| (Subject::Host(id), name.to_owned()));
    let mut subjects: Vec<(Subject, String)> = commands.collect();
    subjects.extend(newest_first(
        census.services().map(|(id, entry)| (Subject::Service(id), entry.name.clone())),
    ));
    subjects.extend(newest_first(census.nodes().map(|(id, _)| (Subject::Node(id), census.node_name(id)))));
    subjects.extend(hosts);
    let traffic = run.view.setup().traffic.iter().enumerate();
    subjects.extend(
        traffic.map(|(place, one)| (Subject::Traffic(TrafficId::from_index(place)), one.name.clone())),
    );
    subjects.extend(newest_first(census.tasks().map(|(id, _)| (Subject::Task(id), census.task_name(id)))));
    subjects
}

fn newest_first(objects: impl Iterator<Item = (Subject, String)>) -> impl Iterator<Item = (Subject, String)> {
    objects.collect::<Vec<_>>().into_iter().rev()
}

/// The task whose id begins like this.
fn task_by_id(run: &Run<'_>, beginning: &str) -> Option<Subject> {
    let census = &run.recording.census;
    let is_meant = |text: String| beginning.len() >= ID_LENGTH_MIN && text.starts_with(beginning);
    let mut tasks = census.tasks().filter(|(id, _)| is_meant(id.text(census.names().seed())));
    tasks.next().map(|(id, _)| Subject::Task(id))
}
