//! Rules about single tasks: how a new one looks, and whether an old one still is what its service wants
//! (spec orchestration 5.1 to 5.4).
use std::sync::Arc;

use crate::kernel::SimTime;
use crate::model::{
    Cluster, ContainerSpec, Endpoint, EndpointSpec, Node, NodeId, RestartCondition, Service, Slot, Task,
    TaskId, TaskSpec, TaskState, constraint,
};

/// What a task is to be made of.
#[derive(Clone, Debug)]
pub(crate) struct NewTask {
    pub(crate) service: Arc<Service>,
    pub(crate) slot: Slot,
    /// Known from the start for tasks of global services.
    pub(crate) node: Option<NodeId>,
    /// Tasks of jobs belong to an iteration.
    pub(crate) iteration: Option<u64>,
}

impl NewTask {
    /// The task, desired to do what its service is for: to complete in a job, to run otherwise.
    pub(crate) fn build(&self, id: TaskId, cluster: Option<&Cluster>, now: SimTime) -> Task {
        let NewTask { service, slot, node, iteration } = self;
        let spec = &service.spec;
        let cluster_default = cluster.and_then(|cluster| cluster.spec.default_log_driver.as_ref());
        let endpoint = Endpoint { spec: spec.endpoint.clone().unwrap_or_default(), ..Endpoint::default() };
        Task {
            service: Some(service.id),
            slot: *slot,
            node: *node,
            spec_version: service.spec_version,
            service_annotations: Arc::new(spec.annotations.clone()),
            endpoint: Some(Arc::new(endpoint)),
            log_driver: spec.task.log_driver.as_ref().or(cluster_default).cloned(),
            job_iteration: *iteration,
            desired_state: released_state(*iteration),
            ..Task::new(id, Arc::clone(&spec.task), now)
        }
    }
}

/// The desired state of a task that may run: jobs are wanted to complete (spec orchestration 2.3).
pub(crate) fn released_state(iteration: Option<u64>) -> TaskState {
    if iteration.is_some() { TaskState::Complete } else { TaskState::Running }
}

/// When a task that ended is replaced. The task's own spec counts, never the service's current one.
pub(crate) fn restart_condition(task: &Task) -> RestartCondition {
    task.spec.restart.map_or(RestartCondition::Any, |restart| restart.condition)
}

/// True if the task must be replaced to be what its service wants now. `node` is the task's node, if that
/// exists; `seed` is the run's.
pub(crate) fn is_task_dirty(service: &Service, task: &Task, node: Option<&Node>, seed: u64) -> bool {
    if task.spec_version.is_some() && task.spec_version == service.spec_version {
        return false;
    }
    let wanted = &service.spec.task;
    let may_stay = || node.is_some_and(|node| meets_constraints(wanted, node, seed));
    if only_placement_differs(wanted, &task.spec) && may_stay() {
        return false;
    }
    let same_spec = *wanted == task.spec
        || (has_pulled_its_image(task) && at_most_pull_options_differ(wanted, &task.spec));
    let no_endpoint = EndpointSpec::default();
    let endpoint = service.spec.endpoint.as_ref().unwrap_or(&no_endpoint);
    !same_spec || task.endpoint.as_ref().is_some_and(|own| own.spec != *endpoint)
}

/// True if the whole placement block differs and nothing else does.
pub(crate) fn only_placement_differs(wanted: &TaskSpec, own: &TaskSpec) -> bool {
    wanted.placement != own.placement
        && TaskSpec { placement: own.placement.clone(), ..wanted.clone() } == *own
}

fn meets_constraints(spec: &TaskSpec, node: &Node, seed: u64) -> bool {
    constraint::node_matches(&spec.constraints(), node, seed)
}

/// True if other registry credentials would make no difference to the task any more.
fn has_pulled_its_image(task: &Task) -> bool {
    task.desired_state <= TaskState::Running
        && (TaskState::Ready..=TaskState::Running).contains(&task.status.state)
}

fn at_most_pull_options_differ(wanted: &TaskSpec, own: &TaskSpec) -> bool {
    let pull_options = own.container.pull_options.clone();
    let container = ContainerSpec { pull_options, ..wanted.container.clone() };
    TaskSpec { container, ..wanted.clone() } == *own
}

#[cfg(test)]
mod tests;
