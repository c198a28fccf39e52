//! The agents of all nodes: they do one step of a task after the other, each after a fixed time.
//!
//! What a task has to do next follows from its object alone. When the object changes and something else is to be
//! done, the step under way is forgotten. While a node is not READY its agent does nothing; afterwards it begins
//! its steps anew.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bench::{Bench, ChangeSet, Delta, ObjectChange, StoreError, World};
use crate::kernel::{SimDuration, SimTime};
use crate::model::{Node, NodeId, NodeState, ServiceId, Task, TaskId, TaskState, TaskStatus};

/// Time until an agent knows of a task.
const DISPATCH: SimDuration = SimDuration::from_millis(100);
/// Time to prepare a task.
pub const PREPARE: SimDuration = SimDuration::from_millis(200);
/// The same with a slow image.
const PREPARE_SLOWLY: SimDuration = SimDuration::from_secs(30);
/// Time to start a task.
pub const START: SimDuration = SimDuration::from_millis(300);
/// Time to stop a task.
const STOP: SimDuration = SimDuration::from_millis(400);
/// Time that tasks run that end by themselves.
const LIFE: SimDuration = SimDuration::from_secs(3);

/// The agents, and what they noticed.
#[derive(Debug, Default)]
pub(super) struct Agents {
    /// The state that each task is about to reach, and the number of the alarm for it.
    steps: BTreeMap<TaskId, (TaskState, u64)>,
    alarms: Vec<TaskId>,
    /// Ends of tasks and new specs since somebody asked.
    pub(super) changes: BTreeMap<ServiceId, u64>,
    pub(super) last_commit: SimTime,
}

impl Agents {
    /// What the agent does next about a task, and how long it takes.
    fn next_step(task: &Task) -> Option<(TaskState, SimDuration)> {
        let (observed, image) = (task.status.state, &task.spec.container.image);
        let is = |kind: &str| image.starts_with(kind);
        if observed < TaskState::Assigned || observed.is_terminal() {
            return None;
        }
        if task.desired_state >= TaskState::Shutdown {
            let is_started = observed >= TaskState::Starting;
            return Some((TaskState::Shutdown, if is_started { STOP } else { SimDuration::ZERO }));
        }
        // What comes after each state, with the images that it is different for.
        let may_start = task.desired_state >= TaskState::Running;
        let steps = [
            (TaskState::Assigned, true, TaskState::Preparing, DISPATCH),
            (TaskState::Preparing, is("missing"), TaskState::Rejected, PREPARE),
            (TaskState::Preparing, is("slow"), TaskState::Ready, PREPARE_SLOWLY),
            (TaskState::Preparing, true, TaskState::Ready, PREPARE),
            (TaskState::Ready, may_start, TaskState::Starting, SimDuration::ZERO),
            (TaskState::Starting, is("fails"), TaskState::Failed, START),
            (TaskState::Starting, true, TaskState::Running, START),
            (TaskState::Running, is("ends"), TaskState::Failed, LIFE),
        ];
        let step = steps.iter().find(|(from, applies, _, _)| *from == observed && *applies);
        step.map(|(_, _, to, after)| (*to, *after))
    }

    fn hear_of_task(&mut self, task: &Task, bench: &mut Bench) {
        let is_ready = task.node.is_some_and(|node| is_ready(node, bench));
        let Some((state, after)) = Self::next_step(task).filter(|_| is_ready) else {
            self.steps.remove(&task.id);
            return;
        };
        if self.steps.get(&task.id).is_some_and(|(known, _)| *known == state) {
            return;
        }
        let alarm = self.alarms.len() as u64;
        self.alarms.push(task.id);
        self.steps.insert(task.id, (state, alarm));
        bench.set_alarm(alarm, bench.now() + after);
    }

    fn hear_of_node(&mut self, delta: &Delta<Node>, bench: &mut Bench) {
        let ready = |node: &Option<Arc<Node>>| {
            node.as_ref().is_some_and(|node| node.status.state == NodeState::Ready)
        };
        if ready(&delta.old) != ready(&delta.new) {
            let tasks: Vec<Arc<Task>> = bench.store().tasks_of_node(delta.id()).cloned().collect();
            for task in tasks {
                self.steps.remove(&task.id);
                self.hear_of_task(&task, bench);
            }
        }
    }

    fn count(&mut self, service: ServiceId) {
        *self.changes.entry(service).or_default() += 1;
    }
}

impl World for Agents {
    fn committed(&mut self, changes: &ChangeSet, bench: &mut Bench) {
        self.last_commit = bench.now();
        for change in changes.iter() {
            match &change.object {
                ObjectChange::Task(Delta { old, new: Some(new) }) => {
                    let had_ended = old.as_ref().is_some_and(|old| old.status.state.is_terminal());
                    if new.status.state.is_terminal() && !had_ended {
                        new.service.into_iter().for_each(|service| self.count(service));
                    }
                    self.hear_of_task(new, bench);
                }
                ObjectChange::Task(delta) => {
                    self.steps.remove(&delta.id());
                }
                ObjectChange::Node(delta) => self.hear_of_node(delta, bench),
                ObjectChange::Service(delta) => self.count(delta.id()),
                ObjectChange::Cluster(_) | ObjectChange::Network(_) => {}
            }
        }
    }

    fn alarm(&mut self, alarm: u64, bench: &mut Bench) {
        let id = self.alarms[alarm as usize];
        let due = self.steps.get(&id).filter(|(_, number)| *number == alarm).copied();
        if let Some((state, _)) = due {
            self.steps.remove(&id);
            report(id, state, bench);
        }
    }
}

fn is_ready(node: NodeId, bench: &Bench) -> bool {
    bench.store().node(node).is_some_and(|node| node.status.state == NodeState::Ready)
}

/// An agent's report, as the dispatcher writes it.
pub(super) fn report(task: TaskId, state: TaskState, bench: &mut Bench) {
    let task = Arc::clone(bench.store().task(task).expect("agents forget tasks that are deleted"));
    assert!(task.status.state < state, "an agent reports {state} after {}", task.status.state);
    let written: Result<(), StoreError> = bench.transact(|transaction| {
        let now = Some(transaction.now());
        let status = TaskStatus { state, timestamp: now, applied_at: now, ..TaskStatus::default() };
        transaction.update_task(Task { status, ..Task::clone(&task) })
    });
    written.expect("nobody else writes at this moment");
}
