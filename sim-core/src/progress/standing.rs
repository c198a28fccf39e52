//! Which task stands for a replica or a node on a client's terminal, and how many of those are how far.
//!
//! The table follows facts one task at a time, so that a client that waits for ten thousand replicas costs no more
//! than what happens to them.
use std::collections::BTreeMap;

use super::screen::number;
use crate::manager::orchestrator::task::is_task_dirty;
use crate::model::{Node, NodeId, NodeState, Service, ServiceMode, Slot, Task, TaskId, TaskState};
use crate::store::Store;

/// What a line of the terminal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Slot(Slot),
    Node(NodeId),
}

/// The task that stands for a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: TaskState,
    pub(super) desired: TaskState,
    pub(super) error: String,
    /// False if its node is down.
    pub(super) on_active_node: bool,
}

/// How many places there are, and how far their tasks are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Meant to run, on a node that is not down, and running.
    pub(super) running: u64,
    /// In another state than RUNNING.
    pub(super) astray: u64,
    /// Not at an end.
    pub(super) active: u64,
    /// COMPLETE.
    pub(super) complete: u64,
}

/// A task that stands for each place of one service.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    tasks: BTreeMap<Place, Standing>,
    places: BTreeMap<TaskId, Place>,
    counts: Counts,
}

impl Table {
    /// Everything anew: the service is another one now.
    pub(super) fn rebuild(&mut self, service: &Service, store: &Store, seed: u64) {
        *self = Table::default();
        for task in store.tasks_of_service(service.id) {
            self.refresh(task.id, service, store, seed);
        }
    }

    /// Something about a task has changed. True if it is one of the service.
    pub(super) fn refresh(&mut self, task: TaskId, service: &Service, store: &Store, seed: u64) -> bool {
        if let Some(task) = store.task(task).filter(|task| task.service == Some(service.id)) {
            self.places.insert(task.id, place(service, task));
        }
        let Some(place) = self.places.get(&task).copied() else { return false };
        if store.task(task).is_none() {
            self.places.remove(&task);
        }
        let chosen = choose(place, service, store, seed);
        let before = match chosen.clone() {
            Some(standing) => self.tasks.insert(place, standing),
            None => self.tasks.remove(&place),
        };
        self.counts = self.counts.without(before.as_ref()).with(chosen.as_ref());
        true
    }

    /// Something about a node has changed.
    pub(super) fn refresh_node(&mut self, node: NodeId, service: &Service, store: &Store, seed: u64) {
        for task in store.tasks_of_node(node).filter(|task| task.service == Some(service.id)) {
            self.refresh(task.id, service, store, seed);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// How many places have a task.
    pub(super) fn len(&self) -> u64 {
        self.tasks.len() as u64
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &Standing)> {
        self.tasks.iter().map(|(place, standing)| (*place, standing))
    }

    pub(super) fn get(&self, place: Place) -> Option<&Standing> {
        self.tasks.get(&place)
    }
}

impl Counts {
    fn with(self, standing: Option<&Standing>) -> Self {
        let one = Counts::of(standing);
        Counts {
            running: self.running + one.running,
            astray: self.astray + one.astray,
            active: self.active + one.active,
            complete: self.complete + one.complete,
        }
    }

    fn without(self, standing: Option<&Standing>) -> Self {
        let one = Counts::of(standing);
        Counts {
            running: self.running - one.running,
            astray: self.astray - one.astray,
            active: self.active - one.active,
            complete: self.complete - one.complete,
        }
    }

    fn of(standing: Option<&Standing>) -> Self {
        let Some(Standing { state, desired, on_active_node, error: _ }) = standing else {
            return Counts::default();
        };
        let is_running = *state == TaskState::Running;
        Counts {
            running: u64::from(is_running && *desired <= TaskState::Running && *on_active_node),
            astray: u64::from(!is_running),
            active: u64::from(*state < TaskState::Complete),
            complete: u64::from(*state == TaskState::Complete),
        }
    }
}

fn place(service: &Service, task: &Task) -> Place {
    match (service.spec.mode, task.node) {
        (ServiceMode::Global | ServiceMode::GlobalJob, Some(node)) => Place::Node(node),
        _ => Place::Slot(task.slot),
    }
}

/// The up-to-date task of a place that the client shows. Services: the lowest desired state, then the lowest state,
/// replicas never on a node that is down. Jobs: the lowest state of the current iteration.
fn choose(place: Place, service: &Service, store: &Store, seed: u64) -> Option<Standing> {
    let is_job = service.job_status.is_some();
    let tasks: Vec<&Task> = match place {
        Place::Slot(slot) => store.tasks_of_slot(service.id, slot).map(|task| &**task).collect(),
        Place::Node(node) => {
            let tasks = store.tasks_of_node(node).filter(|task| task.service == Some(service.id));
            tasks.map(|task| &**task).collect()
        }
    };
    let node_of = |task: &Task| task.node.and_then(|node| store.node(node));
    let is_active = |node: Option<&Node>| node.is_some_and(|node| node.status.state != NodeState::Down);
    let shown = tasks.into_iter().filter(|task| {
        let node = node_of(task).map(|node| &**node);
        let known = number(task.status.state).is_some() && number(task.desired_state).is_some();
        let this_time = !is_job || task.job_iteration == service.job_status.map(|status| status.iteration);
        let reachable = is_job || matches!(place, Place::Node(_)) || task.node.is_none() || is_active(node);
        known && this_time && reachable && !is_task_dirty(service, task, node, seed)
    });
    let rank = |task: &&Task| {
        let desired = if is_job { None } else { number(task.desired_state) };
        (desired, number(task.status.state))
    };
    let task = shown.min_by_key(rank)?;
    Some(Standing {
        state: task.status.state,
        desired: task.desired_state,
        error: task.status.err.to_string(),
        on_active_node: is_active(node_of(task).map(|node| &**node)),
    })
}
