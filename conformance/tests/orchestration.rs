//! All recorded cases of the orchestrators.
use std::path::PathBuf;

use conformance::orchestration::{Options, run};

fn recordings() -> Vec<PathBuf> {
    vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/orchestration")]
}

#[test]
fn every_recorded_case_passes_with_ties_by_id() {
    let report = run(&recordings(), &Options::default()).expect("the recordings can be read");
    assert!(report.passed(), "{report}");
    assert_eq!(report.cases(), 361);
    assert!(report.classes.values().all(|class| class.warned.is_empty()), "{report}");
}

#[test]
fn every_recorded_case_passes_with_drawn_ties() {
    let report = run(&recordings(), &Options { seeds: Some(0..3) }).expect("the recordings can be read");
    assert!(report.passed(), "{report}");
}
