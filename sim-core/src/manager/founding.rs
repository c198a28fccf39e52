//! The objects of a new swarm, and the first leader's part in making them (spec control-plane 5.1, 8.2).
use std::sync::Arc;

use super::Manager;
use crate::model::network::{OVERLAY, PREDEFINED_LABEL};
use crate::model::{
    Annotations, Availability, Cluster, ClusterId, ClusterSpec, HostId, Network, NetworkId, NetworkSpec,
    Node, NodeId, NodeRole, NodeSpec,
};
use crate::protocol::{Effects, StoreEntry};
use crate::store::Transaction;

/// Networks that every engine has by itself.
pub(crate) const PREDEFINED_NETWORKS: [&str; 2] = ["bridge", "host"];

/// What a new swarm begins with. The engine's first settings are part of it here; docker sends them a moment later.
#[derive(Clone, Debug)]
pub(crate) struct Founding {
    pub(crate) cluster: ClusterId,
    pub(crate) spec: ClusterSpec,
    /// The first manager's node.
    pub(crate) node: NodeId,
    pub(crate) availability: Availability,
}

impl Manager {
    /// Makes the objects without which no loop can run. They are made by one transaction; the loops start when that
    /// is applied. False if there is nothing to be made.
    pub(super) fn found_swarm(&mut self, out: &mut Effects) -> bool {
        if self.store.cluster().is_some() {
            return false;
        }
        let Some(founding) = self.kit.founding.take() else { return true };
        let (now, cause, host) = (out.now(), out.cause(), self.host);
        let version = self.raft.commit_index();
        let mut transaction = Transaction::new(&mut self.store, &mut out.ids, now, version, cause);
        transaction
            .create_cluster(Cluster::new(founding.cluster, Arc::new(founding.spec)))
            .expect("the store is empty");
        transaction.create_node(first_node(founding.node, founding.availability, host)).expect("a new node");
        let ingress = ingress_network(transaction.mint_network());
        transaction.create_network(ingress).expect("the store is empty");
        for name in PREDEFINED_NETWORKS {
            let network = predefined_network(transaction.mint_network(), name);
            transaction.create_network(network).expect("the names differ");
        }
        let changes = Arc::new(transaction.into_changes());
        self.raft.propose(StoreEntry(changes)).expect("a lone leader may propose");
        true
    }
}

/// The network of the routing mesh. The allocator gives it a subnet (spec networking 2, 3.2).
pub(crate) fn ingress_network(id: NetworkId) -> Network {
    let annotations = Annotations { name: "ingress".to_owned(), ..Annotations::default() };
    let spec =
        NetworkSpec { annotations, driver: OVERLAY.to_owned(), ingress: true, ..NetworkSpec::default() };
    Network::new(id, spec)
}

/// A network that every engine has by itself.
pub(crate) fn predefined_network(id: NetworkId, name: &str) -> Network {
    let labels = [(PREDEFINED_LABEL.to_owned(), "true".to_owned())].into();
    let annotations = Annotations { name: name.to_owned(), labels };
    let spec = NetworkSpec { annotations, driver: name.to_owned(), ..NetworkSpec::default() };
    Network { allocated: Some(Vec::new()), ..Network::new(id, spec) }
}

/// The node of the first manager, of whose agent nothing is known yet.
fn first_node(id: NodeId, availability: Availability, host: HostId) -> Node {
    let role = NodeRole::Manager;
    Node {
        spec: Arc::new(NodeSpec { desired_role: role, availability, ..NodeSpec::default() }),
        ..Node::new(id, host, role)
    }
}
