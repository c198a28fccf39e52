//! The recorded timelines of whole clusters agree with simulated ones.
use conformance::timelines::{Options, data, run};

/// What does not agree. `STATUS.md` says why.
const KNOWN_DIFFERENCES: [&str; 6] = [
    "04_leader_stop, demote: demoted_node_ready_ms",
    "04_leader_stop, demote: first_node_ready_ms",
    "04_leader_stop, demote: nodes_unknown_ms",
    "04_leader_stop, demote: read_max_latency_ms",
    "07_rolling_update, continue_crash: updating_ms",
    "10_node_remove, force_live: removed_node_permission_denied",
];

#[test]
fn recorded_timelines_agree_but_for_what_the_machine_of_the_recordings_decided() {
    let report = run(&[data()], &Options { seeds: 0..100 }).expect("the recordings are readable");
    assert_eq!(report.differences(), KNOWN_DIFFERENCES, "{}", report.text());
}
