//! `swarm-sim run FILE --explain TASK` from outside.
mod common;

use std::fs;

use common::{files, folder, run};
use expect_test::expect_file;

/// What a text report says of a placement.
fn placement(arguments: &[&str]) -> String {
    // A folder of its own for each test: they run side by side.
    let ran = run(&folder(&format!("explain-{}", arguments[arguments.len() - 1])), arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let lines = ran.stdout.lines().skip_while(|line| !line.starts_with("Placement of "));
    lines.take_while(|line| *line != "Expectations").map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_task_that_waited_shows_every_node_with_the_filter_that_it_fails() {
    let text = placement(&["run", "why-pending", "--explain", "gold.1"]);
    expect_file!["../testdata/explain-pending.txt"].assert_eq(&text);
}

#[test]
fn a_task_that_was_never_allocated_says_what_it_waits_for_and_not_where_it_would_go() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/story/without-allocation.yaml");
    let ran = run(&folder("explain-unallocated"), &["run", file, "--explain", "over.1"]);
    let (_, placement) = ran.stdout.split_once("Placement of over.1\n").expect("it was asked for");
    expect_test::expect![[r#"
          The scheduler has not looked at over.1 in this run.
          80.000 s  over.1 waits for the network over, whose subnet 10.9.0.0/24 overlaps that of tiny"#]]
    .assert_eq(
        &placement.lines().take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>().join("\n"),
    );
}

#[test]
fn a_placed_task_shows_the_ranks_and_what_decided() {
    let text = placement(&["run", "spread-evenly", "--explain", "s2.2"]);
    expect_file!["../testdata/explain-placed.txt"].assert_eq(&text);
}

#[test]
fn preferences_generic_resources_and_tasks_that_come_with_a_node_are_explained_too() {
    let folder = folder("explain-zones");
    let yaml = "name: zones\ncluster:\n  managers: [ { name: m1, availability: drain } ]\n  workers:\n    \
                - { name: w1, zone: az1, labels: { az: az1 }, generic: { gpu: [ g0, g1 ] } }\n    \
                - { name: w2, zone: az2, labels: { az: az2 }, generic: { gpu: 1 } }\n    - { name: w3, zone: az2 }\ntimeline:\n  \
                - { at: 0s, docker: \"service create --name train --replicas 3 --generic-resource gpu=1 \
                --placement-pref spread=node.labels.az nginx\" }\n  \
                - { at: 5s, docker: \"service create --name agent --mode global nginx\" }\nuntil: 10s\n";
    fs::write(folder.join("zones.yaml"), yaml).expect("written");
    let mut text = String::new();
    for task in ["train.3", "agent.w2"] {
        let ran = run(&folder, &["run", "zones.yaml", "--explain", task]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let lines = ran.stdout.lines().skip_while(|line| !line.starts_with("Placement of "));
        text.extend(lines.take_while(|line| !line.starts_with("done")).map(|line| format!("{line}\n")));
    }
    expect_file!["../testdata/explain-zones.txt"].assert_eq(&text);
}

#[test]
fn a_replica_that_never_was_is_said_to_have_been_placed_never() {
    let text = placement(&["run", "spread-evenly", "--explain", "s2.9"]);
    assert!(
        text.contains("There never was a task s2.9, so none was placed. s2 had s2.1, s2.2, s2.3."),
        "{text}"
    );
}

#[test]
fn json_has_every_decision_with_every_node() {
    let ran =
        run(&folder("explain-json"), &["run", "why-pending", "--explain", "gold.1", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let decisions = report["placement"]["decisions"].as_array().expect("a list");
    let outcomes: Vec<&str> =
        decisions.iter().map(|one| one["outcome"]["kind"].as_str().expect("a word")).collect();
    assert_eq!(outcomes, ["refused", "refused", "refused", "placed"]);
    let placed = decisions.last().expect("not empty");
    assert_eq!(
        (&placed["outcome"]["node"], &placed["outcome"]["reason"]),
        (&"w3".into(), &"only-node".into())
    );
    assert_eq!(placed["nodes"].as_array().expect("a list").len(), 6);
    let w2 = &placed["nodes"][2];
    assert_eq!(
        (&w2["node"], &w2["passes"], &w2["filters"][1]["passes"]),
        (&"w2".into(), &false.into(), &false.into())
    );
    assert_eq!(w2["filters"][1]["detail"], "needs 2 GiB, 1 GiB free of 1 GiB");
    assert_eq!(report["placement"]["at_end"]["outcome"]["node"], "w3");
}

#[test]
fn tasks_that_no_run_can_have_exit_with_2_and_a_hint() {
    let folder = folder("explain-unknown");
    for (task, hint) in [
        ("glod.1", "did you mean `gold`? services of the timeline: gold"),
        ("gold", "write service and replica, such as web.2, or agent.w1 if it is global"),
        ("gold.w9", "did you mean `w1`?"),
        (".1", "write service and replica"),
    ] {
        let ran = run(&folder, &["run", "why-pending", "--explain", task, "--trace", "trace.jsonl"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{task}");
        assert!(ran.stderr.contains(hint), "{task}: {}", ran.stderr);
    }
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[test]
fn explaining_changes_no_hash() {
    let hashes = |arguments: &[&str]| {
        let stdout = run(&folder("explain-hash"), arguments).stdout;
        stdout.lines().last().expect("a report ends with its hashes").to_owned()
    };
    let plain = hashes(&["run", "drain-for-maintenance"]);
    assert_eq!(hashes(&["run", "drain-for-maintenance", "--explain", "web.2"]), plain);
    assert!(plain.starts_with("trace "));
}
