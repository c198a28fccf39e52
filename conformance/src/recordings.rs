//! Reads the files of a set of recordings: one run or case a line.
//!
//! Nothing is passed over. A folder without recordings and a file without lines are refused, since a comparison of
//! nothing would agree with everything.
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// As many tasks as a service may have at most (decisions: commands).
const TASKS_MAX: f64 = 1_000_000.0;
/// A year.
const MS_MAX: f64 = 31_536_000_000.0;

/// Why a recording cannot be replayed.
#[derive(Debug)]
pub struct RecordingError {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1, if one is to blame.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub problem: String,
}

/// Where a recorded run or case stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    path: PathBuf,
    line: usize,
}

impl Place {
    /// An error that this line is to blame for.
    pub(crate) fn problem(&self, text: &dyn fmt::Display) -> RecordingError {
        problem(&self.path, Some(self.line), text)
    }
}

/// One recorded run or case, as text.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) place: Place,
    text: String,
}

impl Line {
    /// What is written in the line.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, RecordingError> {
        let value: Value = serde_json::from_str(&self.text).map_err(|error| self.place.problem(&error))?;
        check_numbers(&value["given"]).map_err(|error| self.place.problem(&error))?;
        serde_json::from_str(&self.text).map_err(|error| self.place.problem(&error))
    }
}

/// Refuses times and numbers of tasks that can only be mistakes, and that no run would ever get through.
fn check_numbers(given: &Value) -> Result<(), String> {
    match given {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let bound = match name.as_str() {
                "count" | "replicas" | "max_concurrent" | "total_completions" => TASKS_MAX,
                name if name.ends_with("_ms") => MS_MAX,
                _ => f64::INFINITY,
            };
            match value.as_f64().filter(|value| value.abs() > bound) {
                Some(_) => Err(format!("{name}: {value} is more than can be replayed")),
                None => check_numbers(value),
            }
        }),
        Value::Array(items) => items.iter().try_for_each(check_numbers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// The lines of these files, and of the `.jsonl` files of these folders.
pub(crate) fn lines(paths: &[PathBuf]) -> Result<Vec<Line>, RecordingError> {
    let mut lines = Vec::new();
    for path in files(paths)? {
        let text = std::fs::read_to_string(&path).map_err(|error| problem(&path, None, &error))?;
        let before = lines.len();
        let written = text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty());
        lines.extend(written.map(|(number, text)| {
            let place = Place { path: path.clone(), line: number + 1 };
            Line { place, text: text.to_owned() }
        }));
        if lines.len() == before {
            return Err(problem(&path, None, &"the file has no recording"));
        }
    }
    Ok(lines)
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, RecordingError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries = entries.map_err(|error| problem(path, None, &error))?;
        let is_recording = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jsonl");
        let mut recordings: Vec<PathBuf> =
            entries.into_iter().map(|entry| entry.path()).filter(is_recording).collect();
        if recordings.is_empty() {
            return Err(problem(path, None, &"the folder has no .jsonl file"));
        }
        recordings.sort();
        files.append(&mut recordings);
    }
    Ok(files)
}

fn problem(path: &Path, line: Option<usize>, problem: &dyn fmt::Display) -> RecordingError {
    RecordingError { path: path.to_owned(), line, problem: problem.to_string() }
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecordingError { path, line, problem } = self;
        match line {
            Some(line) => write!(f, "{}:{line}: {problem}", path.display()),
            None => write!(f, "{}: {problem}", path.display()),
        }
    }
}

impl std::error::Error for RecordingError {}

/// Refuses what is named twice.
pub(crate) fn distinct<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("{what} {name} is there twice"));
        }
    }
    Ok(())
}
