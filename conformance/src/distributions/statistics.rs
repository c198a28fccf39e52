//! When a simulated figure agrees with a recorded one.
//!
//! Counts and sequences must be possible: every recorded value occurs among the simulated ones. For times, the
//! recorded median lies in the central 99.8 % of the medians of as many simulated runs, widened by 5 % or 5 ms, and
//! the central 80 % of the simulated values overlaps the recorded range.
use std::fmt;

use super::Figure;

/// Whether a figure agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Agrees,
    /// The recorded median is outside of what the simulator gives.
    Median,
    /// The two ranges do not overlap.
    Range,
    /// A recorded count or state never occurs.
    Value,
    /// The simulator does not give the figure in nearly every run in which it was recorded.
    Missing,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Agrees => "agrees",
            Verdict::Median => "DIFFERS: median",
            Verdict::Range => "DIFFERS: range",
            Verdict::Value => "DIFFERS: value",
            Verdict::Missing => "DIFFERS: missing",
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
pub(super) fn verdict(recorded: &[Figure], simulated: &[Vec<Figure>], every_run: bool) -> Verdict {
    // A rare course of events lacks some figures: a leader that thaws in the middle of the third election was never
    // down. One run in ten may do so.
    let given: usize = simulated.iter().map(Vec::len).sum();
    if every_run && given * 10 < simulated.len() * recorded.len() * 9 || given == 0 {
        return Verdict::Missing;
    }
    let times: Vec<f64> = recorded.iter().filter_map(Figure::time).collect();
    if times.is_empty() {
        let occurs = |value: &Figure| simulated.iter().flatten().any(|simulated| simulated == value);
        return if recorded.iter().all(occurs) { Verdict::Agrees } else { Verdict::Value };
    }
    let rounds: Vec<Vec<f64>> =
        simulated.iter().map(|round| round.iter().filter_map(Figure::time).collect()).collect();
    times_agree(times, rounds)
}

fn times_agree(mut recorded: Vec<f64>, rounds: Vec<Vec<f64>>) -> Verdict {
    recorded.sort_by(f64::total_cmp);
    let complete = rounds.iter().filter(|round| !round.is_empty());
    let mut medians: Vec<f64> = complete.map(|round| median(&sorted(round))).collect();
    medians.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&medians, 0.001), quantile(&medians, 0.999));
    let middle = median(&recorded);
    let tolerance = |bound: f64| (bound.abs() * 0.05).max(5.0);
    if middle < low - tolerance(low) || middle > high + tolerance(high) {
        return Verdict::Median;
    }
    let all = sorted(&rounds.concat());
    let (low, high) = (quantile(&all, 0.1), quantile(&all, 0.9));
    let (first, last) = (recorded[0], recorded[recorded.len() - 1]);
    // The recorded range has the clock's own roughness of a few milliseconds.
    if high + 5.0 < first || low - 5.0 > last {
        return Verdict::Range;
    }
    Verdict::Agrees
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

    #[test]
    fn equal_distributions_agree_and_shifted_ones_do_not() {
        let rounds: Vec<Vec<Figure>> =
            (0..100).map(|round| times(&[f64::from(round) + 1_000.0, f64::from(round) + 1_010.0])).collect();
        assert_eq!(verdict(&times(&[1_020.0, 1_040.0]), &rounds, true), Verdict::Agrees);
        assert_eq!(verdict(&times(&[1_400.0, 1_410.0]), &rounds, true), Verdict::Median);
    }

    #[test]
    fn counts_must_occur() {
        let rounds = vec![vec![Figure::Count(2)], vec![Figure::Count(3)]];
        assert_eq!(verdict(&[Figure::Count(3)], &rounds, true), Verdict::Agrees);
        assert_eq!(verdict(&[Figure::Count(4)], &rounds, true), Verdict::Value);
        assert_eq!(verdict(&[Figure::Count(4)], &[vec![]], false), Verdict::Missing);
    }
}
