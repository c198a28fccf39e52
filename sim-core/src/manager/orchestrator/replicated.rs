//! The orchestrator of replicated services (spec orchestration 7).
//!
//! Events are only noted; the work is done at the commit that ends their transaction: first all restarts, then
//! all reconciliations, each in a batch of its own.
mod reconcile;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::step::{remove_all, submit, submit_restarts};
use super::supervised::Supervised;
use super::supervisors::Supervisors;
use super::{is_invalid_node, is_replicated, taskinit};
use crate::kernel::{Digest, StateDigest};
use crate::manager::loops::{Context, Heard, MAIN_STRAND};
use crate::manager::ties::TieBreaker;
use crate::model::{FactId, NodeId, Service, ServiceId, Task, TaskId, TaskState};
use crate::protocol::LoopKind;
use crate::store::{Delta, ObjectChange, Store};

/// The replicated orchestrator of a leading manager.
#[derive(Debug)]
pub(crate) struct Orchestrator {
    supervisors: Supervisors,
    ties: TieBreaker,
    /// Tasks to be restarted at the next commit, each with the fact that asked for it.
    restarts: BTreeMap<TaskId, FactId>,
    /// Services to be reconciled at the next commit, as they were last heard of.
    reconciliations: BTreeMap<ServiceId, (Arc<Service>, FactId)>,
    stage: Stage,
}

/// What the orchestrator's own strand does once its write is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It hears.
    Idle,
    /// It has looked at the tasks of the leader before; now it reconciles all services.
    Starting,
    /// It has asked for the removal of a service's tasks, and hears on.
    Removing,
    /// It goes on with what was noted.
    Working,
}

impl Orchestrator {
    pub(crate) fn new(seed: u64, ties: TieBreaker) -> Self {
        Orchestrator {
            supervisors: Supervisors::new(LoopKind::Replicated, seed),
            ties,
            restarts: BTreeMap::new(),
            reconciliations: BTreeMap::new(),
            stage: Stage::Idle,
        }
    }

    fn hear_of_service(&mut self, delta: &Delta<Service>, context: &mut Context<'_>) {
        if !is_replicated(delta.object().spec.mode) {
            return;
        }
        match &delta.new {
            Some(service) => self.note_reconciliation(service, context.cause()),
            None => {
                let service = delta.id();
                self.supervisors.restart.clear_history(service);
                self.reconciliations.remove(&service);
                self.stage = Stage::Removing;
                submit(remove_all(context.store, service), context);
            }
        }
    }

    fn hear_of_task(&mut self, delta: &Delta<Task>, context: &mut Context<'_>) {
        match (&delta.old, &delta.new) {
            (_, Some(task)) => {
                if needs_restart(task, context.store) {
                    self.restarts.insert(task.id, context.cause());
                }
            }
            (Some(task), None) => {
                if task.desired_state <= TaskState::Running
                    && let Some(service) = replicated_service_of(task, context.store)
                {
                    self.note_reconciliation(&Arc::clone(service), context.cause());
                }
                self.supervisors.cancel_start(task.id, context);
            }
            (None, None) => unreachable!("a change has an object"),
        }
    }

    /// All live tasks of a node that is down, drained or gone are to be restarted.
    fn hear_of_node(&mut self, node: NodeId, context: &Context<'_>) {
        if !is_invalid_node(context.store, node) {
            return;
        }
        for task in context.store.tasks_of_node(node) {
            let is_live = task.desired_state <= TaskState::Running;
            if is_live && replicated_service_of(task, context.store).is_some() {
                self.restarts.insert(task.id, context.cause());
            }
        }
    }

    fn note_reconciliation(&mut self, service: &Arc<Service>, cause: FactId) {
        self.reconciliations.insert(service.id, (Arc::clone(service), cause));
    }

    /// Writes the next part of what was noted, if anything is left.
    fn work(&mut self, context: &mut Context<'_>) {
        self.stage = Stage::Working;
        if submit_restarts(&mut self.restarts, &mut self.ties, context) {
            return;
        }
        match self.reconciliations.pop_first() {
            Some((_, (service, cause))) => self.reconcile(&service, cause, context),
            None => self.stage = Stage::Idle,
        }
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
        let store = context.store;
        let restarts = &mut self.restarts;
        let fix = |task: &Task| {
            if needs_restart(task, store) {
                restarts.insert(task.id, context.cause());
            }
            None
        };
        let steps = taskinit::check_tasks(is_replicated, fix, &mut self.supervisors.restart, context);
        self.stage = Stage::Starting;
        context.batch(MAIN_STRAND, steps);
    }

    fn hear_own(&mut self, event: Heard<'_>, context: &mut Context<'_>) {
        match event {
            Heard::Change(ObjectChange::Service(delta)) => self.hear_of_service(delta, context),
            Heard::Change(ObjectChange::Task(delta)) => self.hear_of_task(delta, context),
            Heard::Change(ObjectChange::Node(delta)) => self.hear_of_node(delta.id(), context),
            Heard::Change(ObjectChange::Cluster(_) | ObjectChange::Network(_)) => {}
            Heard::Commit => self.work(context),
        }
    }

    fn own_settled(&mut self, context: &mut Context<'_>) {
        match self.stage {
            Stage::Starting => {
                for service in context.store.services().filter(|service| is_replicated(service.spec.mode)) {
                    self.note_reconciliation(service, context.cause());
                }
                self.work(context);
            }
            Stage::Removing => self.stage = Stage::Idle,
            Stage::Working => {
                self.supervisors.update.begin_asked_for(context);
                self.work(context);
            }
            Stage::Idle => unreachable!("an idle orchestrator writes nothing"),
        }
    }
}

/// True if a live task of a replicated service ended, or is where no task may stay.
fn needs_restart(task: &Task, store: &Store) -> bool {
    task.desired_state <= TaskState::Running
        && replicated_service_of(task, store).is_some()
        && (task.status.state.is_terminal() || task.node.is_some_and(|node| is_invalid_node(store, node)))
}

fn replicated_service_of<'a>(task: &Task, store: &'a Store) -> Option<&'a Arc<Service>> {
    store.service(task.service?).filter(|service| is_replicated(service.spec.mode))
}

impl StateDigest for Orchestrator {
    fn digest(&self, digest: &mut Digest) {
        let Self { supervisors, ties, restarts, reconciliations, stage } = self;
        supervisors.digest(digest);
        ties.digest(digest);
        restarts.digest(digest);
        reconciliations.digest(digest);
        digest.u8(*stage as u8);
    }
}
