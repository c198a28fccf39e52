//! Brings the orders of agents to the networks of their hosts, and what those have to tell to gossip.
use super::Cluster;
use crate::mesh::Mesh;
use crate::model::{HostId, RecordChange};
use crate::protocol::{Effects, NetworkOrder};

impl Cluster {
    /// Has the networks of hosts do what agents want, in the order of emission.
    pub(super) fn carry_out_orders(&mut self, out: &mut Effects) {
        for (id, because, order) in out.take_orders() {
            self.traffic_follows(id, because, &order, out.now());
            let mesh = &mut self.host_mut(id).mesh;
            carry_out(mesh, id, order);
            let changes = mesh.take_changes();
            self.record_changes.extend(changes.into_iter().map(|change| (id, change)));
        }
    }

    /// What nodes have done to their records and networks since the last time, for gossip to spread.
    pub(crate) fn take_record_changes(&mut self) -> Vec<(HostId, RecordChange)> {
        std::mem::take(&mut self.record_changes)
    }
}

fn carry_out(mesh: &mut Mesh, host: HostId, order: NetworkOrder) {
    match order {
        NetworkOrder::Configure(networks) => mesh.configure(&networks),
        NetworkOrder::Attach { task, networks } => mesh.attach(task, networks),
        NetworkOrder::Start { task, host_ports, .. } => mesh.start(task, host, host_ports),
        NetworkOrder::Enable { task, records } => mesh.enable(task, records),
        NetworkOrder::Disable { task } => mesh.disable(task),
        NetworkOrder::Remove { task } => mesh.remove(task),
        NetworkOrder::Detach { task } => mesh.detach(task),
    }
}
