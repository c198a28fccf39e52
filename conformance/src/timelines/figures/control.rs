//! Figures about leaders, elections and node states.
use std::collections::{BTreeMap, BTreeSet};

use super::Sheet;
use super::tasks::{difference, is_running, latest};
use crate::timelines::given::Deed;
use crate::timelines::history::{Call, History, What};
use crate::timelines::recording::Recording;

/// The leader is gone, or stops to be a manager.
pub(super) fn leader_gone(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let target = recording.given.leader();
    sheet.time("first_candidate_ms", history.first(0.0, |what| matches!(what, What::Candidate { .. })));
    let leader = history.first(0.0, |what| matches!(what, What::Leader { .. }));
    sheet.time("new_leader_ms", leader);
    let candidates = history.times(|what| matches!(what, What::Candidate { .. }));
    let until = leader.unwrap_or(f64::MAX);
    sheet.count("elections", candidates.into_iter().filter(|at| *at <= until).count());
    sheet.count("term_after", last_term(history) as usize);
    let ready = history.first(0.0, |what| matches!(what, What::LeaderReady { .. }));
    sheet.time("leader_components_ready_ms", ready);
    nodes_return(sheet, history, target, leader);
    let down = history
        .first(0.0, |what| matches!(what, What::Node { node, state } if node == target && state == "DOWN"));
    sheet.time("old_leader_down_ms", down);
    sheet.time("leader_to_old_leader_down_ms", difference(down, leader));
    tasks(sheet, history, target);
    backoff(sheet, history);
    if let Some(thaw) = recording.given.first(|deed| matches!(deed, Deed::Thaw { .. })) {
        let after = |wanted: &dyn Fn(&What) -> bool| history.first(thaw, wanted).map(|at| at - thaw);
        let follows = after(&|what| matches!(what, What::Follower { node } if node == target));
        sheet.time("thaw_to_old_leader_follower_ms", follows);
        let ready =
            after(&|what| matches!(what, What::Node { node, state } if node == target && state == "READY"));
        sheet.time("thaw_to_old_leader_ready_ms", ready);
    }
    if recording.given.first(|deed| matches!(deed, Deed::Demote { node } if node == target)).is_some() {
        leader_demoted(sheet, history, target);
    }
}

fn leader_demoted(sheet: &mut Sheet, history: &History, target: &str) {
    let has_role =
        |what: &What| matches!(what, What::Role { node, role, .. } if node == target && role == "worker");
    sheet.time("role_worker_ms", history.first(0.0, has_role));
    sheet.time("cert_worker_ms", super::nodes::issued(history, target, "worker"));
    let unknown = history.first(0.0, |what| matches!(what, What::Node { state, .. } if state == "UNKNOWN"));
    let is_ready =
        |what: &What| matches!(what, What::Node { node, state } if node == target && state == "READY");
    sheet.time("demoted_node_ready_ms", unknown.and_then(|unknown| history.first(unknown, is_ready)));
}

fn backoff(sheet: &mut Sheet, history: &History) {
    let backoffs = history.events.iter().filter_map(|event| match event.what {
        What::SessionFailed { backoff_ms, .. } => Some(backoff_ms),
        _ => None,
    });
    sheet.count("max_session_backoff_ms", backoffs.max().unwrap_or(0) as usize);
}

/// Most managers are gone, and some of them come back.
pub(super) fn quorum_loss(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let given = &recording.given;
    let Some(restart) = given.first(Deed::is_return) else { return };
    let nodes = |wanted: fn(&Deed) -> bool| -> BTreeSet<&str> {
        let deeds = given.actions.iter().map(|action| &action.deed);
        deeds.filter(|deed| wanted(deed)).filter_map(Deed::node).collect()
    };
    let (ended, returned) = (nodes(Deed::is_end), nodes(Deed::is_return));
    let dead: BTreeSet<&str> = ended.difference(&returned).copied().collect();
    if !ended.contains(given.leader()) {
        let survivor = given.leader();
        let down = history.first(0.0, |what| matches!(what, What::Follower { node } if node == survivor));
        sheet.time("step_down_ms", down);
    }
    let before = |wanted: &dyn Fn(&What) -> bool| {
        history.times(wanted).into_iter().filter(|at| (0.0..restart).contains(at)).count()
    };
    let is_task = |what: &What| matches!(what, What::Task(_) | What::TaskRemoved { .. });
    sheet.count("task_events_without_quorum", before(&is_task));
    let stops = |what: &What| matches!(what, What::Executor { call: Call::Shutdown, .. });
    sheet.count("executor_stops_without_quorum", before(&stops));
    sheet.count("candidacies_without_quorum", before(&|what| matches!(what, What::Candidate { .. })));
    let leader = history.first(restart, |what| matches!(what, What::Leader { .. }));
    sheet.time("restart_to_new_leader_ms", leader.map(|at| at - restart));
    sheet.count("term_after", last_term(history) as usize);
    let unknown =
        history.first(restart, |what| matches!(what, What::Node { state, .. } if state == "UNKNOWN"));
    let all_ready = unknown.and_then(|unknown| last_of_each(history, &dead, unknown));
    sheet.time("leader_to_all_ready_ms", difference(all_ready, leader));
    sheet.time("restart_to_all_ready_ms", all_ready.map(|at| at - restart));
    let is_down = |what: &What| matches!(what, What::Node { node, state } if dead.contains(node.as_str()) && state == "DOWN");
    let down = history.first(restart, is_down);
    sheet.time("leader_to_dead_manager_down_ms", difference(down, leader));
    sheet.count("tasks_created", history.created().len());
    backoff(sheet, history);
}

fn last_term(history: &History) -> u64 {
    let terms = history.events.iter().filter_map(|event| match event.what {
        What::Leader { term, .. } | What::Candidate { term, .. } => Some(term),
        _ => None,
    });
    terms.max().unwrap_or(0)
}

/// All nodes are UNKNOWN at first; those that live come back one by one.
fn nodes_return(sheet: &mut Sheet, history: &History, target: &str, leader: Option<f64>) {
    let unknown = history.first(0.0, |what| matches!(what, What::Node { state, .. } if state == "UNKNOWN"));
    sheet.time("nodes_unknown_ms", unknown);
    let is_ready =
        |what: &What| matches!(what, What::Node { node, state } if node != target && state == "READY");
    let since = unknown.unwrap_or(f64::MAX);
    let ready: Vec<f64> = history.times(is_ready).into_iter().filter(|at| *at >= since).collect();
    sheet.time("first_node_ready_ms", ready.first().copied());
    let last = last_of_each(history, &BTreeSet::from([target]), since);
    sheet.time("last_node_ready_ms", last);
    sheet.time("leader_to_all_ready_ms", difference(last, leader));
}

/// When the last node came back, each counted at its first return.
fn last_of_each(history: &History, except: &BTreeSet<&str>, from: f64) -> Option<f64> {
    let mut seen = BTreeMap::new();
    for event in history.events.iter().filter(|event| event.at_ms >= from) {
        if let What::Node { node, state } = &event.what
            && !except.contains(node.as_str())
            && state == "READY"
        {
            seen.entry(node.clone()).or_insert(event.at_ms);
        }
    }
    latest(seen.into_values().collect())
}

fn tasks(sheet: &mut Sheet, history: &History, target: &str) {
    let slots: Vec<u64> = history
        .initial
        .iter()
        .filter(|task| task.node.as_deref() == Some(target))
        .map(|task| task.slot)
        .collect();
    let created = history.created();
    let (replaced, needless): (Vec<_>, Vec<_>) =
        created.into_iter().partition(|(_, task)| slots.contains(&task.slot));
    sheet.count("tasks_replaced", replaced.len());
    sheet.count("tasks_restarted_needlessly", needless.len());
    sheet.time("replacement_created_ms", replaced.first().map(|(at, _)| *at));
    let running = replaced.iter().filter_map(|(_, task)| history.task_first(&task.name, is_running));
    sheet.time("replacement_running_ms", latest(running.collect()));
}
