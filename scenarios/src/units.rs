//! Numbers with units: Go durations (`1m30s`), docker sizes (`512m`), decimal CPUs, percentages and rates.
//!
//! Everything is exact integer arithmetic on the written decimals. A number without a unit, a negative one and
//! one that does not fit are errors, each of its own kind, because the author needs a different hint for each.
use std::fmt;

use sim_core::kernel::{Ppm, SimDuration};

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    /// What it should have been.
    pub quantity: Quantity,
    /// What is wrong with it.
    pub fault: UnitFault,
}

/// A kind of number with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// A span of time.
    Duration,
    /// An amount of memory.
    Size,
    /// A number of CPUs.
    Cpus,
    /// A part of a whole, in percent.
    Percentage,
    /// A part of a whole, between 0 and 1.
    Ratio,
    /// How often something happens.
    Rate,
}

/// What can be wrong with a number and its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitFault {
    /// There is no number in it, or something besides the number and its unit.
    NotANumber,
    /// The unit is missing.
    NoUnit,
    /// There is no such unit.
    UnknownUnit(String),
    /// It is less than nothing.
    Negative,
    /// It is nothing, where something is needed.
    Zero,
    /// It is more than fits.
    TooLarge,
    /// It has more decimals than are kept.
    TooPrecise,
}

/// Longest duration: what Go can hold, 292 years.
const NANOS_MAX: u128 = i64::MAX as u128;

const DURATION_UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A Go duration such as `1m30s`, `0.5s` or `100ms`. What is less than a nanosecond is dropped, as in Go.
pub fn duration(text: &str) -> Result<SimDuration, UnitError> {
    let error = |fault| UnitError { quantity: Quantity::Duration, fault };
    let mut rest = unsigned(text).map_err(error)?;
    if rest.is_empty() {
        return Err(error(UnitFault::NotANumber));
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (number, behind) = split_number(rest);
        let number = Decimal::parse(number).map_err(error)?;
        let end = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        if unit.is_empty() {
            return Err(error(UnitFault::NoUnit));
        }
        let factor = DURATION_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let factor = factor.ok_or_else(|| error(UnitFault::UnknownUnit(unit.to_owned())))?;
        nanos += number.times(factor).filter(|part| *part <= NANOS_MAX).ok_or(error(UnitFault::TooLarge))?;
        rest = behind;
    }
    let nanos = u64::try_from(nanos).ok().filter(|nanos| u128::from(*nanos) <= NANOS_MAX);
    nanos.map(SimDuration::from_nanos).ok_or(error(UnitFault::TooLarge))
}

/// A docker size such as `512m`, `1.5g` or `8GiB`, in bytes. Units are powers of 1024 in any case.
pub fn size(text: &str) -> Result<i64, UnitError> {
    let error = |fault| UnitError { quantity: Quantity::Size, fault };
    let (number, unit) = split_number(unsigned(text).map_err(error)?);
    let number = Decimal::parse(number).map_err(error)?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" => return Err(error(UnitFault::NoUnit)),
        "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        "p" | "pb" | "pib" => 1 << 50,
        _ => return Err(error(UnitFault::UnknownUnit(unit.to_owned()))),
    };
    number.times(factor).and_then(|bytes| i64::try_from(bytes).ok()).ok_or(error(UnitFault::TooLarge))
}

/// A decimal number of CPUs such as `0.5`, in billionths of a CPU.
pub fn cpus(text: &str) -> Result<i64, UnitError> {
    let error = |fault| UnitError { quantity: Quantity::Cpus, fault };
    let billionths = scaled(text, 1_000_000_000).map_err(error)?;
    i64::try_from(billionths).map_err(|_| error(UnitFault::TooLarge))
}

/// A percentage such as `0.1%`, at most 100 %.
pub fn percentage(text: &str) -> Result<Ppm, UnitError> {
    let error = |fault| UnitError { quantity: Quantity::Percentage, fault };
    let number = match text.strip_suffix('%') {
        Some(number) => number.trim_end(),
        None if Decimal::parse(text).is_ok() => return Err(error(UnitFault::NoUnit)),
        None => text,
    };
    let millionths = scaled(number, 10_000).map_err(error)?;
    if millionths > 1_000_000 {
        return Err(error(UnitFault::TooLarge));
    }
    Ok(Ppm(millionths as u32))
}

/// A decimal part of a whole such as `0.25`, in billionths. More than the whole is one too, as far as it can be held.
pub fn ratio(text: &str) -> Result<u32, UnitError> {
    let error = |fault| UnitError { quantity: Quantity::Ratio, fault };
    let billionths = scaled(text, 1_000_000_000).map_err(error)?;
    u32::try_from(billionths).map_err(|_| error(UnitFault::TooLarge))
}

/// A rate such as `50/s`, as the time between two events, rounded down.
pub fn rate(text: &str) -> Result<SimDuration, UnitError> {
    let error = |fault| UnitError { quantity: Quantity::Rate, fault };
    let (number, unit) = match text.split_once('/') {
        Some((number, unit)) => (number.trim_end(), unit.trim_start()),
        None if Decimal::parse(text).is_ok() => return Err(error(UnitFault::NoUnit)),
        None => (text, ""),
    };
    let number = Decimal::parse(unsigned(number).map_err(error)?).map_err(error)?;
    let period: u128 = match unit {
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(error(UnitFault::UnknownUnit(unit.to_owned()))),
    };
    if number.digits == 0 {
        return Err(error(UnitFault::Zero));
    }
    let dividend = period * 10_u128.pow(number.decimals);
    if dividend < number.digits {
        return Err(error(UnitFault::TooLarge));
    }
    // Rounded up, so that there are never more in a period than it says.
    let nanos = dividend.div_ceil(number.digits);
    Ok(SimDuration::from_nanos(u64::try_from(nanos).map_err(|_| error(UnitFault::TooPrecise))?))
}

/// The number times `scale`, which must be whole.
fn scaled(text: &str, scale: u128) -> Result<u128, UnitFault> {
    let number = Decimal::parse(unsigned(text)?)?;
    let product = number.digits.checked_mul(scale).ok_or(UnitFault::TooLarge)?;
    let divisor = 10_u128.pow(number.decimals);
    if product % divisor != 0 {
        return Err(UnitFault::TooPrecise);
    }
    Ok(product / divisor)
}

/// The text without a plus sign. A minus sign before a number is an error of its own.
fn unsigned(text: &str) -> Result<&str, UnitFault> {
    match text.strip_prefix('-') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') => Err(UnitFault::Negative),
        Some(_) => Err(UnitFault::NotANumber),
        None => Ok(text.strip_prefix('+').unwrap_or(text)),
    }
}

fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

/// An unsigned decimal number: `digits` divided by ten to the power of `decimals`.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    digits: u128,
    decimals: u32,
}

impl Decimal {
    /// Digits that are surely enough for every quantity, and whose products with every unit fit.
    const DIGITS_MAX: usize = 21;

    fn parse(text: &str) -> Result<Self, UnitFault> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(UnitFault::NotANumber);
        }
        if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(UnitFault::NotANumber);
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        if whole.len() > Self::DIGITS_MAX {
            return Err(UnitFault::TooLarge);
        }
        if whole.len() + fraction.len() > Self::DIGITS_MAX {
            return Err(UnitFault::TooPrecise);
        }
        let digits = whole.bytes().chain(fraction.bytes());
        let digits = digits.fold(0, |number, digit| number * 10 + u128::from(digit - b'0'));
        Ok(Decimal { digits, decimals: fraction.len() as u32 })
    }

    /// The product with a unit, rounded down.
    fn times(self, factor: u128) -> Option<u128> {
        Some(self.digits.checked_mul(factor)? / 10_u128.pow(self.decimals))
    }
}

impl Quantity {
    fn name(self) -> &'static str {
        match self {
            Quantity::Duration => "duration",
            Quantity::Size => "size",
            Quantity::Cpus => "number of CPUs",
            Quantity::Percentage => "percentage",
            Quantity::Ratio => "ratio",
            Quantity::Rate => "rate",
        }
    }

    /// How the author should write it.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Quantity::Duration => {
                "a duration is a number and a unit (ns, us, ms, s, m, h), such as `90s` or `1m30s`"
            }
            Quantity::Size => "a size is a number and a unit (b, k, m, g, t), such as `512m` or `8g`",
            Quantity::Cpus => "CPUs are a decimal number with at most nine decimals, such as `0.5`",
            Quantity::Percentage => {
                "a percentage is a number from 0 to 100 and a percent sign, such as `0.1%`"
            }
            Quantity::Ratio => {
                "a ratio is a decimal number from 0 to 1 with at most nine decimals, such as `0.25`"
            }
            Quantity::Rate => "a rate is a number of times in a second, minute or hour, such as `50/s`",
        }
    }
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantity = self.quantity.name();
        match &self.fault {
            UnitFault::NotANumber => write!(f, "this is no {quantity}"),
            UnitFault::NoUnit => write!(f, "this {quantity} has no unit"),
            UnitFault::UnknownUnit(unit) => write!(f, "`{unit}` is no unit of a {quantity}"),
            UnitFault::Negative => write!(f, "a {quantity} cannot be negative"),
            UnitFault::Zero => write!(f, "this {quantity} cannot be zero"),
            UnitFault::TooLarge => write!(f, "this {quantity} is too large"),
            UnitFault::TooPrecise => write!(f, "this {quantity} has too many decimals"),
        }
    }
}

impl std::error::Error for UnitError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> Result<u64, UnitFault> {
        duration(text).map(SimDuration::as_nanos).map_err(|error| error.fault)
    }

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(nanos("1m30s"), Ok(90_000_000_000));
        assert_eq!(nanos("0.5s"), Ok(500_000_000));
        assert_eq!(nanos(".5s"), Ok(500_000_000));
        assert_eq!(nanos("1.5h"), Ok(5_400_000_000_000));
        assert_eq!(nanos("100ms"), Ok(100_000_000));
        assert_eq!(nanos("2us1ns"), Ok(2_001));
        assert_eq!(nanos("1.9ns"), Ok(1));
        assert_eq!(nanos("+0s"), Ok(0));
    }

    #[test]
    fn a_bad_duration_says_what_is_wrong() {
        assert_eq!(nanos("5"), Err(UnitFault::NoUnit));
        assert_eq!(nanos("1m30"), Err(UnitFault::NoUnit));
        assert_eq!(nanos(""), Err(UnitFault::NotANumber));
        assert_eq!(nanos("soon"), Err(UnitFault::NotANumber));
        assert_eq!(nanos("1.2.3s"), Err(UnitFault::NotANumber));
        assert_eq!(nanos(".s"), Err(UnitFault::NotANumber));
        assert_eq!(nanos("-5s"), Err(UnitFault::Negative));
        assert_eq!(nanos("3 s"), Err(UnitFault::UnknownUnit(" s".to_owned())));
        assert_eq!(nanos("3sec"), Err(UnitFault::UnknownUnit("sec".to_owned())));
        assert_eq!(nanos("2562047h"), Ok(9_223_369_200_000_000_000));
        assert_eq!(nanos("2562048h"), Err(UnitFault::TooLarge));
        assert_eq!(nanos("9999999999999999999999999999999999999999h"), Err(UnitFault::TooLarge));
        assert_eq!(nanos("2562047h2562047h"), Err(UnitFault::TooLarge));
    }

    #[test]
    fn sizes_are_powers_of_1024_in_any_case() {
        let bytes = |text| size(text).map_err(|error| error.fault);
        assert_eq!(bytes("512m"), Ok(512 << 20));
        assert_eq!(bytes("8g"), Ok(8 << 30));
        assert_eq!(bytes("1.5GiB"), Ok(3 << 29));
        assert_eq!(bytes("4 KB"), Ok(4096));
        assert_eq!(bytes("4b"), Ok(4));
        assert_eq!(bytes("4"), Err(UnitFault::NoUnit));
        assert_eq!(bytes("4x"), Err(UnitFault::UnknownUnit("x".to_owned())));
        assert_eq!(bytes("-4m"), Err(UnitFault::Negative));
        assert_eq!(bytes("9999999p"), Err(UnitFault::TooLarge));
    }

    #[test]
    fn parts_and_rates_are_exact() {
        assert_eq!(cpus("0.5"), Ok(500_000_000));
        assert_eq!(cpus("0.0000000001").map_err(|error| error.fault), Err(UnitFault::TooPrecise));
        assert_eq!(percentage("0.1%"), Ok(Ppm(1_000)));
        assert_eq!(percentage("5").map_err(|error| error.fault), Err(UnitFault::NoUnit));
        assert_eq!(percentage("101%").map_err(|error| error.fault), Err(UnitFault::TooLarge));
        assert_eq!(ratio("0.25"), Ok(250_000_000));
        assert_eq!(ratio("1.1"), Ok(1_100_000_000));
        assert_eq!(ratio("5").map_err(|error| error.fault), Err(UnitFault::TooLarge));
        assert_eq!(rate("50/s"), Ok(SimDuration::from_millis(20)));
        assert_eq!(rate("6/s"), Ok(SimDuration::from_nanos(166_666_667)));
        assert_eq!(rate("0.5/m"), Ok(SimDuration::from_secs(120)));
        assert_eq!(rate("0/s").map_err(|error| error.fault), Err(UnitFault::Zero));
        assert_eq!(rate("50").map_err(|error| error.fault), Err(UnitFault::NoUnit));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_unit_panic(text in ".{0,60}") {
            let _ = (duration(&text), size(&text), cpus(&text), percentage(&text), ratio(&text), rate(&text));
        }

        #[test]
        fn digits_and_units_in_any_order_do_not_panic(text in "[-+0-9.hmsunpgk%/ ]{0,80}") {
            let _ = (duration(&text), size(&text), cpus(&text), percentage(&text), ratio(&text), rate(&text));
        }

        #[test]
        fn a_printed_duration_is_read_back(nanos in 0..i64::MAX as u64) {
            let span = SimDuration::from_nanos(nanos);
            prop_assert_eq!(duration(&span.to_string()), Ok(span));
        }
    }
}
