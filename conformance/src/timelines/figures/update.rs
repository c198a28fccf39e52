//! Figures about updates of a service: their states, the tasks they make, and how many run meanwhile.
use std::collections::{BTreeMap, BTreeSet};

use super::Sheet;
use super::tasks::{difference, earliest, is_running, latest, running_per_node};
use crate::timelines::given::{Action, Deed};
use crate::timelines::history::{History, Task, What};
use crate::timelines::recording::Recording;

/// Creations less than this apart belong together.
const BURST_MS: f64 = 1_500.0;

/// All states of an update.
const STATES: [&str; 6] =
    ["updating", "paused", "completed", "rollback_started", "rollback_paused", "rollback_completed"];

/// A service is updated to another image.
pub(super) fn rolling_update(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let updated = recording.given.actions.iter().find_map(|action| match &action.deed {
        Deed::ServiceUpdate { service, image: Some(_), .. } => Some(service),
        _ => None,
    });
    let Some(updated) = updated else { return };
    let states: Vec<(f64, &str)> = history.update_states(updated);
    let first = |wanted: &str| states.iter().find(|(_, state)| *state == wanted).map(|(at, _)| *at);
    for state in STATES {
        sheet.time(&format!("{state}_ms"), first(state));
    }
    let sequence: Vec<&str> = states.iter().map(|(_, state)| *state).collect();
    sheet.text("update_states", sequence.join(", "));
    let created = history.created();
    sheet.count("tasks_created", created.len());
    sheet.text("task_creation_bursts", bursts(&created));
    let mut failed: BTreeMap<&str, f64> = BTreeMap::new();
    for (at, task) in history.tasks() {
        if matches!(task.state.as_str(), "FAILED" | "REJECTED") {
            failed.entry(&task.name).or_insert(at);
        }
    }
    sheet.count("tasks_failed", failed.len());
    sheet.time("first_failure_ms", earliest(failed.into_values().collect()));
    running(sheet, history);
    sheet.text("running_images_end", running_images(history, recording.given.duration_ms));
    let starts: Vec<(f64, f64)> = created
        .iter()
        .filter_map(|(at, task)| Some((*at, history.task_first(&task.name, is_running)?)))
        .collect();
    let last = latest(starts.iter().map(|(_, running)| *running).collect());
    sheet.time("last_task_running_ms", last);
    if last.is_some() {
        sheet.time("last_running_to_completed_ms", difference(first("completed"), last));
    }
    let spans: Vec<f64> = starts.iter().map(|(created, running)| running - created).collect();
    sheet.time("created_to_running_min_ms", earliest(spans.clone()));
    sheet.time("created_to_running_max_ms", latest(spans));
}

/// How many tasks were created together: `2, 2, 2`.
fn bursts(created: &[(f64, &Task)]) -> String {
    let mut sizes: Vec<u64> = Vec::new();
    let mut before = f64::NEG_INFINITY;
    for (at, _) in created {
        match sizes.last_mut().filter(|_| at - before < BURST_MS) {
            Some(size) => *size += 1,
            None => sizes.push(1),
        }
        before = *at;
    }
    sizes.iter().map(u64::to_string).collect::<Vec<String>>().join(", ")
}

/// The fewest and the most tasks that were observed running, whatever was wanted of them.
fn running(sheet: &mut Sheet, history: &History) {
    let mut running: BTreeSet<&str> =
        history.initial.iter().filter(|task| is_running(task)).map(|task| task.name.as_str()).collect();
    let (mut fewest, mut most) = (running.len(), running.len());
    let mut events = history.events.iter().peekable();
    while let Some(event) = events.next() {
        match &event.what {
            What::Task(task) if is_running(task) => drop(running.insert(&task.name)),
            What::Task(task) => drop(running.remove(task.name.as_str())),
            What::TaskRemoved { task } => drop(running.remove(task.as_str())),
            _ => {}
        }
        // What one commit brings happens together.
        if events.peek().is_none_or(|next| next.at_ms > event.at_ms) {
            fewest = fewest.min(running.len());
            most = most.max(running.len());
        }
    }
    sheet.count("min_running", fewest);
    sheet.count("max_running", most);
}

/// How many tasks run of each image.
fn running_images(history: &History, at_ms: f64) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for task in history.tasks_at(at_ms).values() {
        if is_running(task) && task.desired == "RUNNING" {
            *counts.entry(&task.image).or_default() += 1;
        }
    }
    let texts = counts.iter().map(|(image, count)| format!("{image} x {count}"));
    texts.collect::<Vec<String>>().join(", ")
}

/// A node is paused, and perhaps activated again; meanwhile services get more tasks.
pub(super) fn node_pause(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let actions = &recording.given.actions;
    let created = history.created();
    let mut paused: Option<&str> = None;
    let mut activated: Option<&str> = None;
    for (place, Action { t_ms, deed }) in actions.iter().enumerate() {
        let next = actions.get(place + 1).map_or(f64::MAX, |action| action.t_ms);
        let names = created.iter().filter(|(at, _)| (*t_ms..next).contains(at));
        let names: BTreeSet<&str> = names.map(|(_, task)| task.name.as_str()).collect();
        match deed {
            Deed::NodePause { node } => {
                (paused, activated) = (Some(node.as_str()), None);
                let stopped = history.tasks().filter(|(at, task)| *at < next && task.desired != "RUNNING");
                sheet.count("tasks_stopped_by_pause", stopped.count());
            }
            Deed::NodeActivate { node } => {
                (paused, activated) = (None, Some(node.as_str()));
                sheet.count("tasks_created_by_activate", names.len());
            }
            Deed::ServiceUpdate { replicas: Some(replicas), .. } => {
                let on = |node: &str| names.iter().filter(|name| history.node_of(name) == Some(node)).count();
                if let Some(node) = paused {
                    sheet.count(&format!("scale_to_{replicas}_tasks_on_paused_node"), on(node));
                    let running = names.iter().filter_map(|name| history.task_first(name, is_running));
                    let last = latest(running.collect()).map(|at| at - t_ms);
                    sheet.time(&format!("scale_to_{replicas}_last_running_ms"), last);
                }
                if let Some(node) = activated {
                    sheet.count(&format!("scale_to_{replicas}_tasks_on_activated_node"), on(node));
                }
            }
            _ => {}
        }
    }
    sheet.text("running_per_node_end", running_per_node(history, recording.given.duration_ms));
}
