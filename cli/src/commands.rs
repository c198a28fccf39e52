//! What each command does.
pub(crate) mod conform;
pub(crate) mod run;
pub(crate) mod storm;
pub(crate) mod test;
pub(crate) mod why;

use std::panic::{AssertUnwindSafe, catch_unwind};

use reports::ScenarioInfo;
use scenarios::runner::{self, Outcome, RunOptions, Spectator};
use scenarios::{Scenario, ScenarioOptions};

use crate::arguments::Selection;
use crate::failure::Failure;
use crate::source::Source;

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

/// Reads and resolves a scenario.
fn load(selection: &Selection) -> Result<(Source, Scenario), Failure> {
    let Selection { file, seed, until, sets } = selection;
    let source = Source::find(file)?;
    let options = ScenarioOptions { seed: *seed, sets: sets.clone(), until: *until };
    let scenario = source.parse(&options).map_err(|errors| Failure::Scenarios(vec![errors]))?;
    Ok((source, scenario))
}

/// A scenario as reports show it.
fn describe(scenario: &Scenario, label: &str) -> ScenarioInfo {
    let names = scenario.command_names.iter();
    ScenarioInfo {
        name: scenario.name.clone(),
        about: scenario.about.clone(),
        file: label.to_owned(),
        seed: scenario.seed,
        params: scenario.parameters.clone().into_iter().collect(),
        command_names: names.flat_map(|(name, ids)| ids.iter().map(|id| (*id, name.clone()))).collect(),
    }
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
