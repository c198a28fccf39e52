//! What became of requests, source by source: a table for people, objects for programs.
use serde_json::{Map, Value, json};
use sim_core::Recording;
use sim_core::kernel::SimDuration;
use sim_core::model::{FailureCause, HostId, ObjectId, TrafficId};
use sim_core::traffic::{Counts, Tally};

use crate::Run;
use crate::text::Text;

/// A line a source: how many, how many of them the run ended before, what failed for which cause, how long answers took, and the worst second.
pub(crate) fn traffic_table(recording: &Recording) -> Text {
    let failed_by = |cause| recording.tallies.iter().any(|tally| tally.total().failed_by(cause) > 0);
    let causes: Vec<FailureCause> = FailureCause::ALL.into_iter().filter(|cause| failed_by(*cause)).collect();
    let some_under_way = recording.tallies.iter().any(|tally| tally.total().under_way() > 0);
    let mut head: Vec<String> = ["source", "sent", "ok", "failed"].map(str::to_owned).into();
    head.extend(some_under_way.then(|| "under way".to_owned()));
    head.extend(causes.iter().map(|cause| cause.name().replace('_', " ")));
    head.extend(["p50", "p90", "p99", "max", "worst second"].map(str::to_owned));
    let mut rows = vec![head];
    for (place, tally) in recording.tallies.iter().enumerate() {
        let name = recording.census.names().traffic(TrafficId::from_index(place));
        rows.push(row(name, tally, some_under_way, &causes));
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = Text::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(place, (cell, width))| match place {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.plain(format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end()));
        text.end_line();
    }
    text
}

fn row(name: &str, tally: &Tally, some_under_way: bool, causes: &[FailureCause]) -> Vec<String> {
    let total = tally.total();
    let mut row = vec![name.to_owned()];
    row.extend([total.sent, total.answered, total.failed()].map(|count| count.to_string()));
    row.extend(some_under_way.then(|| total.under_way().to_string()));
    row.extend(causes.iter().map(|cause| total.failed_by(*cause).to_string()));
    row.extend(
        [50, 90, 99, 100].map(|percent| tally.latency(percent).map_or_else(|| "-".to_owned(), latency)),
    );
    row.push(worst_second(tally));
    row
}

/// The second in which most requests were sent that failed: `31 s: 17 of 50 lost`.
fn worst_second(tally: &Tally) -> String {
    let failing = tally.seconds().filter(|(_, counts)| counts.failed() > 0);
    // Of equal ones the first.
    let worst = failing.reduce(|best, next| if next.1.failed() > best.1.failed() { next } else { best });
    let words = |(begins, counts): (sim_core::kernel::SimTime, &Counts)| {
        format!("{}: {} of {} lost", crate::time::short(begins), counts.failed(), counts.sent)
    };
    worst.map_or_else(|| "-".to_owned(), words)
}

/// `1.2 ms`: milliseconds with one decimal, rounded down.
fn latency(span: SimDuration) -> String {
    let tenths = span.as_nanos() / 100_000;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

/// An object a source, with its seconds.
pub(crate) fn traffic_json(run: &Run<'_>) -> Vec<Value> {
    let plans = run.view.setup().traffic.iter();
    let objects = plans.zip(&run.recording.tallies).map(|(plan, tally)| {
        let census = &run.recording.census;
        let host = |host: HostId| census.names().host(host).to_owned();
        let through: Map<String, Value> =
            tally.through().map(|(entry, counts)| (host(entry), counts_json(counts))).collect();
        let tasks = tally.answered_by().map(|(task, answered)| {
            json!({ "name": census.task_name(task), "id": task.text(run.view.seed()), "ok": answered })
        });
        let seconds = tally.seconds().map(|(begins, counts)| {
            let mut second = counts_json(counts);
            second["time_ns"] = begins.as_nanos().into();
            second
        });
        let latency = |percent| tally.latency(percent).map(SimDuration::as_nanos);
        json!({
            "name": plan.name,
            "service": plan.service,
            "port": plan.port,
            "total": counts_json(tally.total()),
            "retried": tally.retries(),
            "latency_ns": { "p50": latency(50), "p90": latency(90), "p99": latency(99), "max": latency(100) },
            "through": through,
            "tasks": tasks.collect::<Vec<_>>(),
            "seconds": seconds.collect::<Vec<_>>(),
        })
    });
    objects.collect()
}

fn counts_json(counts: &Counts) -> Value {
    let causes: Map<String, Value> = FailureCause::ALL
        .into_iter()
        .filter(|cause| counts.failed_by(*cause) > 0)
        .map(|cause| (cause.name().to_owned(), counts.failed_by(cause).into()))
        .collect();
    let mut object =
        json!({ "sent": counts.sent, "ok": counts.answered, "failed": counts.failed(), "causes": causes });
    if counts.under_way() > 0 {
        object["under_way"] = counts.under_way().into();
    }
    object
}
