//! What is expected of the requests of a source: how many, of all or of some seconds, and how fast.
use sim_core::kernel::SimDuration;
use sim_core::model::{FailureCause, ObjectId, TrafficId};

use super::super::reader::Reader;
use super::Entry;
use crate::error::{NameKind, Problem};
use crate::expect::{RequestCount, Subject, TrafficCondition, When, latency_key};
use crate::file::{self, Number, TextOrTable};
use crate::suggest;

impl Entry<'_, '_> {
    pub(super) fn traffic(&mut self, when: Option<When>) -> Option<Subject> {
        let known = &self.timeline.traffic;
        let name = self.given("traffic", self.file.traffic.as_ref(), |_, name, _| Some(name.to_owned()))?;
        let Some(place) = known.iter().position(|traffic| traffic.name == name) else {
            let names = known.iter().map(|traffic| traffic.name.as_str());
            let help = suggest::help(&name, names, "sources of traffic");
            return self.fail(Problem::UnknownName { kind: NameKind::Traffic, name }, &help);
        };
        let mut conditions = Vec::new();
        let file = self.file;
        let counts = [
            (RequestCount::Sent, &file.sent),
            (RequestCount::Answered, &file.ok),
            (RequestCount::Failed, &file.failed),
            (RequestCount::FailedBy(FailureCause::Refused), &file.refused),
            (RequestCount::FailedBy(FailureCause::BlackHole), &file.black_hole),
            (RequestCount::FailedBy(FailureCause::Reset), &file.reset),
            (RequestCount::FailedBy(FailureCause::Timeout), &file.timeout),
            (RequestCount::FailedBy(FailureCause::EntryDown), &file.entry_down),
            (RequestCount::FailedBy(FailureCause::Unresolved), &file.unresolved),
            (RequestCount::Retries, &file.retried),
            (RequestCount::Tasks, &file.tasks),
        ];
        for (count, number) in counts {
            let bounds = self.bounds(count.key(), number.as_ref());
            conditions.extend(bounds.map(|bounds| TrafficCondition::Count(count, bounds)));
        }
        for (percent, number) in [(50, &file.p50), (90, &file.p90), (99, &file.p99), (100, &file.max)] {
            conditions.extend(self.latency(percent, number.as_ref()));
        }
        let over = if let Some(When::Over(first, last)) = when {
            self.only_counts_of_seconds(&conditions)?;
            Some((first, last))
        } else {
            None
        };
        Some(Subject::Traffic { traffic: TrafficId::from_index(place), name, over, conditions })
    }

    /// Latencies, retries and tasks are known for all requests together only.
    fn only_counts_of_seconds(&mut self, conditions: &[TrafficCondition]) -> Option<()> {
        let is_whole = |condition: &TrafficCondition| match condition {
            TrafficCondition::Count(RequestCount::Retries | RequestCount::Tasks, _)
            | TrafficCondition::Latency { .. } => true,
            TrafficCondition::Count(..) => false,
        };
        if !conditions.iter().any(is_whole) {
            return Some(());
        }
        let problem = Problem::Contradiction("latencies, retries and tasks are not counted by the second");
        self.fail(problem, "expect them at a time: they are about all requests until then")
    }

    /// A latency at most, or its bounds.
    fn latency(&mut self, percent: u8, number: Option<&Number>) -> Option<TrafficCondition> {
        let key = latency_key(percent);
        let (min, max) = match number? {
            TextOrTable::Text(text) => (SimDuration::ZERO, self.given(key, Some(text), Reader::duration)?),
            TextOrTable::Table(table) => {
                let file::Bounds { min, max } = &table.value;
                let min = self.given(key, min.as_ref(), Reader::duration).unwrap_or_default();
                let longest = SimDuration::from_nanos(u64::MAX);
                (min, self.given(key, max.as_ref(), Reader::duration).unwrap_or(longest))
            }
        };
        Some(TrafficCondition::Latency { percent, min, max })
    }
}
