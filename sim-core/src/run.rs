//! Ties queue, cluster and observers together.
use std::sync::Arc;

use crate::cluster::{Cluster, View};
use crate::inject;
use crate::invariants::Checks;
pub use crate::invariants::Violation;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::setup::Setup;
use crate::model::{ExplainWish, Explanation, FactRecord};
use crate::protocol::{Effects, Event};

/// Sees what happens, between events. Without observers a run has the same hash.
pub trait Observer {
    /// A fact was told.
    fn fact(&mut self, record: &FactRecord, view: View<'_>);

    /// Nothing more happens at this instant, in which facts were told.
    fn instant_over(&mut self, time: SimTime, view: View<'_>);
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn fact(&mut self, _record: &FactRecord, _view: View<'_>) {}

    fn instant_over(&mut self, _time: SimTime, _view: View<'_>) {}
}

/// One run.
pub struct Simulation {
    cluster: Cluster,
    effects: Effects,
    facts: Vec<FactRecord>,
    events: u64,
    eventful: bool,
    checks: Option<Checks>,
    next_sweep: SimTime,
}

impl Simulation {
    /// The world at time zero. The timeline of the set-up is in the queue.
    #[must_use]
    pub fn new(setup: Arc<Setup>, seed: u64) -> Self {
        let mut effects = Effects::new();
        let cluster = Cluster::new(Arc::clone(&setup), seed, &mut effects);
        for (place, entry) in setup.timeline.iter().enumerate() {
            let place = u32::try_from(place).expect("a timeline has fewer than four billion entries");
            effects.schedule(entry.at, Event::Stimulus(place));
        }
        Simulation {
            cluster,
            effects,
            facts: Vec::new(),
            events: 0,
            eventful: false,
            checks: None,
            next_sweep: SimTime::ZERO,
        }
    }

    /// Checks all invariants from here on.
    pub fn check_invariants(&mut self) {
        self.checks = Some(Checks::new());
    }

    /// The promises that were broken so far; empty if nobody checks.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.checks.as_ref().map_or(&[], Checks::violations)
    }

    /// From here on the scheduler's decisions about these tasks are explained. No hash depends on it.
    pub fn explain(&mut self, wish: ExplainWish) {
        self.effects.explanations.wish(wish);
    }

    /// All explanations so far.
    #[must_use]
    pub fn explanations(&self) -> &[Explanation] {
        self.effects.explanations.given()
    }

    /// The current virtual time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.effects.now()
    }

    /// How many events were handled, without those of gossip that nobody learned anything from, and of traffic.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A look at the cluster.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::new(&self.cluster)
    }

    /// Hash over all facts so far.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.effects.trace().hash()
    }

    /// How many facts were told.
    #[must_use]
    pub fn fact_count(&self) -> u64 {
        self.effects.trace().count()
    }

    /// Hash over the state of all components.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut digest = Digest::new();
        digest.time(self.effects.now());
        self.cluster.digest(&mut digest);
        digest.finish()
    }

    /// Handles all events up to and including a time, and goes to it.
    pub fn run_until(&mut self, end: SimTime, observer: &mut impl Observer) {
        self.show(observer);
        let after_end = end + SimDuration::from_nanos(1);
        loop {
            let due = self.effects.next_time().filter(|due| *due <= end);
            if let Some(learned) = self.cluster.gossip_until(due.unwrap_or(after_end)) {
                self.go_to(learned, observer);
                self.cluster.hear_gossip(&mut self.effects);
            } else if let Some(due) = due {
                self.go_to(due, observer);
                self.handle_next();
            } else {
                break;
            }
            self.show(observer);
            self.check();
        }
        self.end_instant(observer);
        self.effects.advance_to(end);
        self.cluster.serve_until(after_end, self.events, &self.effects);
    }

    /// Brings traffic up to a time, goes there and counts what happens there.
    fn go_to(&mut self, due: SimTime, observer: &mut impl Observer) {
        self.cluster.serve_until(due, self.events, &self.effects);
        if due > self.effects.now() {
            self.end_instant(observer);
            self.effects.advance_to(due);
        }
        self.events += 1;
    }

    fn handle_next(&mut self) {
        match self.effects.pop().expect("an event is due") {
            Event::Stimulus(entry) => {
                inject::stimulate(&mut self.cluster, entry as usize, &mut self.effects);
            }
            event @ (Event::Fire { .. } | Event::Deliver(_) | Event::Traffic) => {
                self.cluster.handle(event, &mut self.effects);
            }
        }
    }

    fn show(&mut self, observer: &mut impl Observer) {
        if !self.effects.trace().has_fresh() {
            return;
        }
        self.eventful = true;
        let mut facts = std::mem::take(&mut self.facts);
        self.effects.trace_mut().swap_fresh(&mut facts);
        for record in &facts {
            if let Some(checks) = &mut self.checks {
                checks.after_fact(record, self.events);
            }
            observer.fact(record, View::new(&self.cluster));
        }
        self.facts = facts;
    }

    fn check(&mut self) {
        let Some(checks) = &mut self.checks else { return };
        let now = self.effects.now();
        checks.after_event(&self.cluster, self.effects.host(), now, self.events);
        if now >= self.next_sweep {
            checks.sweep(&self.cluster, now, self.events);
            self.next_sweep = now + SimDuration::from_secs(1);
        }
    }

    fn end_instant(&mut self, observer: &mut impl Observer) {
        if std::mem::take(&mut self.eventful) {
            observer.instant_over(self.effects.now(), View::new(&self.cluster));
        }
    }
}
