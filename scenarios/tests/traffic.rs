//! Scenarios with requests: `testdata/traffic/*.yaml`, and for each what became of its requests.
mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use scenarios::runner::{self, NoSpectator, Outcome, RunOptions, Verdict};
use scenarios::{Scenario, ScenarioOptions};
use sim_core::model::{Fact, FactRecord, FailureCause, RequestsFailed};
use sim_core::record::Keep;

use self::common::scenario_files;

fn files() -> Vec<PathBuf> {
    scenario_files("testdata/traffic")
}

fn run(path: &Path) -> Outcome {
    let text = fs::read_to_string(path).expect("readable");
    let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
    let scenario = Scenario::parse(&text, name, &ScenarioOptions::default());
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    let options = RunOptions { keep: Keep::Facts, check: true, ..RunOptions::default() };
    runner::run(&scenario, options, &mut NoSpectator)
}

/// A line a source, a line a fact of failed requests, a line an expectation.
fn report(outcome: &Outcome) -> String {
    let recording = &outcome.recording;
    let names = recording.census.names();
    let mut text = String::new();
    for (id, tally) in outcome.simulation.view().tallies() {
        let total = tally.total();
        write!(text, "{}: sent {}, ok {}", names.traffic(id), total.sent, total.answered).unwrap();
        for cause in FailureCause::ALL.into_iter().filter(|cause| total.failed_by(*cause) > 0) {
            write!(text, ", {} {}", cause.name(), total.failed_by(cause)).unwrap();
        }
        let tasks: Vec<String> = tally
            .answered_by()
            .map(|(task, count)| format!("{} {count}", recording.census.task_name(task)))
            .collect();
        writeln!(text, "; {}", tasks.join(", ")).unwrap();
    }
    for record in &recording.facts {
        if let Fact::RequestsFailed(failed) = &record.fact {
            writeln!(text, "{}", failure(record, failed, outcome)).unwrap();
        }
    }
    for one in &outcome.judgements {
        let verdict = if one.verdict == Verdict::Passed { "pass" } else { "FAIL" };
        writeln!(text, "{verdict} {}: {}", one.expected, one.seen).unwrap();
    }
    text
}

/// `30s users gone 1 at web.2 through n1, sent from 30.02s to 30.02s, because of fault run`, with `in the call web->db`
/// before the times if that is where it went wrong
fn failure(record: &FactRecord, failed: &RequestsFailed, outcome: &Outcome) -> String {
    let recording = &outcome.recording;
    let names = recording.census.names();
    let task = failed.task.map_or_else(|| "nobody".to_owned(), |task| recording.census.task_name(task));
    let entry = failed.entry.map_or("nowhere", |entry| names.host(entry));
    let call = failed.via.map_or_else(String::new, |via| format!(" in the call {}", names.traffic(via)));
    let cause = recording.fact(record.cause).expect("facts are kept");
    format!(
        "{} {} {} {} at {task} through {entry}{call}, sent from {} to {}, because of {} {} at {}",
        record.time,
        names.traffic(failed.traffic),
        failed.failure.name(),
        failed.count,
        failed.first_sent,
        failed.last_sent,
        cause.fact.kind(),
        recording.census.subject(cause.fact.subject()),
        cause.time,
    )
}

#[test]
fn requests_meet_the_cluster_as_it_is() {
    for path in files() {
        let outcome = run(&path);
        expect_file![path.with_extension("txt")].assert_eq(&report(&outcome));
        assert_eq!(outcome.simulation.violations(), []);
    }
}

#[test]
fn every_expectation_of_the_scenarios_holds_and_facts_tell_of_all_failures() {
    for path in files() {
        let outcome = run(&path);
        let failed: Vec<_> = outcome.judgements.iter().filter(|one| one.verdict != Verdict::Passed).collect();
        assert!(failed.is_empty(), "{}: {failed:?}", path.display());
        for (id, tally) in outcome.simulation.view().tallies() {
            let counts = outcome.recording.facts.iter().filter_map(|record| {
                let Fact::RequestsFailed(failed) = &record.fact else { return None };
                (failed.traffic == id).then_some(failed.count)
            });
            assert_eq!(counts.sum::<u64>(), tally.total().failed(), "{}", path.display());
            let seconds: u64 = tally.seconds().map(|(_, counts)| counts.sent).sum();
            assert_eq!(seconds, tally.total().sent);
        }
    }
}

#[test]
fn a_run_with_requests_is_the_same_again_and_without_observers() {
    for path in files() {
        let (first, again) = (run(&path), run(&path));
        let hash = |outcome: &Outcome| (outcome.simulation.trace_hash(), outcome.simulation.state_hash());
        assert_eq!(hash(&first), hash(&again), "{}", path.display());
        let text = fs::read_to_string(&path).expect("readable");
        let scenario = Scenario::parse(&text, "again", &ScenarioOptions::default()).expect("it is good");
        let bare = runner::run(&scenario, RunOptions::default(), &mut NoSpectator);
        assert_eq!(hash(&first), hash(&bare), "{}", path.display());
    }
}
