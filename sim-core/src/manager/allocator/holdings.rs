//! Who holds which addresses and ports: the allocator's memory, which knows no store (spec networking 4).
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::addresses::Addresses;
use super::error::AllocationError;
use super::ports::{self, PortAllocator};
use super::subnets::Subnets;
use crate::kernel::{Digest, StateDigest};
use crate::model::{
    AllocatedSubnet, Endpoint, EndpointMode, Network, NetworkAttachment, NetworkId, NodeId, Service,
    ServiceId, Subnet, Task, TaskId, VirtualIp,
};

/// Drivers whose networks exist on each node by themselves (spec networking 4.1).
const NODE_LOCAL_DRIVERS: [&str; 4] = ["bridge", "host", "macvlan", "ipvlan"];

/// What was handed out, and to whom.
#[derive(Clone, Debug)]
pub(super) struct Holdings {
    subnets: Subnets,
    ports: PortAllocator,
    networks: BTreeMap<NetworkId, HeldNetwork>,
    /// Services with virtual addresses.
    services: BTreeSet<ServiceId>,
    /// Tasks with addresses, or that need none, each with what it holds.
    tasks: BTreeMap<TaskId, Vec<(NetworkId, Ipv4Addr)>>,
    nodes: BTreeMap<NodeId, BTreeMap<NetworkId, Ipv4Addr>>,
}

/// A network that is ready for use.
#[derive(Clone, Debug)]
struct HeldNetwork {
    subnets: Vec<AllocatedSubnet>,
    /// None: the driver is local to each node, and there are no addresses to hand out.
    addresses: Option<Addresses>,
    /// The virtual addresses of services.
    virtual_ips: BTreeSet<Ipv4Addr>,
}

impl Holdings {
    pub(super) fn new(pools: &[Subnet], block_bits: u8) -> Self {
        Holdings {
            subnets: Subnets::new(pools, block_bits),
            ports: PortAllocator::new(),
            networks: BTreeMap::new(),
            services: BTreeSet::new(),
            tasks: BTreeMap::new(),
            nodes: BTreeMap::new(),
        }
    }

    pub(super) fn has_network(&self, network: NetworkId) -> bool {
        self.networks.contains_key(&network)
    }

    /// Makes a network ready: subnets, gateways, numbers of tunnels.
    pub(super) fn allocate_network(
        &mut self,
        network: &Network,
    ) -> Result<Vec<AllocatedSubnet>, AllocationError> {
        if self.has_network(network.id) {
            return Err(AllocationError::NetworkAllocated(network.id));
        }
        let driver = network.spec.driver();
        if NODE_LOCAL_DRIVERS.contains(&driver) {
            self.hold_network(network.id, Vec::new(), true);
            return Ok(Vec::new());
        }
        if !network.is_overlay() {
            return Err(AllocationError::UnknownDriver(driver.to_owned()));
        }
        if !matches!(network.spec.ipam_driver.as_str(), "" | "default") {
            return Err(AllocationError::UnknownIpamDriver(network.spec.ipam_driver.clone()));
        }
        let subnets = self.subnets.allocate(&network.spec)?;
        self.hold_network(network.id, subnets.clone(), false);
        Ok(subnets)
    }

    /// A network has what the store says.
    pub(super) fn restore_network(&mut self, network: &Network) {
        if let Some(subnets) = network.allocated.as_ref().filter(|_| !self.has_network(network.id)) {
            self.subnets.restore(subnets);
            self.hold_network(network.id, subnets.clone(), !network.is_overlay());
        }
    }

    fn hold_network(&mut self, id: NetworkId, subnets: Vec<AllocatedSubnet>, node_local: bool) {
        let addresses = (!node_local).then(|| Addresses::new(&subnets));
        self.networks.insert(id, HeldNetwork { subnets, addresses, virtual_ips: BTreeSet::new() });
    }

    /// A network is gone, with all its addresses.
    pub(super) fn free_network(&mut self, network: NetworkId) {
        if let Some(held) = self.networks.remove(&network) {
            self.subnets.free(&held.subnets);
        }
    }

    /// True if a service has all that it asks for (spec networking 3.4).
    pub(super) fn is_service_allocated(
        &self,
        service: &Service,
        ingress: Option<NetworkId>,
        starting: bool,
    ) -> bool {
        let wanted = &service.spec.task.networks;
        let given: &[VirtualIp] = service.endpoint.as_ref().map_or(&[], |endpoint| &endpoint.virtual_ips);
        let round_robin = mode(service) == EndpointMode::DnsRoundRobin;
        let held = self.services.contains(&service.id);
        let has = |network| given.iter().any(|known| known.network == network);
        let complete = wanted.is_empty() || (held && wanted.iter().all(|wish| has(wish.network)));
        if !(round_robin || complete) {
            return false;
        }
        let needed = |known: &VirtualIp| {
            (Some(known.network) == ingress && service.spec.publishes_ingress_port())
                || wanted.iter().any(|wish| wish.network == known.network)
        };
        if !given.iter().all(needed) || (round_robin && held) {
            return false;
        }
        let wanted_ports = service.spec.endpoint.as_ref().is_some_and(|spec| !spec.ports.is_empty());
        let given_ports = service.endpoint.as_ref().is_some_and(|endpoint| !endpoint.ports.is_empty());
        !(wanted_ports || given_ports) || ports::are_allocated(service, starting)
    }

    /// Gives a service ports and virtual addresses, and takes back what it does not need any more.
    pub(super) fn allocate_service(
        &mut self,
        service: &Service,
        ingress: Option<NetworkId>,
    ) -> Result<Endpoint, AllocationError> {
        let mut service = Service::clone(service);
        let needs_ingress = service.spec.publishes_ingress_port();
        if needs_ingress && ingress.is_none() {
            return Err(AllocationError::NoIngressNetwork);
        }
        if service.spec.endpoint.is_none() && service.endpoint.is_some() {
            self.free_service(&service);
            service.endpoint = None;
        }
        let ports = self.ports.allocate(&service)?;
        let virtual_ips = self.allocate_virtual_ips(&service, ingress.filter(|_| needs_ingress));
        let virtual_ips = virtual_ips.inspect_err(|_| self.ports.free(&ports))?;
        Ok(Endpoint { spec: service.spec.endpoint.clone().unwrap_or_default(), ports, virtual_ips })
    }

    /// Existing entries first, that on the ingress network among them, then new networks in the order of the spec.
    fn allocate_virtual_ips(
        &mut self,
        service: &Service,
        ingress: Option<NetworkId>,
    ) -> Result<Vec<VirtualIp>, AllocationError> {
        let given: Vec<VirtualIp> =
            service.endpoint.as_ref().map_or_else(Vec::new, |endpoint| endpoint.virtual_ips.clone());
        if mode(service) == EndpointMode::DnsRoundRobin {
            given.into_iter().for_each(|known| self.free_virtual_ip(known));
            self.services.remove(&service.id);
            return Ok(Vec::new());
        }
        let mut networks: Vec<VirtualIp> = given;
        let mut add = |network| {
            if !networks.iter().any(|known| known.network == network) {
                networks.push(VirtualIp { network, address: None });
            }
        };
        ingress.into_iter().for_each(&mut add);
        service.spec.task.networks.iter().for_each(|wish| add(wish.network));
        let wanted = |network| {
            Some(network) == ingress || service.spec.task.networks.iter().any(|wish| wish.network == network)
        };
        let mut allocated = Vec::new();
        for entry in networks {
            if !wanted(entry.network) {
                self.free_virtual_ip(entry);
                continue;
            }
            match self.take_virtual_ip(entry) {
                Ok(entry) => allocated.push(entry),
                Err(error) => {
                    allocated.into_iter().for_each(|known| self.free_virtual_ip(known));
                    self.services.remove(&service.id);
                    return Err(error);
                }
            }
        }
        if allocated.is_empty() {
            self.services.remove(&service.id);
        } else {
            self.services.insert(service.id);
        }
        Ok(allocated)
    }

    /// An address that was stored is asked for again; one that is held already stays.
    fn take_virtual_ip(&mut self, entry: VirtualIp) -> Result<VirtualIp, AllocationError> {
        let held =
            self.networks.get_mut(&entry.network).ok_or(AllocationError::NoNetworkState(entry.network))?;
        let Some(addresses) = &mut held.addresses else { return Ok(entry) };
        let address = match entry.address {
            Some(known) if held.virtual_ips.contains(&known) || addresses.take(known) => known,
            Some(_) | None => addresses.take_next().map_err(|_| AllocationError::NoVirtualAddress)?,
        };
        held.virtual_ips.insert(address);
        Ok(VirtualIp { address: Some(address), ..entry })
    }

    fn free_virtual_ip(&mut self, entry: VirtualIp) {
        let held = self.networks.get_mut(&entry.network);
        let (Some(held), Some(address)) = (held, entry.address) else { return };
        if let Some(addresses) = held.addresses.as_mut().filter(|_| held.virtual_ips.remove(&address)) {
            addresses.free(address);
        }
    }

    /// A service has what the store says.
    pub(super) fn restore_service(&mut self, service: &Service) {
        let Some(endpoint) = &service.endpoint else { return };
        self.ports.restore(&endpoint.ports);
        for entry in &endpoint.virtual_ips {
            let held = self.networks.get_mut(&entry.network);
            let (Some(held), Some(address)) = (held, entry.address) else { continue };
            if held.addresses.as_mut().is_some_and(|addresses| addresses.take(address)) {
                held.virtual_ips.insert(address);
            }
        }
        if !endpoint.virtual_ips.is_empty() {
            self.services.insert(service.id);
        }
    }

    /// Takes back everything that a service holds.
    pub(super) fn free_service(&mut self, service: &Service) {
        if let Some(endpoint) = &service.endpoint {
            self.free_endpoint(service.id, endpoint);
        }
    }

    /// Takes back what a service was given, or was to be given.
    pub(super) fn free_endpoint(&mut self, service: ServiceId, endpoint: &Endpoint) {
        self.ports.free(&endpoint.ports);
        endpoint.virtual_ips.iter().for_each(|entry| self.free_virtual_ip(*entry));
        self.services.remove(&service);
    }

    /// Gives a task an address on each network, in the order of its attachments; none if one cannot be had.
    pub(super) fn allocate_task(
        &mut self,
        task: TaskId,
        attachments: &mut [NetworkAttachment],
    ) -> Result<(), AllocationError> {
        let mut held = Vec::new();
        for attachment in attachments {
            match self.take_address(attachment) {
                Ok(address) => held.extend(address.map(|address| (attachment.network.id, address))),
                Err(error) => {
                    self.free_addresses(&held);
                    return Err(error);
                }
            }
        }
        self.tasks.insert(task, held);
        Ok(())
    }

    /// A task has the addresses that the store says.
    pub(super) fn restore_task(&mut self, task: &Task) {
        let stored = task.networks.iter().flat_map(|attachment| {
            attachment.addresses.iter().map(|address| (attachment.network.id, *address))
        });
        let mut held = Vec::new();
        for (network, address) in stored {
            let addresses = self.networks.get_mut(&network).and_then(|held| held.addresses.as_mut());
            if addresses.is_some_and(|addresses| addresses.take(address)) {
                held.push((network, address));
            }
        }
        self.tasks.insert(task.id, held);
    }

    /// Takes back the addresses of a task. True if it had any.
    pub(super) fn free_task(&mut self, task: TaskId) -> bool {
        let held = self.tasks.remove(&task).unwrap_or_default();
        self.free_addresses(&held);
        !held.is_empty()
    }

    fn free_addresses(&mut self, held: &[(NetworkId, Ipv4Addr)]) {
        for (network, address) in held {
            if let Some(addresses) = self.networks.get_mut(network).and_then(|held| held.addresses.as_mut()) {
                addresses.free(*address);
            }
        }
    }

    /// The address of an attachment: a stored one again, else the next. None on a network without addresses.
    fn take_address(
        &mut self,
        attachment: &mut NetworkAttachment,
    ) -> Result<Option<Ipv4Addr>, AllocationError> {
        let network = attachment.network.id;
        let held = self.networks.get_mut(&network).ok_or(AllocationError::NoNetworkState(network))?;
        let Some(addresses) = &mut held.addresses else { return Ok(None) };
        let address = match attachment.addresses.first() {
            Some(known) if addresses.take(*known) => *known,
            Some(_) => return Err(AllocationError::NoAddress),
            None => addresses.take_next()?,
        };
        attachment.addresses = vec![address];
        Ok(Some(address))
    }

    /// True if a node has an address on a network.
    pub(super) fn has_attachment(&self, node: NodeId, network: NetworkId) -> bool {
        self.nodes.get(&node).is_some_and(|held| held.contains_key(&network))
    }

    /// A node has the address that the store says.
    pub(super) fn restore_attachment(&mut self, node: NodeId, attachment: &NetworkAttachment) {
        let network = attachment.network.id;
        let Some(address) = attachment.addresses.first() else { return };
        let addresses = self.networks.get_mut(&network).and_then(|held| held.addresses.as_mut());
        if addresses.is_some_and(|addresses| addresses.take(*address)) {
            self.nodes.entry(node).or_default().insert(network, *address);
        }
    }

    /// Gives a node an address for its load balancers on a network.
    pub(super) fn allocate_attachment(
        &mut self,
        node: NodeId,
        attachment: &mut NetworkAttachment,
    ) -> Result<(), AllocationError> {
        if let Some(address) = self.take_address(attachment)? {
            self.nodes.entry(node).or_default().insert(attachment.network.id, address);
        }
        Ok(())
    }

    /// Takes back a node's address on a network.
    pub(super) fn free_attachment(&mut self, node: NodeId, network: NetworkId) {
        let Some(held) = self.nodes.get_mut(&node) else { return };
        if let Some(address) = held.remove(&network) {
            self.free_addresses(&[(network, address)]);
        }
    }

    /// Takes back all addresses of a node.
    pub(super) fn free_node(&mut self, node: NodeId) {
        let held: Vec<_> = self.nodes.remove(&node).unwrap_or_default().into_iter().collect();
        self.free_addresses(&held);
    }
}

fn mode(service: &Service) -> EndpointMode {
    service.spec.endpoint.as_ref().map_or(EndpointMode::Vip, |endpoint| endpoint.mode)
}

impl StateDigest for Holdings {
    fn digest(&self, digest: &mut Digest) {
        let Self { subnets, ports, networks, services, tasks, nodes } = self;
        subnets.digest(digest);
        ports.digest(digest);
        networks.digest(digest);
        services.digest(digest);
        tasks.digest(digest);
        nodes.digest(digest);
    }
}

impl StateDigest for HeldNetwork {
    fn digest(&self, digest: &mut Digest) {
        let Self { subnets, addresses, virtual_ips } = self;
        subnets.digest(digest);
        addresses.digest(digest);
        virtual_ips.digest(digest);
    }
}
