//! A range of numbers that are handed out one after the other (spec networking 4.2, 5.3).
//!
//! A freed number is not used again before the counter has passed the whole range. The counter is in memory only: it
//! begins anew with each leadership.
use std::collections::BTreeMap;

use super::error::AllocationError;
use crate::kernel::{Digest, StateDigest};

/// The numbers of a range, and which of them are taken.
#[derive(Clone, Debug)]
pub(super) struct Serial {
    first: u32,
    last: u32,
    /// Runs of taken numbers: first and last. They neither touch nor overlap.
    taken: BTreeMap<u32, u32>,
    /// The number that was handed out last.
    counter: Option<u32>,
}

impl Serial {
    pub(super) fn new(first: u32, last: u32) -> Self {
        Serial { first, last, taken: BTreeMap::new(), counter: None }
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        (self.first..=self.last).contains(&number)
    }

    /// The next free number after the one handed out last; at the end of the range the search goes on at its
    /// beginning.
    pub(super) fn take_next(&mut self) -> Result<u32, AllocationError> {
        let after = self.counter.map_or(Some(self.first), |counter| counter.checked_add(1));
        let above = after.and_then(|from| self.first_free(from));
        let number = above.or_else(|| self.first_free(self.first)).ok_or(AllocationError::NoBitAvailable)?;
        self.counter = Some(number);
        self.insert(number);
        Ok(number)
    }

    /// Takes a certain number. The counter stays where it is.
    pub(super) fn take(&mut self, number: u32) -> Result<(), AllocationError> {
        if !self.contains(number) {
            return Err(AllocationError::OutsideOfSet);
        }
        if self.is_taken(number) {
            return Err(AllocationError::BitAllocated);
        }
        self.insert(number);
        Ok(())
    }

    /// Counts a number as taken because somebody has it. One that is taken already stays so, and one that is not of
    /// this range is nobody's.
    pub(super) fn hold(&mut self, number: u32) {
        if self.contains(number) && !self.is_taken(number) {
            self.insert(number);
        }
    }

    /// Gives a number back; one that is free stays free.
    pub(super) fn free(&mut self, number: u32) {
        let Some((first, last)) = self.run_of(number) else { return };
        self.taken.remove(&first);
        if first < number {
            self.taken.insert(first, number - 1);
        }
        if number < last {
            self.taken.insert(number + 1, last);
        }
    }

    pub(super) fn is_taken(&self, number: u32) -> bool {
        self.run_of(number).is_some()
    }

    fn run_of(&self, number: u32) -> Option<(u32, u32)> {
        let (first, last) = self.taken.range(..=number).next_back()?;
        (number <= *last).then_some((*first, *last))
    }

    fn first_free(&self, from: u32) -> Option<u32> {
        let number = match self.run_of(from) {
            Some((_, last)) => last.checked_add(1)?,
            None => from,
        };
        self.contains(number).then_some(number)
    }

    fn insert(&mut self, number: u32) {
        let before = number.checked_sub(1).and_then(|left| self.run_of(left));
        let after = number.checked_add(1).and_then(|right| self.run_of(right));
        let first = before.map_or(number, |(first, _)| first);
        let last = after.map_or(number, |(_, last)| last);
        if let Some((right, _)) = after {
            self.taken.remove(&right);
        }
        self.taken.insert(first, last);
    }
}

impl StateDigest for Serial {
    fn digest(&self, digest: &mut Digest) {
        let Self { first, last, taken, counter } = self;
        digest.u32(*first);
        digest.u32(*last);
        taken.digest(digest);
        counter.digest(digest);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_freed_number_returns_after_the_whole_range() {
        let mut numbers = Serial::new(10, 12);
        assert_eq!(numbers.take_next(), Ok(10));
        numbers.free(10);
        assert_eq!([numbers.take_next(), numbers.take_next()], [Ok(11), Ok(12)]);
        assert_eq!(numbers.take_next(), Ok(10));
        assert_eq!(numbers.take_next(), Err(AllocationError::NoBitAvailable));
    }

    #[test]
    fn asking_for_a_number_does_not_move_the_counter() {
        let mut numbers = Serial::new(10, 20);
        assert_eq!(numbers.take(10), Ok(()));
        assert_eq!(numbers.take(15), Ok(()));
        assert_eq!(numbers.take(10), Err(AllocationError::BitAllocated));
        assert_eq!(numbers.take(21), Err(AllocationError::OutsideOfSet));
        assert_eq!(numbers.take_next(), Ok(11));
    }

    /// The slow obvious version: a set, and a search over all numbers.
    fn next_of(taken: &BTreeSet<u32>, counter: Option<u32>, range: (u32, u32)) -> Option<u32> {
        let after = counter.map_or(range.0, |counter| counter + 1);
        (after..=range.1).chain(range.0..=range.1).find(|number| !taken.contains(number))
    }

    proptest! {
        #[test]
        fn runs_are_as_good_as_a_set(steps in proptest::collection::vec((0_u8..4, 5_u32..25), 0..80)) {
            let mut numbers = Serial::new(5, 24);
            let (mut taken, mut counter) = (BTreeSet::new(), None);
            for (kind, number) in steps {
                match kind {
                    0 => {
                        let expected = next_of(&taken, counter, (5, 24));
                        prop_assert_eq!(numbers.take_next().ok(), expected);
                        taken.extend(expected);
                        counter = expected.or(counter);
                    }
                    1 => prop_assert_eq!(numbers.take(number).is_ok(), taken.insert(number)),
                    2 => {
                        numbers.hold(number);
                        taken.insert(number);
                    }
                    _ => {
                        numbers.free(number);
                        taken.remove(&number);
                    }
                }
                prop_assert!((5..25).all(|number| numbers.is_taken(number) == taken.contains(&number)));
            }
        }
    }
}
