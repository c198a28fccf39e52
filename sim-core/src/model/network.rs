//! Network objects, endpoints and addresses (spec networking 2 to 5).
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::spec::{Annotations, EndpointSpec, Labels, PortConfig};
use super::{Meta, NetworkId};
use crate::kernel::{Digest, StateDigest};

/// A range of addresses: `10.9.0.0/29`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    /// Its first address.
    pub address: Ipv4Addr,
    /// How many leading bits all its addresses share.
    pub prefix_bits: u8,
}

impl Subnet {
    /// The last address.
    #[must_use]
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(
            self.address.to_bits() | (u32::MAX.checked_shr(u32::from(self.prefix_bits)).unwrap_or(0)),
        )
    }

    /// True if the address is one of the range.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        (self.address..=self.last()).contains(&address)
    }

    /// True for the first address and the last one, which nobody can have unless there are no others (spec networking
    /// 4.2).
    #[must_use]
    pub fn reserves(self, address: Ipv4Addr) -> bool {
        self.prefix_bits < 31 && (address == self.address || address == self.last())
    }

    /// True if the ranges have an address in common.
    #[must_use]
    pub fn overlaps(self, other: Subnet) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

/// A wish for addresses of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubnetSpec {
    /// The range. With the address `0.0.0.0` any range of this size.
    pub subnet: Subnet,
    /// The gateway; absent: the first address of the range.
    pub gateway: Option<Ipv4Addr>,
}

/// A network as the user wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Name and labels.
    pub annotations: Annotations,
    /// Driver name; empty: `overlay`.
    pub driver: String,
    /// Driver options.
    pub options: Labels,
    /// True for the network of the routing mesh.
    pub ingress: bool,
    /// True if containers outside the swarm may join.
    pub attachable: bool,
    /// True if it has no way out.
    pub internal: bool,
    /// Name of the driver that manages its addresses; empty: `default`.
    pub ipam_driver: String,
    /// Its ranges of addresses; empty: the swarm chooses one.
    pub subnets: Vec<SubnetSpec>,
}

impl NetworkSpec {
    /// The driver that connects its containers.
    #[must_use]
    pub fn driver(&self) -> &str {
        if self.driver.is_empty() { OVERLAY } else { &self.driver }
    }
}

/// The driver of networks that span the nodes of the swarm.
pub const OVERLAY: &str = "overlay";
/// The label of networks that exist on every node by themselves (spec networking 2).
pub const PREDEFINED_LABEL: &str = "com.docker.swarm.predefined";

/// A range of addresses that a network has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocatedSubnet {
    /// The range.
    pub subnet: Subnet,
    /// The gateway.
    pub gateway: Ipv4Addr,
    /// Its number in the tunnels between nodes.
    pub vxlan: u32,
}

/// A network of the swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its id.
    pub id: NetworkId,
    /// Version and times.
    pub meta: Meta,
    /// What the user wants.
    pub spec: Arc<NetworkSpec>,
    /// What the allocator handed out, once it did; empty for a network whose driver is local to each node.
    pub allocated: Option<Vec<AllocatedSubnet>>,
}

impl Network {
    /// A network that nothing was handed out for yet.
    #[must_use]
    pub fn new(id: NetworkId, spec: NetworkSpec) -> Self {
        Network { id, meta: Meta::default(), spec: Arc::new(spec), allocated: None }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.annotations.name
    }

    /// True if it exists on every node by itself: users see it there, and not among those of the swarm.
    #[must_use]
    pub fn is_predefined(&self) -> bool {
        self.spec.annotations.labels.get(PREDEFINED_LABEL).is_some_and(|value| value == "true")
    }

    /// True if it connects containers of different nodes.
    #[must_use]
    pub fn is_overlay(&self) -> bool {
        self.spec.driver() == OVERLAY
    }

    /// The first range of addresses that it has.
    #[must_use]
    pub fn subnet(&self) -> Option<Subnet> {
        Some(self.allocated.as_ref()?.first()?.subnet)
    }

    /// An address of this network with the length of its prefix: `10.0.1.5/24`.
    #[must_use]
    pub fn with_prefix(&self, address: Ipv4Addr) -> String {
        let subnets = self.allocated.iter().flatten().map(|allocated| allocated.subnet);
        let prefix = subnets.into_iter().find(|subnet| subnet.contains(address));
        prefix.map_or_else(|| address.to_string(), |subnet| format!("{address}/{}", subnet.prefix_bits))
    }
}

/// A virtual address of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualIp {
    /// On which network.
    pub network: NetworkId,
    /// The address; absent with DNS round robin.
    pub address: Option<Ipv4Addr>,
}

/// What a service's clients use: the wish, and what the allocator handed out for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The wish.
    pub spec: EndpointSpec,
    /// Ports, with numbers.
    pub ports: Vec<PortConfig>,
    /// Virtual addresses.
    pub virtual_ips: Vec<VirtualIp>,
}

/// An address on a network, of a task or of the load balancers of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAttachment {
    /// The network as it was when the address was handed out.
    pub network: Arc<Network>,
    /// The addresses; none on a network whose driver is local to each node.
    pub addresses: Vec<Ipv4Addr>,
    /// Further DNS names of the task there.
    pub aliases: Vec<String>,
}

impl NetworkAttachment {
    /// An attachment without an address.
    #[must_use]
    pub fn to(network: Arc<Network>) -> Self {
        NetworkAttachment { network, addresses: Vec::new(), aliases: Vec::new() }
    }
}

impl StateDigest for Network {
    fn digest(&self, digest: &mut Digest) {
        let Self { id, meta, spec, allocated } = self;
        id.digest(digest);
        meta.digest(digest);
        digest.debug(&(spec, allocated));
    }
}

impl StateDigest for Subnet {
    fn digest(&self, digest: &mut Digest) {
        let Self { address, prefix_bits } = self;
        address.digest(digest);
        digest.u8(*prefix_bits);
    }
}

impl StateDigest for AllocatedSubnet {
    fn digest(&self, digest: &mut Digest) {
        let Self { subnet, gateway, vxlan } = self;
        subnet.digest(digest);
        gateway.digest(digest);
        digest.u32(*vxlan);
    }
}

impl StateDigest for Endpoint {
    fn digest(&self, digest: &mut Digest) {
        let Self { spec, ports, virtual_ips } = self;
        spec.digest(digest);
        ports.digest(digest);
        digest.debug(virtual_ips);
    }
}

impl StateDigest for NetworkAttachment {
    fn digest(&self, digest: &mut Digest) {
        let Self { network, addresses, aliases } = self;
        network.id.digest(digest);
        digest.debug(&(addresses, aliases));
    }
}
