//! How the simulation did on a set of recorded cases, as text and as a verdict.
use std::collections::BTreeMap;
use std::fmt;

/// How the simulation did on a set of cases.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By class of case.
    pub classes: BTreeMap<String, ClassReport>,
}

/// How the simulation did on the cases of one class.
#[derive(Clone, Debug, Default)]
pub struct ClassReport {
    /// Number of cases.
    pub cases: usize,
    /// Facts that agree, where a case has several.
    pub facts: usize,
    /// Cases that broke a rule.
    pub failed: Vec<CaseReport>,
    /// Cases whose outcome the real system did not show.
    pub warned: Vec<CaseReport>,
}

/// What differs in one case.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// Id of the case.
    pub id: String,
    /// The seed of the replay, if ties were drawn.
    pub seed: Option<u64>,
    /// What differs first.
    pub difference: Difference,
    /// How many more differences there are.
    pub further: usize,
}

/// Why a case failed, or what is worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What was compared: `placement of web`.
    pub what: String,
    /// A table of what was recorded and what was simulated.
    pub details: String,
}

impl CaseReport {
    /// A report of the first difference, if there is any.
    pub(crate) fn first_of(id: &str, seed: Option<u64>, differences: Vec<Difference>) -> Option<Self> {
        let further = differences.len().saturating_sub(1);
        let difference = differences.into_iter().next()?;
        Some(CaseReport { id: id.to_owned(), seed, difference, further })
    }
}

impl ClassReport {
    /// Adds the cases of another part.
    pub(crate) fn add(&mut self, other: ClassReport) {
        let ClassReport { cases, facts, failed, warned } = other;
        self.cases += cases;
        self.facts += facts;
        self.failed.extend(failed);
        self.warned.extend(warned);
    }

    fn write_row(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClassReport { cases, facts, failed, warned } = self;
        let passed = cases - failed.len();
        writeln!(f, "{name:<22}{cases:>6}{passed:>8}{:>8}{:>10}{facts:>8}", failed.len(), warned.len())
    }
}

impl Report {
    /// Orders cases by id, in whatever order they were replayed.
    pub(crate) fn sort(&mut self) {
        for class in self.classes.values_mut() {
            class.failed.sort_by(|one, other| one.id.cmp(&other.id));
            class.warned.sort_by(|one, other| one.id.cmp(&other.id));
        }
    }

    /// True if facts were compared and no case broke a rule.
    #[must_use]
    pub fn passed(&self) -> bool {
        let agreed: usize = self.classes.values().map(|class| class.facts).sum();
        agreed > 0 && self.classes.values().all(|class| class.failed.is_empty())
    }

    /// In how many cases something was drawn that the recorded runs have not seen, which proves nothing.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.classes.values().map(|class| class.warned.len()).sum()
    }

    /// Number of cases.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.classes.values().map(|class| class.cases).sum()
    }
}

/// A line per class, then the first difference of each failed case, then the warnings.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ["class", "cases", "passed", "failed", "warnings", "facts"];
        let [class, cases, passed, failed, warnings, facts] = columns;
        writeln!(f, "{class:<22}{cases:>6}{passed:>8}{failed:>8}{warnings:>10}{facts:>8}")?;
        let mut total = ClassReport::default();
        for (name, class) in &self.classes {
            class.write_row(name, f)?;
            total.add(class.clone());
        }
        total.write_row("total", f)?;
        let failed = self.classes.values().flat_map(|class| &class.failed).map(|case| ("failed", case));
        let warned = self.classes.values().flat_map(|class| &class.warned).map(|case| ("warning", case));
        for (word, case) in failed.chain(warned) {
            writeln!(f, "\n{word}: {case}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CaseReport { id, seed, difference, further } = self;
        write!(f, "{id}")?;
        if let Some(seed) = seed {
            write!(f, " (seed {seed})")?;
        }
        writeln!(f, ": {}", difference.what)?;
        for line in difference.details.lines() {
            writeln!(f, "  {line}")?;
        }
        if *further > 0 {
            writeln!(f, "  and {further} more")?;
        }
        Ok(())
    }
}
