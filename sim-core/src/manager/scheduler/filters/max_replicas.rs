//! A node takes so many active tasks of a service at most.
//!
//! The limit is the one in the task's own spec; the count is over all versions of the service.
use super::Filter;
use crate::manager::scheduler::needs::Needs;
use crate::manager::scheduler::node_info::NodeInfo;

pub(super) struct MaxReplicas;

impl Filter for MaxReplicas {
    fn name(&self) -> &'static str {
        "max replicas"
    }

    fn applies(&self, needs: &Needs<'_>) -> bool {
        needs.max_replicas() > 0
    }

    fn fits(&self, needs: &Needs<'_>, node: &NodeInfo) -> bool {
        u64::from(node.active_tasks_of(needs.task.service)) < needs.max_replicas()
    }

    fn explain(&self, _nodes: u32) -> String {
        "max replicas per node limit exceed".to_owned()
    }

    fn detail(&self, needs: &Needs<'_>, node: &NodeInfo) -> String {
        format!("{} of {} here", node.active_tasks_of(needs.task.service), needs.max_replicas())
    }
}
