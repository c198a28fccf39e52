//! What happens to tasks and services in a replay, as the recordings tell it: one row for every task that
//! changed at an instant, with its values at the end of that instant.
use std::collections::BTreeMap;

use sim_core::bench::{ChangeSet, Delta, ObjectChange};
use sim_core::kernel::SimTime;
use sim_core::model::{NodeId, Service, ServiceId, ServiceMode, Task, TaskId, TaskState};

/// The journal of a replay.
#[derive(Default)]
pub(super) struct Journal {
    /// Names of nodes in the recording.
    pub(super) node_names: BTreeMap<NodeId, String>,
    pub(super) tasks: BTreeMap<TaskId, TaskLife>,
    pub(super) rows: Vec<LogRow>,
    pub(super) updates: Vec<StatusRow>,
    /// The image in the last spec of each service.
    pub(super) spec_images: BTreeMap<String, String>,
    modes: BTreeMap<ServiceId, ServiceMode>,
    /// Tasks made so far in each slot.
    ordinals: BTreeMap<(String, Place), u64>,
    /// Tasks that changed at the instant under way, in order of their first change.
    touched: Vec<TaskId>,
    now_ms: u64,
}

/// The place of a task in its service: a slot number, or a node where each node has a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Slot(u32),
    Node(String),
}

/// A task as it was last seen.
#[derive(Clone, Debug)]
pub(super) struct TaskLife {
    pub(super) service: String,
    pub(super) place: Place,
    pub(super) ordinal: u64,
    pub(super) image: String,
    pub(super) node: Option<String>,
    pub(super) desired: TaskState,
    pub(super) observed: TaskState,
    pub(super) err: String,
    pub(super) is_removed: bool,
    /// When it ran for the first time.
    pub(super) ran_at_ms: Option<u64>,
}

/// A task at the end of an instant in which it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogRow {
    pub(super) at_ms: u64,
    pub(super) task: TaskId,
    pub(super) desired: TaskState,
    /// None: it was removed from the store.
    pub(super) observed: Option<TaskState>,
    pub(super) node: Option<String>,
}

/// A change of a service's update status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatusRow {
    pub(super) at_ms: u64,
    pub(super) service: String,
    /// Docker's word, or nothing without a status.
    pub(super) state: &'static str,
    pub(super) message: String,
}

impl Journal {
    pub(super) fn new(node_names: BTreeMap<NodeId, String>) -> Self {
        Journal { node_names, ..Journal::default() }
    }

    /// Notes what a transaction changed.
    pub(super) fn note(&mut self, changes: &ChangeSet, now: SimTime) {
        let now_ms = now.as_nanos() / 1_000_000;
        if now_ms != self.now_ms {
            self.end_instant();
            self.now_ms = now_ms;
        }
        for change in changes.iter() {
            match &change.object {
                ObjectChange::Task(delta) => self.note_task(delta),
                ObjectChange::Service(delta) => self.note_service(delta),
                ObjectChange::Cluster(_) | ObjectChange::Node(_) | ObjectChange::Network(_) => {}
            }
        }
    }

    /// Everything of the instant under way has happened.
    pub(super) fn end_instant(&mut self) {
        for task in std::mem::take(&mut self.touched) {
            let life = &self.tasks[&task];
            self.rows.push(LogRow {
                at_ms: self.now_ms,
                task,
                desired: life.desired,
                observed: (!life.is_removed).then_some(life.observed),
                node: life.node.clone(),
            });
        }
    }

    fn note_task(&mut self, delta: &Delta<Task>) {
        let id = delta.id();
        if !self.touched.contains(&id) {
            self.touched.push(id);
        }
        if let (None, Some(task)) = (&delta.old, &delta.new) {
            let life = self.new_life(task);
            self.tasks.insert(id, life);
        }
        let life = self.tasks.get_mut(&id).expect("noted when it was created");
        let Some(task) = &delta.new else {
            life.is_removed = true;
            return;
        };
        life.node = task.node.map(|node| self.node_names[&node].clone());
        life.desired = task.desired_state;
        life.observed = task.status.state;
        life.err = task.status.err.to_string();
        if task.status.state == TaskState::Running && life.ran_at_ms.is_none() {
            life.ran_at_ms = Some(self.now_ms);
        }
    }

    fn new_life(&mut self, task: &Task) -> TaskLife {
        let service = task.service_annotations.name.clone();
        let mode = self.modes[&task.service.expect("recordings have no tasks without service")];
        let place = match (mode, task.node) {
            (ServiceMode::Global | ServiceMode::GlobalJob, Some(node)) => {
                Place::Node(self.node_names[&node].clone())
            }
            _ => Place::Slot(task.slot.0),
        };
        let ordinal = self.ordinals.entry((service.clone(), place.clone())).or_default();
        *ordinal += 1;
        TaskLife {
            service,
            place,
            ordinal: *ordinal,
            image: task.spec.container.image.clone(),
            node: None,
            desired: task.desired_state,
            observed: task.status.state,
            err: String::new(),
            is_removed: false,
            ran_at_ms: None,
        }
    }

    fn note_service(&mut self, delta: &Delta<Service>) {
        let Some(service) = &delta.new else { return };
        self.modes.insert(service.id, service.spec.mode);
        let name = service.name();
        self.spec_images.insert(name.to_owned(), service.spec.task.container.image.clone());
        let status = service.update_status.as_ref();
        let state = status.map_or("", |status| status.state.name());
        let last = self.updates.iter().rev().find(|row| row.service == name).map_or("", |row| row.state);
        if state != last {
            self.updates.push(StatusRow {
                at_ms: self.now_ms,
                service: name.to_owned(),
                state,
                message: status.map_or(String::new(), |status| status.message.to_string()),
            });
        }
    }
}
