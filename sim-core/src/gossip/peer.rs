//! One process that takes part in the gossip: what it knows, and how it reacts to time and to packets.
//!
//! Membership is memberlist's, records and networks are those of the engine's tables on top of it (spec networking
//! 8). All periodic work ticks at the start of the process and whole periods later; work that takes longer than its
//! period skips ticks, except that one which fell into it is made up for at once.
mod errands;
mod hearing;
mod probing;

use std::collections::BTreeMap;

pub(super) use self::errands::{Dialled, Errand};
pub(super) use self::probing::{Probe, Relay};
use super::broadcasts::Broadcasts;
use super::group::Group;
use super::limits::{
    AWARENESS_MAX, GOSSIP_INTERVAL, GOSSIP_PEERS, NODE_REAP_INTERVAL, PACKET_BYTES, REAP_INTERVAL,
    retransmissions,
};
use super::members::{Members, Status};
use super::message::{Body, Datagram, Purpose, Rumor, Told};
use super::nodes::{NodeStatus, Nodes};
use super::tables::Tables;
use super::{Change, Notice, Operation, Payload, PeerId};
use crate::kernel::random::Stream;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{HostId, NetworkId};

/// What joins rumors to a packet.
const RUMOR_OVERHEAD: u32 = 2;
/// Room that a probe or its answer takes in a packet.
const PROBE_BYTES: u32 = 60;

/// What a peer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The next tick of gossip.
    Gossip,
    /// The next probe.
    Probe,
    /// A probe is not answered yet: others are asked to try.
    ProbeTimeout(u32),
    /// A probe has taken as long as it may.
    ProbeDeadline(u32),
    /// Somebody who is probed for another peer does not answer.
    RelayTimeout(u32),
    /// A suspicion may have become certainty.
    Suspicion(PeerId),
    /// The next full exchange with somebody.
    PushPull,
    /// The next comparison of records.
    BulkSync,
    /// The next attempt to reach a failed node.
    Reconnect,
    /// The first nodes of the cluster are joined anew.
    Rejoin,
    /// Something takes too long.
    Errand(u32),
    /// Tombstones are looked at.
    Reap,
    /// Nodes that are gone are looked at.
    ReapNodes,
}

/// A connection that a peer wants to open.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) host: HostId,
    pub(super) purpose: Purpose,
    pub(super) dialled: Dialled,
}

/// The random numbers of a host's gossip, one stream a purpose.
#[derive(Clone, Debug)]
pub(super) struct Lots {
    pub(super) members: Stream,
    pub(super) probes: Stream,
    pub(super) tables: Stream,
    pub(super) partners: Stream,
}

/// Those who hear a tick.
pub(super) type Recipients = [Option<HostId>; GOSSIP_PEERS];

/// The same records for several hosts.
#[derive(Clone, Debug)]
pub(super) struct Mailing<V> {
    pub(super) network: NetworkId,
    pub(super) records: Vec<Told<V>>,
    pub(super) to: Recipients,
}

/// What a step of a peer does to the world.
#[derive(Debug)]
pub(super) struct Out<V> {
    pub(super) timers: Vec<(SimTime, Timer)>,
    /// The next tick of gossip.
    pub(super) tick: Option<SimTime>,
    pub(super) datagrams: Vec<(HostId, Datagram<V>)>,
    pub(super) mailings: Vec<Mailing<V>>,
    pub(super) dials: Vec<Dial>,
    pub(super) changes: Vec<Change<V>>,
    pub(super) notices: Vec<Notice>,
}

/// What all processes know that have run for a while.
#[derive(Debug)]
pub(super) struct Settled {
    members: Members,
    nodes: Nodes,
    groups: Vec<Group>,
}

/// One process.
#[derive(Clone, Debug)]
pub(super) struct Peer<V> {
    pub(super) id: PeerId,
    pub(super) host: HostId,
    /// Ticks come at this time and whole periods later.
    phase: SimTime,
    incarnation: u32,
    pub(super) members: Members,
    nodes: Nodes,
    pub(super) tables: Tables<V>,
    /// How badly this peer seems to be connected itself: its probes take that many times longer, plus one.
    awareness: u8,
    probe: Option<Probe>,
    relays: BTreeMap<u32, Relay>,
    numbers: u32,
    rumors: Broadcasts<PeerId, Rumor>,
    network_rumors: Broadcasts<(PeerId, NetworkId), Rumor>,
    node_rumors: Broadcasts<(PeerId, u64), Rumor>,
    errands: BTreeMap<u32, Errand>,
    /// Where it joined the cluster.
    bootstrap: Vec<HostId>,
    /// What it was told to do before it had joined the cluster.
    waiting: Vec<Operation<V>>,
    pub(super) gossip_armed: bool,
    /// The first tick that is put off: its packets would tell nobody anything.
    pub(super) deferred: Option<SimTime>,
    reap_armed: Option<SimTime>,
    leaving: bool,
}

impl<V> Default for Out<V> {
    fn default() -> Self {
        Out::new()
    }
}

impl<V> Out<V> {
    pub(super) fn new() -> Self {
        Out {
            timers: Vec::new(),
            tick: None,
            datagrams: Vec::new(),
            mailings: Vec::new(),
            dials: Vec::new(),
            changes: Vec::new(),
            notices: Vec::new(),
        }
    }
}

impl Settled {
    pub(super) fn new(peers: &[(PeerId, HostId)], groups: Vec<Group>) -> Self {
        Settled { members: Members::settled(peers), nodes: Nodes::settled(peers), groups }
    }
}

impl<V: Payload> Peer<V> {
    pub(super) fn new(id: PeerId, host: HostId, phase: SimTime, bootstrap: Vec<HostId>) -> Self {
        Peer {
            id,
            host,
            phase,
            incarnation: 1,
            members: Members::new(id),
            nodes: Nodes::default(),
            tables: Tables::new(id),
            awareness: 0,
            probe: None,
            relays: BTreeMap::new(),
            numbers: 0,
            rumors: Broadcasts::new(),
            network_rumors: Broadcasts::new(),
            node_rumors: Broadcasts::new(),
            errands: BTreeMap::new(),
            bootstrap,
            waiting: Vec::new(),
            gossip_armed: false,
            deferred: None,
            reap_armed: None,
            leaving: false,
        }
    }

    /// It knows all of these since before the run began.
    pub(super) fn settle(&mut self, known: &Settled, lots: &mut Lots) {
        self.members = known.members.known_to(self.id, &mut lots.probes);
        self.nodes = known.nodes.clone();
        known.groups.iter().for_each(|group| self.tables.settle(group));
    }

    /// The first tick of a period after a time.
    pub(super) fn tick_after(&self, time: SimTime, period: SimDuration) -> SimTime {
        let period = period.as_nanos();
        let phase = self.phase.as_nanos() % period;
        let passed = (time.as_nanos() + period - phase) % period;
        time + SimDuration::from_nanos(period - passed)
    }

    /// The time of the next turn of periodic work that began at a tick and is over now.
    fn turn_after(&self, began: SimTime, now: SimTime, period: SimDuration) -> SimTime {
        self.tick_after(began, period).max(now)
    }

    /// A timer fired. Probes and connections are begun by whoever owns the peers, see [`Peer::turn_to_probe`].
    pub(super) fn fire(&mut self, now: SimTime, timer: Timer, lots: &mut Lots, out: &mut Out<V>) {
        match timer {
            Timer::Gossip => self.gossip(now, lots, out),
            Timer::Probe => unreachable!("whoever owns the peers begins probes"),
            Timer::ProbeTimeout(number) => self.ask_others(now, number, lots, out),
            Timer::ProbeDeadline(number) => self.probe_deadline(now, number, lots, out),
            Timer::RelayTimeout(number) => self.relay_timeout(now, number, lots, out),
            Timer::Suspicion(peer) => {
                if let Some(verdict) = self.members.verdict(now, peer) {
                    self.hear_rumor(now, verdict, lots, out);
                }
            }
            Timer::PushPull => self.begin_push_pull(now, lots, out),
            Timer::BulkSync => self.begin_bulk_sync(now, lots, out),
            Timer::Reconnect => self.begin_reconnect(now, lots, out),
            Timer::Rejoin => self.begin_rejoin(now, out),
            Timer::Errand(errand) => self.errand_timeout(now, errand, lots, out),
            Timer::Reap => self.reap(now),
            Timer::ReapNodes => self.reap_nodes(now, out),
        }
        self.arm(now, out);
    }

    /// One tick: rumors to some members, records to some of each network's group.
    fn gossip(&mut self, now: SimTime, lots: &mut Lots, out: &mut Out<V>) {
        self.gossip_armed = false;
        if self.has_rumors() {
            for peer in self.members.draw_listeners(now, GOSSIP_PEERS, &mut lots.members) {
                let rumors = self.take_rumors(now, PACKET_BYTES, out);
                if rumors.is_empty() {
                    break;
                }
                // What waited for the last sending of its event goes on while the packet leaves: a farewell is already
                // in the next one.
                self.go_on_announced(now, lots, out);
                let host = self.members.get(peer).expect("members were drawn").host;
                self.send(host, Body::Gossip, rumors, out);
            }
        }
        self.tables.take_packets(&mut out.mailings);
        for mailing in &mut out.mailings {
            let drawn = self.draw_recipients(mailing.network, lots);
            for (recipient, peer) in mailing.to.iter_mut().zip(drawn.into_iter().flatten()) {
                let Some(node) = self.nodes.active(peer) else { break };
                *recipient = Some(node.host);
            }
        }
    }

    /// Draws those who hear a tick in a network.
    pub(super) fn draw_recipients(
        &self,
        network: NetworkId,
        lots: &mut Lots,
    ) -> [Option<PeerId>; GOSSIP_PEERS] {
        self.draw_from_group(network, GOSSIP_PEERS, &mut lots.tables)
    }

    /// Some of the others that take part in a network.
    fn draw_from_group(
        &self,
        network: NetworkId,
        count: usize,
        lots: &mut Stream,
    ) -> [Option<PeerId>; GOSSIP_PEERS] {
        let group = self.tables.group(network);
        // It does not stand in the group of its own network once it took the process before it for its successor.
        let others = group.len() - usize::from(self.tables.takes_part(self.id, network));
        let mut drawn = [None; GOSSIP_PEERS];
        let mut found = 0;
        while found < count.min(others) {
            let peer = group[lots.below(group.len() as u64) as usize];
            if peer != self.id && !drawn.contains(&Some(peer)) {
                drawn[found] = Some(peer);
                found += 1;
            }
        }
        drawn
    }

    /// Rumors that ride along with a packet.
    fn take_rumors(&mut self, now: SimTime, mut room: u32, out: &mut Out<V>) -> Vec<Rumor> {
        let mut taken = Vec::new();
        if !self.has_rumors() {
            return taken;
        }
        let members = retransmissions(self.members.len());
        let nodes = retransmissions(self.nodes.active_count());
        self.rumors.take(&mut room, RUMOR_OVERHEAD, members, &mut taken);
        self.network_rumors.take(&mut room, RUMOR_OVERHEAD, nodes, &mut taken);
        self.node_rumors.take(&mut room, RUMOR_OVERHEAD, nodes, &mut taken);
        self.look_for_announced(now, out);
        taken
    }

    /// True if news about members is to be sent.
    pub(super) fn has_rumors(&self) -> bool {
        !(self.rumors.is_empty() && self.network_rumors.is_empty() && self.node_rumors.is_empty())
    }

    fn send(&self, to: HostId, body: Body<V>, rumors: Vec<Rumor>, out: &mut Out<V>) {
        out.datagrams.push((to, Datagram { from_host: self.host, body, rumors }));
    }

    /// Sends a probe or an answer to one, with rumors as far as there is room.
    fn send_with_rumors(&mut self, now: SimTime, to: HostId, body: Body<V>, out: &mut Out<V>) {
        let rumors = self.take_rumors(now, PACKET_BYTES - PROBE_BYTES, out);
        self.send(to, body, rumors, out);
    }

    /// True if it has no doubt about a member.
    pub(super) fn holds_for_alive(&self, peer: PeerId) -> bool {
        self.members.get(peer).is_some_and(|member| member.status == Status::Alive)
    }

    /// True if a full exchange with another peer tells neither of them anything. Under suspicion even what is known
    /// counts: it confirms.
    pub(super) fn sees_the_same(&self, other: &Self) -> bool {
        let known = |peer: &Self| (peer.members.sum(), peer.tables.parts_sum(), peer.members.has_suspects());
        !self.members.has_suspects() && known(self) == known(other)
    }

    /// True if it holds itself for gone.
    pub(super) fn has_given_itself_up(&self) -> bool {
        self.nodes.contains(self.id) && self.nodes.active(self.id).is_none()
    }

    /// Sets the timers of what is to be done now.
    pub(super) fn arm(&mut self, now: SimTime, out: &mut Out<V>) {
        if !self.gossip_armed && (self.has_rumors() || self.tables.has_queued()) {
            self.gossip_armed = true;
            out.tick = Some(self.tick_after(now, GOSSIP_INTERVAL));
        }
        if let Some(expiry) = self.tables.first_expiry()
            && self.reap_armed.is_none_or(|armed| armed > expiry)
        {
            self.reap_armed = Some(expiry);
            let margin = REAP_INTERVAL + SimDuration::from_secs(1);
            out.timers.push((self.tick_after((expiry - margin).max(now), REAP_INTERVAL), Timer::Reap));
        }
    }

    fn reap(&mut self, now: SimTime) {
        self.reap_armed = None;
        self.tables.reap(now);
    }

    fn reap_nodes(&mut self, now: SimTime, out: &mut Out<V>) {
        self.nodes.reap(now);
        self.arm_node_reaper(now, out);
    }

    fn arm_node_reaper(&self, now: SimTime, out: &mut Out<V>) {
        if self.nodes.lacks_some() {
            out.timers.push((self.tick_after(now, NODE_REAP_INTERVAL), Timer::ReapNodes));
        }
    }

    fn worse(&mut self, points: u8) {
        self.awareness = (self.awareness + points).min(AWARENESS_MAX - 1);
    }
}

impl StateDigest for Lots {
    fn digest(&self, digest: &mut Digest) {
        let Self { members, probes, tables, partners } = self;
        for stream in [members, probes, tables, partners] {
            stream.digest(digest);
        }
    }
}

impl<V: Payload> StateDigest for Peer<V> {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            id,
            host,
            phase,
            incarnation,
            members,
            nodes,
            tables,
            awareness,
            probe,
            relays,
            numbers,
            rumors,
            network_rumors,
            node_rumors,
            errands,
            bootstrap,
            waiting,
            gossip_armed,
            deferred,
            reap_armed,
            leaving,
        } = self;
        id.digest(digest);
        host.digest(digest);
        digest.time(*phase);
        digest.u32(*incarnation);
        members.digest(digest);
        nodes.digest(digest);
        tables.digest(digest);
        digest.u8(*awareness);
        digest.debug(&(probe, relays, errands));
        digest.u32(*numbers);
        rumors.digest(digest);
        network_rumors.digest(digest);
        node_rumors.digest(digest);
        bootstrap.digest(digest);
        digest.u64(waiting.len() as u64);
        digest.bool(*gossip_armed);
        deferred.digest(digest);
        reap_armed.digest(digest);
        digest.bool(*leaving);
    }
}
