//! `swarm-sim run FILE --raft` from outside.
mod common;

use common::{folder, run};
use expect_test::expect_file;

#[test]
fn the_managers_are_shown_whenever_a_role_a_term_a_leader_or_the_voters_change() {
    for (scenario, file) in [("leader-crash", "raft-crash.txt"), ("promote-demote", "raft-voters.txt")] {
        let ran = run(&folder("raft"), &["run", scenario, "--raft"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let lines = ran.stdout.lines().skip_while(|line| !line.starts_with("Raft, "));
        let text: String =
            lines.take_while(|line| *line != "Expectations").map(|line| format!("{line}\n")).collect();
        expect_file![format!("../testdata/{file}")].assert_eq(&text);
    }
}

#[test]
fn the_view_changes_nothing_about_the_run() {
    let folder = folder("raft-hash");
    let hashes = |arguments: &[&str]| {
        let ran = run(&folder, arguments);
        ran.stdout.lines().find(|line| line.starts_with("trace ")).map(str::to_owned).expect("hashes")
    };
    assert_eq!(hashes(&["run", "leader-crash"]), hashes(&["run", "leader-crash", "--raft"]));
}
