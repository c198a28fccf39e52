//! Rolling updates of one large service on a bench, with agents that take a fixed time for everything.
use std::sync::Arc;

use sim_core::bench::{
    Bench, CONTROL_LOOPS, ChangeSet, Delta, LoopSettings, ObjectChange, StoreError, World, create_service,
    update_service,
};
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::{
    Annotations, Cluster, ClusterId, ClusterSpec, HostId, Node, NodeDescription, NodeId, NodeRole, NodeState,
    NodeStatus, Resources, ServiceId, ServiceMode, ServiceSpec, Task, TaskId, TaskSpec, TaskState,
    TaskStatus, UpdateConfig, UpdateState,
};

/// Time from one state of a task to the next.
const STEP: SimDuration = SimDuration::from_millis(100);

/// The size of an update.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Nodes, all ready.
    pub nodes: u32,
    /// Replicas of the service.
    pub replicas: u64,
    /// Slots at one time.
    pub parallelism: u64,
}

/// A cluster whose service runs, before its update.
pub struct Rolling {
    bench: Bench,
    agents: Agents,
    service: ServiceId,
}

/// Agents do what comes next about a task after [`STEP`].
#[derive(Default)]
struct Agents {
    alarms: Vec<TaskId>,
}

impl Rolling {
    /// All replicas run.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let mut bench = Bench::new(&CONTROL_LOOPS, &LoopSettings::default());
        let written: Result<(), StoreError> = bench.transact(|transaction| {
            transaction.create_cluster(cluster())?;
            (0..size.nodes).try_for_each(|_| {
                let id = transaction.mint_node();
                transaction.create_node(node(id))
            })
        });
        written.expect("all ids are new");
        let created = bench.transact(|transaction| create_service(transaction, spec(size)));
        let service = created.expect("the name is free");
        bench.start();
        let mut rolling = Rolling { bench, agents: Agents::default(), service };
        rolling.pass(SimDuration::from_secs(60));
        assert_eq!(rolling.running(1), size.replicas);
        rolling
    }

    /// The whole update: every task is replaced.
    pub fn update(&mut self) {
        let seen = Arc::clone(self.bench.store().service(self.service).expect("it exists"));
        let mut spec = ServiceSpec::clone(&seen.spec);
        Arc::make_mut(&mut spec.task).container.image = image(2);
        let updated =
            self.bench.transact(|transaction| update_service(transaction, seen.id, seen.meta.version, spec));
        updated.expect("the spec is valid");
        while self.update_state() != Some(UpdateState::Completed) {
            self.pass(SimDuration::from_secs(10));
        }
    }

    /// Tasks of a version that run as they shall.
    #[must_use]
    pub fn running(&self, version: u32) -> u64 {
        let tasks = self.bench.store().tasks_of_service(self.service);
        let runs = |task: &&Arc<Task>| {
            task.status.state == TaskState::Running && task.desired_state == TaskState::Running
        };
        tasks.filter(runs).filter(|task| task.spec.container.image == image(version)).count() as u64
    }

    fn update_state(&self) -> Option<UpdateState> {
        let service = self.bench.store().service(self.service).expect("it exists");
        service.update_status.as_ref().map(|status| status.state)
    }

    fn pass(&mut self, time: SimDuration) {
        let until: SimTime = self.bench.now() + time;
        self.bench.run_until(until, &mut self.agents);
    }
}

impl World for Agents {
    fn committed(&mut self, changes: &ChangeSet, bench: &mut Bench) {
        for change in changes.iter() {
            if let ObjectChange::Task(Delta { new: Some(task), .. }) = &change.object
                && next_state(task).is_some()
            {
                self.alarms.push(task.id);
                bench.set_alarm(self.alarms.len() as u64 - 1, bench.now() + STEP);
            }
        }
    }

    fn alarm(&mut self, alarm: u64, bench: &mut Bench) {
        let task = bench.store().task(self.alarms[alarm as usize]).cloned();
        let Some((task, state)) = task.and_then(|task| Some((Arc::clone(&task), next_state(&task)?))) else {
            return;
        };
        let written: Result<(), StoreError> = bench.transact(|transaction| {
            let now = Some(transaction.now());
            let status = TaskStatus { state, timestamp: now, applied_at: now, ..TaskStatus::default() };
            transaction.update_task(Task { status, ..Task::clone(&task) })
        });
        written.expect("nobody else writes at this moment");
    }
}

fn next_state(task: &Task) -> Option<TaskState> {
    let observed = task.status.state;
    if observed < TaskState::Assigned || observed.is_terminal() {
        return None;
    }
    if task.desired_state >= TaskState::Shutdown {
        return Some(TaskState::Shutdown);
    }
    if observed < TaskState::Ready {
        return Some(TaskState::Ready);
    }
    (observed < TaskState::Running && task.desired_state == TaskState::Running).then_some(TaskState::Running)
}

fn image(version: u32) -> String {
    format!("web:{version}")
}

fn spec(size: Size) -> ServiceSpec {
    let mut task = TaskSpec::default();
    task.container.image = image(1);
    ServiceSpec {
        annotations: Annotations { name: "web".to_owned(), ..Annotations::default() },
        task: Arc::new(task),
        mode: ServiceMode::Replicated { replicas: size.replicas },
        update: Some(UpdateConfig { parallelism: size.parallelism, ..UpdateConfig::default() }),
        rollback: None,
        endpoint: None,
    }
}

fn cluster() -> Cluster {
    Cluster::new(ClusterId(0), Arc::new(ClusterSpec::default()))
}

fn node(id: NodeId) -> Node {
    let description = NodeDescription { resources: Some(Resources::default()), ..NodeDescription::default() };
    Node {
        description: Some(Arc::new(description)),
        status: NodeStatus { state: NodeState::Ready, ..NodeStatus::default() },
        ..Node::new(id, HostId(id.0), NodeRole::Worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_replaces_every_task() {
        let mut rolling = Rolling::new(Size { nodes: 10, replicas: 100, parallelism: 10 });
        rolling.update();
        assert_eq!((rolling.running(1), rolling.running(2)), (0, 100));
    }
}
