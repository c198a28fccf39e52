//! Docker's flags for updates, rollbacks, restarts and modes in whole clusters, and what docker prints meanwhile.
mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use expect_test::expect_file;
use scenarios::runner::{NoSpectator, Outcome, RunOptions, Verdict, run};
use scenarios::{Scenario, ScenarioOptions};
use sim_core::model::Fact;
use sim_core::record::Keep;

use self::common::scenario_files;

const FOLDER: &str = "testdata/updates";

fn played(file: &Path, seed: Option<u64>) -> Outcome {
    let text = fs::read_to_string(file).expect("scenarios are text");
    let options = ScenarioOptions { seed, ..ScenarioOptions::default() };
    let name = file.display().to_string();
    let scenario = Scenario::parse(&text, &name, &options).unwrap_or_else(|errors| panic!("{errors}"));
    run(&scenario, RunOptions { keep: Keep::Facts, check: true, ..RunOptions::default() }, &mut NoSpectator)
}

#[test]
fn docker_flags_of_updates_do_what_they_do_in_docker() {
    let files = scenario_files(FOLDER);
    assert_eq!(files.len(), 5);
    for file in files {
        for seed in 0..3 {
            let outcome = played(&file, Some(seed));
            let failed = outcome.judgements.iter().filter(|one| one.verdict != Verdict::Passed);
            let failed: Vec<String> =
                failed.map(|one| format!("{}: {}: {}", one.at.line, one.expected, one.seen)).collect();
            assert!(failed.is_empty(), "{} with seed {seed}:\n{}", file.display(), failed.join("\n"));
            assert_eq!(outcome.simulation.violations(), []);
        }
    }
}

#[test]
fn docker_prints_how_far_an_update_is() {
    let outcome = played(&Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join("tables.yaml"), None);
    let (mut text, mut lines) = (String::new(), Vec::new());
    for record in &outcome.recording.facts {
        if let Fact::Command { line, .. } = &record.fact {
            lines.push(line.clone());
        }
        if let Fact::Answer { command, stdout, .. } = &record.fact
            && let line = &lines[command.0 as usize]
            && !line.contains("--detach")
        {
            // Columns are padded with blanks, which nobody sees at the end of a line.
            let printed: Vec<&str> = stdout.lines().map(str::trim_end).collect();
            writeln!(text, "{} $ docker {line}\n{}", record.time, printed.join("\n"))
                .expect("a text takes everything");
        }
    }
    expect_file!["../testdata/updates/tables.txt"].assert_eq(&text);
}
