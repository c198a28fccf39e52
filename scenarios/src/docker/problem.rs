//! What clap says about a command line, in the words of the file format.
use std::error::Error as _;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{CommandError, unsupported};
use crate::error::CommandProblem;
use crate::suggest;
use crate::units::UnitError;

#[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds are about help, versions and output")]
pub(super) fn translated(error: &clap::Error, words: &[String], command: &Command) -> CommandError {
    let (path, leaf) = leaf(words, command);
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::UnknownArgument => unknown_flag(&path, leaf, &context(ContextKind::InvalidArg)),
        ErrorKind::InvalidSubcommand => {
            unknown_command(&path, leaf, &context(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let help = suggest::help("", command_names(leaf), "its commands are");
            CommandError::usage(&format!("`{path}` needs a command")).with_help(&help)
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = context(ContextKind::InvalidArg);
            CommandError::usage(&format!(
                "`{path}` needs {}",
                missing.replace(['<', '>'], "").replace("...", "")
            ))
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            bad_value(&context(ContextKind::InvalidArg), &context(ContextKind::InvalidValue), error)
        }
        ErrorKind::NoEquals
        | ErrorKind::TooManyValues
        | ErrorKind::TooFewValues
        | ErrorKind::WrongNumberOfValues
        | ErrorKind::ArgumentConflict
        | ErrorKind::InvalidUtf8 => {
            let flag = context(ContextKind::InvalidArg);
            CommandError {
                part: flag_name(&flag).to_owned(),
                ..CommandError::usage(&format!("{flag} is not used rightly"))
            }
        }
        _ => CommandError::usage(&first_line(error)),
    }
}

/// The command that the words lead to, and its name.
fn leaf<'a>(words: &[String], command: &'a Command) -> (String, &'a Command) {
    let (mut path, mut leaf) = (Vec::new(), command);
    for word in words {
        let Some(next) = leaf.find_subcommand(word) else { break };
        path.push(next.get_name());
        leaf = next;
    }
    (path.join(" "), leaf)
}

fn unknown_flag(path: &str, leaf: &Command, flag: &str) -> CommandError {
    let name = flag_name(flag).to_owned();
    let part = name.clone();
    if !name.starts_with('-') {
        return CommandError {
            part,
            ..CommandError::usage(&format!("`{path}` takes no further word `{name}`"))
        };
    }
    if matches!(name.as_str(), "--help" | "-h") {
        let problem = CommandProblem::UnsupportedFlag(name);
        return CommandError { problem, part, help: "nobody would read the help".to_owned() };
    }
    if unsupported::has_flag(path, &name) {
        let names_host = path.is_empty() && matches!(name.as_str(), "--host" | "-H" | "--context" | "-c");
        let help = match names_host {
            true => "a client asks the engine of its own host, which `on` of the entry names",
            false => "docker has this flag; the simulator cannot do what it asks for",
        };
        return CommandError { problem: CommandProblem::UnsupportedFlag(name), part, help: help.to_owned() };
    }
    let flags: Vec<String> =
        leaf.get_arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?))).collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let help = match suggest::closest(&name, &flags) {
        Some(flag) => format!("did you mean `{flag}`?"),
        None if path.is_empty() => "`docker --help` lists docker's flags".to_owned(),
        None => format!("`docker {path} --help` lists docker's flags"),
    };
    CommandError { problem: CommandProblem::UnknownFlag(name), part, help }
}

fn unknown_command(path: &str, leaf: &Command, word: &str) -> CommandError {
    let whole = if path.is_empty() { word.to_owned() } else { format!("{path} {word}") };
    let part = word.to_owned();
    if let Some(hint) = unsupported::command(&whole).filter(|_| path.is_empty() || whole != path) {
        let problem = CommandProblem::UnsupportedCommand(whole);
        return CommandError { problem, part, help: hint.to_owned() };
    }
    let help = suggest::help(word, command_names(leaf), "commands");
    CommandError { problem: CommandProblem::UnknownCommand(whole), part, help }
}

fn command_names(leaf: &Command) -> impl Iterator<Item = &str> {
    leaf.get_subcommands().map(Command::get_name)
}

fn bad_value(argument: &str, value: &str, error: &clap::Error) -> CommandError {
    let name = flag_name(argument);
    let reason = match error.source() {
        Some(source) => source.to_string(),
        None if value.is_empty() => {
            return CommandError {
                part: name.to_owned(),
                ..CommandError::usage(&format!("{name} needs a value"))
            };
        }
        None => "it is not of the right kind".to_owned(),
    };
    let help = error.source().and_then(|source| source.downcast_ref::<UnitError>());
    let help = help.map_or("", |unit| unit.quantity.example());
    CommandError::value(name, value, &reason).with_help(help)
}

/// The name of an argument that clap prints as `--name <VALUE>`, or as `<NAME>...` if it has no flag.
fn flag_name(argument: &str) -> &str {
    let flag = argument.split([' ', '=', '[']).next().filter(|_| argument.starts_with('-'));
    flag.unwrap_or_else(|| argument.trim_start_matches('<').trim_end_matches(['.', '>']))
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
