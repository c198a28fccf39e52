//! What has been committed and not yet heard: a box of mail for each strand, and the order in which strands open
//! theirs.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::control_loop::Strand;
use crate::kernel::{Digest, StateDigest};
use crate::model::FactId;
use crate::store::{Change, ChangeSet};

/// A committed entry on its way to those who watch.
#[derive(Debug)]
pub(super) struct Commit {
    changes: Arc<ChangeSet>,
    /// For each change the fact that reactions to it are caused by.
    causes: Vec<FactId>,
}

/// A piece of mail for a strand.
#[derive(Debug)]
enum Mail {
    /// The changes of a commit from a position on, then the commit itself: for loops.
    From(Arc<Commit>, usize),
    /// One change: for strands that watch single objects.
    One(Arc<Commit>, usize),
}

/// What a strand hears next.
#[derive(Debug)]
pub(super) enum Letter {
    /// The change at a position of a commit.
    Change(Arc<Commit>, usize),
    /// The same, for a strand that watched the object when it was posted.
    Watched(Arc<Commit>, usize),
    /// A commit is complete.
    End,
}

/// The mail of all strands.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    boxes: BTreeMap<Strand, VecDeque<Mail>>,
    /// Strands whose turn comes, in order.
    ready: VecDeque<Strand>,
    /// The same as a set.
    queued: BTreeSet<Strand>,
}

impl Commit {
    pub(super) fn new(changes: &Arc<ChangeSet>, causes: Vec<FactId>) -> Arc<Self> {
        Arc::new(Commit { changes: Arc::clone(changes), causes })
    }

    /// The change at a position, and the fact that reactions to it are caused by.
    pub(super) fn change(&self, position: usize) -> (&Change, FactId) {
        (self.changes.get(position), self.causes[position])
    }
}

impl Mailboxes {
    /// A loop is to hear a whole commit.
    pub(super) fn post(&mut self, strand: Strand, commit: &Arc<Commit>) {
        self.put(strand, Mail::From(Arc::clone(commit), 0));
    }

    /// A strand is to hear one change of a commit.
    pub(super) fn post_one(&mut self, strand: Strand, commit: &Arc<Commit>, position: usize) {
        self.put(strand, Mail::One(Arc::clone(commit), position));
    }

    fn put(&mut self, strand: Strand, mail: Mail) {
        self.boxes.entry(strand).or_default().push_back(mail);
    }

    /// The strand's turn comes after all others, unless it comes anyway.
    pub(super) fn queue(&mut self, strand: Strand) {
        if self.queued.insert(strand) {
            self.ready.push_back(strand);
        }
    }

    /// The strand's turn comes before all others, unless it comes anyway.
    pub(super) fn queue_first(&mut self, strand: Strand) {
        if self.queued.insert(strand) {
            self.ready.push_front(strand);
        }
    }

    /// The strand whose turn it is.
    pub(super) fn next_ready(&mut self) -> Option<Strand> {
        let strand = self.ready.pop_front()?;
        self.queued.remove(&strand);
        Some(strand)
    }

    /// True if it is nobody's turn.
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }

    /// Takes the next letter out of a strand's box; an empty box is thrown away.
    pub(super) fn open(&mut self, strand: Strand) -> Option<Letter> {
        let letters = self.boxes.get_mut(&strand)?;
        let letter = match letters.front_mut() {
            None => {
                self.boxes.remove(&strand);
                return None;
            }
            Some(Mail::From(commit, position)) if *position < commit.changes.len() => {
                *position += 1;
                return Some(Letter::Change(Arc::clone(commit), *position - 1));
            }
            Some(Mail::From(..)) => Letter::End,
            Some(Mail::One(commit, position)) => Letter::Watched(Arc::clone(commit), *position),
        };
        letters.pop_front();
        Some(letter)
    }
}

impl StateDigest for Mailboxes {
    fn digest(&self, digest: &mut Digest) {
        // Who is queued follows from who is ready.
        let Self { boxes, ready, queued: _ } = self;
        boxes.digest(digest);
        ready.digest(digest);
    }
}

impl StateDigest for Mail {
    fn digest(&self, digest: &mut Digest) {
        let (kind, commit, position) = match self {
            Mail::From(commit, position) => (0, commit, position),
            Mail::One(commit, position) => (1, commit, position),
        };
        digest.u8(kind);
        commit.digest(digest);
        position.digest(digest);
    }
}

impl StateDigest for Commit {
    fn digest(&self, digest: &mut Digest) {
        let Self { changes, causes } = self;
        digest.u64(changes.digest());
        causes.digest(digest);
    }
}
