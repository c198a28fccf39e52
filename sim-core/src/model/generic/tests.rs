//! Text tests of the arithmetic. `apple:3` is a discrete entry, `apple/red` a named one.
use super::*;
use crate::text_test::{Command, check};

#[test]
fn lists_of_generic_resources_are_kept_as_swarmkit_keeps_them() {
    check("model/generic.txt", |command| {
        let mut available = list(command, "available");
        match command.name {
            "consume" => {
                consume(&mut available, &list(command, "taken"));
                text(&available)
            }
            "claim" => {
                let held = claim(&mut available, &list(command, "reserved"));
                format!("held: {}\nleft: {}", text(&held), text(&available))
            }
            "give-back" => {
                give_back(&mut available, &list(command, "held"));
                text(&available)
            }
            "reclaim" => {
                reclaim(&mut available, &list(command, "held"), &list(command, "described"));
                text(&available)
            }
            "sanitize" => {
                sanitize(&mut available, &list(command, "described"));
                text(&available)
            }
            "has-enough" => each(command, |wanted| has_enough(&available, wanted)),
            "has-resource" => each(command, |held| has_resource(&available, held)),
            "parse" => {
                let answers = command.body.iter().map(|line| match parse(&line.replace("\\n", "\n")) {
                    Ok(parsed) => text(&parsed),
                    Err(error) => format!("error: {error}"),
                });
                answers.collect::<Vec<_>>().join("\n")
            }
            other => panic!("unknown command {other}"),
        }
    });
}

fn each(command: &Command<'_>, answer: impl Fn(&GenericResource) -> bool) -> String {
    let wanted = list(command, "wanted");
    let answers = wanted.iter().map(|entry| format!("{} {}", word(entry), answer(entry)));
    answers.collect::<Vec<_>>().join("\n")
}

fn list(command: &Command<'_>, key: &str) -> Vec<GenericResource> {
    command.get(key).unwrap_or("").split_whitespace().map(entry).collect()
}

fn entry(word: &str) -> GenericResource {
    match (word.split_once(':'), word.split_once('/')) {
        (Some((kind, value)), _) => {
            Discrete { kind: kind.to_owned(), value: value.parse().expect("a number") }
        }
        (None, Some((kind, value))) => Named { kind: kind.to_owned(), value: value.to_owned() },
        (None, None) => panic!("{word} is no entry"),
    }
}

fn word(entry: &GenericResource) -> String {
    match entry {
        Discrete { kind, value } => format!("{kind}:{value}"),
        Named { kind, value } => format!("{kind}/{value}"),
    }
}

fn text(list: &[GenericResource]) -> String {
    if list.is_empty() { "(none)".to_owned() } else { list.iter().map(word).collect::<Vec<_>>().join(" ") }
}
