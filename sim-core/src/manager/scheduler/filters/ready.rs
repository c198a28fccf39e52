//! The node must be READY and ACTIVE.
use super::Filter;
use crate::manager::scheduler::needs::Needs;
use crate::manager::scheduler::node_info::NodeInfo;
use crate::model::{Availability, NodeState};

pub(super) struct Ready;

impl Filter for Ready {
    fn name(&self) -> &'static str {
        "ready"
    }

    fn applies(&self, _needs: &Needs<'_>) -> bool {
        true
    }

    fn fits(&self, _needs: &Needs<'_>, node: &NodeInfo) -> bool {
        let node = node.node();
        node.status.state == NodeState::Ready && node.spec.availability == Availability::Active
    }

    fn explain(&self, nodes: u32) -> String {
        match nodes {
            1 => "1 node not available for new tasks".to_owned(),
            _ => format!("{nodes} nodes not available for new tasks"),
        }
    }

    fn detail(&self, _needs: &Needs<'_>, node: &NodeInfo) -> String {
        let node = node.node();
        format!("{} and {}", node.status.state.name(), node.spec.availability.name())
    }
}
