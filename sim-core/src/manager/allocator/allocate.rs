//! What each network, node, service and task is given, by what the store says of it now (spec networking 3.3 to
//! 3.6). What cannot be had is remembered as unallocated.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::AllocationError;
use super::step::AllocatorStep;
use super::{Allocator, ports};
use crate::model::{
    Defect, Endpoint, FactId, NetworkAttachment, NetworkId, NodeId, Service, ServiceId, Task, TaskId,
};
use crate::store::Store;

impl Allocator {
    pub(super) fn allocate_network(
        &mut self,
        id: NetworkId,
        store: &Store,
        cause: FactId,
    ) -> Option<AllocatorStep> {
        let network = store.network(id)?;
        if self.holdings.has_network(id) {
            return None;
        }
        match self.holdings.allocate_network(network) {
            Ok(subnets) => Some(AllocatorStep::Network(id, subnets)),
            Err(_) => {
                self.unallocated_networks.insert(id, cause);
                None
            }
        }
    }

    pub(super) fn allocate_service(
        &mut self,
        id: ServiceId,
        store: &Store,
        cause: FactId,
        starting: bool,
    ) -> Option<AllocatorStep> {
        let service = store.service(id)?;
        if self.is_service_allocated(service, starting) {
            if !ports::host_ports_need_update(service) {
                return None;
            }
            let endpoint = service.endpoint.as_deref().cloned().unwrap_or_default();
            let spec = service.spec.endpoint.clone().unwrap_or_default();
            let ports = ports::with_host_ports(service);
            return Some(AllocatorStep::Service(id, Arc::new(Endpoint { spec, ports, ..endpoint })));
        }
        self.released |= service.spec.endpoint.is_none() && service.endpoint.is_some();
        match self.holdings.allocate_service(service, self.ingress) {
            Ok(endpoint) if service.endpoint.as_deref() == Some(&endpoint) => None,
            Ok(endpoint) => Some(AllocatorStep::Service(id, Arc::new(endpoint))),
            Err(_) => {
                self.unallocated_services.insert(id, cause);
                None
            }
        }
    }

    fn is_service_allocated(&self, service: &Service, starting: bool) -> bool {
        self.without_ports || self.holdings.is_service_allocated(service, self.ingress, starting)
    }

    /// The steps of those tasks that can have all they need.
    pub(super) fn allocate_tasks(
        &mut self,
        tasks: &BTreeMap<TaskId, FactId>,
        store: &Store,
    ) -> Vec<(AllocatorStep, FactId)> {
        let mut steps = Vec::new();
        for (id, cause) in tasks {
            if let Some(task) = store.task(*id)
                && let Ok(step) = self.allocate_task(task, store)
            {
                steps.push((step, *cause));
            }
        }
        steps
    }

    fn allocate_task(&mut self, task: &Task, store: &Store) -> Result<AllocatorStep, AllocationError> {
        let mut endpoint = task.endpoint.clone();
        let mut service = None;
        if let Some(id) = task.service {
            let owner = store.service(id).ok_or(AllocationError::NoService { service: id, task: task.id })?;
            if !self.is_service_allocated(owner, false) {
                return Err(AllocationError::ServicePending { service: id, task: task.id });
            }
            if owner.endpoint.is_some() {
                endpoint.clone_from(&owner.endpoint);
            }
            service = Some(owner);
        }
        let mut attachments = self.attachments(task, service.map(|service| &**service), store);
        for attachment in &mut attachments {
            let network = attachment.network.id;
            let stored =
                store.network(network).ok_or(AllocationError::NoNetwork { network, task: task.id })?;
            if !self.holdings.has_network(network) {
                return Err(AllocationError::NetworkPending { network, task: task.id });
            }
            attachment.network = Arc::clone(stored);
        }
        self.holdings.allocate_task(task.id, &mut attachments)?;
        if self.sabotage.is(Defect::ForgetAddresses) {
            attachments.iter_mut().for_each(|attachment| attachment.addresses.clear());
        }
        Ok(AllocatorStep::Task(task.id, attachments, endpoint))
    }

    /// The networks that a task is attached to: that of the routing mesh if its service needs it, then those of its
    /// spec. One that does not exist is left out.
    fn attachments(&self, task: &Task, service: Option<&Service>, store: &Store) -> Vec<NetworkAttachment> {
        if !task.networks.is_empty() || self.without_ports {
            return task.networks.clone();
        }
        let mesh = service.filter(|service| service.spec.publishes_ingress_port()).and(self.ingress);
        let mesh =
            mesh.and_then(|id| store.network(id)).map(|known| NetworkAttachment::to(Arc::clone(known)));
        let wanted = task.spec.networks.iter().filter_map(|wish| {
            let network = Arc::clone(store.network(wish.network)?);
            Some(NetworkAttachment { aliases: wish.aliases.clone(), ..NetworkAttachment::to(network) })
        });
        mesh.into_iter().chain(wanted).collect()
    }

    /// Gives a node an address on each network that its tasks use, and always on that of the routing mesh; takes
    /// back those that it needs no more (spec networking 3.6).
    pub(super) fn attach_node(&mut self, id: NodeId, store: &Store) -> Option<AllocatorStep> {
        let node = store.node(id)?;
        let needed = self.networks_of_node(id, store);
        let mut attachments = Vec::new();
        let mut changed = false;
        for attachment in &node.attachments {
            let network = attachment.network.id;
            if needed.contains(&network) && self.holdings.has_attachment(id, network) {
                attachments.push(attachment.clone());
            } else {
                self.holdings.free_attachment(id, network);
                self.released = true;
                changed = true;
            }
        }
        for network in needed {
            if attachments.iter().any(|known| known.network.id == network) {
                continue;
            }
            let known = store.network(network).filter(|_| self.holdings.has_network(network));
            let Some(network) = known else { continue };
            let mut attachment = NetworkAttachment::to(Arc::clone(network));
            if self.holdings.allocate_attachment(id, &mut attachment).is_ok() {
                attachments.push(attachment);
                changed = true;
            }
        }
        changed.then_some(AllocatorStep::Node(id, attachments))
    }

    /// The network of the routing mesh first, the others by id.
    fn networks_of_node(&self, node: NodeId, store: &Store) -> Vec<NetworkId> {
        let alive = store.tasks_of_node(node).filter(|task| !task.status.state.is_terminal());
        let used = alive.flat_map(|task| &task.networks).map(|attachment| &attachment.network);
        let used: BTreeSet<NetworkId> =
            used.filter(|network| network.is_overlay()).map(|network| network.id).collect();
        let others = used.into_iter().filter(|network| Some(*network) != self.ingress);
        let mesh = self.ingress.filter(|_| !self.sabotage.is(Defect::ForgetIngress));
        mesh.into_iter().chain(others).collect()
    }
}
