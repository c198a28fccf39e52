//! Rules about single tasks.
use std::sync::Arc;

use super::*;
use crate::manager::orchestrator::{is_replicated, slot::newest};
use crate::model::{HostId, NodeRole, Placement, ServiceId, ServiceMode, ServiceSpec, TaskStatus};

const SEED: u64 = 7;

fn container(image: &str) -> ContainerSpec {
    ContainerSpec { image: image.into(), ..ContainerSpec::default() }
}

fn service(version: u64, task: TaskSpec) -> Service {
    let spec = ServiceSpec {
        annotations: crate::model::Annotations::default(),
        task: Arc::new(task),
        mode: ServiceMode::Replicated { replicas: 1 },
        update: None,
        rollback: None,
        endpoint: None,
    };
    Service { spec_version: Some(version), ..Service::new(ServiceId(0), Arc::new(spec)) }
}

fn node() -> Node {
    Node::new(NodeId(1), HostId(1), NodeRole::Worker)
}

fn running_task(spec: TaskSpec) -> Task {
    let mut task = Task::new(TaskId(0), Arc::new(spec), SimTime::ZERO);
    task.node = Some(NodeId(1));
    task.status.state = TaskState::Running;
    task
}

fn constrained(image: &str, constraints: &[&str]) -> TaskSpec {
    let constraints = constraints.iter().map(|text| (*text).to_owned()).collect();
    let placement = Some(Placement { constraints, ..Placement::default() });
    TaskSpec { container: container(image), placement, ..TaskSpec::default() }
}

fn plain(image: &str) -> TaskSpec {
    TaskSpec { container: container(image), ..TaskSpec::default() }
}

#[test]
fn a_task_is_dirty_if_its_spec_or_its_node_does_not_fit_any_more() {
    let task = running_task(plain("v:1"));
    let dirty = |wanted: &Service| is_task_dirty(wanted, &task, Some(&node()), SEED);
    assert!(!dirty(&service(1, plain("v:1"))), "DTY-001: equal specs");
    assert!(!dirty(&service(2, constrained("v:1", &["node=node1"]))), "DTY-002: constraints do not parse");
    assert!(dirty(&service(3, constrained("v:1", &["node!=node1"]))), "DTY-003: no node has such a key");
    assert!(dirty(&service(4, constrained("v:2", &[]))), "DTY-004: another image");
}

#[test]
fn only_placement_differs_if_placement_differs_and_nothing_else() {
    // DTY-005
    let own = plain("v:1");
    assert!(!only_placement_differs(&own, &own));
    assert!(only_placement_differs(&constrained("v:1", &["node==*"]), &own));
    assert!(!only_placement_differs(&constrained("v:2", &["node==*"]), &own));
    assert!(!only_placement_differs(&constrained("v:2", &[]), &own));
}

#[test]
fn what_is_compared_is_the_task_spec_and_the_endpoint() {
    // DTY-006
    let base = service(2, plain("v:1"));
    let mut task = running_task(plain("v:1"));
    task.endpoint = Some(Arc::default());
    let node = node();
    let dirty = |wanted: &Service, task: &Task| is_task_dirty(wanted, task, Some(&node), SEED);
    let changed = |change: fn(&mut ServiceSpec)| {
        let mut wanted = base.clone();
        change(Arc::make_mut(&mut wanted.spec));
        wanted
    };
    let same_version = Task { spec_version: Some(2), ..task.clone() };
    assert!(!dirty(&service(2, plain("v:2")), &same_version), "equal versions decide");
    let unassigned = Task { node: None, ..task.clone() };
    let moved = service(2, constrained("v:1", &[]));
    assert!(is_task_dirty(&moved, &unassigned, None, SEED), "nobody knows whether it would fit");
    assert!(!dirty(&changed(|spec| spec.mode = ServiceMode::Replicated { replicas: 9 }), &task));
    assert!(!dirty(&changed(|spec| spec.update = Some(crate::model::UpdateConfig::default())), &task));
    let labelled = changed(|spec| {
        spec.annotations.labels.insert("a".into(), "b".into());
    });
    assert!(!dirty(&labelled, &task));
    assert!(dirty(&changed(|spec| Arc::make_mut(&mut spec.task).force_update += 1), &task));
    let published = changed(|spec| {
        spec.endpoint = Some(EndpointSpec { ports: vec![Default::default()], ..EndpointSpec::default() });
    });
    assert!(dirty(&published, &task));
    assert!(!dirty(&published, &Task { endpoint: None, ..task.clone() }), "a task without endpoint");
}

#[test]
fn registry_credentials_matter_only_while_they_can_still_be_used() {
    // DTY-007
    let mut wanted = plain("v:1");
    wanted.container.pull_options = Some("other".into());
    let wanted = service(2, wanted);
    let dirty = |observed: TaskState, desired: TaskState| {
        let mut task = running_task(plain("v:1"));
        (task.status.state, task.desired_state) = (observed, desired);
        is_task_dirty(&wanted, &task, Some(&node()), SEED)
    };
    assert!(!dirty(TaskState::Ready, TaskState::Running));
    assert!(!dirty(TaskState::Running, TaskState::Running));
    assert!(dirty(TaskState::Preparing, TaskState::Running));
    assert!(dirty(TaskState::Shutdown, TaskState::Shutdown));
}

#[test]
fn tasks_are_ordered_by_when_their_state_was_applied_or_else_set() {
    // DTY-010, RPR-020
    let at = |set: Option<u64>, applied: Option<u64>, id: u32| {
        let mut task = Task::new(TaskId(id), Arc::default(), SimTime::ZERO);
        let (timestamp, applied_at) = (set.map(SimTime::from_secs), applied.map(SimTime::from_secs));
        task.status = TaskStatus { timestamp, applied_at, ..TaskStatus::default() };
        Arc::new(task)
    };
    let newest_of = |tasks: &[Arc<Task>]| newest(tasks).map(|task| task.id.0);
    let by_timestamp: Vec<_> = (0..5).map(|id| at(Some(5 - u64::from(id)), None, id)).collect();
    assert_eq!(newest_of(&by_timestamp), Some(0));
    let by_application: Vec<_> =
        (0..5).map(|id| at(Some(5 - u64::from(id)), Some(u64::from(id)), id)).collect();
    assert_eq!(newest_of(&by_application), Some(4));
    assert_eq!(newest_of(&[at(None, None, 9), at(Some(1), None, 3)]), Some(3), "no time at all is oldest");
    assert_eq!(newest_of(&[]), None);
}

#[test]
fn services_are_of_one_kind() {
    // DTY-011
    let job = ServiceMode::ReplicatedJob { max_concurrent: 1, total_completions: 1 };
    let modes = [ServiceMode::Replicated { replicas: 1 }, ServiceMode::Global, job, ServiceMode::GlobalJob];
    assert_eq!(modes.map(is_replicated), [true, false, false, false]);
    assert_eq!(modes.map(ServiceMode::is_job), [false, false, true, true]);
}
