//! Text tests of the scheduler and the constraint enforcer, on a bench with nothing else.
//!
//! `new` makes an empty store; words: loops=enforcer, ties=seeded seed=3, strategy=classic-spread.
//! `do` writes its lines in one transaction and lets time run until nothing is due, or `for=` so long:
//!   `node NAME word...`, `change-node NAME word...`, `delete-node NAME`, `clear-node NAME`
//!   (deletes its tasks),
//!   `service NAME word...` (words are those of its tasks), `like NAME word...` (the same without a service
//!   object), `delete-service NAME`, `service-version NAME number`,
//!   `tasks SERVICE count word...` (named `web.1` and so on), `task NAME service=web word...`,
//!   `change-task NAME word...`, `delete-task NAME`.
//! `place` does all at once: nodes with a load, then new tasks.
//! `start` starts the loops. Both print what the loops wrote: counts by node, or tasks by name with `names`.
//! `explain service=web slot=1` asks for explanations, `explained` prints those that came since, `explain-now`
//! says where a task would go.
//! `count SERVICE` prints active tasks by node. `inspect` prints what the scheduler knows.
pub(super) mod objects;
mod script;

use self::script::Script;
use crate::text_test::check;

#[test]
fn basic_placement() {
    run("scheduler/basic.txt");
}

#[test]
fn filling_and_going_round() {
    run("scheduler/filling.txt");
}

#[test]
fn placement_preferences() {
    run("scheduler/preferences.txt");
}

#[test]
fn tasks_without_a_suitable_node() {
    run("scheduler/unplaced.txt");
}

#[test]
fn preassigned_tasks() {
    run("scheduler/preassigned.txt");
}

#[test]
fn recent_failures() {
    run("scheduler/failures.txt");
}

#[test]
fn filters() {
    run("scheduler/filters.txt");
}

#[test]
fn generic_resources_of_tasks() {
    run("scheduler/generic.txt");
}

#[test]
fn explanations() {
    run("scheduler/explain.txt");
}

#[test]
fn classic_strategies() {
    run("scheduler/classic.txt");
}

#[test]
fn one_tick_whatever_the_ties() {
    run("scheduler/vectors.txt");
}

#[test]
fn constraint_enforcer() {
    run("enforcer.txt");
}

fn run(file: &str) {
    let mut script = Script::new(&[]);
    check(file, |command| script.run(command));
}
