//! No address and no port of the routing mesh is held twice, and no task goes on without its addresses (spec
//! networking 11, I1 to I3).
use std::collections::BTreeSet;

use super::Invariant;
use crate::cluster::Cluster;
use crate::model::{NetworkAttachment, PublishMode, TaskState};
use crate::store::Store;

/// Looks at stores in sweeps: managers with equal chains have the same one, and one that is as it was at the last sweep
/// is still in order.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// The chains of the stores that were in order at the last sweep.
    in_order: BTreeSet<u64>,
}

impl Invariant for Addresses {
    fn name(&self) -> &'static str {
        "addresses and ports have one holder"
    }

    fn sweep(&mut self, cluster: &Cluster) -> Result<(), String> {
        let mut in_order = BTreeSet::new();
        for store in cluster.managers().map(|(_, manager)| manager.store()) {
            if in_order.insert(store.chain()) && !self.in_order.contains(&store.chain()) {
                check(store)?;
            }
        }
        self.in_order = in_order;
        Ok(())
    }
}

fn check(store: &Store) -> Result<(), String> {
    let alive = || store.tasks().filter(|task| !task.status.state.is_terminal());
    let of_tasks = alive().flat_map(|task| &task.networks);
    let of_nodes = store.nodes().flat_map(|node| &node.attachments);
    let attached = of_tasks
        .chain(of_nodes)
        .flat_map(|attachment| attachment.addresses.iter().map(|address| (attachment.network.id, *address)));
    let endpoints = || store.services().filter_map(|service| service.endpoint.as_ref());
    let virtual_ips = endpoints().flat_map(|endpoint| &endpoint.virtual_ips);
    let virtual_ips = virtual_ips.filter_map(|entry| Some((entry.network, entry.address?)));
    let gateways = store.networks().flat_map(|network| {
        network.allocated.iter().flatten().map(|allocated| (network.id, allocated.gateway))
    });
    let mut held = BTreeSet::new();
    for (network, address) in attached.chain(virtual_ips).chain(gateways) {
        if !held.insert((network, address)) {
            return Err(format!("{address} is held twice on {network:?}"));
        }
    }
    let mut ports = BTreeSet::new();
    for port in endpoints().flat_map(|endpoint| &endpoint.ports) {
        let mesh = port.publish_mode == PublishMode::Ingress;
        if mesh && !ports.insert((port.protocol, port.published_port)) {
            return Err(format!("port {} is held twice", port.published_port));
        }
    }
    let beyond_new = alive().filter(|task| task.status.state >= TaskState::Pending);
    for task in beyond_new {
        let lacks = |attachment: &&NetworkAttachment| {
            attachment.network.is_overlay() && attachment.addresses.is_empty()
        };
        if let Some(attachment) = task.networks.iter().find(lacks) {
            return Err(format!("{:?} has no address on {:?}", task.id, attachment.network.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kernel::SimTime;
    use crate::model::{FactId, Network, NetworkId, NetworkSpec, Task, TaskId, TaskSpec};
    use crate::store::{Ids, Transaction};

    /// A store with two tasks in these states and with these addresses on one network.
    fn judged(first: (TaskState, Option<u8>), second: (TaskState, Option<u8>)) -> Result<(), String> {
        let (mut store, mut ids) = (Store::default(), Ids::default());
        let mut transaction = Transaction::new(&mut store, &mut ids, SimTime::ZERO, 1, FactId(0));
        let network = Arc::new(Network::new(NetworkId(0), NetworkSpec::default()));
        for (number, (state, address)) in [first, second].into_iter().enumerate() {
            let id = TaskId(u32::try_from(number).expect("two tasks"));
            let mut task = Task::new(id, Arc::new(TaskSpec::default()), SimTime::ZERO);
            task.status.state = state;
            task.networks.push(NetworkAttachment {
                addresses: address.map(|last| [10, 0, 0, last].into()).into_iter().collect(),
                ..NetworkAttachment::to(Arc::clone(&network))
            });
            transaction.create_task(task).expect("the ids differ");
        }
        check(transaction.store())
    }

    #[test]
    fn an_address_that_two_living_tasks_have_is_noticed() {
        let running = TaskState::Running;
        assert_eq!(judged((running, Some(2)), (running, Some(3))), Ok(()));
        assert_eq!(judged((TaskState::Failed, Some(2)), (running, Some(2))), Ok(()));
        assert!(judged((running, Some(2)), (running, Some(2))).is_err());
    }

    #[test]
    fn a_task_that_goes_on_without_an_address_is_noticed() {
        assert_eq!(judged((TaskState::New, None), (TaskState::Failed, None)), Ok(()));
        assert!(judged((TaskState::Pending, None), (TaskState::New, None)).is_err());
    }
}
