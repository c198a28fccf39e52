//! The text of a scenario file, cut into lines, and the places in it that errors point at.
use serde_saphyr::Location as Position;

use crate::error::Location;

/// Longest part of a line that an error shows.
const EXCERPT_MAX: usize = 110;
/// Characters shown before the marked part if a line is longer.
const CONTEXT: usize = 40;

/// A scenario file.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    name: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Source { name, lines: text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect() }
    }

    /// The file as a whole.
    pub(crate) fn whole(&self) -> Location {
        Location { file: self.name.to_owned(), ..Location::default() }
    }

    /// The place of something that the YAML parser saw.
    pub(crate) fn location(&self, position: Position, pointer: &str) -> Location {
        let (line, column) = (position.line() as usize, position.column() as usize);
        let width = usize::try_from(position.span().len()).unwrap_or(usize::MAX);
        self.mark(line, column, width, pointer)
    }

    /// The first occurrence of `part` inside a place, or the place itself if the part is not written there as such.
    pub(crate) fn narrowed(&self, location: &Location, part: &str) -> Location {
        let whole = || location.clone();
        let Some(line) = location.line.checked_sub(1).and_then(|index| self.lines.get(index)) else {
            return whole();
        };
        let start: usize = line.chars().take(location.column - 1).map(char::len_utf8).sum();
        let marked: usize = line[start..].chars().take(location.width).map(char::len_utf8).sum();
        match line[start..start + marked].find(part) {
            Some(offset) if !part.is_empty() => {
                let column = location.column + line[start..start + offset].chars().count();
                self.mark(location.line, column, part.chars().count(), &location.pointer)
            }
            _ => whole(),
        }
    }

    fn mark(&self, line: usize, column: usize, width: usize, pointer: &str) -> Location {
        let Some(text) = line.checked_sub(1).and_then(|index| self.lines.get(index)) else {
            return Location { pointer: pointer.to_owned(), ..self.whole() };
        };
        let characters: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before = (column.max(1) - 1).min(characters.len());
        let width = width.clamp(1, (characters.len() - before).max(1));
        let start = if characters.len() <= EXCERPT_MAX { 0 } else { before.saturating_sub(CONTEXT) };
        let end = characters.len().min(start + EXCERPT_MAX);
        let mut excerpt: String = characters[start..end].iter().collect();
        let mut mark = before - start;
        if start > 0 {
            excerpt.insert_str(0, "... ");
            mark += 4;
        }
        if end < characters.len() {
            excerpt.push_str(" ...");
        }
        Location {
            file: self.name.to_owned(),
            line,
            column: before + 1,
            pointer: pointer.to_owned(),
            excerpt,
            mark,
            width: width.min(EXCERPT_MAX.saturating_sub(before - start)).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_shows_its_line_and_a_long_line_only_around_the_mark() {
        let long = format!("{}x{}", "a".repeat(300), "b".repeat(300));
        let text = format!("one: 1\n{long}\n");
        let source = Source::new("f.yaml", &text);
        let short = source.mark(1, 6, 1, "/one");
        assert_eq!((short.excerpt.as_str(), short.mark, short.width), ("one: 1", 5, 1));
        let place = source.mark(2, 301, 1, "");
        assert_eq!(place.excerpt.chars().nth(place.mark), Some('x'));
        assert!(place.excerpt.starts_with("... a") && place.excerpt.ends_with("b ..."), "{}", place.excerpt);
    }

    #[test]
    fn a_part_is_found_inside_its_place_only() {
        let source = Source::new("f.yaml", "- { web: \"scale wéb web\" }");
        let place = source.mark(1, 10, 15, "");
        assert_eq!(source.narrowed(&place, "web").column, 21);
        assert_eq!(source.narrowed(&place, "db"), place);
    }

    #[test]
    fn places_outside_the_text_are_places_of_the_file() {
        let source = Source::new("f.yaml", "a: 1");
        assert_eq!(source.mark(9, 1, 1, "/x").line, 0);
        assert_eq!(source.mark(1, 99, 50, "").column, 5);
    }
}
