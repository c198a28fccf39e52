//! When a simulated figure agrees with a recorded one.
//!
//! A time: the recorded median lies in the central 99.8 % of the medians of as many simulated runs, widened by 5 % or
//! 5 ms, and the middle of the simulated values overlaps the recorded range. A count that differs between the recorded
//! runs is compared like a time, without milliseconds. A count or text that is the same in all of them must be what is
//! simulated most of the time, and each of several different texts must occur.
//!
//! All bounds depend on the number of recorded runs, since few runs say little: with one run alone, the central 80 % of
//! a perfect simulator would miss every fifth figure.
use std::fmt;

use super::{Figure, Group};

/// Whether a figure agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Agrees,
    /// The recorded median is outside of what the simulator gives.
    Median,
    /// The two ranges do not overlap.
    Range,
    /// A recorded count or state hardly ever occurs.
    Value,
    /// The simulator does not give the figure in nearly every run in which it was recorded.
    Missing,
    /// The simulator gives a figure that was not recorded.
    Added,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Agrees => "agrees",
            Verdict::Median => "DIFFERS: median",
            Verdict::Range => "DIFFERS: range",
            Verdict::Value => "DIFFERS: value",
            Verdict::Missing => "DIFFERS: missing",
            Verdict::Added => "DIFFERS: only simulated",
        })
    }
}

/// Minimum, median and maximum of a figure, or its different values if it is no number.
#[derive(Clone, Debug)]
pub(super) enum Summary {
    Numbers { minimum: f64, median: f64, maximum: f64 },
    Texts(Vec<String>),
}

impl Summary {
    pub(super) fn of(figures: &[Figure]) -> Self {
        let mut numbers: Vec<f64> = figures.iter().filter_map(Figure::number).collect();
        if numbers.is_empty() {
            let mut texts: Vec<String> = figures.iter().map(Figure::to_string).collect();
            texts.sort();
            texts.dedup();
            return Summary::Texts(texts);
        }
        numbers.sort_by(f64::total_cmp);
        Summary::Numbers {
            minimum: numbers[0],
            median: median(&numbers),
            maximum: numbers[numbers.len() - 1],
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Summary::Numbers { minimum, median, maximum } => {
                write!(f, "{} / {} / {}", short(*minimum), short(*median), short(*maximum))
            }
            Summary::Texts(texts) if texts.len() > 3 => write!(f, "{} different", texts.len()),
            Summary::Texts(texts) => f.write_str(&texts.join(" or ")),
        }
    }
}

/// One decimal where it matters.
fn short(number: f64) -> String {
    if number.fract() == 0.0 || number.abs() >= 1_000.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.1}")
    }
}

/// Whether a figure agrees: `simulated` has one round of runs for each seed.
pub(super) fn verdict(group: Group, recorded: &[Figure], simulated: &[Vec<Figure>]) -> Verdict {
    let runs = simulated.len() * group.runs;
    let given = group.simulated_runs;
    if recorded.is_empty() {
        // As many runs as were recorded would all lack it by chance: few runs prove nothing.
        let share = given as f64 / runs as f64;
        let is_added = share > 0.1 && (1.0 - share).powf(group.runs as f64) < SURPRISE;
        return if is_added { Verdict::Added } else { Verdict::Agrees };
    }
    // A rare course of events lacks some figures: a leader that thaws in the middle of the third election was never
    // down. One run in ten may do so.
    if group.every_run && given * 10 < simulated.len() * recorded.len() * 9 || given == 0 {
        return Verdict::Missing;
    }
    let is_constant = recorded.iter().all(|value| *value == recorded[0]);
    let runs = group.runs.min(recorded.len());
    if recorded.iter().all(|value| value.time().is_none()) && is_constant {
        return if occurs_mostly(&recorded[0], runs, simulated) { Verdict::Agrees } else { Verdict::Value };
    }
    let numbers = |figures: &[Figure]| figures.iter().filter_map(Figure::number).collect::<Vec<f64>>();
    if numbers(recorded).is_empty() {
        let occurs = |value: &Figure| simulated.iter().flatten().any(|simulated| simulated == value);
        return if recorded.iter().all(occurs) { Verdict::Agrees } else { Verdict::Value };
    }
    let slack_ms = if recorded.iter().any(|value| value.time().is_some()) { SLACK_MS } else { 0.0 };
    let rounds = simulated.iter().map(|round| numbers(round)).filter(|round| !round.is_empty());
    let rounds: Vec<Vec<f64>> = rounds.collect();
    let medians = if group.every_run { recombined(&rounds) } else { rounds.clone() };
    numbers_agree(runs, numbers(recorded), &rounds, &medians, slack_ms)
}

/// Clocks and timers of the machine of the recordings are rough by a few milliseconds.
const SLACK_MS: f64 = 5.0;
/// That all recorded runs have one value is a surprise below this.
const SURPRISE: f64 = 0.05;
/// How often the runs of all rounds are put together anew.
const RECOMBINATIONS: usize = 20;
/// A figure of a perfect simulator is outside of the bounds at most this often on either side.
const MISS: f64 = 0.001;

/// Whether most simulated runs have this value, or so many that as many runs as were recorded may all have it: for four
/// runs that is about half of them, for a single one it need only be not rare.
fn occurs_mostly(value: &Figure, runs: usize, simulated: &[Vec<Figure>]) -> bool {
    let all = simulated.iter().flatten();
    let equal = all.clone().filter(|simulated| *simulated == value).count();
    let share = equal as f64 / all.count() as f64;
    share > 0.5 || share.powf(runs as f64) >= SURPRISE
}

/// More rounds of the same runs: each run of a round is taken from another seed. One in a thousand of a hundred medians
/// would be none.
fn recombined(rounds: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let run = |round: usize, run: usize, step: usize| rounds[(round + run * step) % rounds.len()].get(run);
    let round = |step: usize, number: usize| -> Vec<f64> {
        (0..rounds[number].len()).filter_map(|place| run(number, place, step).copied()).collect()
    };
    let all = (0..RECOMBINATIONS).flat_map(|step| (0..rounds.len()).map(move |number| round(step, number)));
    all.filter(|round| !round.is_empty()).collect()
}

fn numbers_agree(
    runs: usize,
    recorded: Vec<f64>,
    rounds: &[Vec<f64>],
    more_rounds: &[Vec<f64>],
    slack_ms: f64,
) -> Verdict {
    let recorded = sorted(&recorded);
    let mut medians: Vec<f64> = more_rounds.iter().map(|round| median(&sorted(round))).collect();
    medians.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&medians, MISS), quantile(&medians, 1.0 - MISS));
    let middle = median(&recorded);
    let tolerance = |bound: f64| (bound.abs() * 0.05).max(slack_ms);
    if middle < low - tolerance(low) || middle > high + tolerance(high) {
        return Verdict::Median;
    }
    let all = sorted(&rounds.concat());
    let outside = range_outside(runs);
    let (low, high) = (quantile(&all, outside), quantile(&all, 1.0 - outside));
    let (first, last) = (recorded[0], recorded[recorded.len() - 1]);
    if high + slack_ms < first || low - slack_ms > last {
        return Verdict::Range;
    }
    Verdict::Agrees
}

/// The part of the simulated values on either side that the recorded range need not reach: a tenth, and less of it for
/// so few runs that all of them might lie there.
fn range_outside(runs: usize) -> f64 {
    MISS.powf(1.0 / runs as f64).min(0.1)
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The value below which this part of the sorted numbers lies; the extremes for small samples.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len() - 1;
    let place = part * last as f64;
    let place = if part < 0.5 { place.floor() } else { place.ceil() };
    sorted[place as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(values: &[f64]) -> Vec<Figure> {
        values.iter().map(|value| Figure::Time(*value)).collect()
    }

    /// The verdict over so many recorded runs, with a value in each.
    fn verdict_of(runs: usize, recorded: &[Figure], simulated: &[Vec<Figure>]) -> Verdict {
        let simulated_runs = simulated.iter().map(Vec::len).sum();
        verdict(Group { runs, simulated_runs, every_run: true }, recorded, simulated)
    }

    fn counts(values: &[i64]) -> Vec<Figure> {
        values.iter().map(|value| Figure::Count(*value)).collect()
    }

    #[test]
    fn equal_distributions_agree_and_shifted_ones_do_not() {
        let rounds: Vec<Vec<Figure>> =
            (0..100).map(|round| times(&[f64::from(round) + 1_000.0, f64::from(round) + 1_010.0])).collect();
        assert_eq!(verdict_of(2, &times(&[1_020.0, 1_040.0]), &rounds), Verdict::Agrees);
        assert_eq!(verdict_of(2, &times(&[1_400.0, 1_410.0]), &rounds), Verdict::Median);
    }

    #[test]
    fn a_constant_count_is_what_is_simulated_mostly() {
        let rounds: Vec<Vec<Figure>> = (0..10).map(|_| counts(&[2, 2, 2, 3])).collect();
        assert_eq!(verdict_of(4, &counts(&[2, 2, 2, 2]), &rounds), Verdict::Agrees);
        assert_eq!(verdict_of(4, &counts(&[3, 3, 3, 3]), &rounds), Verdict::Value);
        assert_eq!(verdict_of(4, &counts(&[4, 4, 4, 4]), &rounds), Verdict::Value);
        // One run may have been a rare one.
        let rounds: Vec<Vec<Figure>> =
            (0..40).map(|round| counts(&[2 + i64::from(round % 4 == 0)])).collect();
        assert_eq!(verdict_of(1, &counts(&[3]), &rounds), Verdict::Agrees);
        assert_eq!(verdict_of(1, &counts(&[4]), &rounds), Verdict::Value);
    }

    #[test]
    fn counts_that_differ_are_compared_like_times() {
        let rounds: Vec<Vec<Figure>> =
            (0..20).map(|round| counts(&[1, 2 + i64::from(round % 2 == 0), 5, 6])).collect();
        assert_eq!(verdict_of(4, &counts(&[2, 4, 4, 5]), &rounds), Verdict::Agrees);
        assert_eq!(verdict_of(4, &counts(&[7, 8, 8, 9]), &rounds), Verdict::Median);
    }

    #[test]
    fn what_is_only_simulated_differs_unless_it_is_rare() {
        let often: Vec<Vec<Figure>> = (0..10).map(|_| counts(&[1, 1, 1])).collect();
        let rarely: Vec<Vec<Figure>> =
            (0..10).map(|round| if round == 0 { counts(&[1]) } else { Vec::new() }).collect();
        assert_eq!(verdict_of(4, &[], &often), Verdict::Added);
        assert_eq!(verdict_of(4, &[], &rarely), Verdict::Agrees);
        assert_eq!(verdict_of(4, &counts(&[1, 1, 1, 1]), &rarely), Verdict::Missing);
    }

    #[test]
    fn a_single_run_is_outside_only_where_hardly_any_simulated_one_is() {
        let rounds: Vec<Vec<Figure>> = (0..100).map(|round| times(&[f64::from(round) * 100.0])).collect();
        assert_eq!(verdict_of(1, &times(&[9_600.0]), &rounds), Verdict::Agrees);
        assert_eq!(verdict_of(1, &times(&[20_000.0]), &rounds), Verdict::Median);
    }
}
