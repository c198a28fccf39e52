//! Recordings of the gossip of real engines, compared as distributions of times.
//!
//! A run is replayed with peers alone: no managers, no tasks. Its number of nodes and what was done to them come
//! from the recording, the start times of processes too where they were recorded; everything else is drawn from the
//! seed. The same figures are read from recorded and from simulated runs. How long a process takes to handle a
//! connection was decided by the machine of the recordings, and is an input.
//!
//! The reference is the released engine. Of the later version, which keeps what failed nodes have told, only those
//! experiments are compared in which it does the same.
mod fields;
mod known;
mod lab;
mod recording;
mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use self::known::KNOWN_DIFFERENCES;
use self::recording::Recording;
use crate::distributions::{self, Figure, Group, Row};
pub use crate::distributions::{KnownDifference, Report};
use crate::recordings::RecordingError;

/// How gossip is compared.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seeds with which every recorded run is replayed.
    pub seeds: Range<u64>,
    /// Runs with more nodes are left out.
    pub nodes_max: u32,
}

impl Options {
    /// All runs, each with fifty seeds.
    #[must_use]
    pub fn all() -> Self {
        Options { seeds: 0..50, nodes_max: u32::MAX }
    }
}

/// All values of a figure in one run, by its name.
pub(crate) type Figures = BTreeMap<&'static str, Vec<Figure>>;

/// Compares all recordings in files or folders.
///
/// # Errors
/// If a file cannot be read, or has no recording, or one that cannot be replayed.
pub fn run(paths: &[PathBuf], options: &Options) -> Result<Report, RecordingError> {
    let mut groups: BTreeMap<(String, u32), Vec<Recording>> = BTreeMap::new();
    let all = recording::read(paths)?;
    let (comparable, other): (Vec<_>, Vec<_>) = all.into_iter().partition(Recording::is_comparable);
    let (small, large): (Vec<_>, Vec<_>) =
        comparable.into_iter().partition(|recording| recording.nodes <= options.nodes_max);
    for recording in small {
        groups.entry((recording.group(), recording.nodes)).or_default().push(recording);
    }
    let mut report = Report::new(KNOWN_DIFFERENCES);
    for (left_out, reason) in [
        (other.len(), "of the later version, in which nodes that come back are treated otherwise"),
        (large.len(), "of larger clusters than asked for"),
    ] {
        if left_out > 0 {
            report.note(format!("not compared: {left_out} runs {reason}"));
        }
    }
    for ((name, nodes), recordings) in groups {
        let rows = compare(&recordings, options);
        report.add(format!("{name}, {nodes} nodes"), recordings.len(), rows);
    }
    Ok(report)
}

fn compare(recordings: &[Recording], options: &Options) -> Vec<Row> {
    let mut rounds: Vec<Vec<Figures>> = Vec::new();
    for seed in options.seeds.clone() {
        let runs = recordings.len() as u64;
        let replayed = recordings.iter().zip(0..).map(|(run, number)| replay::run(run, seed * runs + number));
        rounds.push(replayed.collect());
    }
    let recorded = || recordings.iter().map(|recording| &recording.figures);
    let names: BTreeSet<&'static str> =
        recorded().chain(rounds.iter().flatten()).flat_map(|figures| figures.keys().copied()).collect();
    let of = |runs: &mut dyn Iterator<Item = &Figures>, name: &str| -> Vec<Figure> {
        runs.filter_map(|figures| figures.get(name)).flatten().cloned().collect()
    };
    let row = |name: &'static str| {
        let simulated_runs = rounds.iter().flatten().filter(|figures| figures.contains_key(name)).count();
        let recorded = of(&mut recorded(), name);
        let simulated = rounds.iter().map(|round| of(&mut round.iter(), name)).collect();
        // How many pairs of nodes lose each other differs from run to run, and is a figure of its own.
        let group = Group { runs: recordings.len(), simulated_runs, every_run: false };
        distributions::row(name, group, recorded, simulated)
    };
    names.into_iter().filter_map(row).collect()
}

/// Where the recordings of the project are.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/gossip")
}
