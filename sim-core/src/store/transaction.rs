//! A write transaction: reads the store with its own changes in it, and can be taken back.
//!
//! The transaction changes the store in place and keeps a journal. On a bench the journal is what is committed;
//! in a cluster the store is put back and the journal travels through Raft first.
use std::fmt;
use std::sync::Arc;

use super::Store;
use super::change::{Change, ChangeSet, Delta, ObjectChange};
use crate::kernel::SimTime;
use crate::model::{
    Cluster, FactId, Meta, Network, NetworkId, Node, NodeId, Service, ServiceId, Task, TaskId,
};

/// The next free number of every kind of object. Ids are minted by the simulation, not by a manager, so that
/// two managers that both believe to lead never mint one twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) nodes: u32,
    pub(crate) services: u32,
    pub(crate) tasks: u32,
    pub(crate) networks: u32,
    pub(crate) sessions: u64,
    pub(crate) clusters: u32,
    pub(crate) raft_members: u64,
    pub(crate) lineages: u32,
}

impl Ids {
    /// The id for a node to be created.
    pub(crate) fn mint_node(&mut self) -> NodeId {
        self.nodes += 1;
        NodeId(self.nodes - 1)
    }

    /// The id for a task to be created.
    pub(crate) fn mint_task(&mut self) -> TaskId {
        self.tasks += 1;
        TaskId(self.tasks - 1)
    }
}

/// Why a write was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// An object with this id is there already.
    AlreadyExists,
    /// There is no object with this id.
    NotExist,
    /// Another object of this kind has the name.
    NameConflict,
    /// The object changed since it was read.
    SequenceConflict,
    /// A loop's own reason to give up its transaction.
    Abandoned(&'static str),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreError::AlreadyExists => "object already exists",
            StoreError::NotExist => "object does not exist",
            StoreError::NameConflict => "name conflicts with an existing object",
            StoreError::SequenceConflict => "update out of sequence",
            StoreError::Abandoned(reason) => reason,
        })
    }
}

/// A transaction under way. Reads go through [`Transaction::store`].
pub struct Transaction<'a> {
    store: &'a mut Store,
    ids: &'a mut Ids,
    now: SimTime,
    version: u64,
    cause: FactId,
    changes: Vec<Change>,
    bytes: u64,
}

impl<'a> Transaction<'a> {
    /// Opens a transaction; `version` is the commit index at this moment.
    pub(crate) fn new(
        store: &'a mut Store,
        ids: &'a mut Ids,
        now: SimTime,
        version: u64,
        cause: FactId,
    ) -> Self {
        Transaction { store, ids, now, version, cause, changes: Vec::new(), bytes: 0 }
    }

    /// The store with the changes made so far.
    pub fn store(&self) -> &Store {
        self.store
    }

    /// The commit index when the transaction began.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The time of the transaction.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Changes from here on were asked for by this fact.
    pub fn set_cause(&mut self, cause: FactId) {
        self.cause = cause;
    }

    /// The fact behind the next change.
    #[must_use]
    pub fn cause(&self) -> FactId {
        self.cause
    }

    /// The id for a task to be created.
    pub fn mint_task(&mut self) -> TaskId {
        self.ids.mint_task()
    }

    /// The id for a node to be created.
    pub fn mint_node(&mut self) -> NodeId {
        self.ids.mint_node()
    }

    /// The id for a service to be created.
    pub fn mint_service(&mut self) -> ServiceId {
        self.ids.services += 1;
        ServiceId(self.ids.services - 1)
    }

    /// The id for a network to be created.
    pub fn mint_network(&mut self) -> NetworkId {
        self.ids.networks += 1;
        NetworkId(self.ids.networks - 1)
    }

    /// Creates a task.
    ///
    /// # Errors
    /// If the id is taken.
    pub fn create_task(&mut self, mut task: Task) -> Result<(), StoreError> {
        self.absent(self.store.task(task.id).is_some())?;
        task.meta = self.created();
        self.record(ObjectChange::Task(Delta { old: None, new: Some(Arc::new(task)) }));
        Ok(())
    }

    /// Writes a task that was read before.
    ///
    /// # Errors
    /// If it changed since then or is gone.
    pub fn update_task(&mut self, mut task: Task) -> Result<(), StoreError> {
        let old = self.store.task(task.id).cloned();
        task.meta = self.updated(old.as_ref().map(|old| old.meta), task.meta)?;
        self.record(ObjectChange::Task(Delta { old, new: Some(Arc::new(task)) }));
        Ok(())
    }

    /// Deletes a task.
    ///
    /// # Errors
    /// If it is gone.
    pub fn delete_task(&mut self, id: TaskId) -> Result<(), StoreError> {
        let old = Some(self.store.task(id).cloned().ok_or(StoreError::NotExist)?);
        self.record(ObjectChange::Task(Delta { old, new: None }));
        Ok(())
    }

    /// Creates a node.
    ///
    /// # Errors
    /// If the id is taken.
    pub fn create_node(&mut self, mut node: Node) -> Result<(), StoreError> {
        self.absent(self.store.node(node.id).is_some())?;
        node.meta = self.created();
        self.record(ObjectChange::Node(Delta { old: None, new: Some(Arc::new(node)) }));
        Ok(())
    }

    /// Writes a node that was read before.
    ///
    /// # Errors
    /// If it changed since then or is gone.
    pub fn update_node(&mut self, mut node: Node) -> Result<(), StoreError> {
        let old = self.store.node(node.id).cloned();
        node.meta = self.updated(old.as_ref().map(|old| old.meta), node.meta)?;
        self.record(ObjectChange::Node(Delta { old, new: Some(Arc::new(node)) }));
        Ok(())
    }

    /// Deletes a node.
    ///
    /// # Errors
    /// If it is gone.
    pub fn delete_node(&mut self, id: NodeId) -> Result<(), StoreError> {
        let old = Some(self.store.node(id).cloned().ok_or(StoreError::NotExist)?);
        self.record(ObjectChange::Node(Delta { old, new: None }));
        Ok(())
    }

    /// Creates a service.
    ///
    /// # Errors
    /// If the id or the name is taken.
    pub fn create_service(&mut self, mut service: Service) -> Result<(), StoreError> {
        self.absent(self.store.service(service.id).is_some())?;
        if self.store.service_by_name(service.name()).is_some() {
            return Err(StoreError::NameConflict);
        }
        service.meta = self.created();
        self.record(ObjectChange::Service(Delta { old: None, new: Some(Arc::new(service)) }));
        Ok(())
    }

    /// Writes a service that was read before.
    ///
    /// # Errors
    /// If it changed since then or is gone.
    pub fn update_service(&mut self, mut service: Service) -> Result<(), StoreError> {
        let old = self.store.service(service.id).cloned();
        service.meta = self.updated(old.as_ref().map(|old| old.meta), service.meta)?;
        self.record(ObjectChange::Service(Delta { old, new: Some(Arc::new(service)) }));
        Ok(())
    }

    /// Deletes a service.
    ///
    /// # Errors
    /// If it is gone.
    pub fn delete_service(&mut self, id: ServiceId) -> Result<(), StoreError> {
        let old = Some(self.store.service(id).cloned().ok_or(StoreError::NotExist)?);
        self.record(ObjectChange::Service(Delta { old, new: None }));
        Ok(())
    }

    /// Creates a network.
    ///
    /// # Errors
    /// If the id or the name is taken.
    pub fn create_network(&mut self, mut network: Network) -> Result<(), StoreError> {
        self.absent(self.store.network(network.id).is_some())?;
        if self.store.network_by_name(&network.spec.annotations.name).is_some() {
            return Err(StoreError::NameConflict);
        }
        network.meta = self.created();
        self.record(ObjectChange::Network(Delta { old: None, new: Some(Arc::new(network)) }));
        Ok(())
    }

    /// Writes a network that was read before.
    ///
    /// # Errors
    /// If it changed since then or is gone.
    pub fn update_network(&mut self, mut network: Network) -> Result<(), StoreError> {
        let old = self.store.network(network.id).cloned();
        network.meta = self.updated(old.as_ref().map(|old| old.meta), network.meta)?;
        self.record(ObjectChange::Network(Delta { old, new: Some(Arc::new(network)) }));
        Ok(())
    }

    /// Deletes a network.
    ///
    /// # Errors
    /// If it is gone.
    pub fn delete_network(&mut self, id: NetworkId) -> Result<(), StoreError> {
        let old = Some(self.store.network(id).cloned().ok_or(StoreError::NotExist)?);
        self.record(ObjectChange::Network(Delta { old, new: None }));
        Ok(())
    }

    /// Creates the cluster object.
    ///
    /// # Errors
    /// If there is one.
    pub fn create_cluster(&mut self, mut cluster: Cluster) -> Result<(), StoreError> {
        self.absent(self.store.cluster().is_some())?;
        cluster.meta = self.created();
        self.record(ObjectChange::Cluster(Delta { old: None, new: Some(Arc::new(cluster)) }));
        Ok(())
    }

    /// Writes a cluster that was read before.
    ///
    /// # Errors
    /// If it changed since then or is gone.
    pub fn update_cluster(&mut self, mut cluster: Cluster) -> Result<(), StoreError> {
        let old = self.store.cluster().cloned();
        cluster.meta = self.updated(old.as_ref().map(|old| old.meta), cluster.meta)?;
        self.record(ObjectChange::Cluster(Delta { old, new: Some(Arc::new(cluster)) }));
        Ok(())
    }

    /// How many changes were made so far.
    pub fn change_count(&self) -> usize {
        self.changes.len()
    }

    /// Estimated encoded size of the changes made so far.
    pub fn size_bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes all changes back and returns them, to be proposed.
    pub(crate) fn into_changes(self) -> ChangeSet {
        let Transaction { store, changes, .. } = self;
        for change in changes.iter().rev() {
            store.put(&change.object.reversed());
        }
        ChangeSet::new(changes)
    }

    fn absent(&self, present: bool) -> Result<(), StoreError> {
        if present { Err(StoreError::AlreadyExists) } else { Ok(()) }
    }

    fn created(&self) -> Meta {
        Meta { version: self.version, created_at: self.now, updated_at: self.now }
    }

    fn updated(&self, stored: Option<Meta>, given: Meta) -> Result<Meta, StoreError> {
        let stored = stored.ok_or(StoreError::NotExist)?;
        if stored.version != given.version {
            return Err(StoreError::SequenceConflict);
        }
        Ok(Meta { version: self.version, created_at: stored.created_at, updated_at: self.now })
    }

    fn record(&mut self, object: ObjectChange) {
        self.store.put(&object);
        self.bytes += object.size_bytes();
        self.changes.push(Change { object, cause: self.cause });
    }
}

impl ObjectChange {
    /// The change that undoes this one.
    fn reversed(&self) -> ObjectChange {
        match self {
            ObjectChange::Cluster(delta) => ObjectChange::Cluster(delta.reversed()),
            ObjectChange::Node(delta) => ObjectChange::Node(delta.reversed()),
            ObjectChange::Service(delta) => ObjectChange::Service(delta.reversed()),
            ObjectChange::Task(delta) => ObjectChange::Task(delta.reversed()),
            ObjectChange::Network(delta) => ObjectChange::Network(delta.reversed()),
        }
    }
}

impl<T> Delta<T> {
    fn reversed(&self) -> Self {
        Delta { old: self.new.clone(), new: self.old.clone() }
    }
}
