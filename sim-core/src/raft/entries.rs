//! A run of consecutive entries with a running digest: the body of a log, in memory and on disk.
use std::collections::VecDeque;

use crate::kernel::{Digest, StateDigest};

use super::{Entry, EntryId, Payload, Term};

/// Entries that follow `base` without a gap.
#[derive(Clone, Debug)]
pub(super) struct Entries<P: Payload> {
    base: EntryId,
    list: VecDeque<Entry<P>>,
    /// Sum of the digests of all entries, kept along so that a state hash costs only what changed.
    digest_sum: u64,
}

impl<P: Payload> Entries<P> {
    pub(super) fn following(base: EntryId) -> Self {
        Entries { base, list: VecDeque::new(), digest_sum: 0 }
    }

    /// The entry before the first, whose term is still known.
    pub(super) fn base(&self) -> EntryId {
        self.base
    }

    pub(super) fn first_index(&self) -> u64 {
        self.base.index + 1
    }

    pub(super) fn last(&self) -> EntryId {
        self.list.back().map_or(self.base, |entry| entry.id)
    }

    /// The entry at `index`, unless it is compacted or does not exist yet.
    pub(super) fn get(&self, index: u64) -> Option<&Entry<P>> {
        self.list.get(self.position(index)?)
    }

    /// The term at `index`, also for the base.
    pub(super) fn term_at(&self, index: u64) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.get(index).map(|entry| entry.id.term)
    }

    /// The entries from `first` on.
    ///
    /// # Panics
    /// If `first` is compacted, or lies more than one behind the end.
    pub(super) fn starting_at(&self, first: u64) -> impl Iterator<Item = &Entry<P>> {
        let position = self.position(first).expect("the entry is not compacted");
        self.list.range(position..)
    }

    pub(super) fn push(&mut self, entry: Entry<P>) {
        assert_eq!(entry.id.index, self.last().index + 1, "a log has no gap");
        self.digest_sum = self.digest_sum.wrapping_add(entry_digest(&entry));
        self.list.push_back(entry);
    }

    /// Forgets the entries from `first` on.
    pub(super) fn truncate(&mut self, first: u64) {
        let keep = self.position(first).expect("the entry is not compacted");
        while self.list.len() > keep {
            let entry = self.list.pop_back().expect("there are more than `keep`");
            self.digest_sum = self.digest_sum.wrapping_sub(entry_digest(&entry));
        }
    }

    /// Forgets the entries up to and including `last`, which becomes the base.
    pub(super) fn compact(&mut self, last: u64) {
        while self.base.index < last {
            let entry = self.list.pop_front().expect("only what is in the log is compacted");
            self.digest_sum = self.digest_sum.wrapping_sub(entry_digest(&entry));
            self.base = entry.id;
        }
    }

    fn position(&self, index: u64) -> Option<usize> {
        index.checked_sub(self.first_index()).map(|position| position as usize)
    }
}

/// The digest of an entry: its id and what it does.
pub(crate) fn entry_digest<P: Payload>(entry: &Entry<P>) -> u64 {
    let mut digest = Digest::new();
    entry.digest(&mut digest);
    digest.finish()
}

impl<P: Payload> StateDigest for Entries<P> {
    fn digest(&self, digest: &mut Digest) {
        // The sum stands for the list.
        let Self { base, list, digest_sum } = self;
        base.digest(digest);
        list.len().digest(digest);
        digest_sum.digest(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::EntryData;
    use super::super::tests::text::Text;
    use super::*;

    fn run(base: u64, indices: impl Iterator<Item = u64>) -> Entries<Text> {
        let id = |index| EntryId { term: Term(1), index };
        let mut entries = Entries::following(id(base));
        for index in indices {
            entries.push(Entry { id: id(index), data: EntryData::Normal(Text::new(&index.to_string())) });
        }
        entries
    }

    #[test]
    fn the_running_digest_equals_a_recount() {
        let mut entries = run(0, 1..=9);
        entries.truncate(8);
        entries.compact(3);
        let (mut kept_along, mut recounted) = (Digest::new(), Digest::new());
        entries.digest(&mut kept_along);
        run(3, 4..=7).digest(&mut recounted);
        assert_eq!(kept_along, recounted);
        let mut other = Digest::new();
        run(3, 4..=8).digest(&mut other);
        assert_ne!(kept_along, other);
    }

    #[test]
    #[should_panic(expected = "a log has no gap")]
    fn a_gap_is_refused() {
        run(0, [1, 3].into_iter());
    }
}
