//! Charts as SVG texts. To add one, write `charts/<name>.rs` and add a line to [`CHARTS`].
//!
//! Colours are those of Okabe and Ito, which people who see few colours can tell apart, and nothing is told by colour
//! alone. Floats are used here and nowhere else: no number of a chart flows back into a run.
mod canvas;
mod costs;
mod frame;
mod markers;
mod requests;
mod steps;
mod tasks;

use sim_core::Recording;

pub use self::costs::{CostChart, CostCurve, CostPanel};
use crate::ScenarioInfo;

/// All charts, in the order of reports.
pub const CHARTS: &[ChartKind] = &[tasks::KIND, requests::KIND];

/// What a chart is.
#[derive(Debug)]
pub struct ChartKind {
    /// The name of its file.
    pub file: &'static str,
    /// What it shows, in a sentence.
    pub meaning: &'static str,
    /// True if there is something to draw.
    applies: fn(&Recording) -> bool,
    draw: fn(&Recording, &ScenarioInfo) -> String,
}

impl ChartKind {
    /// The chart of a run as SVG; none if it would be empty.
    #[must_use]
    pub fn draw(&self, recording: &Recording, scenario: &ScenarioInfo) -> Option<String> {
        (self.applies)(recording).then(|| (self.draw)(recording, scenario))
    }
}
