//! Design rules that a compiler does not know: who may import whom, how long a file may be.
use std::collections::BTreeSet;
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
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("folders can be read").path()).collect();
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

/// All source files of the workspace. A crate has a `src`, and may have the other folders.
fn all_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for krate in CRATES.iter().map(|(name, _)| workspace().join(name)) {
        found.extend(sources(&krate.join("src")));
        let others = ["tests", "benches", "examples"].map(|folder| krate.join(folder));
        found.extend(others.iter().filter(|folder| folder.is_dir()).flat_map(|folder| sources(folder)));
    }
    found
}

/// The part of a file that is compiled into the crate when it is not tested.
fn without_tests<'a>(path: &Path, text: &'a str) -> &'a str {
    let is_test = path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    if is_test { "" } else { text.split("\n#[cfg(test)]\nmod ").next().expect("a split has a first part") }
}

/// Names from the root of the crate on.
type Names = Vec<String>;

/// The module of a file below the root of the crate: `manager/reaper.rs` is `manager::reaper`.
fn module_of(inside: &Path) -> Names {
    let names = inside.with_extension("");
    names.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
}

/// The paths that the text of a module names, with `super` resolved and the lists in braces taken apart.
fn named_paths(module: &[String], text: &str) -> Vec<Names> {
    let mut found = Vec::new();
    for (start, root) in text.match_indices("crate::") {
        expand(Names::new(), &text[start + root.len()..], &mut found);
    }
    for (start, _) in text.match_indices("super::").filter(|(start, _)| !text[..*start].ends_with("super::"))
    {
        let (mut base, mut rest) = (module.to_vec(), &text[start..]);
        while let Some(outer) = rest.strip_prefix("super::") {
            base.pop();
            rest = outer;
        }
        expand(base, rest, &mut found);
    }
    found
}

/// Adds every path that a text begins with: one, or those of a list in braces.
fn expand(mut base: Names, text: &str, found: &mut Vec<Names>) {
    if let Some(list) = text.strip_prefix('{') {
        for item in items(list) {
            expand(base.clone(), item.trim_start(), found);
        }
        return;
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        found.push(base);
        return;
    }
    base.push(name.to_owned());
    match rest.strip_prefix("::") {
        Some(inner) => expand(base, inner, found),
        None => found.push(base),
    }
}

/// The items of a list up to the brace that closes it.
fn items(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0_u32, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    items
}

/// The modules below the root that the text of a module names, each once. Types that are exported at the root lie in
/// modules that are checked by themselves.
fn used_modules(module: &[String], text: &str) -> Vec<String> {
    let mut used = Vec::new();
    for name in named_paths(module, text).into_iter().filter_map(|path| path.into_iter().next()) {
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && !used.contains(&name) {
            used.push(name);
        }
    }
    used
}

/// The control loops that the text of a module names, but for its own.
fn used_loops(module: &[String], text: &str) -> Vec<&'static str> {
    let named = named_paths(module, text);
    let is_named =
        |other: &str| named.iter().any(|path| path.len() > 1 && path[0] == "manager" && path[1] == other);
    LOOPS
        .iter()
        .copied()
        .filter(|other| module.get(1).is_none_or(|own| own != other) && is_named(other))
        .collect()
}

/// True if a manifest lists another crate of the workspace among its dependencies, in whichever way.
fn depends(manifest: &str, other: &str) -> bool {
    manifest.lines().map(str::trim).any(|line| {
        let is_key = line.strip_prefix(other).is_some_and(|rest| rest.starts_with([' ', '=', '.']));
        let is_table = line.starts_with('[') && line.ends_with(&format!("dependencies.{other}]"));
        is_key || is_table || line.contains(&format!("package = \"{other}\""))
    })
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
        for used in used_modules(&module_of(inside), without_tests(&path, &text)) {
            if used != module && layer(&used).is_none_or(|layer| layer >= own) {
                writeln!(wrong, "{} uses crate::{used}", inside.display()).expect("a text takes everything");
            }
        }
    }
    assert_eq!(wrong, "", "arrows point from lower layers to higher ones only");
}

#[test]
fn control_loops_do_not_know_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = String::new();
    let mut seen = BTreeSet::new();
    for (path, text) in sources(&root.join("manager")) {
        let inside = path.strip_prefix(&root).expect("the file lies in the folder");
        let module = module_of(inside);
        let Some(own) = LOOPS.iter().find(|own| module[1] == **own) else { continue };
        seen.insert(*own);
        for other in used_loops(&module, without_tests(&path, &text)) {
            writeln!(wrong, "{} uses {other}", inside.display()).expect("a text takes everything");
        }
    }
    assert_eq!(seen.len(), LOOPS.len(), "every control loop has a file: {seen:?}");
    assert_eq!(wrong, "", "control loops share the store and nothing else");
}

#[test]
fn crates_depend_on_those_below_them() {
    for (name, allowed) in CRATES {
        let manifest =
            fs::read_to_string(workspace().join(name).join("Cargo.toml")).expect("a crate has a manifest");
        for (other, _) in CRATES {
            assert!(!depends(&manifest, other) || allowed.contains(other), "{name} depends on {other}");
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

fn names(path: &str) -> Names {
    path.split("::").map(str::to_owned).collect()
}

#[test]
fn a_wrong_arrow_is_noticed() {
    let used = |text: &str| used_modules(&names("store::facts"), text);
    let text = "use crate::{kernel::SimTime, model::{Fact, Task}, run};\nlet x = crate::net::Link;";
    assert_eq!(used(text), ["kernel", "model", "run", "net"]);
    assert_eq!(used("use super::super::run::Simulation;\nuse super::Store;"), ["run", "store"]);
    assert_eq!(used("pub(crate) fn f() {}"), Vec::<String>::new());
    assert!(layer("run") > layer("kernel"));
    let text = "use crate::model::Fact;\n\n#[cfg(test)]\nmod tests {\n    use crate::run::Simulation;\n}\n";
    assert_eq!(used(without_tests(Path::new("store.rs"), text)), ["model"]);
}

#[test]
fn a_loop_that_knows_another_is_noticed() {
    let used = |text: &str| used_loops(&names("manager::reaper::slots"), text);
    assert_eq!(used("use crate::manager::orchestrator::slot::newest;"), ["orchestrator"]);
    assert_eq!(used("use super::super::scheduler::Scheduler;"), ["scheduler"]);
    assert_eq!(used("use super::super::{loops::Context, ca};"), ["ca"]);
    assert_eq!(used("use crate::{manager::{enforcer, loops}, model};"), ["enforcer"]);
    assert_eq!(used("use super::Reaper;\nuse super::super::loops::Context;"), [""; 0]);
}

#[test]
fn a_dependency_is_noticed_however_it_is_written() {
    for manifest in [
        "reports.workspace = true",
        "reports = { workspace = true }",
        "reports={ path = \"../reports\" }",
        "[dependencies.reports]",
        "[dev-dependencies.reports]",
        "stories = { package = \"reports\" }",
    ] {
        assert!(depends(manifest, "reports"), "{manifest}");
    }
    assert!(!depends("name = \"reports\"\nreports-more = \"1\"", "reports"));
}

#[test]
#[should_panic(expected = "no-such-folder")]
fn a_folder_that_is_not_there_is_noticed() {
    sources(Path::new("no-such-folder"));
}
