//! Text in which every part has a meaning, so that whoever prints it on a terminal may add colour.
use std::fmt;

/// What a part of a text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// The title of a section.
    Heading,
    /// Less important than the rest, such as a time.
    Faint,
    /// A docker command.
    Command,
    /// A fault of the scenario.
    Fault,
    /// All is well.
    Good,
    /// Something is wrong.
    Bad,
}

/// A text with a tone for each part. Without colours it prints as plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    spans: Vec<(Tone, String)>,
}

impl Text {
    /// An empty text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part.
    pub fn push(&mut self, tone: Tone, text: impl fmt::Display) {
        self.spans.push((tone, text.to_string()));
    }

    /// Adds a plain part.
    pub fn plain(&mut self, text: impl fmt::Display) {
        self.push(Tone::Plain, text);
    }

    /// Ends the line.
    pub fn end_line(&mut self) {
        self.plain('\n');
    }

    /// An empty line, then a title on a line of its own.
    pub fn section(&mut self, title: &str) {
        self.end_line();
        self.push(Tone::Heading, title);
        self.end_line();
    }

    /// Adds all parts of another text.
    pub fn append(&mut self, other: Text) {
        self.spans.extend(other.spans);
    }

    /// All parts in order.
    pub fn spans(&self) -> impl Iterator<Item = (Tone, &str)> {
        self.spans.iter().map(|(tone, text)| (*tone, text.as_str()))
    }

    /// True if nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spans.iter().try_for_each(|(_, text)| f.write_str(text))
    }
}
