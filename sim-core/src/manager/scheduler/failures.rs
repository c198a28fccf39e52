//! Recent failures of a node, by service and spec version (spec scheduler 9).
//!
//! Only the ranking of nodes uses them. They live in memory and are lost with the leadership.
use std::collections::BTreeMap;

use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{ServiceId, Task};

/// How far back failures count (spec scheduler 1).
const MONITOR_FAILURES: SimDuration = SimDuration::from_secs(5 * 60);
/// From so many failures on a node is ranked by them before anything else (spec scheduler 1).
pub(super) const MAX_FAILURES: u32 = 5;

/// A service at one version of its spec: an update begins with a clean record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VersionedService {
    pub(super) service: Option<ServiceId>,
    spec_version: u64,
}

impl VersionedService {
    pub(super) fn of(task: &Task) -> Self {
        VersionedService { service: task.service, spec_version: task.spec_version.unwrap_or(0) }
    }
}

/// Times of failures, in ascending order for each service version.
#[derive(Clone, Debug)]
pub(super) struct RecentFailures {
    times: BTreeMap<VersionedService, Vec<SimTime>>,
    last_cleanup: SimTime,
}

impl RecentFailures {
    pub(super) fn new(now: SimTime) -> Self {
        RecentFailures { times: BTreeMap::new(), last_cleanup: now }
    }

    /// A task of this service version failed or was rejected now.
    pub(super) fn record(&mut self, service: VersionedService, now: SimTime) {
        if now.since(self.last_cleanup) >= MONITOR_FAILURES {
            // Times ascend, so the last one tells whether all are old.
            self.times.retain(|_, times| times.last().is_some_and(|last| is_fresh(*last, now)));
            self.last_cleanup = now;
        }
        let times = self.times.entry(service).or_default();
        times.retain(|time| is_fresh(*time, now));
        times.push(now);
    }

    /// Failures that count for ranking. One that is exactly at the limit still does, although the next record
    /// drops it.
    pub(super) fn count(&self, service: VersionedService, now: SimTime) -> u32 {
        if self.times.is_empty() {
            return 0;
        }
        let times = self.times.get(&service).map_or(&[][..], Vec::as_slice);
        let old = times.partition_point(|time| now.since(*time) > MONITOR_FAILURES);
        (times.len() - old) as u32
    }

    /// True if the node ever failed a task of this service version, as far as is still known.
    pub(super) fn knows(&self, service: VersionedService) -> bool {
        !self.times.is_empty() && self.times.contains_key(&service)
    }
}

fn is_fresh(time: SimTime, now: SimTime) -> bool {
    now.since(time) < MONITOR_FAILURES
}

impl StateDigest for VersionedService {
    fn digest(&self, digest: &mut Digest) {
        let Self { service, spec_version } = self;
        service.digest(digest);
        digest.u64(*spec_version);
    }
}

impl StateDigest for RecentFailures {
    fn digest(&self, digest: &mut Digest) {
        let Self { times, last_cleanup } = self;
        times.digest(digest);
        digest.time(*last_cleanup);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_exactly_five_minutes_counts_until_the_next_one() {
        // SCH-123: ages 6 min, 5 min and 4 min.
        let service = VersionedService { service: None, spec_version: 1 };
        let now = SimTime::from_secs(600);
        let mut failures = RecentFailures::new(SimTime::ZERO);
        for seconds in [240, 300, 360] {
            failures.record(service, SimTime::from_secs(seconds));
        }
        assert_eq!(failures.count(service, now), 2);
        failures.record(service, now);
        assert_eq!(failures.count(service, now), 2, "the one of five minutes is dropped now");
        assert_eq!(failures.count(service, now + SimDuration::from_secs(61)), 1);
    }

    #[test]
    fn a_new_spec_version_begins_without_failures() {
        let mut failures = RecentFailures::new(SimTime::ZERO);
        let old = VersionedService { service: Some(ServiceId(1)), spec_version: 1 };
        failures.record(old, SimTime::ZERO);
        let new = VersionedService { spec_version: 2, ..old };
        assert_eq!((failures.count(old, SimTime::ZERO), failures.count(new, SimTime::ZERO)), (1, 0));
        assert!(failures.knows(old) && !failures.knows(new));
    }

    #[test]
    fn a_cleanup_forgets_services_whose_failures_are_all_old() {
        let mut failures = RecentFailures::new(SimTime::ZERO);
        let [one, two] = [1, 2].map(|id| VersionedService { service: Some(ServiceId(id)), spec_version: 1 });
        failures.record(one, SimTime::ZERO);
        failures.record(two, SimTime::from_secs(299));
        assert!(failures.knows(one));
        failures.record(two, SimTime::from_secs(300));
        assert!(!failures.knows(one));
        assert_eq!(failures.count(two, SimTime::from_secs(300)), 2);
    }
}
