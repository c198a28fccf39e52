//! Runs the filters over nodes and counts who failed where (spec scheduler 7, 11).
use std::cmp::Reverse;

use super::filters::{FILTERS, Filter};
use super::needs::Needs;
use super::node_info::NodeInfo;

/// The filters that apply to a task, with their counters.
#[derive(Debug)]
pub(super) struct Pipeline<'a> {
    needs: Needs<'a>,
    enabled: Vec<Counter>,
}

/// A filter of [`FILTERS`], by position, and how many nodes failed it since the last one that passed all.
#[derive(Clone, Copy, Debug)]
struct Counter {
    filter: usize,
    failures: u32,
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(needs: Needs<'a>) -> Self {
        let applying = FILTERS.iter().enumerate().filter(|(_, filter)| filter.applies(&needs));
        let enabled = applying.map(|(filter, _)| Counter { filter, failures: 0 }).collect();
        Pipeline { needs, enabled }
    }

    pub(super) fn needs(&self) -> &Needs<'a> {
        &self.needs
    }

    /// True if the node passes all filters. That sets all counters to zero, so that a message tells only of
    /// nodes looked at after the last one that was good.
    pub(super) fn process(&mut self, node: &NodeInfo) -> bool {
        for counter in &mut self.enabled {
            if !FILTERS[counter.filter].fits(&self.needs, node) {
                counter.failures += 1;
                return false;
            }
        }
        for counter in &mut self.enabled {
            counter.failures = 0;
        }
        true
    }

    /// Like [`Pipeline::process`], without counting.
    pub(super) fn accepts(&self, node: &NodeInfo) -> bool {
        self.enabled.iter().all(|counter| FILTERS[counter.filter].fits(&self.needs, node))
    }

    /// Where nodes failed, most failures first, then in the order of the filters. Empty if none did.
    pub(super) fn explain(&self) -> String {
        let mut failed: Vec<&Counter> = self.enabled.iter().filter(|counter| counter.failures > 0).collect();
        failed.sort_by_key(|counter| Reverse(counter.failures));
        let parts = failed.iter().map(|counter| FILTERS[counter.filter].explain(counter.failures));
        parts.collect::<Vec<_>>().join("; ")
    }

    /// The filters that apply, in order.
    pub(super) fn filters(&self) -> impl Iterator<Item = &'static dyn Filter> {
        self.enabled.iter().map(|counter| FILTERS[counter.filter])
    }
}
