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
use crate::protocol::{Envelope, Message};

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

    /// Keeps a message of a connection until its link is healed. A session that is given up before its connection was
    /// there has never been asked for.
    pub(crate) fn block(&mut self, sent: SimTime, envelope: Box<Envelope>) {
        let waiting = self.blocked.entry((envelope.from, envelope.to, envelope.heading)).or_default();
        if envelope.message.begins_connection().is_some() {
            waiting.clear();
        } else if let Message::HangUp { call } = envelope.message {
            let asks = |other: &Envelope| other.message.begins_connection() == Some(call);
            if let Some(dialled) = waiting.iter().position(|(_, other)| asks(other)) {
                waiting.remove(dialled);
                return;
            }
        }
        waiting.push_back((sent, envelope));
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
            if self.is_cut(from, to, heading) {
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
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kernel::Ppm;
    use crate::model::{NodeId, Place};
    use crate::protocol::{CallId, Component, Request};

    const A: HostId = HostId(0);
    const B: HostId = HostId(1);
    const MANAGEMENT: Heading = Heading::To(SwarmPort::Management);
    const GOSSIP: Heading = Heading::To(SwarmPort::Gossip);

    fn net(link: Link) -> Net {
        let mut topology = Topology::new(link);
        let (west, east) = (topology.add_zone(), topology.add_zone());
        topology.add_host(west);
        topology.add_host(east);
        topology.connect(west, east, link);
        let mut streams = IdMap::new();
        streams.insert(A, Stream::named(1, "net/a"));
        streams.insert(B, Stream::named(1, "net/b"));
        Net::new(topology, streams)
    }

    fn arrival(net: &mut Net, now: SimTime) -> Option<SimTime> {
        match net.passage(now, A, B, MANAGEMENT, Carriage::Repeated) {
            Passage::Arrives(at) => Some(at),
            Passage::Lost | Passage::Blocked => None,
        }
    }

    fn constant(milliseconds: u64) -> Link {
        Link { latency: SimDuration::from_millis(milliseconds), jitter: SimDuration::ZERO, loss: Ppm(0) }
    }

    #[test]
    fn a_healthy_link_takes_its_latency_and_draws_nothing() {
        let mut net = net(constant(3));
        assert_eq!(arrival(&mut net, SimTime::from_secs(1)), Some(SimTime::from_millis(1_003)));
        let mut before = Digest::new();
        Stream::named(1, "net/a").digest(&mut before);
        let mut after = Digest::new();
        net.streams.get(A).unwrap().digest(&mut after);
        assert_eq!(before, after);
    }

    #[test]
    fn a_cut_blocks_one_or_both_ways_until_it_heals() {
        let mut net = net(constant(1));
        let (from, to) = (Place::Host(A), Place::Host(B));
        net.apply(&Fault::Cut { from, to, one_way: true }, FactId(7));
        assert!(
            net.is_cut(A, B, MANAGEMENT) && net.is_cut(A, B, Heading::Back) && !net.is_cut(B, A, MANAGEMENT)
        );
        assert_eq!(net.fault_between(A, B, MANAGEMENT), Some(FactId(7)));
        net.apply(&Fault::Heal { from, to, one_way: false }, FactId(8));
        assert!(!net.is_cut(A, B, MANAGEMENT));
    }

    #[test]
    fn a_fault_that_ends_leaves_the_others_on_its_link() {
        let mut net = net(constant(1));
        let (from, to) = (Place::Host(A), Place::Host(B));
        let slow = |by| Fault::Slow { from, to, one_way: false, by: SimDuration::from_millis(by) };
        let delay = |net: &mut Net| net.connection_delay(A, B, GOSSIP).map(SimDuration::as_millis);
        assert!(net.apply(&slow(30), FactId(3)));
        assert!(net.apply(&Fault::Cut { from, to, one_way: true }, FactId(4)));
        assert!(net.end((from, to), true, FactId(4), FactId(5)));
        assert_eq!(delay(&mut net), Some(31));
        // Of two of one kind the later one counts as long as it lasts; one that changes nothing lasts all the same.
        assert!(net.apply(&slow(60), FactId(6)));
        assert!(!net.apply(&slow(60), FactId(7)));
        assert_eq!(net.fault_between(A, B, MANAGEMENT), Some(FactId(6)));
        assert!(!net.end((from, to), false, FactId(6), FactId(8)));
        assert_eq!(delay(&mut net), Some(61));
        assert!(net.end((from, to), false, FactId(7), FactId(9)));
        assert_eq!(delay(&mut net), Some(31));
        assert!(net.apply(&Fault::Heal { from, to, one_way: false }, FactId(10)));
        assert!(!net.end((from, to), false, FactId(3), FactId(11)));
        assert_eq!(delay(&mut net), Some(1));
        assert!(net.are_smooth());
    }

    #[test]
    fn a_closed_port_stops_its_own_packets_only() {
        let mut net = net(constant(1));
        let (from, to) = (Place::Host(A), Place::Host(B));
        let block = |port| Fault::Block { from, to, one_way: false, port };
        net.apply(&block(SwarmPort::Data), FactId(3));
        assert_eq!(net.data_link(A, B), Err(FactId(3)));
        assert!(!net.is_cut(A, B, MANAGEMENT) && net.connection_delay(A, B, GOSSIP).is_some());
        net.apply(&block(SwarmPort::Management), FactId(4));
        assert!(net.is_cut(A, B, MANAGEMENT) && net.connection_delay(A, B, GOSSIP).is_some());
        net.apply(&block(SwarmPort::Gossip), FactId(5));
        assert_eq!(net.connection_delay(A, B, GOSSIP), None);
        net.apply(&Fault::Heal { from, to, one_way: false }, FactId(6));
        assert!(!net.is_cut(A, B, MANAGEMENT) && net.connection_delay(A, B, GOSSIP).is_some());
        assert!(net.data_link(A, B).is_ok());
    }

    #[test]
    fn answers_pass_a_port_that_is_closed_one_way() {
        let mut net = net(constant(1));
        let (from, to) = (Place::Host(A), Place::Host(B));
        for port in SwarmPort::ALL {
            net.apply(&Fault::Block { from, to, one_way: true, port }, FactId(3));
        }
        assert!(net.is_cut(A, B, MANAGEMENT) && !net.is_cut(A, B, Heading::Back));
        assert!(!net.is_cut(B, A, MANAGEMENT) && !net.is_cut(B, A, Heading::Back));
        assert_eq!(net.connection_delay(A, B, GOSSIP), None);
        assert!(net.connection_delay(A, B, Heading::Back).is_some());
        assert_eq!(net.fault_between(A, B, Heading::Back), None);
        // Packets between containers are datagrams to the same port both ways.
        assert_eq!([net.data_link(A, B), net.data_link(B, A)], [Err(FactId(3)); 2]);
    }

    #[test]
    fn datagrams_of_gossip_are_lost_while_its_connections_and_everything_else_pass() {
        let mut net = net(constant(1));
        let (from, to) = (Place::Host(A), Place::Host(B));
        net.apply(&Fault::GossipLoss { from, to, one_way: true, rate: Ppm(1_000_000) }, FactId(3));
        let mut passes = |from, to, heading| {
            let passage = net.passage(SimTime::ZERO, from, to, heading, Carriage::Once);
            matches!(passage, Passage::Arrives(_))
        };
        assert!(!passes(A, B, GOSSIP) && passes(B, A, GOSSIP));
        assert!(passes(A, B, MANAGEMENT));
        assert!(
            net.connection_delay(A, B, GOSSIP).is_some()
                && !net.is_smooth(A, B)
                && net.data_link(A, B).is_ok()
        );
    }

    #[test]
    fn a_link_that_loses_everything_is_as_good_as_cut() {
        let mut net = net(constant(1));
        let (from, to) = (Place::Host(A), Place::Host(B));
        net.apply(&Fault::Loss { from, to, one_way: true, rate: Ppm(1_000_000) }, FactId(3));
        assert!(net.is_cut(A, B, MANAGEMENT) && !net.is_cut(B, A, MANAGEMENT));
        assert_eq!(net.closed_by(A, B, MANAGEMENT), Some(FactId(3)));
        assert_eq!(net.connection_delay(A, B, GOSSIP), None);
        let passage = net.passage(SimTime::ZERO, A, B, MANAGEMENT, Carriage::Repeated);
        assert!(matches!(passage, Passage::Blocked), "{passage:?}");
    }

    #[test]
    fn a_session_that_is_given_up_at_a_cut_is_never_asked_for() {
        let mut net = net(constant(1));
        let (from, to) = (Place::Host(A), Place::Host(B));
        net.apply(&Fault::Cut { from, to, one_way: false }, FactId(7));
        let call = CallId { caller: Component::Agent, number: 1 };
        let request = Request::Session { node: NodeId(0), session: None, description: Arc::default() };
        let heading = Heading::To(SwarmPort::Management);
        for message in [Message::Request { call, request }, Message::HangUp { call }] {
            let envelope = Envelope { from: A, to: B, to_life: 0, cause: FactId(0), heading, message };
            net.block(SimTime::ZERO, Box::new(envelope));
        }
        net.apply(&Fault::Heal { from, to, one_way: false }, FactId(8));
        assert!(net.unblocked(SimTime::from_secs(1)).is_empty());
    }

    #[test]
    fn connections_keep_their_order_when_delays_differ() {
        let mut net = net(Link { jitter: SimDuration::from_millis(2), loss: Ppm(200_000), ..constant(3) });
        let arrivals: Vec<SimTime> =
            (0..200).map(|i| arrival(&mut net, SimTime::from_millis(i)).unwrap()).collect();
        assert!(arrivals.is_sorted());
        assert!(
            arrivals
                .iter()
                .enumerate()
                .any(|(i, at)| at.since(SimTime::from_millis(i as u64)) > RETRANSMISSION)
        );
    }

    #[test]
    fn a_packet_is_sent_again_after_pauses_that_double() {
        let sent = SimTime::from_secs(10);
        let attempts: Vec<u64> = [0, 201, 601, 1_401, 12_601, 19_001]
            .map(|late| next_attempt(sent, sent + SimDuration::from_millis(late)).since(sent).as_millis())
            .into();
        assert_eq!(attempts, [200, 600, 1_400, 3_000, 19_000, 25_400]);
    }
}
