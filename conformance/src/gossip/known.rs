//! Figures of gossip that differ with the fifty seeds of [`Options::all`](super::Options::all), each with its reason.
use super::KnownDifference;

const AT_THE_EDGE: &str = "a recorded range that is nearly a point lies at the edge of what is simulated";
const ONE_RUN: &str = "one recorded run, outside of what fifty seeds give; not explained further";
const TWO_RUNS: &str = "two recorded runs, outside of what fifty seeds give; not explained further";
const BETWEEN: &str = "a recorded count lies between those that fifty seeds give";

/// All of them, in the order of reports.
pub const KNOWN_DIFFERENCES: &[KnownDifference] = &[
    known("crash and return, 3 s, 20 nodes: seen_again_ms", TWO_RUNS),
    known("crash and return, 3 s, 40 nodes: full_table_ms", ONE_RUN),
    known("crash and return, 60 s, 40 nodes: new_entries_ms", ONE_RUN),
    known("partition, 1 from 1 for 3 s, 2 nodes: lost_on_b_ms", AT_THE_EDGE),
    known("partition, 10 from 10 for 15 s, 20 nodes: all_complete_after_heal_ms", TWO_RUNS),
    known("partition, 10 from 10 for 15 s, 20 nodes: back_after_heal_ms", TWO_RUNS),
    known("partition, 10 from 10 for 15 s, 20 nodes: lost_on_a", BETWEEN),
    known("partition, 10 from 10 for 60 s, 20 nodes: all_complete_after_heal_ms", ONE_RUN),
    known("partition, 19 from 1 for 15 s, 20 nodes: all_complete_after_heal_ms", ONE_RUN),
    known("partition, 19 from 1 for 61 s, 20 nodes: lost_on_a_ms", ONE_RUN),
    known("partition, 2 from 1 for 60 s, 3 nodes: back_after_heal_ms", AT_THE_EDGE),
    known("partition, 9 from 1 for 40 s, 10 nodes: lost_on_a_ms", ONE_RUN),
];

const fn known(figure: &'static str, reason: &'static str) -> KnownDifference {
    KnownDifference { figure, reason }
}
