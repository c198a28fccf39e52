//! Who may move a task where (spec orchestration 2): asserted on every write of a loop.
//!
//! What comes from outside a bench is not looked at: recordings and tests may set the stage as they like.
use crate::model::{Task, TaskState};
use crate::protocol::LoopKind;
use crate::store::{ChangeSet, Delta, ObjectChange};

/// All that a loop writes about tasks is its own business, and no state goes back.
///
/// # Panics
/// If it is not: the loop has a bug.
pub(super) fn assert_permitted(writer: LoopKind, changes: &ChangeSet) {
    for change in changes.iter() {
        let ObjectChange::Task(Delta { old, new }) = &change.object else { continue };
        match (old, new) {
            (None, Some(new)) => assert_creation(writer, new),
            (Some(old), Some(new)) => assert_change(writer, old, new),
            (Some(old), None) => assert!(
                is_orchestrator(writer) || writer == LoopKind::Reaper,
                "{writer:?} deletes {:?}",
                old.id
            ),
            (None, None) => unreachable!("a change has an object"),
        }
    }
}

fn is_orchestrator(writer: LoopKind) -> bool {
    matches!(writer, LoopKind::Replicated | LoopKind::Jobs | LoopKind::Global)
}

fn assert_creation(writer: LoopKind, task: &Task) {
    let (state, desired) = (task.status.state, task.desired_state);
    let goal = if writer == LoopKind::Jobs { TaskState::Complete } else { TaskState::Running };
    let is_permitted = is_orchestrator(writer)
        && state == TaskState::New
        && (desired == goal || desired == TaskState::Ready)
        && (task.node.is_some() == (task.slot.0 == 0) || writer == LoopKind::Jobs);
    assert!(is_permitted, "{writer:?} creates {:?} as {state}/{desired} on {:?}", task.id, task.node);
}

fn assert_change(writer: LoopKind, old: &Task, new: &Task) {
    let (from, to) = (old.status.state, new.status.state);
    assert!(may_observe(writer, from, to), "{writer:?} moves {:?} from {from} to {to}", old.id);
    assert!(
        old.status == new.status || observes(writer),
        "{writer:?} rewrites the status of {:?}, which is {from}",
        old.id
    );
    let (from, to) = (old.desired_state, new.desired_state);
    assert!(
        from == to || (from < to && is_orchestrator(writer)),
        "{writer:?} wants {:?} to go from {from} to {to}",
        old.id
    );
    let is_placed = old.node.is_none() && writer == LoopKind::Scheduler;
    assert!(old.node == new.node || is_placed, "{writer:?} moves {:?} to {:?}", old.id, new.node);
    let identity = |task: &Task| (task.service, task.slot, task.spec_version, task.job_iteration);
    assert_eq!(identity(old), identity(new), "{writer:?} makes another task of {:?}", old.id);
}

/// True for loops that may write a task's status.
fn observes(writer: LoopKind) -> bool {
    !is_orchestrator(writer) && writer != LoopKind::Reaper
}

/// True if a loop may see a task go from one state to another, or stay as it is.
fn may_observe(writer: LoopKind, from: TaskState, to: TaskState) -> bool {
    if from == to {
        return true;
    }
    match writer {
        LoopKind::Allocator => (from, to) == (TaskState::New, TaskState::Pending),
        // A task that cannot be placed and is no longer wanted is shut down by the scheduler itself.
        LoopKind::Scheduler => {
            from == TaskState::Pending && matches!(to, TaskState::Assigned | TaskState::Shutdown)
        }
        LoopKind::ConstraintEnforcer => from < TaskState::Complete && to == TaskState::Rejected,
        LoopKind::Api => from < TaskState::Complete && to == TaskState::Orphaned,
        // Agents know assigned tasks only, but the dispatcher does not ask.
        LoopKind::Dispatcher => from < to && to >= TaskState::Assigned && to != TaskState::Remove,
        LoopKind::Reaper
        | LoopKind::Replicated
        | LoopKind::Jobs
        | LoopKind::Global
        | LoopKind::CertificateAuthority
        | LoopKind::RoleManager => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loop_has_its_own_part_of_a_tasks_life() {
        let moves = |writer| {
            let pairs = TaskState::ALL.into_iter().flat_map(|from| TaskState::ALL.map(|to| (from, to)));
            pairs.filter(|(from, to)| from != to && may_observe(writer, *from, *to)).count()
        };
        // Eight states come before COMPLETE. Eleven may be reported: each after all that come before it.
        let expected = [
            (LoopKind::Api, 8),
            (LoopKind::Allocator, 1),
            (LoopKind::Scheduler, 2),
            (LoopKind::ConstraintEnforcer, 8),
            (LoopKind::Reaper, 0),
            (LoopKind::Replicated, 0),
            (LoopKind::Jobs, 0),
            (LoopKind::Global, 0),
            (LoopKind::Dispatcher, (2..=11).sum::<usize>() + 13),
        ];
        for (writer, count) in expected {
            assert_eq!(moves(writer), count, "{writer:?}");
        }
        assert!(
            !may_observe(LoopKind::Dispatcher, TaskState::Failed, TaskState::Running),
            "nothing goes back"
        );
    }
}
