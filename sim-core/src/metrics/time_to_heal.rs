//! How long a service lacked tasks because of a fault.
//!
//! A fault concerns a service once a change that it caused leaves fewer tasks running than desired. The fault counts
//! from the moment it struck, not from the moment it was noticed.
use std::collections::BTreeMap;

use super::{Label, Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::{SimDuration, SimTime};
use crate::model::{Fact, FactId, FactRecord, ServiceId};

pub(super) const KIND: MetricKind = MetricKind {
    name: "time_to_heal_ns",
    meaning: "From the fault to the first instant at which as many tasks of the service run as desired.",
    make: || Box::new(TimeToHeal::default()),
};

#[derive(Debug, Default)]
struct TimeToHeal {
    /// Time until healed, by service and fault; none while tasks are missing.
    wounds: BTreeMap<(ServiceId, FactId), Option<SimDuration>>,
    /// Wounds that are open, with the time of their fault.
    open: BTreeMap<ServiceId, Vec<(FactId, SimTime)>>,
}

impl Metric for TimeToHeal {
    fn fact(&mut self, record: &FactRecord, scene: Scene<'_>) {
        let (Fact::TaskState { task, .. } | Fact::TaskDesired { task, .. }) = record.fact else { return };
        let Some(strike) = scene.origins.strike(record.id) else { return };
        let Some(id) = scene.census.task(task).and_then(|task| task.service) else { return };
        let missing = scene.census.service(id).is_some_and(|service| service.missing() > 0);
        if missing && !self.wounds.contains_key(&(id, strike.id)) {
            self.wounds.insert((id, strike.id), None);
            self.open.entry(id).or_default().push((strike.id, strike.time));
        }
    }

    fn instant_over(&mut self, time: SimTime, scene: Scene<'_>) {
        if self.open.is_empty() {
            return;
        }
        for id in scene.census.touched() {
            if scene.census.service(id).is_some_and(|service| service.missing() == 0) {
                for (fault, struck) in self.open.remove(&id).into_iter().flatten() {
                    self.wounds.insert((id, fault), Some(time.since(struck)));
                }
            }
        }
    }

    fn read(&self, _end: SimTime, _gained: Totals<'_>) -> Vec<Reading> {
        let reading = |((service, fault), time): (&(ServiceId, FactId), &Option<SimDuration>)| {
            Reading::new(
                vec![Label::Fault(*fault), Label::Service(*service)],
                time.map(SimDuration::as_nanos),
            )
        };
        self.wounds.iter().map(reading).collect()
    }
}
