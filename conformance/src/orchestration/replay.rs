//! Replays a case on a bench with all loops and the model agents.
use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::bench::{
    ApiError, Bench, CONTROL_LOOPS, LoopSettings, MemberList, Transaction, create_service, remove_node,
    remove_service, rollback_service, update_node, update_service,
};
use sim_core::kernel::SimTime;
use sim_core::model::{
    Cluster, ClusterId, ClusterSpec, Node, NodeId, NodeSpec, NodeStatus, ServiceId, Slot, TaskId, TaskState,
};

use super::agents::Agents;
use super::case::{Given, Op};
use super::journal::Journal;

/// What docker puts before an error of the leader.
const DOCKERS_WORDS: &str = "Error response from daemon: ";

/// What a replay gave.
pub(super) struct Observed {
    pub(super) journal: Journal,
    /// Refusals of the control API: place in the timeline and text.
    pub(super) api_errors: Vec<String>,
}

/// Replays a case.
pub(super) fn replay(given: &Given, settings: &LoopSettings) -> Observed {
    let mut replay = Replay::new(given, settings);
    replay.bench.start();
    for (index, event) in given.timeline.iter().enumerate() {
        let at = SimTime::from_millis(event.at_ms);
        replay.bench.run_until(at, &mut replay.agents);
        if let Err(error) = replay.apply(&event.op) {
            let text = error.message(settings.seed);
            let text = text.strip_prefix(DOCKERS_WORDS).unwrap_or(&text);
            replay.api_errors.push(format!("{index}: {}", replay.named(text)));
        }
        replay.bench.run_until(at, &mut replay.agents);
    }
    replay.bench.run_until(SimTime::from_millis(given.end_ms), &mut replay.agents);
    replay.finish()
}

struct Replay {
    bench: Bench,
    agents: Agents,
    seed: u64,
    nodes: BTreeMap<String, NodeId>,
    services: BTreeMap<String, ServiceId>,
    api_errors: Vec<String>,
}

impl Replay {
    fn new(given: &Given, settings: &LoopSettings) -> Self {
        let added = given.timeline.iter().filter_map(|event| event.op.new_node());
        // Ids are given in order of creation, so those of later nodes are known.
        let names = given.nodes.iter().chain(added).map(|node| node.id.clone());
        let node_names: BTreeMap<NodeId, String> =
            names.enumerate().map(|(number, name)| (NodeId(number as u32), name)).collect();
        let nodes = node_names.iter().map(|(id, name)| (name.clone(), *id)).collect();
        let mut replay = Replay {
            bench: Bench::new(&CONTROL_LOOPS, settings),
            agents: Agents::new(given.agent.clone(), Journal::new(node_names)),
            seed: settings.seed,
            nodes,
            services: BTreeMap::new(),
            api_errors: Vec::new(),
        };
        replay.set_up(given);
        replay
    }

    fn set_up(&mut self, given: &Given) {
        let spec =
            ClusterSpec { task_history_retention_limit: given.task_history_limit, ..ClusterSpec::default() };
        self.write(|transaction| {
            transaction.create_cluster(Cluster::new(ClusterId(0), Arc::new(spec)))?;
            for node in &given.nodes {
                let id = transaction.mint_node();
                transaction.create_node(node.to_node(id))?;
            }
            Ok(())
        });
    }

    /// Does what the timeline says. The error is the control API's.
    fn apply(&mut self, op: &Op) -> Result<(), ApiError> {
        match op {
            Op::ServiceCreate { service, spec } => {
                let created =
                    self.bench.transact(|transaction| create_service(transaction, spec.to_spec(service)));
                self.services.insert(service.clone(), created?);
            }
            Op::ServiceUpdate { service, spec } => {
                let (id, version) = self.service(service);
                self.bench.transact(|transaction| {
                    update_service(transaction, id, version, spec.to_spec(service))
                })?;
            }
            Op::ServiceRollback { service } => {
                let (id, version) = self.service(service);
                self.bench.transact(|transaction| rollback_service(transaction, id, version))?;
            }
            Op::ServiceRemove { service } => {
                let (id, _) = self.service(service);
                self.bench.transact(|transaction| remove_service(transaction, id))?;
            }
            Op::NodeAvailability { node, availability } => {
                let availability = (*availability).into();
                self.change_spec(node, |spec| spec.availability = availability)?;
            }
            Op::NodeLabels { node, labels } => {
                self.change_spec(node, |spec| spec.annotations.labels.clone_from(labels))?;
            }
            Op::NodeRemove { node } => {
                let id = self.nodes[node];
                self.bench
                    .transact(|transaction| remove_node(transaction, id, true, &MemberList::default()))?;
            }
            Op::NodeState { node, state } => {
                let state = (*state).into();
                self.change_node(node, |node| {
                    let status = NodeStatus { state, ..node.status.clone() };
                    Node { status, ..node.clone() }
                });
            }
            Op::NodeResources { node, nano_cpus, memory_bytes } => {
                self.change_node(node, |node| with_resources(node, *nano_cpus, *memory_bytes));
            }
            Op::NodeAdd { new_node } => self.write(|transaction| {
                let id = transaction.mint_node();
                transaction.create_node(new_node.to_node(id))
            }),
            Op::TaskFail { service, slot, on_node } => {
                for task in self.failing_tasks(service, *slot, on_node.as_deref()) {
                    self.agents.fail(task, &mut self.bench);
                }
            }
        }
        Ok(())
    }

    fn change_spec(&mut self, node: &str, change: impl FnOnce(&mut NodeSpec)) -> Result<(), ApiError> {
        let id = self.nodes[node];
        let (version, mut spec) = match self.bench.store().node(id) {
            Some(node) => (node.meta.version, NodeSpec::clone(&node.spec)),
            None => Default::default(),
        };
        change(&mut spec);
        let members = MemberList::default();
        self.bench.transact(|transaction| update_node(transaction, id, version, spec, &members))
    }

    /// Nobody reports about a node that is not there.
    fn change_node(&mut self, name: &str, change: impl FnOnce(&Node) -> Node) {
        if let Some(node) = self.bench.store().node(self.nodes[name]) {
            let node = change(node);
            self.write(|transaction| transaction.update_node(node));
        }
    }

    fn failing_tasks(&mut self, service: &str, slot: Option<u32>, on_node: Option<&str>) -> Vec<TaskId> {
        let (service, _) = self.service(service);
        let node = on_node.map(|node| self.nodes[node]);
        let tasks = self.bench.store().tasks_of_service(service).filter(|task| {
            let is_meant =
                slot.is_some_and(|slot| task.slot == Slot(slot)) || (node.is_some() && task.node == node);
            let runs = task.status.state == TaskState::Running && task.desired_state <= TaskState::Running;
            is_meant && runs
        });
        tasks.map(|task| task.id).collect()
    }

    /// A service and its version. One that was never made has an id that nobody has: the control API says so.
    fn service(&mut self, name: &str) -> (ServiceId, u64) {
        let unused = ServiceId(u32::MAX - self.services.len() as u32);
        let id = *self.services.entry(name.to_owned()).or_insert(unused);
        (id, self.bench.store().service(id).map_or(0, |service| service.meta.version))
    }

    fn write(&mut self, work: impl FnOnce(&mut Transaction<'_>) -> Result<(), sim_core::bench::StoreError>) {
        self.bench.transact(work).expect("objects of a timeline are written as they were read");
    }

    /// The text with the recording's names instead of ids.
    fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, id) in &self.services {
            text = text.replace(&id.text(self.seed), name);
        }
        for (name, id) in &self.nodes {
            text = text.replace(&id.text(self.seed), name);
        }
        text
    }

    fn finish(self) -> Observed {
        let Replay { agents: Agents { mut journal, .. }, api_errors, .. } = self;
        journal.end_instant();
        Observed { journal, api_errors }
    }
}

fn with_resources(node: &Node, nano_cpus: i64, memory_bytes: i64) -> Node {
    let mut description = node.description.as_deref().cloned().unwrap_or_default();
    let resources = description.resources.get_or_insert_default();
    (resources.nano_cpus, resources.memory_bytes) = (nano_cpus, memory_bytes);
    Node { description: Some(Arc::new(description)), ..node.clone() }
}
