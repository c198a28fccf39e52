//! The recorded timelines of whole clusters agree with simulated ones.
use std::path::PathBuf;

use conformance::timelines::{Options, data, run};

/// Experiments that can be replayed.
const REPLAYED: [&str; 7] = [
    "01_worker_crash",
    "02_worker_return",
    "03_leader_crash",
    "05_quorum_loss",
    "06_drain",
    "08_scale",
    "10_node_pause",
];

#[test]
fn recorded_timelines_agree() {
    let paths: Vec<PathBuf> = REPLAYED.iter().map(|name| data().join(format!("{name}.jsonl"))).collect();
    let report = run(&paths, &Options { seeds: 0..100 }).expect("the recordings are readable");
    assert!(report.passed(), "{}", report.text());
}
