//! "Did you mean": the known name that is closest to a wrong one, and lists of names for hints.

/// The help for a name that is not known: a close one if there is one, and what there is to choose from.
#[must_use]
pub fn help<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        return format!("there are no {what}");
    }
    let list = format!("{what}: {}", listed(&known));
    match closest(wrong, &known) {
        Some(name) => format!("did you mean `{name}`? {list}"),
        None => list,
    }
}

/// The known name that a slip of the finger turns into the wrong one.
pub(crate) fn closest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let tolerated = (wrong.chars().count() / 3).max(1);
    let candidates = known.iter().map(|name| (distance(&wrong, &name.to_lowercase(), tolerated), *name));
    candidates.filter(|(distance, _)| *distance <= tolerated).min().map(|(_, name)| name)
}

/// The names with commas between; of a long list only the beginning.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 48;
    let mut text = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// Insertions, deletions, replacements and swaps of neighbours between two texts; anything above `limit` if their
/// lengths differ by more.
fn distance(one: &str, other: &str, limit: usize) -> usize {
    const LENGTH_MAX: usize = 64;
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > limit || one.len().max(other.len()) > LENGTH_MAX {
        return limit + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut cost = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_and_a_different_word_does_not() {
        let names = ["web", "worker-2", "replicas"];
        assert_eq!(closest("wbe", &names), Some("web"));
        assert_eq!(closest("Web", &names), Some("web"));
        assert_eq!(closest("worker2", &names), Some("worker-2"));
        assert_eq!(closest("replica", &names), Some("replicas"));
        assert_eq!(closest("database", &names), None);
    }

    #[test]
    fn help_names_the_choices() {
        assert_eq!(help("wbe", ["api", "web"], "services"), "did you mean `web`? services: api, web");
        assert_eq!(help("x9", ["api"], "services"), "services: api");
        assert_eq!(help("x", [], "services"), "there are no services");
    }
}
