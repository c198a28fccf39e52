//! `expect`: each entry becomes a time form, a subject and its conditions.
use serde_saphyr::Spanned;
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::{FailureCause, NodeState, ObjectId, TaskState, TrafficId, UpdateState};

use super::cluster::{ResolvedCluster, read_availability};
use super::names::PlaceNames;
use super::reader::{Pointer, Reader};
use super::timeline::{self, ResolvedTimeline};
use crate::error::{Location, NameKind, Problem};
use crate::expect::{
    Bounds, ClusterCondition, Expectation, ManagerStatus, NodeCondition, Outcome, Replica, RequestCount,
    ServiceCondition, Subject, TaskCondition, TaskName, TrafficCondition, When, latency_key,
};
use crate::file::{self, ClusterStateFile, ExpectationFile, Names, Number, Text, TextOrList, TextOrTable};
use crate::suggest;

/// The word for a subject or a state that is not there.
const NONE: &str = "none";

pub(super) fn resolve(
    reader: &mut Reader<'_>,
    files: &[Spanned<ExpectationFile>],
    cluster: &ResolvedCluster,
    timeline: &ResolvedTimeline,
) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let pointer = Pointer::default().key("expect").index(index);
        let at = reader.place(file.referenced, &pointer);
        let mut entry =
            Entry { reader: &mut *reader, file: &file.value, names: &cluster.names, timeline, pointer, at };
        expectations.extend(entry.resolve());
    }
    expectations
}

/// `web.2`, or `agent.w1` for a global service.
pub(super) fn task_name(
    reader: &mut Reader<'_>,
    text: &str,
    at: &Location,
    names: &PlaceNames,
) -> Option<TaskName> {
    let Some((service, replica)) = text.split_once('.').filter(|(service, _)| !service.is_empty()) else {
        let problem = Problem::Invalid { what: "name of a task", text: text.to_owned() };
        reader.fail(
            at.clone(),
            problem,
            "write service and replica, such as `web.2`, or `agent.w1` if it is global",
        );
        return None;
    };
    let host = || names.hosts.get(replica).map(|host| Replica::Host(*host));
    let slot = replica.parse().ok().map(Replica::Slot);
    let Some(replica) = host().or(slot) else {
        let help = suggest::help(replica, names.hosts.keys().map(String::as_str), "hosts");
        let problem = Problem::UnknownName { kind: NameKind::Host, name: replica.to_owned() };
        reader.fail(reader.narrowed(at, replica), problem, help);
        return None;
    };
    Some(TaskName { service: service.to_owned(), replica })
}

/// One entry of the list, being read.
struct Entry<'a, 's> {
    reader: &'a mut Reader<'s>,
    file: &'a ExpectationFile,
    names: &'a PlaceNames,
    timeline: &'a ResolvedTimeline,
    pointer: Pointer,
    at: Location,
}

impl<'s> Entry<'_, 's> {
    fn resolve(&mut self) -> Option<Expectation> {
        let errors = self.reader.errors.len();
        let when = self.when();
        let subject = self.subject(when);
        let because =
            self.reader.given(self.file.because.as_ref(), &self.pointer.key("because"), Reader::text);
        if self.reader.errors.len() > errors {
            return None;
        }
        Some(Expectation { when: when?, subject: subject?, because, at: self.at.clone() })
    }

    fn fail<T>(&mut self, problem: Problem, help: &str) -> Option<T> {
        self.reader.fail(self.at.clone(), problem, help);
        None
    }

    fn given<T>(
        &mut self,
        key: &str,
        text: Option<&Text>,
        read: impl FnOnce(&mut Reader<'s>, &str, &Location) -> Option<T>,
    ) -> Option<T> {
        self.reader.given(text, &self.pointer.key(key), read)
    }

    fn when(&mut self) -> Option<When> {
        let file = self.file;
        let points = [("at", &file.at), ("by", &file.by)];
        let spans = [
            ("between", &file.between),
            ("always", &file.always),
            ("never", &file.never),
            ("sometimes", &file.sometimes),
            ("over", &file.over),
        ];
        let found = points.iter().filter(|(_, time)| time.is_some()).map(|(key, _)| *key);
        let found: Vec<&str> =
            found.chain(spans.iter().filter(|(_, span)| span.is_some()).map(|(key, _)| *key)).collect();
        match found.as_slice() {
            [] if file.command.is_some() => return Some(When::AtEnd),
            [_] => {}
            _ => {
                let of = "`at`, `by`, `between`, `always`, `never`, `sometimes` and `over`";
                let found = found.iter().map(|key| format!("`{key}`")).collect();
                return self.fail(Problem::NotExactlyOne { of, found }, "every expectation has one time");
            }
        }
        for (key, time) in points {
            if time.is_some() {
                let time = self.given(key, time.as_ref(), Reader::time)?;
                return Some(if key == "at" { When::At(time) } else { When::By(time) });
            }
        }
        let (key, span) = spans.into_iter().find_map(|(key, span)| Some((key, span.as_ref()?)))?;
        let (first, last) = self.span(key, span)?;
        Some(match key {
            "between" => When::Between(first, last),
            "always" => When::Always(first, last),
            "never" => When::Never(first, last),
            "over" => return self.over(first, last, span),
            _ => When::Sometimes(first, last),
        })
    }

    /// Requests are counted by the second, and only they are counted over a time.
    fn over(&mut self, first: SimTime, last: SimTime, span: &Spanned<Vec<Text>>) -> Option<When> {
        let at = self.reader.place(span.referenced, &self.pointer.key("over"));
        let is_whole = |time: SimTime| time.as_nanos().is_multiple_of(1_000_000_000);
        if self.file.traffic.is_none() {
            let reason = "it belongs to `traffic`";
            self.reader.fail(at, Problem::KeyNotAllowed { key: "over".to_owned(), reason }, "");
        } else if !is_whole(first) || !is_whole(last) || first == last {
            let problem = Problem::Contradiction("requests are counted by the second");
            self.reader.fail(at, problem, "write two different whole seconds, such as `[30s, 40s]`");
        } else {
            return Some(When::Over(first, last));
        }
        None
    }

    fn span(&mut self, key: &str, span: &Spanned<Vec<Text>>) -> Option<(SimTime, SimTime)> {
        let at = self.reader.place(span.referenced, &self.pointer.key(key));
        let [first, last] = span.value.as_slice() else {
            let problem = Problem::WrongShape { expected: "a list of two times".to_owned() };
            self.reader.fail(at, problem, "write the first and the last time, such as `[39s, 47s]`");
            return None;
        };
        let first = self.given(key, Some(first), Reader::time);
        let last = self.given(key, Some(last), Reader::time);
        let (first, last) = (first?, last?);
        if first > last || (first == last && key == "between") {
            self.reader.fail(at, Problem::EmptyInterval, "write the earlier time first");
            return None;
        }
        Some((first, last))
    }

    fn subject(&mut self, when: Option<When>) -> Option<Subject> {
        let file = self.file;
        let subjects = [
            ("service", file.service.is_some()),
            ("task", file.task.is_some()),
            // With a task, `node` is a condition.
            ("node", file.node.is_some() && file.task.is_none()),
            ("cluster", file.cluster.is_some()),
            ("command", file.command.is_some()),
            ("traffic", file.traffic.is_some()),
        ];
        let found: Vec<&str> =
            subjects.into_iter().filter(|(_, is_given)| *is_given).map(|(key, _)| key).collect();
        let [subject] = found.as_slice() else {
            let of = "`service`, `node`, `task`, `cluster`, `command` and `traffic`";
            let found = found.iter().map(|key| format!("`{key}`")).collect();
            return self.fail(Problem::NotExactlyOne { of, found }, "every expectation is about one thing");
        };
        self.check_conditions(subject)?;
        match *subject {
            "service" => self.service(),
            "task" => self.task(),
            "node" => self.node(),
            "cluster" => self.cluster(),
            "traffic" => self.traffic(when),
            _ => self.command(),
        }
    }

    /// There is a condition, and all conditions belong to the subject.
    fn check_conditions(&mut self, subject: &str) -> Option<()> {
        let file = self.file;
        let number = |number: &Option<Number>| {
            number.as_ref().map(|number| match number {
                TextOrTable::Text(text) => text.referenced,
                TextOrTable::Table(table) => table.referenced,
            })
        };
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.referenced);
        let state = file.cluster.as_ref().map(|cluster| &cluster.value);
        let keys: [(&str, Option<_>, &[&str]); 31] = [
            ("running", number(&file.running), &["service", "node"]),
            ("replicas", text(&file.replicas), &["service"]),
            ("pending", number(&file.pending), &["service"]),
            ("tasks", number(&file.tasks), &["service", "traffic"]),
            ("update", text(&file.update), &["service"]),
            ("status", text(&file.status), &["node"]),
            ("availability", text(&file.availability), &["node"]),
            ("manager", text(&file.manager), &["node"]),
            ("state", text(&file.state), &["task"]),
            ("desired", text(&file.desired), &["task"]),
            ("node", file.node.as_ref().filter(|_| file.task.is_some()).map(TextOrList::position), &["task"]),
            ("error", text(&file.error), &["task"]),
            ("leader", state.and_then(|state| state.leader.as_ref()).map(TextOrList::position), &["cluster"]),
            ("ready", state.and_then(|state| number(&state.ready)), &["cluster"]),
            ("succeeds", text(&file.succeeds), &["command"]),
            ("fails", text(&file.fails), &["command"]),
            ("prints", file.prints.as_ref().map(TextOrList::position), &["command"]),
            ("sent", number(&file.sent), &["traffic"]),
            ("ok", number(&file.ok), &["traffic"]),
            ("failed", number(&file.failed), &["traffic"]),
            ("refused", number(&file.refused), &["traffic"]),
            ("black_hole", number(&file.black_hole), &["traffic"]),
            ("reset", number(&file.reset), &["traffic"]),
            ("timeout", number(&file.timeout), &["traffic"]),
            ("entry_down", number(&file.entry_down), &["traffic"]),
            ("unresolved", number(&file.unresolved), &["traffic"]),
            ("retried", number(&file.retried), &["traffic"]),
            ("p50", number(&file.p50), &["traffic"]),
            ("p90", number(&file.p90), &["traffic"]),
            ("p99", number(&file.p99), &["traffic"]),
            ("max", number(&file.max), &["traffic"]),
        ];
        let mut count = 0;
        for (key, position, subjects) in keys {
            let Some(position) = position else { continue };
            count += 1;
            if !subjects.contains(&subject) {
                let at = self.reader.place(position, &self.pointer.key(key));
                let reason = "it says nothing about this subject";
                let own = keys
                    .iter()
                    .filter(|(_, _, subjects)| subjects.contains(&subject))
                    .map(|(key, _, _)| *key);
                let help = format!("of a {subject} one can expect: {}", own.collect::<Vec<_>>().join(", "));
                self.reader.fail(at, Problem::KeyNotAllowed { key: key.to_owned(), reason }, help);
                return None;
            }
        }
        if count == 0 {
            let own =
                keys.iter().filter(|(_, _, subjects)| subjects.contains(&subject)).map(|(key, _, _)| *key);
            let help = format!("of a {subject} one can expect: {}", own.collect::<Vec<_>>().join(", "));
            return self.fail(Problem::Contradiction("nothing is expected here"), &help);
        }
        Some(())
    }

    fn service(&mut self) -> Option<Subject> {
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

    fn node(&mut self) -> Option<Subject> {
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

    fn task(&mut self) -> Option<Subject> {
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

    fn cluster(&mut self) -> Option<Subject> {
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
            TextOrList::Text(text) if super::raw(text) == NONE => Vec::new(),
            TextOrList::Text(_) | TextOrList::List(_) => {
                self.reader.only_hosts(self.names, leader.texts(), &self.pointer.key("cluster").key("leader"))
            }
        }
    }

    fn command(&mut self) -> Option<Subject> {
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
        let succeeds = self.given("succeeds", self.file.succeeds.as_ref(), Reader::boolean);
        let fails = self.given("fails", self.file.fails.as_ref(), Reader::text);
        let prints = self.file.prints.as_ref().map(|texts| {
            let texts = texts.texts().iter();
            texts.filter_map(|text| self.given("prints", Some(text), Reader::text)).collect::<Vec<_>>()
        });
        let outcome = match (succeeds, fails, prints) {
            (Some(true), None, None) => Outcome::Succeeds,
            (Some(false), None, None) => Outcome::Fails(String::new()),
            (None, Some(text), None) => Outcome::Fails(text),
            (None, None, Some(texts)) => Outcome::Prints(texts),
            (None, None, None) => return None,
            (succeeds, fails, prints) => {
                let of = "`succeeds`, `fails` and `prints`";
                let given = [
                    ("succeeds", succeeds.is_some()),
                    ("fails", fails.is_some()),
                    ("prints", prints.is_some()),
                ];
                let found = given.iter().filter(|(_, given)| *given).map(|(key, _)| format!("`{key}`"));
                let found = found.collect();
                return self.fail(
                    Problem::NotExactlyOne { of, found },
                    "a command that prints something succeeds, one that fails is expected to complain",
                );
            }
        };
        if outcome == Outcome::Prints(Vec::new()) {
            return self
                .fail(Problem::Contradiction("nothing is expected here"), "write a part of what it prints");
        }
        let commands = known.get(&name).cloned().unwrap_or_default();
        Some(Subject::Command { name, commands, outcome })
    }

    fn traffic(&mut self, when: Option<When>) -> Option<Subject> {
        let known = &self.timeline.traffic;
        let name = self.given("traffic", self.file.traffic.as_ref(), |_, name, _| Some(name.to_owned()))?;
        let Some(place) = known.iter().position(|traffic| traffic.name == name) else {
            let names = known.iter().map(|traffic| traffic.name.as_str());
            let help = suggest::help(&name, names, "sources of traffic");
            return self.fail(Problem::UnknownName { kind: NameKind::Traffic, name }, &help);
        };
        let mut conditions = Vec::new();
        let file = self.file;
        let counts = [
            (RequestCount::Sent, &file.sent),
            (RequestCount::Answered, &file.ok),
            (RequestCount::Failed, &file.failed),
            (RequestCount::FailedBy(FailureCause::Refused), &file.refused),
            (RequestCount::FailedBy(FailureCause::BlackHole), &file.black_hole),
            (RequestCount::FailedBy(FailureCause::Reset), &file.reset),
            (RequestCount::FailedBy(FailureCause::Timeout), &file.timeout),
            (RequestCount::FailedBy(FailureCause::EntryDown), &file.entry_down),
            (RequestCount::FailedBy(FailureCause::Unresolved), &file.unresolved),
            (RequestCount::Retries, &file.retried),
            (RequestCount::Tasks, &file.tasks),
        ];
        for (count, number) in counts {
            let bounds = self.bounds(count.key(), number.as_ref());
            conditions.extend(bounds.map(|bounds| TrafficCondition::Count(count, bounds)));
        }
        for (percent, number) in [(50, &file.p50), (90, &file.p90), (99, &file.p99), (100, &file.max)] {
            conditions.extend(self.latency(percent, number.as_ref()));
        }
        let over = if let Some(When::Over(first, last)) = when {
            self.only_counts_of_seconds(&conditions)?;
            Some((first, last))
        } else {
            None
        };
        Some(Subject::Traffic { traffic: TrafficId::from_index(place), name, over, conditions })
    }

    /// Latencies, retries and tasks are known for all requests together only.
    fn only_counts_of_seconds(&mut self, conditions: &[TrafficCondition]) -> Option<()> {
        let is_whole = |condition: &TrafficCondition| match condition {
            TrafficCondition::Count(RequestCount::Retries | RequestCount::Tasks, _)
            | TrafficCondition::Latency { .. } => true,
            TrafficCondition::Count(..) => false,
        };
        if !conditions.iter().any(is_whole) {
            return Some(());
        }
        let problem = Problem::Contradiction("latencies, retries and tasks are not counted by the second");
        self.fail(problem, "expect them at a time: they are about all requests until then")
    }

    /// A latency at most, or its bounds.
    fn latency(&mut self, percent: u8, number: Option<&Number>) -> Option<TrafficCondition> {
        let key = latency_key(percent);
        let (min, max) = match number? {
            TextOrTable::Text(text) => (SimDuration::ZERO, self.given(key, Some(text), Reader::duration)?),
            TextOrTable::Table(table) => {
                let file::Bounds { min, max } = &table.value;
                let min = self.given(key, min.as_ref(), Reader::duration).unwrap_or_default();
                let longest = SimDuration::from_nanos(u64::MAX);
                (min, self.given(key, max.as_ref(), Reader::duration).unwrap_or(longest))
            }
        };
        Some(TrafficCondition::Latency { percent, min, max })
    }

    fn bounds(&mut self, key: &str, number: Option<&Number>) -> Option<Bounds> {
        const MAX: u64 = 1_000_000_000;
        let read =
            |reader: &mut Reader<'_>, text: &str, at: &Location| reader.number(text, at, "number", MAX);
        let table = match number? {
            TextOrTable::Text(text) => return self.given(key, Some(text), read).map(Bounds::exactly),
            TextOrTable::Table(table) => table,
        };
        let file::Bounds { min, max } = &table.value;
        let min_value = self.given(key, min.as_ref(), read).unwrap_or(0);
        let max_value = self.given(key, max.as_ref(), read).unwrap_or(u64::MAX);
        let problem = match (min, max) {
            (None, None) => "these bounds bound nothing",
            _ if min_value > max_value => "`min` is larger than `max`",
            _ => return Some(Bounds { min: min_value, max: max_value }),
        };
        let at = self.reader.place(table.referenced, &self.pointer.key(key));
        self.reader.fail(at, Problem::Contradiction(problem), "give `min`, `max` or both");
        None
    }
}

/// `6/8`.
fn replicas(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<ServiceCondition> {
    let parts = text.split_once('/');
    let parts = parts
        .and_then(|(running, desired)| Some((running.trim().parse().ok()?, desired.trim().parse().ok()?)));
    let Some((running, desired)) = parts else {
        let problem = Problem::Invalid { what: "number of replicas", text: text.to_owned() };
        reader.fail(at.clone(), problem, "write it as docker does: running and wanted, such as `6/6`");
        return None;
    };
    Some(ServiceCondition::Replicas { running, desired })
}

fn update_state(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<Option<UpdateState>> {
    let states = [
        UpdateState::Updating,
        UpdateState::Paused,
        UpdateState::Completed,
        UpdateState::RollbackStarted,
        UpdateState::RollbackPaused,
        UpdateState::RollbackCompleted,
    ];
    let words = states.map(|state| (state.name(), Some(state)));
    reader.word(text, at, "state of an update", &with_none(&words))
}

fn node_state(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<Option<NodeState>> {
    let states = [NodeState::Unknown, NodeState::Down, NodeState::Ready, NodeState::Disconnected];
    let words = states.map(|state| (state.name(), Some(state)));
    reader.word(text, at, "status of a node", &with_none(&words))
}

fn manager_status(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<Option<ManagerStatus>> {
    let words = [
        ("Leader", Some(ManagerStatus::Leader)),
        ("Reachable", Some(ManagerStatus::Reachable)),
        ("Unreachable", Some(ManagerStatus::Unreachable)),
    ];
    reader.word(text, at, "manager status", &with_none(&words))
}

fn task_state(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<TaskState> {
    let words = TaskState::ALL.map(|state| (state.name(), state));
    reader.word(text, at, "state of a task", &words)
}

fn with_none<'a, T: Copy>(words: &[(&'a str, Option<T>)]) -> Vec<(&'a str, Option<T>)> {
    words.iter().copied().chain([(NONE, None)]).collect()
}
