//! `swarm-sim storm`: random clusters with random faults. Each that fails is written as a scenario file.
use std::path::{Path, PathBuf};

use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use reports::{Text, Tone};
use scenarios::storm::{self, Failure as FailedStorm};

use crate::arguments::StormArguments;
use crate::failure::Failure;
use crate::files::write;
use crate::{Verdict, output, progress};

pub(crate) fn run(arguments: &StormArguments) -> Result<Verdict, Failure> {
    let failed = run_all(arguments);
    for (seed, storm) in &failed {
        let file = save(&arguments.out, *seed, storm)?;
        output::print(&describe(*seed, storm, &file))?;
    }
    let storms = arguments.seeds.end - arguments.seeds.start;
    output::print(&summary(storms, failed.len() as u64))?;
    Ok(if failed.is_empty() { Verdict::Passed } else { Verdict::Failed })
}

/// Runs all storms, on as many processors as wanted. Those that fail come back, in the order of their seeds.
fn run_all(arguments: &StormArguments) -> Vec<(u64, FailedStorm)> {
    let StormArguments { seeds, minutes, jobs, .. } = arguments;
    let threads = jobs.map_or(0, usize::from);
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
    let bar = progress::bar(seeds.end - seeds.start, "{bar:40} {pos} of {len} storms, {eta} left");
    let failed = pool.install(|| {
        let run = |seed| {
            let failed = storm::run(seed, *minutes, sim_core::model::Sabotage::default());
            bar.inc(1);
            failed.map(|failed| (seed, failed))
        };
        seeds.clone().into_par_iter().filter_map(run).collect()
    });
    bar.finish_and_clear();
    failed
}

fn save(folder: &Path, seed: u64, storm: &FailedStorm) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, "write", error))?;
    let file = folder.join(format!("storm-{seed}.yaml"));
    write(&file, &storm.plan.text())?;
    Ok(file)
}

fn describe(seed: u64, storm: &FailedStorm, file: &Path) -> Text {
    let mut text = Text::new();
    text.push(Tone::Bad, "FAIL");
    text.plain(format!(" storm {seed}: {}", storm.finding));
    text.end_line();
    text.plain(format!("  swarm-sim run {} --check", file.display()));
    text.end_line();
    text
}

fn summary(storms: u64, failed: u64) -> Text {
    let mut text = Text::new();
    match failed {
        0 => text.push(Tone::Good, format!("{storms} storms passed")),
        _ => text.push(Tone::Bad, format!("{} storms passed, {failed} failed", storms - failed)),
    }
    text.end_line();
    text
}
