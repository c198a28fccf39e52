//! The commands of the orchestrators' text tests.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::agents::{Surroundings, report};
use super::objects::{
    bare_spec, change_node, change_spec, driver, duration, new_node, number, state, update_state,
};
use crate::bench::{Bench, MemberList, remove_node, rollback_service, update_service};
use crate::kernel::SimDuration;
use crate::manager::loops::LoopSettings;
use crate::model::{
    Cluster, ClusterId, JobStatus, Node, NodeId, Service, ServiceId, ServiceSpec, Slot, Task, TaskId,
    TaskSpec, TaskState, UpdateStatus,
};
use crate::protocol::LoopKind;
use crate::store::{Store, StoreError, Transaction};

const SEED: u64 = 7;

/// A bench, and what the script knows about it.
#[derive(Default)]
pub(super) struct Script {
    bench: Option<Bench>,
    around: Surroundings,
    nodes: BTreeMap<String, NodeId>,
    services: BTreeMap<String, ServiceId>,
}

impl Script {
    /// Does all lines of a command and tells what the loops did.
    pub(super) fn run(&mut self, lines: Vec<Vec<String>>) -> String {
        let mut shown = Vec::new();
        for words in lines {
            let (name, words) = words.split_first().expect("a line has a first word");
            shown.extend(self.line(name, words));
            self.settle();
            shown.append(&mut self.around.lines);
        }
        if shown.is_empty() { "nothing".to_owned() } else { self.with_names(shown.join("\n")) }
    }

    fn line(&mut self, name: &str, words: &[String]) -> Option<String> {
        match name {
            "bench" => self.new_bench(words),
            "cluster" => self.change_cluster(words),
            "node" => self.node(words),
            "delete-node" => self.delete_node(&words[0]),
            "remove-node" => self.remove_node(&words[0]),
            "service" => self.create_service(words),
            "write" => self.write_service(words),
            "update" => return self.update(words),
            "rollback" => return self.rollback(&words[0]),
            "remove" => self.remove_service(&words[0]),
            "task" => self.create_task(words),
            "desire" => self.desire(words),
            "place" => self.place(words),
            "delete" => self.delete_task(&words[0]),
            "report" => self.report(words),
            "agents" => self.change_agents(words),
            "start" => self.bench().start(),
            "stop" => self.bench().stop(),
            "run" => self.pass(duration(&words[0])),
            "tasks" => return Some(self.tasks()),
            "waits" => return Some(self.waits(&words[0])),
            other => panic!("no command {other}"),
        }
        None
    }
}

/// Commands that let time pass, or tell something.
impl Script {
    fn pass(&mut self, span: SimDuration) {
        let bench = self.bench.as_mut().expect("a bench");
        bench.run_until(bench.now() + span, &mut self.around);
    }

    fn settle(&mut self) {
        self.pass(SimDuration::ZERO);
    }

    fn tasks(&self) -> String {
        let store = self.store();
        let mut lines: Vec<String> = store.tasks().map(|task| self.describe(task)).collect();
        lines.sort();
        if lines.is_empty() { "no tasks".to_owned() } else { lines.join("\n") }
    }

    fn describe(&self, task: &Task) -> String {
        let mut text = format!(
            "{} {}/{}",
            self.around.names[&task.id],
            task.status.state.name(),
            task.desired_state.name()
        );
        let driver = task.log_driver.as_ref().map_or("", |driver| &driver.name);
        for word in [&task.spec.container.image, driver, &task.service_annotations.name] {
            if !word.is_empty() {
                text.push(' ');
                text.push_str(word);
            }
        }
        text
    }

    fn waits(&self, service: &str) -> String {
        let bench = self.bench.as_ref().expect("a bench");
        let Some(waits) = bench.update_waits(self.services[service]) else { return "no update".to_owned() };
        let mut lines = vec![format!(
            "{:?}, {} of {} slots done, {} failures",
            waits.phase, waits.slots_done, waits.slots, waits.failures
        )];
        lines.extend(waits.workers.iter().map(|worker| format!("{worker:?}")));
        self.around
            .names
            .iter()
            .fold(lines.join("\n"), |text, (task, name)| text.replace(&format!("{task:?}"), name))
    }

    /// The text with names instead of ids.
    fn with_names(&self, text: String) -> String {
        let named = |text: String, (task, name): (&TaskId, &String)| text.replace(&task.text(SEED), name);
        self.around.names.iter().fold(text, named)
    }
}

/// Commands that set the stage.
impl Script {
    /// `bench replicated reaper`
    fn new_bench(&mut self, words: &[String]) {
        *self = Script::default();
        let kinds: Vec<LoopKind> = words.iter().map(|word| kind(word)).collect();
        let settings = LoopSettings { seed: SEED, ..LoopSettings::default() };
        self.bench = Some(Bench::new(&kinds, &settings));
        self.write(|transaction| transaction.create_cluster(Cluster::new(ClusterId(0), Arc::default())));
    }

    fn change_cluster(&mut self, words: &[String]) {
        let mut cluster = Cluster::clone(self.store().cluster().expect("a cluster"));
        let spec = Arc::make_mut(&mut cluster.spec);
        for word in words {
            match word.split_once('=').expect("key=value") {
                ("history", value) => spec.task_history_retention_limit = value.parse().expect("a limit"),
                ("driver", value) => spec.default_log_driver = Some(driver(value)),
                (key, _) => panic!("unknown word {key} of a cluster"),
            }
        }
        self.write(|transaction| transaction.update_cluster(cluster));
    }

    /// `node n1 DOWN`: the node joins or changes.
    fn node(&mut self, words: &[String]) {
        let (name, words) = words.split_first().expect("a name");
        let known = self.nodes.get(name).and_then(|id| self.store().node(*id).cloned());
        if let Some(node) = known {
            let mut node = Node::clone(&node);
            change_node(&mut node, words);
            return self.write(|transaction| transaction.update_node(node));
        }
        let id = self.write(|transaction| {
            let id = transaction.mint_node();
            let mut node = new_node(id, name);
            change_node(&mut node, words);
            transaction.create_node(node).map(|()| id)
        });
        self.nodes.insert(name.clone(), id);
    }

    fn delete_node(&mut self, name: &str) {
        let id = self.nodes[name];
        self.write(|transaction| transaction.delete_node(id));
    }

    /// As the API does it: tasks of the node are orphaned.
    fn remove_node(&mut self, name: &str) {
        let id = self.nodes[name];
        let members = MemberList::default();
        self.write(|transaction| {
            remove_node(transaction, id, true, &members).map_err(|_| StoreError::Abandoned("refused"))
        });
    }

    /// `service web replicas=2 image=v1`: written without the API, so without a spec version unless one is given.
    fn create_service(&mut self, words: &[String]) {
        let (name, words) = words.split_first().expect("a name");
        let mut spec = bare_spec(name);
        let others = change_spec(&mut spec, words);
        let mut service = Service::new(ServiceId(0), Arc::new(spec));
        if service.spec.mode.is_job() {
            service.job_status = Some(JobStatus { iteration: 0, last_execution: self.bench().now() });
        }
        others.iter().for_each(|word| change_object(&mut service, word));
        let id = self.write(|transaction| {
            service.id = transaction.mint_service();
            let id = service.id;
            transaction.create_service(service).map(|()| id)
        });
        self.services.insert(name.clone(), id);
    }

    /// `write web version=2 image=v2 status=paused`: the same for a change.
    fn write_service(&mut self, words: &[String]) {
        let (name, words) = words.split_first().expect("a name");
        let mut service = Service::clone(self.store().service(self.services[name]).expect("a service"));
        let mut spec = ServiceSpec::clone(&service.spec);
        let others = change_spec(&mut spec, words);
        service.spec = Arc::new(spec);
        others.iter().for_each(|word| change_object(&mut service, word));
        self.write(|transaction| transaction.update_service(service));
    }

    /// `update web image=v2`: through the API.
    fn update(&mut self, words: &[String]) -> Option<String> {
        let (name, words) = words.split_first().expect("a name");
        let (id, seen) = self.service(name);
        let mut spec = ServiceSpec::clone(&seen.spec);
        let others = change_spec(&mut spec, words);
        assert!(others.is_empty(), "unknown words {others:?}");
        let result = self.bench().transact(|t| update_service(t, id, seen.meta.version, spec));
        result.err().map(|error| error.message(SEED).replace(&id.text(SEED), name))
    }

    fn rollback(&mut self, name: &str) -> Option<String> {
        let (id, seen) = self.service(name);
        let result = self.bench().transact(|t| rollback_service(t, id, seen.meta.version));
        result.err().map(|error| error.message(SEED).replace(&id.text(SEED), name))
    }

    fn remove_service(&mut self, name: &str) {
        let (id, _) = self.service(name);
        self.write(|transaction| transaction.delete_service(id));
    }

    /// `task web.1 RUNNING/RUNNING node=n1 version=1 image=v1`: a task that was there before, with the spec of
    /// its service. The place of a task of a global service is its node.
    fn create_task(&mut self, words: &[String]) {
        let (owner, place) = words[0].split_once('.').expect("service.place");
        let service = self.services.get(owner).and_then(|id| self.store().service(*id)).cloned();
        let mut task = Task::new(TaskId(0), Arc::default(), self.bench().now());
        task.service = match (&service, owner) {
            (Some(service), _) => Some(service.id),
            (None, "none") => None,
            (None, _) => Some(ServiceId(900)),
        };
        let mut spec =
            service.as_ref().map_or_else(TaskSpec::default, |service| TaskSpec::clone(&service.spec.task));
        match place.parse() {
            Ok(number) => task.slot = Slot(number),
            Err(_) => task.node = Some(self.node_named(place)),
        }
        for word in &words[1..] {
            self.change_task(&mut task, &mut spec, word);
        }
        task.spec = Arc::new(spec);
        self.write(|transaction| {
            task.id = transaction.mint_task();
            transaction.create_task(task)
        });
    }

    fn change_task(&self, task: &mut Task, spec: &mut TaskSpec, word: &str) {
        if let Some((observed, desired)) = word.split_once('/') {
            task.status.state = state(observed);
            task.desired_state = state(desired);
            return;
        }
        match word.split_once('=').expect("key=value") {
            ("node", name) => task.node = Some(self.node_named(name)),
            ("version", value) => task.spec_version = Some(number(value)),
            ("iteration", value) => task.job_iteration = Some(number(value)),
            ("image", value) => spec.container.image = value.to_owned(),
            ("pull", value) => spec.container.pull_options = Some(value.to_owned()),
            (key, _) => panic!("unknown word {key} of a task"),
        }
    }

    fn node_named(&self, name: &str) -> NodeId {
        self.nodes.get(name).copied().unwrap_or(NodeId(900))
    }

    fn desire(&mut self, words: &[String]) {
        for name in &words[..words.len() - 1] {
            let mut task = Task::clone(self.store().task(self.around.task(name)).expect("a task"));
            task.desired_state = state(&words[words.len() - 1]);
            self.write(|transaction| transaction.update_task(task));
        }
    }

    /// `place web.1.1 n1`: as the scheduler does it.
    fn place(&mut self, words: &[String]) {
        let mut task = Task::clone(self.store().task(self.around.task(&words[0])).expect("a task"));
        task.node = Some(self.node_named(&words[1]));
        task.status.state = TaskState::Assigned;
        self.write(|transaction| transaction.update_task(task));
    }

    fn delete_task(&mut self, name: &str) {
        let id = self.around.task(name);
        self.write(|transaction| transaction.delete_task(id));
    }

    /// `report web.1.1 web.2.1 FAILED`: both agents report before anybody reacts.
    fn report(&mut self, words: &[String]) {
        let (state_name, names) = words.split_last().expect("a state");
        for name in names {
            let id = self.around.task(name);
            report(id, state(state_name), self.bench());
        }
    }

    /// `agents start=50ms stop=never know=placed v2=FAILED,RUNNING`
    fn change_agents(&mut self, words: &[String]) {
        for word in words {
            let (key, value) = word.split_once('=').expect("key=value");
            let span = || (value != "never").then(|| duration(value));
            match key {
                "start" => self.around.start = span(),
                "stop" => self.around.stop = span(),
                "know" => self.around.placed_only = value == "placed",
                image => {
                    let outcomes = value.split(',').map(state).collect();
                    self.around.outcomes.insert(image.to_owned(), outcomes);
                }
            }
        }
    }

    fn store(&self) -> &Store {
        self.bench.as_ref().expect("a bench").store()
    }

    fn bench(&mut self) -> &mut Bench {
        self.bench.as_mut().expect("a bench")
    }

    fn service(&mut self, name: &str) -> (ServiceId, Arc<Service>) {
        let id = self.services[name];
        (id, Arc::clone(self.store().service(id).expect("a service")))
    }

    fn write<R>(&mut self, work: impl FnOnce(&mut Transaction<'_>) -> Result<R, StoreError>) -> R {
        self.bench().transact(work).expect("the script writes what it has just read")
    }
}

fn change_object(service: &mut Service, word: &str) {
    match word.split_once('=').unwrap_or((word, "")) {
        ("version", value) => service.spec_version = Some(number(value)),
        ("iteration", value) => {
            let last_execution = service.job_status.expect("a job").last_execution;
            service.job_status = Some(JobStatus { iteration: number(value), last_execution });
        }
        ("status", "none") => service.update_status = None,
        ("status", value) => {
            let (started_at, completed_at) = (None, None);
            let state = update_state(value);
            service.update_status =
                Some(UpdateStatus { state, started_at, completed_at, message: "".into() });
        }
        (key, _) => panic!("unknown word {key} of a service"),
    }
}

fn kind(name: &str) -> LoopKind {
    match name {
        "allocator" => LoopKind::Allocator,
        "scheduler" => LoopKind::Scheduler,
        "enforcer" => LoopKind::ConstraintEnforcer,
        "reaper" => LoopKind::Reaper,
        "replicated" => LoopKind::Replicated,
        "jobs" => LoopKind::Jobs,
        "global" => LoopKind::Global,
        other => panic!("no loop {other}"),
    }
}
