//! What can be typed behind `swarm-sim`.
use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sim_core::kernel::SimTime;

/// A deterministic simulator of Docker Swarm clusters.
#[derive(Debug, Parser)]
#[command(name = "swarm-sim", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 all well, 1 an expectation, invariant or conformance case failed, \
                        2 bad input or arguments (nothing was written), 130 interrupted.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a scenario and tell what happened, when and why.
    Run(RunArguments),
    /// Run many scenarios and check what they expect.
    Test(TestArguments),
    /// Run a scenario and tell why something in it is as it is.
    Why(WhyArguments),
    /// Run random clusters in which much breaks, and check that nothing is lost and everything recovers.
    Storm(StormArguments),
    /// Compare the simulation with recordings of the real system.
    Conform(ConformArguments),
}

/// What picks a run: a scenario and what is changed in it.
#[derive(Args, Debug)]
pub(crate) struct Selection {
    /// A scenario file, or the name of a scenario of the library.
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Use this seed instead of the file's.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// End the run at this time instead of the file's, such as 90s or 1m30s.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<SimTime>,
    /// Give a parameter of the scenario another value; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) sets: Vec<(String, String)>,
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Write every fact with its cause to this file, a JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Write metrics and charts to this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Explain why a task is where it is, or why it waits: web.2, or agent.w1 of a global service.
    #[arg(long, value_name = "TASK")]
    pub(crate) explain: Option<String>,
    /// Show the managers' Raft logs, terms and leaders over time.
    #[arg(long)]
    pub(crate) raft: bool,
    /// Check the simulator's own invariants after every event.
    #[arg(long)]
    pub(crate) check: bool,
    /// Replace an existing trace file, or a folder that is no report.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WhyArguments {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// A task such as web.2, a node, a service, a source of traffic, or a command by its id in the file.
    pub(crate) subject: String,
    /// Ask at this time instead of the end of the run.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<SimTime>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct TestArguments {
    /// Scenario files, folders of them, or names of the library.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,
    /// Run each scenario with these seeds instead of its own: 0..50 is fifty seeds.
    #[arg(long, value_name = "A..B", value_parser = range)]
    pub(crate) seeds: Option<Range<u64>>,
    /// How many runs go on at one time [default: one a processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Pin the hashes of these runs in the `hashes.txt` beside each file.
    #[arg(long, conflicts_with = "seeds")]
    pub(crate) update: bool,
    /// Check the simulator's own invariants after every event.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StormArguments {
    /// Which storms: 0..50 is fifty of them.
    #[arg(long, value_name = "A..B", value_parser = range)]
    pub(crate) seeds: Range<u64>,
    /// How many virtual minutes each rages before everything is healed.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) minutes: u32,
    /// How many storms go on at one time [default: one a processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Where a scenario file is written for each storm that fails.
    #[arg(long, value_name = "DIR", default_value = "storms")]
    pub(crate) out: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ConformArguments {
    /// Which set of recordings.
    #[arg(value_enum)]
    pub(crate) set: RecordingSet,
    /// Recordings, or folders of them.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Draw what the real system leaves to chance with these seeds: 0..50 is fifty seeds.
    #[arg(long, value_name = "A..B", value_parser = range)]
    pub(crate) seeds: Option<Range<u64>>,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A story with tables, for people.
    Text,
    /// One JSON object, for programs.
    Json,
}

/// A set of recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordingSet {
    /// Decisions of the real scheduler.
    Scheduler,
    /// What the real orchestrators do with services.
    Orchestration,
    /// Times in a real cluster.
    Timelines,
    /// How nodes learn of each other and of each other's containers.
    Gossip,
}

fn time(text: &str) -> Result<SimTime, String> {
    let span = scenarios::units::duration(text).map_err(|error| error.to_string())?;
    Ok(SimTime::ZERO + span)
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is set as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let parse = |number: &str| number.parse::<u64>().ok();
    let bounds = text.split_once("..").and_then(|(first, end)| Some((parse(first)?, parse(end)?)));
    match bounds {
        Some((first, end)) if first < end => Ok(first..end),
        Some(_) => Err("there is no seed in this range".to_owned()),
        None => Err("a range of seeds is written as 0..50, which is fifty seeds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn ranges_of_seeds_are_half_open_and_not_empty() {
        assert_eq!(range("0..50"), Ok(0..50));
        assert!(range("5..5").is_err());
        assert!(range("5").is_err());
        assert!(range("a..b").is_err());
    }

    #[test]
    fn times_need_a_unit() {
        assert_eq!(time("1m30s"), Ok(SimTime::from_secs(90)));
        assert!(time("90").is_err());
    }
}
