//! Requests that a recorded run made all the time, to see when the cluster can be read and changed.
//!
//! A probe that wrote created a config; here it creates a service without tasks, which is one transaction as well.
//! A recording lists only some of its probes, but has the figures of all: those are taken as they are.
use std::sync::Arc;

use serde_json::Value;
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::command::{DockerCommand, Listing, NodeCommand, ServiceCommand, ServiceCreate};
use sim_core::model::setup::{ClientCommand, Setup, Stimulus, TimelineEntry};
use sim_core::model::{CommandId, ServiceSpec};

use super::figures::{Figure, Figures};
use super::given::Deed;
use super::history::{History, Probe};
use super::recording::Recording;

/// Numbers of commands that write, from here on; those that read are odd, those that write even.
pub(super) const FIRST_PROBE: u32 = 1_000;

/// Figures of probes that are times.
const TIMES: [&str; 7] = [
    "first_write_ok_ms",
    "first_read_ok_ms",
    "write_max_latency_ms",
    "read_max_latency_ms",
    "restart_to_first_write_ok_ms",
    "restart_to_first_read_ok_ms",
    "last_read_ok_before_restart_ms",
];
/// Figures of probes that are counts.
const COUNTS: [&str; 2] = ["write_probes_failed", "read_probes_failed"];

/// The probes of a recorded run as entries of a timeline, in order of time.
pub(super) fn entries(setup: &Setup, recording: &Recording, lead: SimDuration) -> Vec<TimelineEntry> {
    let Some(probes) = &recording.given.probes else { return Vec::new() };
    let host = setup.host(&probes.via);
    let mut entries = Vec::new();
    for (every_ms, is_write) in [(probes.write_every_ms, true), (probes.read_every_ms, false)] {
        for number in 1..=probes.until_ms / every_ms {
            let id = FIRST_PROBE + 2 * number as u32 + u32::from(!is_write);
            let command = if is_write { write(id) } else { read() };
            let client =
                ClientCommand { id: CommandId(id), line: "probe".into(), command: Arc::new(command) };
            entries.push(TimelineEntry {
                at: SimTime::ZERO + lead + SimDuration::from_millis(number * every_ms),
                stimulus: Stimulus::Commands { host, commands: vec![client] },
            });
        }
    }
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn write(id: u32) -> DockerCommand {
    let spec = ServiceSpec::replicated(&format!("probe-{id}"), "app:1", 0);
    let create = ServiceCreate { spec, networks: Vec::new(), detach: true };
    DockerCommand::Service(ServiceCommand::Create(Box::new(create)))
}

fn read() -> DockerCommand {
    DockerCommand::Node(NodeCommand::List(Listing::default()))
}

/// The figures of all probes of a simulated run.
pub(super) fn figures(history: &History, recording: &Recording) -> Figures {
    let restarted = recording.given.first(|deed| matches!(deed, Deed::Restart { .. }));
    let mut figures = Figures::new();
    if recording.given.probes.is_none() {
        return figures;
    }
    for (word, is_write) in [("write", true), ("read", false)] {
        let probes: Vec<&Probe> = history.probes.iter().filter(|probe| probe.is_write == is_write).collect();
        let succeeded = || probes.iter().filter(|probe| probe.succeeded).map(|probe| probe.end_ms);
        let mut time = |name: String, value: Option<f64>| {
            figures.extend(value.map(|value| (name, Figure::Time(value))));
        };
        match restarted {
            Some(restarted) => {
                let first = succeeded().filter(|at| *at > restarted).min_by(f64::total_cmp);
                time(format!("restart_to_first_{word}_ok_ms"), first.map(|at| at - restarted));
                if !is_write {
                    let last = succeeded().filter(|at| *at < restarted).max_by(f64::total_cmp);
                    time(format!("last_{word}_ok_before_restart_ms"), last);
                }
            }
            None => {
                time(format!("first_{word}_ok_ms"), succeeded().min_by(f64::total_cmp));
                let latencies = probes.iter().map(|probe| probe.end_ms - probe.start_ms);
                time(format!("{word}_max_latency_ms"), latencies.max_by(f64::total_cmp));
                let failed = probes.iter().filter(|probe| !probe.succeeded).count();
                figures.insert(format!("{word}_probes_failed"), Figure::Count(failed as i64));
            }
        }
    }
    figures
}

/// Whether a figure that came with a recording is one of its probes, and is taken as it is.
pub(super) fn is_figure(name: &str) -> bool {
    TIMES.contains(&name) || COUNTS.contains(&name)
}

/// The figures of all probes of a recorded run.
pub(super) fn recorded(recording: &Recording) -> Figures {
    let derived = |name: &str| recording.derived.get(name).and_then(Value::as_f64);
    let times = TIMES.iter().filter_map(|name| Some(((*name).to_owned(), Figure::Time(derived(name)?))));
    let counts =
        COUNTS.iter().filter_map(|name| Some(((*name).to_owned(), Figure::Count(derived(name)? as i64))));
    times.chain(counts).collect()
}
