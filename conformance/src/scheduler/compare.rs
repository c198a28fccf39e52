//! Compares a replay with its recording, by every rule that applies, and says where they differ.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::case::{Expected, Placement, ServiceFacts, Unscheduled};
use super::replay::{Created, Observed, UnscheduledCounts};
use crate::cases::Comparison;
use crate::report::Difference;

/// Compares by every rule. The range of a fact that was not stable is what the recorded draws happened to
/// give, so where ties are drawn a value outside is only a warning.
pub(super) fn compare(expected: &Expected, observed: &Observed, ties_are_drawn: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let none = Created::default();
    let end = observed.after_step.last().unwrap_or(&none);
    if expected.deterministic {
        exact(expected, end, &mut comparison.differences);
    } else if expected.canonical_deterministic {
        let recorded = Recorded { placement: &expected.placement, unscheduled: &expected.unscheduled };
        comparison.differences.extend(up_to_classes(expected, &recorded, end));
    } else if expected.outcomes_exhaustive {
        comparison.warnings.extend(among_outcomes(expected, end));
    }
    stable_facts(expected, observed, end, &mut comparison.differences);
    let Comparison { differences, warnings, .. } = &mut comparison;
    ranges(expected, end, if ties_are_drawn { warnings } else { differences });
    let checks = checks(expected);
    comparison.agreed = checks.saturating_sub(comparison.differences.len() + comparison.warnings.len());
    if checks == 0 {
        let what = "nothing of this case was the same in all runs".to_owned();
        comparison.warnings.push(Difference { what, details: String::new() });
    }
    comparison
}

/// How much there is to compare in a case.
fn checks(expected: &Expected) -> usize {
    let whole = expected.deterministic || expected.canonical_deterministic || expected.outcomes_exhaustive;
    let of_services = expected.services.values().map(|facts| {
        let stable = [facts.placed_stable, facts.sorted_new_stable, facts.sorted_total_stable];
        let branches = facts.branches.iter().flat_map(|branch| [branch.stable, branch.sorted_stable]);
        let ranged = usize::from(facts.placed_range.is_some());
        stable.into_iter().chain(branches).filter(|is_stable| *is_stable).count() + ranged
    });
    let steps = expected.after_step.iter().filter(|step| step.stable).count();
    usize::from(whole) + usize::from(expected.unscheduled_stable) + steps + of_services.sum::<usize>()
}

/// One recorded outcome.
struct Recorded<'a> {
    placement: &'a Placement,
    unscheduled: &'a [Unscheduled],
}

/// The same tasks on the same nodes.
fn exact(expected: &Expected, end: &Created, differences: &mut Vec<Difference>) {
    let services: BTreeSet<&String> = expected.placement.keys().chain(end.placement.keys()).collect();
    let none = BTreeMap::new();
    for service in services {
        let recorded = expected.placement.get(service).unwrap_or(&none);
        let simulated = end.placement.get(service).unwrap_or(&none);
        counts(&format!("placement of {service}"), recorded, simulated, differences);
    }
    unscheduled("unscheduled tasks", &expected.unscheduled, &end.unscheduled, differences);
}

/// The same up to swapping nodes that are alike for every rule.
fn up_to_classes(expected: &Expected, recorded: &Recorded<'_>, end: &Created) -> Option<Difference> {
    let theirs = by_class(expected, recorded.placement, &counted(recorded.unscheduled));
    let ours = by_class(expected, &end.placement, &end.unscheduled);
    let mut differences = Vec::new();
    counts("placement up to swaps of nodes that are alike", &theirs, &ours, &mut differences);
    if differences.is_empty() {
        let without_node = |counts: &UnscheduledCounts| -> BTreeMap<String, u64> {
            let tasks = counts.iter().filter(|((_, node, _), _)| node.is_none());
            tasks.map(|(key, count)| (entry_text(key), *count)).collect()
        };
        let (theirs, ours) = (without_node(&counted(recorded.unscheduled)), without_node(&end.unscheduled));
        counts("unscheduled tasks", &theirs, &ours, &mut differences);
    }
    differences.into_iter().next()
}

/// How many nodes of each class have which tasks: `class 3: s1 x 2`.
fn by_class(
    expected: &Expected,
    placement: &Placement,
    unscheduled: &UnscheduledCounts,
) -> BTreeMap<String, u64> {
    let mut loads: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for node in expected.node_class.keys() {
        loads.insert(node, Vec::new());
    }
    for (service, nodes) in placement {
        for (node, count) in nodes {
            loads.entry(node).or_default().push(format!("{service} x {count}"));
        }
    }
    for ((service, node, err), count) in unscheduled {
        if let Some(node) = node {
            loads.entry(node).or_default().push(format!("{service} x {count} refused: {err}"));
        }
    }
    let mut counts = BTreeMap::new();
    for (node, mut load) in loads {
        load.sort();
        let class = expected.node_class.get(node).map_or_else(|| node.to_owned(), u32::to_string);
        let text = if load.is_empty() { "nothing".to_owned() } else { load.join(", ") };
        *counts.entry(format!("nodes of class {class} with {text}")).or_default() += 1;
    }
    counts
}

fn among_outcomes(expected: &Expected, end: &Created) -> Option<Difference> {
    let differs = |outcome: &super::case::Outcome| {
        let recorded = Recorded { placement: &outcome.placement, unscheduled: &outcome.unscheduled };
        up_to_classes(expected, &recorded, end)
    };
    let found: Option<Vec<Difference>> = expected.outcomes.iter().map(differs).collect();
    let nearest = found?.into_iter().min_by_key(|difference| difference.details.len())?;
    let what = format!("none of {} recorded outcomes; {}", expected.outcomes.len(), nearest.what);
    Some(Difference { what, details: nearest.details })
}

/// Facts that were the same in all runs, whatever else was not.
fn stable_facts(expected: &Expected, observed: &Observed, end: &Created, differences: &mut Vec<Difference>) {
    for (service, facts) in &expected.services {
        service_facts(service, facts, observed, end, differences);
    }
    if expected.unscheduled_stable {
        unscheduled("unscheduled tasks", &expected.unscheduled, &end.unscheduled, differences);
    }
    if !expected.after_step.is_empty() && expected.after_step.len() != observed.after_step.len() {
        value("number of steps", &expected.after_step.len(), &observed.after_step.len(), differences);
    }
    for (step, (recorded, simulated)) in expected.after_step.iter().zip(&observed.after_step).enumerate() {
        if !recorded.stable {
            continue;
        }
        let placed = simulated.placement.iter().map(|(service, nodes)| (service.clone(), sum(nodes)));
        counts(&format!("tasks placed after step {step}"), &recorded.placed, &placed.collect(), differences);
        let what = format!("unscheduled tasks after step {step}");
        unscheduled(&what, &recorded.unscheduled, &simulated.unscheduled, differences);
    }
}

fn service_facts(
    service: &str,
    facts: &ServiceFacts,
    observed: &Observed,
    end: &Created,
    differences: &mut Vec<Difference>,
) {
    let none = BTreeMap::new();
    let new = end.placement.get(service).unwrap_or(&none);
    let placed = sum(new);
    if facts.placed_stable {
        value(&format!("tasks placed of {service}"), &facts.placed, &placed, differences);
    }
    if facts.sorted_new_stable {
        value(&format!("new tasks of {service} by node"), &facts.sorted_new, &sorted(new), differences);
    }
    if facts.sorted_total_stable {
        let total = sorted(observed.totals.get(service).unwrap_or(&none));
        value(&format!("active tasks of {service} by node"), &facts.sorted_total, &total, differences);
    }
    for branch in &facts.branches {
        let levels = observed.branches.get(service);
        let simulated = levels.and_then(|levels| levels.get(branch.level - 1)).unwrap_or(&none);
        let what = format!("active tasks of {service} by branch at level {}", branch.level);
        if branch.stable {
            counts(&what, &branch.counts, simulated, differences);
        }
        if branch.sorted_stable {
            value(&what, &branch.sorted, &sorted(simulated), differences);
        }
    }
}

/// Facts that differed between runs, within bounds.
fn ranges(expected: &Expected, end: &Created, differences: &mut Vec<Difference>) {
    for (service, facts) in &expected.services {
        let Some([least, most]) = facts.placed_range else { continue };
        let placed = end.placement.get(service).map_or(0, sum);
        if !(least..=most).contains(&placed) {
            let details = format!("recorded  {least} to {most}\nsimulated {placed}\n");
            differences.push(Difference { what: format!("tasks placed of {service}"), details });
        }
    }
}

fn unscheduled(
    what: &str,
    recorded: &[Unscheduled],
    simulated: &UnscheduledCounts,
    differences: &mut Vec<Difference>,
) {
    let text = |counts: &UnscheduledCounts| -> BTreeMap<String, u64> {
        counts.iter().map(|(key, count)| (entry_text(key), *count)).collect()
    };
    counts(what, &text(&counted(recorded)), &text(simulated), differences);
}

fn entry_text((service, node, err): &(String, Option<String>, String)) -> String {
    match node {
        Some(node) => format!("{service} on {node}: {err}"),
        None => format!("{service}: {err}"),
    }
}

fn counted(unscheduled: &[Unscheduled]) -> UnscheduledCounts {
    let mut counts = UnscheduledCounts::new();
    for Unscheduled { service, node, count, err } in unscheduled {
        *counts.entry((service.clone(), node.clone(), err.clone())).or_default() += count;
    }
    counts
}

/// Notes where two tables of counts differ; an absent count is zero.
fn counts(
    what: &str,
    recorded: &BTreeMap<String, u64>,
    simulated: &BTreeMap<String, u64>,
    differences: &mut Vec<Difference>,
) {
    let mut details = String::new();
    for key in recorded.keys().chain(simulated.keys()).collect::<BTreeSet<_>>() {
        let of = |table: &BTreeMap<String, u64>| table.get(key).copied().unwrap_or(0);
        if of(recorded) != of(simulated) {
            let _ = writeln!(details, "recorded {:>4}, simulated {:>4}: {key}", of(recorded), of(simulated));
        }
    }
    if !details.is_empty() {
        differences.push(Difference { what: what.to_owned(), details });
    }
}

/// Notes that two values differ.
fn value<A: std::fmt::Debug, B: std::fmt::Debug>(
    what: &str,
    recorded: &A,
    simulated: &B,
    differences: &mut Vec<Difference>,
) {
    let (recorded, simulated) = (format!("{recorded:?}"), format!("{simulated:?}"));
    if recorded != simulated {
        let details = format!("recorded  {recorded}\nsimulated {simulated}\n");
        differences.push(Difference { what: what.to_owned(), details });
    }
}

fn sum(counts: &BTreeMap<String, u64>) -> u64 {
    counts.values().sum()
}

/// Counts in descending order, without zeros.
fn sorted(counts: &BTreeMap<String, u64>) -> Vec<u64> {
    let mut sorted: Vec<u64> = counts.values().copied().filter(|count| *count > 0).collect();
    sorted.sort_unstable_by(|left, right| right.cmp(left));
    sorted
}
