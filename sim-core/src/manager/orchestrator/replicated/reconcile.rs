//! Brings the number of a service's slots to what its spec says (spec orchestration 7.2).
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::slot::{SlotTasks, sorted_by_worth, tasks_by_slot};
use super::super::step::OrchestratorStep;
use super::super::task::NewTask;
use super::Orchestrator;
use crate::manager::loops::{Context, MAIN_STRAND, Step};
use crate::model::{FactId, Service, ServiceMode, Slot};

/// The slots of a service that fill a place, with the tasks that an update has to look at, and those that do
/// not, with all their tasks.
struct Slots {
    runnable: BTreeMap<Slot, SlotTasks>,
    dead: BTreeMap<Slot, SlotTasks>,
}

impl Orchestrator {
    pub(super) fn reconcile(&mut self, service: &Arc<Service>, cause: FactId, context: &mut Context<'_>) {
        let ServiceMode::Replicated { replicas } = service.spec.mode else {
            unreachable!("only replicated services are noted")
        };
        context.effects.set_cause(cause);
        let Slots { runnable, mut dead } = self.slots_of(service, context);
        let mut steps = Vec::new();
        let mut kept: Vec<SlotTasks>;
        let count = runnable.len() as u64;
        match replicas.cmp(&count) {
            Ordering::Greater | Ordering::Equal => {
                for slot in free_slots(&runnable).take((replicas - count) as usize) {
                    // What was in a slot that is used again stays as its history.
                    dead.remove(&slot);
                    let task = NewTask { service: Arc::clone(service), slot, node: None, iteration: None };
                    steps.push(OrchestratorStep::Create(task));
                }
                steps.extend(deletions(dead));
                kept = runnable.into_values().collect();
                self.ties.order(&mut kept);
            }
            Ordering::Less => {
                let mut slots = sorted_by_worth(runnable);
                let surplus = slots.split_off(replicas as usize);
                steps.extend(deletions(dead));
                steps.extend(surplus.iter().flatten().map(|task| OrchestratorStep::Remove(task.id)));
                kept = slots;
            }
        }
        self.supervisors.update.update(service, kept, context);
        context.batch(MAIN_STRAND, steps.into_iter().map(|step| (Step::from(step), cause)));
    }

    fn slots_of(&mut self, service: &Service, context: &Context<'_>) -> Slots {
        let mut slots = Slots { runnable: BTreeMap::new(), dead: BTreeMap::new() };
        for (slot, tasks) in tasks_by_slot(context.store, service.id) {
            let updatable = self.supervisors.restart.updatable_tasks_in_slot(&tasks, service);
            if updatable.is_empty() {
                slots.dead.insert(slot, tasks);
            } else {
                slots.runnable.insert(slot, updatable);
            }
        }
        slots
    }
}

/// Slot numbers from 1 that are not taken, in order.
fn free_slots(taken: &BTreeMap<Slot, SlotTasks>) -> impl Iterator<Item = Slot> {
    (1..=u32::MAX).map(Slot).filter(|slot| !taken.contains_key(slot))
}

/// Tasks of dead slots vanish from the store whatever they do: their agents then stop them.
fn deletions(dead: BTreeMap<Slot, SlotTasks>) -> impl Iterator<Item = OrchestratorStep> {
    dead.into_values().flatten().map(|task| OrchestratorStep::Delete(task.id))
}
