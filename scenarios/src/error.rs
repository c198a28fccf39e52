//! What is wrong with a scenario file, where, and what to do about it.
//!
//! An error prints like a compiler's: place, problem, the line with a caret, help. Plain text; the command line
//! adds colour.
use std::borrow::Cow;
use std::fmt;

use crate::units::UnitError;

/// A mistake of a scenario's author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Where it is.
    pub at: Location,
    /// What is wrong.
    pub problem: Problem,
    /// What to do about it; empty if the problem says it all.
    pub help: String,
}

/// All mistakes that were found in a scenario, in the order of the file. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioErrors(Vec<ScenarioError>);

/// A place in a scenario file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Name of the file.
    pub file: String,
    /// Line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Way to the place through keys and indices, such as `/timeline/3/docker`; empty where it is not known.
    pub pointer: String,
    /// The line, or the part of a long line around the column.
    pub excerpt: String,
    /// First marked character of the excerpt, from 0.
    pub mark: usize,
    /// How many characters are marked.
    pub width: usize,
    /// The marked bytes of the file, from the first to behind the last.
    pub(crate) bytes: (usize, usize),
}

/// Kinds of things that have names in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A machine.
    Host,
    /// A zone.
    Zone,
    /// A host or a zone.
    Place,
    /// A service that a command of the timeline creates.
    Service,
    /// A docker command with an `id`.
    Command,
    /// A parameter of the scenario.
    Parameter,
    /// A source of traffic.
    Traffic,
}

/// What can be wrong with a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing is in it.
    Empty,
    /// It has more bytes than a scenario may have.
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is no text.
    NotText,
    /// It is no YAML.
    Syntax(String),
    /// Its aliases, or its nesting, exceed what is reasonable.
    TooComplex(String),
    /// A key that does not exist here.
    UnknownKey(String),
    /// A key that occurs twice.
    DuplicateKey(String),
    /// A key that has to be here.
    MissingKey(&'static str),
    /// A key that does not go together with another one.
    KeyNotAllowed {
        /// The key.
        key: String,
        /// Why not.
        reason: &'static str,
    },
    /// Exactly one of some keys has to be here.
    NotExactlyOne {
        /// Which.
        of: Cow<'static, str>,
        /// Those that are there.
        found: Vec<String>,
    },
    /// Something else was expected, such as a list in place of a text.
    WrongShape {
        /// What was expected.
        expected: String,
    },
    /// A text that is not one of the accepted words, or not of the right form.
    Invalid {
        /// What it should be.
        what: &'static str,
        /// What it is.
        text: String,
    },
    /// A quantity that cannot be read.
    Unit(UnitError),
    /// A number that is too large.
    OutOfRange {
        /// What it is a number of, such as `exit code`.
        what: &'static str,
        /// What it is.
        text: String,
        /// Largest accepted number.
        max: u64,
    },
    /// A name that nothing has.
    UnknownName {
        /// What should have it.
        kind: NameKind,
        /// The name.
        name: String,
    },
    /// A name that two things have.
    DuplicateName {
        /// What has it.
        kind: NameKind,
        /// The name.
        name: String,
    },
    /// A dollar sign that begins no parameter.
    Placeholder,
    /// A time of the timeline that is earlier than the one before it.
    OutOfOrder {
        /// The time before it.
        after: String,
    },
    /// A time after the end of the run.
    AfterEnd {
        /// The end.
        until: String,
    },
    /// An interval that ends before it begins.
    EmptyInterval,
    /// Something that makes no sense, although each part of it does.
    Contradiction(&'static str),
    /// A docker command line that cannot be run.
    Command(CommandProblem),
}

/// What can be wrong with a docker command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandProblem {
    /// It is empty.
    Empty,
    /// A quote is not closed.
    UnclosedQuote,
    /// It asks the shell for something.
    Shell(char),
    /// Docker has no such command.
    UnknownCommand(String),
    /// Docker has the command, the simulator does not.
    UnsupportedCommand(String),
    /// The command has no such flag.
    UnknownFlag(String),
    /// Docker has the flag, the simulator does not.
    UnsupportedFlag(String),
    /// A value that the flag or argument does not take.
    BadValue {
        /// The flag or argument.
        flag: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The command line does not have the parts it needs.
    Usage(String),
}

impl ScenarioErrors {
    /// The errors in the order of the file.
    pub(crate) fn new(mut errors: Vec<ScenarioError>) -> Self {
        assert!(!errors.is_empty(), "a scenario without errors is no error");
        errors.sort_by_key(|error| (error.at.line, error.at.column));
        ScenarioErrors(errors)
    }

    /// The errors in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &ScenarioError> {
        self.0.iter()
    }
}

impl From<ScenarioError> for ScenarioErrors {
    fn from(error: ScenarioError) -> Self {
        ScenarioErrors(vec![error])
    }
}

impl std::error::Error for ScenarioError {}
impl std::error::Error for ScenarioErrors {}

/// One error after the other; of many only the first twenty.
impl fmt::Display for ScenarioErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        for (index, error) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n... and {more} more errors\n"),
        }
    }
}

/// `worker.yaml:14:5: no host is called ...`, the line with a caret, and the help; ends with a line break.
impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { file, line, column, pointer, excerpt, mark, width, bytes: _ } = &self.at;
        if *line == 0 {
            writeln!(f, "{file}: {}", self.problem)?;
        } else {
            writeln!(f, "{file}:{line}:{column}: {}", self.problem)?;
            let margin = " ".repeat(line.to_string().len());
            writeln!(f, " {line} | {excerpt}")?;
            writeln!(f, " {margin} | {}{}", " ".repeat(*mark), "^".repeat((*width).max(1)))?;
            if !pointer.is_empty() {
                writeln!(f, " {margin} = in {pointer}")?;
            }
        }
        if self.help.is_empty() { Ok(()) } else { writeln!(f, "help: {}", self.help) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Empty => write!(f, "the file is empty"),
            Problem::TooLarge { bytes } => write!(f, "the file is too large: {bytes} bytes"),
            Problem::NotText => write!(f, "the file is no text"),
            Problem::Syntax(message) => write!(f, "this is no YAML: {message}"),
            Problem::TooComplex(message) => write!(f, "the file is too complex: {message}"),
            Problem::UnknownKey(key) => write!(f, "there is no key `{key}` here"),
            Problem::DuplicateKey(key) => write!(f, "the key `{key}` occurs twice"),
            Problem::MissingKey(key) => write!(f, "the key `{key}` is missing"),
            Problem::KeyNotAllowed { key, reason } => {
                write!(f, "the key `{key}` cannot be used here: {reason}")
            }
            Problem::NotExactlyOne { of, found } if found.is_empty() => write!(f, "none of {of} is here"),
            Problem::NotExactlyOne { of, found } => {
                write!(f, "{} are here, but only one of {of} can be", found.join(" and "))
            }
            Problem::WrongShape { expected } => write!(f, "{expected} is expected here"),
            Problem::Invalid { what, text } => write!(f, "`{text}` is no {what}"),
            Problem::Unit(error) => error.fmt(f),
            Problem::OutOfRange { what, text, max } => {
                write!(f, "{text} is too large: the largest {what} is {max}")
            }
            Problem::UnknownName { kind, name } => write!(f, "no {} is called `{name}`", kind.word()),
            Problem::DuplicateName { kind: NameKind::Place, name } => {
                write!(f, "a host and a zone are both called `{name}`")
            }
            Problem::DuplicateName { kind, name } => write!(f, "two {}s are called `{name}`", kind.word()),
            Problem::Placeholder => write!(f, "this dollar sign begins no parameter"),
            Problem::OutOfOrder { after } => write!(f, "this time is earlier than the {after} before it"),
            Problem::AfterEnd { until } => write!(f, "this time is after the end of the run at {until}"),
            Problem::EmptyInterval => write!(f, "this interval ends before it begins"),
            Problem::Contradiction(text) => write!(f, "{text}"),
            Problem::Command(problem) => problem.fmt(f),
        }
    }
}

impl NameKind {
    fn word(self) -> &'static str {
        match self {
            NameKind::Host => "host",
            NameKind::Zone => "zone",
            NameKind::Place => "host or zone",
            NameKind::Service => "service",
            NameKind::Command => "command",
            NameKind::Parameter => "parameter",
            NameKind::Traffic => "traffic source",
        }
    }
}

impl fmt::Display for CommandProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandProblem::Empty => write!(f, "the command line is empty"),
            CommandProblem::UnclosedQuote => write!(f, "a quote in the command line is not closed"),
            CommandProblem::Shell(sign) => {
                write!(f, "the command line has `{sign}` for a shell, and there is none")
            }
            CommandProblem::UnknownCommand(command) => write!(f, "docker has no command `{command}`"),
            CommandProblem::UnsupportedCommand(command) => write!(f, "`docker {command}` is not supported"),
            CommandProblem::UnknownFlag(flag) => write!(f, "this command has no flag `{flag}`"),
            CommandProblem::UnsupportedFlag(flag) => write!(f, "the flag `{flag}` is not supported"),
            CommandProblem::BadValue { flag, value, reason } if value.is_empty() => {
                write!(f, "an empty text is no value for {flag}: {reason}")
            }
            CommandProblem::BadValue { flag, value, reason } => {
                write!(f, "`{value}` is no value for {flag}: {reason}")
            }
            CommandProblem::Usage(message) => write!(f, "{message}"),
        }
    }
}
