//! The window of messages with entries that are on their way to one peer.
use std::collections::VecDeque;

use crate::kernel::{Digest, StateDigest};

/// The last indices of the unanswered messages, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inflight {
    last_indices: VecDeque<u64>,
    capacity: usize,
}

impl Inflight {
    pub(super) fn new(capacity: usize) -> Self {
        Inflight { last_indices: VecDeque::new(), capacity }
    }

    pub(super) fn len(&self) -> usize {
        self.last_indices.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// A message left whose last entry has this index.
    pub(super) fn add(&mut self, last_index: u64) {
        assert!(!self.is_full(), "nothing is sent through a full window");
        assert!(self.last_indices.back().is_none_or(|last| *last < last_index), "entries are sent in order");
        self.last_indices.push_back(last_index);
    }

    /// The peer has everything up to `index`: the messages before are answered, too.
    pub(super) fn free_through(&mut self, index: u64) {
        while self.last_indices.front().is_some_and(|first| *first <= index) {
            self.last_indices.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        self.last_indices.clear();
    }
}

impl StateDigest for Inflight {
    fn digest(&self, digest: &mut Digest) {
        let Self { last_indices, capacity } = self;
        last_indices.digest(digest);
        capacity.digest(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_frees_all_earlier_messages() {
        let mut window = Inflight::new(3);
        [4, 6, 9].into_iter().for_each(|index| window.add(index));
        assert!(window.is_full());
        window.free_through(3);
        assert_eq!(window.len(), 3);
        window.free_through(8);
        assert_eq!(window.last_indices, [9]);
    }

    #[test]
    #[should_panic(expected = "full window")]
    fn a_full_window_takes_nothing() {
        let mut window = Inflight::new(1);
        window.add(1);
        window.add(2);
    }
}
