//! Cases of the control plane as scenarios: managers that come and go, and what docker says meanwhile.
mod common;

use std::fs;

use scenarios::runner::{self, NoSpectator, RunOptions, Verdict};
use scenarios::{Scenario, ScenarioOptions};

use self::common::scenario_files;

const SEEDS: u64 = 5;

/// What does not come as expected with a seed.
fn failures(text: &str, name: &str, seed: u64) -> Vec<String> {
    let options = ScenarioOptions { seed: Some(seed), ..ScenarioOptions::default() };
    let scenario = Scenario::parse(text, name, &options).unwrap_or_else(|errors| panic!("{errors}"));
    let outcome =
        runner::run(&scenario, RunOptions { check: true, ..RunOptions::default() }, &mut NoSpectator);
    let failed = outcome.judgements.iter().filter(|one| one.verdict != Verdict::Passed);
    let failed =
        failed.map(|one| format!("{name}:{} seed {seed}: {}: {}", one.at.line, one.expected, one.seen));
    let violated = outcome.simulation.violations().iter().map(|one| format!("{name} seed {seed}: {one:?}"));
    failed.chain(violated).collect()
}

#[test]
fn every_case_goes_as_it_should_with_every_seed() {
    let mut failed = Vec::new();
    for file in scenario_files("testdata/control") {
        let text = fs::read_to_string(&file).expect("the file can be read");
        let name = file.file_stem().and_then(|name| name.to_str()).expect("names are text");
        failed.extend((0..SEEDS).flat_map(|seed| failures(&text, name, seed)));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
