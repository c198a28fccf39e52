//! Each node has an address on the network of the routing mesh while there is one, and only then (spec networking 11,
//! I4). The allocator needs a leader and a moment for it.
use std::collections::BTreeMap;

use super::Invariant;
use crate::cluster::{Cluster, View};
use crate::model::{HostId, NodeId, NodeState};
use crate::store::Store;

/// Sweeps that a leader may leave a node as it should not be: with a slow disk each of its writes takes seconds, and they
/// wait for each other.
const PATIENCE: u32 = 180;

/// Looks at the store of the leader.
#[derive(Debug, Default)]
pub(super) struct IngressAttachments {
    leader: Option<HostId>,
    /// For how many sweeps nodes have not been as they should be.
    wrong: BTreeMap<NodeId, u32>,
}

impl Invariant for IngressAttachments {
    fn name(&self) -> &'static str {
        "nodes are attached to the routing mesh"
    }

    fn sweep(&mut self, cluster: &Cluster) -> Result<(), String> {
        let leader = View::new(cluster).leader();
        let host = leader.and_then(|host| cluster.hosts.get(host)).filter(|host| host.frozen.is_none());
        let store = host.and_then(|host| host.manager.as_ref()).map(|manager| manager.store());
        if leader != self.leader {
            self.wrong.clear();
        }
        self.leader = leader;
        store.map_or(Ok(()), |store| self.look(store))
    }
}

impl IngressAttachments {
    fn look(&mut self, store: &Store) -> Result<(), String> {
        let ingress = store.networks().find(|network| network.spec.ingress);
        let ingress = ingress.filter(|network| network.allocated.is_some()).map(|network| network.id);
        let wrong = std::mem::take(&mut self.wrong);
        for node in store.nodes() {
            let mut attached = node.attachments.iter().map(|attachment| &attachment.network);
            let attached = attached.find(|network| network.spec.ingress).map(|network| network.id);
            // What the allocator could not write for a new node, it does not try again before the node changes.
            let is_unheard_of = attached.is_none() && node.status.state == NodeState::Unknown;
            if attached == ingress || is_unheard_of {
                continue;
            }
            let sweeps = wrong.get(&node.id).map_or(1, |sweeps| sweeps + 1);
            if sweeps > PATIENCE {
                return Err(format!("{:?} has {attached:?} instead of {ingress:?} for long", node.id));
            }
            self.wrong.insert(node.id, sweeps);
        }
        Ok(())
    }
}
