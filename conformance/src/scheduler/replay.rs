//! Replays a case on a bench with store and scheduler, and reads off what the recording tells of it.
use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::bench::{Bench, EmptyWorld, LoopKind, LoopSettings, Store, StoreError, Transaction};
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::constraint::{Constraint, label_name};
use sim_core::model::{
    Annotations, Endpoint, EndpointSpec, Meta, Node, NodeId, Placement as PlacementSpec,
    ResourceRequirements, ServiceId, ServiceMode, ServiceSpec, Slot, Task, TaskId, TaskSpec, TaskState,
};

use super::case::{Given, InitialTask, Mode, NodeChange, Op, Placement, Service};

/// Time between two steps.
const STEP: SimDuration = SimDuration::from_secs(5);
/// All tasks of a service have this version of its spec.
const SPEC_VERSION: u64 = 1;

/// What a replay gave.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    /// The tasks created by steps after each step; the last entry is the end.
    pub(super) after_step: Vec<Created>,
    /// Active tasks of each service by node, initial ones included.
    pub(super) totals: Placement,
    /// For each service and preference: active tasks by branch.
    pub(super) branches: BTreeMap<String, Vec<BTreeMap<String, u64>>>,
}

/// Tasks created by steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Created {
    pub(super) placement: Placement,
    pub(super) unscheduled: UnscheduledCounts,
}

/// Number of tasks by service, preset node and error.
pub(super) type UnscheduledCounts = BTreeMap<(String, Option<String>, String), u64>;

/// Replays a case.
pub(super) fn replay(given: &Given, settings: &LoopSettings) -> Result<Observed, String> {
    let mut replay = Replay::new(given, settings)?;
    replay.bench.start();
    let mut at = SimTime::ZERO;
    let mut after_step = Vec::new();
    for step in &given.steps {
        at = at + STEP + SimDuration::from_millis(step.wait_ms);
        replay.bench.run_until(at, &mut EmptyWorld);
        replay.step(&step.ops)?;
        let next = at + STEP;
        // Everything has settled long before the next step.
        replay.bench.run_until(SimTime::from_nanos(next.as_nanos() - 1), &mut EmptyWorld);
        after_step.push(replay.created());
    }
    Ok(Observed { after_step, totals: replay.totals(), branches: replay.branches(given) })
}

struct Replay {
    bench: Bench,
    nodes: BTreeMap<String, NodeId>,
    node_names: BTreeMap<NodeId, String>,
    services: BTreeMap<String, RunningService>,
    initial_tasks: BTreeMap<String, TaskId>,
    created: Vec<TaskId>,
}

struct RunningService {
    id: ServiceId,
    task: Arc<TaskSpec>,
    endpoint: Option<Arc<Endpoint>>,
    mode: Mode,
    slots: u32,
}

impl Replay {
    fn new(given: &Given, settings: &LoopSettings) -> Result<Self, String> {
        let steps = given.steps.iter().flat_map(|step| &step.ops);
        let added = steps.filter_map(Op::new_node);
        // Ids are given in order of creation, so those of later nodes are known.
        let names = given.nodes.iter().chain(added).map(|node| node.id.clone());
        let node_names: BTreeMap<NodeId, String> =
            names.enumerate().map(|(number, name)| (NodeId(number as u32), name)).collect();
        let nodes = node_names.iter().map(|(id, name)| (name.clone(), *id)).collect();
        let mut replay = Replay {
            bench: Bench::new(&[LoopKind::Scheduler], settings),
            nodes,
            node_names,
            services: BTreeMap::new(),
            initial_tasks: BTreeMap::new(),
            created: Vec::new(),
        };
        replay.set_up(given, settings.seed)?;
        Ok(replay)
    }

    fn set_up(&mut self, given: &Given, seed: u64) -> Result<(), String> {
        let Replay { bench, nodes, services, initial_tasks, .. } = self;
        bench.transact(|transaction| {
            for node in &given.nodes {
                let id = transaction.mint_node();
                written(transaction.create_node(node.to_node(id)))?;
            }
            for service in &given.services {
                let id = transaction.mint_service();
                let running = service.running(id, |expression| with_node_id(expression, nodes, seed));
                written(transaction.create_service(running.to_service(&service.id)))?;
                services.insert(service.id.clone(), running);
            }
            for task in &given.tasks {
                let service =
                    services.get_mut(&task.service).ok_or_else(|| unknown("service", &task.service))?;
                create_initial(transaction, task, service, nodes, initial_tasks)?;
            }
            Ok(())
        })
    }

    fn step(&mut self, ops: &[Op]) -> Result<(), String> {
        let Replay { bench, nodes, services, initial_tasks, created, .. } = self;
        bench.transact(|transaction| {
            for op in ops {
                match op {
                    Op::Create { service, count } => {
                        let service = services.get_mut(service).ok_or_else(|| unknown("service", service))?;
                        for _ in 0..*count {
                            created.push(service.create_task(transaction, None)?);
                        }
                    }
                    Op::CreateGlobal { service, nodes: names } => {
                        let service = services.get_mut(service).ok_or_else(|| unknown("service", service))?;
                        for name in names {
                            let node = *nodes.get(name).ok_or_else(|| unknown("node", name))?;
                            created.push(service.create_task(transaction, Some(node))?);
                        }
                    }
                    Op::Node(change) => change_node(transaction, change, nodes)?,
                    Op::AddNode { new_node } => {
                        let id = transaction.mint_node();
                        written(transaction.create_node(new_node.to_node(id)))?;
                    }
                    Op::TaskState { task, state } => {
                        change_task(transaction, task, initial_tasks, |task| task.status.state = *state)?;
                    }
                    Op::TaskDesired { task, desired } => {
                        change_task(transaction, task, initial_tasks, |task| task.desired_state = *desired)?;
                    }
                    Op::TaskDelete { task, .. } => {
                        let id = initial_tasks.remove(task).ok_or_else(|| unknown("task", task))?;
                        written(transaction.delete_task(id))?;
                    }
                }
            }
            Ok(())
        })
    }

    fn store(&self) -> &Store {
        self.bench.store()
    }

    fn created(&self) -> Created {
        let mut created = Created::default();
        for task in self.created.iter().filter_map(|id| self.store().task(*id)) {
            let service = self.service_name(task).to_owned();
            let node = task.node.map(|node| self.node_names[&node].clone());
            match (task.status.state, node) {
                (TaskState::Pending, node) => {
                    let err = task.status.err.to_string();
                    *created.unscheduled.entry((service, node, err)).or_default() += 1;
                }
                (_, Some(node)) => {
                    *created.placement.entry(service).or_default().entry(node).or_default() += 1;
                }
                (state, None) => unreachable!("a {state} task without a node"),
            }
        }
        created
    }

    /// Active tasks: with a node, observed ASSIGNED to RUNNING, desired COMPLETE or less.
    fn active_tasks(&self) -> impl Iterator<Item = (&Arc<Task>, NodeId)> {
        self.store().tasks().filter_map(|task| {
            let counts = (TaskState::Assigned..=TaskState::Running).contains(&task.status.state);
            (counts && task.is_active()).then_some((task, task.node?))
        })
    }

    fn totals(&self) -> Placement {
        let mut totals = Placement::new();
        for (task, node) in self.active_tasks() {
            let of_service = totals.entry(self.service_name(task).to_owned()).or_default();
            *of_service.entry(self.node_names[&node].clone()).or_default() += 1;
        }
        totals
    }

    /// One table a preference. A descriptor that names no label has one too, and adds nothing to the path.
    fn branches(&self, given: &Given) -> BTreeMap<String, Vec<BTreeMap<String, u64>>> {
        let services = given.services.iter().map(|service| {
            let depths = 1..=service.preferences.len();
            let counts = depths.map(|depth| self.branch_counts(&service.id, &service.preferences[..depth]));
            (service.id.clone(), counts.collect())
        });
        services.collect()
    }

    fn branch_counts(&self, service: &str, preferences: &[String]) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (task, node) in self.active_tasks() {
            if self.service_name(task) != service {
                continue;
            }
            let node = self.store().node(node).expect("an active task has a node");
            let values = preferences.iter().filter_map(|descriptor| branch_of(descriptor, node));
            let path = values.collect::<Vec<_>>().join("/");
            *counts.entry(path).or_default() += 1;
        }
        counts
    }

    fn service_name<'a>(&'a self, task: &Task) -> &'a str {
        let id = task.service.expect("all recorded tasks have services");
        self.store().service(id).expect("services stay").name()
    }
}

impl Service {
    fn running(&self, id: ServiceId, constraint: impl Fn(&str) -> String) -> RunningService {
        let placement = PlacementSpec {
            constraints: self.constraints.iter().map(|expression| constraint(expression)).collect(),
            preferences: self.preferences.clone(),
            max_replicas: self.max_replicas,
            platforms: self.platforms.iter().map(|platform| platform.to_platform()).collect(),
        };
        let reservations = self.reservation.as_ref().map(|reservation| reservation.to_reservations());
        let task = TaskSpec {
            placement: Some(placement),
            resources: reservations
                .map(|reserved| ResourceRequirements { limits: None, reservations: Some(reserved) }),
            ..TaskSpec::default()
        };
        let ports: Vec<_> = self.host_ports.iter().map(|port| port.to_port()).collect();
        let endpoint = Endpoint {
            spec: EndpointSpec { ports: ports.clone(), ..EndpointSpec::default() },
            ports,
            ..Endpoint::default()
        };
        RunningService {
            id,
            task: Arc::new(task),
            endpoint: (!self.host_ports.is_empty()).then(|| Arc::new(endpoint)),
            mode: self.mode,
            slots: 0,
        }
    }
}

impl RunningService {
    fn to_service(&self, name: &str) -> sim_core::model::Service {
        let spec = ServiceSpec {
            annotations: Annotations { name: name.to_owned(), ..Annotations::default() },
            task: Arc::clone(&self.task),
            mode: match self.mode {
                Mode::Replicated => ServiceMode::Replicated { replicas: 0 },
                Mode::Global => ServiceMode::Global,
            },
            update: None,
            rollback: None,
            endpoint: self.endpoint.as_ref().map(|endpoint| endpoint.spec.clone()),
        };
        sim_core::model::Service {
            id: self.id,
            meta: Meta::default(),
            spec: Arc::new(spec),
            spec_version: Some(SPEC_VERSION),
            previous_spec: None,
            previous_spec_version: None,
            update_status: None,
            job_status: None,
            endpoint: self.endpoint.clone(),
        }
    }

    fn task(&mut self, transaction: &mut Transaction<'_>, node: Option<NodeId>) -> Task {
        let mut task = Task::new(transaction.mint_task(), Arc::clone(&self.task), transaction.now());
        if matches!(self.mode, Mode::Replicated) {
            self.slots += 1;
            task.slot = Slot(self.slots);
        }
        task.service = Some(self.id);
        task.spec_version = Some(SPEC_VERSION);
        task.endpoint.clone_from(&self.endpoint);
        task.node = node;
        task.status.state = TaskState::Pending;
        task
    }

    fn create_task(
        &mut self,
        transaction: &mut Transaction<'_>,
        node: Option<NodeId>,
    ) -> Result<TaskId, String> {
        let task = self.task(transaction, node);
        let id = task.id;
        written(transaction.create_task(task))?;
        Ok(id)
    }
}

fn create_initial(
    transaction: &mut Transaction<'_>,
    recorded: &InitialTask,
    service: &mut RunningService,
    nodes: &BTreeMap<String, NodeId>,
    initial_tasks: &mut BTreeMap<String, TaskId>,
) -> Result<(), String> {
    let node = match &recorded.node {
        Some(name) => Some(*nodes.get(name).ok_or_else(|| unknown("node", name))?),
        None => None,
    };
    let count = recorded.count.unwrap_or(1);
    for number in 1..=count {
        let mut task = service.task(transaction, node);
        task.status.state = recorded.state;
        task.desired_state = recorded.desired;
        let name = match count {
            1 => recorded.id.clone(),
            _ => format!("{}-{number}", recorded.id),
        };
        initial_tasks.insert(name, task.id);
        written(transaction.create_task(task))?;
    }
    Ok(())
}

fn change_task(
    transaction: &mut Transaction<'_>,
    name: &str,
    initial_tasks: &BTreeMap<String, TaskId>,
    change: impl FnOnce(&mut Task),
) -> Result<(), String> {
    let id = initial_tasks.get(name).ok_or_else(|| unknown("task", name))?;
    let mut task = Task::clone(transaction.store().task(*id).ok_or_else(|| unknown("task", name))?);
    change(&mut task);
    written(transaction.update_task(task))
}

fn change_node(
    transaction: &mut Transaction<'_>,
    change: &NodeChange,
    nodes: &BTreeMap<String, NodeId>,
) -> Result<(), String> {
    let id = nodes.get(&change.node).ok_or_else(|| unknown("node", &change.node))?;
    let mut node = Node::clone(transaction.store().node(*id).ok_or_else(|| unknown("node", &change.node))?);
    if let Some(state) = change.state {
        node.status.state = state.into();
    }
    let spec = Arc::make_mut(&mut node.spec);
    if let Some(availability) = change.availability {
        spec.availability = availability.into();
    }
    if let Some(labels) = &change.labels {
        spec.annotations.labels.clone_from(labels);
    }
    let description = node.description.as_mut().map(Arc::make_mut);
    let resources = description.and_then(|description| description.resources.as_mut());
    let resources = resources.expect("every recorded node has a description");
    for (amount, changed) in
        [(&mut resources.nano_cpus, change.nano_cpus), (&mut resources.memory_bytes, change.memory_bytes)]
    {
        if changed != 0 {
            *amount = changed;
        }
    }
    written(transaction.update_node(node))
}

/// A constraint on `node.id` names a node as the recording does; here ids have texts of their own.
fn with_node_id(expression: &str, nodes: &BTreeMap<String, NodeId>, seed: u64) -> String {
    match Constraint::parse(expression) {
        Ok(constraint) if constraint.key().eq_ignore_ascii_case("node.id") => {
            let id = nodes.get(constraint.value()).map(|id| id.text(seed));
            let value = id.unwrap_or_else(|| constraint.value().to_owned());
            format!("{}{}{value}", constraint.key(), constraint.operator())
        }
        _ => expression.to_owned(),
    }
}

/// The branch of a node under a spread descriptor; none if it names no label.
fn branch_of<'a>(descriptor: &str, node: &'a Node) -> Option<&'a str> {
    let node_label = label_name(descriptor, "node.labels.").map(|label| node.label(label));
    node_label.or_else(|| label_name(descriptor, "engine.labels.").map(|label| node.engine_label(label)))
}

fn written<T>(result: Result<T, StoreError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn unknown(kind: &str, name: &str) -> String {
    format!("the case has no {kind} '{name}'")
}
