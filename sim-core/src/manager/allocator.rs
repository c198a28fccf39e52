//! Hands out subnets, addresses and published ports, and moves tasks from NEW to PENDING once they have all they
//! need (spec networking 3).
//!
//! What is taken is known in memory only and built anew from the store by each leader. As in SwarmKit, something
//! that could not be had is asked for again after something else was given back, or after five minutes, and only
//! when a commit is heard of. Where the original goes through maps, the order here is that of ids.
mod addresses;
mod error;
mod holdings;
mod ports;
mod restore;
mod serial;
mod subnets;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub(crate) use self::error::AllocationError;
use self::holdings::Holdings;
use super::loops::{Context, ControlLoop, Heard, Outcome, Step};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{
    AllocatedSubnet, Defect, Endpoint, FactId, Network, NetworkAttachment, NetworkId, Node, NodeId, Sabotage,
    Service, ServiceId, Subnet, Task, TaskId, TaskState, TaskStatus,
};
use crate::protocol::LoopTimer;
use crate::store::{ObjectChange, Store, StoreError, Transaction};

/// What a task says while it waits for the scheduler (spec networking 1).
const ALLOCATED_MESSAGE: &str = "pending task scheduling";
/// Time until everything that could not be had is asked for again, if nothing was given back before.
const RETRY_INTERVAL: SimDuration = SimDuration::from_secs(300);
/// The pool that networks of a swarm are cut from.
const DEFAULT_POOL: Subnet = Subnet { address: std::net::Ipv4Addr::new(10, 0, 0, 0), prefix_bits: 8 };
/// The size of the blocks.
const DEFAULT_BLOCK_BITS: u8 = 24;

/// The allocator of a leading manager.
#[derive(Debug)]
pub(crate) struct Allocator {
    /// Whether ports and networks of services are left alone. Some recordings were made so.
    without_ports: bool,
    sabotage: Sabotage,
    holdings: Holdings,
    ingress: Option<NetworkId>,
    /// Tasks to allocate at the next commit, each with the fact that brought it.
    pending_tasks: BTreeMap<TaskId, FactId>,
    /// What could not be had before.
    unallocated_networks: BTreeMap<NetworkId, FactId>,
    unallocated_services: BTreeMap<ServiceId, FactId>,
    unallocated_tasks: BTreeMap<TaskId, FactId>,
    /// Something was given back since the last retry.
    released: bool,
    last_retry: SimTime,
    /// What is left to do before anything else is heard. A step that writes is waited for.
    agenda: VecDeque<(Item, FactId)>,
    /// What is being written, to be taken back if that fails.
    writing: Vec<AllocatorStep>,
}

/// One thing to do. Each looks at the store anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Network(NetworkId),
    Node(NodeId),
    Service(ServiceId),
    /// As the leadership begins: ports without a number of their own are asked for once more.
    FirstService(ServiceId),
    /// Whatever is pending now.
    PendingTasks,
    /// What could not be had before, if it is time for that.
    Retry,
    UnallocatedTasks,
    /// Tasks that are still pending wait for a retry.
    Postpone,
}

/// What the allocator writes.
#[derive(Clone, Debug)]
pub(crate) enum AllocatorStep {
    /// A network is ready.
    Network(NetworkId, Vec<AllocatedSubnet>),
    /// A node has these addresses for its load balancers.
    Node(NodeId, Vec<NetworkAttachment>),
    /// A service has these ports and addresses.
    Service(ServiceId, Arc<Endpoint>),
    /// A task has all it needs.
    Task(TaskId, Vec<NetworkAttachment>, Option<Arc<Endpoint>>),
}

impl Allocator {
    pub(crate) fn new(without_ports: bool, sabotage: Sabotage) -> Self {
        Allocator { sabotage, ..Self::with_pool(without_ports, DEFAULT_POOL, DEFAULT_BLOCK_BITS) }
    }

    /// An allocator that cuts networks from a certain pool.
    fn with_pool(without_ports: bool, pool: Subnet, block_bits: u8) -> Self {
        Allocator {
            without_ports,
            sabotage: Sabotage::default(),
            holdings: Holdings::new(&[pool], block_bits),
            ingress: None,
            pending_tasks: BTreeMap::new(),
            unallocated_networks: BTreeMap::new(),
            unallocated_services: BTreeMap::new(),
            unallocated_tasks: BTreeMap::new(),
            released: false,
            last_retry: SimTime::ZERO,
            agenda: VecDeque::new(),
            writing: Vec::new(),
        }
    }

    /// Goes through the agenda up to the first thing that has to be written.
    fn proceed(&mut self, context: &mut Context<'_>) {
        while let Some((item, cause)) = self.agenda.pop_front() {
            context.effects.set_cause(cause);
            let steps = self.work_on(item, context);
            if !steps.is_empty() {
                return self.write_all(steps, context);
            }
        }
    }

    fn write_all(&mut self, steps: Vec<(AllocatorStep, FactId)>, context: &mut Context<'_>) {
        self.writing = steps.iter().map(|(step, _)| step.clone()).collect();
        context.batch(0, steps.into_iter().map(|(step, cause)| (Step::Allocator(step), cause)));
    }

    fn work_on(&mut self, item: Item, context: &Context<'_>) -> Vec<(AllocatorStep, FactId)> {
        let (store, cause) = (context.store, context.cause());
        let one = |step: Option<AllocatorStep>| step.into_iter().map(|step| (step, cause)).collect();
        match item {
            Item::Network(id) => one(self.allocate_network(id, store, cause)),
            Item::Node(id) => one(self.attach_node(id, store)),
            Item::Service(id) => one(self.allocate_service(id, store, cause, false)),
            Item::FirstService(id) => one(self.allocate_service(id, store, cause, true)),
            Item::PendingTasks => {
                let pending = self.pending_tasks.clone();
                let steps = self.allocate_tasks(&pending, store);
                forget(&mut self.pending_tasks, &steps);
                steps
            }
            Item::UnallocatedTasks => {
                let waiting = self.unallocated_tasks.clone();
                let steps = self.allocate_tasks(&waiting, store);
                forget(&mut self.unallocated_tasks, &steps);
                steps
            }
            Item::Retry => {
                self.plan_retry(context);
                Vec::new()
            }
            Item::Postpone => {
                self.unallocated_tasks.append(&mut self.pending_tasks);
                Vec::new()
            }
        }
    }

    /// Networks, then services, then tasks are asked for again. Comes before [`Item::Postpone`].
    fn plan_retry(&mut self, context: &Context<'_>) {
        if !self.released && context.now().since(self.last_retry) <= RETRY_INTERVAL {
            return;
        }
        (self.released, self.last_retry) = (false, context.now());
        let networks = std::mem::take(&mut self.unallocated_networks).into_iter();
        let services = std::mem::take(&mut self.unallocated_services).into_iter();
        let plan = networks.map(|(id, cause)| (Item::Network(id), cause));
        let plan = plan.chain(services.map(|(id, cause)| (Item::Service(id), cause)));
        let plan: Vec<_> = plan.chain([(Item::UnallocatedTasks, context.cause())]).collect();
        plan.into_iter().rev().for_each(|item| self.agenda.push_front(item));
    }

    fn allocate_network(&mut self, id: NetworkId, store: &Store, cause: FactId) -> Option<AllocatorStep> {
        let network = store.network(id)?;
        if self.holdings.has_network(id) {
            return None;
        }
        match self.holdings.allocate_network(network) {
            Ok(subnets) => Some(AllocatorStep::Network(id, subnets)),
            Err(_) => {
                self.unallocated_networks.insert(id, cause);
                None
            }
        }
    }

    fn allocate_service(
        &mut self,
        id: ServiceId,
        store: &Store,
        cause: FactId,
        starting: bool,
    ) -> Option<AllocatorStep> {
        let service = store.service(id)?;
        if self.is_service_allocated(service, starting) {
            if !ports::host_ports_need_update(service) {
                return None;
            }
            let endpoint = service.endpoint.as_deref().cloned().unwrap_or_default();
            let spec = service.spec.endpoint.clone().unwrap_or_default();
            let ports = ports::with_host_ports(service);
            return Some(AllocatorStep::Service(id, Arc::new(Endpoint { spec, ports, ..endpoint })));
        }
        self.released |= service.spec.endpoint.is_none() && service.endpoint.is_some();
        match self.holdings.allocate_service(service, self.ingress) {
            Ok(endpoint) if service.endpoint.as_deref() == Some(&endpoint) => None,
            Ok(endpoint) => Some(AllocatorStep::Service(id, Arc::new(endpoint))),
            Err(_) => {
                self.unallocated_services.insert(id, cause);
                None
            }
        }
    }

    fn is_service_allocated(&self, service: &Service, starting: bool) -> bool {
        self.without_ports || self.holdings.is_service_allocated(service, self.ingress, starting)
    }

    /// The steps of those tasks that can have all they need.
    fn allocate_tasks(
        &mut self,
        tasks: &BTreeMap<TaskId, FactId>,
        store: &Store,
    ) -> Vec<(AllocatorStep, FactId)> {
        let mut steps = Vec::new();
        for (id, cause) in tasks {
            if let Some(task) = store.task(*id)
                && let Ok(step) = self.allocate_task(task, store)
            {
                steps.push((step, *cause));
            }
        }
        steps
    }

    fn allocate_task(&mut self, task: &Task, store: &Store) -> Result<AllocatorStep, AllocationError> {
        let mut endpoint = task.endpoint.clone();
        let mut service = None;
        if let Some(id) = task.service {
            let owner = store.service(id).ok_or(AllocationError::NoService { service: id, task: task.id })?;
            if !self.is_service_allocated(owner, false) {
                return Err(AllocationError::ServicePending { service: id, task: task.id });
            }
            if owner.endpoint.is_some() {
                endpoint.clone_from(&owner.endpoint);
            }
            service = Some(owner);
        }
        let mut attachments = self.attachments(task, service.map(|service| &**service), store);
        for attachment in &mut attachments {
            let network = attachment.network.id;
            let stored =
                store.network(network).ok_or(AllocationError::NoNetwork { network, task: task.id })?;
            if !self.holdings.has_network(network) {
                return Err(AllocationError::NetworkPending { network, task: task.id });
            }
            attachment.network = Arc::clone(stored);
        }
        self.holdings.allocate_task(task.id, &mut attachments)?;
        if self.sabotage.is(Defect::ForgetAddresses) {
            attachments.iter_mut().for_each(|attachment| attachment.addresses.clear());
        }
        Ok(AllocatorStep::Task(task.id, attachments, endpoint))
    }

    /// The networks that a task is attached to: that of the routing mesh if its service needs it, then those of its
    /// spec. One that does not exist is left out.
    fn attachments(&self, task: &Task, service: Option<&Service>, store: &Store) -> Vec<NetworkAttachment> {
        if !task.networks.is_empty() || self.without_ports {
            return task.networks.clone();
        }
        let mesh = service.filter(|service| service.spec.publishes_ingress_port()).and(self.ingress);
        let mesh =
            mesh.and_then(|id| store.network(id)).map(|known| NetworkAttachment::to(Arc::clone(known)));
        let wanted = task.spec.networks.iter().filter_map(|wish| {
            let network = Arc::clone(store.network(wish.network)?);
            Some(NetworkAttachment { aliases: wish.aliases.clone(), ..NetworkAttachment::to(network) })
        });
        mesh.into_iter().chain(wanted).collect()
    }

    /// Gives a node an address on each network that its tasks use, and always on that of the routing mesh; takes
    /// back those that it needs no more (spec networking 3.6).
    fn attach_node(&mut self, id: NodeId, store: &Store) -> Option<AllocatorStep> {
        let node = store.node(id)?;
        let needed = self.networks_of_node(id, store);
        let mut attachments = Vec::new();
        let mut changed = false;
        for attachment in &node.attachments {
            let network = attachment.network.id;
            if needed.contains(&network) && self.holdings.has_attachment(id, network) {
                attachments.push(attachment.clone());
            } else {
                self.holdings.free_attachment(id, network);
                self.released = true;
                changed = true;
            }
        }
        for network in needed {
            if attachments.iter().any(|known| known.network.id == network) {
                continue;
            }
            let known = store.network(network).filter(|_| self.holdings.has_network(network));
            let Some(network) = known else { continue };
            let mut attachment = NetworkAttachment::to(Arc::clone(network));
            if self.holdings.allocate_attachment(id, &mut attachment).is_ok() {
                attachments.push(attachment);
                changed = true;
            }
        }
        changed.then_some(AllocatorStep::Node(id, attachments))
    }

    /// The network of the routing mesh first, the others by id.
    fn networks_of_node(&self, node: NodeId, store: &Store) -> Vec<NetworkId> {
        let alive = store.tasks_of_node(node).filter(|task| !task.status.state.is_terminal());
        let used = alive.flat_map(|task| &task.networks).map(|attachment| &attachment.network);
        let used: BTreeSet<NetworkId> =
            used.filter(|network| network.is_overlay()).map(|network| network.id).collect();
        let others = used.into_iter().filter(|network| Some(*network) != self.ingress);
        let mesh = self.ingress.filter(|_| !self.sabotage.is(Defect::ForgetIngress));
        mesh.into_iter().chain(others).collect()
    }

    fn hear_network(&mut self, old: Option<&Network>, new: Option<&Network>, context: &Context<'_>) {
        let cause = context.cause();
        match (old, new) {
            (None, Some(network)) => {
                let id = network.id;
                if network.spec.ingress && self.ingress.is_some_and(|known| known != id) {
                    return;
                }
                self.agenda.push_back((Item::Network(id), cause));
                if network.spec.ingress {
                    self.ingress = Some(id);
                    let nodes = context.store.nodes().map(|node| (Item::Node(node.id), cause));
                    self.agenda.extend(nodes);
                }
            }
            (Some(network), None) => {
                self.ingress = self.ingress.filter(|known| *known != network.id);
                let attached = |node: &&Arc<Node>| self.holdings.has_attachment(node.id, network.id);
                let nodes = context.store.nodes().filter(attached);
                let nodes: Vec<_> = nodes.map(|node| (Item::Node(node.id), cause)).collect();
                self.agenda.extend(nodes);
                self.unallocated_networks.remove(&network.id);
                self.holdings.free_network(network.id);
                self.released = true;
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn hear_service(&mut self, old: Option<&Service>, new: Option<&Service>, cause: FactId) {
        match (old, new) {
            (_, Some(service)) => self.agenda.push_back((Item::Service(service.id), cause)),
            (Some(service), None) => {
                self.holdings.free_service(service);
                self.unallocated_services.remove(&service.id);
                self.released = true;
            }
            (None, None) => {}
        }
    }

    fn hear_node(&mut self, old: Option<&Node>, new: Option<&Node>, cause: FactId) {
        match (old, new) {
            (_, Some(node)) => self.agenda.push_back((Item::Node(node.id), cause)),
            (Some(node), None) => {
                self.holdings.free_node(node.id);
                self.released = true;
            }
            (None, None) => {}
        }
    }

    /// The content of the event is ignored unless the task is gone: what counts is how it is now.
    fn hear_task(&mut self, id: TaskId, deleted: Option<&Task>, context: &Context<'_>) {
        let current = context.store.task(id);
        let Some(task) = deleted.or(current.map(|task| &**task)) else { return };
        // A task without networks changes nothing about what its node needs.
        if let Some(node) = task.node.filter(|_| !task.networks.is_empty()) {
            self.agenda.push_back((Item::Node(node), context.cause()));
        }
        if deleted.is_some() || task.status.state.is_terminal() {
            self.released |= self.holdings.free_task(id);
            self.pending_tasks.remove(&id);
            self.unallocated_tasks.remove(&id);
        } else if task.status.state < TaskState::Pending {
            self.pending_tasks.insert(id, context.cause());
        }
    }

    /// What was to be written is not: it is given back and asked for again later.
    fn take_back(&mut self, cause: FactId) {
        for step in std::mem::take(&mut self.writing) {
            match step {
                AllocatorStep::Network(id, _) => {
                    self.holdings.free_network(id);
                    self.unallocated_networks.insert(id, cause);
                }
                AllocatorStep::Node(id, attachments) => {
                    attachments.iter().for_each(|known| self.holdings.free_attachment(id, known.network.id));
                }
                AllocatorStep::Service(id, endpoint) => {
                    self.holdings.free_endpoint(id, &endpoint);
                    self.unallocated_services.insert(id, cause);
                }
                AllocatorStep::Task(id, ..) => {
                    self.holdings.free_task(id);
                    self.unallocated_tasks.insert(id, cause);
                }
            }
        }
    }
}

/// Tasks that are being written wait no more.
fn forget(waiting: &mut BTreeMap<TaskId, FactId>, steps: &[(AllocatorStep, FactId)]) {
    for (step, _) in steps {
        if let AllocatorStep::Task(id, ..) = step {
            waiting.remove(id);
        }
    }
}

impl ControlLoop for Allocator {
    fn start(&mut self, context: &mut Context<'_>) {
        let cause = context.cause();
        self.last_retry = context.now();
        self.ingress =
            context.store.networks().find(|network| network.spec.ingress).map(|network| network.id);
        // The network of the routing mesh comes before everything else, so that it gets the first subnet.
        let mesh = self.ingress.and_then(|id| context.store.network(id));
        let mesh = mesh.filter(|network| network.allocated.is_none()).map(|network| network.id);
        let first = mesh.and_then(|id| self.allocate_network(id, context.store, cause));
        self.restore(context.store);
        self.plan_start(context.store, cause);
        match first {
            Some(step) => self.write_all(vec![(step, cause)], context),
            None => self.proceed(context),
        }
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        let cause = context.cause();
        match event {
            Heard::Change(ObjectChange::Network(delta)) => {
                self.hear_network(delta.old.as_deref(), delta.new.as_deref(), context);
            }
            Heard::Change(ObjectChange::Service(delta)) => {
                self.hear_service(delta.old.as_deref(), delta.new.as_deref(), cause);
            }
            Heard::Change(ObjectChange::Node(delta)) => {
                self.hear_node(delta.old.as_deref(), delta.new.as_deref(), cause);
            }
            Heard::Change(ObjectChange::Task(delta)) => {
                let deleted = if delta.new.is_none() { delta.old.as_deref() } else { None };
                self.hear_task(delta.object().id, deleted, context);
            }
            Heard::Change(ObjectChange::Cluster(_)) => {}
            Heard::Commit => {
                let plan = [Item::PendingTasks, Item::Retry, Item::Postpone];
                self.agenda.extend(plan.map(|item| (item, cause)));
            }
        }
        self.proceed(context);
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::Allocator(step) = step else { unreachable!("{step:?} is no step of the allocator") };
        match step {
            AllocatorStep::Network(id, subnets) => write_network(*id, subnets, transaction),
            AllocatorStep::Node(id, attachments) => write_node(*id, attachments, transaction),
            AllocatorStep::Service(id, endpoint) => write_service(*id, endpoint, transaction),
            AllocatorStep::Task(id, networks, endpoint) => {
                write_task(*id, networks, endpoint.as_ref(), transaction)
            }
        }
    }

    fn settled(&mut self, _strand: u32, outcome: Outcome, context: &mut Context<'_>) {
        match outcome {
            // What is gone from the store meanwhile is given back when that is heard.
            Outcome::Committed | Outcome::Unchanged => self.writing.clear(),
            Outcome::Failed(_) => self.take_back(context.cause()),
        }
        self.proceed(context);
    }

    fn fire(&mut self, timer: LoopTimer, _context: &mut Context<'_>) {
        unreachable!("the allocator sets no timer, but {timer:?} fired");
    }
}

fn write_network(
    id: NetworkId,
    subnets: &[AllocatedSubnet],
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some(network) = transaction.store().network(id) else { return Ok(()) };
    let network = Network { allocated: Some(subnets.to_vec()), ..Network::clone(network) };
    transaction.update_network(network)
}

fn write_node(
    id: NodeId,
    attachments: &[NetworkAttachment],
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some(node) = transaction.store().node(id) else { return Ok(()) };
    let node = Node { attachments: attachments.to_vec(), ..Node::clone(node) };
    transaction.update_node(node)
}

/// Only the endpoint is written, whatever else has changed meanwhile.
fn write_service(
    id: ServiceId,
    endpoint: &Arc<Endpoint>,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some(service) = transaction.store().service(id) else { return Ok(()) };
    let service = Service { endpoint: Some(Arc::clone(endpoint)), ..Service::clone(service) };
    transaction.update_service(service)
}

fn write_task(
    id: TaskId,
    networks: &[NetworkAttachment],
    endpoint: Option<&Arc<Endpoint>>,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some(task) = transaction.store().task(id) else { return Ok(()) };
    let mut task = Task::clone(task);
    task.networks = networks.to_vec();
    task.endpoint = endpoint.cloned();
    if task.status.state < TaskState::Pending {
        task.status = TaskStatus {
            state: TaskState::Pending,
            timestamp: Some(transaction.now()),
            message: ALLOCATED_MESSAGE.into(),
            ..TaskStatus::default()
        };
    }
    transaction.update_task(task)
}

impl From<AllocatorStep> for Step {
    fn from(step: AllocatorStep) -> Self {
        Step::Allocator(step)
    }
}

impl StateDigest for Allocator {
    fn digest(&self, digest: &mut Digest) {
        // What is held follows from the store, but for the counters; what is being written from the steps.
        let Self {
            without_ports,
            sabotage: _,
            holdings,
            ingress,
            pending_tasks,
            unallocated_networks,
            unallocated_services,
            unallocated_tasks,
            released,
            last_retry,
            agenda,
            writing,
        } = self;
        digest.bool(*without_ports);
        holdings.digest(digest);
        ingress.digest(digest);
        pending_tasks.digest(digest);
        unallocated_networks.digest(digest);
        unallocated_services.digest(digest);
        unallocated_tasks.digest(digest);
        digest.bool(*released);
        digest.time(*last_retry);
        digest.u64(agenda.len() as u64);
        digest.u64(writing.len() as u64);
    }
}
