//! The voters, what a majority of them has, and how a configuration change takes effect (spec 2.11).
use std::collections::BTreeMap;

use super::{ConfChange, Payload, Progress, Raft, RaftId, Role};

/// The members of the configuration. All of them vote, and a leader knows each one's progress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members(BTreeMap<RaftId, Progress>);

impl Members {
    /// The members of a snapshot or of a new cluster.
    pub(super) fn of(ids: impl IntoIterator<Item = RaftId>, last_index: u64, max_inflight: usize) -> Self {
        let mut members = Members::default();
        ids.into_iter().for_each(|id| members.add(id, last_index, max_inflight));
        members
    }

    /// Adds a voter, unless it is one. It is probed at the last entry and counts as alive, so that it does not
    /// trip the next quorum check.
    fn add(&mut self, id: RaftId, last_index: u64, max_inflight: usize) {
        self.0.entry(id).or_insert_with(|| {
            let mut progress = Progress::new(last_index.max(1), max_inflight);
            progress.recent_active = true;
            progress
        });
    }

    fn remove(&mut self, id: RaftId) {
        self.0.remove(&id);
    }

    pub(crate) fn contains(&self, id: RaftId) -> bool {
        self.0.contains_key(&id)
    }

    /// The members' ids, ascending.
    pub(crate) fn ids(&self) -> impl ExactSizeIterator<Item = RaftId> + '_ {
        self.0.keys().copied()
    }

    /// Members with their progress, which only a leader keeps up to date, in ascending order of ids.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (RaftId, &Progress)> {
        self.0.iter().map(|(id, progress)| (*id, progress))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (RaftId, &mut Progress)> {
        self.0.iter_mut().map(|(id, progress)| (*id, progress))
    }

    pub(crate) fn progress(&self, id: RaftId) -> Option<&Progress> {
        self.0.get(&id)
    }

    pub(super) fn progress_mut(&mut self, id: RaftId) -> Option<&mut Progress> {
        self.0.get_mut(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest majority.
    pub(crate) fn quorum(&self) -> usize {
        self.len() / 2 + 1
    }

    /// The highest index that a majority has stored.
    pub(super) fn quorum_index(&self) -> u64 {
        let mut stored: Vec<u64> = self.0.values().map(|progress| progress.matched).collect();
        stored.sort_unstable_by(|a, b| b.cmp(a));
        stored.get(self.quorum() - 1).copied().unwrap_or(0)
    }

    /// Whether a majority has answered since the last check.
    pub(super) fn quorum_active(&self) -> bool {
        self.0.values().filter(|progress| progress.recent_active).count() >= self.quorum()
    }
}

impl<P: Payload> Raft<P> {
    /// A committed configuration change is applied: from now on it decides who votes. The driver calls this for
    /// every change it accepts, before it advances past the entry.
    ///
    /// # Panics
    /// If nobody would be left to vote.
    pub(crate) fn apply_conf_change(&mut self, change: &ConfChange<P::Member>) {
        match change {
            ConfChange::AddNode { id, .. } => {
                self.members.add(*id, self.log.last_index(), self.config.max_inflight);
            }
            ConfChange::RemoveNode { id } => self.members.remove(*id),
            ConfChange::UpdateNode { .. } => {}
        }
        assert!(self.members.len() > 0, "the last voter {} cannot be removed", self.id);
        self.adapt_to_members();
    }

    /// A leader that is still a member acts on the new configuration at once: it may complete a majority, and a
    /// new member need not wait for the next heartbeat. A leader that has removed itself goes on leading without
    /// being counted, until its process stops (spec 2.11).
    fn adapt_to_members(&mut self) {
        if self.role != Role::Leader || !self.members.contains(self.id) {
            return;
        }
        if self.advance_commit() {
            self.broadcast_append();
        } else {
            for peer in self.peers() {
                self.send_entries(peer);
            }
        }
        if self.transferee.is_some_and(|transferee| !self.members.contains(transferee)) {
            self.transferee = None;
        }
    }

    /// The other members, ascending: the order of every broadcast.
    pub(super) fn peers(&self) -> Vec<RaftId> {
        self.members.ids().filter(|id| *id != self.id).collect()
    }
}
