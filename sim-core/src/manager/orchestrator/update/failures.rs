//! Which tasks of an update failed, and whether those are too many (spec orchestration 9.5).
use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{TaskId, UpdateConfig};

const BILLION: u128 = 1_000_000_000;

/// The tasks that an updater made, and those of them that failed.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// When a task was first seen running or beyond; none before that.
    started_at: BTreeMap<TaskId, Option<SimTime>>,
    failed: BTreeSet<TaskId>,
}

impl Failures {
    /// The updater makes this task: from here on its end counts.
    pub(super) fn track(&mut self, task: TaskId) {
        self.started_at.insert(task, None);
    }

    /// A worker sees that its task runs, or has run.
    pub(super) fn started(&mut self, task: TaskId, now: SimTime) {
        self.started_at.insert(task, Some(now));
    }

    /// How many failures counted so far.
    pub(super) fn count(&self) -> u64 {
        self.failed.len() as u64
    }

    /// A task was seen to have ended. True if it counts and is one too many of `slots`.
    pub(super) fn is_one_too_many(
        &mut self,
        task: TaskId,
        now: SimTime,
        monitor: SimDuration,
        config: &UpdateConfig,
        slots: u64,
    ) -> bool {
        let counts = match self.started_at.get(&task) {
            None => false,
            Some(None) => true,
            Some(Some(started_at)) => now.since(*started_at) <= monitor,
        };
        counts && self.failed.insert(task) && self.exceed(config.max_failure_ratio_ppb, slots)
    }

    fn exceed(&self, ratio_ppb: u32, slots: u64) -> bool {
        self.failed.len() as u128 * BILLION > u128::from(ratio_ppb) * u128::from(slots)
    }
}

impl StateDigest for Failures {
    fn digest(&self, digest: &mut Digest) {
        let Self { started_at, failed } = self;
        started_at.digest(digest);
        digest.sequence(failed.iter());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many failures of `slots` slots are tolerated at most.
    fn tolerated(slots: u64, ratio_ppb: u32) -> u32 {
        let config = UpdateConfig { max_failure_ratio_ppb: ratio_ppb, ..UpdateConfig::default() };
        let mut failures = Failures::default();
        let is_one_too_many = |task: &u32| {
            failures.track(TaskId(*task));
            failures.is_one_too_many(TaskId(*task), SimTime::ZERO, SimDuration::ZERO, &config, slots)
        };
        (0..slots as u32).find(is_one_too_many).unwrap_or(slots as u32)
    }

    #[test]
    fn the_ratio_must_be_exceeded_and_counts_slots_that_were_out_of_date() {
        // UPD-012
        assert_eq!(tolerated(4, 400_000_000), 1);
        assert_eq!(tolerated(5, 200_000_000), 1, "exactly the ratio is no failure");
        assert_eq!(tolerated(1, 0), 0);
        assert_eq!(tolerated(1, 1_000_000_000), 1);
        assert_eq!(tolerated(2, 400_000_000), 0);
    }

    #[test]
    fn a_task_counts_once_and_only_within_the_monitoring_period() {
        let config = UpdateConfig::default();
        let mut failures = Failures::default();
        let at = SimTime::from_secs;
        let counts = |failures: &mut Failures, task: u32, now: u64| {
            failures.is_one_too_many(TaskId(task), at(now), SimDuration::from_secs(5), &config, 10)
        };
        assert!(!counts(&mut failures, 1, 0), "a task of somebody else");
        failures.track(TaskId(2));
        failures.started(TaskId(2), at(10));
        assert!(!counts(&mut failures, 2, 16), "too late");
        assert!(counts(&mut failures, 2, 15));
        assert!(!counts(&mut failures, 2, 15), "seen before");
        assert_eq!(failures.count(), 1);
    }
}
