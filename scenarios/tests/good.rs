//! Scenario files that are right, and what they become.
use std::fs;
use std::path::Path;

use expect_test::{expect, expect_file};
use scenarios::{Expectation, Scenario, ScenarioOptions};
use sim_core::kernel::SimTime;
use sim_core::model::ClusterSpec;
use sim_core::model::setup::{Settings, Stimulus};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("the file exists")
}

fn parse(name: &str, options: &ScenarioOptions) -> Scenario {
    Scenario::parse(&read(name), name, options).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A scenario, a line for each of its parts.
fn summary(scenario: &Scenario) -> String {
    let Scenario { name, about, seed, parameters, setup, expectations, command_names, is_unchanged } =
        scenario;
    let mut lines = vec![
        format!("{name}: {about}"),
        format!("seed {seed}, until {}, unchanged {is_unchanged}, start {:?}", setup.until, setup.start),
        format!("parameters {parameters:?}"),
        format!("commands {command_names:?}"),
        format!("zones {:?}", setup.zones.values().collect::<Vec<_>>()),
    ];
    lines.extend(setup.hosts.iter().map(|(id, host)| format!("{id:?} {host:?}")));
    lines.extend(setup.links.iter().map(|link| format!("{link:?}")));
    lines.push(settings(&setup.settings));
    lines.push(format!("image * {:?}", setup.images.unlisted));
    for (name, image) in &setup.images.listed {
        lines.push(format!("image {name} {:?}", image.profile));
        lines.extend(image.on.iter().map(|(host, profile)| format!("image {name} on {host:?} {profile:?}")));
    }
    lines.extend(
        setup.traffic.iter().enumerate().map(|(place, traffic)| format!("traffic {place} {traffic:?}")),
    );
    for (place, entry) in setup.timeline.iter().enumerate() {
        let text = match &entry.stimulus {
            Stimulus::Commands { host, commands } => {
                let commands = commands.iter().map(|command| format!("{:?} {}", command.id, command.line));
                format!("{host:?} {}", commands.collect::<Vec<_>>().join("; "))
            }
            other @ (Stimulus::Fault(_)
            | Stimulus::Healing { .. }
            | Stimulus::Traffic(_)
            | Stimulus::Note(_)) => format!("{other:?}"),
        };
        lines.push(format!("{place} at {}: {text}", entry.at));
    }
    for Expectation { when, subject, because, at } in expectations {
        lines.push(format!("line {}: {when}: {subject:?} {because:?}", at.line));
    }
    lines.join("\n") + "\n"
}

/// What a file can set of the settings.
fn settings(settings: &Settings) -> String {
    let ClusterSpec { heartbeat_period, task_history_retention_limit, raft, .. } = &settings.cluster;
    let (ties, scheduler) = (settings.ties, settings.scheduler);
    let swarm = format!("heartbeat {heartbeat_period}, history {task_history_retention_limit}");
    let raft = format!("snapshots every {}", raft.snapshot_interval);
    let links = format!("latency {} and {}", settings.latency_same_zone, settings.latency_between_zones);
    let disk = format!("persist {} to {}", settings.persist_min, settings.persist_max);
    format!(
        "settings: {swarm}, {raft}, {ties:?}, {scheduler:?}, {links}, {disk}, calls {}",
        settings.call_limit
    )
}

#[test]
fn a_file_with_one_of_everything_is_read() {
    let scenario = parse("testdata/good/everything.yaml", &ScenarioOptions::default());
    expect_file!["../testdata/good/everything.txt"].assert_eq(&summary(&scenario));
}

#[test]
fn json_is_read_as_well_and_missing_parts_have_defaults() {
    let scenario = parse("testdata/good/bare.json", &ScenarioOptions::default());
    expect_file!["../testdata/good/bare.txt"].assert_eq(&summary(&scenario));
}

#[test]
fn parameters_seed_and_end_can_be_set_from_outside() {
    let options = ScenarioOptions {
        seed: Some(9),
        sets: vec![("n".to_owned(), "5".to_owned()), ("lost_at".to_owned(), "62s".to_owned())],
        until: Some(SimTime::from_secs(40)),
    };
    let scenario = parse("testdata/good/everything.yaml", &options);
    let Stimulus::Commands { commands, .. } = &scenario.setup.timeline[0].stimulus else {
        panic!("a command")
    };
    let told =
        format!("{} {} {} {}", scenario.seed, scenario.setup.until, scenario.is_unchanged, commands[0].line);
    expect!["9 40s false service create --name web --replicas 5 --publish 8080:80 nginx:1.28"]
        .assert_eq(&told);
}
