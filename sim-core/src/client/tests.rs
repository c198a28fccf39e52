//! Docker commands from the client to the leader's store and back, as text: what is typed and what is printed.
//!
//! The tests play network and Raft. What agents and orchestrators would do to tasks is written by the script.
mod typed;
mod world;

use self::world::World;
use crate::text_test::check;

fn run(file: &str) {
    let mut world = World::new();
    check(&format!("client/{file}"), |command| world.run(command));
}

#[test]
fn services_are_listed_as_docker_lists_them() {
    run("service_ls.txt");
}

#[test]
fn tasks_are_listed_with_their_history() {
    run("service_ps.txt");
}

#[test]
fn services_are_changed_and_say_so() {
    run("service_changes.txt");
}

#[test]
fn services_are_described() {
    run("service_inspect.txt");
}

#[test]
fn nodes_are_listed_changed_and_described() {
    run("node.txt");
}

#[test]
fn networks_are_made_listed_and_removed_unless_they_are_needed() {
    run("network.txt");
}

#[test]
fn the_swarm_has_settings_and_tokens() {
    run("swarm.txt");
}
