//! The order of names in tables: numbers in them count by value, so `web.2` comes before `web.10`.
use std::cmp::Ordering;

/// Compares two names. Digits come before other characters; of equal numbers that with fewer zeros in front.
pub(super) fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        let (Some(first), Some(second)) = (one.first(), other.first()) else {
            return one.len().cmp(&other.len());
        };
        let order = match (first.is_ascii_digit(), second.is_ascii_digit()) {
            (true, true) => {
                let (number_one, number_other) = (Number::take(&mut one), Number::take(&mut other));
                number_one.cmp(&number_other)
            }
            (false, false) => {
                let order = first.cmp(second);
                (one, other) = (&one[1..], &other[1..]);
                order
            }
            (one_is_digit, other_is_digit) => other_is_digit.cmp(&one_is_digit),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// A run of digits. The fields are in the order in which they are compared.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Number<'a> {
    length: usize,
    digits: &'a [u8],
    zeros: usize,
}

impl<'a> Number<'a> {
    /// Takes the number at the beginning of a text away from it.
    fn take(text: &mut &'a [u8]) -> Self {
        let run = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let zeros = text.iter().take_while(|byte| **byte == b'0').count();
        let digits = &text[zeros..run];
        *text = &text[run..];
        Number { length: digits.len(), digits, zeros }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_names_count_by_value() {
        let mut names = ["web.10", "web.2", "web", "a", "10", "9x", "web.02", "web.1", "Web.1", "web.1a"];
        names.sort_by(|one, other| natural_order(one, other));
        assert_eq!(names, ["9x", "10", "Web.1", "a", "web", "web.1", "web.1a", "web.2", "web.02", "web.10"]);
    }

    proptest! {
        #[test]
        fn the_order_is_total(texts in proptest::collection::vec("[a0-2.]{0,5}", 3)) {
            let [a, b, c] = [&texts[0], &texts[1], &texts[2]];
            prop_assert_eq!(natural_order(a, b), natural_order(b, a).reverse());
            prop_assert_eq!(natural_order(a, b) == Ordering::Equal, a == b);
            if natural_order(a, b).is_le() && natural_order(b, c).is_le() {
                prop_assert!(natural_order(a, c).is_le());
            }
        }
    }
}
