//! How many messages the components sent each other.
use super::{Metric, MetricKind, Reading, Totals};
use crate::kernel::SimTime;

pub(super) const KIND: MetricKind = MetricKind {
    name: "messages_total",
    meaning: "Messages delivered, without periodic ones that only say that somebody lives.",
    make: || Box::new(Messages),
};

#[derive(Debug)]
struct Messages;

impl Metric for Messages {
    fn read(&self, _end: SimTime, gained: Totals<'_>) -> Vec<Reading> {
        vec![Reading::new(Vec::new(), gained.messages)]
    }
}
