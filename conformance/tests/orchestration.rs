//! All recorded cases of the orchestrators.
use std::collections::BTreeSet;
use std::path::PathBuf;

use conformance::orchestration::{Options, run};

/// Cases whose outcome depends on an order that the recorded runs drew.
const LUCKY: [&str; 11] = [
    "orc-2c89f4ffa0",
    "orc-2e7f050f3b",
    "orc-2e7f0e23c3",
    "orc-3a08333336",
    "orc-3a0833384f",
    "orc-7f6b29854d",
    "orc-80c681b090",
    "orc-80c681b3f6",
    "orc-97f0fda506",
    "orc-bde3abbf97",
    "orc-d5b1ccb3c0",
];

fn recordings() -> Vec<PathBuf> {
    vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/orchestration")]
}

#[test]
fn every_recorded_case_passes_with_ties_by_id() {
    let report = run(&recordings(), &Options::default()).expect("the recordings can be read");
    assert!(report.passed(), "{report}");
    assert_eq!(report.cases(), 361);
    // These facts came out differently in 4 and more of 40 further recorded runs: they were stable by luck.
    let warned = report.classes.values().flat_map(|class| &class.warned).map(|case| case.id.as_str());
    let warned: BTreeSet<&str> = warned.collect();
    assert_eq!(warned, BTreeSet::from(LUCKY), "{report}");
}

#[test]
fn every_recorded_case_passes_with_drawn_ties() {
    let report = run(&recordings(), &Options { seeds: Some(0..3) }).expect("the recordings can be read");
    assert!(report.passed(), "{report}");
}
