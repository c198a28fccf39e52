//! `expect`: each entry becomes a time form, a subject and its conditions.
//!
//! Names must be known to the cluster or made by the timeline. Whether something can come true is not asked here.
mod conditions;
mod subjects;
mod traffic;
mod when;
mod words;

pub(super) use words::task_name;

use serde_saphyr::Spanned;

use super::cluster::ResolvedCluster;
use super::names::PlaceNames;
use super::reader::{Pointer, Reader};
use super::timeline::ResolvedTimeline;
use crate::error::{Location, Problem};
use crate::expect::{Bounds, Expectation, Subject, When};
use crate::file::{self, ExpectationFile, Number, Text, TextOrTable};

pub(super) fn resolve(
    reader: &mut Reader<'_>,
    files: &[Spanned<ExpectationFile>],
    cluster: &ResolvedCluster,
    timeline: &ResolvedTimeline,
) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let pointer = Pointer::default().key("expect").index(index);
        let at = reader.place(file.referenced, &pointer);
        let mut entry =
            Entry { reader: &mut *reader, file: &file.value, names: &cluster.names, timeline, pointer, at };
        expectations.extend(entry.resolve());
    }
    expectations
}

/// One entry of the list, being read.
struct Entry<'a, 's> {
    reader: &'a mut Reader<'s>,
    file: &'a ExpectationFile,
    names: &'a PlaceNames,
    timeline: &'a ResolvedTimeline,
    pointer: Pointer,
    at: Location,
}

impl<'s> Entry<'_, 's> {
    fn resolve(&mut self) -> Option<Expectation> {
        let errors = self.reader.errors.len();
        let when = self.when();
        let subject = self.subject(when);
        let because =
            self.reader.given(self.file.because.as_ref(), &self.pointer.key("because"), Reader::text);
        if self.reader.errors.len() > errors {
            return None;
        }
        Some(Expectation { when: when?, subject: subject?, because, at: self.at.clone() })
    }

    fn fail<T>(&mut self, problem: Problem, help: &str) -> Option<T> {
        self.reader.fail(self.at.clone(), problem, help);
        None
    }

    fn given<T>(
        &mut self,
        key: &str,
        text: Option<&Text>,
        read: impl FnOnce(&mut Reader<'s>, &str, &Location) -> Option<T>,
    ) -> Option<T> {
        self.reader.given(text, &self.pointer.key(key), read)
    }

    fn subject(&mut self, when: Option<When>) -> Option<Subject> {
        let file = self.file;
        let subjects = [
            ("service", file.service.is_some()),
            // With a task, `node` is a condition.
            ("node", file.node.is_some() && file.task.is_none()),
            ("task", file.task.is_some()),
            ("cluster", file.cluster.is_some()),
            ("command", file.command.is_some()),
            ("traffic", file.traffic.is_some()),
        ];
        let subject = self.reader.exactly_one(&subjects, &self.at, "every expectation is about one thing")?;
        self.check_conditions(subject)?;
        match subject {
            "service" => self.service(),
            "task" => self.task(),
            "node" => self.node(),
            "cluster" => self.cluster(),
            "traffic" => self.traffic(when),
            _ => self.command(),
        }
    }

    fn bounds(&mut self, key: &str, number: Option<&Number>) -> Option<Bounds> {
        const MAX: u64 = 1_000_000_000;
        let read =
            |reader: &mut Reader<'_>, text: &str, at: &Location| reader.number(text, at, "number", MAX);
        let table = match number? {
            TextOrTable::Text(text) => return self.given(key, Some(text), read).map(Bounds::exactly),
            TextOrTable::Table(table) => table,
        };
        let file::Bounds { min, max } = &table.value;
        let min_value = self.given(key, min.as_ref(), read).unwrap_or(0);
        let max_value = self.given(key, max.as_ref(), read).unwrap_or(u64::MAX);
        let problem = match (min, max) {
            (None, None) => "these bounds bound nothing",
            _ if min_value > max_value => "`min` is larger than `max`",
            _ => return Some(Bounds { min: min_value, max: max_value }),
        };
        let at = self.reader.place(table.referenced, &self.pointer.key(key));
        self.reader.fail(at, Problem::Contradiction(problem), "give `min`, `max` or both");
        None
    }
}
