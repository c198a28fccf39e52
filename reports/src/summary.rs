//! The report of a run as text: its story, final tables, metrics, expectations and hashes.
use sim_core::Recording;
use sim_core::kernel::SimTime;
use sim_core::metrics::{Label, Measurement};
use sim_core::model::FactRecord;
use sim_core::model::setup::{Setup, SwarmPart};

use crate::json::hash;
use crate::losses::losses_text;
use crate::placement::placement_text;
use crate::text::{Text, Tone};
use crate::traffic::traffic_table;
use crate::words::sentence;
use crate::{Expectation, Run, Verdict, story, time};

/// Lines of a table that are shown; JSON has all.
const TABLE_LINES_MAX: usize = 60;
/// Services whose tasks are listed.
const TASK_TABLES_MAX: usize = 12;
/// Facts that are shown of what led to a broken promise.
const LAST_FACTS: usize = 8;

/// The whole report.
#[must_use]
pub fn report(run: &Run<'_>) -> Text {
    let mut text = Text::new();
    heading(run, &mut text);
    text.section("Story");
    text.append(story(run.recording));
    tables(run, &mut text);
    text.push(Tone::Heading, "Metrics");
    text.end_line();
    text.append(metrics_table(run.recording));
    if !run.recording.tallies.is_empty() {
        text.section("Traffic");
        text.append(traffic_table(run.recording));
    }
    if let Some(losses) = losses_text(run, None) {
        text.section("Requests lost");
        text.append(losses);
    }
    if let Some(placement) = &run.placement {
        text.section(&format!("Placement of {}", placement.task));
        text.append(placement_text(placement, run));
    }
    if let Some(raft) = run.raft {
        text.append(raft.text(run.recording.census.names()));
    }
    if !run.expectations.is_empty() {
        text.section("Expectations");
        text.append(expectation_lines(run.expectations));
    }
    if !run.violations.is_empty() {
        text.section("Broken promises");
        violations(run, &mut text);
    }
    text.end_line();
    verdict(run, &mut text);
    text
}

fn heading(run: &Run<'_>, text: &mut Text) {
    let scenario = run.scenario;
    text.push(Tone::Heading, &scenario.name);
    if !scenario.about.is_empty() {
        text.plain(format!(": {}", scenario.about));
    }
    text.end_line();
    let mut line = parts(run.view.setup());
    line.push_str(&format!(", seed {}", scenario.seed));
    for (name, value) in &scenario.params {
        line.push_str(&format!(", {name}={value}"));
    }
    text.push(Tone::Faint, line);
    text.end_line();
}

/// What the hosts are as the run begins: `3 managers, 2 workers`, and those that are in no swarm yet.
fn parts(setup: &Setup) -> String {
    let count = |part| setup.hosts.values().filter(|host| host.part == part).count() as u64;
    let counts = [
        (count(SwarmPart::Manager), "manager", ""),
        (count(SwarmPart::Worker), "worker", ""),
        (count(SwarmPart::None), "host", " in no swarm"),
    ];
    let said = counts.into_iter().filter(|(number, ..)| *number > 0);
    said.map(|(number, word, rest)| counted(number, word) + rest).collect::<Vec<_>>().join(", ")
}

/// `1 manager`, `3 managers`.
#[must_use]
pub fn counted(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// What docker's client prints at the end of the run.
fn tables(run: &Run<'_>, text: &mut Text) {
    text.section("At the end");
    let (view, now) = (run.view, run.recording.ended);
    let Some(manager) = view.asked_manager() else {
        text.plain("  No manager runs that a docker client could ask.");
        return text.end_line();
    };
    let prompt = format!("{}$ docker", run.recording.census.names().host(manager));
    table(&format!("{prompt} node ls"), &view.node_table(now), text);
    table(&format!("{prompt} service ls"), &view.service_table(now), text);
    let is_there = |service| view.store().is_some_and(|store| store.service(service).is_some());
    let services = run.recording.census.services().filter(|(id, _)| is_there(*id));
    for (_, service) in services.take(TASK_TABLES_MAX) {
        let tasks = view.task_table(&service.name, now);
        table(&format!("{prompt} service ps {}", service.name), &tasks, text);
    }
    for managers in view.managers_of_other_swarms() {
        let names: Vec<&str> = managers.iter().map(|host| run.recording.census.names().host(*host)).collect();
        text.plain(format!(
            "  Another swarm is not shown, managed by {}. Commands with `on: {}` tell of it.",
            names.join(", "),
            names[0]
        ));
        text.end_line();
        text.end_line();
    }
}

fn table(command: &str, output: &str, text: &mut Text) {
    text.push(Tone::Command, format!("  {command}"));
    text.end_line();
    for line in output.lines().take(TABLE_LINES_MAX) {
        text.plain(format!("  {}", line.trim_end()));
        text.end_line();
    }
    let hidden = output.lines().count().saturating_sub(TABLE_LINES_MAX);
    if hidden > 0 {
        text.push(Tone::Faint, format!("  ... and {hidden} more lines"));
        text.end_line();
    }
    text.end_line();
}

/// One line a value: name, what it is about, value.
#[must_use]
pub fn metrics_table(recording: &Recording) -> Text {
    // Requests have a table of their own.
    let is_of_traffic =
        |one: &&Measurement| one.labels.iter().any(|label| matches!(label, Label::Traffic(_)));
    let measurements = recording.measurements.iter().filter(|one| !is_of_traffic(one));
    let rows: Vec<[String; 3]> = measurements.map(|one| row(one, recording)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (names, labels) = (width(0), width(1));
    let mut text = Text::new();
    for [name, label, value] in &rows {
        text.plain(format!("  {name:<names$}  {label:<labels$}  {value}"));
        text.end_line();
    }
    text
}

fn row(measurement: &Measurement, recording: &Recording) -> [String; 3] {
    let kind = measurement.kind();
    let name = kind.name.trim_end_matches("_ns").trim_end_matches("_total").replace('_', " ");
    let labels: Vec<String> = measurement.labels.iter().map(|one| label(*one, recording)).collect();
    let value = match measurement.value {
        None => "not before the end".to_owned(),
        Some(value) if kind.is_time() => time::nanos(value),
        Some(value) => value.to_string(),
    };
    [name, labels.join(", "), value]
}

fn label(label: Label, recording: &Recording) -> String {
    let census = &recording.census;
    match label {
        Label::Service(service) => census.service_name(service),
        Label::Node(node) => census.node_name(node),
        Label::Host(host) => census.names().host(host).to_owned(),
        Label::Traffic(traffic) => census.names().traffic(traffic).to_owned(),
        Label::Cause(cause) => cause.name().replace('_', " "),
        Label::Fault(fact) => {
            let strike = recording.origins.strike(fact).expect("labels name faults that struck");
            format!("{} at {}", census.names().fault(&strike.fault), time::short(strike.time))
        }
    }
}

/// One or two lines an expectation: the verdict, what was expected, what was seen.
#[must_use]
pub fn expectation_lines(expectations: &[Expectation]) -> Text {
    let mut text = Text::new();
    for Expectation { place, text: expected, seen, because, verdict } in expectations {
        let (tone, word) = match verdict {
            Verdict::Passed => (Tone::Good, "pass"),
            Verdict::Failed => (Tone::Bad, "FAIL"),
            Verdict::NotReached => (Tone::Faint, "skip"),
        };
        text.plain("  ");
        text.push(tone, word);
        text.plain(format!("  {expected}"));
        if !seen.is_empty() {
            let tone = if *verdict == Verdict::Failed { Tone::Bad } else { Tone::Faint };
            text.push(tone, format!(": {seen}"));
        }
        text.end_line();
        if *verdict == Verdict::Failed {
            text.push(Tone::Faint, format!("        expected in {place}"));
            text.end_line();
        }
        if let Some(because) = because {
            text.push(Tone::Faint, format!("        {because}"));
            text.end_line();
        }
    }
    text
}

/// Every violation with what reproduces it.
fn violations(run: &Run<'_>, text: &mut Text) {
    for violation in run.violations {
        text.push(Tone::Bad, format!("  {violation}"));
        text.end_line();
        text.plain(format!(
            "  scenario {}, seed {}; the last facts before it:",
            run.scenario.file, run.scenario.seed
        ));
        text.end_line();
        for line in last_facts(run.recording, violation.time) {
            text.push(Tone::Faint, line);
            text.end_line();
        }
    }
}

fn last_facts(recording: &Recording, time: SimTime) -> Vec<String> {
    let before = recording.facts.partition_point(|record| record.time <= time);
    let facts = &recording.facts[before.saturating_sub(LAST_FACTS)..before];
    let line = |record: &FactRecord| {
        let words = sentence(record, &recording.census);
        format!("    fact {} at {}: {words}", record.id.0, time::seconds(record.time))
    };
    facts.iter().map(line).collect()
}

fn verdict(run: &Run<'_>, text: &mut Text) {
    let count = |verdict| run.expectations.iter().filter(|one| one.verdict == verdict).count();
    let (passed, failed, skipped) =
        (count(Verdict::Passed), count(Verdict::Failed), count(Verdict::NotReached));
    match (run.passed(), run.expectations.is_empty()) {
        (true, true) => text.push(Tone::Good, "done"),
        (true, false) => text.push(Tone::Good, "passed"),
        (false, _) => text.push(Tone::Bad, "FAILED"),
    }
    let mut line = format!(" at {}", time::short(run.recording.ended));
    if !run.expectations.is_empty() {
        line.push_str(&format!(": {passed} of {} expectations hold", passed + failed + skipped));
    }
    if skipped > 0 {
        line.push_str(&format!(", {skipped} not reached"));
    }
    if !run.violations.is_empty() {
        line.push_str(&format!(", {}", counted(run.violations.len() as u64, "broken promise")));
    }
    text.plain(line);
    text.end_line();
    text.push(Tone::Faint, format!("trace {}  state {}", hash(run.trace_hash), hash(run.state_hash())));
    text.end_line();
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use sim_core::model::setup::HostSetup;
    use sim_core::model::{HostId, ZoneId};

    use super::*;

    fn said(hosts: &[SwarmPart]) -> String {
        let mut setup = Setup::default();
        for (number, part) in (0..).zip(hosts) {
            let host = HostSetup::new("a host", ZoneId(0), Ipv4Addr::from_bits(number));
            setup.hosts.insert(HostId(number), HostSetup { part: *part, ..host });
        }
        parts(&setup)
    }

    #[test]
    fn a_host_in_no_swarm_is_not_said_to_be_a_worker() {
        assert_eq!(said(&[SwarmPart::Manager, SwarmPart::Worker, SwarmPart::Worker]), "1 manager, 2 workers");
        assert_eq!(said(&[SwarmPart::None]), "1 host in no swarm");
        let all = [SwarmPart::Manager, SwarmPart::Worker, SwarmPart::None, SwarmPart::None];
        assert_eq!(said(&all), "1 manager, 1 worker, 2 hosts in no swarm");
    }
}
