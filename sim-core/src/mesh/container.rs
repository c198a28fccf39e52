//! A container of the mesh's own node: where it is attached, and what its node tells others about it
//! (spec networking 6.2).
use std::sync::Arc;

use crate::kernel::{Digest, StateDigest};
use crate::model::{AttachedNetwork, EndpointRecord, PortConfig};

/// A container of this node.
#[derive(Clone, Debug, Default)]
pub(super) struct Container {
    pub(super) networks: Vec<AttachedNetwork>,
    /// Ports of the node that lead straight to it.
    pub(super) host_ports: Vec<PortConfig>,
    /// What others were told; empty while it takes no part in load balancing.
    pub(super) records: Vec<Arc<EndpointRecord>>,
}

impl Container {
    /// It takes part in load balancing from here on, and these are its endpoints. The answer has each record with
    /// the one that it takes the place of.
    pub(super) fn enable(
        &mut self,
        records: Vec<EndpointRecord>,
    ) -> Vec<(Option<Arc<EndpointRecord>>, Arc<EndpointRecord>)> {
        let before = std::mem::replace(&mut self.records, records.into_iter().map(Arc::new).collect());
        let earlier = |id| before.iter().find(|known| known.id == id).cloned();
        self.records.iter().map(|record| (earlier(record.id), Arc::clone(record))).collect()
    }

    /// It takes no new connections. The answer has each record before and after.
    pub(super) fn disable(&mut self) -> Vec<(Arc<EndpointRecord>, Arc<EndpointRecord>)> {
        let mut changed = Vec::new();
        for record in self.records.iter_mut().filter(|record| !record.disabled) {
            let after = Arc::new(EndpointRecord { disabled: true, ..EndpointRecord::clone(record) });
            changed.push((std::mem::replace(record, Arc::clone(&after)), after));
        }
        changed
    }
}

impl StateDigest for Container {
    fn digest(&self, digest: &mut Digest) {
        let Self { networks, host_ports, records } = self;
        digest.debug(networks);
        host_ports.digest(digest);
        records.digest(digest);
    }
}
