//! Recordings of real managers with Raft, dispatcher and agents, compared as distributions of times.
//!
//! Every recorded run is replayed from its own start (heartbeat phases, placement) over many seeds. The same
//! functions derive figures from recorded and from simulated events, so a figure means the same on both sides.
#![allow(clippy::wildcard_enum_match_arm)] // A figure looks at a few kinds of event and never at all.
mod figures;
mod history;
mod recording;
mod replay;
mod statistics;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use self::figures::{Figure, Figures};
use self::recording::Recording;
use self::statistics::{Summary, Verdict};

/// Figures that the machine of the recordings decided, and no rule of the system: the last of many tasks reaches its
/// agent 10 ms late because all processes shared two busy cores.
const OPERATING_SYSTEM: [&str; 1] = ["assigned_to_agent_max_ms"];

/// How timelines are compared.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seeds with which every recorded run is replayed.
    pub seeds: Range<u64>,
}

/// One figure of one variant: recorded and simulated.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    recorded: Summary,
    simulated: Summary,
    verdict: Verdict,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Report {
    variants: Vec<(String, usize, Vec<Row>)>,
}

impl Report {
    /// True if every figure agrees.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.variants.iter().all(|(_, _, rows)| rows.iter().all(|row| row.verdict == Verdict::Agrees))
    }

    /// A table for each variant: recorded and simulated minimum, median and maximum, and a verdict.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, runs, rows) in &self.variants {
            let _ = writeln!(text, "{name} ({runs} recorded runs)");
            let _ = writeln!(
                text,
                "  {:<42} {:>28}  {:>28}  verdict",
                "figure", "recorded min/median/max", "simulated min/median/max"
            );
            for row in rows {
                let Row { name, recorded, simulated, verdict } = row;
                let _ = writeln!(
                    text,
                    "  {name:<42} {:>28}  {:>28}  {verdict}",
                    recorded.to_string(),
                    simulated.to_string()
                );
            }
            text.push('\n');
        }
        let rows = self.variants.iter().flat_map(|(_, _, rows)| rows);
        let (total, agree) = rows.fold((0, 0), |(total, agree), row| {
            (total + 1, agree + usize::from(row.verdict == Verdict::Agrees))
        });
        let _ = writeln!(text, "{agree} of {total} figures agree");
        text
    }
}

/// Compares all recordings in files or folders. Experiments that cannot be replayed yet are refused by name.
///
/// # Errors
/// If a file cannot be read or is no recording.
pub fn run(paths: &[PathBuf], options: &Options) -> Result<Report, String> {
    let mut by_variant: BTreeMap<(String, String), Vec<Recording>> = BTreeMap::new();
    for file in files(paths)? {
        for recording in recording::read(&file)? {
            let key = (recording.experiment.clone(), recording.variant.clone());
            by_variant.entry(key).or_default().push(recording);
        }
    }
    let mut report = Report::default();
    for ((experiment, variant), recordings) in by_variant {
        let rows = compare(&recordings, options)?;
        report.variants.push((format!("{experiment}, {variant}"), recordings.len(), rows));
    }
    Ok(report)
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let recordings = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let is_recording = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jsonl");
        let mut recordings: Vec<PathBuf> = recordings.filter(|path| is_recording(path)).collect();
        recordings.sort();
        files.append(&mut recordings);
    }
    Ok(files)
}

fn compare(recordings: &[Recording], options: &Options) -> Result<Vec<Row>, String> {
    let recorded: Vec<Figures> =
        recordings.iter().map(|recording| figures::of(&recording.history, recording)).collect();
    let mut rounds: Vec<Vec<Figures>> = Vec::new();
    for seed in options.seeds.clone() {
        // Every run has a seed of its own: what is drawn alike in all runs of a round would move its median.
        let runs = recordings.len() as u64;
        let replayed = recordings.iter().zip(0..).map(|(recording, number)| {
            let history = replay::run(recording, seed * runs + number)?;
            Ok(figures::of(&history, recording))
        });
        rounds.push(replayed.collect::<Result<_, String>>()?);
    }
    let checked = |name: &&String| !OPERATING_SYSTEM.contains(&name.as_str());
    let names: Vec<&String> = recorded
        .iter()
        .flat_map(|figures| figures.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(checked)
        .collect();
    Ok(names.into_iter().map(|name| row(name, &recorded, &rounds)).collect())
}

fn row(name: &str, recorded: &[Figures], rounds: &[Vec<Figures>]) -> Row {
    let of = |figures: &[Figures]| -> Vec<Figure> {
        figures.iter().filter_map(|f| f.get(name).cloned()).collect()
    };
    let recorded = of(recorded);
    let simulated: Vec<Vec<Figure>> = rounds.iter().map(|round| of(round)).collect();
    let verdict = statistics::verdict(&recorded, &simulated);
    let all: Vec<Figure> = simulated.into_iter().flatten().collect();
    Row { name: name.to_owned(), recorded: Summary::of(&recorded), simulated: Summary::of(&all), verdict }
}

/// Where the recordings of the project are.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/timelines")
}
