//! Figures about tasks: what replaces what is lost, drained or scaled.
use std::collections::{BTreeMap, BTreeSet};

use super::Sheet;
use crate::timelines::given::Deed;
use crate::timelines::history::{Call, History, Task, What};
use crate::timelines::recording::Recording;

/// Whether a task has come to a certain point.
pub(super) type Stage = fn(&Task) -> bool;

/// A worker is gone, until it may come back.
pub(super) fn crash(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let lost = lost(sheet, history, recording);
    let down = node_down(sheet, history, recording);
    replacements(sheet, history, &lost);
    let created = history.created();
    let first_created = created.first().map(|(at, _)| *at);
    sheet.time("down_to_created_ms", difference(first_created, down));
    replacement_steps(sheet, history);
    sheet.text("old_tasks_final", final_states(history, recording, &lost));
}

/// A worker comes back after a while.
pub(super) fn worker_return(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let target = recording.given.target().unwrap_or_default();
    let lost = lost(sheet, history, recording);
    node_down(sheet, history, recording);
    let is_return = |deed: &Deed| deed.is_return() && deed.node() == Some(target);
    let returned = recording.given.first(is_return).unwrap_or(f64::MAX);
    let registered =
        history.first(returned, |what| matches!(what, What::Registered { node } if node == target));
    sheet.time("return_to_registered_ms", registered.map(|at| at - returned));
    let ready = history.first(
        returned,
        |what| matches!(what, What::Node { node, state } if node == target && state == "READY"),
    );
    sheet.time("return_to_ready_ms", ready.map(|at| at - returned));
    let settled = lost.iter().map(|task| {
        history
            .tasks()
            .find(|(at, now)| *at >= returned && now.name == *task && is_final(now))
            .map(|(at, _)| at)
    });
    let settled: Option<Vec<f64>> = settled.collect();
    let last = settled.and_then(|times| times.into_iter().max_by(f64::total_cmp));
    sheet.time("return_to_old_tasks_settled_ms", last.map(|at| at - returned));
    let created: Vec<&Task> =
        history.created().into_iter().filter(|(at, _)| *at >= returned).map(|(_, task)| task).collect();
    sheet.count("tasks_created_after_return", created.len());
    let running = created.iter().filter_map(|task| history.task_first(&task.name, is_running));
    let running = running.max_by(f64::total_cmp);
    sheet.time("return_to_replacements_running_ms", running.map(|at| at - returned));
    sheet.text("old_tasks_final", final_states(history, recording, &lost));
    sheet.text("running_per_node_end", running_per_node(history, recording.given.duration_ms));
    let moved = history.tasks().any(|(at, task)| {
        at >= returned && task.node.as_deref() != Some(target) && task.desired == "SHUTDOWN"
    });
    sheet.text("service_rebalanced", moved.to_string());
}

/// A node is drained and activated again.
pub(super) fn drain(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let lost = lost(sheet, history, recording);
    let first_of_lost = |wanted: Stage| {
        let times = lost.iter().filter_map(|task| history.task_first(task, wanted));
        times.collect::<Vec<f64>>()
    };
    sheet.time("old_desired_shutdown_ms", latest(first_of_lost(|task| task.desired == "SHUTDOWN")));
    let shutdowns = history.times(|what| matches!(what, What::Executor { call: Call::Shutdown, .. }));
    sheet.time("executor_shutdown_ms", latest(shutdowns));
    sheet.time("old_observed_shutdown_ms", latest(first_of_lost(|task| task.state == "SHUTDOWN")));
    replacements(sheet, history, &lost);
    let activated = recording.given.first(|deed| matches!(deed, Deed::NodeActivate { .. }));
    let activated = activated.unwrap_or(f64::MAX);
    let late = history.created().iter().filter(|(at, _)| *at >= activated).count();
    sheet.count("tasks_created_after_activate", late);
    sheet.text("running_per_node_end", running_per_node(history, recording.given.duration_ms));
}

/// Names of the tasks that ran on the target.
pub(super) fn lost(sheet: &mut Sheet, history: &History, recording: &Recording) -> Vec<String> {
    let target = recording.given.target();
    let lost =
        history.initial.iter().filter(|task| task.node.as_deref() == target && task.desired == "RUNNING");
    let lost: Vec<String> = lost.map(|task| task.name.clone()).collect();
    sheet.count("tasks_on_target", lost.len());
    lost
}

pub(super) fn node_down(sheet: &mut Sheet, history: &History, recording: &Recording) -> Option<f64> {
    let target = recording.given.target()?;
    let down = history
        .first(0.0, |what| matches!(what, What::Node { node, state } if node == target && state == "DOWN"));
    sheet.time("node_down_ms", down);
    let node = recording.given.initial.nodes.iter().find(|node| node.node == target);
    let expiry = node.and_then(|node| Some(node.last_heartbeat_ms? + 3.0 * node.period_ms?));
    sheet.time("node_down_minus_expiry_ms", difference(down, expiry));
    down
}

/// When the tasks that replace lost ones reached each stage.
pub(super) fn replacements(sheet: &mut Sheet, history: &History, lost: &[String]) {
    let slots: BTreeSet<u64> =
        history.initial.iter().filter(|task| lost.contains(&task.name)).map(|task| task.slot).collect();
    let created = history.created();
    let new: Vec<&Task> =
        created.iter().filter(|(_, task)| slots.contains(&task.slot)).map(|(_, t)| *t).collect();
    let stages: [(&str, Stage); 6] = [
        ("created", |_| true),
        ("pending", |task| task.state == "PENDING"),
        ("assigned", is_assigned),
        ("prepared", |task| task.state == "READY"),
        ("desired_running", |task| task.desired == "RUNNING"),
        ("running", is_running),
    ];
    for (stage, reached) in stages {
        let times: Vec<f64> = new.iter().filter_map(|task| history.task_first(&task.name, reached)).collect();
        sheet.time(&format!("replacement_{stage}_first_ms"), earliest(times.clone()));
        sheet.time(&format!("replacement_{stage}_last_ms"), latest(times.clone()));
        if stage == "running" {
            sheet.time("replacement_running_ms", latest(times));
        }
    }
    sheet.count("replacements", new.len());
}

fn replacement_steps(sheet: &mut Sheet, history: &History) {
    let steps: [(&str, Stage, Stage); 3] = [
        ("created_to_assigned_ms", |_| true, is_assigned),
        ("restart_delay_ms", |_| true, |task| task.desired == "RUNNING"),
        ("desired_running_to_running_ms", |task| task.desired == "RUNNING", is_running),
    ];
    for (name, from, to) in steps {
        let spans = history.created().into_iter().filter_map(|(_, task)| {
            difference(history.task_first(&task.name, to), history.task_first(&task.name, from))
        });
        sheet.time(name, earliest(spans.collect()));
    }
}

/// Desired and observed states of tasks at the end, each pair once.
pub(super) fn final_states(history: &History, recording: &Recording, tasks: &[String]) -> String {
    let end = history.tasks_at(recording.given.duration_ms);
    let states: BTreeSet<String> = tasks
        .iter()
        .filter_map(|name| end.get(name.as_str()))
        .map(|task| format!("{}/{}", task.desired, task.state))
        .collect();
    states.into_iter().collect::<Vec<String>>().join(", ")
}

/// How many tasks run on the nodes that have any, ascending: which node has how many is a draw.
pub(super) fn running_per_node(history: &History, at_ms: f64) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for task in history.tasks_at(at_ms).values() {
        if let (Some(node), "RUNNING", "RUNNING") = (&task.node, task.desired.as_str(), task.state.as_str()) {
            *counts.entry(node).or_default() += 1;
        }
    }
    let mut counts: Vec<u64> = counts.into_values().collect();
    counts.sort_unstable();
    format!("{counts:?}")
}

pub(super) fn is_assigned(task: &Task) -> bool {
    task.state == "ASSIGNED"
}

pub(super) fn is_running(task: &Task) -> bool {
    task.state == "RUNNING"
}

fn is_final(task: &Task) -> bool {
    matches!(task.state.as_str(), "COMPLETE" | "SHUTDOWN" | "FAILED" | "REJECTED" | "ORPHANED")
}

pub(super) fn difference(later: Option<f64>, earlier: Option<f64>) -> Option<f64> {
    Some(later? - earlier?)
}

pub(super) fn earliest(times: Vec<f64>) -> Option<f64> {
    times.into_iter().min_by(f64::total_cmp)
}

pub(super) fn latest(times: Vec<f64>) -> Option<f64> {
    times.into_iter().max_by(f64::total_cmp)
}
