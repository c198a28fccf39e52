//! Nodes in the order in which a service prefers them, kept from one group to the next.
//!
//! Building the order costs a look at every node. A service that gets its tasks one at a time, as in an update
//! or after failures, would pay that for each of them; with the order kept, a task costs a look at the nodes
//! that changed since the last one. The index only saves time: it finds the nodes that a look at all nodes in
//! id order would find.
use std::collections::{BTreeSet, VecDeque};

use super::failures::VersionedService;
use super::node_set::{LogPosition, NodeSet};
use super::rank::Rank;
use crate::kernel::SimTime;
use crate::model::{IdMap, NodeId};

/// How many services have an index at one time.
const SERVICES: usize = 4;

/// The orders of the services that asked last.
#[derive(Debug, Default)]
pub(super) struct RankIndexes {
    indexes: VecDeque<RankIndex>,
    /// Who asked last without having an index. Only who asks again gets one.
    asked: VecDeque<VersionedService>,
}

/// The order of one version of a service.
#[derive(Debug)]
pub(super) struct RankIndex {
    service: VersionedService,
    order: BTreeSet<(Rank, NodeId)>,
    ranks: IdMap<NodeId, Rank>,
    /// Nodes whose rank depends on the time, because they failed tasks of the service.
    failing: BTreeSet<NodeId>,
    seen: LogPosition,
}

impl RankIndexes {
    /// The order of a service as it is now, if it is worth to keep one.
    pub(super) fn of(
        &mut self,
        service: VersionedService,
        nodes: &NodeSet,
        now: SimTime,
    ) -> Option<&RankIndex> {
        let known = self.indexes.iter().position(|index| index.service == service);
        let mut index = match known.and_then(|position| self.indexes.remove(position)) {
            Some(index) => index,
            None if self.asks_again(service) => RankIndex::new(service, nodes, now),
            None => return None,
        };
        index.update(nodes, now);
        self.indexes.push_front(index);
        self.indexes.truncate(SERVICES);
        self.indexes.front()
    }

    fn asks_again(&mut self, service: VersionedService) -> bool {
        let before = self.asked.iter().position(|asked| *asked == service);
        match before {
            Some(position) => {
                self.asked.remove(position);
            }
            None => {
                self.asked.push_front(service);
                self.asked.truncate(SERVICES);
            }
        }
        before.is_some()
    }
}

impl RankIndex {
    fn new(service: VersionedService, nodes: &NodeSet, now: SimTime) -> Self {
        let mut index = RankIndex {
            service,
            order: BTreeSet::new(),
            ranks: IdMap::new(),
            failing: BTreeSet::new(),
            seen: nodes.log_position(),
        };
        index.rebuild(nodes, now);
        index
    }

    /// Nodes, best first; ties by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Rank, NodeId)> {
        self.order.iter().copied()
    }

    fn update(&mut self, nodes: &NodeSet, now: SimTime) {
        match nodes.changes_since(self.seen) {
            // A change costs several times as much as a node in a new order.
            Some(changes) if changes.len() * 4 <= nodes.len() => {
                let failing: Vec<NodeId> = self.failing.iter().copied().collect();
                for node in changes.iter().chain(&failing) {
                    self.place(*node, nodes, now);
                }
            }
            Some(_) | None => self.rebuild(nodes, now),
        }
        self.seen = nodes.log_position();
    }

    fn rebuild(&mut self, nodes: &NodeSet, now: SimTime) {
        self.ranks = IdMap::new();
        let mut order = Vec::with_capacity(nodes.len());
        for info in nodes.iter() {
            let rank = Rank::of(info, self.service, now);
            self.ranks.insert(info.id(), rank);
            order.push((rank, info.id()));
        }
        order.sort_unstable();
        self.order = order.into_iter().collect();
        let failing = nodes.iter().filter(|info| info.failures.knows(self.service));
        self.failing = failing.map(|info| info.id()).collect();
    }

    /// Puts one node where it belongs now.
    fn place(&mut self, node: NodeId, nodes: &NodeSet, now: SimTime) {
        let info = nodes.get(node);
        let rank = info.map(|info| Rank::of(info, self.service, now));
        if self.ranks.get(node).copied() != rank {
            if let Some(old) = self.ranks.remove(node) {
                self.order.remove(&(old, node));
            }
            if let Some(rank) = rank {
                self.ranks.insert(node, rank);
                self.order.insert((rank, node));
            }
        }
        if info.is_some_and(|info| info.failures.knows(self.service)) {
            self.failing.insert(node);
        } else {
            self.failing.remove(&node);
        }
    }
}
