//! Natural logarithms in whole numbers. The last bit of a floating-point `ln` differs between platforms.
//!
//! Between two entries of the table the curve is a straight line, which is wrong by less than two millionths.

/// Bits behind the point.
pub(super) const FRACTION_BITS: u32 = 32;
/// The table has two to this power steps between one and two.
const STEP_BITS: u32 = 8;
const STEPS: usize = 1 << STEP_BITS;
/// The logarithms of `1 + step / STEPS`.
static TABLE: [u64; STEPS + 1] = table();

/// How far below zero the logarithm of `(bits + 1/2) / 2^64` is, roughly: never negative.
pub(super) fn negative_logarithm(bits: u64) -> u64 {
    let bits = bits | 1;
    let halvings = u64::from(bits.leading_zeros());
    // What is left is between one and two: a step of the table and a part of the next one.
    let mantissa = bits << halvings << 1;
    let step = (mantissa >> (64 - STEP_BITS)) as usize;
    let part = (mantissa << STEP_BITS) >> 32;
    let (low, high) = (TABLE[step], TABLE[step + 1]);
    let logarithm = low + (((high - low) * part) >> 32);
    (halvings + 1) * TABLE[STEPS] - logarithm
}

const fn table() -> [u64; STEPS + 1] {
    let mut table = [0; STEPS + 1];
    let mut step = 0;
    while step <= STEPS {
        table[step] = logarithm_of_step(step as u128);
        step += 1;
    }
    table
}

/// `ln((n + s) / n)` is twice the sum of `z^k / k` over odd `k`, with `z = s / (2n + s)`.
const fn logarithm_of_step(step: u128) -> u64 {
    const POINT: u32 = 60;
    let z = (step << POINT) / (2 * STEPS as u128 + step);
    let square = (z * z) >> POINT;
    let (mut power, mut odd, mut sum) = (z, 1, 0);
    while power > 0 {
        sum += power / odd;
        power = (power * square) >> POINT;
        odd += 2;
    }
    ((2 * sum) >> (POINT - FRACTION_BITS)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten-thousandths.
    fn scaled(bits: u64) -> u64 {
        (negative_logarithm(bits) * 10_000 + (1 << 31)) >> FRACTION_BITS
    }

    #[test]
    fn known_logarithms_are_met() {
        assert_eq!(scaled(u64::MAX), 0);
        assert_eq!(scaled(1 << 63), 6_931, "ln 2");
        assert_eq!(scaled((1 << 63) / 10 * 2), 23_026, "ln 10");
        assert_eq!(scaled(3 << 62), 2_877, "ln 4/3");
        assert_eq!(scaled(0), 443_614, "64 ln 2");
    }

    #[test]
    fn smaller_numbers_are_further_below() {
        let mut bits = u64::MAX;
        while bits > 1 {
            let less = bits - bits / 7 - 1;
            assert!(negative_logarithm(less) >= negative_logarithm(bits), "{less} after {bits}");
            bits = less;
        }
    }
}
