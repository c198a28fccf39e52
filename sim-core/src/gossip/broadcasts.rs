//! Queues of messages that are sent a limited number of times (spec networking 8.2).
//!
//! What was sent least often goes first; among equals the longest, then the newest. A message that does not fit into
//! what is left of a packet lets shorter ones pass.
use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::kernel::{Digest, StateDigest};

/// Order of sending.
type Rank = (u32, Reverse<u32>, Reverse<u64>);

/// Messages `M`, at most one for each subject `S`: a newer one replaces an older one.
#[derive(Clone, Debug)]
pub(super) struct Broadcasts<S, M> {
    queue: BTreeMap<Rank, (S, M)>,
    ranks: BTreeMap<S, Rank>,
    next: u64,
}

impl<S: Copy + Ord, M: Clone> Broadcasts<S, M> {
    pub(super) fn new() -> Self {
        Broadcasts { queue: BTreeMap::new(), ranks: BTreeMap::new(), next: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// True if something about this subject is still to be sent.
    pub(super) fn contains(&self, subject: S) -> bool {
        self.ranks.contains_key(&subject)
    }

    /// Queues a message. What was queued about the same subject is not sent any more.
    pub(super) fn push(&mut self, subject: S, size_bytes: u32, message: M) {
        if let Some(rank) = self.ranks.remove(&subject) {
            self.queue.remove(&rank);
        }
        self.next += 1;
        let rank = (0, Reverse(size_bytes), Reverse(self.next));
        self.ranks.insert(subject, rank);
        self.queue.insert(rank, (subject, message));
    }

    /// Takes the messages for one packet with this much room, each `overhead` longer than it is by itself.
    /// A message that was sent `limit` times is dropped.
    pub(super) fn take(&mut self, room: &mut u32, overhead: u32, limit: u32, into: &mut Vec<M>) {
        let mut sent: Vec<Rank> = Vec::new();
        for (rank, (_, message)) in &self.queue {
            let length = rank.1.0 + overhead;
            if length <= *room {
                *room -= length;
                sent.push(*rank);
                into.push(message.clone());
            }
            if *room <= overhead {
                break;
            }
        }
        for rank in sent {
            let (subject, message) = self.queue.remove(&rank).expect("it was there above");
            if rank.0 + 1 >= limit {
                self.ranks.remove(&subject);
                continue;
            }
            let again = (rank.0 + 1, rank.1, rank.2);
            self.ranks.insert(subject, again);
            self.queue.insert(again, (subject, message));
        }
    }
}

impl<S, M> StateDigest for Broadcasts<S, M> {
    fn digest(&self, digest: &mut Digest) {
        // What is queued about whom follows from the state of the sender; how often it was sent does not.
        let Self { queue, ranks: _, next } = self;
        digest.u64(*next);
        for (sent, size, number) in queue.keys() {
            digest.u32(*sent);
            digest.u32(size.0);
            digest.u64(number.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(queue: &mut Broadcasts<u32, &'static str>, mut room: u32) -> Vec<&'static str> {
        let mut taken = Vec::new();
        queue.take(&mut room, 2, 3, &mut taken);
        taken
    }

    #[test]
    fn what_was_sent_least_often_goes_first_and_the_newest_among_equals() {
        let mut queue = Broadcasts::new();
        queue.push(1, 48, "a");
        queue.push(2, 48, "b");
        assert_eq!(packet(&mut queue, 50), ["b"]);
        assert_eq!(packet(&mut queue, 50), ["a"]);
        queue.push(3, 48, "c");
        assert_eq!(packet(&mut queue, 100), ["c", "b"]);
    }

    #[test]
    fn a_message_is_dropped_when_it_was_sent_often_enough() {
        let mut queue = Broadcasts::new();
        queue.push(1, 48, "a");
        for _ in 0..3 {
            assert_eq!(packet(&mut queue, 100), ["a"]);
        }
        assert!(packet(&mut queue, 100).is_empty() && !queue.contains(1));
    }

    #[test]
    fn a_newer_message_replaces_an_older_one_and_short_ones_fill_the_packet() {
        let mut queue = Broadcasts::new();
        queue.push(1, 48, "old");
        queue.push(1, 40, "new");
        queue.push(2, 90, "long");
        queue.push(3, 10, "short");
        assert_eq!(packet(&mut queue, 105), ["long", "short"]);
        assert_eq!(packet(&mut queue, 60), ["new", "short"]);
    }
}
