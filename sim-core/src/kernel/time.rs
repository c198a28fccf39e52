//! Virtual time: integer nanoseconds, one clock for all hosts.
use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A point in virtual time: nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(u64);

/// A span of virtual time in nanoseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimDuration(u64);

impl SimTime {
    /// The start of the run.
    pub const ZERO: SimTime = SimTime(0);
    /// Later than anything that happens in a run.
    pub const FAR_FUTURE: SimTime = SimTime(u64::MAX);

    /// The point `nanoseconds` after the start.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        SimTime(nanoseconds)
    }

    /// The point `milliseconds` after the start.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        SimTime(milliseconds * 1_000_000)
    }

    /// The point `seconds` after the start.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        SimTime(seconds * 1_000_000_000)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: SimDuration = SimDuration(0);

    /// A span of `nanoseconds`.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        SimDuration(nanoseconds)
    }

    /// A span of `microseconds`.
    #[must_use]
    pub const fn from_micros(microseconds: u64) -> Self {
        SimDuration(microseconds * 1_000)
    }

    /// A span of `milliseconds`.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        SimDuration(milliseconds * 1_000_000)
    }

    /// A span of `seconds`.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        SimDuration(seconds * 1_000_000_000)
    }

    /// The span in nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The span in whole milliseconds, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The span in whole seconds, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// True for the empty span.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `factor` times this span.
    #[must_use]
    pub const fn times(self, factor: u64) -> SimDuration {
        SimDuration(self.0 * factor)
    }

    /// The part of this span that exceeds `other`, or zero.
    #[must_use]
    pub const fn saturating_sub(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_sub(other.0))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    fn add(self, span: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(span.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    fn add(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(other.0))
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = SimTime;
    /// The point `span` earlier, at the earliest the start of the run.
    fn sub(self, span: SimDuration) -> SimTime {
        SimTime(self.0.saturating_sub(span.0))
    }
}

/// Seconds with as many decimals as needed: `43.912s`.
impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

/// Seconds with as many decimals as needed: `0.05s`.
impl fmt::Display for SimDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if nanoseconds == 0 {
            return write!(f, "{seconds}s");
        }
        let decimals = format!("{nanoseconds:09}");
        write!(f, "{seconds}.{}s", decimals.trim_end_matches('0'))
    }
}

impl SimTime {
    /// Seconds with three decimals, rounded down, for people: `43.912 s`.
    #[must_use]
    pub fn in_seconds(self) -> String {
        SimDuration(self.0).in_seconds()
    }
}

impl SimDuration {
    /// Seconds with three decimals, rounded down, for people: `43.912 s`.
    #[must_use]
    pub fn in_seconds(self) -> String {
        format!("{}.{:03} s", self.as_millis() / 1_000, self.as_millis() % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_prints_seconds_without_trailing_zeros() {
        assert_eq!(SimTime::from_millis(43_912).to_string(), "43.912s");
        assert_eq!(SimDuration::from_secs(5).to_string(), "5s");
        assert_eq!(SimDuration::from_micros(50).to_string(), "0.00005s");
    }
}
