//! Tasks of each service over time: how many shall run, how many do, and what happened meanwhile. One panel a service.
use std::collections::BTreeMap;

use plotters::prelude::*;
use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::metrics::{Label, Measurement};
use sim_core::model::ServiceId;

use super::ChartKind;
use super::canvas::{Area, BLUE, FAINT, INK, ORANGE, drawn, left};
use super::frame::{Frame, LEFT};
use super::steps::{corners, seconds, value_at};
use crate::ScenarioInfo;

pub(super) const KIND: ChartKind = ChartKind {
    file: "tasks.svg",
    meaning: "Tasks of each service that shall run and that do, with faults and new leaders.",
    applies: |_| true,
    draw,
};

/// Services that have a panel; the first ones.
const PANELS_MAX: usize = 12;

/// What one panel shows.
struct Panel<'a> {
    name: String,
    desired: &'a [(SimTime, u64)],
    running: &'a [(SimTime, u64)],
}

fn draw(recording: &Recording, scenario: &ScenarioInfo) -> String {
    let mut panels = panels(recording);
    let hidden = panels.len().saturating_sub(PANELS_MAX);
    panels.truncate(PANELS_MAX);
    let seed = format!("seed {}", scenario.seed);
    let subtitle = match hidden {
        0 => seed,
        hidden => format!("{seed}; {hidden} more services are not shown"),
    };
    let frame = Frame::new(recording, scenario, panels.len());
    frame.draw(&subtitle, draw_legend, |area, number| match panels.get(number) {
        Some(panel) => draw_panel(&frame, area, number, panel),
        None => drawn(area.draw_text("No service was created.", &left(16, FAINT), (LEFT, 85))),
    })
}

fn draw_legend(root: &Area<'_>) {
    let entries = [("running", 640), ("desired", 750), ("missing", 860)];
    for (word, x) in entries {
        drawn(root.draw_text(word, &left(14, INK), (x + 38, 50)));
    }
    drawn(root.draw(&Rectangle::new([(640, 50), (670, 58)], BLUE.mix(0.15).filled())));
    drawn(root.draw(&PathElement::new([(640, 50), (670, 50)], BLUE.stroke_width(3))));
    for dash in 0..3 {
        let x = 750 + dash * 11;
        drawn(root.draw(&PathElement::new([(x, 50), (x + 7, 50)], INK.stroke_width(2))));
    }
    drawn(root.draw(&Rectangle::new([(860, 44), (890, 57)], ORANGE.mix(0.55).filled())));
}

fn draw_panel(frame: &Frame<'_>, area: &Area<'_>, number: usize, panel: &Panel<'_>) {
    let most = panel.desired.iter().chain(panel.running).map(|(_, value)| *value).max().unwrap_or(0);
    let name = format!("{}: tasks", panel.name);
    let mut axes = frame.axes(area, number, &name, most + (most / 8).max(1));
    let (end, columns) = (frame.end(), frame.columns());
    let running = corners(panel.running, end, columns);
    let desired = corners(panel.desired, end, columns);
    drawn(axes.draw_series(AreaSeries::new(running.iter().copied(), 0, BLUE.mix(0.15))));
    drawn(axes.draw_series(
        missing(panel, end, columns).into_iter().map(|(from, to, low, high)| {
            Rectangle::new([(from, low), (to, high)], ORANGE.mix(0.55).filled())
        }),
    ));
    drawn(axes.draw_series(LineSeries::new(running, BLUE.stroke_width(3))));
    drawn(axes.draw_series(DashedLineSeries::new(desired, 7, 4, INK.stroke_width(2))));
}

fn panels(recording: &Recording) -> Vec<Panel<'_>> {
    let histories = |name: &str| -> BTreeMap<ServiceId, &[(SimTime, u64)]> {
        let of_metric = recording.measurements.iter().filter(|one| one.kind().name == name);
        of_metric.filter_map(|one| Some((service(one)?, one.history.as_slice()))).collect()
    };
    let (desired, running) = (histories("tasks_desired"), histories("tasks_running"));
    running
        .into_iter()
        .map(|(service, running)| Panel {
            name: recording.census.service_name(service),
            desired: desired.get(&service).copied().unwrap_or_default(),
            running,
        })
        .collect()
}

fn service(measurement: &Measurement) -> Option<ServiceId> {
    measurement.labels.iter().find_map(|label| match label {
        Label::Service(service) => Some(*service),
        Label::Node(_) | Label::Host(_) | Label::Fault(_) | Label::Traffic(_) | Label::Cause(_) => None,
    })
}

/// Where fewer tasks run than shall: (from, to, running, desired).
fn missing(panel: &Panel<'_>, end: SimTime, columns: u64) -> Vec<(f64, f64, u64, u64)> {
    let mut changes: Vec<SimTime> =
        panel.desired.iter().chain(panel.running).map(|(time, _)| *time).collect();
    changes.sort_unstable();
    changes.dedup();
    // Gaps that are thinner than a column cannot be seen.
    let column = end.as_nanos() / columns.max(1);
    changes.push(end);
    let mut gaps: Vec<(f64, f64, u64, u64)> = Vec::new();
    for pair in changes.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (running, desired) = (value_at(panel.running, from), value_at(panel.desired, from));
        if running < desired && to.since(from).as_nanos() * 4 >= column {
            gaps.push((seconds(from), seconds(to), running, desired));
        }
    }
    gaps
}
