//! Storms pass, and find every defect that is put in on purpose.
mod common;

use scenarios::runner::{self, NoSpectator, RunOptions, Verdict};
use scenarios::storm::{Finding, Plan, findings_until, first_finding, run};
use scenarios::{Scenario, ScenarioOptions};
use sim_core::model::{Defect, Sabotage};

use self::common::scenario_files;

/// Virtual minutes of the storms that have to find a defect: short, because one run of many has it early.
const MINUTES: u32 = 8;

/// Whether a storm of the first seeds breaks an invariant when the cluster has a defect.
fn is_found(defect: Defect, invariant: &str) -> bool {
    let is_it =
        |finding: &Finding| matches!(finding, Finding::Violation { invariant: it, .. } if *it == invariant);
    let found = |seed| findings_until(&Plan::drawn(seed, MINUTES), invariant, Sabotage::of(defect));
    (0..100).any(|seed| found(seed).iter().any(is_it))
}

/// How many storms of an hour have to pass: as many as take a few minutes.
const STORMS: u64 = if cfg!(debug_assertions) { 4 } else { 1_000 };
const HOUR: u32 = 60;

fn pass(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        assert_eq!(first_finding(&Plan::drawn(seed, HOUR), Sabotage::default()), None, "storm {seed}");
    }
}

#[test]
fn every_even_storm_passes() {
    pass((0..STORMS).step_by(2));
}

#[test]
fn every_odd_storm_passes() {
    pass((1..STORMS).step_by(2));
}

/// Storms that failed once, cut down, each named for what was wrong.
#[test]
fn storms_that_once_failed_pass() {
    for file in scenario_files("testdata/storms") {
        let text = std::fs::read_to_string(&file).unwrap();
        let scenario = Scenario::parse(&text, &file.to_string_lossy(), &ScenarioOptions::default()).unwrap();
        let options = RunOptions { check: true, ..RunOptions::default() };
        let outcome = runner::run(&scenario, options, &mut NoSpectator);
        assert!(outcome.simulation.violations().is_empty(), "{}", file.display());
        let failed = outcome.judgements.iter().find(|judged| judged.verdict == Verdict::Failed);
        assert!(failed.is_none(), "{}: {failed:?}", file.display());
    }
}

/// For three minutes the two managers take turns in putting off the only one that can win.
#[test]
fn a_long_election_is_waited_for() {
    assert_eq!(first_finding(&Plan::drawn(302, 15), Sabotage::default()), None);
}

#[test]
fn a_second_election_in_a_term_is_found() {
    assert!(is_found(Defect::ReuseTerm, "election safety"));
}

#[test]
fn a_vote_for_an_incomplete_log_is_found() {
    assert!(is_found(Defect::VoteForShortLog, "leader completeness"));
}

#[test]
fn a_log_that_keeps_conflicts_is_found() {
    assert!(is_found(Defect::KeepConflicts, "log matching"));
}

#[test]
fn entries_that_were_committed_without_a_majority_are_found() {
    assert!(is_found(Defect::CommitAlone, "committed entries never change"));
}

#[test]
fn writes_that_were_acknowledged_without_a_majority_are_found() {
    assert!(is_found(Defect::CommitAlone, "no acknowledged write is lost"));
}

#[test]
fn a_store_that_skips_changes_is_found() {
    assert!(is_found(Defect::SkipChanges, "equal applied state"));
}

#[test]
fn a_disk_that_forgets_is_found() {
    assert!(is_found(Defect::ForgetCommit, "monotone term and commit"));
}

#[test]
fn tasks_without_addresses_are_found() {
    assert!(is_found(Defect::ForgetAddresses, "addresses and ports have one holder"));
}

#[test]
fn nodes_without_the_routing_mesh_are_found() {
    assert!(is_found(Defect::ForgetIngress, "nodes are attached to the routing mesh"));
}

#[test]
fn backends_that_come_back_to_life_are_found() {
    assert!(is_found(Defect::ReviveBackends, "backends were activated by their owners"));
}

#[test]
fn backends_that_stay_when_they_are_gone_are_found() {
    assert!(is_found(Defect::KeepBackends, "quiet nodes know all backends"));
}

#[test]
fn requests_that_are_forgotten_are_found() {
    assert!(is_found(Defect::ForgetRequests, "requests are conserved"));
}

#[test]
fn containers_that_answer_after_their_end_are_found() {
    assert!(is_found(Defect::AnswerWhenDead, "requests are conserved"));
}

#[test]
fn causes_that_are_forgotten_are_found() {
    assert!(is_found(Defect::ForgetCause, "chains of causes have a root"));
}

#[test]
fn an_invented_cause_is_found() {
    let stops = |finding: &Finding| matches!(finding, Finding::Assertion { text, .. } if text.contains("claims to be caused by"));
    let found = |seed| first_finding(&Plan::drawn(seed, MINUTES), Sabotage::of(Defect::InventCause));
    assert!((0..20).any(|seed| found(seed).is_some_and(|finding| stops(&finding))));
}

#[test]
fn a_failed_storm_is_a_small_file_that_fails_again() {
    let sabotage = Sabotage::of(Defect::ForgetCommit);
    let failure = (0..20).find_map(|seed| run(seed, MINUTES, sabotage)).expect("a storm finds it");
    let failure = failure.minimised(sabotage);
    let text = failure.plan.text();
    assert!(text.lines().count() < 20, "{text}");
    assert!(Scenario::parse(&text, "storm", &ScenarioOptions::default()).is_ok());
    let again = first_finding(&failure.plan, sabotage);
    assert!(matches!(again, Some(Finding::Violation { invariant: "monotone term and commit", .. })));
    assert_eq!(first_finding(&failure.plan, Sabotage::default()), None);
}
