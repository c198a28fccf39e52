//! Docker command lines: split into words as a shell does, parsed with docker's own flags, turned into
//! [`DockerCommand`]s.
//!
//! What docker's parser refuses is refused here. Flags and commands that docker has and the simulator has not are
//! errors that name them: nothing is ever ignored.
mod container;
mod csv;
mod flags;
mod listing;
mod mounts;
mod network;
mod node;
mod ports;
mod problem;
mod service;
mod swarm;
mod unsupported;
mod update;
mod values;
mod words;

use clap::{ArgAction, Command, FromArgMatches, Subcommand};
use sim_core::model::{DockerCommand, HostId};

use crate::error::CommandProblem;

/// Why a command line cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandError {
    pub(crate) problem: CommandProblem,
    /// The part of the line that is wrong; empty if it is the whole.
    pub(crate) part: String,
    pub(crate) help: String,
}

/// Finds a host by name or address.
pub(crate) type FindHost<'a> = &'a dyn Fn(&str) -> Option<HostId>;

/// The command of a line, if the core can run it.
pub(crate) fn parse_simulated(line: &str, find_host: FindHost<'_>) -> Result<DockerCommand, CommandError> {
    let command = parse(line, find_host)?;
    match unsupported::by_the_core(&command) {
        None => Ok(command),
        Some(help) => {
            let words = words::split(line)?;
            let name =
                words.iter().take_while(|word| !word.starts_with('-')).take(2).cloned().collect::<Vec<_>>();
            let (problem, help) = (CommandProblem::UnsupportedCommand(name.join(" ")), help.to_owned());
            Err(CommandError { problem, part: name[0].clone(), help })
        }
    }
}

/// The command of a line: the words after `docker`.
fn parse(line: &str, find_host: FindHost<'_>) -> Result<DockerCommand, CommandError> {
    let words = words::split(line)?;
    let command = command();
    let matches = command.clone().try_get_matches_from(&words);
    let matches = matches.map_err(|error| problem::translated(&error, &words, &command))?;
    let docker = Docker::from_arg_matches(&matches);
    let docker = docker.map_err(|error| problem::translated(&error, &words, &command))?;
    match docker {
        Docker::Service(service) => service.into_command(),
        Docker::Node(node) => Ok(DockerCommand::Node(node.into_command())),
        Docker::Network(network) => network.into_command().map(DockerCommand::Network),
        Docker::Swarm(swarm) => swarm.into_command(find_host).map(DockerCommand::Swarm),
        Docker::Info => Ok(DockerCommand::Info),
        Docker::Ps { all, flags } => Ok(DockerCommand::ContainerList { all, listing: flags.into_listing() }),
    }
}

/// The commands of docker that the simulator has.
#[derive(Debug, Subcommand)]
enum Docker {
    #[command(subcommand)]
    Service(service::Service),
    #[command(subcommand)]
    Node(node::Node),
    #[command(subcommand)]
    Network(network::Network),
    #[command(subcommand)]
    Swarm(swarm::Swarm),
    Info,
    Ps {
        #[arg(short, long)]
        all: bool,
        #[command(flatten)]
        flags: listing::ContainerFlags,
    },
}

fn command() -> Command {
    let command = Docker::augment_subcommands(Command::new("docker"));
    as_docker_parses(command.no_binary_name(true).subcommand_required(true))
}

/// The habits of docker's parser: no `help` among the commands, the last of equal flags wins, a switch can be given
/// a value (`--detach=false`), and any other flag takes the next word, even if that begins with a hyphen.
fn as_docker_parses(command: Command) -> Command {
    let command = command.disable_help_flag(true).disable_help_subcommand(true).args_override_self(true);
    let command = command.mut_args(|arg| {
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            arg.action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_value("false")
                .default_missing_value("true")
                .value_parser(values::boolean)
        } else if arg.is_positional() || arg.is_require_equals_set() {
            arg
        } else {
            arg.allow_hyphen_values(true)
        }
    });
    command.mut_subcommands(as_docker_parses)
}

impl CommandError {
    /// A value that a flag does not take.
    fn value(flag: &str, value: &str, reason: &str) -> Self {
        let (flag, value, reason) = (flag.to_owned(), value.to_owned(), reason.to_owned());
        let part = value.clone();
        CommandError { problem: CommandProblem::BadValue { flag, value, reason }, part, help: String::new() }
    }

    /// Words that do not make a command together.
    fn usage(message: &str) -> Self {
        CommandError {
            problem: CommandProblem::Usage(message.to_owned()),
            part: String::new(),
            help: String::new(),
        }
    }

    fn with_help(self, help: &str) -> Self {
        CommandError { help: help.to_owned(), ..self }
    }
}

#[cfg(test)]
mod tests;
