//! Who, besides the loops themselves, wants to hear about which objects.
//!
//! An update can have thousands of delayed starts that each wait for one task. An index from object to strand
//! keeps a commit's cost in proportion to those whom it concerns.
use std::collections::{BTreeMap, BTreeSet};

use super::Strand;
use crate::kernel::{Digest, StateDigest};
use crate::model::{NodeId, ServiceId, TaskId};
use crate::store::{ChangeSet, ObjectChange};

/// Objects that a strand can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Interest {
    /// One task.
    Task(TaskId),
    /// One node.
    Node(NodeId),
    /// All tasks of one service.
    TasksOf(ServiceId),
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
            let interests = match &change.object {
                ObjectChange::Task(delta) => {
                    [Some(Interest::Task(delta.id())), delta.object().service.map(Interest::TasksOf)]
                }
                ObjectChange::Node(delta) => [Some(Interest::Node(delta.id())), None],
                ObjectChange::Cluster(_) | ObjectChange::Service(_) | ObjectChange::Network(_) => {
                    [None, None]
                }
            };
            for strands in interests.into_iter().flatten().filter_map(|i| self.by_object.get(&i)) {
                concerned.extend(strands.iter().map(|(order, strand)| (*order, position, *strand)));
            }
        }
        concerned.into_iter().map(|(_, position, strand)| (strand, position)).collect()
    }
}

impl StateDigest for Watches {
    fn digest(&self, digest: &mut Digest) {
        // The index by object follows from the interests of the strands.
        let Self { subscriptions, of_strand, by_object: _ } = self;
        digest.u64(*subscriptions);
        for (strand, (order, interests)) in of_strand {
            digest.u8(strand.owner as u8);
            digest.u32(strand.number);
            digest.u64(*order);
            digest.u64(interests.len() as u64);
        }
    }
}
