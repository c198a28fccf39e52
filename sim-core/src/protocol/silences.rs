//! Silence has a cause too: the fault that last kept somebody from being heard (decisions: trace).
//!
//! A timer that fires because nothing was heard would lead back to the last thing that went well. The cluster
//! notes here which fault silenced which host or path, and components ask before they act on a silence.
use std::collections::BTreeMap;

use crate::model::{FactId, HostId};

/// The faults behind silences.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    hosts: BTreeMap<HostId, FactId>,
    paths: BTreeMap<(HostId, HostId), FactId>,
}

impl Silences {
    /// A host says nothing any more, because of a fault.
    pub(crate) fn silence_host(&mut self, host: HostId, fact: FactId) {
        self.hosts.insert(host, fact);
    }

    /// A host can be heard again.
    pub(crate) fn host_speaks(&mut self, host: HostId) {
        self.hosts.remove(&host);
    }

    /// Something that one host sent did not reach another, because of a fault.
    pub(crate) fn silence_path(&mut self, from: HostId, to: HostId, fact: FactId) {
        self.paths.insert((from, to), fact);
    }

    /// Something that one host sent reached another.
    pub(crate) fn path_speaks(&mut self, from: HostId, to: HostId) {
        if !self.paths.is_empty() {
            self.paths.remove(&(from, to));
        }
    }

    /// The latest fault that kept `there` from being heard `here`, or the other way round.
    pub(super) fn cause(&self, here: HostId, there: HostId) -> Option<FactId> {
        let host = self.hosts.get(&there).copied();
        let way = self.paths.get(&(there, here)).copied();
        let back = self.paths.get(&(here, there)).copied();
        host.max(way).max(back)
    }
}
