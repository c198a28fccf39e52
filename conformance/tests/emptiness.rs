//! What has no recording is refused: a comparison of nothing would agree with everything.
use std::fs;
use std::path::{Path, PathBuf};

use conformance::{RecordingError, gossip, orchestration, scheduler, timelines};

/// A folder of this test alone, empty at first.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
    folder
}

/// What each set says about a path, without the path.
fn refusals(path: &Path) -> Vec<String> {
    let paths = [path.to_owned()];
    let reports: [Result<bool, RecordingError>; 4] = [
        scheduler::run(&paths, &scheduler::Options::default()).map(|report| report.passed()),
        orchestration::run(&paths, &orchestration::Options::default()).map(|report| report.passed()),
        timelines::run(&paths, &timelines::Options::default()).map(|report| report.passed()),
        gossip::run(&paths, &gossip::Options::all()).map(|report| report.passed()),
    ];
    reports.into_iter().map(|report| report.expect_err("there is nothing to compare").problem).collect()
}

#[test]
fn a_folder_without_recordings_is_refused_by_every_set() {
    let folder = folder("empty");
    fs::write(folder.join("notes.txt"), "no recording\n").expect("the folder can be written");
    assert_eq!(refusals(&folder), ["the folder has no .jsonl file"; 4]);
}

#[test]
fn a_file_without_lines_is_refused_by_every_set() {
    let file = folder("blank").join("blank.jsonl");
    fs::write(&file, "\n \n").expect("the folder can be written");
    assert_eq!(refusals(&file), ["the file has no recording"; 4]);
}

#[test]
fn gossip_of_which_nothing_is_left_does_not_pass() {
    let options = gossip::Options { nodes_max: 0, ..gossip::Options::all() };
    let report = gossip::run(&[gossip::data()], &options).expect("the recordings are readable");
    assert!(!report.passed(), "{}", report.text());
}
