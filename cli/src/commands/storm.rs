//! `swarm-sim storm`: random clusters with random faults. Each that fails is written as a scenario file.
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use reports::{Text, Tone, counted};
use scenarios::storm::{self, Failure as FailedStorm};
use sim_core::model::Sabotage;

use crate::arguments::StormArguments;
use crate::failure::Failure;
use crate::files::write;
use crate::{Verdict, output, parallel, progress};

pub(crate) fn run(arguments: &StormArguments) -> Result<Verdict, Failure> {
    let failed = run_all(arguments)?;
    for (storm, file) in &failed {
        output::print(&describe(storm, file))?;
    }
    let storms = arguments.seeds.end - arguments.seeds.start;
    output::print(&summary(storms, failed.len() as u64))?;
    Ok(if failed.is_empty() { Verdict::Passed } else { Verdict::Failed })
}

/// Runs all storms, on as many processors as wanted. Those that fail come back with their files, in the order of their
/// seeds.
fn run_all(arguments: &StormArguments) -> Result<Vec<(FailedStorm, PathBuf)>, Failure> {
    let StormArguments { seeds, minutes, jobs, out } = arguments;
    let bar = progress::bar(seeds.end - seeds.start, "{bar:40} {pos} of {len} storms, {eta} left");
    let run = |seed| {
        let failed = storm::run(seed, *minutes, Sabotage::default());
        let failed = failed.map(|failed| follow_up(failed, out, &bar));
        bar.inc(1);
        failed
    };
    parallel::run(*jobs, &bar, || seeds.clone().into_par_iter().filter_map(run).collect())
}

/// Cuts a storm that failed down. That takes minutes: until then its file has the whole storm.
fn follow_up(
    failed: FailedStorm,
    folder: &Path,
    bar: &ProgressBar,
) -> Result<(FailedStorm, PathBuf), Failure> {
    let file = save(folder, &failed)?;
    bar.println(format!("{} failed: {}; cutting it down", failed.plan.name(), failed.finding));
    let failed = failed.minimised(Sabotage::default());
    save(folder, &failed)?;
    Ok((failed, file))
}

fn save(folder: &Path, storm: &FailedStorm) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, "write", error))?;
    let file = folder.join(format!("{}.yaml", storm.plan.name()));
    write(&file, &storm.plan.text())?;
    Ok(file)
}

fn describe(storm: &FailedStorm, file: &Path) -> Text {
    let mut text = Text::new();
    text.push(Tone::Bad, "FAIL");
    text.plain(format!(" {}: {}", storm.plan.name(), storm.finding));
    text.end_line();
    text.plain(format!("  swarm-sim run {} --check", file.display()));
    text.end_line();
    text
}

fn summary(storms: u64, failed: u64) -> Text {
    let mut text = Text::new();
    match failed {
        0 => text.push(Tone::Good, format!("{} passed", counted(storms, "storm"))),
        _ => text.push(Tone::Bad, format!("{} passed, {failed} failed", counted(storms - failed, "storm"))),
    }
    text.end_line();
    text
}
