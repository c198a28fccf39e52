//! What a docker client would print of the swarm, asked of the manager that knows most.
use std::sync::Arc;

use super::View;
use crate::client::{self, Viewpoint};
use crate::kernel::SimTime;
use crate::manager::Manager;
use crate::manager::api::{list_service_tasks, service_status};
use crate::model::command::Listing;
use crate::model::{HostId, NodeId, ServiceId};
use crate::protocol::{Filters, ManagerStatus, NodeListing, ServiceListing};

impl View<'_> {
    /// The manager of the shown swarm that is asked: the leader, else the one that knows most.
    #[must_use]
    pub fn asked_manager(&self) -> Option<HostId> {
        let applied = |manager: &Manager| manager.raft().applied_index();
        let best = || self.managers().max_by_key(|(_, manager)| applied(manager)).map(|(id, _)| id);
        self.leader().or_else(best)
    }

    /// All nodes as that manager lists them.
    #[must_use]
    pub fn node_listings(&self) -> Vec<NodeListing> {
        let Some(manager) = self.asked() else { return Vec::new() };
        let nodes = manager.store().nodes();
        nodes
            .map(|node| NodeListing { node: Arc::clone(node), manager: status_of(manager, node.id) })
            .collect()
    }

    /// What that manager says of a node as a manager; none if it is none.
    #[must_use]
    pub fn manager_status(&self, node: NodeId) -> Option<ManagerStatus> {
        status_of(self.asked()?, node)
    }

    /// All services as that manager lists them.
    #[must_use]
    pub fn service_listings(&self) -> Vec<ServiceListing> {
        let Some(manager) = self.asked() else { return Vec::new() };
        manager.store().services().map(|service| service_status(manager.store(), service)).collect()
    }

    /// Docker's column REPLICAS of a service: running and desired tasks. None if it does not exist.
    #[must_use]
    pub fn service_replicas(&self, service: ServiceId) -> Option<(u64, u64)> {
        let store = self.asked()?.store();
        let listing = service_status(store, store.service(service)?);
        Some((listing.running, listing.desired))
    }

    /// `docker node ls` on that manager.
    #[must_use]
    pub fn node_table(&self, now: SimTime) -> String {
        let own = self.asked_manager().and_then(|host| self.node_of_host(host));
        client::node_table(&self.node_listings(), own, &Listing::default(), self.viewpoint(now))
    }

    /// `docker service ls` on that manager.
    #[must_use]
    pub fn service_table(&self, now: SimTime) -> String {
        client::service_table(&self.service_listings(), &Listing::default(), self.viewpoint(now))
    }

    /// `docker service ps` of a service on that manager.
    #[must_use]
    pub fn task_table(&self, service: &str, now: SimTime) -> String {
        let Some(manager) = self.asked() else { return String::new() };
        let services = [service.to_owned()];
        let tasks = list_service_tasks(manager.store(), &services, &Filters::default(), self.seed());
        let tasks = tasks.expect("a list without filters is valid");
        client::task_table(&tasks, &Listing::default(), self.viewpoint(now))
    }

    fn asked(&self) -> Option<&Manager> {
        self.cluster.hosts.get(self.asked_manager()?)?.manager.as_deref()
    }

    fn viewpoint(&self, now: SimTime) -> Viewpoint {
        Viewpoint { seed: self.seed(), now }
    }
}

fn status_of(manager: &Manager, node: NodeId) -> Option<ManagerStatus> {
    let (leader, reachable) = manager.reachability(node)?;
    Some(ManagerStatus { leader, reachable })
}
