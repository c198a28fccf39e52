//! Holds all expectations of a run and shows each what concerns it.
use std::collections::BTreeMap;

use sim_core::View;
use sim_core::kernel::SimTime;
use sim_core::model::{CommandId, Fact, FactRecord};
use sim_core::record::Recorder;

use super::condition::{Changes, Scene};
use super::text;
use super::tracker::Tracker;
use crate::{Location, Scenario, Subject};

/// What became of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It held.
    Passed,
    /// It did not hold.
    Failed,
    /// The run ended before it could be decided.
    NotReached,
}

/// An expectation in words, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Where it is written.
    pub at: Location,
    /// What was expected: `at 29s, service web: running 6`.
    pub expected: String,
    /// What was seen, and when.
    pub seen: String,
    /// The author's explanation.
    pub because: Option<String>,
    /// What became of it.
    pub verdict: Verdict,
}

/// How a command ended.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) exit: u8,
    /// What it printed, complaints last.
    pub(super) output: String,
}

/// All expectations of a run.
pub(super) struct Judge<'a> {
    trackers: Vec<Tracker<'a>>,
    answers: BTreeMap<CommandId, Answered>,
    changes: Changes,
}

impl<'a> Judge<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        let trackers = scenario.expectations.iter().map(Tracker::new).collect();
        Judge { trackers, answers: BTreeMap::new(), changes: Changes::default() }
    }

    /// A fact was told.
    pub(super) fn fact(&mut self, record: &FactRecord) {
        self.changes.any = true;
        match &record.fact {
            Fact::Answer { command, exit, stdout, stderr, .. } => {
                let output = format!("{stdout}{stderr}");
                self.answers.insert(*command, Answered { exit: *exit, output });
                self.changes.answers = true;
            }
            Fact::RaftRole { .. } | Fact::Leadership { .. } | Fact::Manager { .. } => {
                self.changes.leaders = true;
            }
            // Clients may die with their hosts.
            Fact::Fault { .. } => (self.changes.leaders, self.changes.answers) = (true, true),
            Fact::Start
            | Fact::Command { .. }
            | Fact::Note { .. }
            | Fact::WithoutEffect(_)
            | Fact::Lost { .. }
            | Fact::Session { .. }
            | Fact::NodeCreated { .. }
            | Fact::NodeStatus { .. }
            | Fact::NodeAvailability { .. }
            | Fact::NodeRole { .. }
            | Fact::NodeUpdated { .. }
            | Fact::NodeRemoved { .. }
            | Fact::ServiceCreated { .. }
            | Fact::ServiceUpdated { .. }
            | Fact::ServiceUpdateStatus { .. }
            | Fact::ServiceRemoved { .. }
            | Fact::Network { .. }
            | Fact::TaskCreated { .. }
            | Fact::TaskAssigned { .. }
            | Fact::TaskState { .. }
            | Fact::TaskDesired { .. }
            | Fact::TaskRemoved { .. }
            | Fact::Container { .. }
            | Fact::Backends { .. } => {}
            Fact::Traffic { .. } | Fact::RequestsFailed(_) => self.changes.traffic = true,
        }
    }

    /// Nothing more happens at this instant: whoever is concerned looks.
    pub(super) fn instant_over(&mut self, time: SimTime, recorder: &Recorder, view: View<'_>) {
        let changes = std::mem::take(&mut self.changes);
        let census = recorder.census();
        let scene = Scene { census, view, answers: &self.answers, clients: recorder.clients() };
        for tracker in self.trackers.iter_mut().filter(|tracker| tracker.is_open()) {
            if tracker.is_new() || changes.concern(tracker.subject(), census) {
                tracker.look(time, &scene);
            }
        }
    }

    /// The run pauses at a time that expectations may name: all of them look.
    pub(super) fn pause(&mut self, time: SimTime, recorder: &Recorder, view: View<'_>) {
        let census = recorder.census();
        let scene = Scene { census, view, answers: &self.answers, clients: recorder.clients() };
        for tracker in self.trackers.iter_mut().filter(|tracker| tracker.is_open() && tracker.names(time)) {
            tracker.look(time, &scene);
            tracker.decide(time);
        }
    }

    /// The run is over.
    pub(super) fn finish(self, until: SimTime, recorder: &Recorder, view: View<'_>) -> Vec<Judgement> {
        let census = recorder.census();
        let scene = Scene { census, view, answers: &self.answers, clients: recorder.clients() };
        let judgement = |mut tracker: Tracker<'a>| {
            tracker.run_over(until, &scene);
            let expectation = tracker.expectation();
            let (verdict, seen) = tracker.verdict();
            Judgement {
                at: expectation.at.clone(),
                expected: text::expectation(expectation, census.names()),
                seen,
                because: expectation.because.clone(),
                verdict,
            }
        };
        self.trackers.into_iter().map(judgement).collect()
    }

    /// The client of a command has waited long enough.
    pub(super) fn client_ended(&mut self) {
        self.changes.answers = true;
    }

    /// True if somebody expects something of a command, whose client may wait.
    pub(super) fn asks_for_clients(&self) -> bool {
        self.trackers.iter().any(|tracker| matches!(tracker.subject(), Subject::Command { .. }))
    }
}
