//! Text tests of the agent with a scripted dispatcher, and a storm against it.
//!
//! Cases of `control-plane-cases.md` that need more than an agent: AGT-006 (sessions that a node's start gives up
//! after), the root CA half of AGT-003 (no certificates here), the secrets, configs
//! and volumes of AGT-010, AGT-013's raw database, EXEC-001's failing controller resolution and EXEC-009's
//! temporary errors (nothing that is modelled fails in these ways). AGT-001 is a matter of types: an agent cannot
//! be started twice, which `an_engine_that_runs_does_not_start` shows. Of the other sections the agent's part of
//! DSP-038, DSP-039, DSP-044 and CLU-042 is here.
mod lab;
mod storm;
mod units;

use self::lab::run;

#[test]
fn sessions_are_kept_and_opened_again() {
    run("worker/session.txt");
}

#[test]
fn statuses_reach_the_dispatcher() {
    run("worker/report.txt");
}

#[test]
fn assigned_tasks_are_what_the_host_has() {
    run("worker/assignments.txt");
}

#[test]
fn tasks_are_taken_to_where_they_shall_go() {
    run("worker/lifecycle.txt");
}

#[test]
fn containers_take_part_in_load_balancing_while_they_serve() {
    run("worker/network.txt");
}

#[test]
fn images_are_pulled_once_per_host() {
    run("worker/images.txt");
}

#[test]
fn stops_take_their_time() {
    run("worker/stop.txt");
}

#[test]
fn health_decides_about_start_and_end() {
    run("worker/health.txt");
}

#[test]
fn tasks_survive_what_befalls_their_host() {
    run("worker/faults.txt");
}

#[test]
fn every_step_names_its_cause() {
    run("worker/causes.txt");
}
