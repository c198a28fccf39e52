//! Follows one expectation along the run until it is decided.
use sim_core::kernel::SimTime;

use super::condition::{Observation, Scene, observe};
use super::judge::Verdict;
use crate::{Expectation, Subject, When};

/// An expectation and what is known of it so far.
pub(super) struct Tracker<'a> {
    expectation: &'a Expectation,
    last: Option<Look>,
    decided: Option<(Verdict, String)>,
}

/// What was seen last.
struct Look {
    observation: Observation,
    /// Since when the conditions hold, or do not.
    since: SimTime,
    /// Since when what is seen is the same.
    seen_since: SimTime,
}

impl<'a> Tracker<'a> {
    pub(super) fn new(expectation: &'a Expectation) -> Self {
        Tracker { expectation, last: None, decided: None }
    }

    pub(super) fn expectation(&self) -> &'a Expectation {
        self.expectation
    }

    pub(super) fn subject(&self) -> &'a Subject {
        &self.expectation.subject
    }

    /// True if it has seen nothing yet.
    pub(super) fn is_new(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn is_open(&self) -> bool {
        self.decided.is_none()
    }

    /// True if the expectation itself names this time.
    pub(super) fn names(&self, time: SimTime) -> bool {
        super::named_times(self.expectation.when).contains(&time)
    }

    /// Looks at the cluster, which has settled at this instant.
    pub(super) fn look(&mut self, time: SimTime, scene: &Scene<'_>) {
        let observation = observe(self.subject(), scene);
        let holds = observation.holds;
        let before = self.last.take();
        let since = before.as_ref().filter(|look| look.observation.holds == holds).map(|look| look.since);
        let seen_since = before.filter(|look| look.observation == observation).map(|look| look.seen_since);
        let (since, seen_since) = (since.unwrap_or(time), seen_since.unwrap_or(time));
        self.last = Some(Look { observation, since, seen_since });
        match self.expectation.when {
            When::Between(first, last) if time > first && time <= last && holds => {
                self.pass(&format!("since {}", time.in_seconds()))
            }
            When::Always(first, last) if (first..=last).contains(&time) && !holds => {
                let seen = format!("{} at {}", self.seen(), time.in_seconds());
                self.fail(&seen);
            }
            When::Never(first, last) if (first..=last).contains(&time) && holds => {
                let seen = format!("{} at {}", self.seen(), time.in_seconds());
                self.fail(&seen);
            }
            When::Sometimes(first, last) if (first..=last).contains(&time) && holds => {
                self.pass(&format!("first at {}", time.in_seconds()));
            }
            When::At(_)
            | When::By(_)
            | When::Between(..)
            | When::Always(..)
            | When::Never(..)
            | When::Sometimes(..)
            | When::Over(..)
            | When::AtEnd => {}
        }
    }

    /// Decides what has to be decided at a time that the expectation names.
    pub(super) fn decide(&mut self, time: SimTime) {
        let Some(Look { observation: Observation { holds, .. }, since, seen_since }) = self.last else {
            return;
        };
        if !self.is_open() {
            return;
        }
        match self.expectation.when {
            When::At(_) | When::By(_) if holds => self.pass(&format!("since {}", since.in_seconds())),
            When::At(_) | When::By(_) => {
                self.fail(&format!("{} since {}", self.seen(), seen_since.in_seconds()))
            }
            When::Between(first, _) if time == first && holds => {
                self.fail(&format!("so already since {}", since.in_seconds()))
            }
            When::Between(_, last) if time == last => self.fail(&format!("still {}", self.seen())),
            When::Always(_, last) if time == last => self.pass("held all the time"),
            When::Never(_, last) if time == last => self.pass("never seen"),
            When::Sometimes(_, last) if time == last => {
                self.fail(&format!("{} at {}", self.seen(), time.in_seconds()))
            }
            When::Between(..)
            | When::Always(..)
            | When::Never(..)
            | When::Sometimes(..)
            | When::Over(..)
            | When::AtEnd => {}
        }
    }

    /// The run is over: what happens at its end is decided, everything else that is open was not reached.
    pub(super) fn run_over(&mut self, until: SimTime, scene: &Scene<'_>) {
        if !self.is_open() {
            return;
        }
        let observation = observe(self.subject(), scene);
        match (self.expectation.when, observation) {
            (When::AtEnd, Observation { undecided: true, seen, .. }) => {
                self.decided = Some((Verdict::NotReached, seen));
            }
            (When::AtEnd, Observation { holds: true, seen, .. }) => self.pass(&seen),
            (When::AtEnd, Observation { holds: false, seen, .. }) => self.fail(&seen),
            (When::Over(_, last), Observation { holds: true, seen, .. }) if last <= until => self.pass(&seen),
            (When::Over(_, last), Observation { holds: false, seen, .. }) if last <= until => {
                self.fail(&seen)
            }
            _ => {
                self.decided = Some((Verdict::NotReached, format!("the run ended at {}", until.in_seconds())))
            }
        }
    }

    /// What became of it, and what was seen.
    ///
    /// # Panics
    /// If the run is not over.
    pub(super) fn verdict(self) -> (Verdict, String) {
        self.decided.expect("the run is over")
    }

    fn seen(&self) -> &str {
        self.last.as_ref().map_or("", |look| &look.observation.seen)
    }

    fn pass(&mut self, seen: &str) {
        self.decided = Some((Verdict::Passed, seen.to_owned()));
    }

    fn fail(&mut self, seen: &str) {
        self.decided = Some((Verdict::Failed, seen.to_owned()));
    }
}
