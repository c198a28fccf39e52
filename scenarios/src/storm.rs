//! Storms: random clusters in which much breaks for a while, and which must then recover.
//!
//! A storm is a scenario file that nobody wrote: its cluster, its commands and its faults are drawn from a seed.
//! While it rages all invariants are checked after every event. Then everything is healed, and after a bound the
//! cluster must be whole again: one leader, every node ready that still has its disk, every service running as
//! wanted, commands obeyed. What fails is cut down to the few steps that make it fail, and is a file like any
//! other. Files themselves are written elsewhere.
mod minimise;
mod plan;
mod weather;
mod witness;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sim_core::Violation;
use sim_core::kernel::SimTime;
use sim_core::model::Sabotage;

use self::plan::READY_EXPECTATION;
pub use self::plan::{CONVERGENCE_BOUND, Plan};
use self::witness::Witness;
use crate::runner::{Judgement, Outcome, RunOptions, Running, Verdict};
use crate::{Scenario, ScenarioOptions};

/// What is wrong with a storm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An invariant does not hold.
    Violation {
        /// Its name.
        invariant: &'static str,
        /// When it was seen.
        time: SimTime,
        /// What was seen, and when.
        text: String,
    },
    /// The simulator stopped at an assertion of its own.
    Assertion {
        /// When, about.
        time: SimTime,
        /// What it says.
        text: String,
    },
    /// Something that was expected after the storm did not come true.
    Expectation {
        /// What.
        expected: String,
        /// What was seen instead.
        seen: String,
    },
}

/// A storm that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The first thing that is wrong.
    pub finding: Finding,
    /// The storm, or what is left of it.
    pub plan: Plan,
}

/// Draws the storm of a seed and runs it. One that fails comes back.
#[must_use]
pub fn run(seed: u64, minutes: u32, sabotage: Sabotage) -> Option<Failure> {
    let plan = Plan::drawn(seed, minutes);
    let finding = first_finding(&plan, sabotage)?;
    Some(Failure { finding, plan })
}

impl Failure {
    /// Cut down to what makes it fail, which takes a run for each attempt to leave something out.
    #[must_use]
    pub fn minimised(self, sabotage: Sabotage) -> Failure {
        let plan = minimise::minimise(self.plan, &self.finding, sabotage);
        Failure { plan, ..self }
    }
}

/// Runs a storm until something is wrong, and tells that.
#[must_use]
pub fn first_finding(plan: &Plan, sabotage: Sabotage) -> Option<Finding> {
    observe(plan, sabotage, |_| true).into_iter().next()
}

/// Runs a storm until an invariant of this name does not hold, and tells everything that was wrong until then.
#[must_use]
pub fn findings_until(plan: &Plan, invariant: &str, sabotage: Sabotage) -> Vec<Finding> {
    observe(plan, sabotage, |violation| violation.invariant == invariant)
}

/// Runs a storm to its end, or to a violation that is enough, or to an assertion that does not hold.
fn observe(plan: &Plan, sabotage: Sabotage, is_enough: impl Fn(&Violation) -> bool) -> Vec<Finding> {
    let text = plan.text();
    let mut scenario = Scenario::parse(&text, "storm", &ScenarioOptions::default())
        .unwrap_or_else(|errors| panic!("a storm is a correct scenario, but:\n{errors}\n{text}"));
    scenario.setup.sabotage = sabotage;
    let mut witness = Witness::default();
    let options = RunOptions { check: true, ..RunOptions::default() };
    let mut running = Running::new(&scenario, options, &mut witness);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        while running.next_slice() && !running.simulation().violations().iter().any(&is_enough) {}
    }));
    let mut findings: Vec<Finding> =
        running.simulation().violations().iter().map(Finding::violation).collect();
    match ended {
        Err(payload) => findings.push(Finding::assertion(payload.as_ref(), running.simulation().now())),
        Ok(()) if findings.is_empty() => {
            let outcome = running.finish();
            findings.extend(disappointments(plan, &outcome, &witness));
            let takes_longer = witness.was_led_late(plan.leader_needed()) || witness.has_lost_reports();
            if !findings.is_empty() && takes_longer {
                let rested = plan.with_rest().map(|rested| observe(&rested, sabotage, is_enough));
                return rested.unwrap_or(findings);
            }
        }
        Ok(()) => {}
    }
    findings
}

/// What was expected of a storm and did not come true.
fn disappointments(plan: &Plan, outcome: &Outcome, witness: &Witness) -> Vec<Finding> {
    // Nobody may wait for a node to be Ready whose session was overtaken: it is so only after its next session. If no
    // other node takes tasks, none can run.
    let view = outcome.simulation.view();
    if witness.nobody_takes_tasks(view) {
        return Vec::new();
    }
    let ready = outcome.recording.census.ready() + witness.stuck(view);
    let all_ready = ready == plan.hosts().len() as u64;
    let failed = outcome.judgements.iter().enumerate().filter(|(number, judged)| {
        judged.verdict == Verdict::Failed && !(*number == READY_EXPECTATION && all_ready)
    });
    let finding =
        |it: &Judgement| Finding::Expectation { expected: it.expected.clone(), seen: it.seen.clone() };
    failed.map(|(_, judged)| finding(judged)).collect()
}

impl Finding {
    fn violation(violation: &Violation) -> Self {
        let Violation { invariant, time, .. } = violation;
        Finding::Violation { invariant, time: *time, text: violation.to_string() }
    }

    fn assertion(payload: &(dyn Any + Send), time: SimTime) -> Self {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Finding::Assertion { time, text: text.unwrap_or_default() }
    }

    /// Whether the other is the same thing, at another time or with other numbers.
    fn is_like(&self, other: &Finding) -> bool {
        match (self, other) {
            (Finding::Violation { invariant: one, .. }, Finding::Violation { invariant: other, .. }) => {
                one == other
            }
            (Finding::Assertion { text: one, .. }, Finding::Assertion { text: other, .. }) => {
                without_numbers(one).eq(without_numbers(other))
            }
            (Finding::Expectation { expected: one, .. }, Finding::Expectation { expected: other, .. }) => {
                one == other
            }
            _ => false,
        }
    }

    /// When nothing that follows matters any more.
    fn time(&self) -> Option<SimTime> {
        match self {
            Finding::Violation { time, .. } | Finding::Assertion { time, .. } => Some(*time),
            Finding::Expectation { .. } => None,
        }
    }
}

fn without_numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter.is_ascii_digit()).filter(|part| !part.is_empty())
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Violation { text, .. } => text.fmt(f),
            Finding::Assertion { time, text } => write!(f, "stopped at {time} at an assertion: {text}"),
            Finding::Expectation { expected, seen } => write!(f, "not so: {expected}: {seen}"),
        }
    }
}
