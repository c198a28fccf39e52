//! Gives every node the tasks that it ought to have (spec orchestration 8.1, 8.2).
use std::sync::Arc;

use super::super::slot::{SlotTasks, tasks_by_node};
use super::super::step::{OrchestratorStep, submit};
use super::super::task::{NewTask, is_task_dirty};
use super::{GlobalService, Orchestrator, Stage};
use crate::manager::loops::Context;
use crate::model::{Availability, Node, NodeId, ServiceId, Slot, Task};
use crate::store::Store;

impl Orchestrator {
    /// Reconciles all services, as a new leader does.
    pub(super) fn reconcile_all(&mut self, context: &mut Context<'_>) {
        let services: Vec<ServiceId> = self.services.keys().copied().collect();
        let mut steps = Vec::new();
        for service in services {
            steps.extend(self.reconcile_service(service, context));
        }
        self.stage = Stage::Reacting;
        submit(steps, context);
    }

    /// Looks at a service on all nodes. Tasks are added at once, outdated ones are left to an update.
    pub(super) fn reconcile_service(
        &mut self,
        id: ServiceId,
        context: &mut Context<'_>,
    ) -> Vec<OrchestratorStep> {
        let GlobalService { service, .. } = &self.services[&id];
        let service = Arc::clone(service);
        let mut slots = tasks_by_node(context.store, id);
        for tasks in slots.values_mut() {
            *tasks = self.supervisors.restart.updatable_tasks_in_slot(tasks, &service);
        }
        slots.retain(|_, tasks| !tasks.is_empty());
        let mut steps = Vec::new();
        let mut outdated = Vec::new();
        for (id, node) in &self.nodes {
            let tasks = slots.remove(&Some(*id)).unwrap_or_default();
            if !self.matches(&self.services[&service.id], node) {
                steps.extend(shutdowns(&tasks));
            } else if node.spec.availability == Availability::Pause {
                continue;
            } else if tasks.is_empty() {
                steps.push(self.addition(service.id, *id));
            } else {
                outdated.push(tasks);
            }
        }
        // What is left is on nodes that are down, drained or gone.
        steps.extend(slots.values().flat_map(shutdowns));
        if !outdated.is_empty() {
            self.ties.order(&mut outdated);
            self.supervisors.update.update(&service, outdated, context);
        }
        steps
    }

    /// Looks at all services on one node that may have tasks. Outdated tasks are replaced at once, whatever an
    /// update of their service does.
    pub(super) fn reconcile_node(&mut self, node: &Node, context: &Context<'_>) -> Vec<OrchestratorStep> {
        if node.spec.availability == Availability::Pause {
            return Vec::new();
        }
        let mut steps = Vec::new();
        let services: Vec<ServiceId> = self.services.keys().copied().collect();
        for id in services {
            if !self.matches(&self.services[&id], node) {
                continue;
            }
            let tasks = self.updatable_tasks_on(node.id, id, context.store);
            let service = &self.services[&id].service;
            let is_dirty = |task: &Arc<Task>| is_task_dirty(service, task, Some(node), self.seed);
            let (mut surplus, clean): (SlotTasks, SlotTasks) = tasks.into_iter().partition(is_dirty);
            if clean.is_empty() {
                steps.push(self.addition(id, node.id));
            }
            surplus.extend(clean.into_iter().skip(1));
            steps.extend(shutdowns(&surplus));
        }
        steps
    }

    fn updatable_tasks_on(&mut self, node: NodeId, service: ServiceId, store: &Store) -> SlotTasks {
        let tasks = store.tasks_of_node(node).filter(|task| task.service == Some(service));
        let tasks: SlotTasks = tasks.cloned().collect();
        self.supervisors.restart.updatable_tasks_in_slot(&tasks, &self.services[&service].service)
    }

    fn addition(&self, service: ServiceId, node: NodeId) -> OrchestratorStep {
        let service = Arc::clone(&self.services[&service].service);
        OrchestratorStep::Create(NewTask { service, slot: Slot(0), node: Some(node), iteration: None })
    }
}

fn shutdowns(tasks: &SlotTasks) -> impl Iterator<Item = OrchestratorStep> {
    tasks.iter().map(|task| OrchestratorStep::Shutdown(task.id))
}
