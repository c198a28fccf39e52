//! The strategies of standalone Swarm, the product before swarm mode: spread, binpack and random.
//!
//! They are not part of swarm mode and are here to be compared with it. Only the ranking differs: the filters
//! stay, and placement preferences mean nothing. A node's weight is the percentage of its CPUs that would be
//! reserved with the task on it plus that of its memory; what the task does not reserve weighs 100. Spread
//! takes the least weight and then the fewest tasks, binpack the greatest weight and then the most tasks,
//! random any node. Absent: over-commitment by 5 %, and tasks that have ended (standalone Swarm counted
//! stopped containers, the scheduler does not know them).
use std::collections::BTreeSet;

use super::group::Group;
use super::node_info::{NodeInfo, described};
use crate::kernel::Stream;
use crate::model::{NodeId, Reservations};

/// Which end of the order by weight is taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ranking {
    /// The emptiest node.
    Spread,
    /// The fullest node.
    Binpack,
}

/// A node's place in the order; the least is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    weight: i64,
    tasks: i64,
    visit: usize,
    node: NodeId,
}

impl Place {
    fn of(info: &NodeInfo, visit: usize, reserved: Option<&Reservations>, ranking: Ranking) -> Self {
        let (weight, tasks) = (weight(info, reserved), info.tasks().len() as i64);
        let (weight, tasks) = match ranking {
            Ranking::Spread => (weight, tasks),
            Ranking::Binpack => (-weight, -tasks),
        };
        Place { weight, tasks, visit, node: info.id() }
    }
}

/// Places the tasks of a group one by one on the first node in the order, as many as there is room for.
pub(super) fn place_by_weight(group: &mut Group<'_>, ranking: Ranking) {
    let reserved = group.pipeline.needs().reservations;
    let mut places = BTreeSet::new();
    for (visit, node) in fitting(group).into_iter().enumerate() {
        places.insert(Place::of(group.info(node), visit, reserved, ranking));
    }
    while let Some(best) = places.pop_first() {
        let Some(task) = group.waiting.next() else { return };
        group.assign(task, best.node);
        if group.still_fits(best.node) {
            places.insert(Place::of(group.info(best.node), best.visit, reserved, ranking));
        }
    }
}

/// Places the tasks of a group one by one on any node that has room.
pub(super) fn place_by_lot(group: &mut Group<'_>, lots: &mut Stream) {
    let mut nodes = fitting(group);
    while !nodes.is_empty() {
        let Some(task) = group.waiting.next() else { return };
        let drawn = lots.below(nodes.len() as u64) as usize;
        group.assign(task, nodes[drawn]);
        if !group.still_fits(nodes[drawn]) {
            nodes.remove(drawn);
        }
    }
}

fn fitting(group: &mut Group<'_>) -> Vec<NodeId> {
    let mut nodes = group.visiting_order();
    nodes.retain(|node| group.still_fits(*node));
    nodes
}

/// Per cent of CPUs and memory that are reserved with the task on the node.
fn weight(node: &NodeInfo, reserved: Option<&Reservations>) -> i64 {
    let (Some(reserved), Some(whole)) = (reserved, described(node.node())) else { return 200 };
    let free = node.available();
    let cpus = percentage(reserved.nano_cpus, free.nano_cpus, whole.nano_cpus);
    cpus + percentage(reserved.memory_bytes, free.memory_bytes, whole.memory_bytes)
}

fn percentage(reserved: i64, free: i64, whole: i64) -> i64 {
    if reserved <= 0 || whole <= 0 {
        return 100;
    }
    let used = i128::from(whole) - i128::from(free) + i128::from(reserved);
    (used * 100 / i128::from(whole)) as i64
}
