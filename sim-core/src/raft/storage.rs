//! What survives a crash: the disk of one manager, as far as Raft uses it (spec 3.1, 5.6).
use std::collections::BTreeSet;

use super::entries::Entries;
use super::{ConfChange, Entry, EntryData, EntryId, HardState, Payload, Persist, RaftId, Snapshot};

/// The durable state of a member. A new one stands for an empty directory, and so does one that was lost.
#[derive(Clone, Debug)]
pub(crate) struct Disk<P: Payload> {
    pub(super) hard_state: HardState,
    pub(super) snapshot: Option<Snapshot<P>>,
    pub(super) entries: Entries<P>,
}

impl<P: Payload> Disk<P> {
    /// The disk of a manager that has never been in a cluster.
    pub(crate) fn empty() -> Self {
        Disk { hard_state: HardState::default(), snapshot: None, entries: Entries::following(EntryId::START) }
    }

    /// The disk of a member that has nothing but this snapshot, and votes or voted like this.
    pub(crate) fn from_snapshot(snapshot: Snapshot<P>, vote: Option<RaftId>) -> Self {
        let hard_state = HardState { term: snapshot.last.term, vote, commit: snapshot.last.index };
        let entries = Entries::following(snapshot.last);
        Disk { hard_state, snapshot: Some(snapshot), entries }
    }

    /// Whether nothing was ever written. A manager then bootstraps or joins instead of restarting.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let Disk { hard_state, snapshot, entries } = self;
        *hard_state == HardState::default() && snapshot.is_none() && entries.last() == EntryId::START
    }

    /// The newest snapshot, whose data a restarting manager loads before entries are applied again.
    pub(crate) fn snapshot(&self) -> Option<&Snapshot<P>> {
        self.snapshot.as_ref()
    }

    /// The durable term, vote and commit index.
    pub(crate) fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// Writes what one Ready asks for. All of it survives a crash, or nothing.
    pub(crate) fn write(&mut self, persist: &Persist<P>) {
        if let Some(snapshot) = &persist.snapshot {
            self.entries = Entries::following(snapshot.last);
            self.snapshot = Some(snapshot.clone());
        }
        if let Some(first) = persist.entries.first() {
            self.entries.truncate(first.id.index);
            persist.entries.iter().for_each(|entry| self.entries.push(entry.clone()));
        }
        if let Some(hard_state) = persist.hard_state {
            self.hard_state = hard_state;
        }
    }

    /// Writes a snapshot of the own applied state. What it covers is never read again: a restarted member has no
    /// entries before its snapshot, even though it kept some in memory for slow followers.
    pub(crate) fn save_snapshot(&mut self, snapshot: &Snapshot<P>) {
        if self.snapshot.as_ref().is_some_and(|newest| newest.last.index >= snapshot.last.index) {
            return;
        }
        self.entries.compact(snapshot.last.index);
        self.snapshot = Some(snapshot.clone());
    }

    /// Loses the commit index, as no disk does: a defect for tests.
    pub(crate) fn forget_commit(&mut self) {
        self.hard_state.commit = self.entries.base().index;
    }

    /// Rewrites the history so that this member is alone (spec 5.6): what was not committed is forgotten, and
    /// changes that remove all others, or add the member if the others had removed it, count as committed.
    /// Returns the removed members. The member campaigns as soon as it has applied the changes.
    pub(crate) fn force_new_cluster(&mut self, own: RaftId, member: P::Member) -> Vec<RaftId> {
        let HardState { term, commit, .. } = self.hard_state;
        self.entries.truncate(commit + 1);
        let mut others = self.committed_members();
        let changes = if others.remove(&own) { None } else { Some(ConfChange::AddNode { id: own, member }) };
        let removals = others.iter().map(|id| ConfChange::RemoveNode { id: *id });
        // The own addition comes first: the last voter could not be removed.
        for change in changes.into_iter().chain(removals) {
            let id = EntryId { term, index: self.entries.last().index + 1 };
            self.entries.push(Entry { id, data: EntryData::ConfChange(change) });
        }
        self.hard_state.commit = self.entries.last().index;
        others.into_iter().collect()
    }

    fn committed_members(&self) -> BTreeSet<RaftId> {
        let mut members: BTreeSet<RaftId> =
            self.snapshot.iter().flat_map(|snapshot| snapshot.voters.iter().copied()).collect();
        for entry in self.entries.starting_at(self.entries.first_index()) {
            match &entry.data {
                EntryData::ConfChange(ConfChange::AddNode { id, .. }) => drop(members.insert(*id)),
                EntryData::ConfChange(ConfChange::RemoveNode { id }) => drop(members.remove(id)),
                EntryData::ConfChange(ConfChange::UpdateNode { .. })
                | EntryData::Empty
                | EntryData::Normal(_) => {}
            }
        }
        members
    }
}
