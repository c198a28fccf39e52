//! Recordings of the real orchestrators: what becomes of services over a timeline of changes.
//!
//! A case gives nodes, times of a model agent and a timeline, and tells which facts came out in all of several
//! runs. Those must come out here, to the millisecond.
mod agents;
mod artefacts;
mod case;
mod compare;
mod facts;
mod journal;
mod replay;

use std::ops::Range;
use std::path::{Path, PathBuf};

use sim_core::bench::LoopSettings;

use self::case::Case;
use self::compare::Comparison;
use crate::report::{CaseReport, ClassReport, RecordingError, Report, problem, recordings};

/// What a run of the cases varies.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Seeds with which ties are drawn, one replay of each case for each. Without seeds ids break ties.
    pub seeds: Option<Range<u64>>,
}

/// Replays all cases in these files, and in the `.jsonl` files of these folders, on all processors.
///
/// # Errors
/// If a file cannot be read, or has a line that is no case.
pub fn run(paths: &[PathBuf], options: &Options) -> Result<Report, RecordingError> {
    let mut lines = Vec::new();
    for path in recordings(paths)? {
        let text = std::fs::read_to_string(&path).map_err(|error| problem(&path, None, &error))?;
        let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines.extend(numbered.map(|(number, line)| (path.clone(), number + 1, line.to_owned())));
    }
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    let parts: Vec<_> = std::thread::scope(|scope| {
        let worker = |part| {
            let own = lines.iter().skip(part).step_by(processors);
            let checked = own.map(|(path, number, line)| check(path, *number, line, options));
            checked.collect::<Result<Vec<_>, _>>()
        };
        let threads: Vec<_> = (0..processors).map(|part| scope.spawn(move || worker(part))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a replay does not panic")).collect()
    });
    let mut report = Report::default();
    for (class, checked) in parts.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        report.classes.entry(class).or_default().add(checked);
    }
    report.sort();
    Ok(report)
}

/// Replays the case of one line. The answer is its class, with this one case in it.
fn check(
    path: &Path,
    number: usize,
    line: &str,
    options: &Options,
) -> Result<(String, ClassReport), RecordingError> {
    let at = Some(number);
    let case: Case = serde_json::from_str(line).map_err(|error| problem(path, at, &error))?;
    let seeds: Vec<Option<u64>> = match &options.seeds {
        None => vec![None],
        Some(seeds) => seeds.clone().map(Some).collect(),
    };
    let mut class = ClassReport { cases: 1, ..ClassReport::default() };
    for seed in seeds {
        let settings = LoopSettings {
            seed: seed.unwrap_or(0),
            seeded_ties: seed.is_some(),
            without_ports: true,
            ..LoopSettings::default()
        };
        let observed = replay::replay(&case.given, &settings).map_err(|error| problem(path, at, &error))?;
        let Comparison { agreed, differences, warnings } = compare::compare(&case, &observed);
        class.facts += agreed;
        if class.warned.is_empty() {
            class.warned.extend(CaseReport::first_of(&case.id, seed, warnings));
        }
        class.failed.extend(CaseReport::first_of(&case.id, seed, differences));
        if !class.failed.is_empty() {
            // One seed is enough to know.
            break;
        }
    }
    Ok((case.class, class))
}
