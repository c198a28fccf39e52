//! What users felt: requests by source and cause, and how long answers took.
use super::{Label, Metric, MetricKind, Reading, Totals};
use crate::kernel::SimTime;
use crate::model::{FailureCause, ObjectId, TrafficId};
use crate::traffic::Tally;

pub(super) const SENT: MetricKind = MetricKind {
    name: "requests_sent_total",
    meaning: "Requests that clients sent, each counted once however often it was tried.",
    make: || Box::new(Requests(|tally, label| vec![Reading::new(vec![label], tally.total().sent)])),
};

pub(super) const ANSWERED: MetricKind = MetricKind {
    name: "requests_answered_total",
    meaning: "Requests that were answered.",
    make: || Box::new(Requests(|tally, label| vec![Reading::new(vec![label], tally.total().answered)])),
};

pub(super) const FAILED: MetricKind = MetricKind {
    name: "requests_failed_total",
    meaning: "Requests that failed, by cause.",
    make: || Box::new(Requests(failed)),
};

pub(super) const FAILED_THROUGH: MetricKind = MetricKind {
    name: "requests_failed_through_total",
    meaning: "Requests that failed, by the node that they were sent to or, inside the swarm, from.",
    make: || Box::new(Requests(failed_through)),
};

pub(super) const RETRIED: MetricKind = MetricKind {
    name: "requests_retried_total",
    meaning: "Attempts that clients made after a failed one.",
    make: || Box::new(Requests(|tally, label| vec![Reading::new(vec![label], tally.retries())])),
};

pub(super) const LATENCY_P50: MetricKind = MetricKind {
    name: "request_latency_p50_ns",
    meaning: "Time from sending to the answer that half of the answered requests did not exceed.",
    make: || Box::new(Requests(|tally, label| latency(tally, label, 50))),
};

pub(super) const LATENCY_P90: MetricKind = MetricKind {
    name: "request_latency_p90_ns",
    meaning: "Time from sending to the answer that 90 % of the answered requests did not exceed.",
    make: || Box::new(Requests(|tally, label| latency(tally, label, 90))),
};

pub(super) const LATENCY_P99: MetricKind = MetricKind {
    name: "request_latency_p99_ns",
    meaning: "Time from sending to the answer that 99 % of the answered requests did not exceed.",
    make: || Box::new(Requests(|tally, label| latency(tally, label, 99))),
};

pub(super) const LATENCY_MAX: MetricKind = MetricKind {
    name: "request_latency_max_ns",
    meaning: "Longest time from sending to the answer.",
    make: || Box::new(Requests(|tally, label| latency(tally, label, 100))),
};

/// Reads something off the tally of each source.
struct Requests(fn(&Tally, Label) -> Vec<Reading>);

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Requests")
    }
}

impl Metric for Requests {
    fn read(&self, _end: SimTime, gained: Totals<'_>) -> Vec<Reading> {
        let of_source = |(place, tally)| self.0(tally, Label::Traffic(TrafficId::from_index(place)));
        gained.tallies.iter().enumerate().flat_map(of_source).collect()
    }
}

fn failed(tally: &Tally, label: Label) -> Vec<Reading> {
    let of_cause = |cause| Reading::new(vec![label, Label::Cause(cause)], tally.total().failed_by(cause));
    FailureCause::ALL.into_iter().map(of_cause).collect()
}

fn failed_through(tally: &Tally, label: Label) -> Vec<Reading> {
    let through = tally.through();
    through.map(|(host, counts)| Reading::new(vec![label, Label::Host(host)], counts.failed())).collect()
}

fn latency(tally: &Tally, label: Label, percent: u8) -> Vec<Reading> {
    let latency = tally.latency(percent);
    vec![Reading::new(vec![label], latency.map(|span| span.as_nanos()))]
}
