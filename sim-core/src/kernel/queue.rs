//! The event queue: everything that will happen, in the order of `(time, sequence)`.
//!
//! `sequence` counts insertions, so events of one instant come out in the order in which they went in. The
//! payload never takes part in the order. Payloads lie still in `slots`; what moves is a 16-byte `Key`.
//!
//! Keys are in one of three places, split by time at `near_until`:
//!
//! ```text
//!        at or before near_until              after near_until
//!  ┌────────────────┬─────────────────┐   ┌──────────────────────┐
//!  │ due: a sorted  │ late: a heap of │   │ wheel: unsorted      │
//!  │ bucket         │ what came since │   │ buckets of far keys  │
//!  └────────────────┴─────────────────┘   └──────────────────────┘
//! ```
//!
//! **Why the order is exact.** `pop` takes the smaller of the first key of `due` and the first of `late`; both
//! are ordered by the whole key, and every key of the wheel is later. Only when both are empty does the first
//! bucket of the wheel become `due`, sorted by the whole key, and `near_until` the end of this bucket. A push
//! compares its time with `near_until` and goes to `late` or to the wheel, so the split stays true.
//!
//! **Why it is fast.** With many events pending nearly all pushes append to a bucket, and nearly all pops take
//! the end of a sorted list. With few pending the wheel stays empty, and `late` is all there is: a small heap.
//! If `late` grows, it is spilled to the wheel. Where it cannot be spilled it is still a heap, so whatever is
//! pushed and popped, an event costs a logarithm on average over the run.
//!
//! A cancelled event gives its payload back at once. Its key stays behind and is skipped later; when such keys
//! outnumber the live ones, they are swept out. So memory follows the greatest number of events that were
//! pending at one time, however many are cancelled.
mod slots;
mod wheel;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use self::slots::Slots;
use self::wheel::{SMALL, Wheel};
use super::SimTime;

/// Names one pushed event for ever: a later event never has the id of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(u64);

/// Events with a payload `T`, ordered by time and, at one instant, by insertion.
#[derive(Clone, Debug)]
pub struct EventQueue<T> {
    slots: Slots<T>,
    /// Near keys, sorted, the next one at the end.
    due: Vec<Key>,
    /// Near keys pushed after `due` was sorted.
    late: BinaryHeap<Reverse<Key>>,
    /// The last instant of the near part. Later keys are in the wheel.
    near_until: SimTime,
    wheel: Wheel,
    /// Keys whose event was cancelled.
    stale: usize,
    /// The time of the last popped event.
    now: SimTime,
}

/// A time in the high half and a [`TimerId`] in the low half, so that comparing keys compares times first and
/// insertions second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

/// The number of late keys from which on the wheel is faster than the heap.
const LATE_MAX: usize = 48;

/// The number of keys of cancelled events that are kept in any case. A sweep looks at all buckets.
const STALE_MAX: usize = 1024;

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        EventQueue::new()
    }
}

impl<T> EventQueue<T> {
    /// A queue without events, at the start of the run.
    #[must_use]
    pub fn new() -> Self {
        EventQueue {
            slots: Slots::new(),
            due: Vec::new(),
            late: BinaryHeap::new(),
            near_until: SimTime::FAR_FUTURE,
            wheel: Wheel::new(),
            stale: 0,
            now: SimTime::ZERO,
        }
    }

    /// The number of events to come.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if nothing is to come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// Adds an event. The returned id can cancel it.
    ///
    /// # Panics
    /// If `at` is before the last popped event.
    pub fn push(&mut self, at: SimTime, payload: T) -> TimerId {
        assert!(at >= self.now, "an event at {at} is pushed after the one at {} has happened", self.now);
        let id = self.slots.insert(payload);
        self.place(Key::new(at, id));
        if self.late.len() > LATE_MAX {
            self.spill();
        }
        id
    }

    /// Takes back an event that has not happened yet. `None` if it has happened or was cancelled before.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        let payload = self.slots.take(id)?;
        self.stale += 1;
        if self.stale > self.slots.len() + STALE_MAX {
            self.sweep();
        }
        Some(payload)
    }

    /// The time of the next event. It takes `&mut self` because it may have to sort the next bucket.
    #[inline]
    pub fn peek_time(&mut self) -> Option<SimTime> {
        loop {
            let key = self.first()?;
            if self.slots.holds(key.id()) {
                return Some(key.time());
            }
            self.remove_first();
            self.stale -= 1;
        }
    }

    /// Removes the next event.
    pub fn pop(&mut self) -> Option<(SimTime, T)> {
        loop {
            let key = self.remove_first()?;
            if let Some(payload) = self.slots.take(key.id()) {
                self.now = key.time();
                return Some((self.now, payload));
            }
            self.stale -= 1;
        }
    }

    /// Puts a key on its side of `near_until`.
    fn place(&mut self, key: Key) {
        if key.time() <= self.near_until {
            self.late.push(Reverse(key));
        } else {
            self.wheel.insert(key);
        }
    }

    #[inline]
    fn first(&mut self) -> Option<Key> {
        loop {
            match (self.due.last(), self.late.peek()) {
                (Some(&due), Some(&Reverse(late))) => return Some(due.min(late)),
                (Some(&due), None) => return Some(due),
                (None, Some(&Reverse(late))) => return Some(late),
                (None, None) if self.wheel.is_empty() => return None,
                (None, None) => self.refill(),
            }
        }
    }

    fn remove_first(&mut self) -> Option<Key> {
        loop {
            match (self.due.last(), self.late.peek()) {
                (Some(due), Some(Reverse(late))) if due < late => return self.due.pop(),
                (Some(_), None) => return self.due.pop(),
                (_, Some(_)) => return self.late.pop().map(|Reverse(key)| key),
                (None, None) if self.wheel.is_empty() => return None,
                (None, None) => self.refill(),
            }
        }
    }

    /// Makes the first bucket of the wheel the near part. All its events may turn out to be cancelled.
    fn refill(&mut self) {
        self.near_until = self.wheel.take_first(&mut self.due);
        let taken = self.due.len();
        // Asking for all slots in a row also brings them into the cache before they are popped.
        self.due.retain(|key| self.slots.holds(key.id()));
        self.stale -= taken - self.due.len();
        self.due.sort_unstable_by_key(|key| Reverse(*key));
    }

    /// Moves the near part to the wheel, except what is due at this instant.
    ///
    /// Nothing is won if the near part is this instant alone, or a crowded instant to come. Otherwise `due` is
    /// small, so the work is paid for by the pushes that made `late` grow.
    fn spill(&mut self) {
        if self.near_until == self.now || self.due.len() > SMALL || !self.wheel.restart(self.now) {
            return;
        }
        self.near_until = self.now;
        let due = std::mem::take(&mut self.due);
        let late = std::mem::take(&mut self.late);
        for key in due.into_iter().chain(late.into_iter().map(|Reverse(key)| key)) {
            self.place(key);
        }
    }

    /// Drops the keys of cancelled events.
    fn sweep(&mut self) {
        let live = |key: &Key| self.slots.holds(key.id());
        self.due.retain(live);
        self.late.retain(|Reverse(key)| live(key));
        self.wheel.retain(live);
        self.stale = 0;
    }
}

impl Key {
    fn new(time: SimTime, id: TimerId) -> Self {
        Key(u128::from(time.as_nanos()) << 64 | u128::from(id.0))
    }

    fn time(self) -> SimTime {
        SimTime::from_nanos((self.0 >> 64) as u64)
    }

    fn id(self) -> TimerId {
        TimerId(self.0 as u64)
    }
}

#[cfg(test)]
mod tests;
