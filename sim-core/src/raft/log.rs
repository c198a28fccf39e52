//! The log in memory: what is replicated, how much of it is committed, applied, and handed out to the disk.
use super::entries::Entries;
use super::{Entry, EntryData, EntryId, Payload, Snapshot, Term};

/// The log of one member, from its last compaction to its end.
///
/// Entries count as existing as soon as they are appended; `persist_from` says which of them no Ready has carried
/// to the disk yet. Nothing is read back from the disk before a restart.
#[derive(Clone, Debug)]
pub(super) struct Log<P: Payload> {
    pub(super) entries: Entries<P>,
    pub(super) snapshot: Option<Snapshot<P>>,
    pub(super) incoming: Incoming,
    pub(super) commit: u64,
    pub(super) applied: u64,
    pub(super) persist_from: u64,
}

/// Where a snapshot of the leader is on its way into the applied state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// There is none.
    None,
    /// It waits for the next Ready.
    Waiting,
    /// A Ready has carried it to the driver, which has not advanced yet.
    HandedOut,
}

impl<P: Payload> Log<P> {
    /// The log of a member that starts from this snapshot; `entries` follow it and are durable.
    pub(super) fn restored(snapshot: Option<Snapshot<P>>, entries: Entries<P>, commit: u64) -> Self {
        let applied = entries.base().index;
        assert!(
            (applied..=entries.last().index).contains(&commit),
            "commit {commit} is outside of the log {}..={}",
            applied,
            entries.last().index
        );
        let persist_from = entries.last().index + 1;
        Log { entries, snapshot, incoming: Incoming::None, commit, applied, persist_from }
    }

    pub(super) fn last(&self) -> EntryId {
        self.entries.last()
    }

    pub(super) fn last_index(&self) -> u64 {
        self.entries.last().index
    }

    pub(super) fn first_index(&self) -> u64 {
        self.entries.first_index()
    }

    pub(super) fn term_at(&self, index: u64) -> Option<Term> {
        self.entries.term_at(index)
    }

    pub(super) fn contains(&self, id: EntryId) -> bool {
        self.term_at(id.index) == Some(id.term)
    }

    /// Appends an entry of the leader itself.
    pub(super) fn append(&mut self, term: Term, data: EntryData<P>) -> u64 {
        let index = self.last_index() + 1;
        self.entries.push(Entry { id: EntryId { term, index }, data });
        index
    }

    /// Takes over the entries of a leader if they connect to the own log, and tells up to which index both agree
    /// then (spec 2.7, `handleAppendEntries`). Entries that are there already stay; the first that differs, and all
    /// after it, are replaced, unless a test wants conflicts to be kept.
    pub(super) fn append_after(
        &mut self,
        previous: EntryId,
        entries: Vec<Entry<P>>,
        keeps_conflicts: bool,
    ) -> Option<u64> {
        if !self.contains(previous) {
            return None;
        }
        let agreed = entries.last().map_or(previous.index, |entry| entry.id.index);
        let is_known = |entry: &Entry<P>| {
            self.contains(entry.id) || (keeps_conflicts && entry.id.index <= self.last_index())
        };
        let known = entries.iter().take_while(|entry| is_known(entry)).count();
        let mut fresh = entries.into_iter().skip(known).peekable();
        if let Some(first) = fresh.peek() {
            self.truncate(first.id.index);
        }
        fresh.for_each(|entry| self.entries.push(entry));
        Some(agreed)
    }

    fn truncate(&mut self, first: u64) {
        assert!(first > self.commit, "entry {first} is committed and cannot be replaced");
        self.entries.truncate(first);
        self.persist_from = self.persist_from.min(first);
    }

    /// The greatest index up to `index` whose entry may match one of a log that has nothing newer than `term`
    /// there, with its term if known. Saves probing entry by entry (spec 2.7, hints).
    pub(super) fn possible_match(&self, index: u64, term: Term) -> (u64, Option<Term>) {
        for candidate in (1..=index).rev() {
            match self.term_at(candidate) {
                None => return (candidate, None),
                Some(own) if own <= term => return (candidate, Some(own)),
                Some(_) => {}
            }
        }
        (0, None)
    }

    /// Never moves back.
    pub(super) fn commit_to(&mut self, index: u64) {
        assert!(
            index <= self.last_index(),
            "commit {index} is beyond the last entry {}: a log was lost",
            self.last_index()
        );
        self.commit = self.commit.max(index);
    }

    pub(super) fn applied_to(&mut self, index: u64) {
        assert!(index <= self.commit, "only what is committed is applied");
        self.applied = self.applied.max(index);
    }

    /// The entries from `first` on that fit into a message: at least one, if there is any.
    pub(super) fn batch_from(&self, first: u64, bytes_max: u64) -> Vec<Entry<P>> {
        limited(self.entries.starting_at(first), bytes_max)
    }

    /// The committed entries to apply next. None while a snapshot is to be applied before.
    pub(super) fn batch_to_apply(&self, bytes_max: u64) -> Vec<Entry<P>> {
        if !self.has_entries_to_apply() {
            return Vec::new();
        }
        let count = (self.commit - self.applied) as usize;
        limited(self.entries.starting_at(self.applied + 1).take(count), bytes_max)
    }

    pub(super) fn has_entries_to_apply(&self) -> bool {
        self.incoming == Incoming::None && self.applied < self.commit
    }

    pub(super) fn has_unapplied_conf_change(&self) -> bool {
        self.applied < self.commit
            && self
                .entries
                .starting_at(self.applied + 1)
                .take_while(|entry| entry.id.index <= self.commit)
                .any(Entry::is_conf_change)
    }

    /// Replaces everything by the leader's snapshot.
    pub(super) fn restore(&mut self, snapshot: Snapshot<P>) {
        self.entries = Entries::following(snapshot.last);
        self.commit = snapshot.last.index;
        self.persist_from = snapshot.last.index + 1;
        self.snapshot = Some(snapshot);
        self.incoming = Incoming::Waiting;
    }

    /// The entries that no Ready has carried yet; from now on they count as carried.
    pub(super) fn take_unpersisted(&mut self) -> Vec<Entry<P>> {
        let entries = self.entries.starting_at(self.persist_from).cloned().collect();
        self.persist_from = self.last_index() + 1;
        entries
    }

    pub(super) fn has_unpersisted(&self) -> bool {
        self.persist_from <= self.last_index()
    }
}

/// As many entries as fit into `bytes_max`, but at least the first.
fn limited<'a, P: Payload + 'a>(
    entries: impl Iterator<Item = &'a Entry<P>>,
    bytes_max: u64,
) -> Vec<Entry<P>> {
    let mut bytes = 0u64;
    let mut batch = Vec::new();
    for entry in entries {
        bytes += entry.size_bytes();
        if bytes > bytes_max && !batch.is_empty() {
            break;
        }
        batch.push(entry.clone());
    }
    batch
}
