//! Traffic between hosts with real meshes: each path and each cause as a text, and what holds for all of them.
mod lab;
mod properties;
mod script;

use self::script::Script;
use crate::text_test;

#[test]
fn every_path_and_every_cause() {
    for file in ["outside.txt", "kept.txt", "inside.txt", "datagrams.txt"] {
        let mut script = Script::default();
        text_test::check(&format!("traffic/{file}"), |command| script.run(command));
    }
}
