//! The text of a scenario file, and the places in it that errors point at.
//!
//! Every value of a file gets a place while it is read, so making one costs no more than the part of a line that is
//! shown: a file of one long line is read as fast as any other.
use serde_saphyr::Location as Position;

use crate::error::Location;

/// Longest part of a line that an error shows.
const EXCERPT_MAX: usize = 110;
/// Characters shown before the marked part if a line is longer.
const CONTEXT: usize = 40;

/// A scenario file, without a byte order mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

impl<'a> Source<'a> {
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        Source { name, text }
    }

    /// The file as a whole.
    pub(crate) fn whole(&self) -> Location {
        Location { file: self.name.to_owned(), ..Location::default() }
    }

    /// The place of something that the YAML parser saw.
    pub(crate) fn location(&self, position: Position, pointer: &str) -> Location {
        let (line, column) = (position.line() as usize, position.column() as usize);
        let span = position.span();
        let bytes = span.byte_offset().zip(span.byte_len()).and_then(|(offset, length)| {
            let (start, end) = (usize::try_from(offset).ok()?, usize::try_from(offset + length).ok()?);
            self.text.get(start..end).map(|_| (start, end))
        });
        match bytes {
            Some((start, end)) if start < end => self.mark(line, column, start, end, pointer),
            _ => self.line_and_column(line, column, pointer),
        }
    }

    /// The place of which the YAML parser knows line and column only, as it does where it gives up.
    fn line_and_column(&self, line: usize, column: usize, pointer: &str) -> Location {
        let mut lines = self.text.split_inclusive('\n');
        let begun: usize = lines.by_ref().take(line.saturating_sub(1)).map(str::len).sum();
        let Some(text) = lines.next().filter(|_| line > 0) else {
            return Location { line, column, pointer: pointer.to_owned(), ..self.whole() };
        };
        let before: usize = text.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
        self.mark(line, column, begun + before, begun + before, pointer)
    }

    /// The first occurrence of `part` inside a place, or the place itself if the part is not written there as such.
    pub(crate) fn narrowed(&self, location: &Location, part: &str) -> Location {
        let (start, end) = location.bytes;
        let inside = &self.text[start..end];
        let Some(offset) = inside.find(part).filter(|_| !part.is_empty()) else { return location.clone() };
        let before = &inside[..offset];
        let line = location.line + before.matches('\n').count();
        let column = match before.rsplit_once('\n') {
            Some((_, begun)) => begun.chars().count() + 1,
            None => location.column + before.chars().count(),
        };
        self.mark(line, column, start + offset, start + offset + part.len(), &location.pointer)
    }

    /// The place of some bytes, of which line and column are known.
    fn mark(&self, line: usize, column: usize, start: usize, end: usize, pointer: &str) -> Location {
        let until_break = |c: &char| !matches!(c, '\n' | '\r');
        let before = self.text[..start].chars().rev().take_while(until_break).take(EXCERPT_MAX + 1);
        let mut before: Vec<char> = before.collect();
        before.reverse();
        let mut behind: Vec<char> =
            self.text[start..].chars().take_while(until_break).take(EXCERPT_MAX + 1).collect();
        let (mut left, mut right) = ("", "");
        if before.len() + behind.len() > EXCERPT_MAX {
            if before.len() > CONTEXT {
                before.drain(..before.len() - CONTEXT);
                left = "... ";
            }
            if behind.len() > EXCERPT_MAX - before.len() {
                behind.truncate(EXCERPT_MAX - before.len());
                right = " ...";
            }
        }
        let width = self.text[start..end].chars().take_while(until_break).take(behind.len()).count();
        let shown = before.iter().chain(&behind).map(|c| if c.is_control() { ' ' } else { *c });
        Location {
            file: self.name.to_owned(),
            line,
            column,
            pointer: pointer.to_owned(),
            excerpt: format!("{left}{}{right}", shown.collect::<String>()),
            mark: left.len() + before.len(),
            width: width.max(1),
            bytes: (start, end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_shows_its_line_and_a_long_line_only_around_the_mark() {
        let long = format!("{}x{}", "a".repeat(300), "b".repeat(300));
        let text = format!("one: 1\r\n{long}\n");
        let source = Source::new("f.yaml", &text);
        let short = source.mark(1, 6, 5, 6, "/one");
        assert_eq!((short.excerpt.as_str(), short.mark, short.width), ("one: 1", 5, 1));
        let place = source.mark(2, 301, 308, 309, "");
        assert_eq!(place.excerpt.chars().nth(place.mark), Some('x'));
        assert!(place.excerpt.starts_with("... a") && place.excerpt.ends_with("b ..."), "{}", place.excerpt);
    }

    #[test]
    fn a_part_is_found_inside_its_place_only() {
        let text = "- { web: \"scale wéb\n   web\" }";
        let source = Source::new("f.yaml", text);
        let place = source.mark(1, 10, 9, text.len() - 2, "");
        let found = source.narrowed(&place, "web");
        assert_eq!((found.line, found.column, found.excerpt.as_str()), (2, 4, "   web\" }"));
        let found = source.narrowed(&place, "wéb");
        assert_eq!((found.line, found.column, found.mark, found.width), (1, 17, 16, 3));
        assert_eq!(source.narrowed(&place, "db"), place);
        assert_eq!(source.narrowed(&source.whole(), "web"), source.whole());
    }
}
