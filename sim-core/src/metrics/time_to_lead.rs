//! How long the swarm was without a working leader because of a fault.
use std::collections::BTreeMap;

use super::{Label, Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::{SimDuration, SimTime};
use crate::model::{Fact, FactId, FactRecord, HostId};

pub(super) const KIND: MetricKind = MetricKind {
    name: "time_to_lead_ns",
    meaning: "From the fault to the start of the control loops on the next leader.",
    make: || Box::new(TimeToLead::default()),
};

#[derive(Debug, Default)]
struct TimeToLead(BTreeMap<FactId, (HostId, SimDuration)>);

impl Metric for TimeToLead {
    fn fact(&mut self, record: &FactRecord, scene: Scene<'_>) {
        let Fact::Leadership { host, active: true } = record.fact else { return };
        if let Some(strike) = scene.origins.strike(record.id) {
            self.0.entry(strike.id).or_insert((host, record.time.since(strike.time)));
        }
    }

    fn read(&self, _end: SimTime, _gained: Totals<'_>) -> Vec<Reading> {
        let reading = |(fault, (host, time)): (&FactId, &(HostId, SimDuration))| {
            Reading::new(vec![Label::Fault(*fault), Label::Host(*host)], time.as_nanos())
        };
        self.0.iter().map(reading).collect()
    }
}
