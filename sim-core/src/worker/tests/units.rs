//! What text tests cannot show: that something panics, and what happens in thousands of cases.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::lab::{Lab, Manner};
use crate::kernel::{SimTime, Stream};
use crate::model::{FactId, HostId, NodeId, TaskId, TaskState, TaskStatus};
use crate::protocol::{
    CallError, CallId, Component, Effects, Message, Request, Response, SessionId, Status, StatusCode,
    StatusUpdate,
};
use crate::worker::reporter::{Delivery, Reporter, Route};

/// AGT-001
#[test]
#[should_panic(expected = "an engine that runs does not start")]
fn an_engine_that_runs_does_not_start() {
    let mut lab = Lab::new();
    lab.agent.start(&mut lab.out);
    lab.agent.start(&mut lab.out);
}

/// AGT-020: each failure in a row has a longer back-off, and the delays are spread over all of it.
#[test]
fn delays_are_uniform_below_a_back_off_that_grows_to_eight_seconds() {
    let tenths = [1, 3, 7, 15, 31, 63, 80, 80, 80];
    let mut longest = [0; 9];
    for seed in 0..400 {
        let mut lab = Lab::with_seed(seed);
        lab.sessions = Manner::Fails(CallError::Refused);
        lab.agent.start(&mut lab.out);
        lab.fail_sessions(9);
        for (place, (backoff, delay)) in lab.failures.iter().enumerate() {
            assert_eq!(backoff.as_millis(), tenths[place] * 100);
            assert!(delay < backoff);
            longest[place] = longest[place].max(delay.as_nanos() * 100 / backoff.as_nanos());
        }
    }
    assert!(longest.iter().all(|percent| *percent >= 98), "{longest:?}");
}

/// Recorded: in two of five cases the end of an open session counts as two failures.
#[test]
fn the_end_of_an_open_session_may_count_twice() {
    let mut twice = 0;
    for seed in 0..1_000 {
        let mut lab = Lab::with_seed(seed);
        lab.agent.start(&mut lab.out);
        lab.work();
        lab.advance(SimTime::ZERO);
        lab.agent.reset(HostId(1), &mut lab.out);
        lab.work();
        twice += match lab.failures[..] {
            [(backoff, _)] if backoff.as_millis() == 100 => 0,
            [(backoff, _)] if backoff.as_millis() == 300 => 1,
            _ => panic!("{:?}", lab.failures),
        };
    }
    assert!((360..470).contains(&twice), "{twice}");
}

/// AGT-008: every task's last status arrives although a tenth of the calls fails, and none arrives after a later
/// one of its task.
#[test]
fn no_status_is_lost_and_none_overtakes_another() {
    const STATES: [TaskState; 6] = [
        TaskState::Accepted,
        TaskState::Preparing,
        TaskState::Ready,
        TaskState::Starting,
        TaskState::Running,
        TaskState::Complete,
    ];
    let mut stream = Stream::named(1, "test/reporter");
    let mut out = Effects::new();
    let mut reporter = Reporter::new(NodeId(1));
    let mut arrived: BTreeMap<TaskId, Vec<TaskState>> = BTreeMap::new();
    let mut next = [0; 100];
    let mut opening = 0;
    while next.iter().any(|next| *next < STATES.len()) || reporter_is_busy(&mut reporter, &mut out) {
        let task = stream.below(100) as usize;
        if let Some(state) = STATES.get(next[task]) {
            next[task] += 1;
            let status = TaskStatus { state: *state, ..TaskStatus::default() };
            reporter.report(TaskId(task as u32), &status, FactId(0));
        }
        opening += 1;
        let opening = CallId { caller: Component::Client, number: opening / 10 };
        let route = Route { peer: HostId(1), session: SessionId(1), opening };
        reporter.follow(Some(route));
        reporter.flush(&mut out);
        for (call, updates) in sent(&mut out) {
            if stream.below(10) == 0 {
                let failed = CallError::Status(Status::new(StatusCode::Unavailable, "no"));
                assert_eq!(reporter.answered(call, &Err(failed.clone())), Delivery::Failed(failed));
                continue;
            }
            for update in updates.iter() {
                arrived.entry(update.task).or_default().push(update.status.state);
            }
            assert_eq!(reporter.answered(call, &Ok(Response::Done)), Delivery::Delivered);
        }
    }
    assert_eq!(arrived.len(), 100);
    for (task, states) in arrived {
        assert!(states.is_sorted_by(|one, next| one < next), "{task:?}: {states:?}");
        assert_eq!(states.last(), Some(&TaskState::Complete));
    }
}

/// True if something is pending: it is sent for that, and taken back.
fn reporter_is_busy(reporter: &mut Reporter, out: &mut Effects) -> bool {
    reporter.flush(out);
    let calls = sent(out);
    for (call, _) in &calls {
        reporter.answered(*call, &Err(CallError::TimedOut));
    }
    !calls.is_empty()
}

fn sent(out: &mut Effects) -> Vec<(CallId, Arc<[StatusUpdate]>)> {
    let mut outbox = Vec::new();
    out.swap_outbox(&mut outbox);
    let updates = outbox.into_iter().map(|(_, _, _, message)| {
        let Message::Request { call, request: Request::UpdateTaskStatus { updates, .. } } = message else {
            panic!("a reporter does not send {message:?}")
        };
        (call, updates)
    });
    updates.collect()
}

/// An agent without tasks and with a session does nothing but send a heartbeat per period.
#[test]
fn an_idle_agent_costs_one_call_per_period() {
    let mut lab = Lab::new();
    lab.agent.start(&mut lab.out);
    lab.work();
    lab.advance(SimTime::from_secs(1));
    let events = lab.count_events(SimTime::from_secs(101));
    // The timer and the answer, every 5 s. The limit of each call is taken back before it runs out.
    assert_eq!(events, 20 * 2);
}

/// Two runs of one seed leave equal states; another seed draws other delays.
#[test]
fn equal_seeds_leave_equal_states() {
    let hash = |seed| {
        let mut lab = Lab::with_seed(seed);
        lab.sessions = Manner::Fails(CallError::Refused);
        lab.agent.start(&mut lab.out);
        lab.work();
        lab.advance(SimTime::from_secs(30));
        lab.state_hash()
    };
    assert_eq!(hash(5), hash(5));
    assert_ne!(hash(5), hash(6));
}
