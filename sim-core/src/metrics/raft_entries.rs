//! How much the managers wrote to their replicated log.
use super::{Metric, MetricKind, Reading, Totals};
use crate::kernel::SimTime;

pub(super) const KIND: MetricKind = MetricKind {
    name: "raft_entries_total",
    meaning: "Entries of the replicated log that were committed after the start of the run.",
    make: || Box::new(RaftEntries),
};

#[derive(Debug)]
struct RaftEntries;

impl Metric for RaftEntries {
    fn read(&self, _end: SimTime, gained: Totals<'_>) -> Vec<Reading> {
        vec![Reading::new(Vec::new(), gained.commit_index)]
    }
}
