//! Arithmetic on lists of generic resources (spec scheduler 6.3 to 6.6).
//!
//! A list is a node's or what is left of it, or what a task holds: one discrete entry for a kind, or a named
//! entry for each thing of it. The functions keep SwarmKit's treatment of lists that mix the two, because
//! that is what happens when a node's description changes under running tasks.
use std::fmt;

use super::GenericResource;
use super::GenericResource::{Discrete, Named};

/// Takes `taken` out of `available`. A discrete entry that is used up disappears; an entry whose type has
/// changed in the meantime is left alone.
pub fn consume(available: &mut Vec<GenericResource>, taken: &[GenericResource]) {
    available.retain_mut(|entry| !taken.iter().any(|taken| take_from(entry, taken)));
}

/// True if the entry is gone after this.
fn take_from(entry: &mut GenericResource, taken: &GenericResource) -> bool {
    match (entry, taken) {
        (Discrete { kind, value }, Discrete { kind: taken_kind, value: amount }) if kind == taken_kind => {
            *value -= amount;
            *value <= 0
        }
        (entry @ Named { .. }, taken @ Named { .. }) => entry == taken,
        (Discrete { .. } | Named { .. }, _) => false,
    }
}

/// True if `available` can satisfy one entry of a reservation. A named entry cannot be reserved, and a kind
/// that the node lacks has not even the amount 0. The first entry of the kind decides about its type.
#[must_use]
pub fn has_enough(available: &[GenericResource], wanted: &GenericResource) -> bool {
    let Discrete { kind, value: amount } = wanted else { return false };
    match entries(available, kind).next() {
        None => false,
        Some(Discrete { value, .. }) => amount <= value,
        Some(Named { .. }) => *amount <= entries(available, kind).count() as i64,
    }
}

/// True if what a task holds is still there: what the constraint enforcer asks.
#[must_use]
pub fn has_resource(available: &[GenericResource], held: &GenericResource) -> bool {
    for entry in entries(available, held.kind()) {
        match (entry, held) {
            (Discrete { value, .. }, Discrete { value: amount, .. }) => return amount <= value,
            (Named { value, .. }, Named { value: name, .. }) if value != name => {}
            (Named { .. }, Named { .. }) => return true,
            (Discrete { .. } | Named { .. }, _) => return false,
        }
    }
    false
}

/// Takes what `reserved` asks for out of `available` and returns it. Where an entry cannot be served at all,
/// nothing is taken for any entry: the task then holds nothing.
pub fn claim(available: &mut Vec<GenericResource>, reserved: &[GenericResource]) -> Vec<GenericResource> {
    let mut selected = Vec::new();
    for wanted in reserved {
        match select(available, wanted) {
            Some(entries) => selected.extend(entries),
            None => return Vec::new(),
        }
    }
    consume(available, &selected);
    selected
}

/// What one entry of a reservation gets from a list that is not yet reduced by the entries before it.
fn select(available: &[GenericResource], wanted: &GenericResource) -> Option<Vec<GenericResource>> {
    let Discrete { kind, value: amount } = wanted else { return None };
    let mut selected = Vec::new();
    for entry in entries(available, kind) {
        match entry {
            Discrete { value, .. } => {
                if value >= amount && *amount != 0 {
                    selected.push(wanted.clone());
                }
                return Some(selected);
            }
            Named { .. } => {
                selected.push(entry.clone());
                // Compared after the push: the amount 0 takes all of the kind.
                if selected.len() as i64 == *amount {
                    return Some(selected);
                }
            }
        }
    }
    (!selected.is_empty()).then_some(selected)
}

/// Gives back what a task held, then brings the list in line with what the node describes.
pub fn reclaim(
    available: &mut Vec<GenericResource>,
    held: &[GenericResource],
    described: &[GenericResource],
) {
    give_back(available, held);
    sanitize(available, described);
}

/// Adds what a task held. A kind whose type has changed is skipped; named entries may become duplicates.
pub fn give_back(available: &mut Vec<GenericResource>, held: &[GenericResource]) {
    for returned in held {
        let Discrete { kind, value: amount } = returned else {
            available.push(returned.clone());
            continue;
        };
        match entries(available, kind).count() {
            0 => available.push(returned.clone()),
            1 => {
                let entry = available.iter_mut().find(|entry| entry.kind() == kind).expect("counted above");
                if let Discrete { value, .. } = entry {
                    *value += amount;
                }
            }
            _ => {}
        }
    }
}

/// Drops or replaces entries that the node's description does not bear out, since a user may have changed it.
/// Replacements go to the end, once for each kind.
pub fn sanitize(available: &mut Vec<GenericResource>, described: &[GenericResource]) {
    let mut replaced: Vec<String> = Vec::new();
    let mut replacements = Vec::new();
    available.retain(|entry| match verdict(entry, described) {
        Verdict::Sane => true,
        Verdict::Drop | Verdict::Replace if replaced.iter().any(|kind| kind == entry.kind()) => false,
        Verdict::Drop => {
            replaced.push(entry.kind().to_owned());
            false
        }
        Verdict::Replace => {
            replaced.push(entry.kind().to_owned());
            replacements.extend(entries(described, entry.kind()).cloned());
            false
        }
    });
    available.append(&mut replacements);
}

/// What becomes of an available entry.
enum Verdict {
    Sane,
    Drop,
    Replace,
}

fn verdict(entry: &GenericResource, described: &[GenericResource]) -> Verdict {
    let mut of_kind = entries(described, entry.kind());
    match entry {
        Discrete { value, .. } => match (of_kind.next(), of_kind.next()) {
            (Some(Discrete { value: whole, .. }), None) if value <= whole => Verdict::Sane,
            _ => Verdict::Replace,
        },
        Named { value, .. } => {
            for candidate in of_kind {
                match candidate {
                    Discrete { .. } => return Verdict::Replace,
                    Named { value: name, .. } if name == value => return Verdict::Sane,
                    Named { .. } => {}
                }
            }
            Verdict::Drop
        }
    }
}

fn entries<'a>(list: &'a [GenericResource], kind: &str) -> impl Iterator<Item = &'a GenericResource> {
    list.iter().filter(move |entry| entry.kind() == kind)
}

/// Why a text names no generic resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenericResourceError(String);

impl fmt::Display for GenericResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not parse GenericResource: {}", self.0)
    }
}

impl std::error::Error for GenericResourceError {}

/// Parses `gpu=2,fpga=a,fpga=b`, as users write it on a command line: one record of comma-separated values.
/// Kinds keep the order in which they first occur.
pub fn parse(text: &str) -> Result<Vec<GenericResource>, GenericResourceError> {
    if text.contains('\n') {
        return error("a line break is not allowed");
    }
    let mut kinds: Vec<(String, Vec<String>)> = Vec::new();
    for term in fields(text)? {
        let Some((kind, value)) = term.split_once('=').filter(|(_, value)| !value.contains('=')) else {
            return error(&format!("'{term}' is not of the form kind=value"));
        };
        let (kind, value) = (kind.trim(), value.trim().to_owned());
        match kinds.iter_mut().find(|(known, _)| known == kind) {
            Some((_, values)) => values.push(value),
            None => kinds.push((kind.to_owned(), vec![value])),
        }
    }
    let lists = kinds.into_iter().map(|(kind, values)| resources_of(&kind, &values));
    lists.collect::<Result<Vec<_>, _>>().map(|lists| lists.concat())
}

fn resources_of(kind: &str, values: &[String]) -> Result<Vec<GenericResource>, GenericResourceError> {
    let integers = values.iter().filter_map(|value| value.parse::<i64>().ok()).collect::<Vec<_>>();
    match (integers.as_slice(), values.len()) {
        ([value], 1) if *value < 0 => error(&format!("the amount of '{kind}' is negative")),
        ([value], 1) => Ok(vec![Discrete { kind: kind.to_owned(), value: *value }]),
        ([], _) => {
            let name = |value: &String| Named { kind: kind.to_owned(), value: value.clone() };
            Ok(values.iter().map(name).collect())
        }
        _ => error(&format!("'{kind}' has both an amount and further values")),
    }
}

/// The fields of one record of comma-separated values. A field that begins with a quote extends to the
/// closing one, and a doubled quote inside stands for a single one.
fn fields(text: &str) -> Result<Vec<String>, GenericResourceError> {
    if text.is_empty() {
        return error("it is empty");
    }
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (field, behind) = rest.split_once(',').map_or((rest, None), |(f, b)| (f, Some(b)));
            if field.contains('"') {
                return error("a quote stands inside a field");
            }
            fields.push(field.to_owned());
            let Some(behind) = behind else { return Ok(fields) };
            rest = behind;
            continue;
        };
        let (field, behind) = quoted_field(quoted)?;
        fields.push(field);
        if behind.is_empty() {
            return Ok(fields);
        }
        let Some(next) = behind.strip_prefix(',') else {
            return error("a quoted field goes on behind its closing quote");
        };
        rest = next;
    }
}

/// The content of a quoted field, and what follows its closing quote.
fn quoted_field(text: &str) -> Result<(String, &str), GenericResourceError> {
    let mut field = String::new();
    let mut rest = text;
    while let Some((part, behind)) = rest.split_once('"') {
        field.push_str(part);
        let Some(more) = behind.strip_prefix('"') else { return Ok((field, behind)) };
        field.push('"');
        rest = more;
    }
    error("a quoted field has no closing quote")
}

fn error<T>(problem: &str) -> Result<T, GenericResourceError> {
    Err(GenericResourceError(problem.to_owned()))
}

#[cfg(test)]
mod tests;
