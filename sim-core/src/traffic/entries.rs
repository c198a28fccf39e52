//! The nodes that clients outside send to, in turn, and what a load balancer in front of them knows of each.
use crate::kernel::{Digest, StateDigest};
use crate::model::setup::EntryCheck;
use crate::model::{FactId, HostId};

/// The nodes of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    nodes: Vec<Entry>,
    next: usize,
    pub(super) check: Option<EntryCheck>,
}

/// A node, as a load balancer in front sees it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    host: HostId,
    marked_down: bool,
    /// Checks in a row that speak against what it is taken for.
    contrary: u32,
    /// Why it last failed a check.
    failed_by: Option<FactId>,
}

impl Entries {
    pub(super) fn new(hosts: &[HostId], check: Option<EntryCheck>) -> Self {
        let entry = |host: &HostId| Entry { host: *host, marked_down: false, contrary: 0, failed_by: None };
        Entries { nodes: hosts.iter().map(entry).collect(), next: 0, check }
    }

    /// The node whose turn it is among those that are not marked down. Who has just failed at one gets another, if
    /// there is another.
    pub(super) fn choose(&mut self, failed_at: Option<HostId>) -> Option<HostId> {
        let mut last_resort = None;
        for _ in 0..self.nodes.len() {
            let entry = self.nodes[self.next];
            self.next = (self.next + 1) % self.nodes.len();
            match (entry.marked_down, failed_at == Some(entry.host)) {
                (true, _) => {}
                (false, true) => last_resort = failed_at,
                (false, false) => return Some(entry.host),
            }
        }
        last_resort
    }

    /// All nodes, to be checked.
    pub(super) fn hosts(&self) -> impl Iterator<Item = (usize, HostId)> + use<> {
        self.nodes.iter().map(|entry| entry.host).collect::<Vec<_>>().into_iter().enumerate()
    }

    /// Why the last of those that are marked down is.
    pub(super) fn down_because(&self) -> Option<FactId> {
        self.nodes.iter().filter(|entry| entry.marked_down).filter_map(|entry| entry.failed_by).max()
    }

    /// A node passed a check, or failed it because of something.
    pub(super) fn checked(&mut self, place: usize, outcome: Result<(), FactId>) {
        let Some(check) = self.check else { return };
        let entry = &mut self.nodes[place];
        entry.failed_by = outcome.err().or(entry.failed_by);
        entry.contrary = if outcome.is_ok() == entry.marked_down { entry.contrary + 1 } else { 0 };
        let limit = if entry.marked_down { check.rises } else { check.falls };
        if entry.contrary >= limit {
            (entry.marked_down, entry.contrary) = (!entry.marked_down, 0);
        }
    }
}

impl StateDigest for Entries {
    fn digest(&self, digest: &mut Digest) {
        // Causes are for the trace.
        let Self { nodes, next, check: _ } = self;
        for Entry { host, marked_down, contrary, failed_by: _ } in nodes {
            digest.u32(host.0);
            digest.bool(*marked_down);
            digest.u32(*contrary);
        }
        digest.u64(*next as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::SimDuration;

    #[test]
    fn a_node_is_left_out_after_failed_checks_and_comes_back_after_passed_ones() {
        let check = EntryCheck { every: SimDuration::from_secs(1), falls: 2, rises: 1 };
        let mut entries = Entries::new(&[HostId(0), HostId(1)], Some(check));
        let turns = |entries: &mut Entries| -> Vec<u32> {
            (0..3).map(|_| entries.choose(None).map_or(9, |host| host.0)).collect()
        };
        assert_eq!(turns(&mut entries), [0, 1, 0]);
        assert_eq!(entries.choose(Some(HostId(1))), Some(HostId(0)), "it has just failed at the other");
        assert_eq!(entries.choose(None), Some(HostId(1)));
        assert_eq!(entries.choose(None), Some(HostId(0)));
        entries.checked(1, Err(FactId(1)));
        entries.checked(1, Ok(()));
        entries.checked(1, Err(FactId(1)));
        assert_eq!(turns(&mut entries), [1, 0, 1], "failures must come in a row");
        entries.checked(1, Err(FactId(1)));
        assert_eq!(turns(&mut entries), [0, 0, 0]);
        entries.checked(0, Err(FactId(2)));
        entries.checked(0, Err(FactId(2)));
        assert_eq!(turns(&mut entries), [9, 9, 9], "none is left");
        assert_eq!(entries.down_because(), Some(FactId(2)));
        entries.checked(1, Ok(()));
        assert_eq!(turns(&mut entries), [1, 1, 1]);
    }
}
