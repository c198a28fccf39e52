//! What became of the requests of one source, counted.
use std::fmt;

use hdrhistogram::Histogram;

use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{FailureCause, HostId, IdMap, TaskId};

/// Longest latency that is told apart from longer ones.
const LATENCY_MAX_MICROS: u64 = 3_600_000_000;
/// Digits of a latency that are kept.
const LATENCY_DIGITS: u8 = 3;
const CAUSES: usize = FailureCause::ALL.len();

/// The requests of one second, or of a longer time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent in this time.
    pub sent: u64,
    /// Of those sent in this time: answered.
    pub answered: u64,
    failed: [u64; CAUSES],
}

impl Counts {
    /// Of those sent in this time: failed, for whatever cause.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Of those sent in this time: failed for one cause.
    #[must_use]
    pub fn failed_by(&self, cause: FailureCause) -> u64 {
        self.failed[cause as usize]
    }

    /// Of those sent in this time: neither answered nor failed yet.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.sent - self.answered - self.failed()
    }

    /// Counts those of another time too.
    pub fn add(&mut self, other: &Counts) {
        self.sent += other.sent;
        self.answered += other.answered;
        for (sum, more) in self.failed.iter_mut().zip(other.failed) {
            *sum += more;
        }
    }
}

/// What became of the requests of one source.
#[derive(Clone)]
pub struct Tally {
    total: Counts,
    /// By the second in which requests were sent, from the first such second on.
    seconds: Vec<Counts>,
    first_second: u64,
    retries: u64,
    answered_by: IdMap<TaskId, u64>,
    through: IdMap<HostId, Counts>,
    latencies: Histogram<u64>,
}

impl Tally {
    /// Nothing was sent yet.
    ///
    /// # Panics
    /// Never: the bounds of the histogram are good ones.
    #[must_use]
    pub fn new() -> Self {
        let latencies = Histogram::new_with_bounds(1, LATENCY_MAX_MICROS, LATENCY_DIGITS);
        Tally {
            total: Counts::default(),
            seconds: Vec::new(),
            first_second: 0,
            retries: 0,
            answered_by: IdMap::new(),
            through: IdMap::new(),
            latencies: latencies.expect("bounds and digits are in range"),
        }
    }

    /// All requests so far.
    #[must_use]
    pub fn total(&self) -> &Counts {
        &self.total
    }

    /// Attempts that were made again after a failure.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries
    }

    /// The requests that were sent in each second, from the first on in which one was sent: the time at which the
    /// second begins, and what became of them.
    pub fn seconds(&self) -> impl Iterator<Item = (SimTime, &Counts)> {
        let begins = |place: usize| SimTime::from_secs(self.first_second + place as u64);
        self.seconds.iter().enumerate().map(move |(place, counts)| (begins(place), counts))
    }

    /// The requests that were sent from one second on and before another one.
    #[must_use]
    pub fn between(&self, from: SimTime, to: SimTime) -> Counts {
        let mut sum = Counts::default();
        self.seconds().filter(|(begins, _)| (from..to).contains(begins)).for_each(|(_, one)| sum.add(one));
        sum
    }

    /// How many requests each task has answered.
    pub fn answered_by(&self) -> impl Iterator<Item = (TaskId, u64)> {
        self.answered_by.iter().map(|(task, count)| (task, *count))
    }

    /// What became of the requests through each node.
    pub fn through(&self) -> impl Iterator<Item = (HostId, &Counts)> {
        self.through.iter()
    }

    /// The latency that this part of all answered requests did not exceed. None: nothing was answered.
    #[must_use]
    pub fn latency(&self, percent: u8) -> Option<SimDuration> {
        let answered = self.total.answered;
        if answered == 0 {
            return None;
        }
        let rank = (answered * u64::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        let mut values = self.latencies.iter_recorded();
        let value = values.find(|value| {
            seen += value.count_since_last_iteration();
            seen >= rank
        })?;
        let longest = self.latencies.max();
        Some(SimDuration::from_micros(value.value_iterated_to().min(longest)))
    }

    pub(super) fn sent(&mut self, at: SimTime) {
        self.total.sent += 1;
        self.second(at).sent += 1;
    }

    pub(super) fn retried(&mut self) {
        self.retries += 1;
    }

    pub(super) fn answered(&mut self, sent: SimTime, took: SimDuration, task: TaskId, entry: HostId) {
        self.total.answered += 1;
        self.second(sent).answered += 1;
        *self.answered_by.get_or_insert_with(task, || 0) += 1;
        let through = self.through.get_or_insert_with(entry, Counts::default);
        through.sent += 1;
        through.answered += 1;
        self.latencies.saturating_record((took.as_nanos() / 1_000).max(1));
    }

    pub(super) fn failed(&mut self, sent: SimTime, cause: FailureCause, entry: Option<HostId>) {
        self.total.failed[cause as usize] += 1;
        self.second(sent).failed[cause as usize] += 1;
        if let Some(entry) = entry {
            let through = self.through.get_or_insert_with(entry, Counts::default);
            through.sent += 1;
            through.failed[cause as usize] += 1;
        }
    }

    fn second(&mut self, at: SimTime) -> &mut Counts {
        let second = at.as_nanos() / 1_000_000_000;
        if self.seconds.is_empty() {
            self.first_second = second;
        }
        let place = usize::try_from(second - self.first_second).expect("a run has fewer seconds");
        if place >= self.seconds.len() {
            self.seconds.resize(place + 1, Counts::default());
        }
        &mut self.seconds[place]
    }
}

impl Default for Tally {
    fn default() -> Self {
        Tally::new()
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").field("total", &self.total).finish_non_exhaustive()
    }
}

impl StateDigest for Counts {
    fn digest(&self, digest: &mut Digest) {
        let Self { sent, answered, failed } = self;
        digest.u64(*sent);
        digest.u64(*answered);
        failed.iter().for_each(|count| digest.u64(*count));
    }
}

impl StateDigest for Tally {
    fn digest(&self, digest: &mut Digest) {
        // Seconds add up to the total.
        let Self { total, seconds: _, first_second, retries, answered_by, through, latencies } = self;
        total.digest(digest);
        digest.u64(*first_second);
        digest.u64(*retries);
        for (task, count) in answered_by.iter() {
            digest.u32(task.0);
            digest.u64(*count);
        }
        through.digest(digest);
        digest.u64(latencies.max());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_answered_requests_and_rounded_up() {
        let mut tally = Tally::new();
        assert_eq!(tally.latency(50), None);
        for millis in 1..=100 {
            let sent = SimTime::from_secs(3);
            tally.sent(sent);
            tally.answered(sent, SimDuration::from_millis(millis), TaskId(0), HostId(0));
        }
        let micros = |percent| tally.latency(percent).map(|span| span.as_nanos() / 1_000_000);
        assert_eq!([50, 90, 99, 100].map(micros), [Some(50), Some(90), Some(99), Some(100)]);
    }

    #[test]
    fn a_request_counts_in_the_second_in_which_it_was_sent() {
        let mut tally = Tally::new();
        let times = [1_500, 1_999, 4_000].map(SimTime::from_millis);
        times.iter().for_each(|time| tally.sent(*time));
        tally.failed(times[1], FailureCause::Reset, None);
        let seconds: Vec<(u64, u64, u64)> = tally
            .seconds()
            .map(|(begins, one)| (begins.as_nanos() / 1_000_000_000, one.sent, one.under_way()))
            .collect();
        assert_eq!(seconds, [(1, 2, 1), (2, 0, 0), (3, 0, 0), (4, 1, 1)]);
        assert_eq!(tally.between(SimTime::from_secs(1), SimTime::from_secs(2)).failed(), 1);
        assert_eq!(tally.between(SimTime::from_secs(2), SimTime::from_secs(9)).sent, 1);
    }
}
