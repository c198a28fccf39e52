//! Tasks that wait for a decision, and how they are grouped (spec scheduler 8, step 1).
use std::collections::BTreeMap;
use std::sync::Arc;

use super::failures::VersionedService;
use crate::kernel::{Digest, StateDigest};
use crate::model::{FactId, Task, TaskId};

/// A task that waits.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) task: Arc<Task>,
    /// The fact that brought the task; none once it was tried: then the fact counts that asked for the tick.
    pub(super) cause: Option<FactId>,
}

/// A set of waiting tasks: one entry a task, no order of arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    entries: BTreeMap<TaskId, Queued>,
}

impl Queue {
    pub(super) fn put(&mut self, task: Arc<Task>, cause: Option<FactId>) {
        self.entries.insert(task.id, Queued { task, cause });
    }

    pub(super) fn remove(&mut self, task: TaskId) {
        self.entries.remove(&task);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn contains(&self, task: TaskId) -> bool {
        self.entries.contains_key(&task)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All entries by task id; they stay.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.entries.values()
    }

    /// The tasks were tried: from now on they are retried because of something else.
    pub(super) fn forget_causes(&mut self) {
        for entry in self.entries.values_mut() {
            entry.cause = None;
        }
    }

    /// Takes all entries, as lists of tasks that are alike: by service and spec version, each by slot and id,
    /// and behind them the tasks without a spec version one by one.
    pub(super) fn take_groups(&mut self) -> Vec<Vec<Queued>> {
        let mut groups: Vec<(VersionedService, Vec<Queued>)> = Vec::new();
        let mut places: BTreeMap<VersionedService, usize> = BTreeMap::new();
        let mut one_offs = Vec::new();
        // Tasks of a service are mostly neighbours in id order.
        let mut last = None;
        for queued in std::mem::take(&mut self.entries).into_values() {
            if queued.task.node.is_some() {
                continue;
            }
            if queued.task.spec_version.is_none() {
                one_offs.push(vec![queued]);
                continue;
            }
            let key = VersionedService::of(&queued.task);
            let place = match last {
                Some((previous, place)) if previous == key => place,
                _ => *places.entry(key).or_insert_with(|| {
                    groups.push((key, Vec::new()));
                    groups.len() - 1
                }),
            };
            last = Some((key, place));
            groups[place].1.push(queued);
        }
        groups.sort_by_key(|(key, _)| *key);
        let sorted = groups.into_iter().map(|(_, mut group)| {
            group.sort_by_key(|queued| (queued.task.slot, queued.task.id));
            group
        });
        sorted.chain(one_offs).collect()
    }
}

impl StateDigest for Queue {
    fn digest(&self, digest: &mut Digest) {
        let Self { entries } = self;
        digest.u64(entries.len() as u64);
        for Queued { task, cause } in entries.values() {
            task.id.digest(digest);
            digest.u64(task.meta.version);
            cause.digest(digest);
        }
    }
}
