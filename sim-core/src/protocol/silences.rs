//! Silence has a cause too: the fault that last kept somebody from being heard (decisions: trace).
//!
//! A timer that fires because nothing was heard would lead back to the last thing that went well. The cluster
//! notes here which fault silenced which host or path, and components ask before they act on a silence. What gets
//! through again when a link has healed was tried because of the fault, and succeeds because of the repair.
use std::collections::BTreeMap;

use crate::model::{FactId, HostId};

/// The faults behind silences.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    hosts: BTreeMap<HostId, FactId>,
    paths: BTreeMap<(HostId, HostId), SilentPath>,
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

    /// Something that one host sent did not reach another, because of a fault.
    pub(crate) fn silence_path(&mut self, from: HostId, to: HostId, fact: FactId) {
        self.paths.insert((from, to), SilentPath { fault: fact, repair: None });
    }

    /// Links are repaired: on those that are open something would get through.
    pub(crate) fn paths_repaired(&mut self, repair: FactId, is_open: impl Fn(HostId, HostId) -> bool) {
        for ((from, to), path) in &mut self.paths {
            if is_open(*from, *to) {
                path.repair.get_or_insert(repair);
            }
        }
    }

    /// Something that one host sent reached another. The answer is the repair that made it possible, if one did.
    pub(crate) fn path_speaks(&mut self, from: HostId, to: HostId) -> Option<FactId> {
        if self.paths.is_empty() {
            return None;
        }
        self.paths.remove(&(from, to))?.repair
    }

    /// The latest fault that kept `there` from being heard `here`, or the other way round.
    pub(super) fn cause(&self, here: HostId, there: HostId) -> Option<FactId> {
        let host = self.hosts.get(&there).copied();
        let way = self.paths.get(&(there, here)).map(|path| path.fault);
        let back = self.paths.get(&(here, there)).map(|path| path.fault);
        host.max(way).max(back)
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
        silences.silence_path(THERE, HERE, FactId(5));
        assert_eq!(silences.cause(HERE, THERE), Some(FactId(5)));
        silences.paths_repaired(FactId(6), |_, _| false);
        silences.paths_repaired(FactId(7), |_, _| true);
        silences.paths_repaired(FactId(8), |_, _| true);
        assert_eq!(silences.cause(HERE, THERE), Some(FactId(5)), "the silence keeps its cause");
        assert_eq!(silences.path_speaks(THERE, HERE), Some(FactId(7)));
        assert_eq!(silences.path_speaks(THERE, HERE), None);
        assert_eq!(silences.cause(HERE, THERE), None);
    }
}
