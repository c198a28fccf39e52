//! Lists of names as people write them: `web.1, web.4 to web.9 and 3 more`.
use std::collections::BTreeSet;

/// Parts of a list that are written out before the rest is only counted.
const PARTS_MAX: usize = 4;

/// A list of names in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Enumeration {
    pub(crate) text: String,
    /// How many different names there are.
    pub(crate) distinct: usize,
    /// How many names were given.
    pub(crate) total: usize,
}

/// A list of names. Consecutive numbers are joined to ranges; a name that occurs several times is written once.
pub(crate) fn enumerate(names: impl IntoIterator<Item = String>) -> Enumeration {
    let mut total = 0;
    let distinct: BTreeSet<(String, Option<u64>)> =
        names.into_iter().inspect(|_| total += 1).map(|name| split_number(&name)).collect();
    let parts = ranges(&distinct);
    let shown = if parts.len() > PARTS_MAX { PARTS_MAX - 1 } else { parts.len() };
    let mut texts: Vec<String> = parts[..shown].iter().map(Range::text).collect();
    let hidden: u64 = parts[shown..].iter().map(|range| range.count).sum();
    if hidden > 0 {
        texts.push(format!("{hidden} more"));
    }
    Enumeration { text: conjoin(&texts), distinct: distinct.len(), total }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn conjoin(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Names with consecutive numbers.
struct Range<'a> {
    prefix: &'a str,
    numbers: Option<(u64, u64)>,
    count: u64,
}

impl Range<'_> {
    fn text(&self) -> String {
        let prefix = self.prefix;
        match self.numbers {
            None => prefix.to_owned(),
            Some((first, last)) if first == last => format!("{prefix}{first}"),
            Some((first, last)) => format!("{prefix}{first} to {prefix}{last}"),
        }
    }
}

impl<'a> Range<'a> {
    /// Two names are shorter than a range of two.
    fn without_pair(self) -> Vec<Self> {
        match self.numbers {
            Some((first, last)) if first + 1 == last => [first, last]
                .map(|number| Range { prefix: self.prefix, numbers: Some((number, number)), count: 1 })
                .into(),
            _ => vec![self],
        }
    }
}

fn ranges(names: &BTreeSet<(String, Option<u64>)>) -> Vec<Range<'_>> {
    let mut ranges: Vec<Range<'_>> = Vec::new();
    for (prefix, number) in names {
        let previous = ranges.last_mut().filter(|range| range.prefix == prefix);
        match (previous, number) {
            (Some(Range { numbers: Some((_, last)), count, .. }), Some(number)) if *last + 1 == *number => {
                *last = *number;
                *count += 1;
            }
            _ => ranges.push(Range { prefix, numbers: number.map(|number| (number, number)), count: 1 }),
        }
    }
    ranges.into_iter().flat_map(Range::without_pair).collect()
}

/// A name and the number at its end, if it has one that prints as it is written.
fn split_number(name: &str) -> (String, Option<u64>) {
    let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match name[prefix.len()..].parse::<u64>() {
        Ok(number) if number.to_string() == name[prefix.len()..] => (prefix.to_owned(), Some(number)),
        _ => (name.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> String {
        enumerate(names.iter().map(|name| (*name).to_owned())).text
    }

    #[test]
    fn few_names_are_written_out() {
        assert_eq!(list(&["web.3"]), "web.3");
        assert_eq!(list(&["web.6", "web.3"]), "web.3 and web.6");
        assert_eq!(list(&["web.6", "web.5", "db"]), "db, web.5 and web.6");
    }

    #[test]
    fn consecutive_numbers_become_a_range() {
        assert_eq!(list(&["web.1", "web.2", "web.3", "web.10"]), "web.1 to web.3 and web.10");
        assert_eq!(enumerate((1..=10_000).map(|slot| format!("web.{slot}"))).text, "web.1 to web.10000");
    }

    #[test]
    fn long_lists_are_counted() {
        let odd = (0..50).map(|slot| format!("web.{}", 2 * slot + 1));
        assert_eq!(enumerate(odd).text, "web.1, web.3, web.5 and 47 more");
    }

    #[test]
    fn what_happened_to_one_thing_several_times_is_counted() {
        let names = ["a.1", "a.1", "a.2"].map(str::to_owned);
        assert_eq!(enumerate(names), Enumeration { text: "a.1 and a.2".to_owned(), distinct: 2, total: 3 });
    }

    #[test]
    fn a_number_with_leading_zeros_is_part_of_the_name() {
        assert_eq!(list(&["node-01", "node-02"]), "node-01 and node-02");
    }
}
