//! Slots: the tasks that take the place of one replica, or of one node in a global service.
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{NodeId, ServiceId, Slot, Task, TaskState};
use crate::store::Store;

/// The tasks of one slot in the order of their ids: normally a live one and history.
pub(crate) type SlotTasks = Vec<Arc<Task>>;

/// The service's tasks by slot number.
pub(crate) fn tasks_by_slot(store: &Store, service: ServiceId) -> BTreeMap<Slot, SlotTasks> {
    let mut slots: BTreeMap<Slot, SlotTasks> = BTreeMap::new();
    for task in store.tasks_of_service(service) {
        slots.entry(task.slot).or_default().push(Arc::clone(task));
    }
    slots
}

/// The service's tasks by node. Tasks without a node come under none.
pub(crate) fn tasks_by_node(store: &Store, service: ServiceId) -> BTreeMap<Option<NodeId>, SlotTasks> {
    let mut nodes: BTreeMap<Option<NodeId>, SlotTasks> = BTreeMap::new();
    for task in store.tasks_of_service(service) {
        nodes.entry(task.node).or_default().push(Arc::clone(task));
    }
    nodes
}

/// The newest task of a slot; of equally old ones, or ones without any time, the last created.
pub(crate) fn newest(slot: &[Arc<Task>]) -> Option<&Arc<Task>> {
    slot.iter().max_by_key(|task| (task.timestamp(), task.id))
}

/// Slots in the order in which a scale-down spares them (spec orchestration 7.3): those that are alone or early
/// on their node first, running ones before others, low numbers before high ones.
pub(crate) fn sorted_by_worth(slots: BTreeMap<Slot, SlotTasks>) -> Vec<SlotTasks> {
    let mut slots: Vec<SlotTasks> = slots.into_values().collect();
    slots.sort_by_key(|tasks| Reverse(has_running_task(tasks)));
    let mut seen_on_node: BTreeMap<NodeId, u32> = BTreeMap::new();
    let mut placed: Vec<(u32, SlotTasks)> =
        slots.into_iter().map(|tasks| (place_on_node(&tasks, &mut seen_on_node), tasks)).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, tasks)| tasks).collect()
}

/// 1 for the first slot on a node, 2 for the second. Slots without a node or with several tasks come after all
/// others.
fn place_on_node(tasks: &[Arc<Task>], seen_on_node: &mut BTreeMap<NodeId, u32>) -> u32 {
    let [task] = tasks else { return u32::MAX };
    let Some(node) = task.node else { return u32::MAX };
    let place = seen_on_node.entry(node).or_default();
    *place += 1;
    *place
}

fn has_running_task(tasks: &[Arc<Task>]) -> bool {
    tasks.iter().any(|task| task.status.state == TaskState::Running)
}
