//! Recorded facts that are no promises of the real system: all cases were run 40 times more, and these came out
//! differently in some of those runs.

/// What a recorded fact is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Luck {
    /// It was the same in all runs ever made.
    Promised,
    /// It is the usual outcome. A miss is worth a look.
    Usual,
    /// It was stable by luck.
    NotChecked,
}

/// From so many differing runs on a fact is not checked.
const NOT_CHECKED_FROM: u32 = 4;

/// What a fact of a case is worth.
pub(super) fn luck(case: &str, service: &str, fact: &str) -> Luck {
    let known = ARTEFACTS.iter().filter(|artefact| artefact.case == case && artefact.service == service);
    worth(known.filter(|artefact| artefact.facts.contains(&fact)).map(|artefact| artefact.runs).max())
}

/// What the log of a case is worth: it tells all facts at once.
pub(super) fn luck_of_log(case: &str) -> Luck {
    let runs = ARTEFACTS.iter().filter(|artefact| artefact.case == case).map(|artefact| artefact.runs);
    worth(runs.max())
}

fn worth(differing_runs: Option<u32>) -> Luck {
    match differing_runs {
        None => Luck::Promised,
        Some(runs) if runs < NOT_CHECKED_FROM => Luck::Usual,
        Some(_) => Luck::NotChecked,
    }
}

struct Artefact {
    case: &'static str,
    service: &'static str,
    facts: &'static [&'static str],
    /// In how many of the 40 runs the facts differ.
    runs: u32,
}

const FIRST_RUNNING: &[&str] = &["first_running", "first_running_batches"];
const RUNNING: &[&str] = &["running_series", "running_sequence"];
const COUNTS: &[&str] =
    &["created", "created_by_image", "removed", "ever_state", "remaining", "history_sorted"];

const fn web(case: &'static str, facts: &'static [&'static str], runs: u32) -> Artefact {
    Artefact { case, service: "web", facts, runs }
}

const fn of(
    service: &'static str,
    case: &'static str,
    facts: &'static [&'static str],
    runs: u32,
) -> Artefact {
    Artefact { case, service, facts, runs }
}

#[rustfmt::skip]
const ARTEFACTS: &[Artefact] = &[
    web("orc-2e7f0e23c3", FIRST_RUNNING, 26),
    web("orc-2e7f0e23c3", RUNNING, 26),
    web("orc-2e7f0e23c3", &["windows"], 25),
    web("orc-2e7f0e23c3", COUNTS, 1),
    web("orc-2e7f0e23c3", &["update_timed"], 1),
    of("api", "orc-795b06d4fb", &["update_states", "update_timed"], 26),
    web("orc-2c89f509d2", &["history_sorted"], 22),
    web("orc-80c681b090", &["final_on_node"], 22),
    web("orc-80c681b090", &["final_nodes_sorted"], 2),
    web("orc-d5b1ccb3c0", &["final_on_node"], 22),
    web("orc-80c681b3f6", &["final_nodes_sorted"], 18),
    web("orc-97f0fda506", &["history_by_slot"], 18),
    web("orc-7f6b29854d", FIRST_RUNNING, 17),
    web("orc-2c89f4ffa0", &["final_nodes_sorted"], 15),
    web("orc-df23646be8", &["final_tasks", "history_by_slot"], 15),
    web("orc-38eebad169", FIRST_RUNNING, 14),
    web("orc-38eebad169", COUNTS, 2),
    web("orc-36dd4c055f", &["remaining"], 13),
    web("orc-36dd4c055f", &["created", "created_by_image", "windows"], 10),
    web("orc-36dd4c055f", &["removed"], 4),
    web("orc-3a08333336", FIRST_RUNNING, 10),
    web("orc-3a08333336", RUNNING, 10),
    web("orc-3a08333336", COUNTS, 10),
    web("orc-3a08333336", &["windows"], 10),
    web("orc-2e7f050f3b", FIRST_RUNNING, 8),
    web("orc-2e7f050f3b", RUNNING, 8),
    web("orc-cbcc35ff76", &["final_nodes_sorted"], 7),
    web("orc-38eebacfb6", &["final_running"], 6),
    web("orc-3a0833384f", &["removed"], 6),
    web("orc-2e7f050d88", &["first_running_batches", "running_sequence"], 4),
    web("orc-795b06df2d", &["final_nodes_sorted"], 4),
    web("orc-bde3abbf97", FIRST_RUNNING, 4),
    web("orc-bde3abbf97", COUNTS, 4),
    web("orc-2e7f0506bc", COUNTS, 3),
    web("orc-2e7f0506bc", &["update_timed"], 3),
    web("orc-2e7f05196d", COUNTS, 3),
    web("orc-2e7f05196d", &["update_timed"], 3),
    web("orc-7f6b1df390", &["remaining"], 3),
    web("orc-7f6b297602", &["remaining"], 3),
    web("orc-a8718aba47", COUNTS, 3),
    web("orc-bde3a98141", &["final_nodes_sorted", "final_on_node"], 3),
    of("mon", "orc-dd57942031", COUNTS, 3),
    of("mon", "orc-dd57942031", &["first_running", "running_series", "update_timed"], 3),
    web("orc-2e7f0e3827", &["first_running_batches", "running_sequence"], 2),
    web("orc-38eebad835", COUNTS, 2),
    web("orc-38eebad835", &["update_states", "update_timed"], 2),
    web("orc-97f0fda6b9", COUNTS, 2),
    web("orc-97f0fda6b9", &["update_timed"], 2),
    web("orc-a8718aacaf", COUNTS, 2),
    web("orc-a8718aacaf", &["final_nodes_sorted", "final_on_node", "final_running"], 2),
    web("orc-97f0fdaa1f", COUNTS, 1),
    web("orc-97f0fdb7b7", &["final_nodes_sorted"], 1),
    web("orc-a8718ab52e", COUNTS, 1),
    web("orc-a8718ab52e", &["final_running"], 1),
    web("orc-a8718ab6e1", FIRST_RUNNING, 1),
    web("orc-a8718ab6e1", RUNNING, 1),
    web("orc-a8718ab6e1", COUNTS, 1),
    web("orc-a8718ab6e1", &["update_states", "update_timed"], 1),
    web("orc-bde3abb565", &["removed"], 1),
];
