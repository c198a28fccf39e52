//! Text tests of constraints: which expressions parse, and which nodes they match.
use std::sync::Arc;

use super::*;
use crate::model::{HostId, NodeDescription, NodeId, NodeSpec, Platform};
use crate::text_test::{Command, check};

const SEED: u64 = 7;

#[test]
fn constraints_parse_and_match_as_swarmkit_has_them() {
    let mut node = node_of(&[]);
    check("model/constraint.txt", |command| match command.name {
        "parse" => each_expression(command, |expression| match Constraint::parse(expression) {
            Ok(parsed) => format!("{:?} {} {:?}", parsed.key(), parsed.operator(), parsed.value()),
            Err(error) => format!("error: {error}"),
        }),
        "compare" => each_expression(command, |expression| {
            let found = command.words.iter().map(String::as_str);
            let constraint = Constraint::parse(expression).expect("a constraint to compare with");
            if constraint.compares(found) { "yes".to_owned() } else { "no".to_owned() }
        }),
        "node" => {
            node = node_of(&command.words);
            "ok".to_owned()
        }
        "match" => {
            let id = node.id.text(SEED);
            each_expression(command, |expression| {
                let expression = expression.replace("$ID", &id).replace("$CUT", &id[..24]);
                let expression = expression.replace("$UPPER", &id.to_uppercase());
                match parse(expression.split(", ")) {
                    Ok(constraints) if node_matches(&constraints, &node, SEED) => "pass".to_owned(),
                    Ok(_) => "refuse".to_owned(),
                    Err(error) => format!("error: {error}"),
                }
            })
        }
        other => panic!("unknown command {other}"),
    });
}

/// An expression stands between angle brackets, since spaces at its ends matter.
fn each_expression(command: &Command<'_>, answer: impl Fn(&str) -> String) -> String {
    let expressions = command.body.iter().map(|line| {
        let inner = line.strip_prefix('<').and_then(|line| line.strip_suffix('>'));
        inner.expect("an expression in angle brackets").replace("\\t", "\t")
    });
    let lines: Vec<String> = expressions.map(|text| format!("<{text}> {}", answer(&text))).collect();
    lines.join("\n")
}

fn node_of(words: &[String]) -> Node {
    let mut spec = NodeSpec::default();
    let mut description = NodeDescription::default();
    let mut described = false;
    let mut node = Node::new(NodeId(0), HostId(0), NodeRole::Worker);
    for word in words {
        let (key, value) = word.split_once('=').expect("key=value");
        match key {
            "address" => node.status.address = Some(value.parse().expect("an address")),
            "role" => node.role = if value == "manager" { NodeRole::Manager } else { NodeRole::Worker },
            "desired-role" => {
                spec.desired_role = if value == "manager" { NodeRole::Manager } else { NodeRole::Worker };
            }
            "label" => {
                let (name, value) = value.split_once('=').expect("label=name=value");
                spec.annotations.labels.insert(name.to_owned(), value.to_owned());
            }
            _ => {
                described = true;
                describe(&mut description, key, value);
            }
        }
    }
    node.spec = Arc::new(spec);
    node.description = described.then(|| Arc::new(description));
    node
}

fn describe(description: &mut NodeDescription, key: &str, value: &str) {
    match key {
        "hostname" => description.hostname = value.to_owned(),
        "platform" => {
            let (architecture, os) = value.split_once('/').expect("architecture/os");
            description.platform =
                Some(Platform { os: os.to_owned(), architecture: architecture.to_owned() });
        }
        "engine-label" => {
            let (name, value) = value.split_once('=').expect("engine-label=name=value");
            let engine = description.engine.get_or_insert_default();
            engine.labels.insert(name.to_owned(), value.to_owned());
        }
        other => panic!("unknown key {other}"),
    }
}
