//! How long nodes went on sending connections to backends at which requests failed.
use std::collections::{BTreeMap, BTreeSet};

use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::model::{
    BackendEvent, Fact, FactRecord, Failure, Fault, HostId, RequestsFailed, TaskId, TrafficId,
};

/// A backend as one node knows it.
type Known = (HostId, TaskId);

/// The backends of which nodes did not know that they were gone or out of reach.
#[derive(Debug)]
pub(crate) struct StaleBackends {
    /// When the node stopped sending there; none while it goes on.
    until: BTreeMap<Known, Option<SimTime>>,
}

impl StaleBackends {
    /// Those that have cost requests, or those of one source.
    pub(crate) fn of(recording: &Recording, traffic: Option<TrafficId>) -> Self {
        let mut until = BTreeMap::new();
        for record in &recording.facts {
            let Fact::RequestsFailed(failed) = &record.fact else { continue };
            let is_asked_for = traffic.is_none_or(|traffic| failed.traffic == traffic);
            if let Some(known) = stale(failed).filter(|_| is_asked_for) {
                until.entry(known).or_insert_with(|| left(recording, known, failed.first_sent));
            }
        }
        StaleBackends { until }
    }

    /// True if a fact is the end of one of them.
    pub(crate) fn is_end(&self, record: &FactRecord) -> bool {
        let Fact::Backends { host, tasks, .. } = &record.fact else { return false };
        tasks.iter().any(|task| self.until.get(&(*host, *task)) == Some(&Some(record.time)))
    }

    /// Those to which nodes still send.
    pub(crate) fn that_remain(&self) -> impl Iterator<Item = Known> {
        self.until.iter().filter(|(_, until)| until.is_none()).map(|(known, _)| *known)
    }

    /// When the last of these nodes stopped sending to these tasks. None: one goes on, or nothing is known of them.
    pub(crate) fn last_end(&self, hosts: &BTreeSet<HostId>, tasks: &BTreeSet<TaskId>) -> Option<SimTime> {
        let concerned =
            self.until.iter().filter(|((host, task), _)| hosts.contains(host) && tasks.contains(task));
        let ends: Option<Vec<SimTime>> = concerned.map(|(_, until)| *until).collect();
        ends?.into_iter().max()
    }
}

/// The backend that should not have been there any more, if that is why requests failed.
fn stale(failed: &RequestsFailed) -> Option<Known> {
    let is_stale = matches!(failed.failure, Failure::Gone | Failure::Unreachable);
    Some((failed.entry?, failed.task?)).filter(|_| is_stale)
}

/// True if a machine knows nothing of any backend after a fault: it has lost power, or a new engine begins.
fn forgets(fault: &Fault, host: HostId) -> bool {
    let (Fault::Crash { hosts } | Fault::LoseDisk { hosts } | Fault::Restart { hosts }) = fault else {
        return false;
    };
    hosts.contains(&host)
}

/// When a node stopped sending to a backend at which requests fail since some time.
fn left(recording: &Recording, (host, task): Known, since: SimTime) -> Option<SimTime> {
    let ends = |record: &&FactRecord| {
        let dropped = matches!(&record.fact, Fact::Backends { host: of, event, tasks, .. }
            if *of == host && *event != BackendEvent::Added && tasks.contains(&task));
        dropped || matches!(&record.fact, Fact::Fault { fault } if forgets(fault, host))
    };
    recording.facts.iter().filter(|record| record.time >= since).find(ends).map(|record| record.time)
}
