//! How often each slot was restarted, to hold it to its limit (spec orchestration 6.2, 6.3).
//!
//! It lives in memory only: a new leader rebuilds it from the tasks that it finds.
use std::collections::{BTreeMap, VecDeque};

use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{NodeId, RestartPolicy, ServiceId, Slot, SlotTuple, Task};

/// Restarts of all slots of one orchestrator's services.
#[derive(Debug, Default)]
pub(crate) struct History {
    slots: BTreeMap<SlotTuple, Restarts>,
}

/// Restarts of one slot under one version of its spec.
#[derive(Debug, Default)]
struct Restarts {
    spec_version: u64,
    total: u64,
    /// When they were, oldest first. Kept only if the restart policy has a window.
    times: VecDeque<SimTime>,
}

impl History {
    /// A slot got a replacement, created at `now`. Slots without a limit are not counted.
    pub(crate) fn record(&mut self, slot: SlotTuple, replacement: &Task, now: SimTime) {
        let Some(policy) = replacement.spec.restart.filter(|policy| policy.max_attempts > 0) else { return };
        let restarts = self.slots.entry(slot).or_default();
        if let Some(spec_version) = replacement.spec_version
            && spec_version != restarts.spec_version
        {
            *restarts = Restarts { spec_version, ..Restarts::default() };
        }
        restarts.total += 1;
        if window_of(&policy).is_some() {
            restarts.times.push_back(now);
        }
    }

    /// True if a task of this slot may be replaced once more. Restarts that have left the window are
    /// forgotten for good.
    pub(crate) fn has_attempts_left(&mut self, slot: SlotTuple, task: &Task) -> bool {
        let Some(policy) = task.spec.restart.filter(|policy| policy.max_attempts > 0) else { return true };
        let Some(restarts) = self.slots.get_mut(&slot) else { return true };
        if task.spec_version.is_some_and(|version| version != restarts.spec_version) {
            return true;
        }
        match (window_of(&policy), task.timestamp()) {
            (Some(window), Some(ended)) => restarts.in_window(window, ended) < policy.max_attempts,
            (None, _) | (_, None) => restarts.total < policy.max_attempts,
        }
    }

    /// The service is gone.
    pub(crate) fn clear(&mut self, service: ServiceId) {
        let first = SlotTuple { service, slot: Slot(0), node: None };
        let last = SlotTuple { service, slot: Slot(u32::MAX), node: Some(NodeId(u32::MAX)) };
        let slots: Vec<SlotTuple> = self.slots.range(first..=last).map(|(slot, _)| *slot).collect();
        for slot in slots {
            self.slots.remove(&slot);
        }
    }
}

impl Restarts {
    /// Restarts in the window before a task ended. Later ones do not count.
    fn in_window(&mut self, window: SimDuration, ended: SimTime) -> u64 {
        while self.times.front().is_some_and(|time| *time + window <= ended) {
            self.times.pop_front();
        }
        let later = self.times.iter().rev().take_while(|time| **time >= ended).count();
        (self.times.len() - later) as u64
    }
}

fn window_of(policy: &RestartPolicy) -> Option<SimDuration> {
    policy.window.filter(|window| !window.is_zero())
}

impl StateDigest for History {
    fn digest(&self, digest: &mut Digest) {
        let Self { slots } = self;
        digest.u64(slots.len() as u64);
        for (slot, Restarts { spec_version, total, times }) in slots {
            slot.digest(digest);
            digest.u64(*spec_version);
            digest.u64(*total);
            digest.sequence(times.iter());
        }
    }
}
