//! The running sum of object hashes equals a full recount on every manager.
use super::Invariant;
use crate::cluster::Cluster;

/// Recounts in sweeps.
#[derive(Debug)]
pub(super) struct StoreSum;

impl Invariant for StoreSum {
    fn name(&self) -> &'static str {
        "store sum"
    }

    fn sweep(&mut self, cluster: &Cluster) -> Result<(), String> {
        for (id, host) in cluster.hosts.iter() {
            let Some(manager) = &host.manager else { continue };
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
