//! Runs text tests: files of commands with the output that each shall give.
//!
//! ```text
//! # A comment.
//! command word key=value key="two words"
//! lines of the command's body
//! ----
//! its output, up to the next empty line
//! ```
//!
//! `UPDATE_EXPECT=1 cargo test` rewrites the outputs.
pub(crate) mod objects;

use expect_test::expect_file;

/// One command of a text test.
pub(crate) struct Command<'a> {
    /// First word of the first line.
    pub(crate) name: &'a str,
    /// The other words of the first line, without quotes.
    pub(crate) words: Vec<String>,
    /// The lines between the first one and `----`.
    pub(crate) body: Vec<&'a str>,
}

impl Command<'_> {
    /// The value of the first word `key=value`.
    pub(crate) fn get<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        values(&self.words, key).next()
    }
}

/// The values of all words `key=value`, in order.
pub(crate) fn values<'a>(words: &'a [String], key: &'a str) -> impl Iterator<Item = &'a str> {
    words.iter().filter_map(move |word| word.strip_prefix(key)?.strip_prefix('='))
}

/// Runs every command of `testdata/<file>` and compares what it prints with what the file says.
pub(crate) fn check(file: &str, mut run: impl FnMut(&Command<'_>) -> String) {
    let path = format!("{}/testdata/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut actual = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        actual.push_str(line);
        actual.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = split_words(line).into_iter();
        let _name = words.next();
        let name = line.split(' ').next().expect("a line has a first word");
        let mut command = Command { name, words: words.collect(), body: Vec::new() };
        for line in lines.by_ref() {
            actual.push_str(line);
            actual.push('\n');
            if line == "----" {
                break;
            }
            command.body.push(line);
        }
        while lines.next_if(|line| !line.is_empty()).is_some() {}
        let output = run(&command);
        assert!(!output.contains("\n\n"), "an empty line ends the output of {line}");
        actual.push_str(output.trim_end());
        actual.push('\n');
    }
    expect_file![path].assert_eq(&actual);
}

/// Splits at spaces outside double quotes, and drops the quotes.
pub(crate) fn split_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("never empty").push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
