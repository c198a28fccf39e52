//! The facts that a change of the store tells.
use super::change::{Delta, ObjectChange};
use crate::model::{Fact, Node, Service, Task, TaskState};

/// Hands every fact of a change to `emit`, in a fixed order.
pub(crate) fn emit_facts(change: &ObjectChange, emit: &mut impl FnMut(Fact)) {
    match change {
        ObjectChange::Cluster(_) => {}
        ObjectChange::Node(delta) => node_facts(delta, emit),
        ObjectChange::Service(delta) => service_facts(delta, emit),
        ObjectChange::Task(delta) => task_facts(delta, emit),
        ObjectChange::Network(delta) => match (&delta.old, &delta.new) {
            (None, _) => emit(Fact::Network { network: delta.id(), created: true }),
            (_, None) => emit(Fact::Network { network: delta.id(), created: false }),
            (Some(_), Some(_)) => {}
        },
    }
}

fn node_facts(delta: &Delta<Node>, emit: &mut impl FnMut(Fact)) {
    let node = delta.id();
    let (old, new) = match (&delta.old, &delta.new) {
        (Some(old), Some(new)) => (old, new),
        (None, _) => return emit(Fact::NodeCreated { node, host: delta.object().host }),
        (_, None) => return emit(Fact::NodeRemoved { node }),
    };
    let mut told = false;
    if old.status.state != new.status.state {
        let message = new.status.message.clone();
        emit(Fact::NodeStatus { node, from: old.status.state, to: new.status.state, message });
        told = true;
    }
    if old.spec.availability != new.spec.availability {
        emit(Fact::NodeAvailability { node, from: old.spec.availability, to: new.spec.availability });
        told = true;
    }
    if old.role != new.role {
        emit(Fact::NodeRole { node, from: old.role, to: new.role });
        told = true;
    }
    let described = (&old.spec, &old.description, old.certificate);
    if !told && described != (&new.spec, &new.description, new.certificate) {
        emit(Fact::NodeUpdated { node });
    }
}

fn service_facts(delta: &Delta<Service>, emit: &mut impl FnMut(Fact)) {
    let service = delta.id();
    let (old, new) = match (&delta.old, &delta.new) {
        (Some(old), Some(new)) => (old, new),
        (None, _) => return emit(Fact::ServiceCreated { service }),
        (_, None) => return emit(Fact::ServiceRemoved { service }),
    };
    if old.spec != new.spec {
        emit(Fact::ServiceUpdated { service });
    }
    let from = old.update_status.as_ref().map(|status| status.state);
    let to = new.update_status.as_ref().map(|status| status.state);
    if from != to {
        let message = new.update_status.as_ref().map_or("".into(), |status| status.message.clone());
        emit(Fact::ServiceUpdateStatus { service, from, to, message });
    }
}

fn task_facts(delta: &Delta<Task>, emit: &mut impl FnMut(Fact)) {
    let task = delta.id();
    let (old, new) = match (&delta.old, &delta.new) {
        (Some(old), Some(new)) => (old, new),
        (None, Some(new)) => {
            let desired = new.desired_state;
            return emit(Fact::TaskCreated {
                task,
                service: new.service,
                slot: new.slot,
                node: new.node,
                desired,
            });
        }
        (_, None) => return emit(Fact::TaskRemoved { task }),
    };
    if let (None, Some(node)) = (old.node, new.node) {
        emit(Fact::TaskAssigned { task, node });
    }
    let assigned_now = old.node.is_none() && new.status.state == TaskState::Assigned;
    if !assigned_now && (old.status.state, &old.status.err) != (new.status.state, &new.status.err) {
        emit(Fact::TaskState {
            task,
            from: old.status.state,
            to: new.status.state,
            message: new.status.message.clone(),
            err: new.status.err.clone(),
        });
    }
    if old.desired_state != new.desired_state {
        emit(Fact::TaskDesired { task, from: old.desired_state, to: new.desired_state });
    }
}
