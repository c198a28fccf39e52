//! `docker service ps` and `docker node ps`: tasks, each slot's newest first, with the older ones below it.
use std::sync::Arc;

use super::natural::natural_order;
use super::table::Table;
use super::words::{ellipsis, human_duration, pretty, short_image};
use super::{Viewpoint, short};
use crate::model::command::Listing;
use crate::model::{PortConfig, Task};
use crate::protocol::TaskListing;

const HEADERS: [&str; 8] =
    ["ID", "NAME", "IMAGE", "NODE", "DESIRED STATE", "CURRENT STATE", "ERROR", "PORTS"];
/// Characters of an error that a table shows.
const ERROR_LENGTH: usize = 30;

/// The tasks as a table, or their ids alone.
#[must_use]
pub(crate) fn task_table(tasks: &TaskListing, listing: &Listing, view: Viewpoint) -> String {
    let mut rows: Vec<(String, &Arc<Task>)> =
        tasks.tasks.iter().map(|task| (task_name(task, tasks, listing, view), task)).collect();
    rows.sort_by(|(one_name, one), (other_name, other)| {
        let newest_first = (other.meta.created_at, other.id).cmp(&(one.meta.created_at, one.id));
        natural_order(one_name, other_name).then(newest_first)
    });
    if listing.quiet {
        return rows.iter().map(|(_, task)| format!("{}\n", task_id(task, listing, view))).collect();
    }
    let mut table = Table::new(&HEADERS);
    let mut previous = None;
    for (name, task) in &rows {
        let history = if previous == Some(name) { r" \_ " } else { "" };
        previous = Some(name);
        table.add([
            task_id(task, listing, view),
            format!("{history}{name}"),
            image(task, listing),
            node_name(task, tasks, listing, view),
            pretty(task.desired_state.name()),
            current_state(task, view),
            error(task, listing),
            ports(task),
        ]);
    }
    table.print()
}

/// `web.1`, or `web.<node id>` for a task without a slot number. That includes the first task of a replicated job.
fn task_name(task: &Task, tasks: &TaskListing, listing: &Listing, view: Viewpoint) -> String {
    let service = task.service.map_or(String::new(), |id| {
        let known = tasks.services.get(&id).filter(|_| !listing.no_resolve);
        known.cloned().unwrap_or_else(|| id.text(view.seed))
    });
    match task.slot.0 {
        0 => format!("{service}.{}", task.node.map_or(String::new(), |node| node.text(view.seed))),
        slot => format!("{service}.{slot}"),
    }
}

fn node_name(task: &Task, tasks: &TaskListing, listing: &Listing, view: Viewpoint) -> String {
    task.node.map_or(String::new(), |id| {
        let known = tasks.nodes.get(&id).filter(|_| !listing.no_resolve);
        known.cloned().unwrap_or_else(|| id.text(view.seed))
    })
}

fn task_id(task: &Task, listing: &Listing, view: Viewpoint) -> String {
    let id = task.id.text(view.seed);
    if listing.no_trunc { id } else { short(&id).to_owned() }
}

fn image(task: &Task, listing: &Listing) -> String {
    let image = &task.spec.container.image;
    if listing.no_trunc { image.clone() } else { short_image(image) }
}

fn current_state(task: &Task, view: Viewpoint) -> String {
    let age = view.now.since(task.status.timestamp.unwrap_or(view.now));
    format!("{} {} ago", pretty(task.status.state.name()), human_duration(age).to_lowercase())
}

fn error(task: &Task, listing: &Listing) -> String {
    let error = &task.status.err;
    match (error.is_empty(), listing.no_trunc) {
        (true, _) => String::new(),
        (false, true) => format!("\"{error}\""),
        (false, false) => format!("\"{}\"", ellipsis(error, ERROR_LENGTH)),
    }
}

/// Ports of the task's own node, as that has told them.
fn ports(task: &Task) -> String {
    let text = |port: &PortConfig| {
        format!("*:{}->{}/{}", port.published_port, port.target_port, port.protocol.name())
    };
    let texts: Vec<String> = task.status.ports.iter().map(text).collect();
    texts.join(",")
}
