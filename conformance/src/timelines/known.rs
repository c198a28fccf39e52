//! Figures of timelines that differ, each with its reason. `STATUS.md` says more about them.
use super::KnownDifference;

/// All of them, in the order of reports.
pub const KNOWN_DIFFERENCES: &[KnownDifference] = &[
    KnownDifference {
        figure: "04_leader_stop, demote: demoted_node_ready_ms",
        reason: "a manager that ends does so at once here, and takes 50 to 100 ms in reality",
    },
    KnownDifference {
        figure: "04_leader_stop, demote: first_node_ready_ms",
        reason: "nine processes made new TLS connections at once on two cores",
    },
    KnownDifference {
        figure: "04_leader_stop, demote: max_session_backoff_ms",
        reason: "a session that the ending manager still took hangs in reality, and its agent tries again",
    },
    KnownDifference {
        figure: "04_leader_stop, demote: nodes_unknown_ms",
        reason: "nine processes made new TLS connections at once on two cores",
    },
    KnownDifference {
        figure: "04_leader_stop, demote: read_max_latency_ms",
        reason: "a leader answers its own host's reads in no time here",
    },
    KnownDifference {
        figure: "07_rolling_update, continue_crash: updating_ms",
        reason: "the API call itself took 17 ms in two of the four recorded runs",
    },
];
