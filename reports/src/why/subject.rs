//! What a name in a question means.
use std::collections::BTreeSet;
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
    /// All names of commands, services, nodes, hosts, sources of traffic and tasks, each kind in order of creation.
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
    let kinds = subjects(run);
    let is_meant = |(subject, known): &&(Subject, String)| known == name || census.subject(*subject) == name;
    let [commands, others @ ..] = &kinds;
    // Of a list of commands under one name the first is meant, of what was replaced under the same name the last.
    let others = || others.iter().find_map(|names| names.iter().rev().find(is_meant));
    if let Some((subject, _)) = commands.iter().find(is_meant).or_else(others) {
        return Ok(*subject);
    }
    task_by_id(run, name).ok_or_else(|| {
        let mut seen = BTreeSet::new();
        let known = kinds.into_iter().flatten().map(|(_, name)| name);
        UnknownSubject {
            name: name.to_owned(),
            known: known.filter(|name| seen.insert(name.clone())).collect(),
        }
    })
}

/// All that can be asked about with its name, kind by kind in the order in which kinds are meant, commands first.
fn subjects(run: &Run<'_>) -> [Vec<(Subject, String)>; 6] {
    let census = &run.recording.census;
    let names = &run.scenario.command_names;
    let commands = run.recording.facts.iter().filter_map(|record| {
        let Fact::Command { command, .. } = record.fact else { return None };
        let named = names.iter().find(|(id, _)| *id == command).map(|(_, name)| name.clone());
        Some((Subject::Command(command), named.unwrap_or_else(|| format!("command/{}", command.0))))
    });
    let hosts = census.names().hosts().map(|(id, name)| (Subject::Host(id), name.to_owned()));
    let services = census.services().map(|(id, entry)| (Subject::Service(id), entry.name.clone()));
    let nodes = census.nodes().map(|(id, _)| (Subject::Node(id), census.node_name(id)));
    let traffic = run.view.setup().traffic.iter().enumerate();
    let traffic =
        traffic.map(|(place, one)| (Subject::Traffic(TrafficId::from_index(place)), one.name.clone()));
    let tasks = census.tasks().map(|(id, _)| (Subject::Task(id), census.task_name(id)));
    [
        commands.collect(),
        services.collect(),
        nodes.collect(),
        hosts.collect(),
        traffic.collect(),
        tasks.collect(),
    ]
}

/// The task whose id begins like this.
fn task_by_id(run: &Run<'_>, beginning: &str) -> Option<Subject> {
    let census = &run.recording.census;
    let is_meant = |text: String| beginning.len() >= ID_LENGTH_MIN && text.starts_with(beginning);
    let mut tasks = census.tasks().filter(|(id, _)| is_meant(id.text(census.names().seed())));
    tasks.next().map(|(id, _)| Subject::Task(id))
}
