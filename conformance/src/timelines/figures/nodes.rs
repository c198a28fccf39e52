//! Figures about nodes that join, change their role or are removed.
use super::Sheet;
use super::tasks::{difference, earliest, final_states, is_running, latest, lost, node_down, replacements};
use crate::timelines::given::{Deed, Given, RecordedMode, RecordedRole, TaskName};
use crate::timelines::history::{Call, History, Task, What};
use crate::timelines::recording::Recording;

/// A node joins.
pub(super) fn join(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let joining = recording.given.joining().find(|(name, _)| Some(*name) == recording.given.target());
    let Some((target, role)) = joining.or_else(|| recording.given.joining().next()) else { return };
    let created = history.first(0.0, |what| matches!(what, What::NodeCreated { node } if node == target));
    sheet.time("node_object_created_ms", created);
    sheet.time("cert_issued_ms", issued(history, target, role.word()));
    let registered = history.first(0.0, |what| matches!(what, What::Registered { node } if node == target));
    sheet.time("registered_ms", registered);
    let is_ready =
        |what: &What| matches!(what, What::Node { node, state } if node == target && state == "READY");
    let ready = history.first(0.0, is_ready);
    sheet.time("node_ready_ms", ready);
    let created = history.created();
    let global = created
        .into_iter()
        .find(|(_, task)| is_global(&recording.given, task) && history.node_of(&task.name) == Some(target));
    sheet.time("global_task_created_ms", global.map(|(at, _)| at));
    let running = global.and_then(|(_, task)| history.task_first(&task.name, is_running));
    sheet.time("global_task_running_ms", running);
    sheet.time("ready_to_global_running_ms", difference(running, ready));
    elsewhere(sheet, history, recording, target);
}

/// A node that does not lead gets another role.
pub(super) fn change_of_role(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let changed = recording.given.actions.iter().find_map(|action| match &action.deed {
        Deed::Promote { node } => Some((node, RecordedRole::Manager)),
        Deed::Demote { node } => Some((node, RecordedRole::Worker)),
        _ => None,
    });
    let Some((target, role)) = changed else { return };
    let wanted = role.word();
    let has_role =
        |what: &What| matches!(what, What::Role { node, role, .. } if node == target && role == wanted);
    sheet.time("role_changed_ms", history.first(0.0, has_role));
    let renews = |what: &What| matches!(what, What::Role { node, certificate, .. } if node == target && certificate.ends_with(":RENEW"));
    sheet.time("cert_renew_ms", history.first(0.0, renews));
    sheet.time("cert_issued_ms", issued(history, target, wanted));
    elsewhere(sheet, history, recording, target);
    if role == RecordedRole::Manager {
        let running = replicated(history, &recording.given);
        let running = running.iter().filter_map(|task| history.task_first(&task.name, is_running));
        sheet.time("constraint_moved_tasks_running_ms", latest(running.collect()));
        let rejected = history.tasks().filter(|(_, task)| {
            task.state == "REJECTED" && task.node.as_deref() == Some(target) && task.desired == "RUNNING"
        });
        sheet.count("tasks_shut_by_constraint", rejected.count());
    }
}

/// What becomes of sessions and of tasks that have nothing to do with the node.
fn elsewhere(sheet: &mut Sheet, history: &History, recording: &Recording, target: &str) {
    let failed = |own: bool| {
        let wanted =
            |what: &What| matches!(what, What::SessionFailed { node, .. } if (node == target) == own);
        history.times(wanted).len()
    };
    sheet.count("session_lost", failed(true));
    sheet.count("other_sessions_lost", failed(false));
    let knows = |what: &What| matches!(what, What::KnowsLeader { node } if node == target);
    sheet.time("learned_leader_ms", history.first(0.0, knows));
    sheet.count("replicated_tasks_moved", replicated(history, &recording.given).len());
}

/// Tasks that were created, but for those of services that have one on every node.
fn replicated<'a>(history: &'a History, given: &Given) -> Vec<&'a Task> {
    let created = history.created().into_iter().map(|(_, task)| task);
    created.filter(|task| !is_global(given, task)).collect()
}

fn is_global(given: &Given, task: &Task) -> bool {
    let service = TaskName::parse(&task.name).map(|name| name.service).unwrap_or_default();
    given.all_services().any(|known| known.name == service && known.mode == RecordedMode::Global)
}

/// When a node had a certificate for a role.
pub(super) fn issued(history: &History, target: &str, role: &str) -> Option<f64> {
    let wanted = format!("{role}:ISSUED");
    history.first(
        0.0,
        |what| matches!(what, What::Role { node, certificate, .. } if node == target && *certificate == wanted),
    )
}

/// A node is removed, alive or dead.
pub(super) fn remove(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let Some(target) = recording.given.target() else { return };
    let lost = lost(sheet, history, recording);
    let Some(called) = recording.given.first(|deed| matches!(deed, Deed::NodeRemove { .. })) else { return };
    let answers = history.answers.iter().filter(|(at, _)| *at >= called);
    sheet.text("remove_results", answers.map(|(_, text)| text.as_str()).collect::<Vec<&str>>().join(", "));
    let removal = history.first(0.0, |what| matches!(what, What::NodeRemoved { node } if node == target));
    sheet.time("removed_ms", removal);
    let removed = removal.unwrap_or(f64::MAX);
    let is_orphaned = |task: &Task| task.state == "ORPHANED";
    let orphaned = lost.iter().filter_map(|task| history.task_first(task, is_orphaned));
    sheet.time("remove_to_orphaned_ms", latest(orphaned.collect()).map(|at| at - removed));
    replacements(sheet, history, &lost);
    let created: Vec<(f64, &Task)> = history.created().into_iter().filter(|(at, _)| *at >= removed).collect();
    sheet.time(
        "remove_to_replacement_created_ms",
        earliest(created.iter().map(|(at, _)| *at - removed).collect()),
    );
    let running = created.iter().filter_map(|(_, task)| history.task_first(&task.name, is_running));
    sheet.time("remove_to_replacement_running_ms", latest(running.collect()).map(|at| at - removed));
    let after = |wanted: &dyn Fn(&What) -> bool| {
        history.times(wanted).into_iter().filter(|at| *at >= removed).collect::<Vec<f64>>()
    };
    let denied = |what: &What| {
        matches!(what, What::SessionFailed { node, error, .. }
            if node == target && error.contains("PermissionDenied"))
    };
    sheet.count("removed_node_permission_denied", after(&denied).len());
    let registered = |what: &What| matches!(what, What::SessionOpened { node } if node == target);
    sheet.count("removed_node_sessions_reestablished", after(&registered).len());
    let stops =
        |what: &What| matches!(what, What::Executor { task, call: Call::Shutdown } if lost.contains(task));
    let stops = after(&stops);
    sheet.count("executor_stops_on_removed_node", stops.len());
    sheet.time("remove_to_last_executor_stop_ms", latest(stops).map(|at| at - removed));
    if recording.given.first(|deed| deed.is_end() && deed.node() == Some(target)).is_some() {
        node_down(sheet, history, recording);
    }
    sheet.text("old_tasks_final", final_states(history, recording, &lost));
}
