//! Files that are written: whole or not at all, and never over something that is not ours.
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Beginning of a file of metrics, by which a folder of ours is known.
const REPORT_MARK: &str = "{\n  \"schema\": \"swarm-sim/metrics/";

/// A file under way. It gets its name when it is complete; an interrupted run leaves `<name>.partial` at most.
pub(crate) struct NewFile {
    path: PathBuf,
    partial: PathBuf,
    writer: BufWriter<File>,
    /// The first write that failed. Later ones are not tried.
    error: Option<io::Error>,
}

impl NewFile {
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|error| Failure::file(&partial, "write", error))?;
        Ok(NewFile { path: path.to_owned(), partial, writer: BufWriter::new(file), error: None })
    }

    pub(crate) fn write(&mut self, text: &str) {
        if self.error.is_none() {
            self.error = self.writer.write_all(text.as_bytes()).err();
        }
    }

    /// The file is complete.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let written = self.error.take().map_or(Ok(()), Err).and_then(|()| self.writer.flush());
        let named = written.and_then(|()| fs::rename(&self.partial, &self.path));
        named.map_err(|error| {
            let _ = fs::remove_file(&self.partial);
            Failure::file(&self.path, "write", error)
        })
    }
}

/// Writes a whole file.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = NewFile::create(path)?;
    file.write(text);
    file.finish()
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(path, "remove", error)),
        _ => Ok(()),
    }
}

/// Refuses a trace file that exists, unless it shall be replaced, and a folder that does not exist.
pub(crate) fn check_trace(path: &Path, force: bool) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(Failure::refused(format!("{} is a folder", path.display()), "name a file for the trace"));
    }
    if path.exists() && !force {
        let problem = format!("{} exists already", path.display());
        return Err(Failure::refused(problem, "use --force to replace it"));
    }
    check_parent(path)
}

/// Refuses a folder with anything in it that is no report of ours, unless it shall be used nevertheless.
pub(crate) fn check_report(folder: &Path, names: &[&str], force: bool) -> Result<(), Failure> {
    if folder.exists() && !folder.is_dir() {
        let problem = format!("{} is no folder", folder.display());
        return Err(Failure::refused(problem, "name a folder for the report"));
    }
    if !folder.exists() {
        return check_parent(folder);
    }
    if force || is_report(folder, names).map_err(|error| Failure::file(folder, "read", error))? {
        return Ok(());
    }
    let problem = format!("{} holds files that are no report", folder.display());
    Err(Failure::refused(problem, "name another folder, or use --force to put the report among them"))
}

fn is_report(folder: &Path, names: &[&str]) -> io::Result<bool> {
    let mut is_empty = true;
    for entry in fs::read_dir(folder)? {
        is_empty = false;
        let name = entry?.file_name();
        if !names.iter().any(|known| name == *known) {
            return Ok(false);
        }
    }
    let metrics = fs::read_to_string(folder.join("metrics.json"));
    Ok(is_empty || metrics.is_ok_and(|text| text.starts_with(REPORT_MARK)))
}

fn check_parent(path: &Path) -> Result<(), Failure> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if parent.is_dir() {
        return Ok(());
    }
    let problem = format!("there is no folder {}", parent.display());
    Err(Failure::refused(problem, format!("create it before {} is written there", path.display())))
}
