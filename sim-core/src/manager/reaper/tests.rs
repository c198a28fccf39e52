//! What the reaper deletes and when, where a table or a crowd says it best.
use std::sync::Arc;

use super::*;
use crate::bench::{Bench, EmptyWorld, LoopKind, LoopSettings};
use crate::kernel::SimTime;
use crate::model::{Annotations, Cluster, ClusterId, ClusterSpec, ServiceId, ServiceSpec, Slot, TaskSpec};

/// A bench with a reaper that keeps so many tasks, and a replicated service.
fn bench(history_limit: i64) -> (Bench, ServiceId) {
    let mut bench = Bench::new(&[LoopKind::Reaper], &LoopSettings::default());
    let service = bench.transact(|transaction| {
        let spec = ClusterSpec { task_history_retention_limit: history_limit, ..ClusterSpec::default() };
        transaction.create_cluster(Cluster::new(ClusterId(0), Arc::new(spec)))?;
        let id = transaction.mint_service();
        transaction.create_service(replicated(id)).map(|()| id)
    });
    (bench, service.expect("an empty store"))
}

fn replicated(id: ServiceId) -> Service {
    let spec = ServiceSpec {
        annotations: Annotations::default(),
        task: Arc::new(TaskSpec::default()),
        mode: ServiceMode::Replicated { replicas: 1 },
        update: None,
        rollback: None,
        endpoint: None,
    };
    Service::new(id, Arc::new(spec))
}

/// Creates a task in each of these slots of a service.
fn create(
    bench: &mut Bench,
    service: ServiceId,
    slots: std::ops::Range<u32>,
    states: (TaskState, TaskState),
) {
    let created: Result<(), StoreError> = bench.transact(|transaction| {
        for slot in slots {
            let mut task = Task::new(transaction.mint_task(), Arc::default(), transaction.now());
            (task.service, task.slot) = (Some(service), Slot(slot));
            (task.status.state, task.desired_state) = states;
            transaction.create_task(task)?;
        }
        Ok(())
    });
    created.expect("new ids");
}

/// Wants tasks to be removed, all in one transaction.
fn remove(bench: &mut Bench, tasks: std::ops::Range<u32>) {
    let removed: Result<(), StoreError> = bench.transact(|transaction| {
        for id in tasks {
            let task = Task::clone(transaction.store().task(TaskId(id)).expect("a task"));
            transaction.update_task(Task { desired_state: TaskState::Remove, ..task })?;
        }
        Ok(())
    });
    removed.expect("nobody else writes");
}

fn run(bench: &mut Bench, milliseconds: u64) {
    let end = bench.now() + SimDuration::from_millis(milliseconds);
    bench.run_until(end, &mut EmptyWorld);
}

#[test]
fn a_single_task_is_deleted_after_250_ms_and_a_thousand_at_once() {
    // RPR-009
    let (mut bench, _) = bench(1);
    let missing = ServiceId(900);
    create(&mut bench, missing, 0..1004, (TaskState::Shutdown, TaskState::Shutdown));
    bench.start();
    run(&mut bench, 500);
    assert_eq!(bench.store().task_count(), 1004);
    for (task, left) in [(0, 1003), (1, 1002)] {
        remove(&mut bench, task..task + 1);
        run(&mut bench, 249);
        assert_eq!(bench.store().task_count(), left + 1, "not before the interval is over");
        run(&mut bench, 1);
        assert_eq!(bench.store().task_count(), left);
        run(&mut bench, 500);
    }
    let before = bench.now();
    remove(&mut bench, 3..1004);
    run(&mut bench, 0);
    assert_eq!((bench.now(), bench.store().task_count()), (before, 1), "a crowd is not kept waiting");
    assert_eq!(bench.next_time(), None, "and leaves no timer behind");
    remove(&mut bench, 2..3);
    run(&mut bench, 250);
    assert_eq!(bench.store().task_count(), 0);
}

#[test]
fn slots_of_missing_services_and_empty_slots_are_dropped() {
    // RPR-010
    let (mut bench, service) = bench(0);
    let reaper = Reaper { history_limit: 0, ..Reaper::default() };
    let slot = |service| SlotTuple { service, slot: Slot(1), node: None };
    for known in [slot(ServiceId(900)), slot(service)] {
        let Trim { excess, stays_dirty } = reaper.trim(known, bench.store());
        assert!(excess.is_empty() && !stays_dirty);
    }
    create(&mut bench, service, 1..2, (TaskState::Shutdown, TaskState::Shutdown));
    let Trim { excess, stays_dirty } = reaper.trim(slot(service), bench.store());
    assert_eq!(
        (excess, stays_dirty),
        (vec![TaskId(0)], false),
        "once there is a task, there is something to do"
    );
}

#[test]
fn a_task_is_history_if_it_ended_or_will_never_get_a_node() {
    // RPR-012
    for observed in TaskState::ALL {
        for desired in [TaskState::Running, TaskState::Shutdown] {
            let (mut bench, service) = bench(0);
            bench.start();
            create(&mut bench, service, 1..2, (observed, desired));
            run(&mut bench, 1000);
            let unassigned = observed < TaskState::Assigned && desired == TaskState::Shutdown;
            let expected = observed > TaskState::Running || unassigned;
            let deleted = bench.store().task_count() == 0;
            assert_eq!(deleted, expected, "observed {observed}, desired {desired}");
            assert_eq!(bench.next_time(), None);
        }
    }
}

#[test]
fn of_several_ended_tasks_those_without_a_time_go_first() {
    // RPR-020
    let (mut bench, service) = bench(1);
    bench.start();
    run(&mut bench, 1000);
    let created: Result<(), StoreError> = bench.transact(|transaction| {
        for timestamp in [Some(SimTime::from_millis(500)), None] {
            let mut task = Task::new(transaction.mint_task(), Arc::default(), transaction.now());
            (task.service, task.slot) = (Some(service), Slot(1));
            (task.status.state, task.status.timestamp) = (TaskState::Failed, timestamp);
            transaction.create_task(task)?;
        }
        Ok(())
    });
    created.expect("new ids");
    run(&mut bench, 1000);
    let left: Vec<TaskId> = bench.store().tasks().map(|task| task.id).collect();
    assert_eq!(left, [TaskId(0)]);
}
