//! The running sum of object hashes equals a full recount on every manager.
use std::collections::BTreeMap;

use super::Invariant;
use crate::cluster::Cluster;
use crate::model::HostId;

/// Recounts in sweeps what has changed since the last one: per host, the chain of the store at its last recount.
#[derive(Debug, Default)]
pub(super) struct StoreSum(BTreeMap<HostId, u64>);

impl Invariant for StoreSum {
    fn name(&self) -> &'static str {
        "store sum"
    }

    fn sweep(&mut self, cluster: &Cluster) -> Result<(), String> {
        for (id, host) in cluster.hosts.iter() {
            let Some(manager) = &host.manager else { continue };
            if self.0.insert(id, manager.store().chain()) == Some(manager.store().chain()) {
                continue;
            }
            let (running, recounted) = (manager.store().sum(), manager.store().recounted_sum());
            if running != recounted {
                return Err(format!(
                    "{id:?} carries the sum {running:016x}, its objects add up to {recounted:016x}"
                ));
            }
        }
        Ok(())
    }
}
