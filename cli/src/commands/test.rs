//! `swarm-sim test`: many scenarios, and what became of what they expect.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use reports::{Text, Tone, expectation_lines};
use scenarios::runner::{NoSpectator, Outcome, RunOptions};
use scenarios::{Scenario, ScenarioOptions};

use super::{expectations, simulate};
use crate::arguments::TestArguments;
use crate::failure::Failure;
use crate::source::Source;
use crate::{Verdict, output, parallel, progress};

mod hashes;

use hashes::{Pins, pins_beside};

/// One run to be made.
struct Job {
    scenario: Scenario,
    label: String,
    /// The folder whose list of hashes the run belongs to.
    folder: Option<PathBuf>,
}

/// What came of it.
struct Finished {
    passed: bool,
    /// Its lines in the result.
    text: Text,
    trace_hash: Option<u64>,
}

pub(crate) fn run(arguments: &TestArguments) -> Result<Verdict, Failure> {
    let jobs = jobs(arguments)?;
    let mut pins = BTreeMap::new();
    for folder in jobs.iter().filter_map(|job| job.folder.as_ref()) {
        if !pins.contains_key(folder) {
            pins.insert(folder.clone(), pins_beside(folder)?);
        }
    }
    let finished = run_all(&jobs, arguments, &pins);
    for one in &finished {
        output::print(&one.text)?;
    }
    if arguments.update {
        update(&jobs, &finished, pins)?;
    }
    let failed = finished.iter().filter(|one| !one.passed).count();
    output::print(&summary(finished.len(), failed))?;
    Ok(if failed == 0 { Verdict::Passed } else { Verdict::Failed })
}

/// All runs that are asked for. If one of the files has a mistake there are none.
fn jobs(arguments: &TestArguments) -> Result<Vec<Job>, Failure> {
    let mut sources = Vec::new();
    for path in &arguments.paths {
        sources.extend(Source::find_all(path)?);
    }
    let seeds: Vec<Option<u64>> = match &arguments.seeds {
        Some(seeds) => seeds.clone().map(Some).collect(),
        None => vec![None],
    };
    let (mut jobs, mut mistakes) = (Vec::new(), Vec::new());
    for source in &sources {
        let file = source.file.as_deref();
        let folder = file.map(|file| file.parent().unwrap_or(Path::new("")).to_owned());
        match source.parse(&ScenarioOptions::default()) {
            Err(errors) => mistakes.push(errors),
            Ok(scenario) => jobs.extend(seeds.iter().map(|seed| Job {
                scenario: with_seed(&scenario, *seed),
                label: source.label.clone(),
                folder: folder.clone(),
            })),
        }
    }
    if mistakes.is_empty() { Ok(jobs) } else { Err(Failure::Scenarios(mistakes)) }
}

fn with_seed(scenario: &Scenario, seed: Option<u64>) -> Scenario {
    let own = scenario.seed;
    let seed = seed.unwrap_or(own);
    Scenario { seed, is_unchanged: scenario.is_unchanged && seed == own, ..scenario.clone() }
}

/// Makes all runs, on as many processors as wanted. Results are in the order of the jobs.
fn run_all(jobs: &[Job], arguments: &TestArguments, pins: &BTreeMap<PathBuf, Pins>) -> Vec<Finished> {
    let bar = progress::bar(jobs.len() as u64, "{bar:40} {pos} of {len} runs");
    let run = |job: &Job| {
        let finished = run_one(job, arguments, pins);
        bar.inc(1);
        finished
    };
    parallel::run(arguments.jobs, &bar, || jobs.par_iter().map(run).collect())
}

fn run_one(job: &Job, arguments: &TestArguments, pins: &BTreeMap<PathBuf, Pins>) -> Finished {
    let TestArguments { check, .. } = *arguments;
    let options = RunOptions { check, hash_every_second: check, ..RunOptions::default() };
    let Ok(outcome) = simulate(&job.scenario, &job.label, options, &mut NoSpectator) else {
        let mut text = heading(job, false);
        text.push(Tone::Bad, "  the simulator stopped at a failed assertion of its own");
        text.end_line();
        return Finished { passed: false, text, trace_hash: None };
    };
    let trace_hash = outcome.simulation.trace_hash();
    let pins = job.folder.as_ref().and_then(|folder| pins.get(folder));
    let pinned = pins.and_then(|pins| pins.get(&job.scenario)).filter(|_| !arguments.update);
    let moved = pinned.filter(|pinned| *pinned != trace_hash);
    let passed = outcome.passed() && moved.is_none();
    let mut text = heading(job, passed);
    if !passed {
        text.append(failures(&outcome));
    }
    if let Some(pinned) = moved {
        text.push(Tone::Bad, format!("  the trace hash is {trace_hash:016x}, pinned is {pinned:016x}"));
        text.end_line();
    }
    Finished { passed, text, trace_hash: Some(trace_hash) }
}

fn heading(job: &Job, passed: bool) -> Text {
    let mut text = Text::new();
    match passed {
        true => text.push(Tone::Good, "PASS"),
        false => text.push(Tone::Bad, "FAIL"),
    }
    text.plain(format!(" {}", job.scenario.name));
    text.push(Tone::Faint, format!(" (seed {})", job.scenario.seed));
    text.end_line();
    text
}

/// The expectations that did not hold, and the promises that were broken.
fn failures(outcome: &Outcome) -> Text {
    let failed: Vec<_> =
        expectations(outcome).into_iter().filter(|one| one.verdict == reports::Verdict::Failed).collect();
    let mut text = expectation_lines(&failed);
    for violation in outcome.simulation.violations() {
        text.push(Tone::Bad, format!("  {violation}"));
        text.end_line();
    }
    text
}

fn summary(runs: usize, failed: usize) -> Text {
    let mut text = Text::new();
    match failed {
        0 => text.push(Tone::Good, format!("{runs} passed")),
        _ => text.push(Tone::Bad, format!("{} passed, {failed} failed", runs - failed)),
    }
    text.end_line();
    text
}

/// Pins the hashes of all runs that passed.
fn update(jobs: &[Job], finished: &[Finished], mut pins: BTreeMap<PathBuf, Pins>) -> Result<(), Failure> {
    for (job, one) in jobs.iter().zip(finished) {
        let pins = job.folder.as_ref().and_then(|folder| pins.get_mut(folder));
        if let (Some(pins), Some(hash), true) = (pins, one.trace_hash, one.passed) {
            pins.set(&job.scenario, hash);
        }
    }
    pins.values().try_for_each(Pins::write)
}
