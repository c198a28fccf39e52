//! The `swarm-sim` command: the only place with files, arguments, terminals and the time of day.
//!
//! Results go to standard output, progress and errors to standard error. Bad input is found before anything is
//! written, and what is written appears whole or not at all.
mod arguments;
mod commands;
mod failure;
mod files;
mod output;
mod parallel;
mod progress;
mod source;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// All is well.
    Passed,
    /// An expectation, an invariant or a conformance case failed.
    Failed,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Test(arguments) => commands::test::run(&arguments),
        Command::Why(arguments) => commands::why::run(&arguments),
        Command::Storm(arguments) => commands::storm::run(&arguments),
        Command::Conform(arguments) => commands::conform::run(&arguments),
    };
    match outcome {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(1),
        Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Err(failure) => {
            output::print_failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
