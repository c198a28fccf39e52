//! What tests of scenarios share: the files of a folder.
use std::fs;
use std::path::{Path, PathBuf};

/// The scenario files of a folder of this crate, in order of their names. There is one at least: a test of no file would
/// pass whatever happens.
pub fn scenario_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("folders can be read").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{} has no scenario", folder.display());
    files
}
