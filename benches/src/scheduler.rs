//! Clusters with one service whose tasks wait for the scheduler.
use std::sync::Arc;

use sim_core::bench::{Bench, LoopKind, LoopSettings, StoreError};
use sim_core::model::{
    Annotations, HostId, Node, NodeDescription, NodeRole, NodeSpec, NodeState, NodeStatus, Placement,
    ResourceRequirements, Resources, Service, ServiceMode, ServiceSpec, Slot, Task, TaskSpec, TaskState,
};

/// What stands in the store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scene {
    /// Ready nodes with plenty of resources.
    pub nodes: u32,
    /// Pending tasks of one service.
    pub tasks: u32,
    /// Whether the tasks lack a spec version, so that each is placed on its own.
    pub one_off: bool,
    /// Whether each task reserves 0.1 CPU and 64 MiB.
    pub reserving: bool,
    /// Zones over which the tasks are to be spread; 0: no preference.
    pub zones: u32,
}

/// A bench with a scheduler that is not started, and the scene in its store.
#[must_use]
pub fn store_of(scene: &Scene) -> Bench {
    let mut bench = Bench::new(&[LoopKind::Scheduler], &LoopSettings::default());
    let written: Result<(), StoreError> = bench.transact(|transaction| {
        for number in 0..scene.nodes {
            let node = node(transaction.mint_node(), number, scene);
            transaction.create_node(node)?;
        }
        let id = transaction.mint_service();
        let spec = Arc::new(task_spec(scene));
        let version = (!scene.one_off).then_some(1);
        transaction.create_service(service(id, &spec, version))?;
        for number in 1..=scene.tasks {
            let mut task = Task::new(transaction.mint_task(), Arc::clone(&spec), transaction.now());
            task.service = Some(id);
            task.slot = Slot(number);
            task.spec_version = version;
            task.status.state = TaskState::Pending;
            transaction.create_task(task)?;
        }
        Ok(())
    });
    written.expect("all ids are new");
    bench
}

fn node(id: sim_core::model::NodeId, number: u32, scene: &Scene) -> Node {
    let mut spec = NodeSpec::default();
    if scene.zones > 0 {
        let zone = format!("zone{}", number % scene.zones);
        spec.annotations.labels.insert("zone".to_owned(), zone);
    }
    let resources = Resources { nano_cpus: 1 << 50, memory_bytes: 1 << 50, generic: Vec::new() };
    let description = NodeDescription { resources: Some(resources), ..NodeDescription::default() };
    Node {
        spec: Arc::new(spec),
        description: Some(Arc::new(description)),
        status: NodeStatus { state: NodeState::Ready, ..NodeStatus::default() },
        ..Node::new(id, HostId(id.0), NodeRole::Worker)
    }
}

fn task_spec(scene: &Scene) -> TaskSpec {
    let mut spec = TaskSpec::default();
    if scene.reserving {
        let reserved = Resources { nano_cpus: 100_000_000, memory_bytes: 64 << 20, generic: Vec::new() };
        spec.resources = Some(ResourceRequirements { limits: None, reservations: Some(reserved) });
    }
    if scene.zones > 0 {
        let preferences = vec!["node.labels.zone".to_owned()];
        spec.placement = Some(Placement { preferences, ..Placement::default() });
    }
    spec
}

fn service(id: sim_core::model::ServiceId, task: &Arc<TaskSpec>, version: Option<u64>) -> Service {
    let spec = ServiceSpec {
        annotations: Annotations { name: "web".to_owned(), ..Annotations::default() },
        task: Arc::clone(task),
        mode: ServiceMode::Replicated { replicas: 0 },
        update: None,
        rollback: None,
        endpoint: None,
    };
    Service { spec_version: version, ..Service::new(id, Arc::new(spec)) }
}
