//! What the client draws for each mode of a service, and when it holds the service for done.
use std::collections::BTreeMap;

use super::screen::Screen;
use super::standing::{Counts, Place, Table};
use crate::model::{NodeId, Service, ServiceMode, Slot, TaskState};

/// Tasks of which each has a line of its own; of more there is none.
const BARS_MAX: u64 = 20;
/// Number of the state at which a bar is full: RUNNING, and COMPLETE for jobs.
const RUNNING: u64 = 9;
const COMPLETE: u64 = 10;
/// Characters of a node's id before its line.
const SHORT_ID: usize = 12;

/// What is drawn, by the mode that the service had when the client began to wait.
#[derive(Clone, Debug)]
pub(super) enum Display {
    /// A line for each replica, numbered in the order in which they appear.
    Replicated { numbers: Option<BTreeMap<Slot, u64>>, done: bool },
    /// A line for each node that has a task.
    Global { begun: bool, done: bool },
    /// A line for each completion.
    ReplicatedJob { begun: bool },
    /// A line for each node that had a task when there were first tasks.
    GlobalJob { nodes: Option<Vec<NodeId>> },
}

/// What there is to draw.
pub(super) struct Scene<'a> {
    pub(super) service: &'a Service,
    pub(super) table: &'a Table,
    pub(super) seed: u64,
    /// True if the update is being rolled back.
    pub(super) rolling_back: bool,
}

impl Display {
    pub(super) fn new(mode: ServiceMode) -> Self {
        match mode {
            ServiceMode::Replicated { .. } => Display::Replicated { numbers: None, done: false },
            ServiceMode::Global => Display::Global { begun: false, done: false },
            ServiceMode::ReplicatedJob { .. } => Display::ReplicatedJob { begun: false },
            ServiceMode::GlobalJob => Display::GlobalJob { nodes: None },
        }
    }

    /// Draws what there is. True if all is as it should be.
    pub(super) fn draw(&mut self, scene: &Scene<'_>, screen: &mut Screen) -> bool {
        match (self, scene.service.spec.mode) {
            (Display::Replicated { numbers, done }, ServiceMode::Replicated { replicas }) => {
                draw_replicas(numbers, done, replicas, scene, screen)
            }
            (Display::Global { begun, done }, _) => draw_nodes(begun, done, scene, screen),
            (
                Display::ReplicatedJob { begun },
                ServiceMode::ReplicatedJob { max_concurrent, total_completions },
            ) => draw_completions(begun, max_concurrent, total_completions, scene, screen),
            (Display::GlobalJob { nodes }, _) => draw_job_nodes(nodes, scene, screen),
            (display, mode) => unreachable!("{mode:?} is shown as {display:?}: a mode never changes"),
        }
    }
}

fn draw_replicas(
    numbers: &mut Option<BTreeMap<Slot, u64>>,
    done: &mut bool,
    replicas: u64,
    scene: &Scene<'_>,
    screen: &mut Screen,
) -> bool {
    let numbers = numbers.get_or_insert_with(|| {
        draw_overall(0, replicas, scene, screen);
        if replicas <= BARS_MAX {
            (1..=replicas).for_each(|number| screen.write(&format!("{number}/{replicas}"), ""));
        }
        BTreeMap::new()
    });
    let Counts { running, astray, .. } = scene.table.counts();
    *done &= astray == 0;
    if replicas <= BARS_MAX {
        for (place, standing) in scene.table.iter() {
            let Place::Slot(slot) = place else { unreachable!("replicas have slots") };
            let next = numbers.len() as u64 + 1;
            let number = *numbers.entry(slot).or_insert(next);
            let is_over = standing.desired > TaskState::Running || standing.state > TaskState::Running;
            if !*done && number <= replicas && (!standing.error.is_empty() || !is_over) {
                let label = format!("{number}/{replicas}");
                screen.write_task(&label, standing.state, &standing.error, RUNNING);
            }
        }
    }
    if !*done {
        draw_overall(running, replicas, scene, screen);
        *done = running == replicas;
    }
    running == replicas
}

fn draw_nodes(begun: &mut bool, done: &mut bool, scene: &Scene<'_>, screen: &mut Screen) -> bool {
    let nodes = scene.table.len();
    if !*begun {
        if nodes == 0 {
            screen.write("overall progress", "waiting for new tasks");
            return false;
        }
        draw_overall(0, nodes, scene, screen);
        *begun = true;
    }
    let Counts { running, astray, .. } = scene.table.counts();
    *done &= astray == 0;
    if !*done && nodes <= BARS_MAX {
        for (place, standing) in scene.table.iter() {
            let is_over = standing.desired > TaskState::Running || standing.state > TaskState::Running;
            if standing.on_active_node && (!standing.error.is_empty() || !is_over) {
                let label = &node_text(place, scene.seed)[..SHORT_ID];
                screen.write_task(label, standing.state, &standing.error, RUNNING);
            }
        }
    }
    if !*done {
        draw_overall(running, nodes, scene, screen);
        *done = running == nodes;
    }
    running == nodes
}

fn draw_completions(
    begun: &mut bool,
    max_concurrent: u64,
    total: u64,
    scene: &Scene<'_>,
    screen: &mut Screen,
) -> bool {
    let slots = 0..if total <= BARS_MAX { total as u32 } else { 0 };
    let label = |slot: u32| format!("{}/{total}", slot + 1);
    if !std::mem::replace(begun, true) {
        draw_job(0, total, screen);
        draw_active(0, total.min(max_concurrent), max_concurrent, screen);
        slots.clone().for_each(|slot| screen.write(&label(slot), ""));
    }
    for slot in slots {
        if let Some(standing) = scene.table.get(Place::Slot(Slot(slot))) {
            screen.write_task(&label(slot), standing.state, &standing.error, COMPLETE);
        }
    }
    let Counts { active, complete, .. } = scene.table.counts();
    draw_job(complete, total, screen);
    draw_active(active, total.saturating_sub(complete).min(max_concurrent), max_concurrent, screen);
    complete == total
}

fn draw_active(active: u64, desired: u64, max_concurrent: u64, screen: &mut Screen) {
    let digits = max_concurrent.to_string().len();
    screen.write("active tasks", format!("{active:digits$} out of {desired:digits$} tasks"));
}

fn draw_job_nodes(nodes: &mut Option<Vec<NodeId>>, scene: &Scene<'_>, screen: &mut Screen) -> bool {
    let place_of = |place: Place| match place {
        Place::Node(node) => node,
        Place::Slot(slot) => unreachable!("a task of a global job has a node, not {slot:?}"),
    };
    if nodes.is_none() {
        if scene.table.len() == 0 {
            screen.write("job progress", "waiting for tasks");
            return false;
        }
        let first: Vec<NodeId> = scene.table.iter().map(|(place, _)| place_of(place)).collect();
        draw_job(0, first.len() as u64, screen);
        *nodes = Some(first);
    }
    let nodes = nodes.as_deref().expect("they were noted above");
    let total = nodes.len() as u64;
    let standing = || nodes.iter().filter_map(|node| Some((node, scene.table.get(Place::Node(*node))?)));
    if total <= BARS_MAX {
        for (node, standing) in standing() {
            screen.write_task(&node.text(scene.seed), standing.state, &standing.error, COMPLETE);
        }
    }
    let complete = standing().filter(|(_, standing)| standing.state == TaskState::Complete).count() as u64;
    draw_job(complete, total, screen);
    complete == total
}

fn draw_overall(running: u64, all: u64, scene: &Scene<'_>, screen: &mut Screen) {
    let what = if scene.rolling_back { "rolling back update: " } else { "" };
    screen.write("overall progress", format!("{what}{running} out of {all} tasks"));
}

fn draw_job(complete: u64, total: u64, screen: &mut Screen) {
    let digits = total.to_string().len();
    screen.write_bar("job progress", &format!("{complete:digits$} out of {total} complete"), complete, total);
}

fn node_text(place: Place, seed: u64) -> String {
    match place {
        Place::Node(node) => node.text(seed),
        Place::Slot(slot) => unreachable!("a task of a global service has a node, not {slot:?}"),
    }
}
