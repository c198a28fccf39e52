//! How long a service lacked tasks because of a fault.
//!
//! A fault wounds a service by a change that it caused and that leaves more tasks missing than before. The fault counts
//! from the moment it struck, not from the moment it was noticed. What a repair brings about, such as the end of old
//! containers, counts for the fault that it mends. A wound is healed by tasks that run; if their user wants fewer
//! instead, or no service any more, it never was.
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{Label, Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::{SimDuration, SimTime};
use crate::model::{Fact, FactId, FactRecord, IdMap, ServiceId, Subject};

pub(super) const KIND: MetricKind = MetricKind {
    name: "time_to_heal_ns",
    meaning: "From the fault to the first instant at which as many tasks of the service run as desired.",
    make: || Box::new(TimeToHeal::default()),
};

#[derive(Debug, Default)]
struct TimeToHeal {
    /// Time until healed, by service and fault; none while tasks are missing, and if it never was healed.
    wounds: BTreeMap<(ServiceId, FactId), Option<SimDuration>>,
    /// Wounds that are open, with the time of their fault.
    open: BTreeMap<ServiceId, Vec<(FactId, SimTime)>>,
    /// Tasks that each service lacked after the last fact about it.
    missing: IdMap<ServiceId, u64>,
}

impl Metric for TimeToHeal {
    fn fact(&mut self, record: &FactRecord, scene: Scene<'_>) {
        let Some(id) = service_of(record, scene) else { return };
        let missing = scene.census.service(id).map_or(0, |service| service.missing());
        let before = self.missing.insert(id, missing).unwrap_or(0);
        if missing > before {
            self.wound(id, record, scene);
        }
        let is_wish = matches!(record.fact, Fact::ServiceUpdated { .. } | Fact::ServiceRemoved { .. });
        if is_wish && missing == 0 {
            self.open.remove(&id);
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

impl TimeToHeal {
    /// A fact leaves more tasks missing, because of a fault or not.
    fn wound(&mut self, id: ServiceId, record: &FactRecord, scene: Scene<'_>) {
        if !matches!(record.fact, Fact::TaskState { .. } | Fact::TaskDesired { .. }) {
            return;
        }
        let Some(fault) = scene.origins.strike(record.id).and_then(|strike| scene.origins.damage(strike))
        else {
            return;
        };
        if let Entry::Vacant(wound) = self.wounds.entry((id, fault.id)) {
            wound.insert(None);
            self.open.entry(id).or_default().push((fault.id, fault.time));
        }
    }
}

/// The service of which a fact may change how many tasks it lacks.
fn service_of(record: &FactRecord, scene: Scene<'_>) -> Option<ServiceId> {
    match record.fact.subject() {
        Subject::Task(task) => scene.census.task(task)?.service,
        Subject::Service(service) => Some(service),
        Subject::Run
        | Subject::Host(_)
        | Subject::Node(_)
        | Subject::Network(_)
        | Subject::Command(_)
        | Subject::Traffic(_) => None,
    }
}
