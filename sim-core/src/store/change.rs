//! What a transaction changed: the payload of a Raft entry.
use std::sync::{Arc, OnceLock};

use crate::kernel::{Digest, StateDigest};
use crate::model::{Cluster, FactId, Network, NetworkId, Node, NodeId, Service, ServiceId, Task, TaskId};

/// An object before and after. At least one of the two is there.
#[derive(Clone, Debug)]
pub struct Delta<T> {
    /// Before; absent for a creation.
    pub old: Option<Arc<T>>,
    /// After; absent for a deletion.
    pub new: Option<Arc<T>>,
}

impl<T> Delta<T> {
    /// The object after the change, or the deleted one.
    #[must_use]
    pub fn object(&self) -> &Arc<T> {
        self.new.as_ref().or(self.old.as_ref()).expect("a change has an object")
    }
}

/// A change of one object of any kind.
#[derive(Clone, Debug)]
pub enum ObjectChange {
    /// Of the cluster object.
    Cluster(Delta<Cluster>),
    /// Of a node.
    Node(Delta<Node>),
    /// Of a service.
    Service(Delta<Service>),
    /// Of a task.
    Task(Delta<Task>),
    /// Of a network.
    Network(Delta<Network>),
}

/// A change with the fact that asked for it.
#[derive(Clone, Debug)]
pub struct Change {
    /// What changed.
    pub object: ObjectChange,
    /// Why.
    pub cause: FactId,
}

/// All changes of one transaction, in order. Shared by the logs of all managers; its hashes are computed once.
#[derive(Debug, Default)]
pub struct ChangeSet {
    changes: Vec<Change>,
    bytes: u64,
    sum_delta: u64,
    digest: OnceLock<u64>,
}

impl ChangeSet {
    pub(crate) fn new(changes: Vec<Change>) -> Self {
        let bytes = changes.iter().map(|change| change.object.size_bytes()).sum();
        let sum_delta = changes.iter().map(|change| change.object.sum_delta()).fold(0, u64::wrapping_add);
        ChangeSet { changes, bytes, sum_delta, digest: OnceLock::new() }
    }

    /// All changes in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.changes.iter()
    }

    /// How many changes there are.
    #[allow(clippy::len_without_is_empty)] // A committed set is never empty.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// The change at a position.
    pub(crate) fn get(&self, position: usize) -> &Change {
        &self.changes[position]
    }

    /// Estimate of the encoded size.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.bytes
    }

    /// What applying this adds to the store's sum of object hashes.
    pub(crate) fn sum_delta(&self) -> u64 {
        self.sum_delta
    }

    /// Identity of the set: equal sets have equal digests.
    pub(crate) fn digest(&self) -> u64 {
        *self.digest.get_or_init(|| {
            let mut digest = Digest::new();
            digest.u64(self.changes.len() as u64);
            digest.u64(self.sum_delta);
            for change in &self.changes {
                digest.u64(change.object.key());
            }
            digest.finish()
        })
    }
}

impl ObjectChange {
    /// Estimate of the encoded size of the object.
    pub(crate) fn size_bytes(&self) -> u64 {
        match self {
            ObjectChange::Cluster(_) => 1_000,
            ObjectChange::Node(_) => 600,
            ObjectChange::Network(_) => 300,
            ObjectChange::Service(delta) => {
                let spec = &delta.object().spec;
                400 + labels_bytes(&spec.annotations.labels) + task_spec_bytes(&spec.task)
            }
            ObjectChange::Task(delta) => 350 + task_spec_bytes(&delta.object().spec),
        }
    }

    fn sum_delta(&self) -> u64 {
        match self {
            ObjectChange::Cluster(delta) => delta.sum_delta(),
            ObjectChange::Node(delta) => delta.sum_delta(),
            ObjectChange::Service(delta) => delta.sum_delta(),
            ObjectChange::Task(delta) => delta.sum_delta(),
            ObjectChange::Network(delta) => delta.sum_delta(),
        }
    }

    /// Kind, id and operation in one number.
    fn key(&self) -> u64 {
        let (kind, id, deleted) = match self {
            ObjectChange::Cluster(delta) => (0, delta.object().id.0, delta.new.is_none()),
            ObjectChange::Node(delta) => (1, delta.object().id.0, delta.new.is_none()),
            ObjectChange::Service(delta) => (2, delta.object().id.0, delta.new.is_none()),
            ObjectChange::Task(delta) => (3, delta.object().id.0, delta.new.is_none()),
            ObjectChange::Network(delta) => (4, delta.object().id.0, delta.new.is_none()),
        };
        (kind << 40) | (u64::from(deleted) << 32) | u64::from(id)
    }
}

impl<T: StateDigest> Delta<T> {
    fn sum_delta(&self) -> u64 {
        let new = self.new.as_ref().map_or(0, hash_of);
        let old = self.old.as_ref().map_or(0, hash_of);
        new.wrapping_sub(old)
    }
}

/// The hash of one object.
pub(super) fn hash_of<T: StateDigest>(object: &Arc<T>) -> u64 {
    let mut digest = Digest::new();
    object.digest(&mut digest);
    digest.finish()
}

macro_rules! delta_ids {
    ($($object:ty => $id:ty),*) => {$(
        impl Delta<$object> {
            /// The id of the changed object.
            #[must_use]
            pub fn id(&self) -> $id {
                self.object().id
            }
        }
    )*};
}

delta_ids!(Node => NodeId, Service => ServiceId, Task => TaskId, Network => NetworkId);

fn labels_bytes(labels: &crate::model::Labels) -> u64 {
    labels.iter().map(|(name, value)| (name.len() + value.len() + 8) as u64).sum()
}

fn task_spec_bytes(spec: &crate::model::TaskSpec) -> u64 {
    let container = &spec.container;
    let texts = container.env.iter().chain(&container.args).chain(&container.command);
    let lists: usize = texts.map(|text| text.len() + 4).sum();
    (container.image.len() + lists) as u64 + labels_bytes(&container.labels)
}
