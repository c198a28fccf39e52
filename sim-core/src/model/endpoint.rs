//! What nodes tell each other about the endpoints of their containers (spec networking 6.2).
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::spec::PortConfig;
use super::{HostId, NetworkAttachment, NetworkId, ServiceId, TaskId};
use crate::kernel::{Digest, StateDigest};

/// Names an endpoint: a container has one on each of its networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId {
    /// The network.
    pub network: NetworkId,
    /// The task whose container it belongs to.
    pub task: TaskId,
}

/// The record of an endpoint in the table that nodes spread by gossip, one table a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRecord {
    /// Which endpoint.
    pub id: EndpointId,
    /// The machine where it is: the record's owner, who alone changes it.
    pub host: HostId,
    /// Name of the container.
    pub name: String,
    /// The service that it is a backend of; none for a plain container on an attachable network.
    pub service: Option<ServiceRecord>,
    /// Its address.
    pub address: Ipv4Addr,
    /// Further names of the container itself.
    pub aliases: Vec<String>,
    /// True once it takes no new connections (the phase before its stop).
    pub disabled: bool,
}

/// What an endpoint's record says about its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRecord {
    /// The service.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// Its virtual address on the network; none with DNS round robin.
    pub virtual_ip: Option<Ipv4Addr>,
    /// Ports that the routing mesh opens; on the ingress network only.
    pub ingress_ports: Arc<[PortConfig]>,
    /// Further names of the service on the network.
    pub aliases: Vec<String>,
}

impl EndpointRecord {
    /// True if both say the same, whether the endpoint takes connections or not.
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        let Self { id, host, name, service, address, aliases, disabled: _ } = self;
        *id == other.id
            && *host == other.host
            && *name == other.name
            && *service == other.service
            && *address == other.address
            && *aliases == other.aliases
    }
}

/// What became of a record, as one node learns it. One of the two is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEvent {
    /// What the node knew before.
    pub previous: Option<Arc<EndpointRecord>>,
    /// What it knows now; none: the record is deleted.
    pub current: Option<Arc<EndpointRecord>>,
}

/// A network that a container is attached to, or the load balancers of a node are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedNetwork {
    /// The network.
    pub network: NetworkId,
    /// Its name, which DNS names can end with.
    pub name: String,
    /// True for the network of the routing mesh.
    pub ingress: bool,
    /// True for a network that exists on each node by itself, without records.
    pub node_local: bool,
}

impl AttachedNetwork {
    /// What an attachment says about its network.
    #[must_use]
    pub fn of(attachment: &NetworkAttachment) -> Self {
        let network = &attachment.network;
        AttachedNetwork {
            network: network.id,
            name: network.name().to_owned(),
            ingress: network.spec.ingress,
            node_local: !network.is_overlay(),
        }
    }
}

/// What a node does to the gossip of endpoint records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordChange {
    /// It takes part in a network from here on, and learns its records.
    Join(NetworkId),
    /// It takes no part in a network any more, and forgets its records.
    Leave(NetworkId),
    /// A record of its own is new, or says something else now.
    Publish(Arc<EndpointRecord>),
    /// A record of its own is gone.
    Withdraw(EndpointId),
    /// The node leaves the swarm, and tells all others.
    LeaveCluster,
}

/// What became of a backend on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendEvent {
    /// It takes connections of this node from here on.
    Added,
    /// It gets no new connections of this node any more.
    Disabled,
    /// This node does not know it any more.
    Removed,
}

impl BackendEvent {
    /// The word in trace files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            BackendEvent::Added => "added",
            BackendEvent::Disabled => "disabled",
            BackendEvent::Removed => "removed",
        }
    }
}

/// A change of the backends that a node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendChange {
    /// The network of the load balancer.
    pub network: NetworkId,
    /// Its service.
    pub service: ServiceId,
    /// What happened.
    pub event: BackendEvent,
    /// To the backend of this task.
    pub task: TaskId,
}

impl StateDigest for EndpointId {
    fn digest(&self, digest: &mut Digest) {
        let Self { network, task } = self;
        network.digest(digest);
        task.digest(digest);
    }
}

impl StateDigest for EndpointRecord {
    fn digest(&self, digest: &mut Digest) {
        let Self { id, host, name, service, address, aliases, disabled } = self;
        id.digest(digest);
        host.digest(digest);
        digest.text(name);
        digest.debug(&(service, aliases));
        digest.u32(address.to_bits());
        digest.bool(*disabled);
    }
}
