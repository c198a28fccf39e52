//! Who, besides the loops themselves, wants to hear of what.
//!
//! An update can have thousands of delayed starts that each wait for one task. An index from object to strand
//! keeps a commit's cost in proportion to those whom it concerns.
use std::collections::{BTreeMap, BTreeSet};

use super::Strand;
use crate::kernel::{Digest, StateDigest};
use crate::model::{NodeId, NodeState, ServiceId, TaskId};
use crate::store::{ChangeSet, Delta, ObjectChange};

/// What a strand can watch for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Interest {
    /// Updates of one task.
    Task(TaskId),
    /// Updates that show one task in a final state.
    TaskEnded(TaskId),
    /// Updates that show any task of a service in a final state.
    TaskOfServiceEnded(ServiceId),
    /// A node is down or deleted.
    NodeLost(NodeId),
}

/// Interests of strands. Strands hear a commit in the order in which they subscribed.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    subscriptions: u64,
    of_strand: BTreeMap<Strand, (u64, Vec<Interest>)>,
    by_object: BTreeMap<Interest, BTreeSet<(u64, Strand)>>,
}

impl Watches {
    pub(crate) fn add(&mut self, strand: Strand, interest: Interest) {
        let next = self.subscriptions;
        let (order, interests) = self.of_strand.entry(strand).or_insert((next, Vec::new()));
        if *order == next {
            self.subscriptions += 1;
        }
        interests.push(interest);
        self.by_object.entry(interest).or_default().insert((*order, strand));
    }

    pub(crate) fn remove(&mut self, strand: Strand) {
        let Some((order, interests)) = self.of_strand.remove(&strand) else { return };
        for interest in interests {
            let Some(strands) = self.by_object.get_mut(&interest) else { continue };
            strands.remove(&(order, strand));
            if strands.is_empty() {
                self.by_object.remove(&interest);
            }
        }
    }

    pub(crate) fn contains(&self, strand: Strand) -> bool {
        self.of_strand.contains_key(&strand)
    }

    /// The strands that a commit concerns, each with the position of a change, by subscription and position.
    pub(crate) fn concerned(&self, changes: &ChangeSet) -> Vec<(Strand, usize)> {
        if self.by_object.is_empty() {
            return Vec::new();
        }
        let mut concerned = BTreeSet::new();
        for (position, change) in changes.iter().enumerate() {
            let strands = interests_in(&change.object).into_iter().flatten();
            for strands in strands.filter_map(|interest| self.by_object.get(&interest)) {
                concerned.extend(strands.iter().map(|(order, strand)| (*order, position, *strand)));
            }
        }
        concerned.into_iter().map(|(_, position, strand)| (strand, position)).collect()
    }
}

/// Whose interest a change meets.
fn interests_in(change: &ObjectChange) -> [Option<Interest>; 3] {
    match change {
        ObjectChange::Task(Delta { old: Some(_), new: Some(task) }) => {
            let ended = task.status.state.is_terminal();
            [
                Some(Interest::Task(task.id)),
                ended.then_some(Interest::TaskEnded(task.id)),
                task.service.filter(|_| ended).map(Interest::TaskOfServiceEnded),
            ]
        }
        ObjectChange::Node(Delta { old: Some(node), new }) => {
            let lost = new.as_ref().is_none_or(|node| node.status.state == NodeState::Down);
            [lost.then_some(Interest::NodeLost(node.id)), None, None]
        }
        ObjectChange::Task(_)
        | ObjectChange::Node(_)
        | ObjectChange::Cluster(_)
        | ObjectChange::Service(_)
        | ObjectChange::Network(_) => [None; 3],
    }
}

impl StateDigest for Watches {
    fn digest(&self, digest: &mut Digest) {
        // The index by object follows from the interests of the strands.
        let Self { subscriptions, of_strand, by_object: _ } = self;
        digest.u64(*subscriptions);
        of_strand.digest(digest);
    }
}

impl StateDigest for Interest {
    fn digest(&self, digest: &mut Digest) {
        let (kind, object) = match self {
            Interest::Task(task) => (0, task.0),
            Interest::TaskEnded(task) => (1, task.0),
            Interest::TaskOfServiceEnded(service) => (2, service.0),
            Interest::NodeLost(node) => (3, node.0),
        };
        digest.u8(kind);
        digest.u32(object);
    }
}
