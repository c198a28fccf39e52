//! Keys that are far from being popped, in unsorted buckets: a radix heap.
//!
//! Read times as numbers with digits of six bits. The wheel has a `start`, no later than any of its keys. A
//! key's bucket is named by the highest digit in which its time differs from the start (the *level*), and by
//! the value of this digit there.
//!
//! **Why the first bucket holds the earliest keys.** A key of level 2 has a greater digit 2 than the start. A
//! key of level 1 has the start's digit 2, so it is earlier than all keys of level 2. Within a level the digit
//! decides. All keys of one bucket agree in the digits from their level up, so every time between two keys of
//! the bucket belongs to it too.
//!
//! **Why the start may move.** The new start is no later than any key, and no later than the end of the bucket
//! taken out last. Above the level of that bucket it has the digits of the old start; at this level its digit
//! is at most that of the bucket. All keys that are left have a greater digit there or further up, so they
//! still differ from the start in the same digit first.
//!
//! Splitting moves a key to a lower level, so a key is moved ten times at most. In fact it is moved once or
//! twice, because a small bucket is handed out whole, and because the new start skips the digits in which the
//! whole bucket agrees.
use super::{Key, SimTime};

/// Bits of a digit: as many buckets per level as a word has bits.
const DIGIT_BITS: u32 = 6;
const DIGITS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

/// A bucket of at most this many keys is handed out for sorting; a larger one is split.
pub(super) const SMALL: usize = 96;

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

    /// Moves the start to `now`, so that the keys handed out last can be inserted again. False if `now` is
    /// before the start, which happens when the next event was looked at, but not taken.
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

    /// Swaps the earliest keys with the empty list `keys`. Returns the end of their bucket, which all other keys
    /// are after and all later insertions must be after. If nothing is left, that is the end of time, unless
    /// the keys are a crowd at one instant.
    pub(super) fn take_first(&mut self, keys: &mut Vec<Key>) -> SimTime {
        loop {
            let level = self.levels.trailing_zeros() as usize;
            let digit = self.occupied[level].trailing_zeros() as usize;
            self.vacate(level, digit);
            let bucket = &mut self.buckets[level * DIGITS + digit];
            if level == 0 || bucket.len() <= SMALL {
                // Lists are used again, but not those that one crowded instant has blown up.
                keys.shrink_to(SMALL);
                std::mem::swap(keys, bucket);
                return if self.is_empty() && keys.len() <= SMALL {
                    SimTime::FAR_FUTURE
                } else {
                    end_of_bucket(level, keys[0].time())
                };
            }
            let earliest = bucket.iter().map(|key| key.time()).min();
            self.start = earliest.expect("an occupied bucket has keys");
            for key in std::mem::take(bucket) {
                self.insert(key);
            }
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

    #[cfg(test)]
    pub(super) fn buckets(&self) -> &[Vec<Key>] {
        &self.buckets
    }

    fn vacate(&mut self, level: usize, digit: usize) {
        self.occupied[level] &= !(1 << digit);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }
}

/// The last time that has the digits of `time` from `level` up.
fn end_of_bucket(level: usize, time: SimTime) -> SimTime {
    let below = (1 << (level as u32 * DIGIT_BITS)) - 1;
    SimTime::from_nanos(time.as_nanos() | below)
}
