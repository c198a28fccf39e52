//! Text tests: agents talk to a dispatcher that works on a store without Raft and network.
mod against_model;
mod script;
mod world;

use self::script::Script;
use crate::text_test::{self, Command};

fn check(file: &str) {
    let mut script = Script::default();
    text_test::check(&format!("dispatcher/{file}"), |command| script.run(command));
}

#[test]
fn sessions_begin_with_the_pass_that_writes_the_node() {
    check("sessions.txt");
}

#[test]
fn registrations_are_limited_in_a_sliding_window() {
    check("rate_limit.txt");
}

#[test]
fn a_node_lives_as_long_as_its_heartbeats_come() {
    check("heartbeats.txt");
}

#[test]
fn a_new_leader_trusts_nobody() {
    check("leadership.txt");
}

#[test]
fn tasks_of_a_node_that_is_down_for_a_day_are_orphaned() {
    check("orphans.txt");
}

#[test]
fn reports_are_checked_and_written_in_passes() {
    check("reports.txt");
}

#[test]
fn ten_thousand_reports_do_not_wait_for_a_pass() {
    let tasks: Vec<String> = (0..10_000).map(|number| format!("t{number} on=w1 state=ASSIGNED")).collect();
    let cluster = ["m1 manager", "w1"].into_iter().chain(tasks.iter().map(String::as_str)).collect();
    let report = |tasks: std::ops::Range<u32>| tasks.map(|number| format!(" t{number}=RUNNING"));
    let first = format!("1030ms w1 report s1{}", report(0..9_999).collect::<String>());
    let last = format!("1040ms w1 report s1{}", report(9_999..10_000).collect::<String>());
    let mut script = Script::default();
    script.run(&Command { name: "cluster", words: Vec::new(), body: cluster });
    let until = vec!["until=1050ms".to_owned()];
    let log = script.run(&Command {
        name: "run",
        words: until,
        body: vec!["0s start", "0s w1 session", &first, &last],
    });
    let written: Vec<&str> = log.lines().filter(|line| line.contains(" RUNNING applied ")).collect();
    assert_eq!(written.len(), 10_000);
    assert!(written.iter().all(|line| line.starts_with("1.04s writes ")));
}

#[test]
fn agents_hear_of_their_tasks_once_it_is_quiet() {
    check("assignments.txt");
}

#[test]
fn a_settled_dispatcher_goes_on_as_if_it_had_led_before() {
    check("settled.txt");
}
