//! What a new leader does about the tasks that it finds, before its first reconciliation (spec orchestration
//! 12).
//!
//! Delayed starts and the restart history lived in the memory of the leader before and are rebuilt here, as
//! far as the tasks tell.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::restart::Supervisor;
use super::slot::SlotTasks;
use super::step::OrchestratorStep;
use crate::kernel::SimTime;
use crate::manager::loops::{Context, Step};
use crate::model::{FactId, ServiceMode, SlotTuple, Task, TaskState};

/// Looks at all tasks of the orchestrator's kind of services. `fix` may ask for a step about one of them.
pub(super) fn check_tasks(
    is_related: fn(ServiceMode) -> bool,
    mut fix: impl FnMut(&Task) -> Option<OrchestratorStep>,
    restart: &mut Supervisor,
    context: &Context<'_>,
) -> Vec<(Step, FactId)> {
    let mut steps = Vec::new();
    let mut slots: BTreeMap<SlotTuple, SlotTasks> = BTreeMap::new();
    for task in context.store.tasks() {
        let Some(id) = task.service else { continue };
        let Some(service) = context.store.service(id) else {
            steps.push(OrchestratorStep::Delete(task.id));
            continue;
        };
        let mode = service.spec.mode;
        if !is_related(mode) {
            continue;
        }
        let node = task.node.filter(|_| matches!(mode, ServiceMode::Global | ServiceMode::GlobalJob));
        let tuple = SlotTuple { service: id, slot: task.slot, node };
        slots.entry(tuple).or_default().push(Arc::clone(task));
        steps.extend(fix(task));
        steps.extend(resume(task, context.now()));
    }
    for (tuple, tasks) in slots {
        rebuild_history(tuple, tasks, restart);
    }
    let cause = context.cause();
    steps.into_iter().map(|step| (step.into(), cause)).collect()
}

/// A task that waited for its start goes on waiting for what is left of its restart delay. The task before it
/// is not waited for any more.
fn resume(task: &Task, now: SimTime) -> Option<OrchestratorStep> {
    if task.desired_state != TaskState::Ready || task.status.state > TaskState::Complete {
        return None;
    }
    let delay = task.restart_delay();
    let left = task.timestamp().map(|since| (since + delay).since(now).min(delay));
    match left.filter(|left| !left.is_zero()) {
        Some(left) => Some(OrchestratorStep::StartLater(task.id, left)),
        None => Some(OrchestratorStep::Start(task.id)),
    }
}

/// All tasks of a slot under its newest spec but the first are taken for restarts.
fn rebuild_history(tuple: SlotTuple, mut tasks: SlotTasks, restart: &mut Supervisor) {
    let newest = tasks.iter().filter_map(|task| task.spec_version).max();
    tasks.retain(|task| task.spec_version.is_some() && task.spec_version == newest);
    tasks.sort_by_key(|task| task.meta.created_at);
    for task in tasks.iter().skip(1) {
        restart.history.record(tuple, task, task.meta.created_at);
    }
}
