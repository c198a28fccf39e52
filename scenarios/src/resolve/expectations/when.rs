//! When something is expected: one time form an entry.
use serde_saphyr::Spanned;
use sim_core::kernel::SimTime;

use super::super::reader::Reader;
use super::Entry;
use crate::error::Problem;
use crate::expect::When;
use crate::file::Text;

impl Entry<'_, '_> {
    pub(super) fn when(&mut self) -> Option<When> {
        let file = self.file;
        let points = [("at", &file.at), ("by", &file.by)];
        let spans = [
            ("between", &file.between),
            ("always", &file.always),
            ("never", &file.never),
            ("sometimes", &file.sometimes),
            ("over", &file.over),
        ];
        let is_given = points.map(|(key, time)| (key, time.is_some())).into_iter();
        let is_given: Vec<_> = is_given.chain(spans.map(|(key, span)| (key, span.is_some()))).collect();
        if file.command.is_some() && is_given.iter().all(|(_, is_given)| !is_given) {
            return Some(When::AtEnd);
        }
        self.reader.exactly_one(&is_given, &self.at, "every expectation has one time")?;
        for (key, time) in points {
            if time.is_some() {
                let time = self.given(key, time.as_ref(), Reader::time)?;
                return Some(if key == "at" { When::At(time) } else { When::By(time) });
            }
        }
        let (key, span) = spans.into_iter().find_map(|(key, span)| Some((key, span.as_ref()?)))?;
        let (first, last) = self.span(key, span)?;
        Some(match key {
            "between" => When::Between(first, last),
            "always" => When::Always(first, last),
            "never" => When::Never(first, last),
            "over" => return self.over(first, last, span),
            _ => When::Sometimes(first, last),
        })
    }

    /// Requests are counted by the second, and only they are counted over a time.
    fn over(&mut self, first: SimTime, last: SimTime, span: &Spanned<Vec<Text>>) -> Option<When> {
        let at = self.reader.place(span.referenced, &self.pointer.key("over"));
        let is_whole = |time: SimTime| time.as_nanos().is_multiple_of(1_000_000_000);
        if self.file.traffic.is_none() {
            let reason = "it belongs to `traffic`";
            self.reader.fail(at, Problem::KeyNotAllowed { key: "over".to_owned(), reason }, "");
        } else if !is_whole(first) || !is_whole(last) || first == last {
            let problem = Problem::Contradiction("requests are counted by the second");
            self.reader.fail(at, problem, "write two different whole seconds, such as `[30s, 40s]`");
        } else {
            return Some(When::Over(first, last));
        }
        None
    }

    fn span(&mut self, key: &str, span: &Spanned<Vec<Text>>) -> Option<(SimTime, SimTime)> {
        let at = self.reader.place(span.referenced, &self.pointer.key(key));
        let [first, last] = span.value.as_slice() else {
            let problem = Problem::WrongShape { expected: "a list of two times".to_owned() };
            self.reader.fail(at, problem, "write the first and the last time, such as `[39s, 47s]`");
            return None;
        };
        let first = self.given(key, Some(first), Reader::time);
        let last = self.given(key, Some(last), Reader::time);
        let (first, last) = (first?, last?);
        if first > last || (first == last && key == "between") {
            self.reader.fail(at, Problem::EmptyInterval, "write the earlier time first");
            return None;
        }
        Some((first, last))
    }
}
