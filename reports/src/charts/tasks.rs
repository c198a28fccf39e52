//! Tasks of each service over time: how many shall run, how many do, and what happened meanwhile.
//!
//! One panel a service on a common time axis. Faults and new leaders are vertical lines through all panels; their
//! numbers stand above and are explained below, so that no text is written over a curve.
use std::collections::BTreeMap;

use plotters::backend::SVGBackend;
use plotters::prelude::*;
use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::metrics::{Label, Measurement};
use sim_core::model::ServiceId;

use super::ChartKind;
use super::canvas::{
    Area, BLUE, FAINT, GRID, INK, ORANGE, SIGN_RADIUS, bold, colour, draw_sign, drawn, left,
};
use super::markers::{Marker, NUMBERED_MAX, markers, rows};
use super::steps::{corners, seconds, value_at};
use crate::{ScenarioInfo, time};

pub(super) const KIND: ChartKind = ChartKind {
    file: "tasks.svg",
    meaning: "Tasks of each service that shall run and that do, with faults and new leaders.",
    draw,
};

const WIDTH: i32 = 1_000;
const LEFT: i32 = 60;
const RIGHT: i32 = 24;
const HEADER: i32 = 78;
const PANEL: i32 = 170;
const AXIS: i32 = 50;
const KEY_LINE: i32 = 24;
/// Services that have a panel; the first ones.
const PANELS_MAX: usize = 12;

/// What one panel shows.
struct Panel<'a> {
    name: String,
    desired: &'a [(SimTime, u64)],
    running: &'a [(SimTime, u64)],
}

fn draw(recording: &Recording, scenario: &ScenarioInfo) -> String {
    let mut svg = String::new();
    let chart = Chart::new(recording, scenario);
    chart.draw(&drawn_area(&mut svg, chart.height()));
    svg
}

fn drawn_area(svg: &mut String, height: i32) -> Area<'_> {
    SVGBackend::with_string(svg, (WIDTH as u32, height as u32)).into_drawing_area()
}

struct Chart<'a> {
    scenario: &'a ScenarioInfo,
    panels: Vec<Panel<'a>>,
    hidden: usize,
    markers: Vec<Marker>,
    /// The row of each numbered marker's sign.
    rows: Vec<usize>,
    end: SimTime,
}

impl<'a> Chart<'a> {
    fn new(recording: &'a Recording, scenario: &'a ScenarioInfo) -> Self {
        let mut panels = panels(recording);
        let hidden = panels.len().saturating_sub(PANELS_MAX);
        panels.truncate(PANELS_MAX);
        let mut chart = Chart {
            scenario,
            panels,
            hidden,
            markers: markers(recording),
            rows: Vec::new(),
            end: recording.ended.max(SimTime::from_millis(1)),
        };
        let places: Vec<i32> = chart.numbered().iter().map(|marker| chart.x(marker.time)).collect();
        chart.rows = rows(&places, 2 * SIGN_RADIUS + 6);
        chart
    }

    fn numbered(&self) -> &[Marker] {
        &self.markers[..self.markers.len().min(NUMBERED_MAX)]
    }

    /// Height of the strip above the panels in which the signs stand.
    fn strip(&self) -> i32 {
        let rows = self.rows.iter().map(|row| row + 1).max().unwrap_or(0);
        rows as i32 * (2 * SIGN_RADIUS + 6)
    }

    fn height(&self) -> i32 {
        let panels = self.panels.len().max(1) as i32;
        let key_lines = self.numbered().len().div_ceil(2) as i32;
        HEADER + self.strip() + panels * PANEL + AXIS + key_lines * KEY_LINE + KEY_LINE + 12
    }

    /// The column of a point in time.
    fn x(&self, time: SimTime) -> i32 {
        LEFT + (f64::from(WIDTH - LEFT - RIGHT) * seconds(time) / seconds(self.end)).round() as i32
    }

    fn draw(&self, root: &Area<'_>) {
        drawn(root.fill(&WHITE));
        self.draw_header(root);
        let mut top = HEADER + self.strip();
        for (index, panel) in self.panels.iter().enumerate() {
            let is_last = index + 1 == self.panels.len();
            let height = if is_last { PANEL + AXIS } else { PANEL };
            let area = root.clone().shrink((0, top), (WIDTH as u32, height as u32));
            self.draw_panel(&area, panel, is_last);
            top += height;
        }
        if self.panels.is_empty() {
            drawn(root.draw_text("No service was created.", &left(16, FAINT), (LEFT, top + PANEL / 2)));
            top += PANEL + AXIS;
        }
        self.draw_markers(root);
        self.draw_key(root, top);
    }

    fn draw_header(&self, root: &Area<'_>) {
        drawn(root.draw_text(&self.scenario.name, &bold(20, INK), (LEFT, 24)));
        let seed = format!("seed {}", self.scenario.seed);
        let hidden = match self.hidden {
            0 => seed,
            hidden => format!("{seed}; {hidden} more services are not shown"),
        };
        drawn(root.draw_text(&hidden, &left(13, FAINT), (LEFT, 50)));
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

    fn draw_panel(&self, area: &Area<'_>, panel: &Panel<'_>, is_last: bool) {
        let most = panel.desired.iter().chain(panel.running).map(|(_, value)| *value).max().unwrap_or(0);
        let top = most + (most / 8).max(1);
        let mut chart = drawn(
            ChartBuilder::on(area)
                .margin_top(30)
                .margin_right(RIGHT)
                .set_label_area_size(LabelAreaPosition::Left, LEFT)
                .set_label_area_size(LabelAreaPosition::Bottom, if is_last { AXIS } else { 0 })
                .build_cartesian_2d(0f64..seconds(self.end), 0..top),
        );
        let (unit, per_second) = axis_unit(self.end);
        drawn(
            chart
                .configure_mesh()
                .light_line_style(TRANSPARENT)
                .bold_line_style(GRID)
                .axis_style(FAINT)
                .x_labels(12)
                .y_labels(5)
                .x_desc(if is_last { format!("time ({unit})") } else { String::new() })
                .y_desc("tasks")
                .x_label_formatter(&|at| label(at * per_second))
                .label_style(("sans-serif", 13).into_font().color(&INK))
                .axis_desc_style(("sans-serif", 14).into_font().color(&INK))
                .draw(),
        );
        let columns = (WIDTH - LEFT - RIGHT) as u64;
        let running = corners(panel.running, self.end, columns);
        let desired = corners(panel.desired, self.end, columns);
        drawn(chart.draw_series(AreaSeries::new(running.iter().copied(), 0, BLUE.mix(0.15))));
        drawn(chart.draw_series(missing(panel, self.end, columns).into_iter().map(
            |(from, to, low, high)| Rectangle::new([(from, low), (to, high)], ORANGE.mix(0.55).filled()),
        )));
        drawn(chart.draw_series(LineSeries::new(running, BLUE.stroke_width(3))));
        drawn(chart.draw_series(DashedLineSeries::new(desired, 7, 4, INK.stroke_width(2))));
        drawn(area.draw_text(&panel.name, &bold(15, INK), (LEFT, 16)));
    }

    fn draw_markers(&self, root: &Area<'_>) {
        let (strip_top, panels_top) = (HEADER, HEADER + self.strip());
        let bottom = panels_top + self.panels.len().max(1) as i32 * PANEL;
        for (index, marker) in self.markers.iter().enumerate() {
            let x = self.x(marker.time);
            let row = self.rows.get(index).copied();
            let from = row.map_or(panels_top, |row| strip_top + row as i32 * (2 * SIGN_RADIUS + 6));
            let mut y = from;
            while y < bottom {
                let segment = [(x, y), (x, (y + 4).min(bottom))];
                drawn(root.draw(&PathElement::new(segment, colour(marker.kind).stroke_width(2))));
                y += 8;
            }
            if row.is_some() {
                draw_sign(root, (x, from + SIGN_RADIUS), marker.kind, Some(index + 1));
            }
        }
    }

    fn draw_key(&self, root: &Area<'_>, top: i32) {
        let numbered = self.numbered();
        let lines = numbered.len().div_ceil(2);
        for (index, marker) in numbered.iter().enumerate() {
            let column = LEFT + (index / lines) as i32 * (WIDTH - LEFT - RIGHT) / 2;
            let y = top + (index % lines) as i32 * KEY_LINE + SIGN_RADIUS + 12;
            draw_sign(root, (column + SIGN_RADIUS, y), marker.kind, Some(index + 1));
            let text = format!("{}: {}", time::short(marker.time), marker.text);
            drawn(root.draw_text(&text, &left(13, INK), (column + 3 * SIGN_RADIUS, y)));
        }
        let hidden = self.markers.len() - numbered.len();
        if hidden > 0 {
            let y = top + lines as i32 * KEY_LINE + 18;
            let text = format!("{hidden} more faults and new leaders are lines without a number.");
            drawn(root.draw_text(&text, &left(13, FAINT), (LEFT, y)));
        }
    }
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
        Label::Node(_) | Label::Host(_) | Label::Fault(_) => None,
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

/// The unit of the time axis, and how many of it a second is.
fn axis_unit(end: SimTime) -> (&'static str, f64) {
    match end.as_nanos() / 1_000_000_000 {
        0..1_200 => ("s", 1.0),
        1_200..36_000 => ("min", 1.0 / 60.0),
        _ => ("h", 1.0 / 3_600.0),
    }
}

/// A number without needless decimals.
fn label(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
