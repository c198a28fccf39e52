//! `docker node ls` and `docker node inspect --pretty`.
use std::collections::BTreeMap;
use std::fmt::Write;

use super::Viewpoint;
use super::calendar::date_and_time;
use super::natural::natural_order;
use super::table::Table;
use super::words::{bytes_size, pretty};
use crate::model::command::Listing;
use crate::model::{Labels, Node, NodeDescription, NodeId};
use crate::protocol::{ManagerStatus, NodeListing};

const HEADERS: [&str; 6] = ["ID  ", "HOSTNAME", "STATUS", "AVAILABILITY", "MANAGER STATUS", "ENGINE VERSION"];
/// Managers listen here (spec control-plane 1.3).
const MANAGER_PORT: u16 = 2377;

/// The nodes as a table, or their ids alone. A star marks the node that the client's engine is.
#[must_use]
pub(crate) fn node_table(
    nodes: &[NodeListing],
    own: Option<NodeId>,
    listing: &Listing,
    view: Viewpoint,
) -> String {
    let mut nodes: Vec<&NodeListing> = nodes.iter().collect();
    nodes.sort_by(|one, other| natural_order(one.node.hostname(), other.node.hostname()));
    if listing.quiet {
        return nodes.iter().map(|listed| format!("{}\n", listed.node.id.text(view.seed))).collect();
    }
    let mut table = Table::new(&HEADERS);
    for NodeListing { node, manager } in nodes {
        let star = if Some(node.id) == own { '*' } else { ' ' };
        table.add([
            format!("{} {star}", node.id.text(view.seed)),
            node.hostname().to_owned(),
            pretty(node.status.state.name()),
            pretty(node.spec.availability.name()),
            manager.map_or("", manager_status).to_owned(),
            engine_version(node).to_owned(),
        ]);
    }
    table.print()
}

fn manager_status(manager: ManagerStatus) -> &'static str {
    if manager.leader { "Leader" } else { reachability(manager) }
}

fn reachability(manager: ManagerStatus) -> &'static str {
    if manager.reachable { "Reachable" } else { "Unreachable" }
}

fn engine_version(node: &Node) -> &str {
    let engine = node.description.as_ref().and_then(|description| description.engine.as_ref());
    engine.map_or("", |engine| &engine.version)
}

/// A node for a person to read. TLS information is left out: certificates have no contents here.
#[must_use]
pub(crate) fn node_pretty(listed: &NodeListing, view: Viewpoint) -> String {
    let NodeListing { node, manager } = listed;
    let mut text = format!("ID:\t\t\t{}", node.id.text(view.seed));
    let name = &node.spec.annotations.name;
    if !name.is_empty() {
        let _ = write!(text, "\nName:\t\t\t{name}");
    }
    write_labels(&mut text, "Labels", &node.spec.annotations.labels);
    let _ = write!(text, "\nHostname:              \t{}", node.hostname());
    let _ = write!(text, "\nJoined at:             \t{}", pretty(&date_and_time(node.meta.created_at)));
    write_status(&mut text, node);
    if let Some(manager) = manager {
        write_manager(&mut text, node, *manager);
    }
    write_description(&mut text, node.description.as_deref().unwrap_or(&NodeDescription::default()));
    text.push('\n');
    text
}

fn write_status(text: &mut String, node: &Node) {
    let _ = write!(text, "\nStatus:\n State:\t\t\t{}", pretty(node.status.state.name()));
    if !node.status.message.is_empty() {
        let _ = write!(text, "\n Message:              \t{}", pretty(&node.status.message));
    }
    let _ = write!(text, "\n Availability:         \t{}", pretty(node.spec.availability.name()));
    if let Some(address) = node.status.address {
        let _ = write!(text, "\n Address:\t\t{address}");
    }
}

fn write_manager(text: &mut String, node: &Node, manager: ManagerStatus) {
    let address = manager_address(node);
    let leader = if manager.leader { "Yes" } else { "No" };
    let _ = write!(
        text,
        "\nManager Status:\n Address:\t\t{address}\n Raft Status:\t\t{}\n Leader:\t\t{leader}",
        reachability(manager)
    );
}

/// Where the manager of a node listens; empty as long as the node's address is not known.
pub(super) fn manager_address(node: &Node) -> String {
    node.status.address.map_or(String::new(), |address| format!("{address}:{MANAGER_PORT}"))
}

fn write_description(text: &mut String, description: &NodeDescription) {
    let NodeDescription { hostname: _, platform, resources, engine } = description;
    let platform = platform.clone().unwrap_or_default();
    let resources = resources.clone().unwrap_or_default();
    let engine = engine.clone().unwrap_or_default();
    let memory = if resources.memory_bytes == 0 { String::new() } else { bytes_size(resources.memory_bytes) };
    let _ = write!(
        text,
        "\nPlatform:\n Operating System:\t{}\n Architecture:\t\t{}",
        platform.os, platform.architecture
    );
    let _ = write!(
        text,
        "\nResources:\n CPUs:\t\t\t{}\n Memory:\t\t{memory}",
        resources.nano_cpus / 1_000_000_000
    );
    let mut plugins: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (kind, name) in &engine.plugins {
        plugins.entry(kind).or_default().push(name);
    }
    if !plugins.is_empty() {
        text.push_str("\nPlugins:");
    }
    for (kind, names) in plugins {
        let _ = write!(text, "\n {kind}:\t\t{}", names.join(", "));
    }
    let _ = write!(text, "\nEngine Version:\t\t{}", engine.version);
    write_labels(text, "Engine Labels", &engine.labels);
}

fn write_labels(text: &mut String, title: &str, labels: &Labels) {
    if !labels.is_empty() {
        let _ = write!(text, "\n{title}:");
    }
    for (name, value) in labels {
        let equals = if value.is_empty() { "" } else { "=" };
        let _ = write!(text, "\n - {name}{equals}{value}");
    }
}
