//! Reads single values: fills in parameters, checks words and units, and notes what is wrong.
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_saphyr::Location as Position;
use sim_core::kernel::{SimDuration, SimTime};

use super::parameters;
use crate::error::{Location, Problem, ScenarioError};
use crate::file::Text;
use crate::source::Source;
use crate::suggest;
use crate::units::{self, UnitError, UnitFault};

/// Way to a place in the file: `/timeline/3/docker`.
#[derive(Clone, Debug, Default)]
pub(super) struct Pointer(String);

impl Pointer {
    pub(super) fn key(&self, key: &str) -> Pointer {
        Pointer(format!("{}/{key}", self.0))
    }

    pub(super) fn index(&self, index: usize) -> Pointer {
        let mut path = self.0.clone();
        write!(path, "/{index}").expect("a text takes everything");
        Pointer(path)
    }
}

/// Reads values and collects errors.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    source: &'a Source<'a>,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) errors: Vec<ScenarioError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source<'a>) -> Self {
        Reader { source, parameters: BTreeMap::new(), errors: Vec::new() }
    }

    /// Notes an error.
    pub(super) fn fail(&mut self, at: Location, problem: Problem, help: impl Into<String>) {
        self.errors.push(ScenarioError { at, problem, help: help.into() });
    }

    /// A place in the file.
    pub(super) fn place(&self, position: Position, pointer: &Pointer) -> Location {
        self.source.location(position, &pointer.0)
    }

    /// A place in the file, or the part of it where these words stand.
    pub(super) fn narrowed(&self, place: &Location, part: &str) -> Location {
        self.source.narrowed(place, part)
    }

    /// Reads a value that may be absent: nothing if it is, or if it is wrong.
    pub(super) fn given<T>(
        &mut self,
        text: Option<&Text>,
        pointer: &Pointer,
        read: impl FnOnce(&mut Self, &str, &Location) -> Option<T>,
    ) -> Option<T> {
        let text = text?;
        let at = self.place(text.referenced, pointer);
        let value = self.filled(&text.value, &at)?;
        read(self, &value, &at)
    }

    /// The text with the values of its parameters.
    pub(super) fn filled(&mut self, text: &str, at: &Location) -> Option<String> {
        match parameters::fill(text, &self.parameters) {
            Ok(text) => Some(text),
            Err(error) => {
                let at = self.narrowed(at, &error.part);
                self.fail(at, error.problem, error.help);
                None
            }
        }
    }

    /// Any text.
    pub(super) fn text(&mut self, text: &str, _at: &Location) -> Option<String> {
        Some(text.to_owned())
    }

    /// A name without blanks and special characters.
    pub(super) fn plain_name(&mut self, text: &str, at: &Location) -> Option<String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !text.is_empty() && text.len() <= 63 && text.chars().all(is_plain) {
            return Some(text.to_owned());
        }
        let problem = Problem::Invalid { what: "name", text: text.to_owned() };
        self.fail(at.clone(), problem, "a name has up to 63 letters, digits and the signs - _ .");
        None
    }

    /// A quantity with its unit.
    pub(super) fn unit<T>(
        &mut self,
        text: &str,
        at: &Location,
        read: impl FnOnce(&str) -> Result<T, UnitError>,
    ) -> Option<T> {
        match read(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let help = error.quantity.example();
                self.fail(at.clone(), Problem::Unit(error), help);
                None
            }
        }
    }

    pub(super) fn duration(&mut self, text: &str, at: &Location) -> Option<SimDuration> {
        self.unit(text, at, units::duration)
    }

    /// A duration that is longer than nothing.
    pub(super) fn positive_duration(&mut self, text: &str, at: &Location) -> Option<SimDuration> {
        let zero = |span: SimDuration| {
            let quantity = units::Quantity::Duration;
            if span.is_zero() { Err(UnitError { quantity, fault: UnitFault::Zero }) } else { Ok(span) }
        };
        self.unit(text, at, |text| units::duration(text).and_then(zero))
    }

    /// A time since the start.
    pub(super) fn time(&mut self, text: &str, at: &Location) -> Option<SimTime> {
        Some(SimTime::ZERO + self.duration(text, at)?)
    }

    /// A whole number from zero to `max`; `what` says what it is.
    pub(super) fn number(&mut self, text: &str, at: &Location, what: &'static str, max: u64) -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            let problem = Problem::Invalid { what: "whole number", text: text.to_owned() };
            self.fail(at.clone(), problem, format!("write a number from 0 to {max}, without a unit"));
            return None;
        }
        let number = text.parse().ok().filter(|number| *number <= max);
        if number.is_none() {
            let problem = Problem::OutOfRange { what, text: text.to_owned(), max };
            self.fail(at.clone(), problem, "");
        }
        number
    }

    /// The one of several keys that is given; it is an error if none is, or more than one.
    pub(super) fn exactly_one(
        &mut self,
        keys: &[(&'static str, bool)],
        at: &Location,
        help: &str,
    ) -> Option<&'static str> {
        let given = keys.iter().filter(|(_, is_given)| *is_given).map(|(key, _)| *key);
        let given: Vec<&'static str> = given.collect();
        if let [key] = given[..] {
            return Some(key);
        }
        let quoted = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>();
        let all: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
        let (last, others) = all.split_last().expect("there is a choice");
        let of = format!("{} and `{last}`", quoted(others).join(", "));
        self.fail(at.clone(), Problem::NotExactlyOne { of: of.into(), found: quoted(&given) }, help);
        None
    }

    pub(super) fn boolean(&mut self, text: &str, at: &Location) -> Option<bool> {
        self.word(text, at, "truth value", &[("true", true), ("false", false)])
    }

    /// One of some words, in any case; blanks, hyphens and underscores are the same in it.
    pub(super) fn word<T: Copy>(
        &mut self,
        text: &str,
        at: &Location,
        what: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let plain = |text: &str| text.to_lowercase().replace([' ', '-'], "_");
        let found = words.iter().find(|(word, _)| plain(word) == plain(text));
        if found.is_none() {
            let problem = Problem::Invalid { what, text: text.to_owned() };
            let help = suggest::help(text, words.iter().map(|(word, _)| *word), "possible are");
            self.fail(at.clone(), problem, help);
        }
        found.map(|(_, meaning)| *meaning)
    }
}
