//! How even the scheduler really makes things (spec scheduler 8.3, 8.4).
//!
//! It counts tasks and looks at each decision once, so less is guaranteed than one might think. For a service
//! whose usable nodes can take all of its tasks, and none of which has failed it five times:
//!
//! - Without preferences the difference between the most and the fewest tasks of the service on two usable nodes
//!   is at most one more than before the group was placed. From nothing, it is at most one.
//! - With one level of preference the same holds for branches only from nothing, and if every branch has a usable
//!   node. Otherwise the counts from before the group, which the scheduler does not update, can double a
//!   difference; with two levels a branch can get far more than its share.
//!
//! Where nodes fill up in the middle of a group there is no bound at all.
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::reference::Reference;
use crate::model::NodeId;

/// Checks the bound for one service, with the cluster before and after its tasks were placed.
pub(super) fn is_bounded(before: &Reference, after: &Reference, service: usize) -> Result<(), TestCaseError> {
    let wants = before.services[service];
    let takes_all = [wants.cpus, wants.memory, wants.gpus] == [0; 3] && wants.port.is_none();
    let usable: Vec<NodeId> =
        before.nodes.keys().copied().filter(|node| before.fails(*node, service).is_none()).collect();
    let distrusted = usable.iter().any(|node| before.preference(*node, service).0 > 0);
    if !takes_all || wants.max_replicas > 0 || distrusted {
        return Ok(());
    }
    let counts = |cluster: &Reference| -> Vec<usize> {
        usable.iter().map(|node| cluster.active_of(*node, service)).collect()
    };
    if wants.levels == 0 {
        let (first, last) = (difference(&counts(before)), difference(&counts(after)));
        prop_assert!(last <= first + 1, "{:?} became {:?}", counts(before), counts(after));
    }
    let was_empty = before.nodes.keys().all(|node| before.active_of(*node, service) == 0);
    if wants.levels == 1 && was_empty {
        let mut branches: BTreeMap<Vec<String>, Option<usize>> = BTreeMap::new();
        for node in before.nodes.keys() {
            branches.entry(before.path(*node, service)).or_default();
        }
        for node in &usable {
            let tasks = branches.entry(before.path(*node, service)).or_default();
            *tasks = Some(tasks.unwrap_or(0) + after.active_of(*node, service));
        }
        let Some(tasks) = branches.into_values().collect::<Option<Vec<usize>>>() else { return Ok(()) };
        prop_assert!(difference(&tasks) <= 1, "tasks of the branches: {:?}", tasks);
    }
    Ok(())
}

fn difference(counts: &[usize]) -> usize {
    counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0)
}
