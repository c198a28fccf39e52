//! Recordings of real managers with Raft, dispatcher and agents, compared as distributions of times.
//!
//! Every recorded run is replayed from its own start (heartbeat phases, placement) over many seeds. The same
//! functions derive figures from recorded and from simulated events, so a figure means the same on both sides.
#![allow(clippy::wildcard_enum_match_arm)] // A figure looks at a few kinds of event and never at all.
mod derived;
mod figures;
mod given;
mod history;
mod kind;
mod known;
mod probes;
mod recording;
mod replay;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use self::figures::Figures;
pub use self::known::KNOWN_DIFFERENCES;
use self::recording::Recording;
use crate::distributions::{self, Group, Row};
pub use crate::distributions::{KnownDifference, Report};
use crate::recordings::RecordingError;

/// Figures that the machine of the recordings decided, and no rule of the system: the last of many tasks reaches its
/// agent 10 ms late because all processes shared two busy cores.
const OPERATING_SYSTEM: [&str; 1] = ["assigned_to_agent_max_ms"];

/// How timelines are compared.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seeds with which every recorded run is replayed.
    pub seeds: Range<u64>,
}

impl Default for Options {
    /// A hundred seeds, with which the project's claims are made.
    fn default() -> Self {
        Options { seeds: 0..100 }
    }
}

/// Compares all recordings in files or folders. One with an action that nobody knows is refused by name.
///
/// # Errors
/// If a file cannot be read, or has no recording, or one that cannot be replayed.
pub fn run(paths: &[PathBuf], options: &Options) -> Result<Report, RecordingError> {
    let mut by_variant: BTreeMap<(String, String), Vec<Recording>> = BTreeMap::new();
    for recording in recording::read(paths)? {
        let key = (recording.experiment.clone(), recording.variant.clone());
        by_variant.entry(key).or_default().push(recording);
    }
    let groups: Vec<_> = by_variant.into_iter().collect();
    let compared: Result<Vec<Vec<Row>>, RecordingError> =
        groups.par_iter().map(|(_, recordings)| compare(recordings, options)).collect();
    let mut report = Report::new(KNOWN_DIFFERENCES);
    for (_, recordings) in &groups {
        let unknown: BTreeSet<&String> = recordings.iter().flat_map(|run| &run.unknown_figures).collect();
        for name in unknown {
            let Recording { experiment, variant, .. } = &recordings[0];
            report.note(format!(
                "not compared: {experiment}, {variant}: {name}: nothing is known of this figure"
            ));
        }
    }
    for (((experiment, variant), recordings), rows) in groups.into_iter().zip(compared?) {
        report.add(format!("{experiment}, {variant}"), recordings.len(), rows);
    }
    Ok(report)
}

fn compare(recordings: &[Recording], options: &Options) -> Result<Vec<Row>, RecordingError> {
    let recorded: Vec<Figures> = recordings.iter().map(figures::recorded).collect();
    let mut rounds: Vec<Vec<Figures>> = Vec::new();
    for seed in options.seeds.clone() {
        // Every run has a seed of its own: what is drawn alike in all runs of a round would move its median.
        let runs = recordings.len() as u64;
        let replayed = recordings.iter().zip(0..).map(|(recording, number)| {
            let history = replay::run(recording, seed * runs + number)
                .map_err(|error| recording.place.problem(&error))?;
            Ok(figures::simulated(&history, recording))
        });
        rounds.push(replayed.collect::<Result<_, RecordingError>>()?);
    }
    let all = recorded.iter().chain(rounds.iter().flatten());
    let names: BTreeSet<&String> = all
        .flat_map(|figures| figures.keys())
        .filter(|name| !OPERATING_SYSTEM.contains(&name.as_str()))
        .collect();
    let of = |figures: &[Figures], name: &str| figures.iter().filter_map(|f| f.get(name).cloned()).collect();
    let rows = names.into_iter().filter_map(|name| {
        let simulated: Vec<Vec<_>> = rounds.iter().map(|round| of(round, name)).collect();
        let simulated_runs = simulated.iter().map(Vec::len).sum();
        let group = Group { runs: recordings.len(), simulated_runs, every_run: true };
        distributions::row(name, group, of(&recorded, name), simulated)
    });
    Ok(rows.collect())
}

/// Where the recordings of the project are.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/timelines")
}
