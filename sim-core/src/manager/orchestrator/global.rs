//! The orchestrator of global services: one task on every node that may have one (spec orchestration 8).
//!
//! It acts on every event at once, not only on commits, and remembers nodes and services as it last heard of
//! them. Deleted tasks are not missed until the next event of their service or node.
mod reconcile;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::step::{OrchestratorStep, remove_all, submit, submit_restarts};
use super::supervised::Supervised;
use super::supervisors::{self, Supervisors};
use super::taskinit;
use crate::kernel::{Digest, StateDigest};
use crate::manager::loops::{Context, Heard, MAIN_STRAND};
use crate::manager::ties::TieBreaker;
use crate::model::{
    Availability, Constraint, FactId, Node, NodeId, Service, ServiceId, ServiceMode, Task, TaskId, TaskState,
    constraint,
};
use crate::protocol::LoopKind;
use crate::store::{Delta, ObjectChange, StoreError, Transaction};

/// The global orchestrator of a leading manager.
#[derive(Debug)]
pub(crate) struct Orchestrator {
    supervisors: Supervisors,
    seed: u64,
    ties: TieBreaker,
    /// Nodes that are neither down nor drained.
    nodes: BTreeMap<NodeId, Arc<Node>>,
    services: BTreeMap<ServiceId, GlobalService>,
    /// Tasks to be restarted after the event under way.
    restarts: BTreeMap<TaskId, FactId>,
    stage: Stage,
}

/// A service with its constraints; ones that do not parse count as none.
#[derive(Debug)]
struct GlobalService {
    service: Arc<Service>,
    constraints: Vec<Constraint>,
}

/// What the orchestrator's own strand does once its write is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It hears.
    Idle,
    /// It has looked at the tasks of the leader before; next come restarts.
    Starting,
    /// It writes the restarts of its start; next come all services.
    RestartingAtStart,
    /// It writes what an event asks for; next come restarts.
    Reacting,
    /// It writes restarts, and hears on.
    Restarting,
}

impl Orchestrator {
    pub(crate) fn new(seed: u64, ties: TieBreaker) -> Self {
        Orchestrator {
            supervisors: Supervisors::new(LoopKind::Global, seed),
            seed,
            ties,
            nodes: BTreeMap::new(),
            services: BTreeMap::new(),
            restarts: BTreeMap::new(),
            stage: Stage::Idle,
        }
    }

    /// What a change of a service asks for.
    fn hear_of_service(
        &mut self,
        delta: &Delta<Service>,
        context: &mut Context<'_>,
    ) -> Vec<OrchestratorStep> {
        if delta.object().spec.mode != ServiceMode::Global {
            return Vec::new();
        }
        match &delta.new {
            Some(service) => {
                self.remember(service);
                self.reconcile_service(service.id, context)
            }
            None => {
                self.services.remove(&delta.id());
                self.supervisors.restart.clear_history(delta.id());
                remove_all(context.store, delta.id())
            }
        }
    }

    fn remember(&mut self, service: &Arc<Service>) {
        let constraints = service.spec.task.constraints();
        let service = Arc::clone(service);
        self.services.insert(service.id, GlobalService { service, constraints });
    }

    /// What a change of a node asks for. Tasks of a deleted node vanish, whatever they do.
    fn hear_of_node(&mut self, delta: &Delta<Node>, context: &Context<'_>) -> Vec<OrchestratorStep> {
        match &delta.new {
            Some(node) if node.is_invalid() => {
                self.nodes.remove(&node.id);
                self.steps_for_tasks_of(node.id, context, OrchestratorStep::Shutdown)
            }
            Some(node) => {
                self.nodes.insert(node.id, Arc::clone(node));
                self.reconcile_node(node, context)
            }
            None => {
                self.nodes.remove(&delta.id());
                self.steps_for_tasks_of(delta.id(), context, OrchestratorStep::Delete)
            }
        }
    }

    fn steps_for_tasks_of(
        &self,
        node: NodeId,
        context: &Context<'_>,
        step: fn(TaskId) -> OrchestratorStep,
    ) -> Vec<OrchestratorStep> {
        let tasks = context.store.tasks_of_node(node);
        tasks.filter(|task| self.service_of(task).is_some()).map(|task| step(task.id)).collect()
    }

    fn hear_of_task(&mut self, delta: &Delta<Task>, cause: FactId) {
        let Delta { old: Some(_), new: Some(task) } = delta else { return };
        let is_live = task.desired_state <= TaskState::Running;
        if is_live && task.status.state.is_terminal() && self.service_of(task).is_some() {
            self.restarts.insert(task.id, cause);
        }
    }

    fn service_of(&self, task: &Task) -> Option<&GlobalService> {
        self.services.get(&task.service?)
    }

    /// Writes the restarts that were noted. False if there are none.
    fn restart_noted(&mut self, context: &mut Context<'_>) -> bool {
        submit_restarts(&mut self.restarts, &mut self.ties, context)
    }

    fn go_on_to_restarts(&mut self, context: &mut Context<'_>) {
        self.stage = if self.restart_noted(context) { Stage::Restarting } else { Stage::Idle };
    }

    /// What a task gets that ended: a replacement, unless its node may not have one.
    fn restart_step(&self, task: &Task) -> Option<OrchestratorStep> {
        let service = self.service_of(task)?;
        let node = self.nodes.get(&task.node?)?;
        let accepts = node.spec.availability != Availability::Pause && self.matches(service, node);
        Some(if accepts { OrchestratorStep::Restart(task.id) } else { OrchestratorStep::Shutdown(task.id) })
    }

    fn matches(&self, service: &GlobalService, node: &Node) -> bool {
        constraint::node_matches(&service.constraints, node, self.seed)
    }
}

impl Supervised for Orchestrator {
    fn supervisors(&self) -> &Supervisors {
        &self.supervisors
    }

    fn supervisors_mut(&mut self) -> &mut Supervisors {
        &mut self.supervisors
    }

    fn start_own(&mut self, context: &mut Context<'_>) {
        for node in context.store.nodes().filter(|node| !node.is_invalid()) {
            self.nodes.insert(node.id, Arc::clone(node));
        }
        for service in context.store.services().filter(|service| service.spec.mode == ServiceMode::Global) {
            self.remember(service);
        }
        let (nodes, restarts, cause) = (&self.nodes, &mut self.restarts, context.cause());
        let fix = |task: &Task| {
            if task.desired_state > TaskState::Running {
                return None;
            }
            if task.node.is_none_or(|node| !nodes.contains_key(&node)) {
                return Some(OrchestratorStep::Shutdown(task.id));
            }
            if task.status.state.is_terminal() {
                restarts.insert(task.id, cause);
            }
            None
        };
        let is_global = |mode| mode == ServiceMode::Global;
        let steps = taskinit::check_tasks(is_global, fix, &mut self.supervisors.restart, context);
        self.stage = Stage::Starting;
        context.batch(MAIN_STRAND, steps);
    }

    fn hear_own(&mut self, event: Heard<'_>, context: &mut Context<'_>) {
        let steps = match event {
            Heard::Change(ObjectChange::Service(delta)) => self.hear_of_service(delta, context),
            Heard::Change(ObjectChange::Node(delta)) => self.hear_of_node(delta, context),
            Heard::Change(ObjectChange::Task(delta)) => {
                self.hear_of_task(delta, context.cause());
                Vec::new()
            }
            Heard::Change(ObjectChange::Cluster(_) | ObjectChange::Network(_)) | Heard::Commit => Vec::new(),
        };
        if steps.is_empty() {
            self.supervisors.update.begin_asked_for(context);
            self.go_on_to_restarts(context);
        } else {
            self.stage = Stage::Reacting;
            submit(steps, context);
        }
    }

    /// A restart is decided anew with the lock held, and a service that is gone meanwhile gets no more tasks.
    fn write_step(
        &mut self,
        step: &OrchestratorStep,
        transaction: &mut Transaction<'_>,
    ) -> Result<(), StoreError> {
        if let OrchestratorStep::Restart(task) = step {
            let decided = transaction.store().task(*task).and_then(|task| self.restart_step(task));
            let Some(decided) = decided else { return Ok(()) };
            return supervisors::write(&decided, &mut self.supervisors.restart, transaction);
        }
        if let OrchestratorStep::Create(task) = step
            && transaction.store().service(task.service.id).is_none()
        {
            return Ok(());
        }
        supervisors::write(step, &mut self.supervisors.restart, transaction)
    }

    fn own_settled(&mut self, context: &mut Context<'_>) {
        match self.stage {
            Stage::Starting => {
                self.stage = Stage::RestartingAtStart;
                if !self.restart_noted(context) {
                    self.reconcile_all(context);
                }
            }
            Stage::RestartingAtStart => self.reconcile_all(context),
            Stage::Reacting => {
                self.supervisors.update.begin_asked_for(context);
                self.go_on_to_restarts(context);
            }
            Stage::Restarting => self.stage = Stage::Idle,
            Stage::Idle => unreachable!("an idle orchestrator writes nothing"),
        }
    }
}

impl StateDigest for Orchestrator {
    fn digest(&self, digest: &mut Digest) {
        let Self { supervisors, seed: _, ties, nodes, services, restarts, stage } = self;
        supervisors.digest(digest);
        ties.digest(digest);
        for (node, object) in nodes {
            node.digest(digest);
            digest.u64(object.meta.version);
        }
        for (id, GlobalService { service, constraints: _ }) in services {
            id.digest(digest);
            digest.u64(service.meta.version);
        }
        restarts.digest(digest);
        digest.u8(*stage as u8);
    }
}
