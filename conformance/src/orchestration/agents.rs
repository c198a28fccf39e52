//! The node agents that the recordings were made with: a model with fixed times, not the worker of the
//! simulation.
//!
//! A task goes through phases. The end of a phase is an alarm of the bench; the agent then reports a state, and
//! the report leads to the next phase. While a node is not ready its agent neither acts nor reports, and when
//! it is ready again the phase in progress begins anew.
use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::bench::{Bench, ChangeSet, Delta, ObjectChange, StoreError, World};
use sim_core::kernel::SimDuration;
use sim_core::model::{Node, NodeId, NodeState, ServiceId, Task, TaskId, TaskState, TaskStatus};

use super::case::{AgentModel, ImageModel};
use super::journal::Journal;

/// What takes longer than a year does not happen.
const LATE_MS: u64 = 31_536_000_000;

/// The agents of all nodes, and a journal of what happens.
pub(super) struct Agents {
    model: AgentModel,
    pub(super) journal: Journal,
    tasks: BTreeMap<TaskId, Assignment>,
    /// Tasks of a service and image that have become PREPARING.
    prepared: BTreeMap<(ServiceId, String), u64>,
    /// The task and phase that each alarm is for.
    alarms: Vec<(TaskId, u64)>,
}

/// A task that an agent works on.
struct Assignment {
    node: NodeId,
    phase: Phase,
    /// Counts phases, so that an alarm of an earlier one is known.
    number: u64,
    /// What its image makes it do.
    fate: Fate,
}

/// What an agent is doing about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Dispatching,
    Preparing,
    /// It may not start yet.
    Ready,
    Starting,
    Running,
    Stopping,
    /// It has exited by itself, and that is to be reported.
    Exited(&'static str),
    Over,
}

/// What the image of a task makes it do, found out when it becomes PREPARING.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fate {
    rejected: bool,
    start_fails: bool,
    ends: Option<(SimDuration, TaskState)>,
}

impl Agents {
    pub(super) fn new(model: AgentModel, journal: Journal) -> Self {
        Agents { model, journal, tasks: BTreeMap::new(), prepared: BTreeMap::new(), alarms: Vec::new() }
    }

    /// A running container exits with an error. Its agent says so at once, or when its node is ready again.
    pub(super) fn fail(&mut self, task: TaskId, bench: &mut Bench) {
        let Some(own) = self.tasks.get_mut(&task).filter(|own| own.phase == Phase::Running) else { return };
        own.phase = Phase::Exited("task: non-zero exit (137)");
        own.number += 1;
        if is_ready(bench, own.node) {
            self.end_phase(task, bench);
        }
    }

    fn hear_of_task(&mut self, delta: &Delta<Task>, bench: &mut Bench) {
        let id = delta.id();
        let Some(task) = &delta.new else {
            self.tasks.remove(&id);
            return;
        };
        let Some(node) = task.node else { return };
        let is_new = !self.tasks.contains_key(&id) && task.status.state == TaskState::Assigned;
        if is_new {
            let own = Assignment { node, phase: Phase::Dispatching, number: 0, fate: Fate::default() };
            self.tasks.insert(id, own);
        }
        let Some(own) = self.tasks.get_mut(&id) else { return };
        if task.status.state.is_terminal() {
            // Somebody else may have ended it.
            own.phase = Phase::Over;
            own.number += 1;
        } else if is_new {
            self.begin_phase(task, bench);
        } else if is_ready(bench, node) {
            self.obey(task, bench);
        }
    }

    /// The desired state of a task may have changed what is to be done.
    fn obey(&mut self, task: &Task, bench: &mut Bench) {
        let phase = self.tasks[&task.id].phase;
        let stops = task.desired_state >= TaskState::Shutdown;
        let may_start = phase == Phase::Ready && task.desired_state > TaskState::Ready;
        if may_start || (stops && !matches!(phase, Phase::Stopping | Phase::Exited(_) | Phase::Over)) {
            self.begin_phase(task, bench);
        }
    }

    /// Begins the phase that the task is in, or stops it if that is wanted.
    fn begin_phase(&mut self, task: &Task, bench: &mut Bench) {
        let own = self.tasks.get_mut(&task.id).expect("only known tasks have phases");
        own.number += 1;
        if task.desired_state >= TaskState::Shutdown && !matches!(own.phase, Phase::Exited(_) | Phase::Over) {
            own.phase = Phase::Stopping;
        }
        if !is_ready(bench, own.node) {
            return;
        }
        let millis = SimDuration::from_millis;
        let duration = match own.phase {
            Phase::Dispatching => millis(self.model.dispatch_ms),
            Phase::Preparing => millis(self.model.prepare_ms),
            Phase::Ready if task.desired_state > TaskState::Ready => SimDuration::ZERO,
            Phase::Starting => millis(self.model.start_ms),
            Phase::Stopping if task.status.state >= TaskState::Starting => millis(self.model.stop_ms),
            Phase::Stopping | Phase::Exited(_) => SimDuration::ZERO,
            Phase::Running => match own.fate.ends {
                Some((after, _)) => after,
                None => return,
            },
            Phase::Ready | Phase::Over => return,
        };
        self.alarms.push((task.id, own.number));
        bench.set_alarm(self.alarms.len() as u64 - 1, bench.now() + duration);
    }

    /// The end of a phase: the next one begins with a report.
    fn end_phase(&mut self, id: TaskId, bench: &mut Bench) {
        let task = Arc::clone(bench.store().task(id).expect("agents forget deleted tasks"));
        let own = self.tasks.get_mut(&id).expect("only known tasks have phases");
        let (phase, state, err) = match own.phase {
            Phase::Dispatching => (Phase::Preparing, TaskState::Preparing, String::new()),
            Phase::Preparing if own.fate.rejected => {
                let image = &task.spec.container.image;
                (Phase::Over, TaskState::Rejected, format!("No such image: {image}"))
            }
            Phase::Preparing => (Phase::Ready, TaskState::Ready, String::new()),
            Phase::Ready => (Phase::Starting, TaskState::Starting, String::new()),
            Phase::Starting if own.fate.start_fails => {
                (Phase::Over, TaskState::Failed, "starting container failed".to_owned())
            }
            Phase::Starting => (Phase::Running, TaskState::Running, String::new()),
            Phase::Running => match own.fate.ends {
                Some((_, TaskState::Complete)) => (Phase::Over, TaskState::Complete, String::new()),
                _ => (Phase::Over, TaskState::Failed, "task: non-zero exit (1)".to_owned()),
            },
            Phase::Exited(err) => (Phase::Over, TaskState::Failed, err.to_owned()),
            Phase::Stopping => (Phase::Over, TaskState::Shutdown, String::new()),
            Phase::Over => return,
        };
        own.phase = phase;
        if phase == Phase::Preparing {
            let fate = self.fate_of(&task);
            self.tasks.get_mut(&id).expect("found above").fate = fate;
        }
        report(&task, state, err, bench);
        let reported = Arc::clone(bench.store().task(id).expect("reported above"));
        self.begin_phase(&reported, bench);
    }

    fn fate_of(&mut self, task: &Task) -> Fate {
        let image = &task.spec.container.image;
        let service = task.service.expect("recordings have no tasks without service");
        let count = self.prepared.entry((service, image.clone())).or_default();
        *count += 1;
        self.model.images.get(image).map_or(Fate::default(), |model| model.fate(*count))
    }

    fn hear_of_node(&mut self, delta: &Delta<Node>, bench: &mut Bench) {
        let Some(node) = &delta.new else {
            self.tasks.retain(|_, own| own.node != delta.id());
            return;
        };
        let was_ready = delta.old.as_ref().is_some_and(|old| old.status.state == NodeState::Ready);
        let is_ready = node.status.state == NodeState::Ready;
        if was_ready == is_ready {
            return;
        }
        let own: Vec<TaskId> =
            self.tasks.iter().filter(|(_, own)| own.node == node.id).map(|(task, _)| *task).collect();
        for id in own {
            let task = Arc::clone(bench.store().task(id).expect("agents forget deleted tasks"));
            self.begin_phase(&task, bench);
        }
    }
}

impl World for Agents {
    fn committed(&mut self, changes: &ChangeSet, bench: &mut Bench) {
        self.journal.note(changes, bench.now());
        for change in changes.iter() {
            match &change.object {
                ObjectChange::Task(delta) => self.hear_of_task(delta, bench),
                ObjectChange::Node(delta) => self.hear_of_node(delta, bench),
                ObjectChange::Cluster(_) | ObjectChange::Service(_) | ObjectChange::Network(_) => {}
            }
        }
    }

    fn alarm(&mut self, alarm: u64, bench: &mut Bench) {
        let (task, number) = self.alarms[alarm as usize];
        if self.tasks.get(&task).is_some_and(|own| own.number == number) {
            self.end_phase(task, bench);
        }
    }
}

impl ImageModel {
    /// What the `number`-th task of the image does.
    fn fate(&self, number: u64) -> Fate {
        let (first, after) = (self.first.unwrap_or(u64::MAX), self.after.unwrap_or(0));
        if number <= after || number > first {
            return Fate::default();
        }
        let staggered = (number - after - 1).saturating_mul(self.stagger_ms);
        let ends = self.fail_after_ms.map(|after| (after, TaskState::Failed));
        let ends = ends.or(self.complete_after_ms.map(|after| (after, TaskState::Complete)));
        let ends = ends.map(|(ends_ms, state)| {
            (SimDuration::from_millis(ends_ms.saturating_add(staggered).min(LATE_MS)), state)
        });
        Fate { rejected: self.reject, start_fails: self.start_fail, ends }
    }
}

fn is_ready(bench: &Bench, node: NodeId) -> bool {
    bench.store().node(node).is_some_and(|node| node.status.state == NodeState::Ready)
}

/// An agent's report, as the dispatcher writes it.
fn report(task: &Task, state: TaskState, err: String, bench: &mut Bench) {
    let written = bench.transact(|transaction| {
        let status = TaskStatus {
            state,
            timestamp: Some(transaction.now()),
            applied_at: Some(transaction.now()),
            err: err.into(),
            ..TaskStatus::default()
        };
        transaction.update_task(Task { status, ..task.clone() })
    });
    let _: () = written.unwrap_or_else(|error: StoreError| panic!("a report is always written: {error}"));
}
