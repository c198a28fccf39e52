//! Flags of commands that print lists.
use clap::Args;
use sim_core::model::command::Listing;

use super::values;

/// Flags of `service ls` and `node ls`.
#[derive(Debug, Args)]
pub(super) struct ListFlags {
    #[arg(short, long)]
    quiet: bool,
    #[arg(short, long, value_parser = values::filter)]
    filter: Vec<(String, String)>,
}

/// Flags of `network ls`, and of `docker ps` besides `--all`.
#[derive(Debug, Args)]
pub(super) struct ContainerFlags {
    #[command(flatten)]
    list: ListFlags,
    #[arg(long)]
    no_trunc: bool,
}

/// Flags of `service ps` and `node ps`.
#[derive(Debug, Args)]
pub(super) struct TaskFlags {
    #[command(flatten)]
    list: ListFlags,
    #[arg(long)]
    no_trunc: bool,
    #[arg(long)]
    no_resolve: bool,
}

impl ListFlags {
    pub(super) fn into_listing(self) -> Listing {
        Listing { quiet: self.quiet, filters: self.filter, ..Listing::default() }
    }
}

impl ContainerFlags {
    pub(super) fn into_listing(self) -> Listing {
        Listing { no_trunc: self.no_trunc, ..self.list.into_listing() }
    }
}

impl TaskFlags {
    pub(super) fn into_listing(self) -> Listing {
        Listing { no_trunc: self.no_trunc, no_resolve: self.no_resolve, ..self.list.into_listing() }
    }
}
