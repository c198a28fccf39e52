//! The network between hosts: which links there are, what is wrong with them, and when a message arrives.
//!
//! Calls ride on connections, so a lost packet is a delay: it is sent again after 200 ms, then after 400 ms more,
//! and so on, at last every 6.4 s (decisions: messages and faults). While a link is cut, a call's message waits for
//! the first such attempt after the link has healed, which is soon enough for connections that are made anew
//! (spec control-plane 9.3). Raft's transport has connections of its own; it sends one message at a time, gives it
//! up after two seconds and never repeats it, so its messages are lost for good. So are datagrams.
//!
//! A firewall that closes a port looks at where packets go ([`Heading`]): what goes back over a connection that was
//! opened from the other side passes.
mod overlay;
mod topology;

pub(crate) use topology::{Link, Topology};

use std::collections::{BTreeMap, VecDeque};

use self::overlay::Overlays;
use crate::kernel::{Digest, Ppm, SimDuration, SimTime, StateDigest, Stream};
use crate::model::{FactId, Fault, Heading, HostId, IdMap, Place, SwarmPort};
use crate::protocol::{CallId, Envelope};

/// First pause before a lost packet of a connection is sent again. Each further one is twice as long.
const RETRANSMISSION: SimDuration = SimDuration::from_millis(200);
/// Longest pause between two attempts.
const RETRANSMISSION_MAX: SimDuration = SimDuration::from_millis(6_400);

/// What a message suffers from a lost packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// It is sent again until it arrives.
    Repeated,
    /// It is gone.
    Once,
}

/// Where a message goes.
#[derive(Debug)]
pub(crate) enum Passage {
    /// It arrives at this time.
    Arrives(SimTime),
    /// It never arrives.
    Lost,
    /// The link is cut: it waits here until the link is healed.
    Blocked,
}

/// A message at a cut link, and when it met the cut.
type Blocked = (SimTime, Box<Envelope>);

/// All links with their faults, and what waits at cut ones.
#[derive(Debug)]
pub(crate) struct Net {
    topology: Topology,
    overlays: Overlays,
    /// Random numbers of each sending host. Only links with jitter or loss draw.
    streams: IdMap<HostId, Stream>,
    /// Last arrival for each direction in which messages could overtake each other.
    last_arrival: BTreeMap<(HostId, HostId), SimTime>,
    blocked: BTreeMap<(HostId, HostId, Heading), VecDeque<Blocked>>,
}

impl Net {
    pub(crate) fn new(topology: Topology, streams: IdMap<HostId, Stream>) -> Self {
        Net {
            topology,
            overlays: Overlays::default(),
            streams,
            last_arrival: BTreeMap::new(),
            blocked: BTreeMap::new(),
        }
    }

    /// When a message that leaves now arrives.
    pub(crate) fn passage(
        &mut self,
        now: SimTime,
        from: HostId,
        to: HostId,
        heading: Heading,
        carriage: Carriage,
    ) -> Passage {
        if from == to {
            return Passage::Arrives(now);
        }
        let mut link = self.topology.link(from, to);
        if !self.overlays.is_empty() {
            link = self.overlays.between(&self.topology, from, to, heading).on(link);
        }
        if link.is_closed() {
            return if carriage == Carriage::Repeated { Passage::Blocked } else { Passage::Lost };
        }
        if link.is_constant() && self.last_arrival.is_empty() {
            return Passage::Arrives(now + link.latency);
        }
        self.uneven_passage(now, from, to, link, carriage)
    }

    /// A message passes a link on which delays differ from one message to the next.
    fn uneven_passage(
        &mut self,
        now: SimTime,
        from: HostId,
        to: HostId,
        link: Link,
        carriage: Carriage,
    ) -> Passage {
        let stream = self.streams.get_mut(from).expect("every host has a stream");
        let mut delay = link.latency;
        if !link.jitter.is_zero() {
            let early = link.latency.saturating_sub(link.jitter);
            delay = stream.span(early, link.latency + link.jitter + SimDuration::from_nanos(1));
        }
        let mut pause = RETRANSMISSION;
        while stream.chance(link.loss) {
            if carriage == Carriage::Once {
                return Passage::Lost;
            }
            delay = delay + pause;
            pause = pause.times(2).min(RETRANSMISSION_MAX);
        }
        if carriage == Carriage::Once {
            return Passage::Arrives(now + delay);
        }
        let last = self.last_arrival.get(&(from, to)).copied().unwrap_or(SimTime::ZERO);
        let arrival = (now + delay).max(last);
        if link.is_constant() && last <= now {
            self.last_arrival.remove(&(from, to));
        } else {
            self.last_arrival.insert((from, to), arrival);
        }
        Passage::Arrives(arrival)
    }

    /// True if nothing with this heading passes from one host to another now.
    pub(crate) fn is_cut(&self, from: HostId, to: HostId, heading: Heading) -> bool {
        if from == to {
            return false;
        }
        let link = self.topology.link(from, to);
        if self.overlays.is_empty() {
            return link.is_closed();
        }
        self.overlays.between(&self.topology, from, to, heading).on(link).is_closed()
    }

    /// How long a packet of a connection takes, if it gets through. What is lost and repeated is not counted.
    pub(crate) fn connection_delay(&self, from: HostId, to: HostId, heading: Heading) -> Option<SimDuration> {
        if from == to {
            return Some(SimDuration::ZERO);
        }
        let overlay = self.overlays.between(&self.topology, from, to, heading);
        let link = overlay.of_connections().on(self.topology.link(from, to));
        (!link.is_closed()).then_some(link.latency)
    }

    /// How packets between containers pass from one host to another, or the fault that closes the way there or back.
    pub(crate) fn data_link(&self, from: HostId, to: HostId) -> Result<Link, FactId> {
        if from == to {
            return Ok(Link { latency: SimDuration::ZERO, jitter: SimDuration::ZERO, loss: Ppm(0) });
        }
        let link = self.topology.link(from, to);
        if self.overlays.is_empty() {
            return Ok(link);
        }
        // Whichever side has opened the connection inside, the outer packets go to this port both ways.
        let heading = Heading::To(SwarmPort::Data);
        let there = self.overlays.between(&self.topology, from, to, heading);
        let back = self.overlays.between(&self.topology, to, from, heading);
        match there.closed(link).or(back.closed(link)) {
            Some(fault) => Err(fault),
            None => Ok(there.on(link)),
        }
    }

    /// The fault that makes packets between containers late.
    pub(crate) fn data_fault(&self, from: HostId, to: HostId) -> Option<FactId> {
        if self.overlays.is_empty() || from == to {
            return None;
        }
        self.overlays.between(&self.topology, from, to, Heading::To(SwarmPort::Data)).fact()
    }

    /// The fault that loses packets between containers.
    pub(crate) fn data_loss(&self, from: HostId, to: HostId) -> Option<FactId> {
        if from == to {
            return None;
        }
        self.overlays.between(&self.topology, from, to, Heading::To(SwarmPort::Data)).loses()
    }

    /// True if every packet of gossip gets through, always with the same delay.
    pub(crate) fn is_smooth(&self, from: HostId, to: HostId) -> bool {
        if from == to {
            return true;
        }
        let link = self.topology.link(from, to);
        if self.overlays.is_empty() {
            return link.is_constant();
        }
        let overlay = self.overlays.between(&self.topology, from, to, Heading::To(SwarmPort::Gossip));
        overlay.on(link).is_constant()
    }

    /// True if every packet gets through between all hosts, always with the same delay.
    pub(crate) fn are_smooth(&self) -> bool {
        self.overlays.is_empty() && self.topology.is_constant()
    }

    /// The fault that lets no packet with this heading get from one host to another.
    pub(crate) fn closed_by(&self, from: HostId, to: HostId, heading: Heading) -> Option<FactId> {
        if self.overlays.is_empty() || from == to {
            return None;
        }
        self.overlays.between(&self.topology, from, to, heading).closed(self.topology.link(from, to))
    }

    /// The fault that keeps packets with this heading from getting from one host to another, or makes them late.
    pub(crate) fn fault_between(&self, from: HostId, to: HostId, heading: Heading) -> Option<FactId> {
        if self.overlays.is_empty() || from == to {
            return None;
        }
        self.overlays.between(&self.topology, from, to, heading).fact()
    }

    /// The same, or the fault of this kind that was healed last after a fact.
    pub(crate) fn fault_since(
        &self,
        from: HostId,
        to: HostId,
        heading: Heading,
        since: FactId,
    ) -> Option<FactId> {
        let healed = || self.overlays.healed_since(&self.topology, from, to, heading, since).fact();
        self.fault_between(from, to, heading).or_else(healed)
    }

    /// Keeps a message of a connection until its link is healed. Whoever dials anew has closed the connection before.
    pub(crate) fn block(&mut self, sent: SimTime, envelope: Box<Envelope>) {
        let waiting = self.blocked.entry((envelope.from, envelope.to, envelope.heading)).or_default();
        if envelope.message.begins_connection().is_some() {
            waiting.clear();
        }
        waiting.push_back((sent, envelope));
    }

    /// Takes back what would have begun a connection, and is not needed any more. False if nothing waits for that.
    pub(crate) fn gives_up(&mut self, from: HostId, to: HostId, call: CallId) -> bool {
        let Some(waiting) = self.blocked.get_mut(&(from, to, Heading::To(SwarmPort::Management))) else {
            return false;
        };
        let dial = waiting.iter().position(|(_, other)| other.message.begins_connection() == Some(call));
        dial.is_some_and(|dial| waiting.remove(dial).is_some())
    }

    /// True if a message needs a connection that it does not get: nothing comes back from where it goes.
    pub(crate) fn lacks_way_back(&self, envelope: &Envelope) -> bool {
        !self.overlays.is_empty()
            && envelope.message.begins_connection().is_some()
            && self.is_cut(envelope.to, envelope.from, Heading::Back)
    }

    /// What a manager has said to the agent of a host, and could not get through, will not arrive any more.
    pub(crate) fn drop_answers(&mut self, manager: HostId, host: HostId) {
        if let Some(waiting) = self.blocked.get_mut(&(manager, host, Heading::Back)) {
            waiting.retain(|(_, envelope)| !envelope.message.is_for_agent());
        }
        self.last_arrival.remove(&(manager, host));
    }

    /// Applies a fault of links. False if it changes nothing.
    pub(crate) fn apply(&mut self, fault: &Fault, fact: FactId) -> bool {
        self.overlays.strike(fault, fact)
    }

    /// A fault of links, which was this fact, has lasted long enough. False if that changes nothing.
    pub(crate) fn end(&mut self, way: (Place, Place), one_way: bool, ended: FactId, fact: FactId) -> bool {
        self.overlays.heal(way, one_way, fact, |known| known == ended)
    }

    /// The messages whose links are open again, each with the time of the first attempt that gets through.
    pub(crate) fn unblocked(&mut self, now: SimTime) -> Vec<Blocked> {
        let ways: Vec<(HostId, HostId, Heading)> = self.blocked.keys().copied().collect();
        let mut free = Vec::new();
        for (from, to, heading) in ways {
            let dial = self.blocked[&(from, to, heading)].front();
            if self.is_cut(from, to, heading) || dial.is_some_and(|(_, dial)| self.lacks_way_back(dial)) {
                continue;
            }
            let latency = self.topology.link(from, to).latency;
            let mut last = now;
            for (sent, envelope) in self.blocked.remove(&(from, to, heading)).into_iter().flatten() {
                last = last.max(next_attempt(sent, now) + latency);
                free.push((last, envelope));
            }
            let arrival = self.last_arrival.entry((from, to)).or_default();
            *arrival = last.max(*arrival);
        }
        free
    }
}

/// The first retransmission of a packet at or after `now`.
fn next_attempt(sent: SimTime, now: SimTime) -> SimTime {
    let (mut attempt, mut pause) = (sent + RETRANSMISSION, RETRANSMISSION.times(2));
    while attempt < now {
        attempt += pause;
        pause = pause.times(2).min(RETRANSMISSION_MAX);
    }
    attempt
}

impl StateDigest for Net {
    fn digest(&self, digest: &mut Digest) {
        // The topology never changes in a run.
        let Self { topology: _, overlays, streams, last_arrival, blocked } = self;
        overlays.digest(digest);
        streams.digest(digest);
        for ((from, to), arrival) in last_arrival {
            from.digest(digest);
            to.digest(digest);
            digest.time(*arrival);
        }
        for ((from, to, heading), waiting) in blocked {
            from.digest(digest);
            to.digest(digest);
            digest.bool(*heading == Heading::Back);
            digest.u64(waiting.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests;
