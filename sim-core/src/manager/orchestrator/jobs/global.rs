//! Reconciles a global job: one task that completes on every node that is ready for it (spec orchestration 11.3).
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::step::OrchestratorStep;
use super::super::task::NewTask;
use crate::model::{Availability, Node, NodeId, NodeState, Service, Slot, Task, TaskState, constraint};
use crate::store::Store;

/// New tasks first, then restarts, then what is left of earlier iterations, then tasks on lost nodes.
pub(super) fn reconcile(service: &Arc<Service>, store: &Store, seed: u64) -> Vec<OrchestratorStep> {
    let iteration = service.job_status.map_or(0, |status| status.iteration);
    let mut on_node: BTreeMap<NodeId, &Task> = BTreeMap::new();
    let (mut ended, mut outdated) = (Vec::new(), Vec::new());
    for task in store.tasks_of_service(service.id) {
        let Some(own) = task.job_iteration else { continue };
        if own != iteration {
            // Finished tasks are not spared here, unlike in a replicated job.
            if task.desired_state != TaskState::Remove {
                outdated.push(OrchestratorStep::Remove(task.id));
            }
        } else if let Some(node) = task.node.filter(|_| task.desired_state <= TaskState::Complete) {
            on_node.insert(node, task);
            if task.status.state > TaskState::Complete {
                ended.push(OrchestratorStep::Restart(task.id));
            }
        }
    }
    let constraints = service.spec.task.constraints();
    let matching = store.nodes().filter(|node| constraint::node_matches(&constraints, node, seed));
    let (lost, valid): (Vec<&Arc<Node>>, Vec<&Arc<Node>>) = matching.partition(|node| node.is_invalid());
    let candidates = valid.into_iter().filter(|node| is_candidate(node) && !on_node.contains_key(&node.id));
    let additions = candidates.map(|node| addition(service, node.id, iteration));
    let lost_tasks = lost.into_iter().filter_map(|node| on_node.get(&node.id));
    let shutdowns = lost_tasks
        .filter(|task| task.status.state <= TaskState::Running)
        .map(|task| OrchestratorStep::Shutdown(task.id));
    additions.chain(ended).chain(outdated).chain(shutdowns).collect()
}

fn is_candidate(node: &Node) -> bool {
    node.spec.availability == Availability::Active && node.status.state == NodeState::Ready
}

fn addition(service: &Arc<Service>, node: NodeId, iteration: u64) -> OrchestratorStep {
    OrchestratorStep::Create(NewTask {
        service: Arc::clone(service),
        slot: Slot(0),
        node: Some(node),
        iteration: Some(iteration),
    })
}
