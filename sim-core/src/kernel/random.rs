//! Named random streams: one ChaCha8 generator per purpose and host.
//!
//! A stream's numbers depend on the run's seed and the stream's name only, so a new draw in one place shifts
//! nobody else. Only `next_u64` of the generator is used; ranges are drawn by our own multiply-and-reject,
//! because the range sampling of general libraries changes between versions.
use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::logarithm::{FRACTION_BITS, negative_logarithm};
use super::{Digest, SimDuration, StateDigest};

/// Makes the streams of one run.
#[derive(Clone, Debug)]
pub struct Streams {
    seed: u64,
    taken: BTreeSet<String>,
}

/// A source of random numbers, owned by the component that draws from it.
///
/// It is one line of the cache: large clusters have tens of thousands, and each draw looks at another one. The
/// generator behind it is five times as large, and is asked once for several numbers.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Stream {
    /// The next numbers. The first of them were drawn already: as many as the remainder of `drawn` says.
    ready: [u64; READY],
    drawn: u64,
    generator: Box<ChaCha8Rng>,
}

/// How many numbers a generator makes at one time.
const READY: usize = 6;

/// A chance in parts per million, 0 to 1 000 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ppm(pub u32);

impl Streams {
    /// The streams of the run with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Streams { seed, taken: BTreeSet::new() }
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The stream of this name.
    ///
    /// # Panics
    /// If the name was taken before: two owners would draw the same numbers.
    pub fn stream(&mut self, name: &str) -> Stream {
        assert!(self.taken.insert(name.to_owned()), "stream {name} is taken twice");
        Stream::named(self.seed, name)
    }
}

impl Stream {
    /// The stream `name` of the run with this seed, without a check that it is the only one.
    #[must_use]
    pub fn named(seed: u64, name: &str) -> Self {
        let mut number = Digest::new();
        number.bytes(name.as_bytes());
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(number.finish());
        Stream { ready: [0; READY], drawn: 0, generator: Box::new(generator) }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let place = (self.drawn % READY as u64) as usize;
        if place == 0 {
            self.ready.fill_with(|| self.generator.next_u64());
        }
        self.drawn += 1;
        self.ready[place]
    }

    /// A uniform number in `0..bound`.
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an empty range has no number to draw");
        // Lemire's method: the high half of a 128-bit product, rejecting the few low halves that would make
        // some results likelier than others. The exact limit of what is rejected is below the bound, and costs a
        // division.
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            let low = product as u64;
            if low >= bound || low >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniform span in `low..high`, or `low` if the range is empty.
    pub fn span(&mut self, low: SimDuration, high: SimDuration) -> SimDuration {
        if high <= low {
            return low;
        }
        low + SimDuration::from_nanos(self.below(high.as_nanos() - low.as_nanos()))
    }

    /// A span that is exponentially distributed around its mean: the time to the next of many independent events.
    pub fn exponential(&mut self, mean: SimDuration) -> SimDuration {
        let nanos = u128::from(mean.as_nanos()) * u128::from(negative_logarithm(self.next_u64()));
        SimDuration::from_nanos(u64::try_from(nanos >> FRACTION_BITS).unwrap_or(u64::MAX))
    }

    /// True with this chance.
    pub fn chance(&mut self, chance: Ppm) -> bool {
        chance.0 > 0 && self.below(1_000_000) < u64::from(chance.0)
    }

    /// Puts `items` in a uniformly random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last as u64 + 1) as usize;
            items.swap(last, chosen);
        }
    }

    /// Orders `items` as iteration over a Go map does, seen from outside: a list of at most eight entries
    /// keeps its order and starts at a random place, a longer one is shuffled (spec orchestration 17).
    pub fn map_order<T>(&mut self, items: &mut [T]) {
        if items.len() > 8 {
            self.shuffle(items);
        } else if items.len() > 1 {
            let start = self.below(items.len() as u64) as usize;
            items.rotate_left(start);
        }
    }
}

impl StateDigest for Stream {
    fn digest(&self, digest: &mut Digest) {
        // The generator's position, and with it what is ready, follows from the count of draws.
        let Self { ready: _, drawn, generator: _ } = self;
        digest.u64(*drawn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_same_numbers_whatever_was_drawn_elsewhere() {
        let mut first = Streams::new(7);
        let mut a = first.stream("backoff/w1");
        let numbers: Vec<u64> = (0..4).map(|_| a.next_u64()).collect();
        let mut second = Streams::new(7);
        let mut other = second.stream("backoff/w2");
        other.next_u64();
        let mut b = second.stream("backoff/w1");
        assert_eq!(numbers, (0..4).map(|_| b.next_u64()).collect::<Vec<_>>());
    }

    #[test]
    #[should_panic(expected = "taken twice")]
    fn asking_twice_for_one_name_panics() {
        let mut streams = Streams::new(1);
        let _ = streams.stream("x");
        let _ = streams.stream("x");
    }

    #[test]
    fn below_reaches_every_number_and_nothing_else() {
        let mut stream = Stream::named(3, "test");
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            seen[stream.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (850..1150).contains(count)), "{seen:?}");
    }

    #[test]
    fn exponential_spans_have_their_mean_and_their_tail() {
        let mut stream = Stream::named(5, "test");
        let mean = SimDuration::from_micros(1_000);
        let spans: Vec<u64> = (0..20_000).map(|_| stream.exponential(mean).as_nanos()).collect();
        let average = spans.iter().sum::<u64>() / spans.len() as u64;
        assert!((980_000..1_020_000).contains(&average), "{average}");
        let longer_than_twice = spans.iter().filter(|span| **span > 2_000_000).count();
        assert!((2_550..2_860).contains(&longer_than_twice), "{longer_than_twice} for 2707");
    }

    #[test]
    fn short_lists_are_rotated_and_long_ones_shuffled() {
        let mut stream = Stream::named(3, "test");
        for _ in 0..50 {
            let mut short = [0, 1, 2, 3];
            stream.map_order(&mut short);
            assert!((0..4).all(|i| short[(i + 1) % 4] == (short[i] + 1) % 4), "{short:?} is no rotation");
        }
    }
}
