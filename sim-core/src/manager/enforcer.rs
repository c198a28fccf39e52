//! Rejects tasks whose node no longer fits them: constraints and reservations (spec scheduler 16).
//!
//! Looks at a node when it changes, and at all nodes when the manager begins to lead. It sets the observed
//! state only; orchestrators replace the task by its restart policy, and the scheduler frees what it held.
//! Not checked: platform, plugins, ports, replicas per node, and whether the node is there at all.
use std::collections::VecDeque;
use std::sync::Arc;

use super::loops::{Context, ControlLoop, Heard, Outcome, Step};
use crate::kernel::{Digest, StateDigest};
use crate::model::{
    Availability, FactId, Node, Resources, Task, TaskId, TaskState, TaskStatus, constraint, generic,
};
use crate::protocol::LoopTimer;
use crate::store::{ObjectChange, Store, StoreError, Transaction};

/// What a task says that must not stay where it is (spec orchestration 15).
const REJECTED_MESSAGE: &str = "task rejected by constraint enforcer";
/// Also said where not a constraint but a reservation is not met.
const REJECTED_ERR: &str = "assigned node no longer meets constraints";

/// The constraint enforcer of a leading manager.
#[derive(Debug)]
pub(crate) struct ConstraintEnforcer {
    /// Seed of the run, which gives node ids their text.
    seed: u64,
    /// Nodes to be looked at, each with the fact that asked for it. A batch ends before the next one begins.
    unchecked: VecDeque<(Arc<Node>, FactId)>,
}

/// What the constraint enforcer writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EnforcerStep {
    /// The task must not stay where it is.
    Reject(TaskId),
}

impl ConstraintEnforcer {
    pub(crate) fn new(seed: u64) -> Self {
        ConstraintEnforcer { seed, unchecked: VecDeque::new() }
    }

    /// Looks at nodes until one has tasks to be rejected.
    fn check_nodes(&mut self, context: &mut Context<'_>) {
        while let Some((node, cause)) = self.unchecked.pop_front() {
            let tasks = self.noncompliant_tasks(&node, context.store);
            if !tasks.is_empty() {
                let steps = tasks.into_iter().map(|task| (EnforcerStep::Reject(task).into(), cause));
                return context.batch(0, steps);
            }
        }
    }

    /// Tasks that the node, as it is now, would not be given. In ascending order: the first ones keep their
    /// place where reservations exceed what the node has.
    fn noncompliant_tasks(&self, node: &Node, store: &Store) -> Vec<TaskId> {
        let mut noncompliant = Vec::new();
        // A node on pause keeps its tasks, one that is drained loses them to the orchestrators.
        if node.spec.availability != Availability::Active {
            return noncompliant;
        }
        let described = node.description.as_ref().and_then(|description| description.resources.clone());
        let mut available = described.unwrap_or_default();
        for task in store.tasks_of_node(node.id).filter(|task| is_checked(task)) {
            if !self.constraints_hold(task, node, store) || !take_reservations(task, &mut available) {
                noncompliant.push(task.id);
                continue;
            }
            let held = &task.assigned_generic;
            if held.iter().any(|held| !generic::has_resource(&available.generic, held)) {
                noncompliant.push(task.id);
                // SwarmKit leaves its loop here: tasks behind this one are not looked at.
                break;
            }
            generic::consume(&mut available.generic, held);
        }
        noncompliant
    }

    /// The constraints of the service as it is now count, not those that the task was created with.
    fn constraints_hold(&self, task: &Task, node: &Node, store: &Store) -> bool {
        let service = task.service.and_then(|service| store.service(service));
        let spec = service.map_or(&task.spec, |service| &service.spec.task);
        constraint::node_matches(&spec.constraints(), node, self.seed)
    }
}

fn is_checked(task: &Task) -> bool {
    (TaskState::Assigned..=TaskState::Complete).contains(&task.desired_state)
        && task.status.state < TaskState::Complete
}

/// Subtracts what the task reserves. False, and nothing subtracted, if that is more than there is.
fn take_reservations(task: &Task, available: &mut Resources) -> bool {
    let requirements = task.spec.resources.as_ref();
    let Some(reserved) = requirements.and_then(|resources| resources.reservations.as_ref()) else {
        return true;
    };
    let fits = reserved.memory_bytes <= available.memory_bytes && reserved.nano_cpus <= available.nano_cpus;
    if fits {
        available.memory_bytes -= reserved.memory_bytes;
        available.nano_cpus -= reserved.nano_cpus;
    }
    fits
}

impl ControlLoop for ConstraintEnforcer {
    fn start(&mut self, context: &mut Context<'_>) {
        let cause = context.cause();
        self.unchecked = context.store.nodes().map(|node| (Arc::clone(node), cause)).collect();
        self.check_nodes(context);
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        let Heard::Change(ObjectChange::Node(delta)) = event else { return };
        // Only updates: a new node has no tasks.
        if let (Some(_), Some(node)) = (&delta.old, &delta.new) {
            self.unchecked.push_back((Arc::clone(node), context.cause()));
            self.check_nodes(context);
        }
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::ConstraintEnforcer(EnforcerStep::Reject(id)) = step else {
            unreachable!("the constraint enforcer's own step")
        };
        let Some(task) = transaction.store().task(*id) else { return Ok(()) };
        if task.desired_state > TaskState::Complete {
            return Ok(());
        }
        let mut task = Task::clone(task);
        task.status = TaskStatus {
            state: TaskState::Rejected,
            timestamp: Some(transaction.now()),
            message: REJECTED_MESSAGE.into(),
            err: REJECTED_ERR.into(),
            ..task.status
        };
        transaction.update_task(task)
    }

    fn settled(&mut self, _strand: u32, outcome: Outcome, context: &mut Context<'_>) {
        match outcome {
            // What could not be written is looked at again when its node changes again.
            Outcome::Committed | Outcome::Unchanged | Outcome::Failed(_) => self.check_nodes(context),
        }
    }

    fn fire(&mut self, timer: LoopTimer, _context: &mut Context<'_>) {
        unreachable!("the constraint enforcer sets no timer, but {timer:?} fired");
    }
}

impl From<EnforcerStep> for Step {
    fn from(step: EnforcerStep) -> Self {
        Step::ConstraintEnforcer(step)
    }
}

impl StateDigest for ConstraintEnforcer {
    fn digest(&self, digest: &mut Digest) {
        // The seed is the run's.
        let Self { seed: _, unchecked } = self;
        digest.u64(unchecked.len() as u64);
        for (node, cause) in unchecked {
            node.digest(digest);
            cause.digest(digest);
        }
    }
}
