//! Figures of a run: how long things took, how often they happened, how it ended.
//!
//! A figure is derived in the same way from recorded and from simulated events. What the operating system decides
//! (start of processes) or what the recording sets (heartbeat phases) is an input of the replay and no figure.
mod control;
mod nodes;
mod tasks;
mod update;

use std::collections::BTreeMap;

use super::history::History;
use super::probes;
use super::recording::Recording;
pub(super) use crate::distributions::Figure;

/// Figures by name.
pub(super) type Figures = BTreeMap<String, Figure>;

/// Collects figures; those without a value are left out.
#[derive(Default)]
struct Sheet(Figures);

impl Sheet {
    fn time(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), Figure::Time(value));
        }
    }

    fn count(&mut self, name: &str, value: usize) {
        self.0.insert(name.to_owned(), Figure::Count(value as i64));
    }

    fn text(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), Figure::Text(value));
    }

    /// Minimum, median and maximum.
    fn spread(&mut self, name: &str, mut values: Vec<f64>) {
        if values.is_empty() {
            return;
        }
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        self.time(&format!("{name}_min_ms"), values.first().copied());
        self.time(&format!("{name}_median_ms"), Some(median));
        self.time(&format!("{name}_max_ms"), values.last().copied());
    }
}

/// All figures of a recorded run.
pub(super) fn recorded(recording: &Recording) -> Figures {
    let mut figures = of(&recording.history, recording);
    figures.extend(probes::recorded(recording));
    figures
}

/// All figures of a run that replays a recorded one.
pub(super) fn simulated(history: &History, recording: &Recording) -> Figures {
    let mut figures = of(history, recording);
    figures.extend(probes::figures(history, recording));
    figures
}

/// The figures that follow from the events of a run.
fn of(history: &History, recording: &Recording) -> Figures {
    let mut sheet = Sheet::default();
    match recording.experiment.as_str() {
        "01_worker_crash" => tasks::crash(&mut sheet, history, recording),
        "02_worker_return" => tasks::worker_return(&mut sheet, history, recording),
        "03_leader_crash" => control::leader_crash(&mut sheet, history, recording),
        "04_leader_stop" => control::leader_stop(&mut sheet, history, recording),
        "05_quorum_loss" => control::quorum_loss(&mut sheet, history, recording),
        "06_drain" => tasks::drain(&mut sheet, history, recording),
        "07_rolling_update" => update::rolling_update(&mut sheet, history, recording),
        "09_join_promote" => nodes::join_promote(&mut sheet, history, recording),
        "10_node_remove" => nodes::remove(&mut sheet, history, recording),
        "10_node_pause" => update::node_pause(&mut sheet, history, recording),
        "08_scale" => tasks::scale(&mut sheet, history, recording),
        _ => {}
    }
    sheet.0
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::timelines::{data, recording};

    /// Figures that are inputs, or that only the recording's own observers can see.
    const NOT_DERIVED: [&str; 21] = [
        "last_heartbeat_ms",
        "period_ms",
        "expiry_predicted_ms",
        "return_ms",
        "write_",
        "read_",
        "first_write",
        "first_read",
        "slots_",
        "restart_ms",
        "restart_to_first",
        "last_read_ok",
        "failed_writes",
        "running_images_end",
        "process_start_ms",
        "process_ready_ms",
        "process_stopped_ms",
        "manager_on_ms",
        "manager_off_ms",
        "raft_follower_ms",
        "removed_node_heartbeats_accepted",
    ];

    #[test]
    fn figures_of_recorded_events_are_those_that_came_with_the_recordings() {
        let (mut compared, mut different) = (0, Vec::new());
        for recording in recording::read(&[data()]).unwrap() {
            let figures = of(&recording.history, &recording);
            if figures.is_empty() {
                continue;
            }
            for (name, expected) in &recording.derived {
                if NOT_DERIVED.iter().any(|prefix| name.starts_with(prefix)) {
                    continue;
                }
                let ours = figures.get(name);
                let place = format!("{} {} {name}", recording.experiment, recording.variant);
                let equal = match (ours, expected) {
                    (Some(Figure::Time(ours)), Value::Number(theirs)) => {
                        // The machine takes a moment between two lines of its log.
                        let tolerance = if name == "step_down_ms" { 1.0 } else { 0.11 };
                        (ours - theirs.as_f64().unwrap()).abs() < tolerance
                    }
                    (Some(Figure::Count(ours)), Value::Number(theirs)) => Some(*ours) == theirs.as_i64(),
                    (Some(Figure::Text(ours)), theirs) => *ours == canonical(theirs),
                    (_, _) => false,
                };
                if !equal {
                    different.push(format!("{place}: ours {ours:?}, recorded {expected}"));
                }
                compared += 1;
            }
        }
        assert!(different.is_empty(), "{}", different.join("\n"));
        assert!(compared > 500, "only {compared} figures were compared");
    }

    /// Values that depend on who is picked are compared by their sizes only.
    fn canonical(value: &Value) -> String {
        match value {
            Value::Array(items) => {
                let text = |item: &Value| match item {
                    Value::String(text) => Some(text.clone()),
                    burst => Some(burst.get("tasks")?.to_string()),
                };
                let texts: Vec<String> = items.iter().filter_map(text).collect();
                texts.join(", ")
            }
            Value::Object(map) => {
                let mut counts: Vec<u64> = map.values().filter_map(Value::as_u64).collect();
                counts.sort_unstable();
                format!("{counts:?}")
            }
            other => other.to_string(),
        }
    }
}
