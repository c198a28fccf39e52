//! JSON as `docker inspect` prints it: indented by four spaces, what is empty mostly left out.
use std::fmt;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    Text(String),
    /// A number, as it is written.
    Number(String),
    Bool(bool),
    List(Vec<Json>),
    Object(Object),
}

/// A JSON object, in the order in which its fields were set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object(Vec<(String, Json)>);

impl Object {
    pub(super) fn new() -> Self {
        Object::default()
    }

    /// Sets a field, even to something empty.
    pub(super) fn set(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// Sets a field unless the value is an empty text or list, zero, false or nothing.
    pub(super) fn set_unless_empty(self, name: &str, value: impl Into<Json>) -> Self {
        let value = value.into();
        let empty = match &value {
            Json::Text(text) => text.is_empty(),
            Json::Number(number) => number == "0",
            Json::Bool(value) => !value,
            Json::List(items) => items.is_empty(),
            Json::Object(object) => object.0.is_empty(),
        };
        if empty { self } else { self.set(name, value) }
    }

    /// Sets a field if there is a value, even an empty one.
    pub(super) fn set_some(self, name: &str, value: Option<impl Into<Json>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }
}

impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Json::Object(object)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.to_owned())
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Json::Text(text.clone())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::Text(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Json::Bool(value)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Json::Number(number.to_string())
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Json::Number(number.to_string())
    }
}

impl<T: Into<Json>> FromIterator<T> for Json {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Json::List(items.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self, 0, f)
    }
}

fn print(value: &Json, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Json::Text(text) => print_text(text, f),
        Json::Number(number) => f.write_str(number),
        Json::Bool(value) => write!(f, "{value}"),
        Json::List(items) => print_block(('[', ']'), items, depth, f, |item, f| print(item, depth + 1, f)),
        Json::Object(Object(fields)) => print_block(('{', '}'), fields, depth, f, |(name, value), f| {
            print_text(name, f)?;
            f.write_str(": ")?;
            print(value, depth + 1, f)
        }),
    }
}

fn print_block<T>(
    (open, close): (char, char),
    items: &[T],
    depth: usize,
    f: &mut fmt::Formatter<'_>,
    print_item: impl Fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return write!(f, "{open}{close}");
    }
    let indent = "    ".repeat(depth);
    write!(f, "{open}")?;
    for (position, item) in items.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        write!(f, "{comma}\n{indent}    ")?;
        print_item(item, f)?;
    }
    write!(f, "\n{indent}{close}")
}

fn print_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            control if control < ' ' => write!(f, "\\u{:04x}", control as u32)?,
            other => write!(f, "{other}")?,
        }
    }
    f.write_str("\"")
}
