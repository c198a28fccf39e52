//! Requests that are under way, in places that are used again, and the lists that they are part of.
use super::client::{ClientKey, Connection};
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::mesh::Target;
use crate::model::{FactId, Failure, HostId, TrafficId};

/// Names one attempt of a request: a later one in the same place has another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestId {
    index: u32,
    generation: u32,
}

/// One attempt of a request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) source: TrafficId,
    pub(super) client: ClientKey,
    /// The request that is being served meanwhile, and needs the answer.
    pub(super) parent: Option<RequestId>,
    /// When its first attempt was sent.
    pub(super) first_sent: SimTime,
    /// When this attempt was sent.
    pub(super) sent: SimTime,
    /// Attempts before this one.
    pub(super) retries: u8,
    /// The machine whose load balancer it goes through. Before that is known: where the attempt before it went.
    pub(super) entry: Option<HostId>,
    /// The connection that it uses, if that was there before.
    pub(super) kept: Option<Connection>,
    /// Where it goes from its entry on. None: it has not got there yet.
    pub(super) target: Option<Target>,
    /// A load balancer chose the target.
    pub(super) balanced: bool,
    /// The connection is there: somebody at the other end has accepted it.
    pub(super) connected: bool,
    pub(super) phase: Phase,
    /// The machine on which its client would have given it up, if that did not stand still.
    pub(super) overdue_on: Option<HostId>,
    /// How often its packets were sent again.
    pub(super) tries: u8,
    /// Calls of the program that were answered.
    pub(super) calls_done: u32,
    /// What stands in its way.
    pub(super) trouble: Option<Blame>,
    /// The answer will be that a service behind the program failed.
    pub(super) upstream: Option<Blame>,
}

impl Request {
    /// A first attempt that is being sent.
    pub(super) fn new(source: TrafficId, client: ClientKey, parent: Option<RequestId>, now: SimTime) -> Self {
        Request {
            source,
            client,
            parent,
            first_sent: now,
            sent: now,
            retries: 0,
            entry: None,
            kept: None,
            target: None,
            balanced: false,
            connected: false,
            phase: Phase::Sent,
            overdue_on: None,
            tries: 0,
            calls_done: 0,
            trouble: None,
            upstream: None,
        }
    }
}

impl Request {
    /// What is wrong if the machine of its backend is gone: it may be the one that the request was sent to.
    pub(super) fn lost_with_host(&self) -> Failure {
        let is_entry = self.entry.is_some() && self.entry == self.target.map(|target| target.host);
        if is_entry { Failure::EntrySilent } else { Failure::Unreachable }
    }
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// On its way to the backend.
    Sent,
    /// Nobody answers, and nobody will.
    Hanging,
    /// At the backend, whose program has no time yet.
    Waiting,
    /// At the backend, being served.
    Serving,
    /// Its client has given up, the backend is still at it.
    Abandoned,
    /// The answer is on its way.
    Answered,
}

/// What went wrong, and who is responsible.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blame {
    pub(super) failure: Failure,
    pub(super) because: FactId,
    pub(super) entry: Option<HostId>,
    pub(super) target: Option<Target>,
    /// The call that failed, if a program could not answer because of it.
    pub(super) via: Option<TrafficId>,
}

/// A kind of list. A request is in at most one list of each kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// In the order of deadlines.
    Deadlines = 0,
    /// At one server.
    Server = 1,
}

/// A list of requests, first in first out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    first: Option<u32>,
    last: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Links {
    before: Option<u32>,
    after: Option<u32>,
}

#[derive(Clone, Debug)]
struct Place {
    generation: u32,
    links: [Links; 2],
    request: Option<Request>,
}

/// All requests that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    places: Vec<Place>,
    free: Vec<u32>,
}

impl Requests {
    pub(super) fn insert(&mut self, request: Request) -> RequestId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, links: [Links::default(); 2], request: None });
            u32::try_from(self.places.len() - 1).expect("fewer than four billion requests at a time")
        });
        let place = &mut self.places[index as usize];
        place.request = Some(request);
        RequestId { index, generation: place.generation }
    }

    /// The attempt, if it is not over.
    pub(super) fn get_mut(&mut self, id: RequestId) -> Option<&mut Request> {
        let place = self.places.get_mut(id.index as usize)?;
        if place.generation == id.generation { place.request.as_mut() } else { None }
    }

    /// Takes an attempt that is in no list any more out.
    pub(super) fn remove(&mut self, id: RequestId) -> Request {
        let place = &mut self.places[id.index as usize];
        assert_eq!(place.generation, id.generation, "a request ends once");
        place.generation = place.generation.wrapping_add(1);
        self.free.push(id.index);
        place.request.take().expect("it is under way")
    }

    /// How many are under way, those included whose client has given up.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// All attempts that are under way, those included whose client has given up.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RequestId, &Request)> {
        let places = (0..).zip(&self.places);
        places.filter_map(|(index, place)| {
            Some((RequestId { index, generation: place.generation }, place.request.as_ref()?))
        })
    }

    /// Puts a request at the end of a list.
    pub(super) fn push(&mut self, list: &mut List, kind: Kind, id: RequestId) {
        let before = list.last.replace(id.index);
        match before {
            Some(before) => self.places[before as usize].links[kind as usize].after = Some(id.index),
            None => list.first = Some(id.index),
        }
        self.places[id.index as usize].links[kind as usize] = Links { before, after: None };
    }

    /// Takes a request out of the list that it is in.
    pub(super) fn unlink(&mut self, list: &mut List, kind: Kind, id: RequestId) {
        let Links { before, after } =
            std::mem::take(&mut self.places[id.index as usize].links[kind as usize]);
        match before {
            Some(before) => self.places[before as usize].links[kind as usize].after = after,
            None => list.first = after,
        }
        match after {
            Some(after) => self.places[after as usize].links[kind as usize].before = before,
            None => list.last = before,
        }
    }

    /// The first of a list.
    pub(super) fn first(&self, list: &List) -> Option<(RequestId, &Request)> {
        let index = list.first?;
        let place = &self.places[index as usize];
        let request = place.request.as_ref().expect("lists hold requests that are under way");
        Some((RequestId { index, generation: place.generation }, request))
    }

    /// Takes the first of a list out of it.
    pub(super) fn pop(&mut self, list: &mut List, kind: Kind) -> Option<RequestId> {
        let (id, _) = self.first(list)?;
        self.unlink(list, kind, id);
        Some(id)
    }
}

impl StateDigest for Requests {
    fn digest(&self, digest: &mut Digest) {
        let Self { places, free } = self;
        digest.u64(free.len() as u64);
        for request in places.iter().filter_map(|place| place.request.as_ref()) {
            digest.u32(request.source.0);
            digest.time(request.sent);
            digest.u8(request.phase as u8);
            digest.u32(request.target.map_or(u32::MAX, |target| target.task.0));
        }
    }
}
