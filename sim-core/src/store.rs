//! The replicated object store of one manager (spec control-plane 4).
//!
//! Objects are immutable behind `Arc`; the logs, stores and watchers of all managers share them, so applying
//! an entry swaps pointers. A store knows nothing of Raft: a [`Transaction`] turns into a [`ChangeSet`], and
//! whoever owns the store decides when that is applied.
mod change;
mod facts;
mod ports;
mod transaction;

pub use change::{Change, ChangeSet, Delta, ObjectChange};
pub(crate) use facts::emit_facts;
pub(crate) use transaction::Ids;
pub use transaction::{StoreError, Transaction};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::ports::PublishedPorts;
use crate::kernel::{Digest, StateDigest};
use crate::model::spec::TransportProtocol;
use crate::model::{
    Cluster, Network, NetworkId, Node, NodeId, PagedMap, Service, ServiceId, Slot, Task, TaskId,
};

/// Changes in one transaction at most, within a batch (spec control-plane 1.1).
pub(crate) const CHANGES_PER_TRANSACTION_MAX: usize = 200;
/// Encoded size of a transaction at most: 1.5 MiB (spec control-plane 1.1).
pub(crate) const TRANSACTION_BYTES_MAX: u64 = 1_572_864;
/// Encoded size from which a batch is committed early: three quarters of it (spec control-plane 1.1).
pub(crate) const BATCH_BYTES: u64 = TRANSACTION_BYTES_MAX / 4 * 3;

/// All objects of the swarm, as one manager knows them.
#[derive(Clone, Debug, Default)]
pub struct Store {
    cluster: Option<Arc<Cluster>>,
    nodes: PagedMap<NodeId, Arc<Node>>,
    services: PagedMap<ServiceId, Arc<Service>>,
    tasks: PagedMap<TaskId, Arc<Task>>,
    networks: PagedMap<NetworkId, Arc<Network>>,
    /// Tasks by owner and replica, for the queries of the orchestrators.
    tasks_of_service: BTreeSet<(Option<ServiceId>, Slot, TaskId)>,
    tasks_of_node: BTreeSet<(NodeId, TaskId)>,
    /// Services by name in lower case: names are unique without regard to case.
    service_names: BTreeMap<String, ServiceId>,
    network_names: BTreeMap<String, NetworkId>,
    /// Services by published port.
    published_ports: PublishedPorts,
    /// Sum of the hashes of all objects: equal stores have equal sums, whatever order they were written in.
    sum: u64,
    /// Hash over the sequence of applied change sets.
    chain: u64,
}

impl Store {
    /// The cluster object, once there is one.
    #[must_use]
    pub fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.cluster.as_ref()
    }

    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Arc<Node>> {
        self.nodes.get(id)
    }

    /// A service.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> Option<&Arc<Service>> {
        self.services.get(id)
    }

    /// A task.
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<&Arc<Task>> {
        self.tasks.get(id)
    }

    /// A network.
    #[must_use]
    pub fn network(&self, id: NetworkId) -> Option<&Arc<Network>> {
        self.networks.get(id)
    }

    /// All nodes in id order.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.values()
    }

    /// How many nodes there are.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// All services in id order.
    pub fn services(&self) -> impl DoubleEndedIterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// All tasks in id order.
    pub fn tasks(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks.values()
    }

    /// How many tasks there are.
    #[must_use]
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// All networks in id order.
    pub fn networks(&self) -> impl Iterator<Item = &Arc<Network>> {
        self.networks.values()
    }

    /// The tasks of a service by slot, then id.
    pub fn tasks_of_service(&self, service: ServiceId) -> impl Iterator<Item = &Arc<Task>> {
        let first = (Some(service), Slot(0), TaskId(0));
        let last = (Some(service), Slot(u32::MAX), TaskId(u32::MAX));
        self.tasks_of_service.range(first..=last).map(|(_, _, task)| self.indexed(*task))
    }

    /// The tasks of one slot of a service by id.
    pub fn tasks_of_slot(&self, service: ServiceId, slot: Slot) -> impl Iterator<Item = &Arc<Task>> {
        let first = (Some(service), slot, TaskId(0));
        let last = (Some(service), slot, TaskId(u32::MAX));
        self.tasks_of_service.range(first..=last).map(|(_, _, task)| self.indexed(*task))
    }

    /// The tasks of a node by id.
    pub fn tasks_of_node(&self, node: NodeId) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks_of_node
            .range((node, TaskId(0))..=(node, TaskId(u32::MAX)))
            .map(|(_, task)| self.indexed(*task))
    }

    /// The service of this name, without regard to case.
    #[must_use]
    pub fn service_by_name(&self, name: &str) -> Option<&Arc<Service>> {
        self.services.get(*self.service_names.get(&name.to_lowercase())?)
    }

    /// The network of this name, without regard to case.
    #[must_use]
    pub fn network_by_name(&self, name: &str) -> Option<&Arc<Network>> {
        self.networks.get(*self.network_names.get(&name.to_lowercase())?)
    }

    /// The services that publish this port, in whatever mode, in id order.
    pub(crate) fn services_on_port(
        &self,
        protocol: TransportProtocol,
        port: u16,
    ) -> impl Iterator<Item = ServiceId> {
        self.published_ports.services(protocol, port)
    }

    /// Makes the changes of a committed entry visible.
    pub(crate) fn apply(&mut self, changes: &ChangeSet) {
        for change in changes.iter() {
            self.put(&change.object);
        }
        self.sum = self.sum.wrapping_add(changes.sum_delta());
        let mut chain = Digest::new();
        chain.u64(self.chain);
        chain.u64(changes.digest());
        self.chain = chain.finish();
    }

    /// Hash over the sequence of applied entries; stores with equal applied index have equal chains.
    pub(crate) fn chain(&self) -> u64 {
        self.chain
    }

    /// The sum of object hashes counted anew, to check the running one.
    pub(crate) fn recounted_sum(&self) -> u64 {
        let cluster = self.cluster.iter().map(change::hash_of);
        let nodes = self.nodes.values().map(change::hash_of);
        let services = self.services.values().map(change::hash_of);
        let tasks = self.tasks.values().map(change::hash_of);
        let networks = self.networks.values().map(change::hash_of);
        let all = cluster.chain(nodes).chain(services).chain(tasks).chain(networks);
        all.fold(0, u64::wrapping_add)
    }

    /// The running sum of object hashes.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    fn indexed(&self, task: TaskId) -> &Arc<Task> {
        self.tasks.get(task).expect("an index entry has a task")
    }

    fn put(&mut self, object: &ObjectChange) {
        match object {
            ObjectChange::Cluster(delta) => self.cluster.clone_from(&delta.new),
            ObjectChange::Node(delta) => self.nodes.put(delta.id(), delta.new.clone()),
            ObjectChange::Service(delta) => self.put_service(&delta.old, &delta.new),
            ObjectChange::Task(delta) => self.put_task(&delta.old, &delta.new),
            ObjectChange::Network(delta) => self.put_network(&delta.old, &delta.new),
        }
    }

    fn put_task(&mut self, old: &Option<Arc<Task>>, new: &Option<Arc<Task>>) {
        let id = old.as_ref().or(new.as_ref()).expect("a change has an object").id;
        if old.is_none() || new.is_none() {
            if let Some(old) = old {
                self.tasks_of_service.remove(&(old.service, old.slot, old.id));
            }
            if let Some(new) = new {
                self.tasks_of_service.insert((new.service, new.slot, new.id));
            }
        }
        let (before, after) = (old.as_ref().and_then(|t| t.node), new.as_ref().and_then(|t| t.node));
        if before != after {
            if let Some(node) = before {
                self.tasks_of_node.remove(&(node, id));
            }
            if let Some(node) = after {
                self.tasks_of_node.insert((node, id));
            }
        }
        self.tasks.put(id, new.clone());
    }

    fn put_service(&mut self, old: &Option<Arc<Service>>, new: &Option<Arc<Service>>) {
        let id = old.as_ref().or(new.as_ref()).expect("a change has an object").id;
        if let Some(old) = old {
            self.service_names.remove(&old.name().to_lowercase());
            self.published_ports.remove(old);
        }
        if let Some(new) = new {
            self.service_names.insert(new.name().to_lowercase(), new.id);
            self.published_ports.insert(new);
        }
        self.services.put(id, new.clone());
    }

    fn put_network(&mut self, old: &Option<Arc<Network>>, new: &Option<Arc<Network>>) {
        let id = old.as_ref().or(new.as_ref()).expect("a change has an object").id;
        if let Some(old) = old {
            self.network_names.remove(&old.spec.annotations.name.to_lowercase());
        }
        if let Some(new) = new {
            self.network_names.insert(new.spec.annotations.name.to_lowercase(), new.id);
        }
        self.networks.put(id, new.clone());
    }
}

impl StateDigest for Store {
    fn digest(&self, digest: &mut Digest) {
        // The objects are in the sum; the indexes follow from them.
        let Self {
            cluster: _,
            nodes: _,
            services: _,
            tasks: _,
            networks: _,
            tasks_of_service: _,
            tasks_of_node: _,
            service_names: _,
            network_names: _,
            published_ports: _,
            sum,
            chain,
        } = self;
        digest.u64(*sum);
        digest.u64(*chain);
    }
}

#[cfg(test)]
mod tests;
