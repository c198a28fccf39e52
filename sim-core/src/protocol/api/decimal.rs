//! Numbers in billionths as text, without floats.

/// The number as Go's `%g` writes the float: `0.0005`, `5e-05`, `-1.5`.
pub(crate) fn general_notation(billionths: i64) -> String {
    let sign = if billionths < 0 { "-" } else { "" };
    let amount = billionths.unsigned_abs();
    if amount != 0 && amount < 100_000 {
        let digits = amount.to_string();
        let exponent = 10 - digits.len();
        let (first, rest) = digits.trim_end_matches('0').split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{sign}{first}{point}{rest}e-{exponent:02}");
    }
    let fraction = format!("{:09}", amount % 1_000_000_000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", amount / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_have_an_exponent() {
        let texts =
            [0, 1, 1_250, 99_000, 100_000, 500_000_000, 2_000_000_000, -1_500_000_000].map(general_notation);
        assert_eq!(texts, ["0", "1e-09", "1.25e-06", "9.9e-05", "0.0001", "0.5", "2", "-1.5"]);
    }
}
