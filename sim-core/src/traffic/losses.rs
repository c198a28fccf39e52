//! Failed requests, gathered into one fact for all that are alike within a second.
//!
//! Alike are those of one source with one failure at one task through one node, in one call. The first of them is the reason that
//! the fact names, because it is the earliest sign of what went wrong.
use std::collections::BTreeMap;

use super::request::Blame;
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::{FactId, Failure, HostId, RequestsFailed, TaskId, TrafficId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    traffic: TrafficId,
    failure: Failure,
    via: Option<TrafficId>,
    task: Option<TaskId>,
    entry: Option<HostId>,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    count: u64,
    first_sent: SimTime,
    last_sent: SimTime,
    blame: Blame,
}

/// What failed since the last fact was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses(BTreeMap<Key, Group>);

impl Losses {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, traffic: TrafficId, sent: SimTime, blame: Blame) {
        let Blame { failure, entry, target, via, .. } = blame;
        let key = Key { traffic, failure, via, task: target.map(|target| target.task), entry };
        let group = self.0.entry(key).or_insert(Group { count: 0, first_sent: sent, last_sent: sent, blame });
        group.count += 1;
        group.first_sent = group.first_sent.min(sent);
        group.last_sent = group.last_sent.max(sent);
    }

    /// How many there are of each source.
    pub(super) fn counts(&self) -> BTreeMap<TrafficId, u64> {
        let mut counts = BTreeMap::new();
        self.0.iter().for_each(|(key, group)| *counts.entry(key.traffic).or_default() += group.count);
        counts
    }

    /// All facts with their causes, in a fixed order. After it there are none.
    pub(super) fn take(&mut self) -> Vec<(FactId, RequestsFailed)> {
        let groups = std::mem::take(&mut self.0);
        let fact = |(key, group): (Key, Group)| {
            let Blame { because, target, .. } = group.blame;
            let failed = RequestsFailed {
                traffic: key.traffic,
                failure: key.failure,
                via: key.via,
                count: group.count,
                first_sent: group.first_sent,
                last_sent: group.last_sent,
                entry: key.entry,
                task: key.task,
                host: target.map(|target| target.host),
                address: target.map(|target| target.address),
            };
            (because, failed)
        };
        groups.into_iter().map(fact).collect()
    }
}

impl StateDigest for Losses {
    fn digest(&self, digest: &mut Digest) {
        let Self(groups) = self;
        for (key, group) in groups {
            digest.u32(key.traffic.0);
            digest.text(key.failure.name());
            digest.u64(group.count);
        }
    }
}
