//! Keys that are far from being popped, in unsorted buckets: a radix heap.
//!
//! Read times as numbers with digits of six bits. The wheel has a `start`, no later than any of its keys. A
//! key's bucket is named by the highest digit in which its time differs from the start (the *level*), and by
//! the value of this digit there.
//!
//! **Why the first bucket holds the earliest keys.** A key of level 2 has the start's digits above digit 2 and
//! a greater digit 2. A key of level 1 has the start's digit 2 as well, so it is earlier than all keys of level
//! 2. Within a level the digit decides. When the first bucket has been taken out, its level may go on as the
//! new levels below, because these are empty: the start moves to the earliest key taken, and all other keys
//! still differ from the start in the same digit first.
//!
//! A key moves only to lower levels, so it moves at most ten times. In fact it moves two or three times,
//! because a small bucket is handed out whole, and because the start skips the digits that a bucket shares.
use super::{Key, SMALL, SimTime};

/// Bits of a digit: as many buckets per level as a word has bits.
const DIGIT_BITS: u32 = 6;
const DIGITS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

#[derive(Clone, Debug)]
pub(super) struct Wheel {
    start: SimTime,
    /// The buckets of level 0, then those of level 1, and so on.
    buckets: Vec<Vec<Key>>,
    /// For each level, a bit for each bucket that is not empty.
    occupied: [u64; LEVELS],
    /// A bit for each level that is not empty.
    levels: u32,
}

impl Wheel {
    pub(super) fn new() -> Self {
        let buckets = vec![Vec::new(); LEVELS * DIGITS];
        Wheel { start: SimTime::ZERO, buckets, occupied: [0; LEVELS], levels: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels == 0
    }

    /// Moves the start to `now`, so that keys of the bucket handed out last can be inserted again. False if
    /// this cannot be, because `now` is before that bucket.
    pub(super) fn restart(&mut self, now: SimTime) -> bool {
        let possible = self.is_empty() || self.start <= now;
        if possible {
            self.start = now;
        }
        possible
    }

    pub(super) fn insert(&mut self, key: Key) {
        let time = key.time().as_nanos();
        let differing = time ^ self.start.as_nanos();
        let level = (differing | 1).ilog2() / DIGIT_BITS;
        let digit = (time >> (level * DIGIT_BITS)) as usize % DIGITS;
        let level = level as usize;
        self.buckets[level * DIGITS + digit].push(key);
        self.occupied[level] |= 1 << digit;
        self.levels |= 1 << level;
    }

    /// Swaps the earliest keys with the empty list `keys`. Returns the last time that a key of their bucket can
    /// have: all other keys are later.
    pub(super) fn take_first(&mut self, keys: &mut Vec<Key>) -> SimTime {
        loop {
            let level = self.levels.trailing_zeros() as usize;
            let digit = self.occupied[level].trailing_zeros() as usize;
            self.vacate(level, digit);
            let bucket = &mut self.buckets[level * DIGITS + digit];
            self.start = bucket.iter().min().expect("an occupied bucket has keys").time();
            if level == 0 || bucket.len() <= SMALL {
                // Lists are used again, but not those that one crowded instant has blown up.
                keys.shrink_to(SMALL);
                std::mem::swap(keys, bucket);
                return if self.is_empty() { SimTime::FAR_FUTURE } else { self.last_of_bucket(level) };
            }
            for key in std::mem::take(bucket) {
                self.insert(key);
            }
        }
    }

    /// The last time of the bucket of this level that the start is in.
    fn last_of_bucket(&self, level: usize) -> SimTime {
        let below = (1 << (level as u32 * DIGIT_BITS)) - 1;
        SimTime::from_nanos(self.start.as_nanos() | below)
    }

    fn vacate(&mut self, level: usize, digit: usize) {
        self.occupied[level] &= !(1 << digit);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    /// Drops all other keys, and the memory that they took.
    pub(super) fn retain(&mut self, live: impl Fn(&Key) -> bool) {
        for level in 0..LEVELS {
            for digit in 0..DIGITS {
                let bucket = &mut self.buckets[level * DIGITS + digit];
                bucket.retain(&live);
                bucket.shrink_to_fit();
                if bucket.is_empty() {
                    self.vacate(level, digit);
                }
            }
        }
    }
}
