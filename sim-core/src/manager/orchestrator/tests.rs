//! Text tests of the orchestrators, their supervisors and the task reaper.
//!
//! A command is a list of lines, done one after the other at one instant unless one of them lets time pass. What
//! it prints is what the loops committed meanwhile: a line per transaction, with the time since the start.
mod agents;
mod objects;
mod script;

use self::script::Script;
use crate::text_test::{check, split_words};

fn check_script(file: &str) {
    let mut script = Script::default();
    check(&format!("orchestration/{file}.txt"), |command| {
        let first = std::iter::once(command.name.to_owned()).chain(command.words.iter().cloned()).collect();
        let lines = std::iter::once(first).chain(command.body.iter().map(|line| split_words(line)));
        script.run(lines.collect())
    });
}

macro_rules! text_tests {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            check_script(stringify!($name));
        }
    )*};
}

text_tests![
    replicated,
    restart,
    drain,
    start_of_leadership,
    update,
    update_failures,
    update_interrupted,
    rollback,
    global,
    replicated_jobs,
    global_jobs,
    reaper,
    removal,
];
