//! What is wrong with links at the moment. Faults name hosts or zones; all that concern a pair of hosts add up.
use std::collections::BTreeMap;

use super::{Link, Topology};
use crate::kernel::{Digest, Ppm, SimDuration, StateDigest};
use crate::model::{FactId, Fault, HostId, Place, SwarmPort};

/// The faults of one direction, each with the fact that brought it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Overlay {
    pub(super) cut: Option<FactId>,
    slow: Option<(SimDuration, FactId)>,
    loss: Option<(Ppm, FactId)>,
    /// Ports that are closed, in the order of [`SwarmPort::ALL`].
    blocked: [Option<FactId>; SwarmPort::ALL.len()],
    gossip_loss: Option<(Ppm, FactId)>,
}

/// The faults of all directions.
#[derive(Debug, Default)]
pub(super) struct Overlays(BTreeMap<(Place, Place), Overlay>);

impl Overlay {
    /// The link as it is with these faults.
    pub(super) fn on(&self, link: Link) -> Link {
        let slow = self.slow.map_or(SimDuration::ZERO, |(by, _)| by);
        let loss = self.loss.map_or(0, |(rate, _)| rate.0);
        Link { latency: link.latency + slow, loss: Ppm((link.loss.0 + loss).min(1_000_000)), ..link }
    }

    /// The fault that lets nothing through on a link.
    pub(super) fn closed(&self, link: Link) -> Option<FactId> {
        let loses_all = self.loss.filter(|_| self.on(link).loss.0 >= 1_000_000);
        self.cut.or(loses_all.map(|(_, fact)| fact))
    }

    /// The worst of the faults.
    pub(super) fn fact(&self) -> Option<FactId> {
        self.cut.or(self.loss.map(|(_, fact)| fact)).or(self.slow.map(|(_, fact)| fact))
    }

    /// Adds what another overlay does to packets of one port.
    fn add(&mut self, other: &Overlay, port: SwarmPort) {
        self.cut = self.cut.or(other.cut).or(other.blocked[port as usize]);
        if let Some((by, fact)) = other.slow {
            self.slow = Some((self.slow.map_or(by, |(sum, _)| sum + by), fact));
        }
        let of_gossip = other.gossip_loss.filter(|_| port == SwarmPort::Gossip);
        for (rate, fact) in other.loss.into_iter().chain(of_gossip) {
            self.loss = Some((Ppm(self.loss.map_or(rate.0, |(sum, _)| sum.0 + rate.0)), fact));
        }
    }
}

impl Overlays {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All faults on the way from one host to another, as packets of one port meet them.
    pub(super) fn between(&self, topology: &Topology, from: HostId, to: HostId, port: SwarmPort) -> Overlay {
        let mut sum = Overlay::default();
        let senders = [Place::Host(from), Place::Zone(topology.zone_of(from))];
        let receivers = [Place::Host(to), Place::Zone(topology.zone_of(to))];
        for sender in senders {
            for receiver in receivers {
                if let Some(overlay) = self.0.get(&(sender, receiver)) {
                    sum.add(overlay, port);
                }
            }
        }
        sum
    }

    pub(super) fn apply(&mut self, fault: &Fault, fact: FactId) {
        match fault {
            Fault::Cut { from, to, one_way } => {
                self.each_way(*from, *to, *one_way, |overlay| overlay.cut = Some(fact));
            }
            Fault::Slow { from, to, one_way, by } => {
                self.each_way(*from, *to, *one_way, |overlay| overlay.slow = Some((*by, fact)));
            }
            Fault::Loss { from, to, one_way, rate } => {
                self.each_way(*from, *to, *one_way, |overlay| overlay.loss = Some((*rate, fact)));
            }
            Fault::Block { from, to, one_way, port } => {
                self.each_way(*from, *to, *one_way, |overlay| overlay.blocked[*port as usize] = Some(fact));
            }
            Fault::GossipLoss { from, to, one_way, rate } => {
                self.each_way(*from, *to, *one_way, |overlay| overlay.gossip_loss = Some((*rate, fact)));
            }
            Fault::Heal { from, to, one_way } => {
                self.each_way(*from, *to, *one_way, |overlay| *overlay = Overlay::default());
            }
            Fault::Crash { .. }
            | Fault::LoseDisk { .. }
            | Fault::Kill { .. }
            | Fault::Stop { .. }
            | Fault::Restart { .. }
            | Fault::Freeze { .. }
            | Fault::Thaw { .. }
            | Fault::KillTask { .. }
            | Fault::SlowDisk { .. } => unreachable!("{fault:?} is no fault of a link"),
        }
        self.0.retain(|_, overlay| *overlay != Overlay::default());
    }

    fn each_way(&mut self, from: Place, to: Place, one_way: bool, change: impl Fn(&mut Overlay)) {
        change(self.0.entry((from, to)).or_default());
        if !one_way {
            change(self.0.entry((to, from)).or_default());
        }
    }
}

impl StateDigest for Overlays {
    fn digest(&self, digest: &mut Digest) {
        let Self(overlays) = self;
        for (places, overlay) in overlays {
            digest.debug(&(places, overlay));
        }
    }
}
