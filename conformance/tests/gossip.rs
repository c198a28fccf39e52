//! The recorded gossip of real engines agrees with simulated gossip.
use conformance::gossip::{KNOWN_DIFFERENCES, Options, data, run};

/// Larger clusters take longer than a test may; the command line compares them all.
const NODES_MAX: u32 = 5;

#[test]
fn recorded_gossip_agrees_but_for_what_is_known() {
    let options = Options { nodes_max: NODES_MAX, ..Options::all() };
    let report = run(&[data()], &options).expect("the recordings are readable");
    assert!(report.passed(), "{}", report.text());
    // What agrees by now is known no longer.
    let is_small = |figure: &str| (2..=NODES_MAX).any(|nodes| figure.contains(&format!(", {nodes} nodes: ")));
    let known = KNOWN_DIFFERENCES.iter().map(|known| known.figure).filter(|figure| is_small(figure));
    assert_eq!(report.differences(), known.collect::<Vec<_>>());
}
