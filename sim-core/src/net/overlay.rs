//! What is wrong with links at the moment. Faults name hosts or zones; all that concern a pair of hosts add up.
//!
//! A fault that ends by itself takes only itself away: what else is wrong with the link stays wrong. Of two faults of
//! one kind between the same hosts or zones the later one counts, as long as it lasts.
use std::collections::BTreeMap;

use super::{Link, Topology};
use crate::kernel::{Digest, Ppm, SimDuration, StateDigest};
use crate::model::{FactId, Fault, Heading, HostId, Place, SwarmPort};

/// The faults of one direction, each with the fact that brought it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Overlay {
    pub(super) cut: Option<FactId>,
    slow: Option<(SimDuration, FactId)>,
    loss: Option<(Ppm, FactId)>,
    /// Ports that are closed, in the order of [`SwarmPort::ALL`].
    blocked: [Option<FactId>; SwarmPort::ALL.len()],
    /// Of datagrams of gossip.
    gossip_loss: Option<(Ppm, FactId)>,
}

/// One fault of one direction.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Cut,
    Slow(SimDuration),
    Loss(Ppm),
    Block(SwarmPort),
    GossipLoss(Ppm),
}

/// One direction that something is wrong with.
#[derive(Clone, Debug, Default)]
struct Way {
    /// What has struck and not ended yet, in that order, each with the fact that brought it.
    troubles: Vec<(FactId, Trouble)>,
    /// All of it together.
    overlay: Overlay,
}

/// The faults of all directions.
#[derive(Debug, Default)]
pub(super) struct Overlays {
    now: BTreeMap<(Place, Place), Way>,
    /// What was wrong until it was healed last, and the fact of that.
    healed: BTreeMap<(Place, Place), (Overlay, FactId)>,
}

impl Overlay {
    fn of(troubles: &[(FactId, Trouble)]) -> Self {
        let mut overlay = Overlay::default();
        for (fact, trouble) in troubles {
            overlay.worsen(*fact, *trouble);
        }
        overlay
    }

    /// What a fault finds as it would make it, it is not to blame for.
    fn worsen(&mut self, fact: FactId, trouble: Trouble) {
        match trouble {
            Trouble::Cut => self.cut = self.cut.or(Some(fact)),
            Trouble::Slow(by) => {
                self.slow = self.slow.filter(|(before, _)| *before == by).or(Some((by, fact)));
            }
            Trouble::Loss(rate) => {
                self.loss = self.loss.filter(|(before, _)| *before == rate).or(Some((rate, fact)));
            }
            Trouble::Block(port) => {
                let blocked = &mut self.blocked[port as usize];
                *blocked = blocked.or(Some(fact));
            }
            Trouble::GossipLoss(rate) => {
                self.gossip_loss =
                    self.gossip_loss.filter(|(before, _)| *before == rate).or(Some((rate, fact)));
            }
        }
    }

    /// The link as it is with these faults. One that is cut loses everything.
    pub(super) fn on(&self, link: Link) -> Link {
        let slow = self.slow.map_or(SimDuration::ZERO, |(by, _)| by);
        let lost: u32 = self.losses().map(|(rate, _)| rate.0).sum();
        let loss = if self.cut.is_some() { 1_000_000 } else { lost };
        Link { latency: link.latency + slow, loss: Ppm((link.loss.0 + loss).min(1_000_000)), ..link }
    }

    /// The fault that lets nothing through on a link.
    pub(super) fn closed(&self, link: Link) -> Option<FactId> {
        let loses_all = self.losses().next().filter(|_| self.on(link).is_closed());
        self.cut.or(loses_all.map(|(_, fact)| fact))
    }

    /// The fault that loses packets.
    pub(super) fn loses(&self) -> Option<FactId> {
        self.losses().map(|(_, fact)| fact).next()
    }

    /// The worst of the faults.
    pub(super) fn fact(&self) -> Option<FactId> {
        self.cut.or(self.loses()).or(self.slow.map(|(_, fact)| fact))
    }

    /// What it does to packets, whoever is to blame.
    fn effect(&self) -> impl PartialEq + use<> {
        let Self { cut, slow, loss, blocked, gossip_loss } = self;
        let rate = |loss: &Option<(Ppm, FactId)>| loss.map_or(Ppm(0), |(rate, _)| rate);
        let slow = slow.map_or(SimDuration::ZERO, |(by, _)| by);
        (cut.is_some(), slow, rate(loss), blocked.map(|fact| fact.is_some()), rate(gossip_loss))
    }

    /// What connections meet of it.
    pub(super) fn of_connections(self) -> Overlay {
        Overlay { gossip_loss: None, ..self }
    }

    fn losses(&self) -> impl Iterator<Item = (Ppm, FactId)> {
        self.loss.into_iter().chain(self.gossip_loss)
    }

    /// Adds what another overlay does to packets with this heading.
    fn add(&mut self, other: &Overlay, heading: Heading) {
        let blocked = match heading {
            Heading::To(port) => other.blocked[port as usize],
            Heading::Back => None,
        };
        self.cut = self.cut.or(other.cut).or(blocked);
        if let Some((by, fact)) = other.slow {
            self.slow = Some((self.slow.map_or(by, |(sum, _)| sum + by), fact));
        }
        self.loss = more(self.loss, other.loss);
        if heading == Heading::To(SwarmPort::Gossip) {
            self.gossip_loss = more(self.gossip_loss, other.gossip_loss);
        }
    }
}

/// Both losses together, because of the latter.
fn more(one: Option<(Ppm, FactId)>, other: Option<(Ppm, FactId)>) -> Option<(Ppm, FactId)> {
    let sum = |(rate, fact): (Ppm, FactId)| (Ppm(rate.0 + one.map_or(0, |(sum, _)| sum.0)), fact);
    other.map(sum).or(one)
}

/// All that concerns a pair of hosts adds up.
fn sum_between<'a>(
    topology: &Topology,
    from: HostId,
    to: HostId,
    heading: Heading,
    known: impl Fn(&(Place, Place)) -> Option<&'a Overlay>,
) -> Overlay {
    let mut sum = Overlay::default();
    let senders = [Place::Host(from), Place::Zone(topology.zone_of(from))];
    let receivers = [Place::Host(to), Place::Zone(topology.zone_of(to))];
    for sender in senders {
        for receiver in receivers {
            if let Some(overlay) = known(&(sender, receiver)) {
                sum.add(overlay, heading);
            }
        }
    }
    sum
}

impl Overlays {
    pub(super) fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// All faults on the way from one host to another, as packets with this heading meet them.
    pub(super) fn between(&self, topology: &Topology, from: HostId, to: HostId, heading: Heading) -> Overlay {
        sum_between(topology, from, to, heading, |way| self.now.get(way).map(|way| &way.overlay))
    }

    /// The faults that were on this way until they were healed after a fact.
    pub(super) fn healed_since(
        &self,
        topology: &Topology,
        from: HostId,
        to: HostId,
        heading: Heading,
        since: FactId,
    ) -> Overlay {
        let healed = |way: &_| self.healed.get(way).filter(|(_, healed)| *healed > since);
        sum_between(topology, from, to, heading, |way| healed(way).map(|(overlay, _)| overlay))
    }

    /// True if that changes anything. A fault that finds a link as it would make it is not to blame for it.
    pub(super) fn strike(&mut self, fault: &Fault, fact: FactId) -> bool {
        let (from, to, one_way, trouble) = match fault {
            Fault::Cut { from, to, one_way } => (from, to, one_way, Trouble::Cut),
            Fault::Slow { from, to, one_way, by } => (from, to, one_way, Trouble::Slow(*by)),
            Fault::Loss { from, to, one_way, rate } => (from, to, one_way, Trouble::Loss(*rate)),
            Fault::Block { from, to, one_way, port } => (from, to, one_way, Trouble::Block(*port)),
            Fault::GossipLoss { from, to, one_way, rate } => (from, to, one_way, Trouble::GossipLoss(*rate)),
            Fault::Heal { from, to, one_way } => return self.heal((*from, *to), *one_way, fact, |_| true),
            Fault::Crash { .. }
            | Fault::LoseDisk { .. }
            | Fault::Kill { .. }
            | Fault::Stop { .. }
            | Fault::Restart { .. }
            | Fault::Freeze { .. }
            | Fault::Thaw { .. }
            | Fault::KillTask { .. }
            | Fault::SlowDisk { .. } => unreachable!("{fault:?} is no fault of a link"),
        };
        let mut is_change = false;
        for way in directions((*from, *to), *one_way) {
            let known = self.now.entry(way).or_default();
            let before = known.overlay.effect();
            known.troubles.push((fact, trouble));
            known.overlay = Overlay::of(&known.troubles);
            is_change |= known.overlay.effect() != before;
        }
        is_change
    }

    /// Takes from a link what these faults have brought. True if that changes anything.
    pub(super) fn heal(
        &mut self,
        way: (Place, Place),
        one_way: bool,
        fact: FactId,
        ends: impl Fn(FactId) -> bool,
    ) -> bool {
        let mut is_change = false;
        for way in directions(way, one_way) {
            let Some(known) = self.now.get_mut(&way) else { continue };
            let before = known.overlay.effect();
            let (healed, left) = known.troubles.iter().partition::<Vec<_>, _>(|(fact, _)| ends(*fact));
            let healed = Overlay::of(&healed);
            *known = Way { overlay: Overlay::of(&left), troubles: left };
            if known.overlay.effect() != before {
                is_change = true;
                self.healed.insert(way, (healed, fact));
            }
            if known.troubles.is_empty() {
                self.now.remove(&way);
            }
        }
        is_change
    }
}

/// A link has two directions, unless a fault concerns one only.
fn directions((from, to): (Place, Place), one_way: bool) -> impl Iterator<Item = (Place, Place)> {
    [(from, to), (to, from)].into_iter().take(if one_way { 1 } else { 2 })
}

impl StateDigest for Overlays {
    fn digest(&self, digest: &mut Digest) {
        // What is healed is told as a cause only.
        let Self { now, healed: _ } = self;
        for (places, way) in now {
            digest.debug(&(places, way));
        }
    }
}
