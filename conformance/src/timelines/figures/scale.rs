//! Figures about services that are created, and that get more or fewer tasks.
use super::Sheet;
use super::tasks::{Stage, difference, earliest, is_assigned, is_running, latest, running_per_node};
use crate::timelines::given::{Action, Deed};
use crate::timelines::history::{Call, History, Task, What};
use crate::timelines::recording::Recording;

/// A service is created, or gets another number of tasks. Figures of the second increase or decrease have a `_2` behind
/// their names, and so on.
pub(super) fn scale(sheet: &mut Sheet, history: &History, recording: &Recording) {
    let given = &recording.given;
    let (mut ups, mut downs) = (0, 0);
    for (place, Action { t_ms, deed }) in given.actions.iter().enumerate() {
        let next = given.actions.get(place + 1).map_or(given.duration_ms, |action| action.t_ms - 0.001);
        let before = given.actions[..place].iter().rev().find_map(|action| replicas_of(&action.deed, deed));
        let at_start = given.all_services().find(|service| Some(service.name.as_str()) == deed.service());
        let before = before.or_else(|| at_start?.replicas);
        match (deed, replicas_of(deed, deed)) {
            (Deed::ServiceCreate { .. }, _) => create(sheet, history, *t_ms),
            (_, Some(replicas)) if Some(replicas) > before => {
                ups += 1;
                let span = (*t_ms, given.actions.get(place + 1).map_or(f64::MAX, |action| action.t_ms));
                scale_up(sheet, history, span, &suffix(ups));
                let name = format!("running_per_node_at_{replicas}");
                sheet.text(&name, running_per_node(history, next));
            }
            (_, Some(_)) => {
                downs += 1;
                scale_down(sheet, history, *t_ms, &suffix(downs));
            }
            (_, None) => {}
        }
    }
    sheet.text("running_per_node_end", running_per_node(history, given.duration_ms));
}

/// The number of tasks that an action gives to the service of another.
fn replicas_of(deed: &Deed, of: &Deed) -> Option<u64> {
    match deed {
        Deed::ServiceUpdate { service, replicas, .. } if Some(service.as_str()) == of.service() => *replicas,
        _ => None,
    }
}

fn suffix(number: usize) -> String {
    if number == 1 { String::new() } else { format!("_{number}") }
}

fn create(sheet: &mut Sheet, history: &History, at_ms: f64) {
    let created = history.created().into_iter().find(|(at, _)| *at >= at_ms);
    sheet.time("first_task_created_ms", created.map(|(at, _)| at - at_ms));
    let running = created.and_then(|(_, task)| history.task_first(&task.name, is_running));
    sheet.time("first_task_running_ms", running.map(|at| at - at_ms));
}

fn scale_up(sheet: &mut Sheet, history: &History, (up, until): (f64, f64), suffix: &str) {
    let created = history.created().into_iter();
    let added: Vec<(f64, &Task)> = created.filter(|(at, _)| (up..until).contains(at)).collect();
    sheet.count(&format!("tasks_added{suffix}"), added.len());
    let last = latest(added.iter().map(|(at, _)| *at - up).collect());
    sheet.time(&format!("scale_up_created{suffix}_ms"), last);
    let between = |from: Stage, to: Stage| {
        let spans = added.iter().map(|(_, task)| {
            difference(history.task_first(&task.name, to), history.task_first(&task.name, from))
        });
        spans.flatten().collect::<Vec<f64>>()
    };
    let stages: [(&str, Stage, Stage); 4] = [
        ("created_to_pending", |_| true, |task| task.state == "PENDING"),
        ("pending_to_assigned", |task| task.state == "PENDING", is_assigned),
        ("created_to_running", |_| true, is_running),
        ("assigned_to_running", is_assigned, is_running),
    ];
    for (name, from, to) in stages {
        sheet.spread(&format!("{name}{suffix}"), between(from, to));
    }
    let called = |task: &Task, wanted: Call| {
        history.first(
            0.0,
            |what| matches!(what, What::Executor { task: name, call } if *name == task.name && *call == wanted),
        )
    };
    let to_agent = added.iter().filter_map(|(_, task)| {
        difference(called(task, Call::Prepare), history.task_first(&task.name, is_assigned))
    });
    extremes(sheet, &format!("assigned_to_agent{suffix}"), to_agent.collect());
    let running = |task: &Task| history.task_first(&task.name, is_running);
    let observed = added.iter().filter_map(|(_, task)| difference(running(task), called(task, Call::Start)));
    extremes(sheet, &format!("started_to_observed_running{suffix}"), observed.collect());
}

fn scale_down(sheet: &mut Sheet, history: &History, down: f64, suffix: &str) {
    let after = |wanted: Stage| -> Vec<f64> {
        history.tasks().filter(|(at, task)| *at >= down && wanted(task)).map(|(at, _)| at - down).collect()
    };
    let removed = history.times(|what| matches!(what, What::TaskRemoved { .. }));
    let removed: Vec<f64> = removed.into_iter().filter(|at| *at >= down).map(|at| at - down).collect();
    let mut time =
        |name: &str, value: Option<f64>| sheet.time(&format!("scale_down_{name}{suffix}_ms"), value);
    time("desired_remove", earliest(after(|task| task.desired == "REMOVE")));
    time("observed_shutdown", latest(after(|task| task.state == "SHUTDOWN")));
    time("first_removed", earliest(removed.clone()));
    time("last_removed", latest(removed));
}

fn extremes(sheet: &mut Sheet, name: &str, values: Vec<f64>) {
    sheet.time(&format!("{name}_min_ms"), earliest(values.clone()));
    sheet.time(&format!("{name}_max_ms"), latest(values));
}
