//! Ports that the task publishes on its node must be free there.
use super::{Filter, count_of};
use crate::manager::scheduler::needs::Needs;
use crate::manager::scheduler::node_info::NodeInfo;

pub(super) struct HostPorts;

impl Filter for HostPorts {
    fn name(&self) -> &'static str {
        "host ports"
    }

    fn applies(&self, needs: &Needs<'_>) -> bool {
        !needs.host_ports.is_empty()
    }

    fn fits(&self, needs: &Needs<'_>, node: &NodeInfo) -> bool {
        !needs.host_ports.iter().any(|port| node.uses_port(*port))
    }

    fn explain(&self, nodes: u32) -> String {
        format!("host-mode port already in use on {}", count_of(nodes))
    }

    fn detail(&self, needs: &Needs<'_>, node: &NodeInfo) -> String {
        let ports = needs.host_ports.iter().map(|port| {
            let state = if node.uses_port(*port) { "in use" } else { "free" };
            format!("{} {}", port, state)
        });
        ports.collect::<Vec<_>>().join(", ")
    }
}
