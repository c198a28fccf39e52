//! What a node knows of one network that it takes part in: load balancers, and names (spec networking 6.3).
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::balancer::{KnownBackend, LoadBalancer, Target};
use super::names::Names;
use crate::kernel::{Digest, StateDigest};
use crate::model::{EndpointRecord, PublishMode, ServiceId, ServiceRecord, TaskId, TransportProtocol};

/// The number of a load balancer on a node: the mark that the firewall puts on its packets.
pub(super) type Mark = u32;

/// A network on a node.
#[derive(Clone, Debug)]
pub(super) struct MeshNetwork {
    pub(super) name: String,
    /// The network of the routing mesh: it has ports instead of names.
    pub(super) ingress: bool,
    balancers: BTreeMap<Mark, LoadBalancer>,
    of_service: BTreeMap<ServiceId, BTreeSet<Mark>>,
    by_port: BTreeMap<(TransportProtocol, u16), BTreeSet<Mark>>,
    by_address: BTreeMap<Ipv4Addr, BTreeSet<Mark>>,
    pub(super) names: Names,
}

impl MeshNetwork {
    pub(super) fn new(name: String, ingress: bool) -> Self {
        MeshNetwork {
            name,
            ingress,
            balancers: BTreeMap::new(),
            of_service: BTreeMap::new(),
            by_port: BTreeMap::new(),
            by_address: BTreeMap::new(),
            names: Names::default(),
        }
    }

    /// An endpoint takes connections.
    pub(super) fn enable(&mut self, record: &Arc<EndpointRecord>, next_mark: &mut Mark) {
        let (mut balanced, mut first) = (None, false);
        if let Some(service) = &record.service {
            let mark = self.mark_of(service).unwrap_or_else(|| self.open(service, next_mark));
            let balancer = self.balancers.get_mut(&mark).expect("it is open");
            (balanced, first) = (balancer.virtual_ip, balancer.enable(record));
        }
        if !self.ingress {
            self.names.enable(record, balanced, first);
        }
    }

    /// True if an endpoint is a backend here, whether it takes connections or not.
    pub(super) fn has_backend(&self, record: &EndpointRecord) -> bool {
        let mark = record.service.as_ref().and_then(|service| self.mark_of(service));
        mark.is_some_and(|mark| self.balancers[&mark].knows(record.id.task))
    }

    /// An endpoint takes no new connections, and stays known.
    pub(super) fn disable(&mut self, record: &EndpointRecord) {
        let mark = record.service.as_ref().and_then(|service| self.mark_of(service));
        if let Some(balancer) = mark.and_then(|mark| self.balancers.get_mut(&mark)) {
            balancer.disable(record.id.task);
        }
        self.names.disable(record);
    }

    /// An endpoint is gone. With the last one its load balancer goes, and on ingress the ports close.
    pub(super) fn remove(&mut self, record: &EndpointRecord) {
        let mark = record.service.as_ref().and_then(|service| self.mark_of(service));
        let balanced = mark.and_then(|mark| self.balancers[&mark].virtual_ip);
        let emptied = mark.filter(|mark| {
            self.balancers.get_mut(mark).is_some_and(|balancer| balancer.remove(record.id.task))
        });
        if let Some(mark) = emptied {
            self.close(mark);
        }
        self.names.forget(record, balanced, emptied.is_some());
    }

    /// Where a connection to a published port goes. Outer none: the port is closed.
    pub(super) fn choose_by_port(
        &mut self,
        protocol: TransportProtocol,
        port: u16,
    ) -> Option<Option<Target>> {
        let mark = self.by_port.get(&(protocol, port))?.last()?;
        Some(self.balancers.get_mut(mark).expect("open ports lead to load balancers").choose())
    }

    /// Where a connection to a virtual address goes. Outer none: nobody has the address.
    pub(super) fn choose_by_address(&mut self, address: Ipv4Addr) -> Option<Option<Target>> {
        let mark = self.by_address.get(&address)?.last()?;
        Some(self.balancers.get_mut(mark).expect("virtual addresses lead to load balancers").choose())
    }

    /// The ports that are open.
    pub(super) fn open_ports(&self) -> impl Iterator<Item = (TransportProtocol, u16)> + '_ {
        self.by_port.keys().copied()
    }

    /// All backends, load balancer by load balancer.
    pub(super) fn backends(&self) -> impl Iterator<Item = KnownBackend> + '_ {
        self.balancers.values().flat_map(LoadBalancer::backends)
    }

    /// The backends that a published port leads to.
    pub(super) fn backends_of_port(&self, protocol: TransportProtocol, port: u16) -> Vec<KnownBackend> {
        let mark = self.by_port.get(&(protocol, port)).and_then(BTreeSet::last);
        mark.map_or_else(Vec::new, |mark| self.balancers[mark].backends().collect())
    }

    /// True if a load balancer has the endpoint of a task, whether it takes connections or not.
    pub(super) fn knows_backend(&self, task: TaskId) -> bool {
        self.balancers.values().any(|balancer| balancer.knows(task))
    }

    fn mark_of(&self, service: &ServiceRecord) -> Option<Mark> {
        let marks = self.of_service.get(&service.id)?;
        marks.iter().copied().find(|mark| self.balancers[mark].ports == service.ingress_ports)
    }

    fn open(&mut self, service: &ServiceRecord, next_mark: &mut Mark) -> Mark {
        let mark = *next_mark;
        *next_mark += 1;
        self.balancers.insert(mark, LoadBalancer::new(service));
        self.of_service.entry(service.id).or_default().insert(mark);
        if let Some(address) = service.virtual_ip {
            self.by_address.entry(address).or_default().insert(mark);
        }
        for port in service.ingress_ports.iter().filter(|port| port.publish_mode == PublishMode::Ingress) {
            self.by_port.entry((port.protocol, port.published_port)).or_default().insert(mark);
        }
        mark
    }

    fn close(&mut self, mark: Mark) {
        let balancer = self.balancers.remove(&mark).expect("it was open");
        drop_mark(&mut self.of_service, balancer.service, mark);
        if let Some(address) = balancer.virtual_ip {
            drop_mark(&mut self.by_address, address, mark);
        }
        for port in balancer.ports.iter() {
            drop_mark(&mut self.by_port, (port.protocol, port.published_port), mark);
        }
    }
}

fn drop_mark<K: Ord>(marks: &mut BTreeMap<K, BTreeSet<Mark>>, key: K, mark: Mark) {
    if let Some(left) = marks.get_mut(&key) {
        left.remove(&mark);
        if left.is_empty() {
            marks.remove(&key);
        }
    }
}

impl StateDigest for MeshNetwork {
    fn digest(&self, digest: &mut Digest) {
        // The indexes follow from the load balancers.
        let Self { name, ingress, balancers, of_service: _, by_port: _, by_address: _, names } = self;
        digest.text(name);
        digest.bool(*ingress);
        balancers.digest(digest);
        names.digest(digest);
    }
}
