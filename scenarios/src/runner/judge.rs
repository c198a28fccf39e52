//! Holds all expectations of a run and shows each what concerns it.
use std::collections::BTreeMap;

use sim_core::View;
use sim_core::kernel::SimTime;
use sim_core::metrics::Census;
use sim_core::model::{CommandId, Fact, FactRecord};
use sim_core::progress::Clients;

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
    /// Clients that wait, if somebody expects something of a command.
    clients: Option<Clients>,
    changes: Changes,
}

impl<'a> Judge<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        let trackers = scenario.expectations.iter().map(Tracker::new).collect();
        let of_command =
            scenario.expectations.iter().any(|one| matches!(one.subject, Subject::Command { .. }));
        let clients = of_command.then(|| Clients::new(&scenario.setup));
        Judge { trackers, answers: BTreeMap::new(), clients, changes: Changes::default() }
    }

    /// A fact was told.
    pub(super) fn fact(&mut self, record: &FactRecord, view: View<'_>) {
        self.changes.any = true;
        if let Some(clients) = &mut self.clients {
            clients.fact(record, view);
        }
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
    pub(super) fn instant_over(&mut self, time: SimTime, census: &Census, view: View<'_>) {
        if let Some(clients) = &mut self.clients {
            clients.instant_over(time, view);
            self.changes.answers |= clients.look(time, view.seed());
        }
        let changes = std::mem::take(&mut self.changes);
        let scene = Scene { census, view, answers: &self.answers, clients: self.clients.as_ref() };
        for tracker in self.trackers.iter_mut().filter(|tracker| tracker.is_open()) {
            if tracker.is_new() || changes.concern(tracker.subject(), census) {
                tracker.look(time, &scene);
            }
        }
    }

    /// The run pauses at a time that expectations may name: all of them look.
    pub(super) fn pause(&mut self, time: SimTime, census: &Census, view: View<'_>) {
        self.look_of_clients(time, view);
        let scene = Scene { census, view, answers: &self.answers, clients: self.clients.as_ref() };
        for tracker in self.trackers.iter_mut().filter(|tracker| tracker.is_open() && tracker.names(time)) {
            tracker.look(time, &scene);
            tracker.decide(time);
        }
    }

    /// The run is over.
    pub(super) fn finish(mut self, until: SimTime, census: &Census, view: View<'_>) -> Vec<Judgement> {
        self.look_of_clients(until, view);
        let scene = Scene { census, view, answers: &self.answers, clients: self.clients.as_ref() };
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

    /// Clients have looked until a time at which nothing need have happened.
    fn look_of_clients(&mut self, time: SimTime, view: View<'_>) {
        if let Some(clients) = &mut self.clients {
            self.changes.answers |= clients.look(time, view.seed());
        }
    }
}
