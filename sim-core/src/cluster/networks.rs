//! Brings the orders of agents to the networks of their hosts, and what those have to tell to gossip and the trace.
use super::Cluster;
use crate::mesh::Mesh;
use crate::model::{BackendChange, Fact, FactId, HostId, RecordChange};
use crate::protocol::{Effects, NetworkOrder};

impl Cluster {
    /// Has the networks of hosts do what agents want, in the order of emission.
    pub(super) fn carry_out_orders(&mut self, out: &mut Effects) {
        for (id, because, order) in out.take_orders() {
            self.traffic_follows(id, because, &order, out.now());
            if matches!(order, NetworkOrder::LeaveSwarm) {
                self.departing.push((id, because));
            }
            let mesh = &mut self.host_mut(id).mesh;
            carry_out(mesh, id, order);
            let (changes, backends) = (mesh.take_changes(), mesh.take_backend_changes());
            self.traffic_hears(id, because, &backends);
            let cause = tell_backends(id, because, &backends, out);
            self.record_changes.extend(changes.into_iter().map(|change| (id, cause, change)));
        }
    }

    /// What nodes have done to their records and networks since the last time, and why, for gossip to spread.
    pub(crate) fn take_record_changes(&mut self) -> Vec<(HostId, FactId, RecordChange)> {
        std::mem::take(&mut self.record_changes)
    }
}

/// Tells what became of the backends of a node, those of one load balancer together. The answer is what to name as
/// the cause of what follows from it.
pub(super) fn tell_backends(
    host: HostId,
    because: FactId,
    changes: &[BackendChange],
    out: &mut Effects,
) -> FactId {
    let before = out.cause();
    let mut told = because;
    let same = |one: &BackendChange, other: &BackendChange| {
        (one.network, one.service, one.event) == (other.network, other.service, other.event)
    };
    for group in changes.chunk_by(same) {
        let BackendChange { network, service, event, .. } = group[0];
        let tasks = group.iter().map(|change| change.task).collect();
        out.set_cause(because);
        told = out.fact(Fact::Backends { host, network, service, event, tasks });
    }
    out.set_cause(before);
    told
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
        NetworkOrder::LeaveSwarm => mesh.leave_swarm(),
    }
}
