//! The control API on a store, without anybody who replicates it.
mod calls;
mod script;

use self::script::Script;
use crate::text_test::check;

#[test]
fn services_are_created_updated_rolled_back_and_removed() {
    let mut script = Script::default();
    check("api/services.txt", |command| script.run(command));
}

#[test]
fn specs_that_are_not_valid_are_refused() {
    let mut script = Script::default();
    check("api/specs.txt", |command| script.run(command));
}

#[test]
fn ports_of_other_services_are_refused() {
    let mut script = Script::default();
    check("api/ports.txt", |command| script.run(command));
}

#[test]
fn nodes_are_updated_demoted_and_removed() {
    let mut script = Script::default();
    check("api/nodes.txt", |command| script.run(command));
}
