//! What each command does.
pub(crate) mod conform;
pub(crate) mod run;
pub(crate) mod test;

use std::panic::{AssertUnwindSafe, catch_unwind};

use scenarios::Scenario;
use scenarios::runner::{self, Outcome, RunOptions, Spectator};

use crate::failure::Failure;

/// Runs a scenario. An assertion that fails in the simulator is a broken promise, no end of the program.
fn simulate(
    scenario: &Scenario,
    label: &str,
    options: RunOptions,
    spectator: &mut dyn Spectator,
) -> Result<Outcome, Failure> {
    catch_unwind(AssertUnwindSafe(|| runner::run(scenario, options, spectator))).map_err(|_| {
        let run = format!("please report it with the scenario {label} and the seed {}", scenario.seed);
        Failure::Bug { run }
    })
}

/// Expectations as reports show them.
fn expectations(outcome: &Outcome) -> Vec<reports::Expectation> {
    let convert = |judgement: &runner::Judgement| reports::Expectation {
        place: format!("{}:{}", judgement.at.file, judgement.at.line),
        text: judgement.expected.clone(),
        seen: judgement.seen.clone(),
        because: judgement.because.clone(),
        verdict: match judgement.verdict {
            runner::Verdict::Passed => reports::Verdict::Passed,
            runner::Verdict::Failed => reports::Verdict::Failed,
            runner::Verdict::NotReached => reports::Verdict::NotReached,
        },
    };
    outcome.judgements.iter().map(convert).collect()
}
