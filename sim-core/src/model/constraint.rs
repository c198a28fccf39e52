//! Placement constraints: `node.labels.zone==a` and the like (spec scheduler 12).
//!
//! Used by the scheduler's filter, by the constraint enforcer and by the global orchestrators, which all ask
//! the same question: do all constraints of a list hold for a node? A value is always literal: the characters
//! of regular expressions are allowed in it and mean nothing.
use std::fmt;
use std::net::IpAddr;

use super::{Node, NodeRole};

/// One parsed constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    key: String,
    operator: Operator,
    value: String,
    subject: Subject,
}

/// How a constraint compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `==`: the value must be the node's.
    Equal,
    /// `!=`: the value must not be the node's.
    NotEqual,
}

/// Why a constraint expression does not parse; the texts are SwarmKit's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintError {
    /// Neither `==` nor `!=` occurs.
    NoOperator,
    /// The text before the operator is no key.
    InvalidKey(String),
    /// The text behind the operator is no value.
    InvalidValue(String),
}

/// What of a node a constraint looks at: its key, looked up once.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Id,
    Hostname,
    Address(Option<AddressRange>),
    Role,
    Os,
    Architecture,
    NodeLabel(String),
    EngineLabel(String),
    /// A key that names nothing: the constraint holds for no node, whatever its operator.
    Unknown,
}

/// The value of a `node.ip` constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AddressRange {
    One(IpAddr),
    Network { address: IpAddr, prefix_bits: u32 },
}

/// Parses a list of expressions. It fails as a whole at the first bad one.
pub fn parse<'a>(expressions: impl IntoIterator<Item = &'a str>) -> Result<Vec<Constraint>, ConstraintError> {
    expressions.into_iter().map(Constraint::parse).collect()
}

/// True if all constraints hold for the node. `seed` is the run's: it gives the node's id its text.
#[must_use]
pub fn node_matches(constraints: &[Constraint], node: &Node, seed: u64) -> bool {
    constraints.iter().all(|constraint| constraint.holds_for(node, seed))
}

impl Constraint {
    /// Parses one expression.
    pub fn parse(expression: &str) -> Result<Self, ConstraintError> {
        // `==` is looked for in the whole text before `!=` is, so `a!=b==c` has the key `a!=b`.
        let (operator, (key, value)) = (expression.split_once("==").map(|parts| (Operator::Equal, parts)))
            .or_else(|| expression.split_once("!=").map(|parts| (Operator::NotEqual, parts)))
            .ok_or(ConstraintError::NoOperator)?;
        let (key, value) = (key.trim(), value.trim());
        if !is_key(key) {
            return Err(ConstraintError::InvalidKey(key.to_owned()));
        }
        if value.is_empty() || !value.chars().all(is_value_character) {
            return Err(ConstraintError::InvalidValue(value.to_owned()));
        }
        let subject = Subject::of(key, value);
        Ok(Constraint { key: key.to_owned(), operator, value: value.to_owned(), subject })
    }

    /// The key as the user wrote it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The operator.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The value as the user wrote it.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Compares the value with what a node has: `==` wants it among `found`, `!=` wants it absent.
    #[must_use]
    pub fn compares<'a>(&self, found: impl IntoIterator<Item = &'a str>) -> bool {
        self.wants(found.into_iter().any(|text| equal_fold(text, &self.value)))
    }

    /// True if the constraint holds for the node.
    #[must_use]
    pub fn holds_for(&self, node: &Node, seed: u64) -> bool {
        match &self.subject {
            Subject::Id => self.compares([node.id.text(seed).as_str()]),
            Subject::Address(None) | Subject::Unknown => false,
            Subject::Address(Some(range)) => {
                self.wants(node.status.address.is_some_and(|address| range.contains(address)))
            }
            Subject::Hostname
            | Subject::Role
            | Subject::Os
            | Subject::Architecture
            | Subject::NodeLabel(_)
            | Subject::EngineLabel(_) => self.compares([self.subject.text_of(node)]),
        }
    }

    /// What the node has where this constraint looks, for explanations.
    #[must_use]
    pub fn found_on(&self, node: &Node, seed: u64) -> String {
        match &self.subject {
            Subject::Id => node.id.text(seed),
            Subject::Address(_) => node.status.address.map_or_else(String::new, |ip| ip.to_string()),
            Subject::Unknown
            | Subject::Hostname
            | Subject::Role
            | Subject::Os
            | Subject::Architecture
            | Subject::NodeLabel(_)
            | Subject::EngineLabel(_) => self.subject.text_of(node).to_owned(),
        }
    }

    fn wants(&self, equal: bool) -> bool {
        equal == (self.operator == Operator::Equal)
    }
}

impl Subject {
    fn of(key: &str, value: &str) -> Self {
        const FIXED: [(&str, Subject); 5] = [
            ("node.id", Subject::Id),
            ("node.hostname", Subject::Hostname),
            ("node.role", Subject::Role),
            ("node.platform.os", Subject::Os),
            ("node.platform.arch", Subject::Architecture),
        ];
        if let Some((_, subject)) = FIXED.into_iter().find(|(name, _)| equal_fold(key, name)) {
            return subject;
        }
        if equal_fold(key, "node.ip") {
            return Subject::Address(AddressRange::parse(value));
        }
        if let Some(label) = label_name(key, "node.labels.") {
            return Subject::NodeLabel(label.to_owned());
        }
        if let Some(label) = label_name(key, "engine.labels.") {
            return Subject::EngineLabel(label.to_owned());
        }
        Subject::Unknown
    }

    /// The node's text; empty where the node has told nothing.
    fn text_of<'a>(&self, node: &'a Node) -> &'a str {
        let platform = node.description.as_ref().and_then(|description| description.platform.as_ref());
        match self {
            Subject::Hostname => node.hostname(),
            // The role that the node has, not the one that it is to have.
            Subject::Role if node.role == NodeRole::Manager => "MANAGER",
            Subject::Role => "WORKER",
            Subject::Os => platform.map_or("", |platform| &platform.os),
            Subject::Architecture => platform.map_or("", |platform| &platform.architecture),
            Subject::NodeLabel(label) => node.label(label),
            Subject::EngineLabel(label) => node.engine_label(label),
            Subject::Id | Subject::Address(_) | Subject::Unknown => "",
        }
    }
}

impl AddressRange {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(AddressRange::One(address.to_canonical()));
        }
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let prefix_bits: u32 = bits.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        if prefix_bits > width {
            return None;
        }
        // An IPv4 network written as IPv6 is an IPv4 network if its prefix covers the mapping.
        let canonical = address.to_canonical();
        if canonical != address && prefix_bits >= 96 {
            return Some(AddressRange::Network { address: canonical, prefix_bits: prefix_bits - 96 });
        }
        Some(AddressRange::Network { address, prefix_bits })
    }

    fn contains(self, other: IpAddr) -> bool {
        match (self, other.to_canonical()) {
            (AddressRange::One(address), other) => address == other,
            (AddressRange::Network { address: IpAddr::V4(address), prefix_bits }, IpAddr::V4(other)) => {
                let host_bits = 32 - prefix_bits;
                (u64::from(address.to_bits()) >> host_bits) == (u64::from(other.to_bits()) >> host_bits)
            }
            (AddressRange::Network { address: IpAddr::V6(address), prefix_bits }, IpAddr::V6(other)) => {
                let differing = address.to_bits() ^ other.to_bits();
                differing.checked_shr(128 - prefix_bits).unwrap_or(0) == 0
            }
            (AddressRange::Network { .. }, _) => false,
        }
    }
}

/// The label name behind a prefix, which is compared without regard to case; none if nothing is left.
#[must_use]
pub fn label_name<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, label) = text.split_at_checked(prefix.len())?;
    (equal_fold(start, prefix) && !label.is_empty()).then_some(label)
}

/// True if two texts differ in case only.
fn equal_fold(left: &str, right: &str) -> bool {
    let mut right = right.chars().map(fold);
    left.chars().all(|character| right.next() == Some(fold(character))) && right.next().is_none()
}

/// Simple case folding, as far as keys and values need it: what is compared with them can only be equal in
/// ASCII letters and the two characters outside that fold to one.
fn fold(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => character.to_ascii_lowercase(),
    }
}

/// `[a-z_][a-z0-9\-_.]+`, without regard to case.
fn is_key(text: &str) -> bool {
    let mut characters = text.chars().map(fold);
    let first = characters.next();
    let mut rest = characters.peekable();
    first.is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && rest.peek().is_some()
        && rest.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
}

fn is_value_character(character: char) -> bool {
    fold(character).is_ascii_alphanumeric() || ":-_ \t\n\u{c}\r.*()?+[]\\^$|/".contains(character)
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
        })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.key, self.operator, self.value)
    }
}

impl fmt::Display for ConstraintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConstraintError::NoOperator => f.write_str("constraint expected one operator from ==, !="),
            ConstraintError::InvalidKey(key) => write!(f, "key '{key}' is invalid"),
            ConstraintError::InvalidValue(value) => write!(f, "value '{value}' is invalid"),
        }
    }
}

impl std::error::Error for ConstraintError {}

#[cfg(test)]
mod tests;
