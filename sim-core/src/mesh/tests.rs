//! Text tests of a few meshes whose record changes the script carries from one to the others.
mod script;

use self::script::Script;
use crate::text_test;

fn check(file: &str) {
    let mut script = Script::default();
    text_test::check(&format!("mesh/{file}"), |command| script.run(command));
}

#[test]
fn connections_are_spread_over_the_backends_that_a_node_knows() {
    check("routing.txt");
}

#[test]
fn records_are_applied_as_the_table_says() {
    check("records.txt");
}

#[test]
fn ports_open_with_the_first_backend_and_close_with_the_last() {
    check("ports.txt");
}

#[test]
fn names_follow_the_backends() {
    check("names.txt");
}
