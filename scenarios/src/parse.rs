//! From the bytes of a file to a [`ScenarioFile`]: limits, YAML, and errors of the YAML parser in our own words.
use serde_saphyr::Error as YamlError;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use crate::error::{Problem, ScenarioError, ScenarioErrors};
use crate::file::ScenarioFile;
use crate::source::Source;
use crate::suggest;

/// Largest file.
pub const BYTES_MAX: usize = 4 << 20;
/// Values that aliases may stand for, in total.
const ALIASED_MAX: usize = 100_000;
/// What to do about a file that is no text.
const NOT_TEXT: &str = "a scenario is YAML or JSON in UTF-8";

/// The error of a file that is no UTF-8.
pub(crate) fn not_text(file_name: &str) -> ScenarioErrors {
    let at = Source::new(file_name, "").whole();
    ScenarioError { at, problem: Problem::NotText, help: NOT_TEXT.to_owned() }.into()
}

pub(crate) fn parse(text: &str, source: &Source<'_>) -> Result<ScenarioFile, ScenarioErrors> {
    let whole = |problem, help: &str| {
        let at = source.whole();
        Err(ScenarioErrors::from(ScenarioError { at, problem, help: help.to_owned() }))
    };
    if text.len() > BYTES_MAX {
        return whole(Problem::TooLarge { bytes: text.len() }, "a scenario file has at most 4 MiB");
    }
    if text.contains('\0') {
        return whole(Problem::NotText, NOT_TEXT);
    }
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if text.lines().all(is_blank) {
        return whole(Problem::Empty, "a scenario needs at least a name and a cluster");
    }
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: ALIASED_MAX },
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| translated(&error, source).into())
}

fn translated(error: &YamlError, source: &Source<'_>) -> ScenarioError {
    let at = error.location().map_or_else(|| source.whole(), |position| source.location(position, ""));
    let (problem, help) = described(error.without_snippet());
    ScenarioError { at, problem, help }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most kinds need no other words than the parser's")]
fn described(error: &YamlError) -> (Problem, String) {
    match error {
        YamlError::AliasError { error, .. } => described(error),
        YamlError::SerdeUnknownField { field, expected, .. } => {
            let help = suggest::help(field, expected.iter().copied(), "keys here");
            (Problem::UnknownKey(field.clone()), help)
        }
        YamlError::SerdeMissingField { field, .. } => (Problem::MissingKey(field), example(field).to_owned()),
        YamlError::DuplicateMappingKey { key, .. } => {
            (Problem::DuplicateKey(key.clone().unwrap_or_default()), "keep one of them".to_owned())
        }
        YamlError::SerdeInvalidType { expected, .. }
        | YamlError::SerdeInvalidValue { expected, .. }
        | YamlError::SerdeInvalidLength { expected, .. } => shape(expected),
        YamlError::Message { msg, .. } => shape(msg),
        YamlError::Unexpected { expected, .. } => shape(shape_name(expected)),
        YamlError::NullIntoString { .. } => shape("a text"),
        YamlError::Budget { .. }
        | YamlError::AliasReplayCounterOverflow { .. }
        | YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. } => {
            let help = "write the parts out instead of aliasing them, or nest less";
            (Problem::TooComplex(first_line(error)), help.to_owned())
        }
        YamlError::MultipleDocuments { .. } => {
            let problem = Problem::Syntax("a second document begins here".to_owned());
            (problem, "a file holds one scenario".to_owned())
        }
        // What remains is said by the parser itself: there is no YAML here, or it is used in a way of its own.
        other => (Problem::Syntax(first_line(other)), String::new()),
    }
}

/// What a missing key could look like.
fn example(key: &str) -> &'static str {
    match key {
        "name" => "everything that is listed has a name, such as `name: worker-failure` for a scenario",
        "cluster" => "a scenario has hosts, such as `cluster: { managers: 3, workers: 3 }`",
        "at" => "every entry says when it happens, such as `at: 30s`",
        "between" => "a link names two zones, such as `between: [az1, az2]`",
        _ => "",
    }
}

fn shape(expected: &str) -> (Problem, String) {
    (Problem::WrongShape { expected: expected.to_owned() }, String::new())
}

/// The parser's words for what it wanted, in those of the file format.
fn shape_name(expected: &'static str) -> &'static str {
    if expected.contains("sequence") {
        "a list"
    } else if expected.contains("mapping") {
        "a table"
    } else if expected.contains("scalar") || expected.contains("string") {
        "a text"
    } else {
        expected
    }
}

/// The parser's message without the place, which is printed anyway.
fn first_line(error: &YamlError) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or(line);
    line.strip_prefix("error: ").unwrap_or(line).trim().to_owned()
}
