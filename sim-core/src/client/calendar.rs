//! Virtual time as a date: second 0 is the beginning of 2026 (decisions: words).
use crate::kernel::SimTime;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400;
const FIRST_YEAR: u64 = 2026;

/// `2026-01-01 00:00:05.25 +0000 UTC`, as Go prints a time.
pub(super) fn date_and_time(time: SimTime) -> String {
    let (date, clock) = parts(time);
    format!("{date} {clock} +0000 UTC")
}

/// `2026-01-01T00:00:05.25Z`, as a time stands in JSON.
pub(super) fn timestamp(time: SimTime) -> String {
    let (date, clock) = parts(time);
    format!("{date}T{clock}Z")
}

fn parts(time: SimTime) -> (String, String) {
    let (seconds, nanoseconds) = (time.as_nanos() / SECOND, time.as_nanos() % SECOND);
    let (year, month, day) = date(seconds / DAY);
    let clock = seconds % DAY;
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    let fraction = format!(".{nanoseconds:09}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    (format!("{year}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}{fraction}"))
}

/// Year, month and day of the month, some days after the first one.
fn date(mut days: u64) -> (u64, u64, u64) {
    let mut year = FIRST_YEAR;
    while days >= year_length(year) {
        days -= year_length(year);
        year += 1;
    }
    let mut month = 1;
    while days >= month_length(year, month) {
        days -= month_length(year, month);
        month += 1;
    }
    (year, month, days + 1)
}

fn year_length(year: u64) -> u64 {
    (1..=12).map(|month| month_length(year, month)).sum()
}

fn month_length(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_knows_leap_years() {
        let texts = [0, 59 * DAY, (365 + 365 + 59) * DAY, (3 * 365 + 1) * DAY - 1]
            .map(|s| date_and_time(SimTime::from_secs(s)));
        assert_eq!(
            texts,
            [
                "2026-01-01 00:00:00 +0000 UTC",
                "2026-03-01 00:00:00 +0000 UTC",
                "2028-02-29 00:00:00 +0000 UTC",
                "2028-12-31 23:59:59 +0000 UTC",
            ]
        );
        assert_eq!(date_and_time(SimTime::from_millis(5_250)), "2026-01-01 00:00:05.25 +0000 UTC");
        assert_eq!(timestamp(SimTime::from_millis(5_250)), "2026-01-01T00:00:05.25Z");
    }
}
