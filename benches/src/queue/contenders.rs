//! What is compared: our event queue, and the standard library's heap in its usual form.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use sim_core::kernel::{EventQueue, SimTime, TimerId};

/// What an event carries: a number, in as many bytes as wanted.
pub trait Payload: Copy + Ord {
    /// A payload with this number.
    fn new(number: u64) -> Self;
    /// The number.
    fn number(&self) -> u64;
}

impl<const WORDS: usize> Payload for [u64; WORDS] {
    fn new(number: u64) -> Self {
        [number; WORDS]
    }

    fn number(&self) -> u64 {
        self[0]
    }
}

/// What a workload asks of an event queue.
pub trait Contender {
    /// What an event carries.
    type Payload: Payload;
    /// Names a pushed event.
    type Id: Copy;
    /// A queue without events.
    fn empty() -> Self;
    /// Adds an event `at` nanoseconds after the start.
    fn push(&mut self, at: u64, payload: Self::Payload) -> Self::Id;
    /// Takes back a pending event.
    fn cancel(&mut self, id: Self::Id);
    /// Removes the next event.
    fn pop(&mut self) -> Option<(u64, Self::Payload)>;
}

impl<P: Payload> Contender for EventQueue<P> {
    type Payload = P;
    type Id = TimerId;

    fn empty() -> Self {
        EventQueue::new()
    }

    fn push(&mut self, at: u64, payload: P) -> TimerId {
        self.push(SimTime::from_nanos(at), payload)
    }

    fn cancel(&mut self, id: TimerId) {
        self.cancel(id);
    }

    fn pop(&mut self) -> Option<(u64, P)> {
        self.pop().map(|(at, payload)| (at.as_nanos(), payload))
    }
}

/// A heap of `(time, sequence, payload)`, and a set of what was cancelled.
///
/// The set is looked at only while it is not empty. That callers cancel pending events only is taken for
/// granted, which spares it all bookkeeping per event. The set hashes with one multiplication.
pub struct HeapQueue<P> {
    heap: BinaryHeap<Reverse<(u64, u64, P)>>,
    pushed: u64,
    cancelled: HashSet<u64, BuildHasherDefault<Multiply>>,
}

/// Spreads small numbers over all bits: a fast hash without protection against an adversary.
#[derive(Default)]
struct Multiply(u64);

impl<P: Payload> Contender for HeapQueue<P> {
    type Payload = P;
    type Id = u64;

    fn empty() -> Self {
        HeapQueue { heap: BinaryHeap::new(), pushed: 0, cancelled: HashSet::default() }
    }

    fn push(&mut self, at: u64, payload: P) -> u64 {
        self.pushed += 1;
        self.heap.push(Reverse((at, self.pushed, payload)));
        self.pushed
    }

    fn cancel(&mut self, id: u64) {
        self.cancelled.insert(id);
    }

    fn pop(&mut self) -> Option<(u64, P)> {
        loop {
            let Reverse((at, sequence, payload)) = self.heap.pop()?;
            if self.cancelled.is_empty() || !self.cancelled.remove(&sequence) {
                return Some((at, payload));
            }
        }
    }
}

impl Hasher for Multiply {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use sim_core::kernel::Stream;

    use super::*;

    fn order<Q: Contender>() -> Vec<(u64, u64)> {
        let (mut queue, mut stream) = (Q::empty(), Stream::named(1, "order"));
        let (mut now, mut order) = (0, Vec::new());
        for number in 0..10_000 {
            // Whole milliseconds, so that many events share an instant.
            queue.push(now + stream.below(1_000) * 1_000_000, Q::Payload::new(number));
            let cancelled = queue.push(now + stream.below(1_000_000), Q::Payload::new(number));
            queue.cancel(cancelled);
            if number % 3 == 0 {
                let (at, payload) = queue.pop().expect("more is pushed than popped");
                now = at;
                order.push((at, payload.number()));
            }
        }
        order.extend(std::iter::from_fn(|| queue.pop()).map(|(at, payload)| (at, payload.number())));
        order
    }

    #[test]
    fn both_contenders_give_the_same_order() {
        assert_eq!(order::<HeapQueue<[u64; 3]>>(), order::<EventQueue<[u64; 3]>>());
        assert_eq!(order::<EventQueue<[u64; 3]>>().len(), 10_000);
    }
}
