//! What a task does next, from how far it is and how far it shall go (spec control-plane 7.4).
use std::borrow::Cow;

use crate::kernel::SimTime;
use crate::model::{TaskState, TaskStatus};

/// What a task manager does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing, until the task is updated.
    Pause,
    /// The task is in this state now, for this reason.
    Become(TaskState, &'static str),
    /// The controller has something to do.
    Operate(Operation),
}

/// What a controller does for a task. It takes time, and can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Prepare,
    Start,
    Wait,
    Shutdown,
}

impl Operation {
    /// The state after its success, and the message.
    pub(super) fn success(self) -> (TaskState, &'static str) {
        match self {
            Operation::Prepare => (TaskState::Ready, "prepared"),
            Operation::Start => (TaskState::Running, "started"),
            Operation::Wait => (TaskState::Complete, "finished"),
            Operation::Shutdown => (TaskState::Shutdown, "shutdown"),
        }
    }
}

/// The next step of a task in state `current`.
pub(super) fn next(current: TaskState, desired: TaskState) -> Next {
    use TaskState::{
        Accepted, Assigned, Complete, Failed, New, Orphaned, Pending, Preparing, Ready, Rejected, Remove,
        Running, Shutdown, Starting,
    };
    if desired >= Shutdown {
        return if current >= Complete { Next::Pause } else { Next::Operate(Operation::Shutdown) };
    }
    if current > desired {
        return Next::Pause;
    }
    match current {
        // These go on even when they are where they shall be.
        Preparing => Next::Operate(Operation::Prepare),
        Starting => Next::Operate(Operation::Start),
        Running => Next::Operate(Operation::Wait),
        _ if current == desired => Next::Pause,
        New | Pending | Assigned => Next::Become(Accepted, "accepted"),
        Accepted => Next::Become(Preparing, "preparing"),
        Ready => Next::Become(Starting, "starting"),
        Complete | Shutdown | Failed | Rejected | Remove | Orphaned => Next::Pause,
    }
}

/// A task was taken on: it is at least accepted. The time stays that of the status before.
pub(super) fn accept(status: &mut TaskStatus) {
    if status.state < TaskState::Accepted {
        status.state = TaskState::Accepted;
        status.message = "accepted".into();
        status.err = "".into();
    }
}

/// The task goes forward.
pub(super) fn advance(status: &mut TaskStatus, (state, message): (TaskState, &'static str), now: SimTime) {
    assert!(status.state <= state, "{state} after {}", status.state);
    status.state = state;
    status.message = message.into();
    status.err = "".into();
    status.timestamp = Some(now);
}

/// The task ends with an error: rejected before its start, failed after it. The message stays that of the last
/// transition.
pub(super) fn fail(status: &mut TaskStatus, error: Cow<'static, str>, now: SimTime) {
    assert!(!status.state.is_terminal(), "{} fails", status.state);
    let rejected = status.state < TaskState::Starting;
    status.state = if rejected { TaskState::Rejected } else { TaskState::Failed };
    status.err = error;
    status.timestamp = Some(now);
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    /// EXEC-002, EXEC-007, EXEC-008: rows are how far a task is, columns how far it shall go.
    #[test]
    fn the_next_step_follows_from_where_a_task_is_and_shall_be() {
        let desired = [TaskState::Ready, TaskState::Running, TaskState::Complete, TaskState::Shutdown];
        let row = |first: &str, steps: [String; 4]| {
            format!("{first:10} {:10} {:10} {:10} {}\n", steps[0], steps[1], steps[2], steps[3])
        };
        let mut grid = row("", desired.map(|state| state.to_string()));
        for current in TaskState::ALL {
            let steps = desired.map(|desired| match next(current, desired) {
                Next::Pause => "-".to_owned(),
                Next::Become(_, message) => message.to_owned(),
                Next::Operate(operation) => format!("{operation:?}()"),
            });
            grid.push_str(&row(current.name(), steps));
            assert_eq!(next(current, TaskState::Remove), next(current, TaskState::Shutdown));
        }
        expect![[r#"
                       READY      RUNNING    COMPLETE   SHUTDOWN
            NEW        accepted   accepted   accepted   Shutdown()
            PENDING    accepted   accepted   accepted   Shutdown()
            ASSIGNED   accepted   accepted   accepted   Shutdown()
            ACCEPTED   preparing  preparing  preparing  Shutdown()
            PREPARING  Prepare()  Prepare()  Prepare()  Shutdown()
            READY      -          starting   starting   Shutdown()
            STARTING   -          Start()    Start()    Shutdown()
            RUNNING    -          Wait()     Wait()     Shutdown()
            COMPLETE   -          -          -          -
            SHUTDOWN   -          -          -          -
            FAILED     -          -          -          -
            REJECTED   -          -          -          -
            REMOVE     -          -          -          -
            ORPHANED   -          -          -          -
        "#]]
        .assert_eq(&grid);
    }

    /// EXEC-003, EXEC-005
    #[test]
    fn an_error_rejects_before_the_start_and_fails_after_it() {
        for (state, end) in [
            (TaskState::Assigned, TaskState::Rejected),
            (TaskState::Ready, TaskState::Rejected),
            (TaskState::Starting, TaskState::Failed),
            (TaskState::Running, TaskState::Failed),
        ] {
            let mut status = TaskStatus { state, message: "before".into(), ..TaskStatus::default() };
            fail(&mut status, "test error".into(), SimTime::from_secs(1));
            assert_eq!((status.state, &*status.message, &*status.err), (end, "before", "test error"));
        }
    }

    /// EXEC-001
    #[test]
    fn a_task_is_accepted_once() {
        let mut status =
            TaskStatus { state: TaskState::Assigned, err: "old".into(), ..TaskStatus::default() };
        accept(&mut status);
        assert_eq!((status.state, &*status.message, &*status.err), (TaskState::Accepted, "accepted", ""));
        let mut running = TaskStatus { state: TaskState::Running, message: "started".into(), ..status };
        let before = running.clone();
        accept(&mut running);
        assert_eq!(running, before);
    }
}
