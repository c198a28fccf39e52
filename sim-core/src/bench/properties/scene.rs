//! Small random clusters, and what happens in them. Plain numbers, so that a failing scene shrinks to a
//! readable one.
use std::sync::Arc;

use proptest::prelude::*;

use crate::kernel::SimTime;
use crate::model::{
    Annotations, Availability, Endpoint, EngineDescription, GenericResource, HostId, Node, NodeDescription,
    NodeId, NodeRole, NodeSpec, NodeState, NodeStatus, Placement, Platform, PortConfig, PublishMode,
    ResourceRequirements, Resources, Service, ServiceId, ServiceMode, ServiceSpec, Slot, Task, TaskId,
    TaskSpec, TaskState,
};

/// A cluster and a list of events.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Nodes from the start.
    pub nodes: Vec<SceneNode>,
    /// Services; all exist from the start.
    pub services: Vec<SceneService>,
    /// Tasks that run from the start: service, node, and whether they are to stop.
    pub residents: Vec<(usize, usize, bool)>,
    /// What happens, each in a transaction of its own.
    pub events: Vec<SceneEvent>,
}

/// A node.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SceneNode {
    pub ready: bool,
    pub availability: Availability,
    pub cpus: i64,
    pub memory: i64,
    pub gpus: i64,
    pub zone: Option<u8>,
    pub rack: Option<u8>,
    pub linux: bool,
}

/// A service.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SceneService {
    pub cpus: i64,
    pub memory: i64,
    pub gpus: i64,
    /// `node.labels.zone==z1`, or `!=`.
    pub zone: Option<(bool, u8)>,
    /// Levels of preference: zones, then racks.
    pub levels: usize,
    pub max_replicas: u64,
    pub port: Option<u16>,
    pub linux_only: bool,
    /// Whether tasks have a spec version, so that they form groups.
    pub versioned: bool,
}

/// What happens. Numbers name objects modulo how many there are.
#[derive(Clone, Copy, Debug)]
pub enum SceneEvent {
    /// New tasks of a service.
    Create {
        /// The service.
        service: usize,
        /// How many.
        count: u32,
    },
    /// A new task that comes with a node.
    CreateOn {
        /// The service.
        service: usize,
        /// The node.
        node: usize,
    },
    /// A task that has a node fails, or completes.
    End {
        /// The task among those that have a node.
        task: usize,
        /// Whether it fails.
        fails: bool,
    },
    /// A task is to stop.
    Stop {
        /// The task among those that have a node.
        task: usize,
    },
    /// A task is deleted.
    Delete {
        /// The task among those that have a node.
        task: usize,
    },
    /// A node's state changes.
    Node {
        /// The node.
        node: usize,
        /// Whether its agent answers.
        ready: bool,
        /// Whether it may have tasks.
        availability: Availability,
    },
    /// A new node joins.
    Join(SceneNode),
    /// Time passes.
    Wait {
        /// How many minutes.
        minutes: u64,
    },
}

/// Scenes of up to twenty nodes and three services.
pub fn scenes() -> impl Strategy<Value = Scene> {
    // With eight nodes or more, tasks that come one at a time are placed with an index.
    let few = prop::collection::vec(nodes(), 1..8);
    let all_nodes = prop_oneof![2 => few, 1 => prop::collection::vec(nodes(), 8..20)];
    let all_services = prop::collection::vec(services(), 1..4);
    let residents = prop::collection::vec((0..4_usize, 0..20_usize, prop::bool::weighted(0.2)), 0..12);
    let all_events = prop::collection::vec(events(), 1..14);
    (all_nodes, all_services, residents, all_events).prop_map(|(nodes, services, residents, events)| {
        let residents = residents.into_iter();
        let residents =
            residents.map(|(service, node, stops)| (service % services.len(), node % nodes.len(), stops));
        // Only an outsider could place two tasks with one port, or more GPUs than there are: what becomes of
        // the records then is not of interest here.
        let is_plain = |service: usize| services[service].port.is_none() && services[service].gpus == 0;
        let residents = residents.filter(|(service, _, _)| is_plain(*service)).collect();
        Scene { nodes, services, residents, events }
    })
}

/// Scenes in which the scheduler places every task that ever runs.
pub fn scenes_from_nothing() -> impl Strategy<Value = Scene> {
    scenes().prop_map(|scene| Scene { residents: Vec::new(), ..scene })
}

/// Scenes whose services ask for nothing but an even spread, over nodes or over one level of zones.
pub fn roomy_scenes() -> impl Strategy<Value = Scene> {
    (scenes(), 0..2_usize).prop_map(|(mut scene, levels)| {
        for service in &mut scene.services {
            let plain = SceneService { cpus: 0, memory: 0, gpus: 0, max_replicas: 0, port: None, ..*service };
            *service = SceneService { levels, ..plain };
        }
        scene
    })
}

/// Nodes: most of them ready, some without labels, with small amounts of everything.
pub fn nodes() -> impl Strategy<Value = SceneNode> {
    let place = (prop::option::of(0..3_u8), prop::option::of(0..2_u8), prop::bool::weighted(0.8));
    let amounts = (0..12_i64, 0..12_i64, 0..4_i64);
    (prop::bool::weighted(0.85), availability(), amounts, place).prop_map(
        |(ready, availability, (cpus, memory, gpus), (zone, rack, linux))| SceneNode {
            ready,
            availability,
            cpus,
            memory,
            gpus,
            zone,
            rack,
            linux,
        },
    )
}

fn availability() -> impl Strategy<Value = Availability> {
    prop_oneof![8 => Just(Availability::Active), 1 => Just(Availability::Pause), 1 => Just(Availability::Drain)]
}

/// Services: most of them ask for little, some for something of every kind.
pub fn services() -> impl Strategy<Value = SceneService> {
    let rarely = |amount: i64| prop_oneof![3 => Just(0), 1 => 1..amount];
    let amounts = (rarely(3), rarely(4), rarely(3));
    let zone = prop::option::weighted(0.3, (any::<bool>(), 0..3_u8));
    let limits = (prop_oneof![3 => Just(0), 1 => 1..3_u64], prop::option::weighted(0.2, 1..3_u16));
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.8));
    (amounts, zone, 0..3_usize, limits, flags).prop_map(
        |((cpus, memory, gpus), zone, levels, (max_replicas, port), (linux_only, versioned))| SceneService {
            cpus,
            memory,
            gpus,
            zone,
            levels,
            max_replicas,
            port,
            linux_only,
            versioned,
        },
    )
}

/// Events: most of them create tasks or end them.
pub fn events() -> impl Strategy<Value = SceneEvent> {
    let task = || 0..64_usize;
    prop_oneof![
        8 => (0..4_usize, prop_oneof![Just(1), 1..14_u32])
            .prop_map(|(service, count)| SceneEvent::Create { service, count }),
        2 => (0..4_usize, 0..20_usize).prop_map(|(service, node)| SceneEvent::CreateOn { service, node }),
        6 => (task(), prop::bool::weighted(0.7)).prop_map(|(task, fails)| SceneEvent::End { task, fails }),
        2 => task().prop_map(|task| SceneEvent::Stop { task }),
        2 => task().prop_map(|task| SceneEvent::Delete { task }),
        3 => (0..20_usize, prop::bool::weighted(0.7), availability())
            .prop_map(|(node, ready, availability)| SceneEvent::Node { node, ready, availability }),
        1 => nodes().prop_map(SceneEvent::Join),
        1 => (1..4_u64).prop_map(|minutes| SceneEvent::Wait { minutes }),
    ]
}

impl SceneNode {
    pub(super) fn to_node(self, id: NodeId) -> Node {
        let mut annotations = Annotations::default();
        if let Some(zone) = self.zone {
            annotations.labels.insert("zone".to_owned(), format!("z{zone}"));
        }
        let rack = self.rack.map(|rack| ("rack".to_owned(), format!("r{rack}")));
        let engine = EngineDescription { labels: rack.into_iter().collect(), ..EngineDescription::default() };
        let gpus = GenericResource::Discrete { kind: "gpu".to_owned(), value: self.gpus };
        let generic = if self.gpus > 0 { vec![gpus] } else { Vec::new() };
        let description = NodeDescription {
            hostname: String::new(),
            platform: Some(platform(self.linux)),
            resources: Some(Resources { nano_cpus: self.cpus, memory_bytes: self.memory, generic }),
            engine: Some(engine),
        };
        Node {
            spec: Arc::new(NodeSpec { annotations, availability: self.availability, ..NodeSpec::default() }),
            description: Some(Arc::new(description)),
            status: NodeStatus { state: state(self.ready), ..NodeStatus::default() },
            ..Node::new(id, HostId(id.0), NodeRole::Worker)
        }
    }
}

impl SceneService {
    pub(super) fn to_service(self, id: ServiceId) -> Service {
        let spec = ServiceSpec {
            annotations: Annotations { name: format!("s{}", id.0), ..Annotations::default() },
            task: Arc::new(self.task_spec()),
            mode: ServiceMode::Replicated { replicas: 0 },
            update: None,
            rollback: None,
            endpoint: None,
        };
        Service { spec_version: self.version(), ..Service::new(id, Arc::new(spec)) }
    }

    /// A pending task of the service.
    pub(super) fn to_task(self, id: TaskId, service: ServiceId, slot: u32, now: SimTime) -> Task {
        let ports = self.port.map(|published_port| PortConfig {
            published_port,
            publish_mode: PublishMode::Host,
            ..PortConfig::default()
        });
        let mut task = Task::new(id, Arc::new(self.task_spec()), now);
        task.service = Some(service);
        task.slot = Slot(slot);
        task.spec_version = self.version();
        task.status.state = TaskState::Pending;
        task.endpoint = ports.map(|port| Arc::new(Endpoint { ports: vec![port], ..Endpoint::default() }));
        task
    }

    pub(super) fn version(self) -> Option<u64> {
        self.versioned.then_some(1)
    }

    fn task_spec(self) -> TaskSpec {
        let operator = |equal| if equal { "==" } else { "!=" };
        let constraint = self.zone.map(|(equal, zone)| format!("node.labels.zone{}z{zone}", operator(equal)));
        let levels = ["node.labels.zone", "engine.labels.rack"];
        let placement = Placement {
            constraints: constraint.into_iter().collect(),
            preferences: levels[..self.levels].iter().map(|level| (*level).to_owned()).collect(),
            max_replicas: self.max_replicas,
            platforms: if self.linux_only { vec![platform(true)] } else { Vec::new() },
        };
        let gpus = GenericResource::Discrete { kind: "gpu".to_owned(), value: self.gpus };
        let reserved = Resources {
            nano_cpus: self.cpus,
            memory_bytes: self.memory,
            generic: if self.gpus > 0 { vec![gpus] } else { Vec::new() },
        };
        TaskSpec {
            resources: Some(ResourceRequirements { limits: None, reservations: Some(reserved) }),
            placement: Some(placement),
            ..TaskSpec::default()
        }
    }
}

pub(super) fn state(ready: bool) -> NodeState {
    if ready { NodeState::Ready } else { NodeState::Down }
}

fn platform(linux: bool) -> Platform {
    let os = if linux { "linux" } else { "windows" };
    Platform { os: os.to_owned(), architecture: "amd64".to_owned() }
}
