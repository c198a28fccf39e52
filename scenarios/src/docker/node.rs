//! `docker node ...`.
use clap::Subcommand;
use sim_core::model::command::{LabelChange, NodeChange, NodeCommand, NodeReference};
use sim_core::model::{Availability, NodeRole};

use super::listing::{ListFlags, TaskFlags};
use super::values;

#[derive(Debug, Subcommand)]
pub(super) enum Node {
    Update {
        #[arg(long, value_parser = values::role)]
        role: Option<NodeRole>,
        #[arg(long, value_parser = values::availability)]
        availability: Option<Availability>,
        #[arg(long, value_parser = values::label)]
        label_add: Vec<(String, String)>,
        #[arg(long)]
        label_rm: Vec<String>,
        node: String,
    },
    #[command(alias = "list")]
    Ls {
        #[command(flatten)]
        flags: ListFlags,
    },
    Ps {
        #[command(flatten)]
        flags: TaskFlags,
        nodes: Vec<String>,
    },
    Inspect {
        #[arg(long)]
        pretty: bool,
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    Promote {
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    Demote {
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    #[command(alias = "remove")]
    Rm {
        #[arg(short, long)]
        force: bool,
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
}

impl Node {
    pub(super) fn into_command(self) -> NodeCommand {
        match self {
            Node::Update { role, availability, label_add, label_rm, node } => {
                let labels = LabelChange { add: label_add.into_iter().collect(), remove: label_rm };
                NodeCommand::Update { node: named(node), change: NodeChange { role, availability, labels } }
            }
            Node::Ls { flags } => NodeCommand::List(flags.into_listing()),
            Node::Ps { flags, nodes } => {
                let nodes = if nodes.is_empty() { vec!["self".to_owned()] } else { nodes };
                NodeCommand::Tasks {
                    nodes: nodes.into_iter().map(own_or_named).collect(),
                    listing: flags.into_listing(),
                }
            }
            Node::Inspect { pretty, nodes } => {
                NodeCommand::Inspect { nodes: nodes.into_iter().map(own_or_named).collect(), pretty }
            }
            Node::Promote { nodes } => NodeCommand::Promote { nodes: nodes.into_iter().map(named).collect() },
            Node::Demote { nodes } => NodeCommand::Demote { nodes: nodes.into_iter().map(named).collect() },
            Node::Rm { force, nodes } => {
                NodeCommand::Remove { nodes: nodes.into_iter().map(named).collect(), force }
            }
        }
    }
}

/// Where a command reads only, `self` is the client's own node.
fn own_or_named(text: String) -> NodeReference {
    if text == "self" { NodeReference::Own } else { named(text) }
}

fn named(text: String) -> NodeReference {
    crate::expect::nth_node(&text).unwrap_or(NodeReference::Name(text))
}
