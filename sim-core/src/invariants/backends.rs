//! Once nothing has happened for a while, every node knows exactly the backends that take connections (spec networking
//! 11, I5).
use std::collections::BTreeSet;

use super::Invariant;
use crate::cluster::{Cluster, Host, Power};
use crate::gossip::PeerId;
use crate::model::{HostId, NetworkId, TaskId};

/// Sweeps after the last change of hosts, links or processes of gossip. A node that was gone for a short while has its records back after
/// 64 s in the worst case (spec networking 8.4).
const HEALTHY: u32 = 120;
/// Sweeps after the last change of a record or of who takes part in a network: who has missed that somebody
/// takes part in a network hears it with the next full exchange, and its records with the next comparison, 30 s each
/// (spec networking 8.2, 8.4).
const SPREAD: u32 = 75;
/// Sweeps between two looks at everything.
const PERIOD: u32 = 5;

/// A backend that takes connections, on its network.
type Enabled = BTreeSet<(NetworkId, TaskId)>;

/// Compares what nodes know with what is.
#[derive(Debug, Default)]
pub(super) struct KnownBackends {
    /// Of each host, and the process of gossip that runs there.
    powers: Vec<(Power, Option<PeerId>)>,
    healthy_for: u32,
    truth: Enabled,
    /// Who takes part in which network.
    joined: BTreeSet<(HostId, NetworkId)>,
    unchanged_for: u32,
}

impl Invariant for KnownBackends {
    fn name(&self) -> &'static str {
        "quiet nodes know all backends"
    }

    fn sweep(&mut self, cluster: &Cluster) -> Result<(), String> {
        let power = |(id, host): (HostId, &Host)| (host.power, cluster.gossip_process(id));
        let powers: Vec<_> = cluster.hosts.iter().map(power).collect();
        let is_healthy = powers == self.powers
            && cluster.net.are_smooth()
            && cluster.hosts.values().all(|host| host.frozen.is_none())
            && is_one_swarm(cluster);
        self.healthy_for = if is_healthy { self.healthy_for + 1 } else { 0 };
        self.powers = powers;
        let (truth, joined) = (enabled(cluster), joined(cluster));
        let is_unchanged = truth == self.truth && joined == self.joined;
        self.unchanged_for = if is_unchanged { self.unchanged_for + 1 } else { 0 };
        (self.truth, self.joined) = (truth, joined);
        let is_due = self.unchanged_for.is_multiple_of(PERIOD);
        if self.healthy_for < HEALTHY || self.unchanged_for < SPREAD || !is_due {
            return Ok(());
        }
        let given_up = given_up(cluster);
        running(cluster).try_for_each(|(id, _)| self.compare(cluster, id, &given_up))
    }
}

impl KnownBackends {
    fn compare(&self, cluster: &Cluster, id: HostId, given_up: &BTreeSet<TaskId>) -> Result<(), String> {
        let mesh = &cluster.hosts.get(id).expect("it runs").mesh;
        for network in mesh.joined() {
            let enabled = mesh.backends(network).filter(|backend| !backend.disabled);
            let known: BTreeSet<TaskId> = enabled.map(|backend| backend.task).collect();
            let all = (network, TaskId(0))..=(network, TaskId(u32::MAX));
            let right: BTreeSet<TaskId> = self.truth.range(all).map(|(_, task)| *task).collect();
            let missed = right.difference(&known).any(|task| !given_up.contains(task));
            if missed || !known.is_subset(&right) {
                return Err(format!("{id:?} knows {known:?} on {network:?}, and {right:?} take connections"));
            }
        }
        Ok(())
    }
}

/// The tasks of nodes that took themselves for gone, and gave their records up with themselves. They never tell them
/// again: only who had heard of them by then knows them, and that is never the node itself (spec networking 8.4).
fn given_up(cluster: &Cluster) -> BTreeSet<TaskId> {
    let nodes = running(cluster).filter(|(id, _)| cluster.has_given_itself_up(*id));
    nodes.flat_map(|(_, host)| host.mesh.own_records()).map(|record| record.id.task).collect()
}

/// What takes connections, by those who know it best.
fn enabled(cluster: &Cluster) -> Enabled {
    let records = running(cluster).flat_map(|(_, host)| host.mesh.own_records());
    let enabled = records.filter(|record| !record.disabled && record.service.is_some());
    enabled.map(|record| (record.id.network, record.id.task)).collect()
}

fn joined(cluster: &Cluster) -> BTreeSet<(HostId, NetworkId)> {
    running(cluster).flat_map(|(id, host)| host.mesh.joined().map(move |network| (id, network))).collect()
}

fn running(cluster: &Cluster) -> impl Iterator<Item = (HostId, &Host)> {
    cluster.hosts.iter().filter(|(_, host)| host.power == Power::On)
}

/// Nodes of two swarms know nothing of each other.
fn is_one_swarm(cluster: &Cluster) -> bool {
    let mut lineages = cluster.managers().map(|(_, manager)| manager.lineage());
    let first = lineages.next();
    lineages.all(|lineage| Some(lineage) == first)
}
