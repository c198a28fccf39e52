//! All recorded cases of the scheduler.
use std::path::PathBuf;

use conformance::scheduler::{Options, run};

fn recordings() -> Vec<PathBuf> {
    vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/scheduler")]
}

#[test]
fn every_recorded_case_passes_with_ties_by_id() {
    let report = run(&recordings(), &Options::default()).expect("the recordings can be read");
    assert!(report.passed(), "{report}");
    assert_eq!(report.cases(), 539);
}

#[test]
fn every_recorded_case_passes_with_drawn_ties() {
    let report = run(&recordings(), &Options { seeds: Some(2..5) }).expect("the recordings can be read");
    assert!(report.passed(), "{report}");
    assert_eq!(report.warnings(), 0, "{report}");
}
