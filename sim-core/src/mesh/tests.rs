//! Text tests of a few meshes whose record changes the script carries from one to the others.
mod script;

use self::script::Script;
use super::*;
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

/// DNS-019, DNS-020
#[test]
fn the_first_external_server_that_does_not_fail_answers() {
    use ExternalReply::{Addresses, NameError, ServerFailure, Silence};
    let known = Addresses(vec![Ipv4Addr::new(192, 0, 2, 1)]);
    let zero = crate::kernel::SimDuration::ZERO;
    assert_eq!(forward(&[NameError, known.clone()]), (NameError, zero));
    assert_eq!(forward(&[ServerFailure, known.clone()]), (known.clone(), zero));
    assert_eq!(forward(&[Silence, NameError]), (NameError, EXTERNAL_TIMEOUT));
    assert_eq!(forward(&[]), (ServerFailure, zero));
    let fourth = [ServerFailure, ServerFailure, ServerFailure, known];
    assert_eq!(forward(&fourth), (ServerFailure, zero), "only three are asked");
}
