//! What is expected of services, nodes, tasks, the cluster and commands.
use super::super::cluster::read_availability;
use super::super::reader::Reader;
use super::super::{raw, timeline};
use super::Entry;
use super::words::{NONE, manager_status, node_state, replicas, task_name, task_state, update_state};
use crate::error::{NameKind, Problem};
use crate::expect::{ClusterCondition, NodeCondition, Outcome, ServiceCondition, Subject, TaskCondition};
use crate::file::{ClusterStateFile, Names, TextOrList};
use crate::suggest;

impl Entry<'_, '_> {
    pub(super) fn service(&mut self) -> Option<Subject> {
        let services = &self.timeline.services;
        let name = self.given("service", self.file.service.as_ref(), |reader, name, at| {
            timeline::service(reader, services, name, at);
            Some(name.to_owned())
        })?;
        let mut conditions = Vec::new();
        conditions.extend(self.bounds("running", self.file.running.as_ref()).map(ServiceCondition::Running));
        conditions.extend(self.bounds("pending", self.file.pending.as_ref()).map(ServiceCondition::Pending));
        conditions.extend(self.bounds("tasks", self.file.tasks.as_ref()).map(ServiceCondition::Tasks));
        conditions.extend(self.given("replicas", self.file.replicas.as_ref(), replicas));
        conditions.extend(
            self.given("update", self.file.update.as_ref(), update_state).map(ServiceCondition::Update),
        );
        Some(Subject::Service { name, conditions })
    }

    pub(super) fn node(&mut self) -> Option<Subject> {
        let Some(TextOrList::Text(text)) = &self.file.node else {
            return self.fail(
                Problem::WrongShape { expected: "one node".to_owned() },
                "write an entry for each node",
            );
        };
        let names = self.names;
        let (host, number) = self.given("node", Some(text), |reader, text, at| {
            let (name, number) = match crate::expect::nth_node(text) {
                Some(sim_core::model::command::NodeReference::Nth { hostname, number }) => {
                    (hostname, Some(number))
                }
                _ => (text.to_owned(), None),
            };
            Some((reader.host(names, &name, at)?, number))
        })?;
        let mut conditions = Vec::new();
        conditions
            .extend(self.given("status", self.file.status.as_ref(), node_state).map(NodeCondition::Status));
        let availability = self.given("availability", self.file.availability.as_ref(), read_availability);
        conditions.extend(availability.map(NodeCondition::Availability));
        conditions.extend(
            self.given("manager", self.file.manager.as_ref(), manager_status).map(NodeCondition::Manager),
        );
        conditions.extend(self.bounds("running", self.file.running.as_ref()).map(NodeCondition::Running));
        Some(Subject::Node { host, number, conditions })
    }

    pub(super) fn task(&mut self) -> Option<Subject> {
        let (names, services) = (self.names, &self.timeline.services);
        let task = self.given("task", self.file.task.as_ref(), |reader, text, at| {
            let task = task_name(reader, text, at, names)?;
            timeline::service(reader, services, &task.service, at);
            Some(task)
        })?;
        let mut conditions = Vec::new();
        conditions
            .extend(self.given("state", self.file.state.as_ref(), task_state).map(TaskCondition::State));
        conditions.extend(
            self.given("desired", self.file.desired.as_ref(), task_state).map(TaskCondition::Desired),
        );
        if let Some(nodes) = &self.file.node {
            let hosts = self.reader.only_hosts(names, nodes.texts(), &self.pointer.key("node"));
            conditions.push(TaskCondition::Node(hosts));
        }
        conditions
            .extend(self.given("error", self.file.error.as_ref(), Reader::text).map(TaskCondition::Error));
        Some(Subject::Task { task, conditions })
    }

    pub(super) fn cluster(&mut self) -> Option<Subject> {
        let ClusterStateFile { leader, ready } = &self.file.cluster.as_ref()?.value;
        let mut conditions = Vec::new();
        if let Some(leader) = leader {
            conditions.push(ClusterCondition::Leader(self.leaders(leader)));
        }
        conditions.extend(self.bounds("cluster/ready", ready.as_ref()).map(ClusterCondition::Ready));
        Some(Subject::Cluster { conditions })
    }

    /// Hosts of which one leads; empty for `none`.
    fn leaders(&mut self, leader: &Names) -> Vec<sim_core::model::HostId> {
        match leader {
            TextOrList::Text(text) if raw(text) == NONE => Vec::new(),
            TextOrList::Text(_) | TextOrList::List(_) => {
                self.reader.only_hosts(self.names, leader.texts(), &self.pointer.key("cluster").key("leader"))
            }
        }
    }

    pub(super) fn command(&mut self) -> Option<Subject> {
        let known = &self.timeline.command_names;
        let name = self.given("command", self.file.command.as_ref(), |reader, name, at| {
            if !known.contains_key(name) {
                let help = suggest::help(name, known.keys().map(String::as_str), "commands with an `id`");
                reader.fail(
                    at.clone(),
                    Problem::UnknownName { kind: NameKind::Command, name: name.to_owned() },
                    help,
                );
            }
            Some(name.to_owned())
        })?;
        let outcome = self.outcome()?;
        let commands = known.get(&name).cloned().unwrap_or_default();
        Some(Subject::Command { name, commands, outcome })
    }

    /// What becomes of a command.
    fn outcome(&mut self) -> Option<Outcome> {
        let succeeds = self.given("succeeds", self.file.succeeds.as_ref(), Reader::boolean);
        let fails = self.given("fails", self.file.fails.as_ref(), Reader::text);
        let prints = self.file.prints.as_ref().map(|texts| {
            let texts = texts.texts().iter();
            texts.filter_map(|text| self.given("prints", Some(text), Reader::text)).collect::<Vec<_>>()
        });
        match (succeeds, fails, prints) {
            (Some(true), None, None) => Some(Outcome::Succeeds),
            (Some(false), None, None) => Some(Outcome::Fails(String::new())),
            (None, Some(text), None) => Some(Outcome::Fails(text)),
            (None, None, Some(texts)) if texts.is_empty() => {
                let problem = Problem::Contradiction("nothing is expected here");
                self.fail(problem, "write a part of what it prints")
            }
            (None, None, Some(texts)) => Some(Outcome::Prints(texts)),
            (None, None, None) => None,
            (succeeds, fails, prints) => {
                let given = [
                    ("succeeds", succeeds.is_some()),
                    ("fails", fails.is_some()),
                    ("prints", prints.is_some()),
                ];
                let help = "a command that prints something succeeds, one that fails is expected to complain";
                self.reader.exactly_one(&given, &self.at, help);
                None
            }
        }
    }
}
