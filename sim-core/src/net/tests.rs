//! Links with delays, losses and faults.
use std::sync::Arc;

use super::*;
use crate::kernel::Ppm;
use crate::model::NodeId;
use crate::protocol::{Component, Message, Request};

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
    assert!(net.is_cut(A, B, MANAGEMENT) && net.is_cut(A, B, Heading::Back) && !net.is_cut(B, A, MANAGEMENT));
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
        net.connection_delay(A, B, GOSSIP).is_some() && !net.is_smooth(A, B) && net.data_link(A, B).is_ok()
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
    let session = session();
    let call = session.message.begins_connection().expect("it dials");
    net.block(SimTime::ZERO, session);
    assert!(net.gives_up(A, B, call));
    assert!(!net.gives_up(A, B, call));
    net.apply(&Fault::Heal { from, to, one_way: false }, FactId(8));
    assert!(net.unblocked(SimTime::from_secs(1)).is_empty());
}

#[test]
fn a_connection_waits_for_its_way_back() {
    let mut net = net(constant(1));
    let (from, to) = (Place::Host(B), Place::Host(A));
    net.apply(&Fault::Cut { from, to, one_way: true }, FactId(7));
    let session = session();
    assert!(!net.is_cut(A, B, MANAGEMENT) && net.lacks_way_back(&session));
    net.block(SimTime::ZERO, session);
    assert!(net.unblocked(SimTime::from_secs(1)).is_empty());
    net.apply(&Fault::Heal { from, to, one_way: true }, FactId(8));
    assert_eq!(net.unblocked(SimTime::from_secs(2)).len(), 1);
}

/// The agent of A asks B for a session.
fn session() -> Box<Envelope> {
    let call = CallId { caller: Component::Agent, number: 1 };
    let request = Request::Session { node: NodeId(0), session: None, description: Arc::default() };
    let message = Message::Request { call, request };
    Box::new(Envelope { from: A, to: B, to_life: 0, cause: FactId(0), heading: MANAGEMENT, message })
}

#[test]
fn connections_keep_their_order_when_delays_differ() {
    let mut net = net(Link { jitter: SimDuration::from_millis(2), loss: Ppm(200_000), ..constant(3) });
    let arrivals: Vec<SimTime> =
        (0..200).map(|i| arrival(&mut net, SimTime::from_millis(i)).unwrap()).collect();
    assert!(arrivals.is_sorted());
    assert!(
        arrivals.iter().enumerate().any(|(i, at)| at.since(SimTime::from_millis(i as u64)) > RETRANSMISSION)
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
