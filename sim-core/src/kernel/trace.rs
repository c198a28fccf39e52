//! The trace: every fact of a run in order, each with the fact that caused it.
//!
//! A trace counts and hashes; it keeps nothing. Facts wait here only until whoever drives the run has shown
//! them to its observers.
use super::{Digest, SimTime, StateDigest};

/// Number of a fact, counted from 0. A cause is always smaller than its effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId(pub u64);

impl FactId {
    /// The first fact: the run began. It causes itself, and all that comes from outside.
    pub const START: FactId = FactId(0);
}

/// A fact with its place in the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<F> {
    /// Its number.
    pub id: FactId,
    /// When it happened.
    pub time: SimTime,
    /// The fact that led to it; the first fact is its own cause.
    pub cause: FactId,
    /// Index of the replicated log entry that brought it, if one did.
    pub commit: Option<u64>,
    /// What happened.
    pub fact: F,
}

/// Numbers and hashes facts.
#[derive(Clone, Debug)]
pub struct Trace<F> {
    next: u64,
    hash: Digest,
    fresh: Vec<Record<F>>,
}

impl<F> Default for Trace<F> {
    fn default() -> Self {
        Trace { next: 0, hash: Digest::new(), fresh: Vec::new() }
    }
}

impl<F: StateDigest> Trace<F> {
    /// Adds a fact and returns its number.
    ///
    /// # Panics
    /// If the cause is not an earlier fact.
    pub fn add(&mut self, time: SimTime, cause: FactId, commit: Option<u64>, fact: F) -> FactId {
        let id = FactId(self.next);
        assert!(cause < id || self.next == 0, "fact {id:?} at {time} claims to be caused by {cause:?}");
        let record = Record { id, time, cause, commit, fact };
        record.digest(&mut self.hash);
        self.fresh.push(record);
        self.next += 1;
        id
    }

    /// The hash over all facts so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// How many facts there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.next
    }

    /// True if facts wait to be shown.
    #[must_use]
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Hands the waiting facts out, in exchange for an empty list whose room is used again.
    pub fn swap_fresh(&mut self, room: &mut Vec<Record<F>>) {
        room.clear();
        std::mem::swap(&mut self.fresh, room);
    }
}

impl StateDigest for FactId {
    fn digest(&self, digest: &mut Digest) {
        digest.u64(self.0);
    }
}

impl<F: StateDigest> StateDigest for Record<F> {
    fn digest(&self, digest: &mut Digest) {
        let Self { id, time, cause, commit, fact } = self;
        digest.u64(id.0);
        digest.time(*time);
        digest.u64(cause.0);
        digest.u64(commit.unwrap_or(0));
        fact.digest(digest);
    }
}
