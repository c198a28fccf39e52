//! Docker's way of saying how long ago, how much and how long.
use crate::kernel::SimDuration;
use crate::model::image::ImageReference;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// A rough duration: `37 seconds`, `About a minute`. Hours are rounded, everything else is cut off.
pub(super) fn human_duration(duration: SimDuration) -> String {
    let nanoseconds = duration.as_nanos();
    let (seconds, minutes) = (nanoseconds / SECOND, nanoseconds / MINUTE);
    let hours = (nanoseconds + HOUR / 2) / HOUR;
    match (seconds, minutes, hours) {
        (0, _, _) => "Less than a second".to_owned(),
        (1, _, _) => "1 second".to_owned(),
        (2..60, _, _) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, 2..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, ..48) => format!("{hours} hours"),
        (_, _, ..336) => format!("{} days", hours / 24),
        (_, _, ..1_440) => format!("{} weeks", hours / 24 / 7),
        (_, _, ..17_520) => format!("{} months", hours / 24 / 30),
        (_, _, _) => format!("{} years", nanoseconds / HOUR / 24 / 365),
    }
}

/// An exact duration as Go writes it: `1m30s`, `1.5s`, `200ms`.
pub(super) fn exact_duration(duration: SimDuration) -> String {
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    if nanoseconds < SECOND {
        let (unit, name) = match nanoseconds {
            ..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000.. => (1_000_000, "ms"),
        };
        return format!("{}{name}", decimal(nanoseconds, unit));
    }
    let seconds = format!("{}s", decimal(nanoseconds % MINUTE, SECOND));
    match (nanoseconds / HOUR, nanoseconds / MINUTE % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// `amount / unit` with as many decimals as needed. The unit is a power of ten.
fn decimal(amount: u64, unit: u64) -> String {
    let (whole, rest) = (amount / unit, amount % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = format!("{:0width$}", rest, width = unit.ilog10() as usize);
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// An amount of memory with four digits: `512MiB`, `1.953GiB`.
pub(super) fn bytes_size(bytes: i64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let amount = u128::from(bytes.unsigned_abs());
    let power =
        (0..UNITS.len() - 1).find(|power| amount >> (10 * (power + 1)) == 0).unwrap_or(UNITS.len() - 1);
    let unit = 1u128 << (10 * power);
    let decimals = 4u32.saturating_sub((amount / unit).max(1).ilog10() + 1);
    let scaled = round_half_even(amount * 10u128.pow(decimals), unit);
    let (whole, rest) = (scaled / 10u128.pow(decimals), scaled % 10u128.pow(decimals));
    let sign = if bytes < 0 { "-" } else { "" };
    if rest == 0 {
        return format!("{sign}{whole}{}", UNITS[power]);
    }
    let digits = format!("{:0width$}", rest, width = decimals as usize);
    format!("{sign}{whole}.{}{}", digits.trim_end_matches('0'), UNITS[power])
}

fn round_half_even(amount: u128, unit: u128) -> u128 {
    let (quotient, rest) = (amount / unit, amount % unit);
    let up = rest * 2 > unit || (rest * 2 == unit && quotient % 2 == 1);
    quotient + u128::from(up)
}

/// A word of SwarmKit as docker prints it, the first letter large, the others small: `READY` becomes `Ready`.
#[must_use]
pub fn pretty(word: &str) -> String {
    let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
    format!("{}{}", first.to_uppercase(), rest.to_lowercase())
}

/// A text of at most so many characters; the last one of a longer text becomes an ellipsis.
pub(super) fn ellipsis(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    format!("{kept}…")
}

/// An image in docker's short form, without its digest if it has a tag too.
pub(super) fn short_image(image: &str) -> String {
    ImageReference::parse(image).map_or(image.to_owned(), |reference| reference.without_digest().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_rough() {
        let seconds =
            [0, 1, 59, 60, 119, 120, 3_599, 3_600, 5_399, 5_400, 172_799, 172_800, 1_209_600, 5_184_000];
        let texts = seconds.map(|seconds| human_duration(SimDuration::from_secs(seconds)));
        assert_eq!(
            texts,
            [
                "Less than a second",
                "1 second",
                "59 seconds",
                "About a minute",
                "About a minute",
                "2 minutes",
                "59 minutes",
                "About an hour",
                "About an hour",
                "2 hours",
                "2 days",
                "2 days",
                "2 weeks",
                "2 months",
            ]
        );
        assert_eq!(human_duration(SimDuration::from_millis(999)), "Less than a second");
        assert_eq!(human_duration(SimDuration::from_secs(2 * 365 * 86_400)), "2 years");
    }

    #[test]
    fn durations_are_exact() {
        let texts = [0, 5, 1_500, 200_000_000, 1_500_000_000, 60_000_000_000, 3_661_000_000_000]
            .map(|nanoseconds| exact_duration(SimDuration::from_nanos(nanoseconds)));
        assert_eq!(texts, ["0s", "5ns", "1.5µs", "200ms", "1.5s", "1m0s", "1h1m1s"]);
    }

    #[test]
    fn sizes_have_four_digits() {
        let texts =
            [0, 512, 1_023, 1_024, 1_536, 67_108_864, 8_589_934_592, 2_097_153_000, 1_072_693_248, -4_096]
                .map(bytes_size);
        assert_eq!(
            texts,
            ["0B", "512B", "1023B", "1KiB", "1.5KiB", "64MiB", "8GiB", "1.953GiB", "1023MiB", "-4KiB"]
        );
        assert_eq!(bytes_size(1_048_575), "1024KiB");
    }
}
