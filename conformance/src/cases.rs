//! What sets of cases have in common: every case is replayed on its own, once for each seed, on all processors.
use std::ops::Range;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::de::DeserializeOwned;
use sim_core::bench::LoopSettings;

use crate::recordings::{self, Line, RecordingError};
use crate::report::{CaseReport, ClassReport, Difference, Report};

/// What a run of the cases varies.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Seeds with which ties are drawn, one replay of each case for each. Without seeds ids break ties.
    pub seeds: Option<Range<u64>>,
}

impl Options {
    fn replays(&self) -> Vec<Option<u64>> {
        match &self.seeds {
            None => vec![None],
            Some(seeds) => seeds.clone().map(Some).collect(),
        }
    }
}

/// A recorded case.
pub(crate) trait Case: DeserializeOwned {
    /// With so many drawn orders a case is replayed again for facts that differ: recorded facts may have been stable
    /// by luck. One that is met with some order is the usual outcome or luck, one that is met with none is an error.
    const ORDERS: u64;
    /// Refuses what cannot be replayed as it is meant.
    fn check(&self) -> Result<(), String>;
    /// What failures are reported under.
    fn id(&self) -> &str;
    /// Cases of one class are counted together.
    fn class(&self) -> &str;
    /// Replays the case and compares.
    fn compare(&self, settings: LoopSettings) -> Result<Comparison, String>;
}

/// What the comparison of a case gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Facts that agree, where they are counted.
    pub(crate) agreed: usize,
    /// Facts that do not: broken rules.
    pub(crate) differences: Vec<Difference>,
    /// What the recorded runs did not show, but is no promise of the real system.
    pub(crate) warnings: Vec<Difference>,
}

/// Replays all cases in these files, and in the `.jsonl` files of these folders.
pub(crate) fn run<C: Case>(paths: &[PathBuf], options: &Options) -> Result<Report, RecordingError> {
    let lines = recordings::lines(paths)?;
    let checked = lines.par_iter().map(|line| check::<C>(line, options));
    let mut report = Report::default();
    for (class, checked) in checked.collect::<Result<Vec<_>, _>>()? {
        report.classes.entry(class).or_default().add(checked);
    }
    report.sort();
    Ok(report)
}

/// Replays the case of one line. The answer is its class, with this one case in it.
fn check<C: Case>(line: &Line, options: &Options) -> Result<(String, ClassReport), RecordingError> {
    let case: C = line.parse()?;
    case.check().map_err(|error| line.place.problem(&error))?;
    let mut class = ClassReport { cases: 1, ..ClassReport::default() };
    for seed in options.replays() {
        let settings =
            LoopSettings { seed: seed.unwrap_or(0), seeded_ties: seed.is_some(), ..LoopSettings::default() };
        let compared = case.compare(settings).map_err(|error| line.place.problem(&error))?;
        let compared = with_other_orders(&case, compared).map_err(|error| line.place.problem(&error))?;
        let Comparison { agreed, differences, warnings } = compared;
        class.facts += agreed;
        if class.warned.is_empty() {
            class.warned.extend(CaseReport::first_of(case.id(), seed, warnings));
        }
        class.failed.extend(CaseReport::first_of(case.id(), seed, differences));
        if !class.failed.is_empty() {
            // One seed is enough to know.
            break;
        }
    }
    Ok((case.class().to_owned(), class))
}

/// Facts that differ, and that are met with another order of what has none, are worth a warning only.
fn with_other_orders<C: Case>(case: &C, compared: Comparison) -> Result<Comparison, String> {
    let Comparison { agreed, mut differences, mut warnings } = compared;
    for seed in 0..C::ORDERS {
        if differences.is_empty() {
            break;
        }
        let settings = LoopSettings { seed, seeded_ties: true, ..LoopSettings::default() };
        let again = case.compare(settings)?.differences;
        let is_missed = |difference: &Difference| again.iter().any(|again| again.what == difference.what);
        let (missed, met): (Vec<_>, Vec<_>) = differences.into_iter().partition(is_missed);
        differences = missed;
        warnings.extend(met);
    }
    Ok(Comparison { agreed, differences, warnings })
}
