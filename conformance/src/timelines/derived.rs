//! Figures that came with a recording, beside those that its events give here.
//!
//! They are the same figures under the same names, so they must be equal: if not, either the recording is damaged or
//! a figure means something else here. Nothing is compared with a simulation before that is known.
use serde_json::Value;

use super::figures::{self, Figure};
use super::probes;
use super::recording::Recording;

/// Figures that are inputs, or that only the recording's own observers can see.
const NOT_DERIVED: [&str; 17] = [
    "expiry_predicted_ms",
    "failed_writes_found_applied_at_end",
    "last_heartbeat_ms",
    "manager_off_ms",
    "manager_on_ms",
    "period_ms",
    "process_ready_ms",
    "process_start_ms",
    "process_stopped_ms",
    "raft_follower_ms",
    "read_errors",
    "removed_node_heartbeats_accepted_after_removal",
    "restart_ms",
    "return_ms",
    "slots_kept",
    "slots_removed",
    "write_errors",
];
/// The machine takes a moment between two lines of its log.
const STEP_DOWN_TOLERANCE_MS: f64 = 1.0;
/// Times are recorded with one decimal.
const TOLERANCE_MS: f64 = 0.11;

/// Compares all figures that came with a recording. Those of which nothing is known are given back.
///
/// # Errors
/// If a figure that is derived here as well is another one there, or if there is no figure at all.
pub(super) fn check(recording: &Recording) -> Result<Vec<String>, String> {
    let sheet = figures::of(&recording.history, recording);
    if sheet.figures.is_empty() {
        return Err("no figure follows from this run".to_owned());
    }
    let mut unknown = Vec::new();
    for (name, recorded) in &recording.derived {
        if NOT_DERIVED.contains(&name.as_str()) || probes::is_figure(name) {
            continue;
        }
        if !sheet.tried.contains(name) {
            unknown.push(name.clone());
            continue;
        }
        let ours = sheet.figures.get(name);
        if !ours.is_some_and(|ours| is_equal(name, ours, recorded)) {
            let ours = ours.map_or_else(|| "nothing".to_owned(), Figure::to_string);
            return Err(format!("derived.{name} is {recorded}, and the events of the recording give {ours}"));
        }
    }
    Ok(unknown)
}

fn is_equal(name: &str, ours: &Figure, recorded: &Value) -> bool {
    match (ours, recorded) {
        (Figure::Time(ours), Value::Number(recorded)) => {
            let tolerance = if name == "step_down_ms" { STEP_DOWN_TOLERANCE_MS } else { TOLERANCE_MS };
            recorded.as_f64().is_some_and(|recorded| (ours - recorded).abs() < tolerance)
        }
        (Figure::Count(ours), Value::Number(recorded)) => Some(*ours) == recorded.as_i64(),
        (Figure::Text(ours), recorded) => *ours == canonical(name, recorded),
        (Figure::Time(_) | Figure::Count(_), _) => false,
    }
}

/// The text of a figure. Which node runs how many tasks is a draw: such maps are compared by their counts only.
fn canonical(name: &str, value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let text = |item: &Value| match item {
                Value::String(text) => Some(text.clone()),
                burst => Some(burst.get("tasks")?.to_string()),
            };
            items.iter().filter_map(text).collect::<Vec<String>>().join(", ")
        }
        Value::Object(images) if name == "running_images_end" => {
            let texts = images.iter().map(|(image, count)| format!("{image} x {count}"));
            texts.collect::<Vec<String>>().join(", ")
        }
        Value::Object(map) => {
            let mut counts: Vec<u64> = map.values().filter_map(Value::as_u64).collect();
            counts.sort_unstable();
            format!("{counts:?}")
        }
        other => other.to_string(),
    }
}
