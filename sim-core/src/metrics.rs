//! What is counted in a run: numbers folded from facts, or read off the cluster at its end.
//!
//! A metric observes and is read by nobody inside the simulation. To add one, write `metrics/<name>.rs` and add a
//! line to [`METRICS`]. All values are integers; the unit stands at the end of the name.
mod census;
mod leader_changes;
mod messages;
mod names;
mod origins;
mod raft_entries;
mod replica_time_lost;
mod requests;
mod series;
mod task_failures;
mod task_starts;
mod tasks_desired;
mod tasks_running;
mod time_to_detect;
mod time_to_heal;
mod time_to_lead;

#[cfg(test)]
mod tests;

pub use self::census::{Census, NodeEntry, ServiceEntry, TaskCounts, TaskEntry};
pub use self::names::Names;
pub use self::origins::{Origins, Strike};
use crate::kernel::SimTime;
use crate::model::{FactId, FactRecord, FailureCause, HostId, NodeId, ServiceId, TrafficId};
use crate::store::Store;
use crate::traffic::Tally;

/// All metrics, in the order of reports.
pub const METRICS: &[MetricKind] = &[
    time_to_detect::KIND,
    time_to_heal::KIND,
    time_to_lead::KIND,
    tasks_desired::KIND,
    tasks_running::KIND,
    task_starts::KIND,
    task_failures::KIND,
    replica_time_lost::KIND,
    leader_changes::KIND,
    raft_entries::KIND,
    messages::KIND,
    requests::SENT,
    requests::ANSWERED,
    requests::FAILED,
    requests::FAILED_THROUGH,
    requests::RETRIED,
    requests::LATENCY_P50,
    requests::LATENCY_P90,
    requests::LATENCY_P99,
    requests::LATENCY_MAX,
];

/// What a metric is.
#[derive(Debug)]
pub struct MetricKind {
    /// Its name, with the unit at its end: `_ns` for nanoseconds, `_total` for what was counted over the run.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    make: fn() -> Box<dyn Metric>,
}

impl MetricKind {
    /// True if values are nanoseconds.
    #[must_use]
    pub fn is_time(&self) -> bool {
        self.name.ends_with("_ns")
    }
}

/// What a value is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// A service.
    Service(ServiceId),
    /// A node.
    Node(NodeId),
    /// A host.
    Host(HostId),
    /// A fault, by its fact.
    Fault(FactId),
    /// A source of requests.
    Traffic(TrafficId),
    /// A cause of failed requests.
    Cause(FailureCause),
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Place of its metric in [`METRICS`].
    pub metric: usize,
    /// What it is about.
    pub labels: Vec<Label>,
    /// The value; absent if what it measures did not happen in the run.
    pub value: Option<u64>,
    /// How a sampled value changed: from each time on it was the number beside it. Empty for other metrics.
    pub history: Vec<(SimTime, u64)>,
}

impl Measurement {
    /// The metric it belongs to.
    #[must_use]
    pub fn kind(&self) -> &'static MetricKind {
        &METRICS[self.metric]
    }
}

/// Counters of the cluster itself, which no fact tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals<'a> {
    /// Committed entries of the replicated log.
    pub commit_index: u64,
    /// Messages delivered, without those that only say that somebody lives.
    pub messages: u64,
    /// What became of the requests of each source of traffic.
    pub tallies: &'a [Tally],
}

/// What a metric may look at beside the fact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    /// Everybody, after the fact.
    pub(crate) census: &'a Census,
    /// Where chains of causes begin.
    pub(crate) origins: &'a Origins,
}

/// A value without its metric.
#[derive(Debug)]
pub(crate) struct Reading {
    labels: Vec<Label>,
    value: Option<u64>,
    history: Vec<(SimTime, u64)>,
}

impl Reading {
    pub(crate) fn new(labels: Vec<Label>, value: impl Into<Option<u64>>) -> Self {
        Reading { labels, value: value.into(), history: Vec::new() }
    }
}

/// Counts something along a run.
pub(crate) trait Metric: std::fmt::Debug + Send {
    /// A fact was told.
    fn fact(&mut self, _record: &FactRecord, _scene: Scene<'_>) {}

    /// Nothing more happens at this instant.
    fn instant_over(&mut self, _time: SimTime, _scene: Scene<'_>) {}

    /// The values at the end of the run. `gained` is what the cluster counted since its start.
    fn read(&self, end: SimTime, gained: Totals<'_>) -> Vec<Reading>;
}

/// All metrics of one run, and the census they share.
#[derive(Debug)]
pub struct Metrics {
    census: Census,
    origins: Origins,
    metrics: Vec<Box<dyn Metric>>,
}

impl Metrics {
    /// Nothing was counted yet.
    #[must_use]
    pub fn new(census: Census) -> Self {
        let metrics = METRICS.iter().map(|kind| (kind.make)()).collect();
        Metrics { census, origins: Origins::default(), metrics }
    }

    /// Everybody, after the last fact.
    #[must_use]
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// Where chains of causes begin.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Takes a fact in.
    pub fn fact<'a>(&mut self, record: &FactRecord, store: impl Fn() -> Option<&'a Store>) {
        self.census.learn(record, store);
        self.origins.learn(record);
        let scene = Scene { census: &self.census, origins: &self.origins };
        for metric in &mut self.metrics {
            metric.fact(record, scene);
        }
    }

    /// Nothing more happens at this instant.
    pub fn instant_over(&mut self, time: SimTime) {
        let scene = Scene { census: &self.census, origins: &self.origins };
        for metric in &mut self.metrics {
            metric.instant_over(time, scene);
        }
        self.census.instant_over();
    }

    /// All values at the end of the run, in the order of [`METRICS`].
    #[must_use]
    pub fn read(&self, end: SimTime, gained: Totals<'_>) -> Vec<Measurement> {
        let mut measurements = Vec::new();
        for (index, metric) in self.metrics.iter().enumerate() {
            for Reading { labels, value, history } in metric.read(end, gained) {
                measurements.push(Measurement { metric: index, labels, value, history });
            }
        }
        measurements
    }

    /// The census and the origins, for whoever tells the story of the run.
    #[must_use]
    pub fn into_parts(self) -> (Census, Origins) {
        (self.census, self.origins)
    }
}
