//! `swarm-sim test` and `swarm-sim conform` from outside.
mod common;

use std::fs;
use std::path::Path;

use common::{files, folder, run, scenario};

const HOLDS: &str = "{ by: 35s, service: web, running: 4 }";
const BREAKS: &str = "{ at: 35s, node: worker-2, availability: Drain }";

fn write(folder: &Path, name: &str, expectation: &str) {
    let text = scenario(expectation).replace("name: small", &format!("name: {name}"));
    fs::write(folder.join(format!("{name}.yaml")), text).expect("the file can be written");
}

#[test]
fn every_scenario_of_a_folder_is_run_and_failures_are_explained() {
    let folder = folder("test-folder");
    write(&folder, "good", HOLDS);
    write(&folder, "wrong", BREAKS);
    let ran = run(&folder, &["test", "."]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    assert_eq!(
        ran.stdout,
        "PASS good (seed 7)\n\
         FAIL wrong (seed 7)\n  \
           FAIL  at 35s, node worker-2: availability Drain: availability Active since 0.000 s\n        \
                 expected in ./wrong.yaml:9\n\
         1 passed, 1 failed\n"
    );
}

#[test]
fn a_range_of_seeds_gives_a_run_for_each() {
    let ran = run(&folder("test-seeds"), &["test", "worker-failure", "--seeds", "0..3", "--jobs", "2"]);
    let seeds: Vec<&str> = ran.stdout.lines().collect();
    let expected = [0, 1, 2].map(|seed| format!("PASS worker-failure (seed {seed})"));
    assert_eq!(seeds[..3], expected);
    assert_eq!((ran.code, seeds[3]), (0, "3 passed"));
}

#[test]
fn pinned_hashes_are_written_on_demand_and_compared_ever_after() {
    let folder = folder("test-pins");
    write(&folder, "good", HOLDS);
    assert_eq!(run(&folder, &["test", "."]).code, 0);
    assert_eq!(files(&folder), ["good.yaml"], "nothing is pinned unless somebody asks");
    assert_eq!(run(&folder, &["test", ".", "--update"]).code, 0);
    let pins = fs::read_to_string(folder.join("hashes.txt")).expect("hashes are pinned");
    assert!(pins.starts_with("good 7 ") && pins.len() == "good 7 \n".len() + 16, "{pins}");
    assert_eq!(run(&folder, &["test", "."]).code, 0);
    fs::write(folder.join("hashes.txt"), "good 7 0123456789abcdef\n").expect("written");
    let ran = run(&folder, &["test", "."]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("pinned is 0123456789abcdef"), "{}", ran.stdout);
    assert_eq!(run(&folder, &["test", ".", "--seeds", "8..9"]).code, 0, "other seeds have no pinned hash");
    fs::write(folder.join("hashes.txt"), "good seven\n").expect("written");
    assert_eq!(run(&folder, &["test", "."]).code, 2);
}

#[test]
fn one_bad_file_stops_all_runs_before_they_begin() {
    let folder = folder("test-bad-file");
    write(&folder, "good", HOLDS);
    fs::write(folder.join("bad.yaml"), "name: bad\n").expect("written");
    let ran = run(&folder, &["test", ".", "--update"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("bad.yaml"), "{}", ran.stderr);
    assert_eq!(files(&folder), ["bad.yaml", "good.yaml"]);
}

#[test]
fn recordings_are_compared_class_by_class() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/data/scheduler/constraints.jsonl");
    let path = data.to_str().expect("the path is text");
    let ran = run(&folder("conform"), &["conform", "scheduler", path]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.starts_with("class"), "{}", ran.stdout);
}
