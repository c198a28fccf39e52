//! One source of requests: when the next one is due, who sends it, and through which node.
use std::collections::BTreeMap;

use super::client::{Client, ClientKey};
use super::entries::Entries;
use super::request::List;
use super::tally::Tally;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest, Stream, Streams};
use crate::model::FactId;
use crate::model::setup::{ClientBehaviour, Load, Origin, Traffic as Plan};

/// A source, and what it remembers.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) plan: Plan,
    pub(super) lots: Stream,
    /// The fact that it began, and until when it goes on.
    pub(super) begun: FactId,
    pub(super) ends: SimTime,
    /// Clients so far; the next one is next in turn.
    turn: u64,
    pub(super) entries: Entries,
    clients: BTreeMap<ClientKey, Client>,
    /// Requests under way, in the order of their deadlines.
    pub(super) deadlines: List,
    /// A look at the first deadline is in the queue.
    pub(super) deadline_awaited: bool,
    pub(super) tally: Tally,
}

impl Source {
    pub(super) fn new(plan: &Plan, streams: &mut Streams) -> Self {
        let entries = match &plan.origin {
            Origin::Outside { through, check } => Entries::new(through, *check),
            Origin::Tasks { .. } | Origin::Calls { .. } => Entries::default(),
        };
        Source {
            lots: streams.stream(&format!("traffic/{}", plan.name)),
            plan: plan.clone(),
            begun: FactId(0),
            ends: SimTime::ZERO,
            turn: 0,
            entries,
            clients: BTreeMap::new(),
            deadlines: List::default(),
            deadline_awaited: false,
            tally: Tally::new(),
        }
    }

    /// How its clients behave.
    pub(super) fn behaviour(&self) -> &ClientBehaviour {
        &self.plan.client
    }

    /// Time until the next request, if they come whatever becomes of those before.
    pub(super) fn interval(&mut self) -> Option<SimDuration> {
        match self.plan.load {
            Load::Constant(interval) => Some(interval),
            Load::Poisson(mean) => Some(self.lots.exponential(mean)),
            Load::Users { .. } | Load::OnDemand => None,
        }
    }

    /// How long a user thinks before the next request.
    pub(super) fn think(&mut self) -> Option<SimDuration> {
        match self.plan.load {
            Load::Users { think, .. } => Some(think.draw(&mut self.lots)),
            Load::Constant(_) | Load::Poisson(_) | Load::OnDemand => None,
        }
    }

    /// Whose turn it is, counted from zero.
    pub(super) fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn - 1
    }

    /// A client, which may be new.
    pub(super) fn client(&mut self, key: ClientKey) -> &mut Client {
        self.clients.entry(key).or_default()
    }
}

impl StateDigest for Source {
    fn digest(&self, digest: &mut Digest) {
        // The plan never changes; deadlines follow from the requests.
        let Self { plan: _, lots, begun, ends, turn, entries, clients, .. } = self;
        let Self { deadlines: _, deadline_awaited, tally, .. } = self;
        lots.digest(digest);
        begun.digest(digest);
        digest.time(*ends);
        digest.u64(*turn);
        entries.digest(digest);
        for (key, client) in clients {
            digest.u32(key.task.map_or(u32::MAX, |task| task.0));
            digest.u32(key.number);
            client.digest(digest);
        }
        digest.bool(*deadline_awaited);
        tally.digest(digest);
    }
}
