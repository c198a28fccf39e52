//! Network objects, endpoints and addresses (spec networking 2 to 5).
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::spec::{Annotations, EndpointSpec, PortConfig};
use super::{Meta, NetworkId};
use crate::kernel::{Digest, StateDigest};

/// A network as the user wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Name and labels.
    pub annotations: Annotations,
    /// Driver name; empty: `overlay`.
    pub driver: String,
    /// True for the network of the routing mesh.
    pub ingress: bool,
    /// True if containers outside the swarm may join.
    pub attachable: bool,
    /// True if it has no way out.
    pub internal: bool,
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
    /// Its subnet as (address, prefix length), once allocated.
    pub subnet: Option<(Ipv4Addr, u8)>,
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

/// A task's address on a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAttachment {
    /// The network.
    pub network: NetworkId,
    /// Name of the network's driver.
    pub driver: String,
    /// The addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// Further DNS names of the task there.
    pub aliases: Vec<String>,
}

impl StateDigest for Network {
    fn digest(&self, digest: &mut Digest) {
        let Self { id, meta, spec, subnet } = self;
        id.digest(digest);
        meta.digest(digest);
        digest.text(&format!("{spec:?}{subnet:?}"));
    }
}

impl StateDigest for Endpoint {
    fn digest(&self, digest: &mut Digest) {
        let Self { spec, ports, virtual_ips } = self;
        spec.digest(digest);
        ports.digest(digest);
        digest.text(&format!("{virtual_ips:?}"));
    }
}

impl StateDigest for NetworkAttachment {
    fn digest(&self, digest: &mut Digest) {
        let Self { network, driver, addresses, aliases } = self;
        network.digest(digest);
        digest.text(driver);
        digest.text(&format!("{addresses:?}{aliases:?}"));
    }
}
