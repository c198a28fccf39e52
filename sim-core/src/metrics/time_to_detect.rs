//! How long the managers took to notice that a node was lost.
use std::collections::BTreeMap;

use super::{Label, Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::{SimDuration, SimTime};
use crate::model::{Fact, FactId, FactRecord, NodeId, NodeState};

pub(super) const KIND: MetricKind = MetricKind {
    name: "time_to_detect_ns",
    meaning: "From the fault to the node's status DOWN.",
    make: || Box::new(TimeToDetect::default()),
};

#[derive(Debug, Default)]
struct TimeToDetect(BTreeMap<(FactId, NodeId), SimDuration>);

impl Metric for TimeToDetect {
    fn fact(&mut self, record: &FactRecord, scene: Scene<'_>) {
        let Fact::NodeStatus { node, to: NodeState::Down, .. } = record.fact else { return };
        if let Some(strike) = scene.origins.strike(record.id) {
            self.0.entry((strike.id, node)).or_insert(record.time.since(strike.time));
        }
    }

    fn read(&self, _end: SimTime, _gained: Totals<'_>) -> Vec<Reading> {
        let reading = |((fault, node), time): (&(FactId, NodeId), &SimDuration)| {
            Reading::new(vec![Label::Fault(*fault), Label::Node(*node)], time.as_nanos())
        };
        self.0.iter().map(reading).collect()
    }
}
