//! What a new leader's allocator does before it hears anything (spec networking 3.2).
use super::{Allocator, Item};
use crate::model::{FactId, TaskState};
use crate::store::Store;

impl Allocator {
    /// Learns what the store says was handed out, so that no address is given twice. Nothing new is handed out, and
    /// nothing is written.
    pub(super) fn restore(&mut self, store: &Store) {
        store.networks().for_each(|network| self.holdings.restore_network(network));
        for node in store.nodes() {
            node.attachments.iter().for_each(|known| self.holdings.restore_attachment(node.id, known));
        }
        if !self.without_ports {
            store.services().for_each(|service| self.holdings.restore_service(service));
        }
        for task in store.tasks().filter(|task| !task.status.state.is_terminal()) {
            if task.networks.iter().any(|attachment| !attachment.addresses.is_empty()) {
                self.holdings.restore_task(task);
            }
        }
    }

    /// Everything that lacks something is worked on: networks, then nodes, services and tasks.
    pub(super) fn plan_start(&mut self, store: &Store, cause: FactId) {
        let networks = store.networks().filter(|network| !network.spec.ingress);
        let networks = networks.map(|network| Item::Network(network.id));
        let nodes = store.nodes().map(|node| Item::Node(node.id));
        let services = store.services().map(|service| Item::FirstService(service.id));
        let items = networks.chain(nodes).chain(services);
        self.agenda.extend(items.map(|item| (item, cause)));
        let fresh = store.tasks().filter(|task| task.status.state < TaskState::Pending);
        self.pending_tasks.extend(fresh.map(|task| (task.id, cause)));
        self.agenda.extend([(Item::PendingTasks, cause), (Item::Postpone, cause)]);
    }
}
