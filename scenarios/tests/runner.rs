//! Scenarios that are run, and what becomes of what they expect.
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use expect_test::expect_file;
use scenarios::runner::{self, NoSpectator, Outcome, RunOptions, Spectator, Verdict};
use scenarios::{Scenario, ScenarioOptions, library};
use sim_core::kernel::SimTime;
use sim_core::metrics::Census;
use sim_core::model::FactRecord;
use sim_core::record::Keep;

fn scenario(name: &str, options: &ScenarioOptions) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/runner").join(name);
    let text = fs::read_to_string(path).expect("the file exists");
    Scenario::parse(&text, name, options).unwrap_or_else(|errors| panic!("{errors}"))
}

fn of_library(name: &str) -> Scenario {
    let text = library::text(name).expect("the library has it");
    Scenario::parse(text, name, &ScenarioOptions::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn run(scenario: &Scenario, options: RunOptions) -> Outcome {
    runner::run(scenario, options, &mut NoSpectator)
}

/// A line a judgement.
fn judgements(outcome: &Outcome) -> String {
    let mut text = String::new();
    for one in &outcome.judgements {
        let verdict = match one.verdict {
            Verdict::Passed => "pass",
            Verdict::Failed => "FAIL",
            Verdict::NotReached => "skip",
        };
        writeln!(text, "{verdict} {}: {}: {}", one.at.line, one.expected, one.seen)
            .expect("a text takes everything");
    }
    text
}

#[test]
fn every_form_of_expectation_is_judged() {
    let outcome = run(&scenario("forms.yaml", &ScenarioOptions::default()), RunOptions::default());
    expect_file!["../testdata/runner/forms.txt"].assert_eq(&judgements(&outcome));
    assert!(!outcome.passed());
}

#[test]
fn what_a_shorter_run_does_not_reach_does_not_fail() {
    let options = ScenarioOptions { until: Some(SimTime::from_secs(25)), ..ScenarioOptions::default() };
    let outcome = run(&scenario("forms.yaml", &options), RunOptions::default());
    expect_file!["../testdata/runner/shorter.txt"].assert_eq(&judgements(&outcome));
}

#[test]
fn a_client_that_waits_has_succeeded_when_it_has_seen_enough() {
    let outcome = run(&scenario("waiting-clients.yaml", &ScenarioOptions::default()), RunOptions::default());
    expect_file!["../testdata/runner/waiting-clients.txt"].assert_eq(&judgements(&outcome));
}

/// Hashes of a run that was watched in a certain way.
fn hashes(scenario: &Scenario, options: RunOptions) -> (u64, u64) {
    let outcome = run(scenario, options);
    let (time, state) = *outcome.state_hashes.last().expect("the end is hashed");
    assert_eq!(time, scenario.setup.until);
    (outcome.simulation.trace_hash(), state)
}

#[test]
fn looking_at_a_run_does_not_change_it() {
    for name in library::names() {
        let whole = of_library(name);
        let bare = Scenario { expectations: Vec::new(), ..whole.clone() };
        let plain = hashes(&bare, RunOptions::default());
        assert_eq!(
            hashes(&whole, RunOptions { keep: Keep::Facts, check: true, ..RunOptions::default() }),
            plain,
            "{name}"
        );
    }
}

#[test]
fn the_library_keeps_its_promises_whatever_the_seed() {
    for name in library::names() {
        for seed in 0..5 {
            let outcome = run(
                &Scenario { seed, ..of_library(name) },
                RunOptions { check: true, ..RunOptions::default() },
            );
            assert_eq!(outcome.simulation.violations(), [], "{name}, seed {seed}");
            assert!(outcome.passed(), "{name}, seed {seed}:\n{}", judgements(&outcome));
        }
    }
}

#[test]
fn the_census_agrees_with_the_store() {
    let mut compared = 0;
    for name in library::names() {
        let outcome = run(&of_library(name), RunOptions::default());
        let (census, view) = (&outcome.recording.census, outcome.simulation.view());
        // Some scenarios end without a manager.
        let Some(store) = view.store() else { continue };
        compared += 1;
        for service in store.services() {
            let entry = census.service(service.id).expect("the census knows every service");
            assert_eq!(entry.counts.tasks, store.tasks_of_service(service.id).count() as u64, "{name}");
            assert_eq!(entry.counts.running, view.running_of_service(service.id) as u64, "{name}");
            if !service.spec.mode.is_job() {
                assert_eq!(entry.replicas(), view.service_replicas(service.id), "{name}");
            }
        }
        for node in store.nodes() {
            let entry = census.node(node.id).expect("the census knows every node");
            assert_eq!(entry.running, view.running_of_node(node.id) as u64, "{name}");
            assert_eq!(
                (entry.state, entry.availability),
                (node.status.state, node.spec.availability),
                "{name}"
            );
        }
    }
    assert!(compared > 50, "only {compared} scenarios were compared");
}

/// Counts what it is shown.
#[derive(Default)]
struct Counter {
    facts: u64,
    reached: Vec<SimTime>,
}

impl Spectator for Counter {
    fn fact(&mut self, record: &FactRecord, _census: &Census) {
        assert_eq!(record.id.0, self.facts, "facts come in order");
        self.facts += 1;
    }

    fn reached(&mut self, time: SimTime) {
        self.reached.push(time);
    }
}

#[test]
fn a_spectator_sees_every_fact_and_how_far_the_run_is() {
    let (mut counter, scenario) = (Counter::default(), of_library("worker-failure"));
    let outcome = runner::run(&scenario, RunOptions::default(), &mut counter);
    assert_eq!(counter.facts, outcome.simulation.fact_count());
    assert!(counter.reached.is_sorted() && counter.reached.len() > 100);
    assert_eq!(counter.reached.last(), Some(&scenario.setup.until));
}
