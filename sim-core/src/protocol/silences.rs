//! Silence has a cause too: the fault that last kept somebody from being heard (decisions: trace).
//!
//! A timer that fires because nothing was heard would lead back to the last thing that went well. The cluster
//! notes here which fault silenced which host or path, and components ask before they act on a silence. What gets
//! through again when a link has healed was tried because of the fault, and succeeds because of the repair.
use std::collections::BTreeMap;

use crate::model::{FactId, Heading, HostId, SwarmPort};

/// What managers and agents send each other.
const HEADINGS: [Heading; 2] = [Heading::To(SwarmPort::Management), Heading::Back];

/// The faults behind silences.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    hosts: BTreeMap<HostId, FactId>,
    paths: BTreeMap<(HostId, HostId, Heading), SilentPath>,
    /// Managers that say everything late, because what they say has to be on their disk first.
    disks: BTreeMap<HostId, FactId>,
    /// The leader that a host's manager knew last, to whom it passes on what it is asked.
    leaders: BTreeMap<HostId, HostId>,
}

/// A way on which something was lost, and nothing got through since.
#[derive(Clone, Copy, Debug)]
struct SilentPath {
    fault: FactId,
    /// The repair since when something would get through.
    repair: Option<FactId>,
}

impl Silences {
    /// A host says nothing any more, because of a fault.
    pub(crate) fn silence_host(&mut self, host: HostId, fact: FactId) {
        self.hosts.insert(host, fact);
    }

    /// The fault for which a host says nothing.
    pub(super) fn of_host(&self, host: HostId) -> Option<FactId> {
        self.hosts.get(&host).copied()
    }

    /// A host can be heard again.
    pub(crate) fn host_speaks(&mut self, host: HostId) {
        self.hosts.remove(&host);
    }

    /// The manager of a host passes on what it is asked to this leader.
    pub(crate) fn follows(&mut self, host: HostId, leader: HostId) {
        self.leaders.insert(host, leader);
    }

    /// The fault that keeps the manager of a host from being answered by its leader.
    pub(super) fn behind(&self, host: HostId) -> Option<FactId> {
        self.cause(host, *self.leaders.get(&host)?)
    }

    /// The disk of a host is slow because of a fact, or fast again.
    pub(crate) fn slow_disk(&mut self, host: HostId, fact: Option<FactId>) {
        match fact {
            Some(fact) => self.disks.insert(host, fact),
            None => self.disks.remove(&host),
        };
    }

    /// The fault that makes the disk of a host slow.
    pub(super) fn of_disk(&self, host: HostId) -> Option<FactId> {
        self.disks.get(&host).copied()
    }

    /// Something that one host sent did not reach another, because of a fault.
    pub(crate) fn silence_path(&mut self, from: HostId, to: HostId, heading: Heading, fact: FactId) {
        self.paths.insert((from, to, heading), SilentPath { fault: fact, repair: None });
    }

    /// Links are repaired: on those that are open something would get through.
    pub(crate) fn paths_repaired(
        &mut self,
        repair: FactId,
        is_open: impl Fn(HostId, HostId, Heading) -> bool,
    ) {
        for ((from, to, heading), path) in &mut self.paths {
            if is_open(*from, *to, *heading) {
                path.repair.get_or_insert(repair);
            }
        }
    }

    /// Something that one host sent reached another. The answer is the repair that made it possible, if one did.
    pub(crate) fn path_speaks(&mut self, from: HostId, to: HostId, heading: Heading) -> Option<FactId> {
        if self.paths.is_empty() {
            return None;
        }
        self.paths.remove(&(from, to, heading))?.repair
    }

    /// The latest fault that kept `there` from being heard `here`, or the other way round.
    pub(super) fn cause(&self, here: HostId, there: HostId) -> Option<FactId> {
        let host = self.hosts.get(&there).copied();
        host.max(self.of_path(there, here)).max(self.of_path(here, there))
    }

    fn of_path(&self, from: HostId, to: HostId) -> Option<FactId> {
        let faults = HEADINGS.iter().filter_map(|heading| self.paths.get(&(from, to, *heading)));
        faults.map(|path| path.fault).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: HostId = HostId(1);
    const THERE: HostId = HostId(2);

    #[test]
    fn what_gets_through_after_a_repair_is_owed_to_it() {
        let mut silences = Silences::default();
        silences.silence_path(THERE, HERE, Heading::Back, FactId(5));
        assert_eq!(silences.cause(HERE, THERE), Some(FactId(5)));
        silences.paths_repaired(FactId(6), |_, _, _| false);
        silences.paths_repaired(FactId(7), |_, _, _| true);
        silences.paths_repaired(FactId(8), |_, _, _| true);
        assert_eq!(silences.cause(HERE, THERE), Some(FactId(5)), "the silence keeps its cause");
        assert_eq!(silences.path_speaks(THERE, HERE, Heading::Back), Some(FactId(7)));
        assert_eq!(silences.path_speaks(THERE, HERE, Heading::Back), None);
        assert_eq!(silences.cause(HERE, THERE), None);
    }

    #[test]
    fn answers_that_pass_do_not_end_the_silence_of_requests() {
        let (mut silences, request) = (Silences::default(), Heading::To(SwarmPort::Management));
        silences.silence_path(HERE, THERE, request, FactId(5));
        assert_eq!(silences.path_speaks(HERE, THERE, Heading::Back), None);
        assert_eq!(silences.cause(HERE, THERE), Some(FactId(5)));
    }
}
