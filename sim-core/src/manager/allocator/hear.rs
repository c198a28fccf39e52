//! What the allocator makes of the changes that it hears of: things to do for what is there, and what it gets back
//! from what is gone.
use std::sync::Arc;

use super::{Allocator, Item};
use crate::manager::loops::Context;
use crate::model::{FactId, Network, Node, Service, Task, TaskId, TaskState};

impl Allocator {
    pub(super) fn hear_network(
        &mut self,
        old: Option<&Network>,
        new: Option<&Network>,
        context: &Context<'_>,
    ) {
        let cause = context.cause();
        match (old, new) {
            (None, Some(network)) => {
                let id = network.id;
                if network.spec.ingress && self.ingress.is_some_and(|known| known != id) {
                    return;
                }
                self.agenda.push_back((Item::Network(id), cause));
                if network.spec.ingress {
                    self.ingress = Some(id);
                    let nodes = context.store.nodes().map(|node| (Item::Node(node.id), cause));
                    self.agenda.extend(nodes);
                }
            }
            (Some(network), None) => {
                self.ingress = self.ingress.filter(|known| *known != network.id);
                let attached = |node: &&Arc<Node>| self.holdings.has_attachment(node.id, network.id);
                let nodes = context.store.nodes().filter(attached);
                let nodes: Vec<_> = nodes.map(|node| (Item::Node(node.id), cause)).collect();
                self.agenda.extend(nodes);
                self.unallocated_networks.remove(&network.id);
                self.holdings.free_network(network.id);
                self.released = true;
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    pub(super) fn hear_service(&mut self, old: Option<&Service>, new: Option<&Service>, cause: FactId) {
        match (old, new) {
            (_, Some(service)) => self.agenda.push_back((Item::Service(service.id), cause)),
            (Some(service), None) => {
                self.holdings.free_service(service);
                self.unallocated_services.remove(&service.id);
                self.released = true;
            }
            (None, None) => {}
        }
    }

    pub(super) fn hear_node(&mut self, old: Option<&Node>, new: Option<&Node>, cause: FactId) {
        match (old, new) {
            (_, Some(node)) => self.agenda.push_back((Item::Node(node.id), cause)),
            (Some(node), None) => {
                self.holdings.free_node(node.id);
                self.released = true;
            }
            (None, None) => {}
        }
    }

    /// The content of the event is ignored unless the task is gone: what counts is how it is now.
    pub(super) fn hear_task(&mut self, id: TaskId, deleted: Option<&Task>, context: &Context<'_>) {
        let current = context.store.task(id);
        let Some(task) = deleted.or(current.map(|task| &**task)) else { return };
        // A task without networks changes nothing about what its node needs.
        if let Some(node) = task.node.filter(|_| !task.networks.is_empty()) {
            self.agenda.push_back((Item::Node(node), context.cause()));
        }
        if deleted.is_some() || task.status.state.is_terminal() {
            self.released |= self.holdings.free_task(id);
            self.pending_tasks.remove(&id);
            self.unallocated_tasks.remove(&id);
        } else if task.status.state < TaskState::Pending {
            self.pending_tasks.insert(id, context.cause());
        }
    }
}
