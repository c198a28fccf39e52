//! How long nodes went on sending connections to backends at which requests failed.
use std::collections::{BTreeMap, BTreeSet};

use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::model::{
    BackendEvent, Fact, FactRecord, Failure, Fault, HostId, RequestsFailed, TaskId, TrafficId,
};

/// A backend as one node knows it.
pub(crate) type Known = (HostId, TaskId);

/// The backends of which nodes did not know that they were gone or out of reach. A node can learn it, take the
/// backend back, and miss it again: each time is one of its own.
#[derive(Debug)]
pub(crate) struct StaleBackends {
    /// When requests were sent that failed at each.
    failures: BTreeMap<Known, BTreeSet<SimTime>>,
    /// Whenever the node stopped sending there.
    ends: BTreeMap<Known, BTreeSet<SimTime>>,
}

impl StaleBackends {
    /// Those that have cost requests, or those of one source.
    pub(crate) fn of(recording: &Recording, traffic: Option<TrafficId>) -> Self {
        let mut failures = BTreeMap::<Known, BTreeSet<SimTime>>::new();
        for record in &recording.facts {
            let Fact::RequestsFailed(failed) = &record.fact else { continue };
            let is_asked_for = traffic.is_none_or(|traffic| failed.traffic == traffic);
            if let Some(known) = stale(failed).filter(|_| is_asked_for) {
                failures.entry(known).or_default().insert(failed.first_sent);
            }
        }
        let mut ends = BTreeMap::<Known, BTreeSet<SimTime>>::new();
        for record in &recording.facts {
            for known in left(record, &failures) {
                ends.entry(known).or_default().insert(record.time);
            }
        }
        StaleBackends { failures, ends }
    }

    /// True if a fact is the end of one of them.
    pub(crate) fn is_end(&self, record: &FactRecord) -> bool {
        let Fact::Backends { host, tasks, .. } = &record.fact else { return false };
        tasks.iter().any(|task| {
            let known = (*host, *task);
            let failures = self.failures.get(&known).into_iter().flatten();
            failures.map(|sent| self.end(known, *sent)).any(|end| end == Some(record.time))
        })
    }

    /// Those to which nodes still send.
    pub(crate) fn that_remain(&self) -> impl Iterator<Item = Known> {
        let goes_on = |(known, sent): &(&Known, &BTreeSet<SimTime>)| {
            sent.last().is_some_and(|last| self.end(**known, *last).is_none())
        };
        self.failures.iter().filter(goes_on).map(|(known, _)| *known)
    }

    /// When the last of these nodes stopped sending to its backend, where a request was sent that failed. None: one
    /// goes on, or there are none.
    pub(crate) fn last_end(&self, failures: &BTreeMap<Known, SimTime>) -> Option<SimTime> {
        let ends: Option<Vec<SimTime>> =
            failures.iter().map(|(known, sent)| self.end(*known, *sent)).collect();
        ends?.into_iter().max()
    }

    /// When a node stopped sending to a backend after it has sent a request there.
    fn end(&self, known: Known, sent: SimTime) -> Option<SimTime> {
        self.ends.get(&known)?.range(sent..).next().copied()
    }
}

/// The backend that should not have been there any more, if that is why requests failed.
pub(crate) fn stale(failed: &RequestsFailed) -> Option<Known> {
    let is_stale = matches!(failed.failure, Failure::Gone | Failure::Unreachable);
    Some((failed.entry?, failed.task?)).filter(|_| is_stale)
}

/// Those of some backends to which a node sends nothing new after a fact.
fn left(record: &FactRecord, of: &BTreeMap<Known, BTreeSet<SimTime>>) -> Vec<Known> {
    if let Fact::Fault { fault } = &record.fact {
        return of.keys().copied().filter(|(host, _)| forgets(fault, *host)).collect();
    }
    let Fact::Backends { host, event: BackendEvent::Disabled | BackendEvent::Removed, tasks, .. } =
        &record.fact
    else {
        return Vec::new();
    };
    tasks.iter().map(|task| (*host, *task)).filter(|known| of.contains_key(known)).collect()
}

/// True if a machine knows nothing of any backend after a fault: it has lost power, or a new engine begins.
fn forgets(fault: &Fault, host: HostId) -> bool {
    let (Fault::Crash { hosts } | Fault::LoseDisk { hosts } | Fault::Restart { hosts }) = fault else {
        return false;
    };
    hosts.contains(&host)
}
