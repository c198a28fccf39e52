//! Every hand-written conformance case is automated by a test that carries its id, or `STATUS.md` says why not.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where tests and their data are.
const TESTED: [&str; 8] = [
    "sim-core/src",
    "sim-core/tests",
    "sim-core/testdata",
    "conformance/src",
    "scenarios/library",
    "scenarios/tests",
    "scenarios/testdata",
    "cli/tests",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in a workspace").to_owned()
}

/// The text of every file below a folder.
fn texts(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("folders can be read").path();
        match path.is_dir() {
            true => found.extend(texts(&path)),
            false => found.extend(fs::read_to_string(&path)),
        }
    }
    found
}

/// The numbers of all ids of a prefix in a text; `SCH-300 to SCH-306` are seven.
fn numbers(prefix: &str, text: &str) -> BTreeSet<u32> {
    let marker = format!("{prefix}-");
    let number_at = |rest: &str| -> Option<u32> { rest.get(..3)?.parse().ok() };
    let mut found = BTreeSet::new();
    let mut pieces = text.split(&marker).skip(1).peekable();
    while let Some(piece) = pieces.next() {
        let Some(first) = number_at(piece) else { continue };
        let last = match pieces.peek().filter(|_| &piece[3..] == " to ") {
            Some(next) => number_at(next).expect("a range has two ends"),
            None => first,
        };
        found.extend(first..=last);
    }
    found
}

/// The numbers of a prefix in all tests.
fn automated(prefix: &str) -> BTreeSet<u32> {
    let texts = TESTED.iter().flat_map(|folder| texts(&workspace().join(folder)));
    texts.flat_map(|text| numbers(prefix, &text)).collect()
}

/// Every id of a list is automated or excused, and not both. Returns how many there are.
fn check(list: &str, prefixes: &[&str]) -> usize {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(manifest.join("data/case-ids").join(list)).expect("the list exists");
    let status = fs::read_to_string(manifest.join("STATUS.md")).expect("the status exists");
    let mut count = 0;
    for prefix in prefixes {
        let (cases, excused, automated) =
            (numbers(prefix, &list), numbers(prefix, &status), automated(prefix));
        let forgotten: Vec<&u32> =
            cases.difference(&automated).filter(|case| !excused.contains(case)).collect();
        assert!(forgotten.is_empty(), "{prefix}: neither automated nor in STATUS.md: {forgotten:?}");
        let unknown: Vec<&u32> = automated.difference(&cases).collect();
        assert!(unknown.is_empty(), "{prefix}: ids that no case has: {unknown:?}");
        let done: Vec<&u32> = automated.intersection(&excused).collect();
        assert!(done.is_empty(), "{prefix}: automated, yet STATUS.md excuses them: {done:?}");
        count += cases.len();
    }
    assert_eq!(count, list.lines().count(), "every line of the list has one of the prefixes");
    count
}

#[test]
fn every_case_of_the_scheduler_is_automated_or_has_a_reason_why_not() {
    assert_eq!(check("scheduler.txt", &["SCH"]), 286);
}

#[test]
fn every_case_of_the_orchestrators_is_automated_or_has_a_reason_why_not() {
    let prefixes =
        ["DTY", "REP", "RST", "DRN", "INI", "UPD", "GLB", "JOB", "RPR", "CEN", "VEN", "ORP", "SRV"];
    assert_eq!(check("orchestration.txt", &prefixes), 171);
}

#[test]
fn every_case_of_the_network_is_automated_or_has_a_reason_why_not() {
    assert_eq!(check("networking.txt", &["NET", "PORT", "DNS"]), 160);
}

#[test]
fn every_case_of_the_control_plane_is_automated_or_has_a_reason_why_not() {
    let prefixes = ["RAFT", "MGR", "STO", "ROLE", "NODE", "CA", "DSP", "AGT", "EXEC", "CLU"];
    assert_eq!(check("control-plane.txt", &prefixes), 301);
}

#[test]
fn ids_are_found_one_by_one_and_as_ranges() {
    let text = "// SCH-001, and SCH-010 to SCH-012; CST-099 and SCH-xyz are none";
    assert_eq!(numbers("SCH", text), BTreeSet::from([1, 10, 11, 12]));
}
