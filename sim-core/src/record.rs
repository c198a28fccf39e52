//! Watches a run: counts, and keeps the facts if somebody asks for them.
//!
//! A trace of ten thousand tasks has a million facts; most runs of a test need none of them. Whoever tells a story
//! or follows causes says so before the run.
mod specs;

pub use specs::{Existence, SpecHistory};

use crate::cluster::View;
use crate::kernel::SimTime;
use crate::metrics::{Census, Measurement, Metrics, Origins, Totals};
use crate::model::{FactId, FactRecord};
use crate::progress::{Clients, Progress};
use crate::run::{Observer, Simulation};
use crate::traffic::Tally;

/// Whether facts outlive the moment at which they were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// They are counted only.
    #[default]
    Nothing,
    /// All are kept.
    Facts,
}

/// Observes a run from its beginning.
#[derive(Debug)]
pub struct Recorder {
    metrics: Metrics,
    keep: Keep,
    facts: Vec<FactRecord>,
    specs: SpecHistory,
    /// Clients that wait, if facts are kept or somebody has asked for them.
    clients: Option<Clients>,
    /// Committed entries and delivered messages when the run began.
    at_start: Option<(u64, u64)>,
}

/// What is known of a run when it is over.
#[derive(Clone, Debug)]
pub struct Recording {
    /// All facts in order, if they were kept.
    pub facts: Vec<FactRecord>,
    /// What services were to be like at each time, if facts were kept.
    pub specs: SpecHistory,
    /// What waiting clients have shown, by command and then in order, if facts were kept.
    pub progress: Vec<Progress>,
    /// Everybody, after the last fact.
    pub census: Census,
    /// Where chains of causes begin.
    pub origins: Origins,
    /// All metrics.
    pub measurements: Vec<Measurement>,
    /// What became of the requests of each source of traffic, in the order of their ids.
    pub tallies: Vec<Tally>,
    /// When the run ended.
    pub ended: SimTime,
}

impl Recorder {
    /// An observer for a run that has not begun.
    #[must_use]
    pub fn new(simulation: &Simulation, keep: Keep) -> Self {
        let view = simulation.view();
        let census = Census::new(view.setup(), view.seed());
        let clients = (keep == Keep::Facts).then(|| Clients::new(view.setup()));
        Recorder {
            metrics: Metrics::new(census),
            keep,
            facts: Vec::new(),
            specs: SpecHistory::default(),
            clients,
            at_start: None,
        }
    }

    /// Everybody, after the last fact.
    #[must_use]
    pub fn census(&self) -> &Census {
        self.metrics.census()
    }

    /// Follows the clients that wait, even if no facts are kept. To be called before the run.
    pub fn follow_clients(&mut self, simulation: &Simulation) {
        self.clients.get_or_insert_with(|| Clients::new(simulation.view().setup()));
    }

    /// The clients that wait, if they are followed.
    #[must_use]
    pub fn clients(&self) -> Option<&Clients> {
        self.clients.as_ref()
    }

    /// Lets all clients look up to a time, all facts of which were told. True if one of them has ended.
    pub fn clients_look(&mut self, now: SimTime, view: View<'_>) -> bool {
        self.clients.as_mut().is_some_and(|clients| clients.instant_over(now, view))
    }

    /// All facts so far, if they are kept.
    #[must_use]
    pub fn facts(&self) -> &[FactRecord] {
        &self.facts
    }

    /// The run is over.
    #[must_use]
    pub fn finish(self, simulation: &Simulation) -> Recording {
        let view = simulation.view();
        let ((first_index, first_messages), (index, messages)) =
            (self.at_start.unwrap_or_default(), totals(view));
        let tallies: Vec<Tally> = view.tallies().map(|(_, tally)| tally.clone()).collect();
        let gained = Totals {
            commit_index: index.saturating_sub(first_index),
            messages: messages.saturating_sub(first_messages),
            tallies: &tallies,
        };
        let ended = simulation.now();
        let seed = view.seed();
        let progress = self.clients.map(|clients| clients.finish(ended, seed)).unwrap_or_default();
        let measurements = self.metrics.read(ended, gained);
        let (census, origins) = self.metrics.into_parts();
        Recording {
            facts: self.facts,
            specs: self.specs,
            progress,
            census,
            origins,
            measurements,
            tallies,
            ended,
        }
    }
}

impl Recording {
    /// A kept fact.
    #[must_use]
    pub fn fact(&self, id: FactId) -> Option<&FactRecord> {
        self.facts.get(usize::try_from(id.0).ok()?)
    }

    /// The causes of a fact, nearest first, up to the one that has no cause but the start of the run.
    pub fn causes(&self, id: FactId) -> impl Iterator<Item = &FactRecord> {
        let cause_of =
            |record: &&FactRecord| (record.cause != record.id).then(|| self.fact(record.cause)).flatten();
        std::iter::successors(self.fact(id), cause_of).skip(1).filter(|record| record.id.0 > 0)
    }
}

impl Observer for Recorder {
    fn fact(&mut self, record: &FactRecord, view: View<'_>) {
        self.at_start.get_or_insert_with(|| totals(view));
        self.metrics.fact(record, || view.store());
        if let Some(clients) = &mut self.clients {
            clients.fact(record, view);
        }
        if self.keep == Keep::Facts {
            self.specs.learn(record, || view.store());
            self.facts.push(record.clone());
        }
    }

    fn instant_over(&mut self, time: SimTime, view: View<'_>) {
        self.metrics.instant_over(time);
        self.clients_look(time, view);
    }
}

fn totals(view: View<'_>) -> (u64, u64) {
    (view.commit_index(), view.messages())
}
