//! Who exists and how many of them run, kept up to date by facts.
//!
//! Facts carry numbers; names, modes and wanted replicas are looked up in the store when an object appears or its
//! spec changes. Nothing is ever forgotten, so that a task can still be named after it was removed. Counts are
//! changed one task at a time: nothing is counted anew, however large a service is.
use std::collections::BTreeSet;
use std::sync::Arc;

use super::names::Names;
use crate::model::setup::Setup;
use crate::model::{
    Availability, ContainerEvent, Fact, FactId, FactRecord, HostId, IdMap, NetworkId, Node, NodeId, NodeRole,
    NodeState, Service, ServiceId, ServiceMode, Slot, TaskId, TaskState, UpdateState,
};
use crate::store::Store;

/// A task as facts have told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskEntry {
    /// For which service.
    pub service: Option<ServiceId>,
    /// As which replica.
    pub slot: Slot,
    /// Where, once it has a node.
    pub node: Option<NodeId>,
    /// Its observed state.
    pub state: TaskState,
    /// Its desired state.
    pub desired: TaskState,
    /// True once it has run, or a container of it has.
    pub has_run: bool,
    /// What ended it: its observed state is past RUNNING from there on.
    pub ended: Option<FactId>,
    /// True once it is no longer in the store.
    pub removed: bool,
}

/// A service as facts have told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEntry {
    /// Its name.
    pub name: String,
    /// Its mode, with the number of replicas.
    pub mode: ServiceMode,
    /// The image of its tasks.
    pub image: String,
    /// How far an update is.
    pub update: Option<UpdateState>,
    /// True once it is no longer in the store.
    pub removed: bool,
    /// Its tasks, counted.
    pub counts: TaskCounts,
}

/// How many tasks of a service are how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// Tasks in the store, old ones too.
    pub tasks: u64,
    /// Observed RUNNING, and desired so (jobs: desired COMPLETE).
    pub running: u64,
    /// Observed RUNNING, whatever is desired: what docker counts.
    pub observed_running: u64,
    /// Without a node yet, and meant to get one.
    pub pending: u64,
    /// Meant to run, now or after a restart delay (jobs: to complete, and not over).
    pub wanted: u64,
    /// Meant to run now.
    pub wanted_running: u64,
}

/// A node as facts have told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeEntry {
    /// On which host.
    pub host: HostId,
    /// Which of the node objects of its host, from 1.
    pub number: u32,
    /// Its status.
    pub state: NodeState,
    /// Its availability.
    pub availability: Availability,
    /// Its role.
    pub role: NodeRole,
    /// True once it is no longer in the store.
    pub removed: bool,
    /// Its tasks that run as wanted.
    pub running: u64,
}

/// All nodes, services and tasks that facts have told of.
#[derive(Clone, Debug)]
pub struct Census {
    names: Names,
    nodes: IdMap<NodeId, NodeEntry>,
    /// How many node objects a host has had.
    nodes_of_host: IdMap<HostId, u32>,
    latest_node: IdMap<HostId, NodeId>,
    services: IdMap<ServiceId, ServiceEntry>,
    tasks: IdMap<TaskId, TaskEntry>,
    networks: IdMap<NetworkId, String>,
    /// Nodes that are READY.
    ready: u64,
    /// Services whose counts or spec changed at this instant.
    touched: BTreeSet<ServiceId>,
    /// Nodes whose state or counts changed at this instant.
    touched_nodes: BTreeSet<NodeId>,
}

impl Census {
    /// Nobody is known yet.
    #[must_use]
    pub fn new(setup: &Setup, seed: u64) -> Self {
        Census {
            names: Names::new(setup, seed),
            nodes: IdMap::new(),
            nodes_of_host: IdMap::new(),
            latest_node: IdMap::new(),
            services: IdMap::new(),
            tasks: IdMap::new(),
            networks: IdMap::new(),
            ready: 0,
            touched: BTreeSet::new(),
            touched_nodes: BTreeSet::new(),
        }
    }

    /// What hosts, zones and ids are called.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A node.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&NodeEntry> {
        self.nodes.get(node)
    }

    /// All nodes that ever were, in id order.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &NodeEntry)> {
        self.nodes.iter()
    }

    /// A service.
    #[must_use]
    pub fn service(&self, service: ServiceId) -> Option<&ServiceEntry> {
        self.services.get(service)
    }

    /// All services that ever were, in id order.
    pub fn services(&self) -> impl Iterator<Item = (ServiceId, &ServiceEntry)> {
        self.services.iter()
    }

    /// A task.
    #[must_use]
    pub fn task(&self, task: TaskId) -> Option<&TaskEntry> {
        self.tasks.get(task)
    }

    /// All tasks that ever were, in id order.
    pub fn tasks(&self) -> impl Iterator<Item = (TaskId, &TaskEntry)> {
        self.tasks.iter()
    }

    /// The name of a network.
    #[must_use]
    pub fn network_name(&self, network: NetworkId) -> Option<&str> {
        self.networks.get(network).map(String::as_str)
    }

    /// Services whose counts or spec changed since the last call of [`Census::instant_over`].
    pub fn touched(&self) -> impl Iterator<Item = ServiceId> {
        self.touched.iter().copied()
    }

    /// Nodes that changed, or whose tasks did, since then.
    pub fn touched_nodes(&self) -> impl Iterator<Item = NodeId> {
        self.touched_nodes.iter().copied()
    }

    /// How many nodes are READY.
    #[must_use]
    pub fn ready(&self) -> u64 {
        self.ready
    }

    /// The last node object of a host.
    #[must_use]
    pub fn node_of_host(&self, host: HostId) -> Option<NodeId> {
        self.latest_node.get(host).copied()
    }

    /// Everybody has seen what was touched at this instant.
    pub fn instant_over(&mut self) {
        self.touched.clear();
        self.touched_nodes.clear();
    }

    /// Takes a fact in. `store` is asked only when something appears or its spec changes.
    pub fn learn<'a>(&mut self, record: &FactRecord, store: impl Fn() -> Option<&'a Store>) {
        match &record.fact {
            Fact::Start | Fact::Leadership { active: true, .. } => self.adopt(store()),
            Fact::NodeCreated { node, host } => self.node_created(*node, *host, store()),
            Fact::NodeStatus { node, to, .. } => self.change_node(*node, |entry| entry.state = *to),
            Fact::NodeAvailability { node, to, .. } => {
                self.change_node(*node, |entry| entry.availability = *to);
            }
            Fact::NodeRole { node, to, .. } => self.change_node(*node, |entry| entry.role = *to),
            Fact::NodeRemoved { node } => self.change_node(*node, |entry| entry.removed = true),
            Fact::ServiceCreated { service } => self.service_created(*service, store()),
            Fact::ServiceUpdated { service } => self.service_updated(*service, store()),
            Fact::ServiceUpdateStatus { service, to, .. } => {
                self.change_service(*service, |entry| entry.update = *to);
            }
            Fact::ServiceRemoved { service } => self.change_service(*service, |entry| entry.removed = true),
            Fact::TaskCreated { task, service, slot, node, desired } => {
                self.task_created(*task, *service, *slot, *node, *desired);
            }
            Fact::TaskAssigned { task, node } => self.change_task(*task, |entry| {
                entry.node = Some(*node);
                entry.state = entry.state.max(TaskState::Assigned);
            }),
            Fact::TaskState { task, to, .. } => self.change_task(*task, |entry| {
                entry.state = *to;
                entry.has_run |= *to == TaskState::Running;
                entry.ended = entry.ended.or(to.is_terminal().then_some(record.id));
            }),
            Fact::Container { task, event: ContainerEvent::Started, .. } => {
                self.change_task(*task, |entry| entry.has_run = true);
            }
            Fact::TaskDesired { task, to, .. } => self.change_task(*task, |entry| entry.desired = *to),
            Fact::TaskRemoved { task } => self.change_task(*task, |entry| entry.removed = true),
            Fact::Network { network, created: true } => self.network_created(*network, store()),
            Fact::Network { created: false, .. }
            | Fact::Command { .. }
            | Fact::Answer { .. }
            | Fact::Fault { .. }
            | Fact::Note { .. }
            | Fact::WithoutEffect(_)
            | Fact::RaftRole { .. }
            | Fact::Leadership { active: false, .. }
            | Fact::Manager { .. }
            | Fact::Lost { .. }
            | Fact::Session { .. }
            | Fact::NodeUpdated { .. }
            | Fact::Container { .. }
            | Fact::Traffic { .. }
            | Fact::RequestsFailed(_)
            | Fact::Backends { .. } => {}
        }
    }

    /// Objects that a cluster has from the start appear without facts of their own.
    fn adopt(&mut self, store: Option<&Store>) {
        let Some(store) = store else { return };
        for node in store.nodes() {
            if !self.nodes.contains(node.id) {
                self.insert_node(node.id, NodeEntry::of(node));
            }
        }
        for service in store.services() {
            self.services.get_or_insert_with(service.id, || ServiceEntry::of(service));
        }
        for network in store.networks() {
            self.network_created(network.id, Some(store));
        }
    }

    /// What a manager that goes on alone had not committed yet may be told twice.
    fn node_created(&mut self, id: NodeId, host: HostId, store: Option<&Store>) {
        if self.nodes.contains(id) {
            return;
        }
        let stored = store.and_then(|store| store.node(id));
        self.insert_node(id, stored.map_or_else(|| NodeEntry::unknown(host), NodeEntry::of));
    }

    fn insert_node(&mut self, id: NodeId, node: NodeEntry) {
        let number = self.nodes_of_host.get_or_insert_with(node.host, || 0);
        *number += 1;
        self.latest_node.insert(node.host, id);
        self.ready += u64::from(node.is_ready());
        self.nodes.insert(id, NodeEntry { number: *number, ..node });
        self.touched_nodes.insert(id);
    }

    fn change_node(&mut self, node: NodeId, change: impl FnOnce(&mut NodeEntry)) {
        let Some(entry) = self.nodes.get_mut(node) else { return };
        self.ready -= u64::from(entry.is_ready());
        change(entry);
        self.ready += u64::from(entry.is_ready());
        self.touched_nodes.insert(node);
    }

    fn network_created(&mut self, id: NetworkId, store: Option<&Store>) {
        let stored = store.and_then(|store| store.network(id));
        self.networks
            .insert(id, stored.map_or_else(String::new, |network| network.spec.annotations.name.clone()));
    }

    fn service_created(&mut self, id: ServiceId, store: Option<&Store>) {
        if let Some(stored) = store.and_then(|store| store.service(id)) {
            self.services.get_or_insert_with(id, || ServiceEntry::of(stored));
        }
        self.touched.insert(id);
    }

    fn service_updated(&mut self, id: ServiceId, store: Option<&Store>) {
        if let Some(stored) = store.and_then(|store| store.service(id)) {
            self.change_service(id, |entry| entry.respecify(stored));
        }
    }

    fn change_service(&mut self, service: ServiceId, change: impl FnOnce(&mut ServiceEntry)) {
        if let Some(entry) = self.services.get_mut(service) {
            change(entry);
            self.touched.insert(service);
        }
    }

    fn task_created(
        &mut self,
        id: TaskId,
        service: Option<ServiceId>,
        slot: Slot,
        node: Option<NodeId>,
        desired: TaskState,
    ) {
        // Tasks of a service that only another swarm knows are not counted, also when that swarm is looked at later.
        let service = service.filter(|service| self.services.contains(*service));
        let entry = TaskEntry {
            service,
            slot,
            node,
            state: TaskState::New,
            desired,
            has_run: false,
            ended: None,
            removed: false,
        };
        if let Some(told_before) = self.tasks.insert(id, entry) {
            self.count(&told_before, -1);
        }
        self.count(&entry, 1);
    }

    fn change_task(&mut self, task: TaskId, change: impl FnOnce(&mut TaskEntry)) {
        let Some(before) = self.tasks.get(task).copied() else { return };
        let mut after = before;
        change(&mut after);
        self.count(&before, -1);
        self.count(&after, 1);
        self.tasks.insert(task, after);
    }

    /// Adds a task to the counts, or takes it away.
    fn count(&mut self, task: &TaskEntry, sign: i64) {
        let add = |count: &mut u64, counts: bool| {
            *count = count.strict_add_signed(if counts { sign } else { 0 });
        };
        let Some(entry) = task.service.and_then(|service| self.services.get_mut(service)) else { return };
        let goal = goal(entry.mode);
        let stored = !task.removed;
        let running = stored && task.state == TaskState::Running && task.desired == goal;
        let counts = &mut entry.counts;
        add(&mut counts.tasks, stored);
        add(&mut counts.running, running);
        add(&mut counts.observed_running, stored && task.state == TaskState::Running);
        add(&mut counts.pending, stored && task.state <= TaskState::Pending && task.desired <= goal);
        let over = goal == TaskState::Complete && task.state > TaskState::Running;
        add(&mut counts.wanted, stored && task.desired <= goal && !over);
        add(&mut counts.wanted_running, stored && task.desired == TaskState::Running);
        if let Some(node) = task.node.and_then(|node| self.nodes.get_mut(node)) {
            add(&mut node.running, running);
            self.touched_nodes.extend(task.node);
        }
        self.touched.extend(task.service);
    }
}

/// The desired state of a task that is meant to work.
fn goal(mode: ServiceMode) -> TaskState {
    if mode.is_job() { TaskState::Complete } else { TaskState::Running }
}

impl NodeEntry {
    fn is_ready(&self) -> bool {
        self.state == NodeState::Ready && !self.removed
    }

    fn of(node: &Arc<Node>) -> Self {
        NodeEntry {
            state: node.status.state,
            availability: node.spec.availability,
            role: node.role,
            ..NodeEntry::unknown(node.host)
        }
    }

    fn unknown(host: HostId) -> Self {
        NodeEntry {
            host,
            number: 1,
            state: NodeState::Unknown,
            availability: Availability::Active,
            role: NodeRole::Worker,
            removed: false,
            running: 0,
        }
    }
}

impl ServiceEntry {
    fn of(service: &Arc<Service>) -> Self {
        ServiceEntry {
            name: service.name().to_owned(),
            mode: service.spec.mode,
            image: service.spec.task.container.image.clone(),
            update: service.update_status.as_ref().map(|status| status.state),
            removed: false,
            counts: TaskCounts::default(),
        }
    }

    fn respecify(&mut self, service: &Arc<Service>) {
        self.mode = service.spec.mode;
        self.image.clone_from(&service.spec.task.container.image);
    }

    /// How many tasks shall run: the replicas, or what the orchestrator of another mode wants at present.
    #[must_use]
    pub fn desired(&self) -> u64 {
        match self.mode {
            _ if self.removed => 0,
            ServiceMode::Replicated { replicas } => replicas,
            ServiceMode::Global | ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob => {
                self.counts.wanted
            }
        }
    }

    /// Docker's column REPLICAS: tasks that are observed RUNNING, and tasks there shall be. None for jobs, of which
    /// docker counts the tasks of the present iteration only.
    #[must_use]
    pub fn replicas(&self) -> Option<(u64, u64)> {
        match self.mode {
            ServiceMode::Replicated { replicas } => Some((self.counts.observed_running, replicas)),
            ServiceMode::Global => Some((self.counts.observed_running, self.counts.wanted_running)),
            ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob => None,
        }
    }

    /// How many of the wanted tasks do not run.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.desired().saturating_sub(self.counts.running)
    }
}
