//! Who takes part in one network, as one peer has heard (spec networking 8.1).
use std::sync::Arc;

use super::PeerId;
use super::message::Membership;
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::{NetworkId, PagedMap};

/// What a peer knows about the part of another one, or its own, in a network.
#[derive(Clone, Copy, Debug)]
struct Part {
    version: u64,
    /// It has left; when that is forgotten.
    left_until: Option<SimTime>,
    /// It stands in the order. Only the own part can be told without that.
    is_listed: bool,
}

/// The group of a network.
#[derive(Clone, Debug)]
pub(super) struct Group {
    network: NetworkId,
    parts: PagedMap<PeerId, Part>,
    /// Who takes part, in the order in which this peer heard of it.
    order: Arc<Vec<PeerId>>,
    /// Sum over the hashes of all parts, to tell at once whether two peers know the same.
    sum: u64,
}

impl Group {
    pub(super) fn new(network: NetworkId) -> Self {
        Group { network, parts: PagedMap::default(), order: Arc::default(), sum: 0 }
    }

    /// All of these take part since before the run began.
    pub(super) fn settled(network: NetworkId, peers: &[PeerId]) -> Self {
        let mut group = Group::new(network);
        peers.iter().for_each(|peer| group.join(*peer, 1));
        group
    }

    pub(super) fn network(&self) -> NetworkId {
        self.network
    }

    /// Those who take part.
    pub(super) fn members(&self) -> &[PeerId] {
        &self.order
    }

    pub(super) fn contains(&self, peer: PeerId) -> bool {
        self.parts.get(peer).is_some_and(|part| part.is_listed)
    }

    /// The version of what is known about a peer.
    pub(super) fn version(&self, peer: PeerId) -> Option<u64> {
        Some(self.parts.get(peer)?.version)
    }

    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    /// A peer takes part from this version on.
    pub(super) fn join(&mut self, peer: PeerId, version: u64) {
        self.set(peer, Part { version, left_until: None, is_listed: true });
        if !self.order.contains(&peer) {
            Arc::make_mut(&mut self.order).push(peer);
        }
    }

    /// A peer takes part no longer, which is remembered for a while.
    pub(super) fn leave(&mut self, peer: PeerId, version: u64, until: SimTime) {
        self.set(peer, Part { version, left_until: Some(until), is_listed: false });
        self.leave_order(peer);
    }

    /// Nothing is known about a peer any more.
    pub(super) fn forget(&mut self, peer: PeerId) {
        if let Some(part) = self.parts.get(peer) {
            self.sum = self.sum.wrapping_sub(part.hash(peer, self.network));
            self.parts.put(peer, None);
            self.leave_order(peer);
        }
    }

    /// A peer does not stand in the order any more, and its part is told all the same.
    pub(super) fn unlist(&mut self, peer: PeerId) {
        if let Some(part) = self.parts.get_mut(peer) {
            part.is_listed = false;
            self.leave_order(peer);
        }
    }

    /// Forgets those who have left and are over by this time.
    pub(super) fn reap(&mut self, limit: SimTime) {
        let over = |part: &Part| part.left_until.is_some_and(|until| until <= limit);
        let over: Vec<PeerId> =
            self.parts.iter().filter(|(_, part)| over(part)).map(|(peer, _)| peer).collect();
        over.into_iter().for_each(|peer| self.forget(peer));
    }

    /// When somebody who has left is forgotten, at the earliest.
    pub(super) fn first_expiry(&self) -> Option<SimTime> {
        self.parts.values().filter_map(|part| part.left_until).min()
    }

    /// All that is known, as it is told in a full exchange.
    pub(super) fn memberships(&self) -> impl Iterator<Item = Membership> + '_ {
        self.parts.iter().map(|(peer, part)| Membership {
            peer,
            network: self.network,
            version: part.version,
            leaving: part.left_until.is_some(),
        })
    }

    fn set(&mut self, peer: PeerId, part: Part) {
        if let Some(known) = self.parts.get(peer) {
            self.sum = self.sum.wrapping_sub(known.hash(peer, self.network));
        }
        self.sum = self.sum.wrapping_add(part.hash(peer, self.network));
        self.parts.put(peer, Some(part));
    }

    fn leave_order(&mut self, peer: PeerId) {
        if self.order.contains(&peer) {
            Arc::make_mut(&mut self.order).retain(|other| *other != peer);
        }
    }
}

impl Part {
    fn hash(&self, peer: PeerId, network: NetworkId) -> u64 {
        let mut digest = Digest::new();
        digest.u32(peer.0);
        digest.u32(network.0);
        digest.u64(self.version);
        digest.bool(self.left_until.is_some());
        digest.finish()
    }
}

impl StateDigest for Part {
    fn digest(&self, digest: &mut Digest) {
        let Self { version, left_until, is_listed } = self;
        digest.u64(*version);
        left_until.digest(digest);
        digest.bool(*is_listed);
    }
}

impl StateDigest for Group {
    fn digest(&self, digest: &mut Digest) {
        // The sum follows from the parts.
        let Self { network, parts, order, sum: _ } = self;
        network.digest(digest);
        parts.digest(digest);
        order.digest(digest);
    }
}
