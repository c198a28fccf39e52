//! The running sum of object hashes equals a full recount on every manager.
use std::collections::BTreeMap;

use super::Invariant;
use crate::cluster::Cluster;
use crate::model::HostId;
use crate::store::Store;

/// Sweeps between two recounts. A sum that was wrong once stays wrong.
const PERIOD: usize = 5;

/// Recounts in sweeps what has changed since the last time.
///
/// Managers with equal chains have applied the same entries and must carry the same sum. One of them is recounted,
/// another one the next time: all would cost as many times as much and find the same defects.
#[derive(Debug, Default)]
pub(super) struct StoreSum {
    /// Per host, the chain of its store at the last recount.
    chains: BTreeMap<HostId, u64>,
    sweeps: usize,
}

impl Invariant for StoreSum {
    fn name(&self) -> &'static str {
        "store sum"
    }

    fn sweep(&mut self, cluster: &Cluster) -> Result<(), String> {
        self.sweeps += 1;
        if !self.sweeps.is_multiple_of(PERIOD) {
            return Ok(());
        }
        let mut changed = BTreeMap::<u64, Vec<(HostId, &Store)>>::new();
        for (id, manager) in cluster.managers() {
            let chain = manager.store().chain();
            if self.chains.insert(id, chain) != Some(chain) {
                changed.entry(chain).or_default().push((id, manager.store()));
            }
        }
        changed.values().try_for_each(|alike| check(alike, self.sweeps / PERIOD))
    }
}

/// Compares the sums of stores with equal chains, and recounts one of them.
fn check(alike: &[(HostId, &Store)], turn: usize) -> Result<(), String> {
    let (id, store) = alike[turn % alike.len()];
    let recounted = store.recounted_sum();
    if store.sum() != recounted {
        let running = store.sum();
        return Err(format!("{id:?} carries the sum {running:016x}, its objects add up to {recounted:016x}"));
    }
    match alike.iter().find(|(_, other)| other.sum() != recounted) {
        Some((other, _)) => {
            Err(format!("{other:?} and {id:?} have applied the same, and carry different sums"))
        }
        None => Ok(()),
    }
}
