//! Queues of messages that are sent a limited number of times (spec networking 8.2).
//!
//! What was sent least often goes first; among equals the longest, then the newest. A message that does not fit into
//! what is left of a packet lets shorter ones pass.
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::kernel::{Digest, StateDigest};

/// Order of sending. The first number tells how often a message was sent apart from the rounds since it came.
type Rank = (i64, Reverse<u32>, Reverse<u64>);

/// Messages `M`, at most one for each subject `S`: a newer one replaces an older one.
#[derive(Clone, Debug)]
pub(super) struct Broadcasts<S, M> {
    queue: BTreeMap<Rank, (S, M)>,
    ranks: BTreeMap<S, Rank>,
    /// Packets so far that had room for all messages: each of them was sent once more.
    rounds: i64,
    /// Sum of the lengths of all messages.
    size_bytes: u64,
    next: u64,
}

impl<S: Copy + Ord, M: Clone> Broadcasts<S, M> {
    pub(super) fn new() -> Self {
        Broadcasts { queue: BTreeMap::new(), ranks: BTreeMap::new(), rounds: 0, size_bytes: 0, next: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &M> {
        self.queue.values().map(|(_, message)| message)
    }

    /// The room that all messages take, each `overhead` longer than it is by itself.
    pub(super) fn packed_bytes(&self, overhead: u32) -> u64 {
        self.size_bytes + self.queue.len() as u64 * u64::from(overhead)
    }

    /// True if something about this subject is still to be sent.
    pub(super) fn contains(&self, subject: S) -> bool {
        self.ranks.contains_key(&subject)
    }

    /// Queues a message. What was queued about the same subject is not sent any more.
    pub(super) fn push(&mut self, subject: S, size_bytes: u32, message: M) {
        if let Some(rank) = self.ranks.remove(&subject) {
            self.drop_queued(rank);
        }
        self.next += 1;
        let rank = (-self.rounds, Reverse(size_bytes), Reverse(self.next));
        self.ranks.insert(subject, rank);
        self.queue.insert(rank, (subject, message));
        self.size_bytes += u64::from(size_bytes);
    }

    /// Takes the messages for one packet with this much room, each `overhead` longer than it is by itself.
    /// A message that was sent `limit` times is dropped.
    pub(super) fn take(&mut self, room: &mut u32, overhead: u32, limit: u32, into: &mut Vec<M>) {
        let all = u32::try_from(self.packed_bytes(overhead)).ok();
        let Some(rest) = all.and_then(|all| room.checked_sub(all)) else {
            return self.take_some(room, overhead, limit, into);
        };
        *room = rest;
        into.extend(self.messages().cloned());
        self.skip(limit);
    }

    /// All messages count as sent once more.
    pub(super) fn skip(&mut self, limit: u32) {
        self.rounds += 1;
        // Those that were sent most often are at the end.
        while let Some((rank, (subject, _))) = self.queue.last_key_value()
            && rank.0 + self.rounds >= i64::from(limit)
        {
            let (rank, subject) = (*rank, *subject);
            self.ranks.remove(&subject);
            self.drop_queued(rank);
        }
    }

    /// Takes what fits if not everything does. Those that are too long are jumped over: among messages that were sent
    /// equally often they come first.
    fn take_some(&mut self, room: &mut u32, overhead: u32, limit: u32, into: &mut Vec<M>) {
        let mut sent: Vec<Rank> = Vec::new();
        let mut place = Bound::Unbounded;
        while *room > overhead
            && let Some((rank, (_, message))) = self.queue.range((place, Bound::Unbounded)).next()
        {
            let longest = *room - overhead;
            if rank.1.0 > longest {
                place = Bound::Included((rank.0, Reverse(longest), Reverse(u64::MAX)));
                continue;
            }
            *room = longest - rank.1.0;
            sent.push(*rank);
            into.push(message.clone());
            place = Bound::Excluded(*rank);
        }
        for rank in sent {
            let (subject, message) = self.queue.remove(&rank).expect("it was there above");
            if rank.0 + self.rounds + 1 >= i64::from(limit) {
                self.ranks.remove(&subject);
                self.size_bytes -= u64::from(rank.1.0);
                continue;
            }
            let again = (rank.0 + 1, rank.1, rank.2);
            self.ranks.insert(subject, again);
            self.queue.insert(again, (subject, message));
        }
    }

    fn drop_queued(&mut self, rank: Rank) {
        self.queue.remove(&rank);
        self.size_bytes -= u64::from(rank.1.0);
    }
}

impl<S, M> StateDigest for Broadcasts<S, M> {
    fn digest(&self, digest: &mut Digest) {
        // What is queued about whom follows from the state of the sender; how often it was sent does not.
        let Self { queue, ranks: _, rounds, size_bytes: _, next } = self;
        digest.u64(*next);
        for (sent, size, number) in queue.keys() {
            digest.u64((sent + rounds) as u64);
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
