//! Runs a scenario and judges what it expects.
//!
//! The runner observes; it puts nothing into the simulation but its timeline. So a run has the same hashes whatever
//! is expected of it, recorded of it or written down. Conditions are looked at when something they are about has
//! changed, and at the times that the expectations name.
mod condition;
mod judge;
mod text;
mod tracker;

use std::collections::BTreeSet;
use std::sync::Arc;

use sim_core::kernel::SimTime;
use sim_core::metrics::Census;
use sim_core::model::{ExplainWish, FactRecord};
use sim_core::record::{Keep, Recorder, Recording};
use sim_core::{Observer, Simulation, View};

use self::judge::Judge;
pub use self::judge::{Judgement, Verdict};
use crate::{Scenario, When};

/// Slices of a run, after each of which somebody may be told how far it is.
const SLICES: u64 = 200;

/// What is wanted of a run beside its verdict.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Whether facts are kept.
    pub keep: Keep,
    /// Whether all invariants are checked after every event.
    pub check: bool,
    /// Tasks whose placement is to be explained.
    pub explain: Option<ExplainWish>,
    /// Whether the state is hashed every virtual second.
    pub hash_every_second: bool,
}

/// Whoever wants to see a run while it happens.
pub trait Spectator {
    /// A fact was told.
    fn fact(&mut self, _record: &FactRecord, _census: &Census) {}

    /// Nothing more happens at this instant.
    fn instant_over(&mut self, _time: SimTime, _view: View<'_>) {}

    /// The run has come so far.
    fn reached(&mut self, _time: SimTime) {}
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSpectator;

impl Spectator for NoSpectator {}

/// A run that is over.
pub struct Outcome {
    /// The cluster at the end, with its hashes and broken promises.
    pub simulation: Simulation,
    /// What was counted and kept.
    pub recording: Recording,
    /// What became of each expectation, in the order of the file.
    pub judgements: Vec<Judgement>,
    /// The state hash at the times that expectations name (or every second), and at the end.
    pub state_hashes: Vec<(SimTime, u64)>,
}

impl Outcome {
    /// True if nothing that was expected failed and no promise was broken.
    #[must_use]
    pub fn passed(&self) -> bool {
        let failed = self.judgements.iter().any(|judgement| judgement.verdict == Verdict::Failed);
        !failed && self.simulation.violations().is_empty()
    }
}

/// Runs a scenario to its end.
pub fn run(scenario: &Scenario, options: RunOptions, spectator: &mut dyn Spectator) -> Outcome {
    let mut run = Running::new(scenario, options, spectator);
    while run.next_slice() {}
    run.finish()
}

/// A run on its way, slice by slice.
pub(crate) struct Running<'a> {
    scenario: &'a Scenario,
    simulation: Simulation,
    audience: Audience<'a>,
    /// Where it still has to pause, and where the state is hashed.
    stops: BTreeSet<SimTime>,
    hashed: BTreeSet<SimTime>,
    state_hashes: Vec<(SimTime, u64)>,
}

impl<'a> Running<'a> {
    pub(crate) fn new(scenario: &'a Scenario, options: RunOptions, spectator: &'a mut dyn Spectator) -> Self {
        let mut simulation = Simulation::new(Arc::new(scenario.setup.clone()), scenario.seed);
        if options.check {
            simulation.check_invariants();
        }
        if let Some(wish) = options.explain {
            simulation.explain(wish);
        }
        let (mut recorder, judge) = (Recorder::new(&simulation, options.keep), Judge::new(scenario));
        if judge.asks_for_clients() {
            recorder.follow_clients(&simulation);
        }
        let audience = Audience { recorder, judge, spectator };
        let hashed = hashed_times(scenario, options.hash_every_second);
        let stops = stops(scenario, &hashed);
        Running { scenario, simulation, audience, stops, hashed, state_hashes: Vec::new() }
    }

    /// Goes on to the next pause. Returns false if the run was over.
    pub(crate) fn next_slice(&mut self) -> bool {
        let Some(stop) = self.stops.pop_first() else { return false };
        let Running { simulation, audience, .. } = self;
        simulation.run_until(stop, audience);
        audience.clients_look(stop, simulation.view());
        audience.judge.pause(stop, &audience.recorder, simulation.view());
        audience.spectator.reached(stop);
        if self.hashed.contains(&stop) {
            self.state_hashes.push((stop, simulation.state_hash()));
        }
        true
    }

    /// The simulation as far as it has come.
    pub(crate) fn simulation(&self) -> &Simulation {
        &self.simulation
    }

    pub(crate) fn finish(self) -> Outcome {
        let Running { scenario, simulation, audience: Audience { recorder, judge, .. }, .. } = self;
        let judgements = judge.finish(scenario.setup.until, &recorder, simulation.view());
        let recording = recorder.finish(&simulation);
        Outcome { recording, judgements, state_hashes: self.state_hashes, simulation }
    }
}

/// All times at which the run pauses, the end being the last.
fn stops(scenario: &Scenario, hashed: &BTreeSet<SimTime>) -> BTreeSet<SimTime> {
    let until = scenario.setup.until;
    let slices = (1..SLICES).map(|slice| SimTime::from_nanos(until.as_nanos() / SLICES * slice));
    let mut stops: BTreeSet<SimTime> = slices.chain(hashed.iter().copied()).collect();
    for expectation in &scenario.expectations {
        stops.extend(named_times(expectation.when));
    }
    stops.retain(|stop| *stop <= until);
    stops.insert(until);
    stops
}

fn hashed_times(scenario: &Scenario, every_second: bool) -> BTreeSet<SimTime> {
    let until = scenario.setup.until;
    let mut times: BTreeSet<SimTime> =
        scenario.expectations.iter().filter_map(|expectation| expectation.when.last()).collect();
    if every_second {
        times.extend((0..=until.as_nanos() / 1_000_000_000).map(SimTime::from_secs));
    }
    times.retain(|time| *time <= until);
    times.insert(until);
    times
}

fn named_times(when: When) -> Vec<SimTime> {
    match when {
        When::At(time) | When::By(time) => vec![time],
        When::Between(first, last)
        | When::Always(first, last)
        | When::Never(first, last)
        | When::Sometimes(first, last) => vec![first, last],
        When::Over(..) | When::AtEnd => Vec::new(),
    }
}

/// All who observe a run. The recorder comes first: the others read its census.
struct Audience<'a> {
    recorder: Recorder,
    judge: Judge<'a>,
    spectator: &'a mut dyn Spectator,
}

impl Audience<'_> {
    /// Waiting clients look until now.
    fn clients_look(&mut self, now: SimTime, view: View<'_>) {
        if self.recorder.clients_look(now, view) {
            self.judge.client_ended();
        }
    }
}

impl Observer for Audience<'_> {
    fn fact(&mut self, record: &FactRecord, view: View<'_>) {
        self.recorder.fact(record, view);
        self.judge.fact(record);
        self.spectator.fact(record, self.recorder.census());
    }

    fn instant_over(&mut self, time: SimTime, view: View<'_>) {
        self.clients_look(time, view);
        self.judge.instant_over(time, &self.recorder, view);
        self.recorder.instant_over(time, view);
        self.spectator.instant_over(time, view);
    }
}
