//! What must hold at every moment of every run, whatever breaks (spec control-plane 10).
//!
//! Invariants observe: they look at the manager that the last event touched, act between events and never through
//! the queue, so a run has the same hashes with and without them. In checked runs a full sweep follows each
//! virtual second.
mod acknowledged;
mod activated;
mod addresses;
mod applied_state;
mod attachments;
mod backends;
mod causes;
mod commit;
mod committed;
mod election_safety;
mod leader_completeness;
mod log_matching;
mod requests;
mod seen;
mod store_sum;
mod task_states;

use std::collections::BTreeMap;
use std::fmt;

use self::seen::Seen;
use crate::cluster::Cluster;
use crate::kernel::SimTime;
use crate::manager::Manager;
use crate::model::{FactRecord, HostId, IdMap};
use crate::protocol::Lineage;

/// How many indexes of the log are remembered. What lags more than this is compared again when it has caught up.
const REMEMBERED: usize = 20_000;

/// A broken promise of the simulated cluster: a defect of the simulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the invariant.
    pub invariant: &'static str,
    /// When it was seen.
    pub time: SimTime,
    /// How many events had been handled.
    pub event: u64,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, time, event, what } = self;
        write!(f, "{invariant} does not hold at {time} (event {event}): {what}")
    }
}

/// One promise.
pub(crate) trait Invariant: fmt::Debug + Send {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Looks at the manager that the last event touched, if that has changed anything of what [`Seen`] holds.
    fn after_event(&mut self, _host: HostId, _manager: &Manager) -> Result<(), String> {
        Ok(())
    }

    /// Looks at a fact that was told.
    fn after_fact(&mut self, _record: &FactRecord) -> Result<(), String> {
        Ok(())
    }

    /// Looks at everything.
    fn sweep(&mut self, _cluster: &Cluster) -> Result<(), String> {
        Ok(())
    }
}

/// The invariants of a log's history, in the order in which they are checked. Managers of different histories, as
/// of two swarms, or of one that goes on alone, promise each other nothing.
fn of_history() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(election_safety::ElectionSafety::default()),
        Box::new(commit::CommitMonotone::default()),
        Box::new(log_matching::LogMatching::default()),
        Box::new(committed::CommittedEntries::default()),
        Box::new(applied_state::EqualAppliedState::default()),
        Box::new(leader_completeness::LeaderCompleteness::default()),
        Box::new(acknowledged::AcknowledgedWrites::default()),
    ]
}

/// The invariants of the whole run, in the order in which they are checked.
fn of_run() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(causes::CauseChains::default()),
        Box::new(task_states::TaskStates),
        Box::new(addresses::Addresses::default()),
        Box::new(attachments::IngressAttachments::default()),
        Box::new(activated::ActivatedBackends::default()),
        Box::new(backends::KnownBackends::default()),
        Box::new(requests::Requests::default()),
        Box::new(store_sum::StoreSum::default()),
    ]
}

/// Checks all invariants along a run.
#[derive(Debug)]
pub(crate) struct Checks {
    histories: BTreeMap<Lineage, Vec<Box<dyn Invariant>>>,
    /// Each host's manager, as it was looked at last.
    seen: IdMap<HostId, Seen>,
    run: Vec<Box<dyn Invariant>>,
    violations: Vec<Violation>,
}

impl Checks {
    pub(crate) fn new() -> Self {
        Checks { histories: BTreeMap::new(), seen: IdMap::new(), run: of_run(), violations: Vec::new() }
    }

    pub(crate) fn after_event(&mut self, cluster: &Cluster, host: HostId, time: SimTime, event: u64) {
        let Some(manager) = cluster.hosts.get(host).and_then(|host| host.manager.as_ref()) else { return };
        let seen = Seen::of(manager);
        if self.seen.get(host) == Some(&seen) {
            return;
        }
        self.seen.insert(host, seen);
        let invariants = self.histories.entry(manager.lineage()).or_insert_with(of_history);
        if manager.has_forgotten() {
            // A member without its log votes and acknowledges as if nothing had been: Raft promises nothing then.
            invariants.clear();
        }
        let check = |invariant: &mut dyn Invariant| invariant.after_event(host, manager);
        each(invariants, &mut self.violations, (time, event), check);
    }

    pub(crate) fn after_fact(&mut self, record: &FactRecord, event: u64) {
        for invariants in self.histories.values_mut().chain([&mut self.run]) {
            let check = |invariant: &mut dyn Invariant| invariant.after_fact(record);
            each(invariants, &mut self.violations, (record.time, event), check);
        }
    }

    pub(crate) fn sweep(&mut self, cluster: &Cluster, time: SimTime, event: u64) {
        for invariants in self.histories.values_mut().chain([&mut self.run]) {
            let check = |invariant: &mut dyn Invariant| invariant.sweep(cluster);
            each(invariants, &mut self.violations, (time, event), check);
        }
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

/// An invariant that is broken once is not looked at again: what follows is noise.
fn each(
    invariants: &mut Vec<Box<dyn Invariant>>,
    violations: &mut Vec<Violation>,
    (time, event): (SimTime, u64),
    mut check: impl FnMut(&mut dyn Invariant) -> Result<(), String>,
) {
    invariants.retain_mut(|invariant| {
        let Err(what) = check(invariant.as_mut()) else { return true };
        violations.push(Violation { invariant: invariant.name(), time, event, what });
        false
    });
}
