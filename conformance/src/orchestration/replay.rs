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
pub(super) fn replay(given: &Given, settings: &LoopSettings) -> Result<Observed, String> {
    let mut replay = Replay::new(given, settings);
    replay.bench.start();
    for (index, event) in given.timeline.iter().enumerate() {
        let at = SimTime::from_millis(event.at_ms);
        replay.bench.run_until(at, &mut replay.agents);
        if let Err(error) = replay.apply(&event.op)? {
            let text = error.message(settings.seed);
            let text = text.strip_prefix(DOCKERS_WORDS).unwrap_or(&text);
            replay.api_errors.push(format!("{index}: {}", replay.named(text)));
        }
        replay.bench.run_until(at, &mut replay.agents);
    }
    replay.bench.run_until(SimTime::from_millis(given.end_ms), &mut replay.agents);
    Ok(replay.finish())
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

    /// Does what the timeline says. The inner error is the control API's.
    fn apply(&mut self, op: &Op) -> Result<Result<(), ApiError>, String> {
        match op {
            Op::ServiceCreate { service, spec } => {
                let created =
                    self.bench.transact(|transaction| create_service(transaction, spec.to_spec(service)));
                return Ok(created.map(|id| {
                    self.services.insert(service.clone(), id);
                }));
            }
            Op::ServiceUpdate { service, spec } => {
                let (id, version) = self.service(service)?;
                return Ok(self.bench.transact(|transaction| {
                    update_service(transaction, id, version, spec.to_spec(service))
                }));
            }
            Op::ServiceRollback { service } => {
                let (id, version) = self.service(service)?;
                return Ok(self.bench.transact(|transaction| rollback_service(transaction, id, version)));
            }
            Op::ServiceRemove { service } => {
                let (id, _) = self.service(service)?;
                return Ok(self.bench.transact(|transaction| remove_service(transaction, id)));
            }
            Op::NodeAvailability { node, availability } => {
                let availability = (*availability).into();
                return self.change_spec(node, |spec| spec.availability = availability);
            }
            Op::NodeLabels { node, labels } => {
                return self.change_spec(node, |spec| spec.annotations.labels.clone_from(labels));
            }
            Op::NodeRemove { node } => {
                let id = self.node(node)?;
                return Ok(self
                    .bench
                    .transact(|transaction| remove_node(transaction, id, true, &MemberList::default())));
            }
            Op::NodeState { node, state } => {
                let state = (*state).into();
                self.change_node(node, |node| {
                    let status = NodeStatus { state, ..node.status.clone() };
                    Node { status, ..node.clone() }
                })?;
            }
            Op::NodeResources { node, nano_cpus, memory_bytes } => {
                self.change_node(node, |node| with_resources(node, *nano_cpus, *memory_bytes))?;
            }
            Op::NodeAdd { new_node } => self.write(|transaction| {
                let id = transaction.mint_node();
                transaction.create_node(new_node.to_node(id))
            }),
            Op::TaskFail { service, slot, on_node } => {
                for task in self.failing_tasks(service, *slot, on_node.as_deref())? {
                    self.agents.fail(task, &mut self.bench);
                }
            }
        }
        Ok(Ok(()))
    }

    fn change_spec(
        &mut self,
        node: &str,
        change: impl FnOnce(&mut NodeSpec),
    ) -> Result<Result<(), ApiError>, String> {
        let id = self.node(node)?;
        let node = self.bench.store().node(id).ok_or_else(|| unknown("node", node))?;
        let (version, mut spec) = (node.meta.version, NodeSpec::clone(&node.spec));
        change(&mut spec);
        let members = MemberList::default();
        Ok(self.bench.transact(|transaction| update_node(transaction, id, version, spec, &members)))
    }

    fn change_node(&mut self, name: &str, change: impl FnOnce(&Node) -> Node) -> Result<(), String> {
        let id = self.node(name)?;
        let node = change(self.bench.store().node(id).ok_or_else(|| unknown("node", name))?);
        self.write(|transaction| transaction.update_node(node));
        Ok(())
    }

    fn failing_tasks(
        &self,
        service: &str,
        slot: Option<u32>,
        on_node: Option<&str>,
    ) -> Result<Vec<TaskId>, String> {
        let (service, _) = self.service(service)?;
        let node = on_node.map(|node| self.node(node)).transpose()?;
        let tasks = self.bench.store().tasks_of_service(service).filter(|task| {
            let is_meant =
                slot.is_some_and(|slot| task.slot == Slot(slot)) || (node.is_some() && task.node == node);
            let runs = task.status.state == TaskState::Running && task.desired_state <= TaskState::Running;
            is_meant && runs
        });
        Ok(tasks.map(|task| task.id).collect())
    }

    fn service(&self, name: &str) -> Result<(ServiceId, u64), String> {
        let id = *self.services.get(name).ok_or_else(|| unknown("service", name))?;
        Ok((id, self.bench.store().service(id).map_or(0, |service| service.meta.version)))
    }

    fn node(&self, name: &str) -> Result<NodeId, String> {
        self.nodes.get(name).copied().ok_or_else(|| unknown("node", name))
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

fn unknown(what: &str, name: &str) -> String {
    format!("there is no {what} {name}")
}
