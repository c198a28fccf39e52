//! All constraints of the task must hold (spec scheduler 12). A list that does not parse is ignored.
use super::{Filter, count_of};
use crate::manager::scheduler::needs::Needs;
use crate::manager::scheduler::node_info::NodeInfo;
use crate::model::constraint::node_matches;

pub(super) struct Constraints;

impl Filter for Constraints {
    fn name(&self) -> &'static str {
        "constraints"
    }

    fn applies(&self, needs: &Needs<'_>) -> bool {
        !needs.constraints.is_empty()
    }

    fn fits(&self, needs: &Needs<'_>, node: &NodeInfo) -> bool {
        node_matches(&needs.constraints, node.node(), needs.seed)
    }

    fn explain(&self, nodes: u32) -> String {
        format!("scheduling constraints not satisfied on {}", count_of(nodes))
    }

    fn detail(&self, needs: &Needs<'_>, node: &NodeInfo) -> String {
        let node = node.node();
        let broken = needs.constraints.iter().find(|constraint| !constraint.holds_for(node, needs.seed));
        match broken {
            Some(constraint) => format!("{constraint}, has '{}'", constraint.found_on(node, needs.seed)),
            None => "all hold".to_owned(),
        }
    }
}
