//! The surroundings of the loops in a text test: agents that do what the script tells them, and a scribe.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bench::{Bench, ChangeSet, Delta, ObjectChange, StoreError, World};
use crate::kernel::SimDuration;
use crate::model::{Service, ServiceMode, Task, TaskId, TaskState, TaskStatus};

/// Agents and scribe.
#[derive(Default)]
pub(super) struct Surroundings {
    /// What was committed since the last look.
    pub(super) lines: Vec<String>,
    /// Names of tasks: `web.1.2` is the second task made in slot 1.
    pub(super) names: BTreeMap<TaskId, String>,
    made: BTreeMap<String, u32>,
    /// How long a task takes to run that may; none: it never does.
    pub(super) start: Option<SimDuration>,
    /// How long a task takes to stop that shall; none: it never does.
    pub(super) stop: Option<SimDuration>,
    /// Agents know only tasks that have a node.
    pub(super) placed_only: bool,
    /// What becomes of tasks of an image when they start, one after the other and over again.
    pub(super) outcomes: BTreeMap<String, Vec<TaskState>>,
    started: BTreeMap<String, usize>,
    /// The task that each alarm is for.
    alarms: Vec<TaskId>,
}

impl Surroundings {
    pub(super) fn task(&self, name: &str) -> TaskId {
        let found = self.names.iter().find(|(_, own)| *own == name);
        *found.unwrap_or_else(|| panic!("no task {name}")).0
    }

    pub(super) fn name(&mut self, task: &Task, store: &crate::store::Store) {
        let service = task.service.and_then(|service| store.service(service));
        let per_node =
            service.is_some_and(|s| matches!(s.spec.mode, ServiceMode::Global | ServiceMode::GlobalJob));
        let owner = match task.service {
            None => "none".to_owned(),
            Some(id) => service.map_or_else(|| format!("gone{}", id.0), |service| service.name().to_owned()),
        };
        let place = match task.node.filter(|_| per_node) {
            Some(node) => store.node(node).map_or("gone", |node| node.hostname()).to_owned(),
            None => task.slot.0.to_string(),
        };
        let slot = format!("{owner}.{place}");
        let made = self.made.entry(slot.clone()).or_default();
        *made += 1;
        self.names.insert(task.id, format!("{slot}.{made}"));
    }

    /// An agent may have something to do about a task.
    fn react(&mut self, task: &Task, bench: &mut Bench) {
        if self.placed_only && task.status.state < TaskState::Assigned {
            return;
        }
        let (desired, observed) = (task.desired_state, task.status.state);
        let delay = if desired >= TaskState::Shutdown && observed <= TaskState::Running {
            self.stop
        } else if desired >= TaskState::Running && observed < TaskState::Running {
            self.start
        } else {
            None
        };
        if let Some(delay) = delay {
            self.alarms.push(task.id);
            bench.set_alarm(self.alarms.len() as u64 - 1, bench.now() + delay);
        }
    }

    /// What an agent has to report about a task now.
    fn due(&mut self, task: &Task) -> Option<TaskState> {
        let observed = task.status.state;
        if task.desired_state >= TaskState::Shutdown {
            return (observed <= TaskState::Running).then_some(TaskState::Shutdown);
        }
        if observed >= TaskState::Running || task.desired_state < TaskState::Running {
            return None;
        }
        let image = &task.spec.container.image;
        let Some(outcomes) = self.outcomes.get(image) else { return Some(TaskState::Running) };
        let started = self.started.entry(image.clone()).or_default();
        *started += 1;
        Some(outcomes[(*started - 1) % outcomes.len()])
    }

    fn describe(&mut self, change: &ObjectChange, bench: &Bench) -> Option<String> {
        match change {
            ObjectChange::Task(delta) => Some(self.describe_task(delta, bench)),
            ObjectChange::Service(delta) => describe_service(delta),
            ObjectChange::Cluster(_) | ObjectChange::Node(_) | ObjectChange::Network(_) => None,
        }
    }

    fn describe_task(&mut self, delta: &Delta<Task>, bench: &Bench) -> String {
        if delta.old.is_none() {
            self.name(delta.object(), bench.store());
        }
        let name = &self.names[&delta.id()];
        let Some(task) = &delta.new else { return format!("{name} deleted") };
        let new = if delta.old.is_none() { "new " } else { "" };
        format!("{name} {new}{}/{}", task.status.state.name(), task.desired_state.name())
    }
}

fn describe_service(delta: &Delta<Service>) -> Option<String> {
    let (old, new) = (delta.old.as_ref()?, delta.new.as_ref()?);
    if old.update_status == new.update_status {
        return None;
    }
    Some(match &new.update_status {
        Some(status) => format!("{} {}: {}", new.name(), status.state.name(), status.message),
        None => format!("{} without update status", new.name()),
    })
}

/// A report of an agent.
pub(super) fn report(task: TaskId, state: TaskState, bench: &mut Bench) {
    let task = Arc::clone(bench.store().task(task).expect("a task"));
    let written: Result<(), StoreError> = bench.transact(|transaction| {
        let now = Some(transaction.now());
        let status = TaskStatus { state, timestamp: now, applied_at: now, ..TaskStatus::default() };
        transaction.update_task(Task { status, ..Task::clone(&task) })
    });
    written.expect("nobody else writes at this moment");
}

impl World for Surroundings {
    fn committed(&mut self, changes: &ChangeSet, bench: &mut Bench) {
        let now = bench.now();
        let events: Vec<String> =
            changes.iter().filter_map(|change| self.describe(&change.object, bench)).collect();
        if !events.is_empty() {
            self.lines.push(format!("{now} {}", events.join(", ")));
        }
        for change in changes.iter() {
            if let ObjectChange::Task(Delta { new: Some(task), .. }) = &change.object {
                self.react(task, bench);
            }
        }
    }

    fn alarm(&mut self, alarm: u64, bench: &mut Bench) {
        let id = self.alarms[alarm as usize];
        let Some(task) = bench.store().task(id).cloned() else { return };
        if let Some(state) = self.due(&task) {
            report(id, state, bench);
        }
    }
}
