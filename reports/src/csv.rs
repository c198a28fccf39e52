//! All metrics as one long table: a line a value, with its time.
//!
//! A metric that was sampled has a line for every change, every other one a line at the end of the run. Labels have a
//! column each, empty where a metric does not have them, so that a spreadsheet can filter by them.
use sim_core::Recording;
use sim_core::metrics::{Label, Measurement};

/// The table with a header line.
#[must_use]
pub fn metrics_csv(recording: &Recording) -> String {
    let mut csv = String::from("metric,service,node,host,fault,traffic,cause,time_ns,value\n");
    for measurement in &recording.measurements {
        let prefix = prefix(measurement, recording);
        for (time, value) in &measurement.history {
            csv.push_str(&format!("{prefix},{},{value}\n", time.as_nanos()));
        }
        if measurement.history.is_empty() {
            let value = measurement.value.map_or_else(String::new, |value| value.to_string());
            csv.push_str(&format!("{prefix},{},{value}\n", recording.ended.as_nanos()));
        }
    }
    csv
}

fn prefix(measurement: &Measurement, recording: &Recording) -> String {
    let [mut service, mut node, mut host, mut fault, mut traffic, mut cause] = [const { String::new() }; 6];
    for label in &measurement.labels {
        match label {
            Label::Service(id) => service = recording.census.service_name(*id),
            Label::Node(id) => node = recording.census.node_name(*id),
            Label::Host(id) => host = recording.census.names().host(*id).to_owned(),
            Label::Fault(id) => fault = id.0.to_string(),
            Label::Traffic(id) => traffic = recording.census.names().traffic(*id).to_owned(),
            Label::Cause(one) => cause = one.name().to_owned(),
        }
    }
    let cells = [service, node, host, fault, traffic, cause].map(|cell| quoted(&cell));
    format!("{},{}", measurement.kind().name, cells.join(","))
}

/// A cell that could be mistaken for several is put in quotes.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
