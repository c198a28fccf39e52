//! Recordings of the real scheduler: which node each task got, and what those say that got none.
//!
//! A case gives nodes, services, tasks and a list of changes, and tells what came out of it in many runs with
//! different random choices. What was the same in all runs must be the same here.
mod case;
mod compare;
mod replay;

use std::ops::Range;
use std::path::PathBuf;

use sim_core::bench::LoopSettings;

use self::case::Case;
use self::compare::Comparison;
use crate::report::{CaseReport, RecordingError, Report, problem, recordings};

/// What a run of the cases varies.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Seeds with which ties are drawn, one replay of each case for each. Without seeds ids break ties.
    pub seeds: Option<Range<u64>>,
}

/// Replays all cases in these files, and in the `.jsonl` files of these folders.
///
/// # Errors
/// If a file cannot be read, or has a line that is no case.
pub fn run(paths: &[PathBuf], options: &Options) -> Result<Report, RecordingError> {
    let mut report = Report::default();
    for path in recordings(paths)? {
        let text = std::fs::read_to_string(&path).map_err(|error| problem(&path, None, &error))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let at = Some(number + 1);
            let case = serde_json::from_str(line).map_err(|error| problem(&path, at, &error))?;
            check(&case, options, &mut report).map_err(|error| problem(&path, at, &error))?;
        }
    }
    Ok(report)
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
        if let Some(failure) = CaseReport::first_of(&case.id, seed, differences) {
            class.failed.push(failure);
            // One seed is enough to know.
            break;
        }
        if class.warned.last().is_none_or(|warned| warned.id != case.id) {
            class.warned.extend(CaseReport::first_of(&case.id, seed, warnings));
        }
    }
    Ok(())
}
