//! Figures of recorded runs beside those of simulated ones, and whether they agree.
mod statistics;

use std::fmt;
use std::fmt::Write as _;

use self::statistics::{Summary, Verdict};

/// A derived value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Figure {
    /// Milliseconds.
    Time(f64),
    /// How many.
    Count(i64),
    /// Anything else, in a canonical text.
    Text(String),
}

impl Figure {
    /// The value, if it is a time.
    pub(crate) fn time(&self) -> Option<f64> {
        match self {
            Figure::Time(time) => Some(*time),
            Figure::Count(_) | Figure::Text(_) => None,
        }
    }

    /// The value, if it is a time or a count.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Figure::Time(time) => Some(*time),
            Figure::Count(count) => Some(*count as f64),
            Figure::Text(_) => None,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Time(time) => write!(f, "{time:.1}"),
            Figure::Count(count) => write!(f, "{count}"),
            Figure::Text(text) => f.write_str(text),
        }
    }
}

/// One figure of one group of runs: recorded and simulated.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    name: String,
    recorded: Summary,
    simulated: Summary,
    verdict: Verdict,
}

/// A figure that is known not to agree.
#[derive(Clone, Copy, Debug)]
pub struct KnownDifference {
    /// Group and name, as [`Report::differences`] gives them.
    pub figure: &'static str,
    /// Why it differs.
    pub reason: &'static str,
}

/// The outcome of a comparison.
#[derive(Clone, Debug)]
pub struct Report {
    groups: Vec<(String, usize, Vec<Row>)>,
    known: &'static [KnownDifference],
    notes: Vec<String>,
}

/// The runs that a figure is compared over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// How many were recorded.
    pub(crate) runs: usize,
    /// In how many simulated ones the figure occurs.
    pub(crate) simulated_runs: usize,
    /// Whether the figure has one value in each run in which it occurs, so that a run without it means something.
    pub(crate) every_run: bool,
}

impl Report {
    /// Nothing is compared yet.
    pub(crate) fn new(known: &'static [KnownDifference]) -> Self {
        Report { groups: Vec::new(), known, notes: Vec::new() }
    }

    /// Adds a group of recorded runs.
    pub(crate) fn add(&mut self, group: String, runs: usize, rows: Vec<Row>) {
        self.groups.push((group, runs, rows));
    }

    /// Adds a line about something that was not compared.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// True if every group has figures and every one agrees, but for those that are known not to.
    #[must_use]
    pub fn passed(&self) -> bool {
        let compared = !self.groups.is_empty() && self.groups.iter().all(|(_, _, rows)| !rows.is_empty());
        compared && self.differences().iter().all(|figure| self.known(figure).is_some())
    }

    fn known(&self, figure: &str) -> Option<&'static KnownDifference> {
        self.known.iter().find(|known| known.figure == figure)
    }

    /// The figures that do not agree: group and name.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let differs = |row: &&Row| row.verdict != Verdict::Agrees;
        let of_group = |(group, _, rows): &(String, usize, Vec<Row>)| -> Vec<String> {
            rows.iter().filter(differs).map(|row| figure(group, row)).collect()
        };
        self.groups.iter().flat_map(of_group).collect()
    }

    /// A table for each group of runs: recorded and simulated minimum, median and maximum, and a verdict.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, runs, rows) in &self.groups {
            let _ = writeln!(text, "{name} ({runs} recorded runs)");
            let _ = writeln!(
                text,
                "  {:<42} {:>28}  {:>28}  verdict",
                "figure", "recorded min/median/max", "simulated min/median/max"
            );
            for row in rows {
                let Row { name, recorded, simulated, verdict } = row;
                let _ = writeln!(
                    text,
                    "  {name:<42} {:>28}  {:>28}  {verdict}",
                    recorded.to_string(),
                    simulated.to_string()
                );
            }
            text.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(text, "{note}");
        }
        self.tell_differences(&mut text);
        let rows = self.groups.iter().flat_map(|(_, _, rows)| rows);
        let (total, agree) = rows.fold((0, 0), |(total, agree), row| {
            (total + 1, agree + usize::from(row.verdict == Verdict::Agrees))
        });
        let _ = writeln!(text, "{agree} of {total} figures agree");
        text
    }

    /// A line for each figure that differs: why it does, or that nobody knows.
    fn tell_differences(&self, text: &mut String) {
        for figure in self.differences() {
            let _ = match self.known(&figure) {
                Some(known) => writeln!(text, "known: {figure}: {}", known.reason),
                None => writeln!(text, "NEW: {figure}"),
            };
        }
    }
}

fn figure(group: &str, row: &Row) -> String {
    format!("{group}: {}", row.name)
}

/// Compares one figure: its recorded values, and the simulated ones of each round. A figure that was never recorded, and
/// that is hardly ever simulated, gives no row.
pub(crate) fn row(
    name: &str,
    group: Group,
    recorded: Vec<Figure>,
    simulated: Vec<Vec<Figure>>,
) -> Option<Row> {
    let verdict = statistics::verdict(group, &recorded, &simulated);
    if recorded.is_empty() && verdict == Verdict::Agrees {
        return None;
    }
    let all: Vec<Figure> = simulated.into_iter().flatten().collect();
    Some(Row {
        name: name.to_owned(),
        recorded: Summary::of(&recorded),
        simulated: Summary::of(&all),
        verdict,
    })
}
