//! What the node's network is told about a task's container, and the addresses that a task waits for (spec
//! networking 3.6, 6.2).
use std::sync::Arc;

use super::container::{Health, Owner};
use super::ports::HostPorts;
use crate::kernel::Digest;
use crate::model::{
    AttachedNetwork, EndpointId, EndpointRecord, NetworkAttachment, PortConfig, PublishMode, ServiceRecord,
    Task,
};
use crate::protocol::{Effects, NetworkOrder, Program};

/// Digits of a container's id that make a name of it.
const CONTAINER_ID_DIGITS: usize = 12;

/// True if the task is part of load balancing: it has a network other than the default bridge, or an ingress port.
pub(super) fn has_service_binding(task: &Task) -> bool {
    task.networks.iter().any(|network| network.network.spec.driver() != "bridge")
        || ports(task, PublishMode::Ingress).next().is_some()
}

/// The networks on which the node itself must have an address before the task's container can be made.
pub(super) fn overlays(task: &Task) -> impl Iterator<Item = &NetworkAttachment> {
    task.networks.iter().filter(|attachment| attachment.network.is_overlay())
}

impl Owner<'_> {
    /// The container is being made ready for its networks.
    pub(super) fn attach(&self, out: &mut Effects) {
        let networks = self.task.networks.iter().map(AttachedNetwork::of).collect();
        out.order(NetworkOrder::Attach { task: self.task.id, networks });
    }

    /// The process of the container starts.
    pub(super) fn start_network(&self, host_ports: &mut HostPorts, out: &mut Effects) {
        let id = self.task.id;
        host_ports.bind(id, ports(self.task, PublishMode::Host).cloned().collect());
        let host_ports = host_ports.of(id).to_vec();
        let program = Program {
            service: self.task.service_annotations.name.clone(),
            image: self.task.spec.container.image.clone(),
        };
        out.order(NetworkOrder::Start { task: id, program, host_ports });
    }

    /// The container takes part in load balancing from here on.
    pub(super) fn enable(&self, out: &mut Effects) {
        let records = overlays(self.task).filter_map(|attachment| self.record(attachment)).collect();
        out.order(NetworkOrder::Enable { task: self.task.id, records });
    }

    /// A container runs whose node's network knows nothing of it.
    pub(super) fn join_again(&self, health: Health, host_ports: &mut HostPorts, out: &mut Effects) {
        self.attach(out);
        self.start_network(host_ports, out);
        if matches!(health, Health::Unchecked | Health::Healthy) {
            self.enable(out);
        }
    }

    /// The container gets no new connections any more.
    pub(super) fn disable(&self, out: &mut Effects) {
        out.order(NetworkOrder::Disable { task: self.task.id });
    }

    /// The process of the container has ended.
    pub(super) fn remove_network(&self, out: &mut Effects) {
        out.order(NetworkOrder::Remove { task: self.task.id });
    }

    /// The container is gone.
    pub(super) fn detach(&self, out: &mut Effects) {
        out.order(NetworkOrder::Detach { task: self.task.id });
    }

    fn record(&self, attachment: &NetworkAttachment) -> Option<EndpointRecord> {
        let task = self.task;
        let network = &attachment.network;
        let mesh = network.spec.ingress;
        let name = self.site.container_name(task);
        let virtual_ips = task.endpoint.iter().flat_map(|endpoint| &endpoint.virtual_ips);
        let virtual_ip = virtual_ips.into_iter().find(|known| known.network == network.id);
        let service = task.service.map(|id| ServiceRecord {
            id,
            name: task.service_annotations.name.clone(),
            virtual_ip: virtual_ip.and_then(|known| known.address),
            ingress_ports: if mesh {
                ports(task, PublishMode::Ingress).cloned().collect()
            } else {
                Arc::from([])
            },
            aliases: attachment.aliases.clone(),
        });
        Some(EndpointRecord {
            id: EndpointId { network: network.id, task: task.id },
            host: self.site.host,
            aliases: self.names(&name),
            name,
            service,
            address: *attachment.addresses.first()?,
            disabled: false,
        })
    }

    /// Names of the container besides its own: the beginning of its id, and its host name if it has one of its own.
    fn names(&self, name: &str) -> Vec<String> {
        let mut id = Digest::new();
        id.text(name);
        let mut id = format!("{:016x}", id.finish());
        id.truncate(CONTAINER_ID_DIGITS);
        let hostname = &self.task.spec.container.hostname;
        std::iter::once(id).chain((!hostname.is_empty()).then(|| hostname.clone())).collect()
    }
}

fn ports(task: &Task, mode: PublishMode) -> impl Iterator<Item = &PortConfig> {
    let ports = task.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
    ports.filter(move |port| port.publish_mode == mode)
}
