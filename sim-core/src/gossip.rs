//! The gossip of a swarm's nodes: who is there, and which endpoints of containers each network has (spec networking
//! 8). Behaves like the engine's tables on top of memberlist.
//!
//! Each [`Peer`] is one process and knows only what it has heard. [`Gossip`] owns them all, with the clock that they
//! share and the packets between them; what links do to packets is the business of whoever implements [`Links`].
//!
//! **What is left out because it changes nothing.** A probe over healthy links between two processes without rumors
//! is answered without packets; versions of records are not sent over a healthy link to somebody who has them, and
//! ticks that send nothing else are made up for later; two peers that know the same do not list it to each other.
//! The random draws that lead there are made all the same, so what happens later does not depend on it.
//! [`Gossip::leave_nothing_out`] turns it off, for tests.
//!
//! **What is shared.** Peers that have run for a while know nearly the same. Their tables share it page by page
//! until one of them learns something else.
//!
//! Deliberately absent: encryption, the encoding of packets (only their sizes count), versions of the protocol.
mod broadcasts;
mod connections;
mod deferral;
mod group;
mod heard;
mod limits;
mod members;
mod message;
mod nodes;
mod peer;
mod shortcuts;
mod tables;
mod turns;

#[cfg(test)]
mod tests;

pub use message::RecordKey;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use self::group::Group;
use self::heard::Heard;
use self::limits::PUSH_PULL_INTERVAL;
use self::peer::{Lots, Out, Peer, Settled};
use self::turns::Event;
use crate::kernel::queue::EventQueue;
use crate::kernel::random::Streams;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{HostId, IdMap, NetworkId, ObjectId};

/// What a record says; gossip knows nothing of it but how long it is.
pub trait Payload: Clone + fmt::Debug {
    /// The encoded length in bytes.
    fn size_bytes(&self) -> u32;
}

/// One process that takes part: an engine that starts again is another peer at the same address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerId(pub u32);

impl ObjectId for PeerId {
    fn from_index(index: usize) -> Self {
        PeerId(u32::try_from(index).expect("fewer than four billion processes"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// What links do to packets.
pub trait Links {
    /// The delay of each copy of a datagram that leaves now; none: it is lost.
    fn datagram(&mut self, now: SimTime, from: HostId, to: HostId) -> [Option<SimDuration>; 2];

    /// The delay of a packet that leaves now, of a connection that its sender has opened. None: nothing gets through.
    fn connection(&mut self, now: SimTime, from: HostId, to: HostId) -> Option<SimDuration>;

    /// The same for a packet that goes back to whoever has opened the connection: it passes a closed port.
    fn answer(&mut self, now: SimTime, from: HostId, to: HostId) -> Option<SimDuration> {
        self.connection(now, from, to)
    }

    /// True if every packet gets through, always with the same delay.
    fn is_smooth(&self, from: HostId, to: HostId) -> bool;

    /// True if that is so between all hosts.
    fn are_smooth(&self) -> bool;
}

/// What a node does to its networks and records.
#[derive(Clone, Debug)]
pub enum Operation<V> {
    /// It takes part in a network.
    Join(NetworkId),
    /// It does so no longer.
    Leave(NetworkId),
    /// An own record is new or says something else.
    Publish {
        /// Of which network.
        network: NetworkId,
        /// Its name.
        key: RecordKey,
        /// What it says.
        value: V,
    },
    /// An own record is gone.
    Withdraw {
        /// Of which network.
        network: NetworkId,
        /// Its name.
        key: RecordKey,
    },
    /// The node tells all that it leaves, and ends.
    LeaveCluster,
}

/// What became of another node's record, as one node learns it. One of the two values is there.
#[derive(Clone, Debug)]
pub struct Change<V> {
    /// Of which network.
    pub network: NetworkId,
    /// Its name.
    pub key: RecordKey,
    /// What it said; none: it was not known.
    pub previous: Option<V>,
    /// What it says now; none: it is gone.
    pub current: Option<V>,
}

/// Something that peers find out besides records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A member is there: new, or back.
    Joined {
        /// Who noticed.
        seen_by: PeerId,
        /// The member.
        peer: PeerId,
        /// Its host.
        host: HostId,
    },
    /// A member is gone.
    Gone {
        /// Who noticed.
        seen_by: PeerId,
        /// The member.
        peer: PeerId,
        /// Its host.
        host: HostId,
        /// It said that it leaves.
        left: bool,
    },
    /// A probe was not answered by anybody.
    ProbeFailed {
        /// Whose probe.
        by: PeerId,
        /// Of whom.
        target: PeerId,
    },
    /// A new peer has joined the cluster, or has tried it everywhere.
    JoinedCluster {
        /// Which.
        peer: PeerId,
    },
    /// A peer has compared its records with all others of a network that it joined.
    JoinedNetwork {
        /// Which.
        peer: PeerId,
        /// The network.
        network: NetworkId,
    },
    /// A peer has left the cluster: its process is over.
    LeftCluster {
        /// Which.
        peer: PeerId,
    },
}

/// The gossip of all nodes.
#[derive(Debug)]
pub struct Gossip<V> {
    streams: Streams,
    now: SimTime,
    peers: IdMap<PeerId, Peer<V>>,
    peer_count: u32,
    sites: IdMap<HostId, Site<V>>,
    heard: Heard,
    /// Those who put off their ticks.
    deferring: BTreeSet<PeerId>,
    queue: EventQueue<Event<V>>,
    changes: Vec<(SimTime, HostId, Change<V>)>,
    notices: Vec<(SimTime, Notice)>,
    leaves_out: bool,
    packets: u64,
    /// Kept for the next step, empty.
    spare: Out<V>,
}

/// A host as the network sees it.
#[derive(Debug)]
struct Site<V> {
    powered: bool,
    process: Option<PeerId>,
    /// What has come for a process that is stopped, if it is.
    frozen: Option<Vec<Event<V>>>,
    lots: Lots,
}

impl<V: Payload> Gossip<V> {
    /// Nobody takes part yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Gossip {
            streams: Streams::new(seed),
            now: SimTime::ZERO,
            peers: IdMap::new(),
            peer_count: 0,
            sites: IdMap::new(),
            heard: Heard::default(),
            deferring: BTreeSet::new(),
            queue: EventQueue::new(),
            changes: Vec::new(),
            notices: Vec::new(),
            leaves_out: true,
            packets: 0,
            spare: Out::new(),
        }
    }

    /// From here on also what changes nothing is sent.
    pub fn leave_nothing_out(&mut self) {
        self.leaves_out = false;
    }

    /// There is a host, without a process. Its name names its random streams.
    pub fn add_host(&mut self, host: HostId, name: &str) {
        let mut stream = |purpose: &str| self.streams.stream(&format!("gossip-{purpose}/{name}"));
        let lots = Lots {
            members: stream("members"),
            probes: stream("probes"),
            tables: stream("tables"),
            partners: stream("partners"),
        };
        self.sites.insert(host, Site { powered: true, process: None, frozen: None, lots });
    }

    /// Processes have run on these hosts for a while, all know each other and take part in their networks, which have
    /// no records yet.
    pub fn settle(
        &mut self,
        now: SimTime,
        hosts: &BTreeMap<HostId, BTreeSet<NetworkId>>,
        bootstrap: &[HostId],
    ) {
        self.now = now;
        let peers: Vec<(PeerId, HostId)> = hosts.keys().map(|host| (self.mint(), *host)).collect();
        let networks: BTreeSet<NetworkId> = hosts.values().flatten().copied().collect();
        let takes_part = |network: NetworkId| -> Vec<PeerId> {
            peers.iter().filter(|(_, host)| hosts[host].contains(&network)).map(|(peer, _)| *peer).collect()
        };
        let groups = networks.into_iter().map(|network| Group::settled(network, &takes_part(network)));
        let known = Settled::new(&peers, groups.collect());
        for (id, host) in &peers {
            let site = self.sites.get_mut(*host).expect("the host was added");
            let phase =
                SimTime::ZERO + site.lots.partners.span(SimDuration::ZERO, PUSH_PULL_INTERVAL.times(2));
            let others = bootstrap.iter().copied().filter(|other| other != host).collect();
            let mut peer = Peer::new(*id, *host, phase, others);
            peer.settle(&known, &mut site.lots);
            let mut out = Out::new();
            peer.arm_periodic(now, true, &mut site.lots, &mut out);
            site.process = Some(*id);
            self.peers.insert(*id, peer);
            self.note_touched(*id);
            for (at, timer) in out.timers {
                self.queue.push(at, Event::Timer { peer: *id, timer });
            }
        }
    }

    /// A process starts on a host and joins the cluster at these hosts.
    pub fn start(&mut self, now: SimTime, host: HostId, bootstrap: &[HostId], links: &mut impl Links) {
        self.now = now;
        let id = self.mint();
        let site = self.sites.get_mut(host).expect("the host was added");
        site.powered = true;
        site.frozen = None;
        if let Some(earlier) = site.process.replace(id) {
            self.end(earlier);
        }
        self.peers.insert(id, Peer::new(id, host, now, bootstrap.to_vec()));
        self.step(id, links, |peer, lots, out| peer.start(now, lots, out));
    }

    /// The process of a host ends without a word. Without power the machine does not even refuse connections.
    pub fn stop(&mut self, now: SimTime, host: HostId, powered: bool) {
        self.now = now;
        let site = self.sites.get_mut(host).expect("the host was added");
        site.powered = powered;
        site.frozen = None;
        if let Some(peer) = site.process.take() {
            self.end(peer);
        }
    }

    /// A process is over.
    fn end(&mut self, id: PeerId) {
        self.peers.get_mut(id).expect("it runs").tables.leave_all();
        self.note_touched(id);
        self.deferring.remove(&id);
        self.peers.remove(id);
    }

    /// A machine without a process of gossip refuses connections, or is silent.
    pub fn set_power(&mut self, host: HostId, powered: bool) {
        self.sites.get_mut(host).expect("the host was added").powered = powered;
    }

    /// The process of a host stands still: it reacts to nothing until it is thawed.
    pub fn freeze(&mut self, now: SimTime, host: HostId) {
        self.now = now;
        let site = self.sites.get_mut(host).expect("the host was added");
        let Some(process) = site.process.filter(|_| site.frozen.is_none()) else { return };
        site.frozen = Some(Vec::new());
        self.stop_deferring_of(process);
    }

    /// The process goes on, and finds what has come meanwhile.
    pub fn thaw(&mut self, now: SimTime, host: HostId) {
        let site = self.sites.get_mut(host).expect("the host was added");
        for event in site.frozen.take().into_iter().flatten() {
            self.queue.push(now, event);
        }
    }

    /// A node does something to its networks or records.
    pub fn operate(&mut self, now: SimTime, host: HostId, operation: Operation<V>, links: &mut impl Links) {
        self.now = now;
        if let Some(peer) = self.sites.get(host).and_then(|site| site.process) {
            self.step(peer, links, |peer, _, out| peer.operate(now, operation, out));
        }
    }

    /// When something happens next.
    pub fn next_time(&mut self) -> Option<SimTime> {
        self.queue.peek_time()
    }

    /// Does everything up to and including a time.
    pub fn run_until(&mut self, end: SimTime, links: &mut impl Links) {
        if !links.are_smooth() {
            self.stop_deferring();
        }
        while self.queue.peek_time().is_some_and(|due| due <= end) {
            let (now, event) = self.queue.pop().expect("an event is due");
            self.now = now;
            self.handle(event, links);
        }
    }

    /// Does everything before a time, but stops when all is done of an instant at which somebody has learned
    /// something: [`Gossip::take_changes`] and [`Gossip::take_notices`] say what. The answer is this instant.
    pub fn run_to_news(&mut self, before: SimTime, links: &mut impl Links) -> Option<SimTime> {
        while let Some(due) = self.queue.peek_time().filter(|due| *due < before) {
            self.run_until(due, links);
            if !(self.changes.is_empty() && self.notices.is_empty()) {
                return Some(due);
            }
        }
        None
    }

    /// What nodes have learned of others' records since the last time, in order, with the node that learned it.
    pub fn take_changes(&mut self) -> Vec<(SimTime, HostId, Change<V>)> {
        std::mem::take(&mut self.changes)
    }

    /// What else peers have found out since the last time.
    pub fn take_notices(&mut self) -> Vec<(SimTime, Notice)> {
        std::mem::take(&mut self.notices)
    }

    /// The live records of a network that the process of a host knows.
    pub fn records(&self, host: HostId, network: NetworkId) -> impl Iterator<Item = (RecordKey, &V)> {
        self.peer_at(host).into_iter().flat_map(move |peer| peer.tables.records(network))
    }

    /// How many packets were sent.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// The host where a peer runs; none: it runs no longer.
    #[must_use]
    pub fn host_of(&self, peer: PeerId) -> Option<HostId> {
        self.peers.get(peer).map(|peer| peer.host)
    }

    /// The process of a host.
    #[must_use]
    pub fn process(&self, host: HostId) -> Option<PeerId> {
        self.sites.get(host)?.process
    }

    /// True if the process of a host is about to leave the cluster.
    #[must_use]
    pub fn is_leaving(&self, host: HostId) -> bool {
        self.peer_at(host).is_some_and(Peer::is_leaving)
    }

    /// True if the process of a host has taken the one before it for its successor: it holds itself for gone, and has
    /// dropped the records that it had until then.
    #[must_use]
    pub fn has_given_itself_up(&self, host: HostId) -> bool {
        self.peer_at(host).is_some_and(Peer::has_given_itself_up)
    }

    fn mint(&mut self) -> PeerId {
        self.peer_count += 1;
        PeerId(self.peer_count - 1)
    }

    fn peer_at(&self, host: HostId) -> Option<&Peer<V>> {
        self.peers.get(self.process(host)?)
    }

    /// The process of a host, if nothing keeps it from reacting at once.
    fn ready_peer(&self, host: HostId) -> Option<&Peer<V>> {
        self.sites.get(host).filter(|site| site.frozen.is_none())?;
        self.peer_at(host)
    }
}

impl StateDigest for PeerId {
    fn digest(&self, digest: &mut Digest) {
        digest.u32(self.0);
    }
}

impl<V: Payload> StateDigest for Site<V> {
    fn digest(&self, digest: &mut Digest) {
        let Self { powered, process, frozen, lots } = self;
        digest.bool(*powered);
        process.digest(digest);
        digest.u64(frozen.as_ref().map_or(0, |backlog| backlog.len() as u64 + 1));
        lots.digest(digest);
    }
}

impl<V: Payload> StateDigest for Gossip<V> {
    fn digest(&self, digest: &mut Digest) {
        // The seed is the run's; what was learned is taken between events; what is left out changes nothing; who has
        // heard what follows from the tables, and who puts off ticks from the peers.
        let Self {
            streams: _,
            now,
            peers,
            peer_count,
            sites,
            queue,
            changes: _,
            notices: _,
            leaves_out: _,
            packets: _,
            heard: _,
            deferring: _,
            spare: _,
        } = self;
        digest.time(*now);
        peers.digest(digest);
        digest.u32(*peer_count);
        sites.digest(digest);
        digest.u64(queue.len() as u64);
    }
}
