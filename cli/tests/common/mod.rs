//! Runs the program in a folder of its own.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a run of the program gave.
#[derive(Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// An empty folder below cargo's own, named after the test.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// The program with arguments, ready to run in a folder, as in a pipe.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarm-sim"));
    command.args(arguments).current_dir(folder).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// Runs the program.
pub fn run(folder: &Path, arguments: &[&str]) -> Ran {
    finish(command(folder, arguments))
}

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Ran {
    let output = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints text");
    Ran {
        code: output.status.code().expect("the program ends by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// The names of all files in a folder, in order.
pub fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("the folder can be read").file_name().to_string_lossy().into())
        .collect();
    names.sort();
    names
}

/// A small scenario, with one expectation.
#[allow(dead_code)] // Each file of tests is a program of its own, and one of them needs no scenario.
pub fn scenario(expectation: &str) -> String {
    format!(
        "name: small\nseed: 7\ncluster: {{ managers: 1, workers: 2 }}\ntimeline:\n  \
         - {{ at: 0s, id: create, docker: \"service create --name web --replicas 4 nginx\" }}\n  \
         - {{ at: 10s, fault: {{ crash: worker-1 }} }}\nuntil: 40s\nexpect:\n  - {expectation}\n"
    )
}
