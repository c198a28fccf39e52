//! How often the leadership was taken over.
use super::{Metric, MetricKind, Reading, Scene, Totals};
use crate::kernel::SimTime;
use crate::model::{Fact, FactRecord};

pub(super) const KIND: MetricKind = MetricKind {
    name: "leader_changes_total",
    meaning: "Times that the control loops of a manager started after the start of the run.",
    make: || Box::new(LeaderChanges::default()),
};

#[derive(Debug, Default)]
struct LeaderChanges(u64);

impl Metric for LeaderChanges {
    fn fact(&mut self, record: &FactRecord, _scene: Scene<'_>) {
        self.0 += u64::from(matches!(record.fact, Fact::Leadership { active: true, .. }));
    }

    fn read(&self, _end: SimTime, _gained: Totals<'_>) -> Vec<Reading> {
        vec![Reading::new(Vec::new(), self.0)]
    }
}
