//! Recordings of the real scheduler: which node each task got, and what those say that got none.
//!
//! A case gives nodes, services, tasks and a list of changes, and tells what came out of it in many runs with
//! different random choices. What was the same in all runs must be the same here.
mod case;
mod compare;
mod replay;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use sim_core::bench::LoopSettings;

use self::case::Case;
pub use self::compare::{Comparison, Difference};

/// What a run of the cases varies.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Seeds with which ties are drawn, one replay of each case for each. Without seeds ids break ties.
    pub seeds: Option<Range<u64>>,
}

/// Why a recording cannot be replayed.
#[derive(Debug)]
pub struct RecordingError {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1, if one is to blame.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub problem: String,
}

/// How the simulation did on a set of cases.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By class of case.
    pub classes: BTreeMap<String, ClassReport>,
}

/// How the simulation did on the cases of one class.
#[derive(Clone, Debug, Default)]
pub struct ClassReport {
    /// Number of cases.
    pub cases: usize,
    /// Cases that broke a rule.
    pub failed: Vec<CaseReport>,
    /// Cases whose outcome the real system did not show.
    pub warned: Vec<CaseReport>,
}

/// What differs in one case.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// Id of the case.
    pub id: String,
    /// The seed of the replay, if ties were drawn.
    pub seed: Option<u64>,
    /// What differs first.
    pub difference: Difference,
    /// How many more differences there are.
    pub further: usize,
}

/// Replays all cases in these files, and in the `.jsonl` files of these folders.
///
/// # Errors
/// If a file cannot be read, or has a line that is no case.
pub fn run(paths: &[PathBuf], options: &Options) -> Result<Report, RecordingError> {
    let mut report = Report::default();
    for path in files(paths)? {
        let text = std::fs::read_to_string(&path).map_err(|error| problem(&path, None, &error))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let at = Some(number + 1);
            let case = serde_json::from_str(line).map_err(|error| problem(&path, at, &error))?;
            check(&case, options, &mut report).map_err(|error| problem(&path, at, &error))?;
        }
    }
    Ok(report)
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, RecordingError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries = entries.map_err(|error| problem(path, None, &error))?;
        let cases = entries.into_iter().map(|entry| entry.path());
        let mut cases: Vec<PathBuf> =
            cases.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect();
        if cases.is_empty() {
            return Err(problem(path, None, &"the folder has no .jsonl file"));
        }
        cases.sort();
        files.append(&mut cases);
    }
    Ok(files)
}

fn check(case: &Case, options: &Options, report: &mut Report) -> Result<(), String> {
    let class = report.classes.entry(case.class.clone()).or_default();
    class.cases += 1;
    let seeds: Vec<Option<u64>> = match &options.seeds {
        None => vec![None],
        Some(seeds) => seeds.clone().map(Some).collect(),
    };
    for seed in seeds {
        let settings =
            LoopSettings { seed: seed.unwrap_or(0), seeded_ties: seed.is_some(), ..LoopSettings::default() };
        let observed = replay::replay(&case.given, &settings)?;
        let Comparison { differences, warnings } =
            compare::compare(&case.expected, &observed, seed.is_some());
        let first = |differences: Vec<Difference>| {
            let further = differences.len().saturating_sub(1);
            let difference = differences.into_iter().next()?;
            Some(CaseReport { id: case.id.clone(), seed, difference, further })
        };
        if let Some(failure) = first(differences) {
            class.failed.push(failure);
            // One seed is enough to know.
            break;
        }
        if class.warned.last().is_none_or(|warned| warned.id != case.id) {
            class.warned.extend(first(warnings));
        }
    }
    Ok(())
}

impl Report {
    /// True if no case broke a rule.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.classes.values().all(|class| class.failed.is_empty())
    }

    /// Number of cases.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.classes.values().map(|class| class.cases).sum()
    }
}

/// A line per class, then the first difference of each failed case, then the warnings.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<22}{:>6}{:>8}{:>8}{:>10}", "class", "cases", "passed", "failed", "warnings")?;
        let mut row = |name: &str, cases: usize, failed: usize, warned: usize| {
            writeln!(f, "{name:<22}{cases:>6}{:>8}{failed:>8}{warned:>10}", cases - failed)
        };
        for (name, class) in &self.classes {
            row(name, class.cases, class.failed.len(), class.warned.len())?;
        }
        let count = |list: fn(&ClassReport) -> usize| self.classes.values().map(list).sum::<usize>();
        row("total", self.cases(), count(|class| class.failed.len()), count(|class| class.warned.len()))?;
        let failed = self.classes.values().flat_map(|class| &class.failed).map(|case| ("failed", case));
        let warned = self.classes.values().flat_map(|class| &class.warned).map(|case| ("warning", case));
        for (word, case) in failed.chain(warned) {
            writeln!(f, "\n{word}: {case}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CaseReport { id, seed, difference, further } = self;
        write!(f, "{id}")?;
        if let Some(seed) = seed {
            write!(f, " (seed {seed})")?;
        }
        writeln!(f, ": {}", difference.what)?;
        for line in difference.details.lines() {
            writeln!(f, "  {line}")?;
        }
        if *further > 0 {
            writeln!(f, "  and {further} more")?;
        }
        Ok(())
    }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecordingError { path, line, problem } = self;
        match line {
            Some(line) => write!(f, "{}:{line}: {problem}", path.display()),
            None => write!(f, "{}: {problem}", path.display()),
        }
    }
}

impl std::error::Error for RecordingError {}

fn problem(path: &Path, line: Option<usize>, problem: &dyn fmt::Display) -> RecordingError {
    RecordingError { path: path.to_owned(), line, problem: problem.to_string() }
}
