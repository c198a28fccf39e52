//! The network of one node as its users feel it: published ports, virtual addresses, names (spec networking 6, 7, 9).
//!
//! A mesh knows what its own containers do and what other nodes tell through gossip. It never looks at a manager's
//! state, and shares nothing with other nodes: backend sets, turns and names are each node's own. What it tells the
//! others is collected as [`RecordChange`]s for whoever carries gossip.
//!
//! Deliberately absent: packets, tunnels and address resolution. A connection reaches its target if the two hosts
//! can exchange messages, which is for the network to say.
mod balancer;
mod container;
mod lookup;
mod names;
mod network;
mod resolver;

#[cfg(test)]
mod tests;

pub(crate) use balancer::{KnownBackend, Target};
pub(crate) use resolver::RECORD_TTL;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use self::container::Container;
use self::network::{Mark, MeshNetwork};
use self::resolver::NamedNetwork;
use crate::kernel::{Digest, StateDigest};
use crate::model::{
    AttachedNetwork, BackendChange, BackendEvent, EndpointRecord, HostId, NetworkId, PortConfig,
    RecordChange, RecordEvent, ServiceId, TaskId, TransportProtocol,
};

/// The mark of the first load balancer on a node.
const FIRST_MARK: Mark = 256;

/// Why a connection is not taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No service is reached by the port on this node: it is closed.
    PortClosed,
    /// There are backends, and none of them takes new connections.
    NoBackend,
    /// Nobody on the network answers to the address.
    NoSuchAddress,
}

/// The mesh of one node.
#[derive(Clone, Debug)]
pub(crate) struct Mesh {
    networks: BTreeMap<NetworkId, MeshNetwork>,
    /// The node's own containers, by task.
    containers: BTreeMap<TaskId, Container>,
    /// Ports that are published on this node alone.
    host_ports: BTreeMap<(TransportProtocol, u16), Target>,
    next_mark: Mark,
    /// What gossip has to be told.
    changes: Vec<RecordChange>,
    /// What became of backends here.
    backend_changes: Vec<BackendChange>,
}

impl Default for Mesh {
    fn default() -> Self {
        Mesh {
            networks: BTreeMap::new(),
            containers: BTreeMap::new(),
            host_ports: BTreeMap::new(),
            next_mark: FIRST_MARK,
            changes: Vec::new(),
            backend_changes: Vec::new(),
        }
    }
}

impl Mesh {
    /// The node's load balancers have addresses on these networks from here on, and on no others. On that of the
    /// routing mesh every node has one, also those without tasks (spec networking 3.6).
    pub(crate) fn configure(&mut self, networks: &[AttachedNetwork]) {
        let attached = |id: &NetworkId| networks.iter().any(|network| network.network == *id);
        let stale: Vec<NetworkId> = self.networks.keys().filter(|id| !attached(id)).copied().collect();
        stale.into_iter().for_each(|id| self.leave(id));
        networks.iter().filter(|network| network.ingress).for_each(|network| self.join(network));
    }

    /// A container is being made ready: the node takes part in its networks (spec networking 8.1).
    pub(crate) fn attach(&mut self, task: TaskId, networks: Vec<AttachedNetwork>) {
        networks.iter().filter(|network| !network.node_local).for_each(|network| self.join(network));
        self.containers.insert(task, Container { networks, ..Container::default() });
    }

    /// The process of a container starts: ports that are published on this node alone lead to it at once.
    pub(crate) fn start(&mut self, task: TaskId, host: HostId, host_ports: Vec<PortConfig>) {
        for port in &host_ports {
            let target = Target { task, host, address: Ipv4Addr::UNSPECIFIED };
            self.host_ports.insert((port.protocol, port.published_port), target);
        }
        self.containers.entry(task).or_default().host_ports = host_ports;
    }

    /// A container takes part in load balancing from here on: it was started, and is healthy if that is checked.
    pub(crate) fn enable(&mut self, task: TaskId, records: Vec<EndpointRecord>) {
        let container = self.containers.entry(task).or_default();
        for (before, after) in container.enable(records) {
            self.apply(before.as_ref(), Some(&after));
            self.changes.push(RecordChange::Publish(after));
        }
    }

    /// A container takes no new connections any more: it will be stopped soon.
    pub(crate) fn disable(&mut self, task: TaskId) {
        let Some(container) = self.containers.get_mut(&task) else { return };
        for (before, after) in container.disable() {
            self.apply(Some(&before), Some(&after));
            self.changes.push(RecordChange::Publish(after));
        }
    }

    /// The process of a container has ended, however that came.
    pub(crate) fn remove(&mut self, task: TaskId) {
        let Some(container) = self.containers.get_mut(&task) else { return };
        for port in std::mem::take(&mut container.host_ports) {
            let key = (port.protocol, port.published_port);
            if self.host_ports.get(&key).is_some_and(|target| target.task == task) {
                self.host_ports.remove(&key);
            }
        }
        for record in std::mem::take(&mut container.records) {
            self.apply(Some(&record), None);
            self.changes.push(RecordChange::Withdraw(record.id));
        }
    }

    /// A container is gone. Networks that no other container needs are left.
    pub(crate) fn detach(&mut self, task: TaskId) {
        self.remove(task);
        let Some(container) = self.containers.remove(&task) else { return };
        for network in container.networks.iter().filter(|network| !network.ingress) {
            let needed =
                |other: &Container| other.networks.iter().any(|used| used.network == network.network);
            if !self.containers.values().any(needed) {
                self.leave(network.network);
            }
        }
    }

    /// Everything that lived in the machine's memory is gone: networks, load balancers, names, containers. So it is
    /// after a loss of power, and for a new engine process, which begins anew.
    pub(crate) fn forget(&mut self) {
        *self = Mesh::default();
    }

    /// The node leaves its swarm, or its engine stops: nothing is left of its networks, and all others are told.
    pub(crate) fn leave_swarm(&mut self) {
        let networks = std::mem::take(self).networks;
        let backends =
            networks.iter().flat_map(|(id, network)| network.backends().zip(std::iter::repeat(*id)));
        self.backend_changes = backends.map(|(backend, network)| forgotten(network, backend)).collect();
        self.changes.push(RecordChange::LeaveCluster);
    }

    /// Another node's record changed, as this node hears of it.
    pub(crate) fn hear(&mut self, event: &RecordEvent) {
        self.apply(event.previous.as_ref(), event.current.as_ref());
    }

    /// What gossip has to be told since the last time, in order.
    pub(crate) fn take_changes(&mut self) -> Vec<RecordChange> {
        std::mem::take(&mut self.changes)
    }

    /// What became of backends on this node since the last time, in order.
    pub(crate) fn take_backend_changes(&mut self) -> Vec<BackendChange> {
        std::mem::take(&mut self.backend_changes)
    }

    /// Where a new connection to a published port of this node goes: to the container of a host-mode port, else
    /// through the routing mesh to the backend whose turn it is.
    ///
    /// # Errors
    /// If nobody takes it.
    pub(crate) fn route_port(&mut self, protocol: TransportProtocol, port: u16) -> Result<Target, Refusal> {
        if let Some(target) = self.host_ports.get(&(protocol, port)) {
            return Ok(*target);
        }
        let ingress = self.networks.values_mut().find(|network| network.ingress);
        let chosen = ingress.and_then(|network| network.choose_by_port(protocol, port));
        chosen.ok_or(Refusal::PortClosed)?.ok_or(Refusal::NoBackend)
    }

    /// Where a new connection from a container of this node to an address on one of its networks goes: a virtual
    /// address leads to the backend whose turn it is. The address of a container leads nowhere else and is not for
    /// the load balancers to know.
    ///
    /// # Errors
    /// If nobody takes it.
    pub(crate) fn route_virtual_ip(
        &mut self,
        network: NetworkId,
        address: Ipv4Addr,
    ) -> Result<Target, Refusal> {
        let network = self.networks.get_mut(&network).filter(|network| !network.ingress);
        let chosen = network.and_then(|network| network.choose_by_address(address));
        chosen.ok_or(Refusal::NoSuchAddress)?.ok_or(Refusal::NoBackend)
    }

    /// The networks on which a container looks for names, in the order in which they are tried.
    fn named_networks<'a>(
        &'a self,
        container: &'a Container,
    ) -> impl Iterator<Item = NamedNetwork<'a>> + Clone {
        let tried = container.networks.iter().filter(|network| !network.ingress);
        tried.filter_map(|network| {
            let known = self.networks.get(&network.network)?;
            Some(NamedNetwork { id: network.network, name: &known.name, names: &known.names })
        })
    }

    /// The port that the container of a task sees when a packet for a port arrives at its address on the network
    /// of the routing mesh. None: its firewall drops the packet, because it publishes no such port.
    #[must_use]
    pub(crate) fn ingress_target_port(
        &self,
        task: TaskId,
        protocol: TransportProtocol,
        port: u16,
    ) -> Option<u16> {
        let records = &self.containers.get(&task)?.records;
        let ports = records.iter().filter_map(|record| record.service.as_ref());
        let mut ports = ports.flat_map(|service| service.ingress_ports.iter());
        ports
            .find(|known| known.protocol == protocol && known.published_port == port)
            .map(|known| known.target_port)
    }

    /// The port of a container of this node that a published port leads to, one of the routing mesh or of the node.
    #[must_use]
    pub(crate) fn target_port(&self, task: TaskId, protocol: TransportProtocol, port: u16) -> Option<u16> {
        let of_the_node = &self.containers.get(&task)?.host_ports;
        let leads = |known: &&PortConfig| known.protocol == protocol && known.published_port == port;
        let target = of_the_node.iter().find(leads).map(|known| known.target_port);
        target.or_else(|| self.ingress_target_port(task, protocol, port))
    }

    /// The task of this node whose container has an address on a network now.
    #[must_use]
    pub(crate) fn container_at(&self, network: NetworkId, address: Ipv4Addr) -> Option<TaskId> {
        let has = |container: &Container| {
            container.records.iter().any(|record| record.id.network == network && record.address == address)
        };
        self.containers.iter().find(|(_, container)| has(container)).map(|(task, _)| *task)
    }

    /// The own records of this node.
    pub(crate) fn own_records(&self) -> impl Iterator<Item = &Arc<EndpointRecord>> {
        self.containers.values().flat_map(|container| &container.records)
    }

    /// The networks that this node takes part in.
    pub(crate) fn joined(&self) -> impl Iterator<Item = NetworkId> + '_ {
        self.networks.keys().copied()
    }

    /// The backends that this node knows on a network, load balancer by load balancer.
    pub(crate) fn backends(&self, network: NetworkId) -> impl Iterator<Item = KnownBackend> + '_ {
        self.networks.get(&network).into_iter().flat_map(MeshNetwork::backends)
    }

    /// The backends that a published port leads to on this node; empty if the port is closed.
    #[must_use]
    pub(crate) fn backends_of_port(&self, protocol: TransportProtocol, port: u16) -> Vec<KnownBackend> {
        let ingress = self.networks.values().find(|network| network.ingress);
        ingress.map_or_else(Vec::new, |network| network.backends_of_port(protocol, port))
    }

    /// The ports of the routing mesh that are open on this node.
    pub(crate) fn open_ports(&self) -> impl Iterator<Item = (TransportProtocol, u16)> + '_ {
        self.networks.values().filter(|network| network.ingress).flat_map(MeshNetwork::open_ports)
    }

    /// All ports that are open on this node: of the routing mesh, and of its own containers.
    pub(crate) fn all_open_ports(&self) -> impl Iterator<Item = (TransportProtocol, u16)> + '_ {
        self.open_ports().chain(self.host_ports.keys().copied())
    }

    /// True if this node takes part in the routing mesh.
    pub(crate) fn has_routing_mesh(&self) -> bool {
        self.networks.values().any(|network| network.ingress)
    }

    fn join(&mut self, attached: &AttachedNetwork) {
        let AttachedNetwork { network, name, ingress, .. } = attached;
        if !self.networks.contains_key(network) {
            self.networks.insert(*network, MeshNetwork::new(name.clone(), *ingress));
            self.changes.push(RecordChange::Join(*network));
        }
    }

    fn leave(&mut self, network: NetworkId) {
        if let Some(left) = self.networks.remove(&network) {
            self.backend_changes.extend(left.backends().map(|backend| forgotten(network, backend)));
            self.changes.push(RecordChange::Leave(network));
        }
    }

    /// The decision table of spec networking 6.3.
    fn apply(&mut self, previous: Option<&Arc<EndpointRecord>>, current: Option<&Arc<EndpointRecord>>) {
        let id = previous.or(current).expect("a change has one side at least").id;
        let Some(network) = self.networks.get_mut(&id.network) else { return };
        let mut tell = |record: &EndpointRecord, event: BackendEvent| {
            let change = |service: ServiceId| BackendChange {
                network: id.network,
                service,
                event,
                task: record.id.task,
            };
            self.backend_changes.extend(record.service.as_ref().map(|service| change(service.id)));
        };
        match (previous, current) {
            (Some(before), Some(after)) if before.is_equivalent(after) => {
                match (before.disabled, after.disabled) {
                    (false, true) => {
                        network.disable(after);
                        tell(after, BackendEvent::Disabled);
                    }
                    (true, false) => {
                        network.enable(after, &mut self.next_mark);
                        tell(after, BackendEvent::Added);
                    }
                    (true, true) | (false, false) => {}
                }
            }
            (before, after) => {
                if let Some(before) = before {
                    if network.has_backend(before) {
                        tell(before, BackendEvent::Removed);
                    }
                    network.remove(before);
                }
                if let Some(after) = after.filter(|record| !record.disabled) {
                    network.enable(after, &mut self.next_mark);
                    tell(after, BackendEvent::Added);
                }
            }
        }
    }
}

fn forgotten(network: NetworkId, backend: KnownBackend) -> BackendChange {
    let KnownBackend { service, task, .. } = backend;
    BackendChange { network, service, event: BackendEvent::Removed, task }
}

impl StateDigest for Mesh {
    fn digest(&self, digest: &mut Digest) {
        // Ports of the node alone follow from the containers; what became of backends is taken between events.
        let Self { networks, containers, host_ports: _, next_mark, changes, backend_changes: _ } = self;
        networks.digest(digest);
        containers.digest(digest);
        digest.u32(*next_mark);
        digest.u64(changes.len() as u64);
    }
}
