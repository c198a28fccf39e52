//! Panels one above the other on a common time axis, which charts of a run share.
//!
//! Faults, new leaders and drained nodes are vertical lines through all panels; their numbers stand above and are explained below,
//! so that no text is written over a curve.
use plotters::backend::SVGBackend;
use plotters::chart::ChartContext;
use plotters::coord::types::{RangedCoordf64, RangedCoordu64};
use plotters::prelude::*;
use sim_core::Recording;
use sim_core::kernel::SimTime;

use super::canvas::{
    Area, FAINT, GRID, HEADER, INK, KEY_LINE, SIGN_RADIUS, WIDTH, bold, colour, draw_sign, drawn, left,
};
use super::markers::{Marker, NUMBERED_MAX, markers, rows};
use super::steps::seconds;
use crate::{ScenarioInfo, time};

/// Where the time axis begins.
pub(super) const LEFT: i32 = 60;
const RIGHT: i32 = 24;
const PANEL: i32 = 170;
const AXIS: i32 = 50;
/// Height of a panel's name above it.
const NAME: i32 = 30;
/// Height of a row of signs.
const ROW: i32 = 2 * SIGN_RADIUS + 6;

/// The axes of a panel: seconds, and a number of things.
pub(super) type Axes<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordu64>>;

/// What panels of one chart have in common.
pub(super) struct Frame<'a> {
    scenario: &'a ScenarioInfo,
    panels: usize,
    markers: Vec<Marker>,
    /// The row of each numbered marker's sign.
    rows: Vec<usize>,
    end: SimTime,
}

impl<'a> Frame<'a> {
    /// Room for so many panels, at least one.
    pub(super) fn new(recording: &Recording, scenario: &'a ScenarioInfo, panels: usize) -> Self {
        let markers = markers(recording);
        let end = recording.ended.max(SimTime::from_millis(1));
        let mut frame = Frame { scenario, panels: panels.max(1), markers, rows: Vec::new(), end };
        let places: Vec<i32> = frame.numbered().iter().map(|marker| frame.x(marker.time)).collect();
        frame.rows = rows(&places, ROW);
        frame
    }

    /// The end of the time axis.
    pub(super) fn end(&self) -> SimTime {
        self.end
    }

    /// Columns of the time axis.
    pub(super) fn columns(&self) -> u64 {
        (WIDTH - LEFT - RIGHT) as u64
    }

    /// Draws all: `header` what stands to the right of the name and what is said below it, `panel` each panel by its
    /// number.
    pub(super) fn draw(
        &self,
        subtitle: &str,
        header: impl Fn(&Area<'_>),
        panel: impl Fn(&Area<'_>, usize),
    ) -> String {
        let mut svg = String::new();
        let root =
            SVGBackend::with_string(&mut svg, (WIDTH as u32, self.height() as u32)).into_drawing_area();
        drawn(root.fill(&WHITE));
        drawn(root.draw_text(&self.scenario.name, &bold(20, INK), (LEFT, 24)));
        drawn(root.draw_text(subtitle, &left(13, FAINT), (LEFT, 50)));
        header(&root);
        let mut top = HEADER + self.strip();
        for number in 0..self.panels {
            let height = if self.is_last(number) { PANEL + AXIS } else { PANEL };
            panel(&root.clone().shrink((0, top), (WIDTH as u32, height as u32)), number);
            top += height;
        }
        self.draw_markers(&root);
        self.draw_key(&root, top);
        drop(root);
        svg
    }

    /// The axes of a panel with its name above, up to a number of things.
    pub(super) fn axes<'b, 'c>(
        &self,
        area: &'b Area<'c>,
        number: usize,
        name: &str,
        top: u64,
    ) -> Axes<'b, 'c> {
        let is_last = self.is_last(number);
        drawn(area.draw_text(name, &bold(15, INK), (LEFT, 16)));
        let mut axes = drawn(
            ChartBuilder::on(area)
                .margin_top(NAME)
                .margin_right(RIGHT)
                .set_label_area_size(LabelAreaPosition::Left, LEFT)
                .set_label_area_size(LabelAreaPosition::Bottom, if is_last { AXIS } else { 0 })
                .build_cartesian_2d(0f64..seconds(self.end), 0..top),
        );
        let (unit, per_second) = axis_unit(self.end);
        drawn(
            axes.configure_mesh()
                .light_line_style(TRANSPARENT)
                .bold_line_style(GRID)
                .axis_style(FAINT)
                .x_labels(12)
                .y_labels(5)
                .x_desc(if is_last { format!("time ({unit})") } else { String::new() })
                .x_label_formatter(&|at| label(at * per_second))
                .label_style(("sans-serif", 13).into_font().color(&INK))
                .axis_desc_style(("sans-serif", 14).into_font().color(&INK))
                .draw(),
        );
        axes
    }

    fn is_last(&self, number: usize) -> bool {
        number + 1 == self.panels
    }

    fn numbered(&self) -> &[Marker] {
        &self.markers[..self.markers.len().min(NUMBERED_MAX)]
    }

    /// Height of the strip above the panels in which the signs stand.
    fn strip(&self) -> i32 {
        let rows = self.rows.iter().map(|row| row + 1).max().unwrap_or(0);
        rows as i32 * ROW
    }

    fn height(&self) -> i32 {
        let key_lines = self.numbered().len().div_ceil(2) as i32;
        HEADER + self.strip() + self.panels as i32 * PANEL + AXIS + key_lines * KEY_LINE + KEY_LINE + 12
    }

    /// The column of a point in time.
    pub(super) fn x(&self, time: SimTime) -> i32 {
        LEFT + (f64::from(WIDTH - LEFT - RIGHT) * seconds(time) / seconds(self.end)).round() as i32
    }

    /// Signs above, and dashed lines through all panels but not through their names.
    fn draw_markers(&self, root: &Area<'_>) {
        let panels_top = HEADER + self.strip();
        for (index, marker) in self.markers.iter().enumerate() {
            let x = self.x(marker.time);
            for number in 0..self.panels as i32 {
                let top = panels_top + number * PANEL;
                for y in (top + NAME..top + PANEL).step_by(8) {
                    let segment = [(x, y), (x, (y + 4).min(top + PANEL))];
                    drawn(root.draw(&PathElement::new(segment, colour(marker.kind).stroke_width(2))));
                }
            }
            if let Some(row) = self.rows.get(index) {
                let y = HEADER + *row as i32 * ROW + SIGN_RADIUS;
                draw_sign(root, (x, y), marker.kind, Some(index + 1));
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
            let text = format!("{hidden} more events are lines without a number.");
            drawn(root.draw_text(&text, &left(13, FAINT), (LEFT, y)));
        }
    }
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
