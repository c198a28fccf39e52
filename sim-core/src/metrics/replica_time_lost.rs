//! How much work a service did not do because tasks were missing.
use super::{Label, Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::SimTime;
use crate::model::{IdMap, ServiceId};

pub(super) const KIND: MetricKind = MetricKind {
    name: "replica_time_lost_ns",
    meaning: "Missing tasks times the time they were missing, from the creation of the service on.",
    make: || Box::new(ReplicaTimeLost::default()),
};

#[derive(Debug, Default)]
struct ReplicaTimeLost(IdMap<ServiceId, Gap>);

/// The missing tasks of one service.
#[derive(Debug)]
struct Gap {
    since: SimTime,
    missing: u64,
    lost_ns: u64,
}

impl Gap {
    /// What is lost until `now`.
    fn lost_at(&self, now: SimTime) -> u64 {
        let span = now.since(self.since).as_nanos();
        self.lost_ns.saturating_add(span.saturating_mul(self.missing))
    }
}

impl Metric for ReplicaTimeLost {
    fn instant_over(&mut self, time: SimTime, scene: Scene<'_>) {
        for id in scene.census.touched() {
            let Some(service) = scene.census.service(id) else { continue };
            let unborn = || Gap { since: time, missing: 0, lost_ns: 0 };
            let gap = self.0.get_or_insert_with(id, unborn);
            *gap = Gap { since: time, missing: service.missing(), lost_ns: gap.lost_at(time) };
        }
    }

    fn read(&self, end: SimTime, _gained: Totals<'_>) -> Vec<Reading> {
        let reading =
            |(service, gap): (ServiceId, &Gap)| Reading::new(vec![Label::Service(service)], gap.lost_at(end));
        self.0.iter().map(reading).collect()
    }
}
