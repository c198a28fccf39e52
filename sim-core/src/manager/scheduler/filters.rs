//! The conditions that a node must meet, one file each, in the order in which they are tried.
//!
//! The volumes filter of SwarmKit, which is about CSI volumes, is absent: the simulator has none.
mod constraints;
mod host_ports;
mod max_replicas;
mod platform;
mod plugins;
mod ready;
mod resources;

use super::needs::Needs;
use super::node_info::NodeInfo;

/// All filters in order. A node is counted under the first one that it fails.
pub(super) const FILTERS: &[&dyn Filter] = &[
    &ready::Ready,
    &resources::Resources,
    &plugins::Plugins,
    &constraints::Constraints,
    &platform::Platform,
    &host_ports::HostPorts,
    &max_replicas::MaxReplicas,
];

/// One condition.
pub(super) trait Filter: Sync {
    /// A word for tables.
    fn name(&self) -> &'static str;

    /// False if the task asks for nothing that this filter checks.
    fn applies(&self, needs: &Needs<'_>) -> bool;

    /// True if the node may get the task.
    fn fits(&self, needs: &Needs<'_>, node: &NodeInfo) -> bool;

    /// What a task says that found no node, where this many nodes failed here.
    fn explain(&self, nodes: u32) -> String;

    /// What was compared with what on this node, for explanations.
    fn detail(&self, needs: &Needs<'_>, node: &NodeInfo) -> String;
}

/// `1 node` or `3 nodes`.
fn count_of(nodes: u32) -> String {
    if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") }
}
