//! Which conditions belong to which subject.
use serde_saphyr::Location as Position;

use super::Entry;
use crate::error::Problem;
use crate::file::{ExpectationFile, Number, Text, TextOrList, TextOrTable};

/// A key, where it stands if it does, and the subjects of which it says something.
type Key = (&'static str, Option<Position>, &'static [&'static str]);

impl Entry<'_, '_> {
    /// There is a condition, and all conditions belong to the subject.
    pub(super) fn check_conditions(&mut self, subject: &str) -> Option<()> {
        let keys = keys(self.file);
        let own = keys.iter().filter(|(_, _, subjects)| subjects.contains(&subject)).map(|(key, ..)| *key);
        let help = format!("of a {subject} one can expect: {}", own.collect::<Vec<_>>().join(", "));
        let mut count = 0;
        for (key, position, subjects) in keys {
            let Some(position) = position else { continue };
            count += 1;
            if !subjects.contains(&subject) {
                let at = self.reader.place(position, &self.pointer.key(key));
                let reason = "it says nothing about this subject";
                self.reader.fail(at, Problem::KeyNotAllowed { key: key.to_owned(), reason }, help);
                return None;
            }
        }
        if count == 0 {
            return self.fail(Problem::Contradiction("nothing is expected here"), &help);
        }
        Some(())
    }
}

/// All conditions that there are.
fn keys(file: &ExpectationFile) -> [Key; 31] {
    let number = |number: &Option<Number>| {
        number.as_ref().map(|number| match number {
            TextOrTable::Text(text) => text.referenced,
            TextOrTable::Table(table) => table.referenced,
        })
    };
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.referenced);
    let state = file.cluster.as_ref().map(|cluster| &cluster.value);
    [
        ("running", number(&file.running), &["service", "node"]),
        ("replicas", text(&file.replicas), &["service"]),
        ("pending", number(&file.pending), &["service"]),
        ("tasks", number(&file.tasks), &["service", "traffic"]),
        ("update", text(&file.update), &["service"]),
        ("status", text(&file.status), &["node"]),
        ("availability", text(&file.availability), &["node"]),
        ("manager", text(&file.manager), &["node"]),
        ("state", text(&file.state), &["task"]),
        ("desired", text(&file.desired), &["task"]),
        ("node", file.node.as_ref().filter(|_| file.task.is_some()).map(TextOrList::position), &["task"]),
        ("error", text(&file.error), &["task"]),
        ("leader", state.and_then(|state| state.leader.as_ref()).map(TextOrList::position), &["cluster"]),
        ("ready", state.and_then(|state| number(&state.ready)), &["cluster"]),
        ("succeeds", text(&file.succeeds), &["command"]),
        ("fails", text(&file.fails), &["command"]),
        ("prints", file.prints.as_ref().map(TextOrList::position), &["command"]),
        ("sent", number(&file.sent), &["traffic"]),
        ("ok", number(&file.ok), &["traffic"]),
        ("failed", number(&file.failed), &["traffic"]),
        ("refused", number(&file.refused), &["traffic"]),
        ("black_hole", number(&file.black_hole), &["traffic"]),
        ("reset", number(&file.reset), &["traffic"]),
        ("timeout", number(&file.timeout), &["traffic"]),
        ("entry_down", number(&file.entry_down), &["traffic"]),
        ("unresolved", number(&file.unresolved), &["traffic"]),
        ("retried", number(&file.retried), &["traffic"]),
        ("p50", number(&file.p50), &["traffic"]),
        ("p90", number(&file.p90), &["traffic"]),
        ("p99", number(&file.p99), &["traffic"]),
        ("max", number(&file.max), &["traffic"]),
    ]
}
