//! What a node's network knows about single addresses and backends.
use std::net::Ipv4Addr;

use super::{Mesh, Target, resolver};
use crate::model::{NetworkId, TaskId};

impl Mesh {
    /// What the DNS server of this node knows under a name for one of its containers, in no particular order, and
    /// the network that it is known on.
    #[must_use]
    pub(crate) fn addresses(&self, task: TaskId, name: &str) -> Option<(NetworkId, Vec<Ipv4Addr>)> {
        let container = self.containers.get(&task)?;
        resolver::find(name, self.named_networks(container))
    }

    /// The endpoint that has an address on a network, as far as this node knows.
    #[must_use]
    pub(crate) fn endpoint_at(&self, network: NetworkId, address: Ipv4Addr) -> Option<Target> {
        let known = self.backends(network).filter(|backend| backend.address == address).last()?;
        Some(Target { task: known.task, host: known.host, address })
    }

    /// True if some load balancer of this node knows the endpoint of a task, whether it takes connections or not.
    #[must_use]
    pub(crate) fn knows_backend(&self, task: TaskId) -> bool {
        self.networks.values().any(|network| network.knows_backend(task))
    }

    /// The same of its load balancers on one network.
    #[must_use]
    pub(crate) fn knows_backend_on(&self, network: NetworkId, task: TaskId) -> bool {
        self.networks.get(&network).is_some_and(|network| network.knows_backend(task))
    }

    /// True if a container of this node is on a network.
    #[must_use]
    pub(crate) fn is_attached(&self, task: TaskId, network: NetworkId) -> bool {
        let container = self.containers.get(&task);
        container.is_some_and(|container| container.networks.iter().any(|one| one.network == network))
    }

    /// The task of this node whose container has an address now, on whatever network.
    #[must_use]
    pub(crate) fn holder(&self, address: Ipv4Addr) -> Option<TaskId> {
        let mut networks = self.networks.keys();
        networks.find_map(|network| self.container_at(*network, address))
    }
}
