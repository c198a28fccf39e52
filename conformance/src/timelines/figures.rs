//! Figures of a run: how long things took, how often they happened, how it ended.
//!
//! A figure is derived in the same way from recorded and from simulated events. What the operating system decides
//! (start of processes) or what the recording sets (heartbeat phases) is an input of the replay and no figure.
mod control;
mod nodes;
mod scale;
mod tasks;
mod update;

use std::collections::{BTreeMap, BTreeSet};

use super::history::History;
use super::kind::Kind;
use super::probes;
use super::recording::Recording;
pub(super) use crate::distributions::Figure;

/// Figures by name.
pub(super) type Figures = BTreeMap<String, Figure>;

/// Collects figures; those without a value are left out, and yet it is known that they were looked for.
#[derive(Default)]
pub(super) struct Sheet {
    pub(super) figures: Figures,
    /// Names of all figures that this kind of run may have.
    pub(super) tried: BTreeSet<String>,
}

impl Sheet {
    fn figure(&mut self, name: &str, figure: Option<Figure>) {
        self.tried.insert(name.to_owned());
        if let Some(figure) = figure {
            self.figures.insert(name.to_owned(), figure);
        }
    }

    fn time(&mut self, name: &str, value: Option<f64>) {
        self.figure(name, value.map(Figure::Time));
    }

    fn count(&mut self, name: &str, value: usize) {
        self.figure(name, Some(Figure::Count(value as i64)));
    }

    fn text(&mut self, name: &str, value: String) {
        self.figure(name, Some(Figure::Text(value)));
    }

    /// Minimum, median and maximum.
    fn spread(&mut self, name: &str, mut values: Vec<f64>) {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(values[middle]),
            _ => Some((values[middle - 1] + values[middle]) / 2.0),
        };
        self.time(&format!("{name}_min_ms"), values.first().copied());
        self.time(&format!("{name}_median_ms"), median);
        self.time(&format!("{name}_max_ms"), values.last().copied());
    }
}

/// All figures of a recorded run.
pub(super) fn recorded(recording: &Recording) -> Figures {
    let mut figures = of(&recording.history, recording).figures;
    figures.extend(probes::recorded(recording));
    figures
}

/// All figures of a run that replays a recorded one.
pub(super) fn simulated(history: &History, recording: &Recording) -> Figures {
    let mut figures = of(history, recording).figures;
    figures.extend(probes::figures(history, recording));
    figures
}

/// The figures that follow from the events of a run.
pub(super) fn of(history: &History, recording: &Recording) -> Sheet {
    let mut sheet = Sheet::default();
    let figures: fn(&mut Sheet, &History, &Recording) = match recording.kind {
        Kind::NodeGone => tasks::crash,
        Kind::NodeReturns => tasks::worker_return,
        Kind::LeaderGone => control::leader_gone,
        Kind::QuorumLost => control::quorum_loss,
        Kind::Drained => tasks::drain,
        Kind::Updated => update::rolling_update,
        Kind::Joined => nodes::join,
        Kind::RoleChanged => nodes::change_of_role,
        Kind::Removed => nodes::remove,
        Kind::Paused => update::node_pause,
        Kind::Scaled => scale::scale,
    };
    figures(&mut sheet, history, recording);
    sheet
}
