//! The commands of the scheduler's text tests.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::super::failures::VersionedService;
use super::super::filters::FILTERS;
use super::super::needs::Needs;
use super::objects;
use crate::bench::{Bench, LoopKind, LoopSettings, World};
use crate::kernel::{SimDuration, SimTime};
use crate::model::setup::PlacementStrategy;
use crate::model::{
    Annotations, ExplainWish, Node, NodeId, Service, ServiceId, ServiceMode, ServiceSpec, Slot, Task, TaskId,
    TaskSpec, TaskState,
};
use crate::store::{ChangeSet, ObjectChange, StoreError, Transaction};
use crate::text_test::objects::ready_node;
use crate::text_test::{Command, split_words, values};

/// The bench with names for its objects.
pub(super) struct Script {
    bench: Bench,
    started: bool,
    nodes: BTreeMap<String, NodeId>,
    services: BTreeMap<String, ServiceId>,
    /// A task of each service that new ones are like.
    likes: BTreeMap<String, Task>,
    tasks: BTreeMap<String, TaskId>,
    slots: BTreeMap<String, u32>,
    log: Log,
    /// Explanations that were printed.
    explained: usize,
}

/// What was written to tasks since it was printed last.
#[derive(Default)]
struct Log {
    /// Writes from outside come without being listened to.
    listening: bool,
    changes: Vec<(SimTime, Arc<Task>)>,
    commits: u64,
}

impl World for Log {
    fn committed(&mut self, changes: &ChangeSet, bench: &mut Bench) {
        if !std::mem::replace(&mut self.listening, true) {
            return;
        }
        self.commits += 1;
        for change in changes.iter() {
            if let ObjectChange::Task(delta) = &change.object {
                let task = delta.new.as_ref().expect("loops delete no task here");
                self.changes.push((bench.now(), Arc::clone(task)));
            }
        }
    }

    fn alarm(&mut self, alarm: u64, _bench: &mut Bench) {
        unreachable!("nobody has set alarm {alarm}");
    }
}

impl Script {
    pub(super) fn new(words: &[String]) -> Self {
        let get = |key| values(words, key).next();
        let strategy = match get("strategy") {
            None => PlacementStrategy::Swarmkit,
            Some("classic-spread") => PlacementStrategy::ClassicSpread,
            Some("classic-binpack") => PlacementStrategy::ClassicBinpack,
            Some("classic-random") => PlacementStrategy::ClassicRandom,
            Some(other) => panic!("unknown strategy {other}"),
        };
        let settings = LoopSettings {
            seed: get("seed").map_or(0, |seed| seed.parse().expect("a seed")),
            seeded_ties: get("ties") == Some("seeded"),
            strategy,
            ..LoopSettings::default()
        };
        let kind = match get("loops") {
            Some("enforcer") => LoopKind::ConstraintEnforcer,
            _ => LoopKind::Scheduler,
        };
        Script {
            bench: Bench::new(&[kind], &settings),
            started: false,
            nodes: BTreeMap::new(),
            services: BTreeMap::new(),
            likes: BTreeMap::new(),
            tasks: BTreeMap::new(),
            slots: BTreeMap::new(),
            log: Log::default(),
            explained: 0,
        }
    }

    pub(super) fn run(&mut self, command: &Command<'_>) -> String {
        match command.name {
            "new" => {
                *self = Script::new(&command.words);
                "ok".to_owned()
            }
            "start" => {
                self.started = true;
                self.log.listening = true;
                self.bench.start();
                self.settle(command)
            }
            "do" => {
                self.transact(&command.body);
                self.log.listening = false;
                self.settle(command)
            }
            "place" => self.place(command),
            "count" => self.count(&command.words[0]),
            "inspect" => self.inspect(),
            "explain" => {
                let slot = command.get("slot").map(|slot| Slot(slot.parse().expect("a number")));
                let service = command.get("service").expect("service=").to_owned();
                self.bench.explain(ExplainWish { service, slot });
                "ok".to_owned()
            }
            "explained" => {
                let given = &self.bench.explanations()[self.explained..];
                self.explained += given.len();
                given
                    .iter()
                    .map(|explanation| explanation.text(|node| self.node_name(node).to_owned()))
                    .collect()
            }
            "explain-now" => {
                let task = self.tasks[&command.words[0]];
                let explanation = self.bench.explain_now(task).expect("a task of a service");
                explanation.text(|node| self.node_name(node).to_owned())
            }
            "filters" => self.filters(command),
            "repeat" => self.repeat(command),
            other => panic!("unknown command {other}"),
        }
    }

    fn transact(&mut self, lines: &[&str]) {
        let mut bench = std::mem::replace(&mut self.bench, Bench::new(&[], &LoopSettings::default()));
        let written: Result<(), StoreError> = bench.transact(|transaction| {
            lines.iter().try_for_each(|line| self.write(&split_words(line), transaction))
        });
        written.unwrap_or_else(|error| panic!("{lines:?}: {error}"));
        self.bench = bench;
    }

    fn write(&mut self, words: &[String], transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let (kind, name, words) = (words[0].as_str(), words[1].as_str(), &words[2..]);
        match kind {
            "node" => {
                let mut node = ready_node(transaction.mint_node());
                objects::change_node(&mut node, words);
                self.nodes.insert(name.to_owned(), node.id);
                transaction.create_node(node)
            }
            "change-node" => {
                let mut node = Node::clone(transaction.store().node(self.nodes[name]).expect("a node"));
                objects::change_node(&mut node, words);
                transaction.update_node(node)
            }
            "clear-node" => {
                let tasks = transaction.store().tasks_of_node(self.nodes[name]);
                let tasks: Vec<TaskId> = tasks.map(|task| task.id).collect();
                tasks.into_iter().try_for_each(|task| transaction.delete_task(task))
            }
            "delete-node" => transaction.delete_node(self.nodes[name]),
            "service" => {
                let service = self.like(name, words, transaction);
                transaction.create_service(service)
            }
            "like" => {
                self.like(name, words, transaction);
                Ok(())
            }
            "delete-service" => transaction.delete_service(self.services[name]),
            "service-version" => {
                let stored = transaction.store().service(self.services[name]).expect("a service");
                let mut service = Service::clone(stored);
                service.spec_version = words[0].parse().ok();
                transaction.update_service(service)
            }
            "tasks" => {
                let count: u32 = words[0].parse().expect("a number of tasks");
                (0..count).try_for_each(|_| self.create_task(None, name, &words[1..], transaction))
            }
            "task" => {
                let service = values(words, "service").next().unwrap_or("").to_owned();
                self.create_task(Some(name), &service, words, transaction)
            }
            "change-task" => {
                let mut task = Task::clone(transaction.store().task(self.tasks[name]).expect("a task"));
                objects::change_task(&mut task, words);
                if let Some(node) = values(words, "node").next() {
                    task.node = self.nodes.get(node).copied();
                }
                transaction.update_task(task)
            }
            "delete-task" => transaction.delete_task(self.tasks[name]),
            other => panic!("unknown line {other}"),
        }
    }

    /// Notes what the tasks of a service are like.
    fn like(&mut self, name: &str, words: &[String], transaction: &mut Transaction<'_>) -> Service {
        let id = transaction.mint_service();
        let mut task = Task::new(TaskId(0), Arc::new(TaskSpec::default()), SimTime::ZERO);
        task.service = Some(id);
        task.service_annotations = Arc::new(Annotations { name: name.to_owned(), ..Annotations::default() });
        task.status.state = TaskState::Pending;
        task.status.message = "pending task scheduling".into();
        objects::change_task(&mut task, words);
        let spec = ServiceSpec {
            annotations: Annotations { name: name.to_owned(), ..Annotations::default() },
            task: Arc::clone(&task.spec),
            mode: ServiceMode::Replicated { replicas: 0 },
            update: None,
            rollback: None,
            endpoint: None,
        };
        let service = Service { spec_version: task.spec_version, ..Service::new(id, Arc::new(spec)) };
        self.services.insert(name.to_owned(), id);
        self.likes.insert(name.to_owned(), task);
        service
    }

    fn create_task(
        &mut self,
        name: Option<&str>,
        service: &str,
        words: &[String],
        transaction: &mut Transaction<'_>,
    ) -> Result<(), StoreError> {
        let none = || {
            let mut task = Task::new(TaskId(0), Arc::new(TaskSpec::default()), SimTime::ZERO);
            task.status.state = TaskState::Pending;
            task
        };
        let mut task = self.likes.get(service).cloned().unwrap_or_else(none);
        task.id = transaction.mint_task();
        let slot = self.slots.entry(service.to_owned()).or_default();
        *slot += 1;
        task.slot = Slot(*slot);
        objects::change_task(&mut task, words);
        if let Some(node) = values(words, "node").next() {
            // A node that never exists has a number beyond all others.
            task.node = Some(self.nodes.get(node).copied().unwrap_or(NodeId(u32::MAX)));
        }
        let name = name.map_or_else(|| format!("{service}.{slot}"), str::to_owned);
        self.tasks.insert(name, task.id);
        transaction.create_task(task)
    }

    /// Lets time run and prints what was written.
    fn settle(&mut self, command: &Command<'_>) -> String {
        let limit = command.get("for").map(|text| self.bench.now() + duration(text));
        let now = self.bench.now();
        self.bench.run_until(now, &mut self.log);
        if self.started {
            while let Some(due) = self.bench.next_time().filter(|due| limit.is_none_or(|limit| *due <= limit))
            {
                self.bench.run_until(due, &mut self.log);
            }
            if let Some(limit) = limit {
                self.bench.run_until(limit, &mut self.log);
            }
        }
        let by_name = command.words.iter().any(|word| word == "names");
        let text = self.written(by_name);
        if text.is_empty() { "nothing".to_owned() } else { text }
    }

    fn written(&mut self, by_name: bool) -> String {
        let mut lines: Vec<((SimTime, String), BTreeMap<String, usize>)> = Vec::new();
        let names: BTreeMap<TaskId, &String> = self.tasks.iter().map(|(name, id)| (*id, name)).collect();
        for (at, task) in std::mem::take(&mut self.log.changes) {
            let service = self.services.iter().find(|(_, id)| Some(**id) == task.service);
            let who = if by_name {
                names[&task.id].clone()
            } else {
                service.map_or("-", |(name, _)| name).to_owned()
            };
            let (kind, node) = match (task.status.state, task.node) {
                (TaskState::Assigned, Some(node)) => (who, format!("{} +", self.node_name(node))),
                (TaskState::Pending, None) => (format!("{who}: {}", task.status.err), String::new()),
                (TaskState::Pending, Some(node)) => {
                    (format!("{who}: {}", task.status.err), format!("{} ", self.node_name(node)))
                }
                (state, _) => {
                    (format!("{who}: {state} '{}' '{}'", task.status.message, task.status.err), String::new())
                }
            };
            let key = (at, kind);
            match lines.iter_mut().find(|(known, _)| *known == key) {
                Some((_, counts)) => *counts.entry(node).or_default() += 1,
                None => lines.push((key, BTreeMap::from([(node, 1)]))),
            }
        }
        let mut text = String::new();
        for ((at, kind), counts) in lines {
            let counts = counts.iter().map(|(node, count)| match node.strip_suffix('+') {
                Some(node) if by_name => format!(" -> {}", node.trim_end()),
                _ if by_name && node.is_empty() => String::new(),
                _ if node.is_empty() => format!(" x {count}"),
                _ => format!(" {node}{count}"),
            });
            let counts: Vec<String> = counts.collect();
            let _ = writeln!(text, "{at} {kind}{}", counts.join(","));
        }
        text
    }

    fn node_name(&self, id: NodeId) -> &str {
        self.nodes.iter().find(|(_, known)| **known == id).map_or("?", |(name, _)| name)
    }

    fn count(&self, service: &str) -> String {
        let id = self.services[service];
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let placed =
            |task: &&Arc<Task>| (TaskState::Assigned..=TaskState::Running).contains(&task.status.state);
        for task in self.bench.store().tasks_of_service(id).filter(placed).filter(|task| task.is_active()) {
            *counts.entry(self.node_name(task.node.expect("an assigned task"))).or_default() += 1;
        }
        counts.iter().map(|(node, count)| format!("{node} {count}\n")).collect()
    }

    fn inspect(&self) -> String {
        let scheduler = self.bench.scheduler().expect("a scheduler");
        let mut text = format!("known {}, queued {}", scheduler.all_tasks.len(), scheduler.unassigned.len());
        for info in scheduler.nodes.iter() {
            let _ = write!(
                text,
                "\n{}: tracked {}, active {}, cpu {}, memory {}",
                self.node_name(info.id()),
                info.tasks().len(),
                info.active_tasks(),
                info.available().nano_cpus,
                info.available().memory_bytes,
            );
            for entry in &info.available().generic {
                let _ = write!(text, ", {entry:?}");
            }
            for (name, like) in &self.likes {
                for version in [like.spec_version, Some(2)] {
                    let task = Task { spec_version: version, ..like.clone() };
                    let failures = info.failures.count(VersionedService::of(&task), self.bench.now());
                    if failures > 0 {
                        let _ = write!(text, ", failures of {name} v{} {failures}", version.unwrap_or(0));
                    }
                }
            }
        }
        text
    }

    /// The filters that apply to a task with these words.
    fn filters(&self, command: &Command<'_>) -> String {
        let mut task = Task::new(TaskId(0), Arc::new(TaskSpec::default()), SimTime::ZERO);
        objects::change_task(&mut task, &command.words);
        let needs = Needs::of(&task, 0);
        let names = FILTERS.iter().filter(|filter| filter.applies(&needs)).map(|filter| filter.name());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Repeats a transaction `times` times, one `every` so often, and prints what was written.
    fn repeat(&mut self, command: &Command<'_>) -> String {
        let every = duration(command.get("every").expect("every="));
        let times: u64 = command.get("times").expect("times=").parse().expect("a number");
        let start = self.bench.now();
        for number in 1..=times {
            self.transact(&command.body);
            self.log.listening = false;
            self.bench.run_until(start + every.times(number), &mut self.log);
        }
        self.settle(command)
    }

    /// Places `n` new tasks of service `s`, whose words are those of the command. A line a node: its words,
    /// `room` for so many tasks that reserve 1 byte each, tasks of the service (`own`) and of another one
    /// (`other`) that run there, and recent failures of the service (`fail`).
    fn place(&mut self, command: &Command<'_>) -> String {
        *self = Script::new(&command.words);
        let is_setting = |word: &&String| ["n=", "ties=", "seed="].iter().any(|key| word.starts_with(key));
        let service: Vec<&str> =
            command.words.iter().filter(|word| !is_setting(word)).map(String::as_str).collect();
        let mut lines =
            vec![format!("service s {}", service.join(" ")), "service other version=1".to_owned()];
        let mut failing = Vec::new();
        for line in &command.body {
            let words = split_words(line);
            let number =
                |key| -> i64 { values(&words, key).next().map_or(0, |text| text.parse().expect(key)) };
            let (own, other, fail) = (number("own"), number("other"), number("fail"));
            let is_load =
                |word: &&String| ["room=", "own=", "other=", "fail="].iter().any(|key| word.starts_with(key));
            let rest: Vec<&str> =
                words[1..].iter().filter(|word| !is_load(word)).map(String::as_str).collect();
            let name = &words[0];
            let memory = match values(&words, "room").next() {
                None => String::new(),
                Some("plenty") => "memory=1000".to_owned(),
                Some(_) => format!("memory={}", number("room") + own),
            };
            lines.push(format!("node {name} {memory} {}", rest.join(" ")));
            lines.push(format!("tasks s {own} node={name} state=RUNNING"));
            lines.push(format!("tasks other {other} node={name} state=RUNNING"));
            for number in 0..fail {
                lines.push(format!("task fail-{name}-{number} service=s node={name} state=RUNNING"));
                failing.push(format!("change-task fail-{name}-{number} state=FAILED"));
            }
        }
        self.transact_all(&lines);
        self.bench.run_until(SimTime::ZERO, &mut self.log);
        self.started = true;
        self.bench.start();
        self.transact_all(&failing);
        self.bench.run_until(SimTime::from_secs(1), &mut self.log);
        self.transact_all(&[format!("tasks s {}", command.get("n").expect("n="))]);
        self.log = Log::default();
        self.settle(command).replace("1.05s ", "").replace("1.1s ", "then ")
    }

    fn transact_all(&mut self, lines: &[String]) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.transact(&lines);
    }
}

fn duration(text: &str) -> SimDuration {
    match text.strip_suffix("ms") {
        Some(milliseconds) => SimDuration::from_millis(milliseconds.parse().expect("a duration")),
        None => {
            let seconds = text.strip_suffix('s').expect("seconds or milliseconds");
            SimDuration::from_secs(seconds.parse().expect("a duration"))
        }
    }
}
