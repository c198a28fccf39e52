//! Design rules that a compiler does not know: who may import whom, how long a file may be.
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of this crate from the bottom up. A module uses those of lower layers and itself, nothing else.
const LAYERS: &[&[&str]] = &[
    &["kernel"],
    &["model"],
    &["store", "raft", "gossip"],
    &["protocol"],
    &["net"],
    &["manager", "worker", "mesh", "client"],
    &["traffic"],
    &["bench", "cluster"],
    &["inject", "invariants", "metrics", "progress"],
    &["run"],
    &["record"],
];

/// The control loops of a leading manager. They share the store, and know nothing of each other.
const LOOPS: &[&str] =
    &["allocator", "scheduler", "orchestrator", "reaper", "enforcer", "dispatcher", "ca", "role_manager"];

/// The crates of the workspace, each with those that it may use.
const CRATES: &[(&str, &[&str])] = &[
    ("sim-core", &[]),
    ("scenarios", &["sim-core"]),
    ("reports", &["sim-core"]),
    ("conformance", &["sim-core", "scenarios"]),
    ("benches", &["sim-core", "scenarios", "reports"]),
    ("cli", &["sim-core", "scenarios", "reports", "conformance"]),
];

/// Lines that a source file may have.
const LINES_MAX: usize = 530;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in a workspace").to_owned()
}

/// All source files below a folder, in order, each with its text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut entries: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.expect("folders can be read").path()).collect(),
        Err(_) => return Vec::new(),
    };
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("source files are text");
            found.push((path, text));
        }
    }
    found
}

/// All source files of the workspace.
fn all_sources() -> Vec<(PathBuf, String)> {
    let folders = ["src", "tests", "benches", "examples"];
    CRATES
        .iter()
        .flat_map(|(name, _)| folders.map(|folder| workspace().join(name).join(folder)))
        .flat_map(|folder| sources(&folder))
        .collect()
}

/// The part of a file that is compiled into the crate when it is not tested.
fn without_tests<'a>(path: &Path, text: &'a str) -> &'a str {
    let is_test = path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    if is_test { "" } else { text.split("\n#[cfg(test)]\nmod ").next().expect("a split has a first part") }
}

/// The modules that a text refers to as `crate::module`, each once, also those in braces.
fn used_modules(text: &str) -> Vec<String> {
    let mut used = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect::<Vec<_>>(),
            None => vec![rest],
        };
        for name in names {
            let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
            let name: String = name.trim_start().chars().take_while(|c| is_part(*c)).collect();
            if !name.is_empty() && !used.contains(&name) {
                used.push(name);
            }
        }
    }
    used
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn modules_use_lower_layers_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = String::new();
    for (path, text) in sources(&root) {
        let inside = path.strip_prefix(&root).expect("the file lies in the folder");
        let module = inside.components().next().expect("a file has a name").as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs").to_owned();
        if ["lib", "text_test"].contains(&module.as_str()) {
            continue;
        }
        let Some(own) = layer(&module) else {
            writeln!(wrong, "{module} has no place in LAYERS").expect("a text takes everything");
            continue;
        };
        for used in used_modules(without_tests(&path, &text)) {
            if used != module && layer(&used).is_none_or(|layer| layer >= own) {
                writeln!(wrong, "{} uses crate::{used}", inside.display()).expect("a text takes everything");
            }
        }
    }
    assert_eq!(wrong, "", "arrows point from lower layers to higher ones only");
}

#[test]
fn control_loops_do_not_know_each_other() {
    let manager = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manager");
    let mut wrong = String::new();
    for (path, text) in sources(&manager) {
        let inside = path.strip_prefix(&manager).expect("the file lies in the folder");
        let own = inside.components().next().expect("a file has a name").as_os_str().to_string_lossy();
        let own = own.trim_end_matches(".rs").to_owned();
        if !LOOPS.contains(&own.as_str()) {
            continue;
        }
        for other in LOOPS.iter().filter(|other| **other != own) {
            if without_tests(&path, &text).contains(&format!("manager::{other}")) {
                writeln!(wrong, "{} uses {other}", inside.display()).expect("a text takes everything");
            }
        }
    }
    assert_eq!(wrong, "", "control loops share the store and nothing else");
}

#[test]
fn crates_depend_on_those_below_them() {
    for (name, allowed) in CRATES {
        let manifest =
            fs::read_to_string(workspace().join(name).join("Cargo.toml")).expect("a crate has a manifest");
        for (other, _) in CRATES {
            let depends = manifest.lines().any(|line| line.starts_with(&format!("{other}.workspace")));
            assert!(!depends || allowed.contains(other), "{name} depends on {other}");
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for (path, text) in all_sources() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines: split it by role", path.display());
        let says = text.starts_with("//!") || without_tests(&path, &text).is_empty();
        assert!(says, "{} does not say what it is for", path.display());
    }
}

#[test]
fn a_wrong_arrow_is_noticed() {
    assert_eq!(
        used_modules("use crate::{kernel::SimTime, run};\nlet x = crate::net::Link;"),
        ["kernel", "run", "net"]
    );
    assert_eq!(used_modules("pub(crate) fn f() {}"), Vec::<String>::new());
    assert!(layer("run") > layer("kernel"));
    let text = "use crate::model::Fact;\n\n#[cfg(test)]\nmod tests {\n    use crate::run::Simulation;\n}\n";
    assert_eq!(used_modules(without_tests(Path::new("store.rs"), text)), ["model"]);
}
