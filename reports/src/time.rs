//! Times for people: seconds with three decimals, rounded down.
use sim_core::kernel::{SimDuration, SimTime};

/// `43.912 s`
pub(crate) fn seconds(time: SimTime) -> String {
    time.in_seconds()
}

/// `43.912 s`
pub(crate) fn nanos(nanoseconds: u64) -> String {
    SimDuration::from_nanos(nanoseconds).in_seconds()
}

/// As short as possible: `30 s`, `43.912 s`.
pub(crate) fn short(time: SimTime) -> String {
    let text = seconds(time);
    let number = text.trim_end_matches(" s").trim_end_matches('0').trim_end_matches('.');
    format!("{number} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_down_to_milliseconds() {
        assert_eq!(seconds(SimTime::from_nanos(43_912_999_999)), "43.912 s");
        assert_eq!(seconds(SimTime::ZERO), "0.000 s");
    }

    #[test]
    fn short_times_have_no_needless_decimals() {
        assert_eq!(short(SimTime::from_secs(30)), "30 s");
        assert_eq!(short(SimTime::ZERO), "0 s");
        assert_eq!(short(SimTime::from_millis(43_910)), "43.91 s");
    }
}
