//! Figures of gossip that differ with the fifty seeds of [`Options::all`](super::Options::all), each with its reason.
use super::KnownDifference;

const AT_THE_EDGE: &str = "a recorded range that is nearly a point lies at the edge of what is simulated";
const ONE_RUN: &str = "one recorded run, outside of what fifty seeds give; not explained further";
const TWO_RUNS: &str = "two recorded runs, outside of what fifty seeds give; not explained further";
const WITH_VERDICT: &str = "the last unanswered probe ends at the instant of the verdict: in reality just after it, here often before";
const BETWEEN: &str = "pairs lost each other less often in the recorded runs than in most of fifty seeds; not explained further";

/// All of them, in the order of reports.
pub const KNOWN_DIFFERENCES: &[KnownDifference] = &[
    known("crash, 2 nodes: failed_probes", WITH_VERDICT),
    known("crash, 3 nodes: failed_probes", WITH_VERDICT),
    known("crash, 4 nodes: failed_probes", WITH_VERDICT),
    known("crash and return, 3 s, 20 nodes: seen_again_ms", TWO_RUNS),
    known("crash and return, 60 s, 40 nodes: new_entries_ms", ONE_RUN),
    known("partition, 10 from 10 for 15 s, 20 nodes: all_complete_after_heal_ms", TWO_RUNS),
    known("partition, 10 from 10 for 15 s, 20 nodes: back_after_heal_ms", TWO_RUNS),
    known("partition, 10 from 10 for 15 s, 20 nodes: writes_seen_after_heal_ms", TWO_RUNS),
    known("partition, 10 from 10 for 60 s, 20 nodes: all_complete_after_heal_ms", ONE_RUN),
    known("partition, 19 from 1 for 15 s, 20 nodes: deletion_seen_ms", ONE_RUN),
    known("partition, 2 from 1 for 15 s, 3 nodes: deletion_seen_ms", AT_THE_EDGE),
    known("partition, 2 from 1 for 60 s, 3 nodes: back_after_heal_ms", AT_THE_EDGE),
    known("partition, 2 from 1 for 60 s, 3 nodes: writes_seen_after_heal_ms", AT_THE_EDGE),
    known("partition, 2 from 2 for 15 s, 4 nodes: lost_on_a", BETWEEN),
    known("partition, 9 from 1 for 40 s, 10 nodes: lost_on_a_ms", ONE_RUN),
    known("partition, 9 from 1 for 40 s, 10 nodes: member_lost_ms", ONE_RUN),
];

const fn known(figure: &'static str, reason: &'static str) -> KnownDifference {
    KnownDifference { figure, reason }
}
