//! A cluster of peers alone, as in the recordings: formed within two seconds, one network, two records a node.
use std::collections::BTreeSet;

use sim_core::gossip::{Change, Gossip, Links, Notice, Operation, Payload, PeerId, RecordKey};
use sim_core::kernel::random::Stream;
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::{HostId, NetworkId};

/// The network that all join.
const NETWORK: NetworkId = NetworkId(0);
/// Length of a record's value in the recordings.
const VALUE_BYTES: u32 = 110;
/// Records of a node have keys from its number times this on.
const KEYS: u32 = 1_000;
/// A packet between two processes.
const DATAGRAM: SimDuration = SimDuration::from_micros(100);
/// A packet of a connection, with what the processes of the recordings took to handle it.
const CONNECTION: SimDuration = SimDuration::from_micros(900);
/// What the system of the recordings took to start a process.
pub(super) const PROCESS_START: SimDuration = SimDuration::from_millis(14);

/// What a record says, which nobody reads: a version tells what is new.
#[derive(Clone, Debug)]
pub(super) struct Value;

impl Payload for Value {
    fn size_bytes(&self) -> u32 {
        VALUE_BYTES
    }
}

/// Links of one machine, cut between two groups of nodes or whole.
#[derive(Default)]
struct Bridge {
    side_a: Option<BTreeSet<HostId>>,
}

impl Bridge {
    fn passes(&self, from: HostId, to: HostId) -> bool {
        self.side_a.as_ref().is_none_or(|side| side.contains(&from) == side.contains(&to))
    }
}

impl Links for Bridge {
    fn datagram(&mut self, _: SimTime, from: HostId, to: HostId) -> [Option<SimDuration>; 2] {
        [self.passes(from, to).then_some(DATAGRAM), None]
    }

    fn connection(&mut self, _: SimTime, from: HostId, to: HostId) -> Option<SimDuration> {
        self.passes(from, to).then_some(CONNECTION)
    }

    fn is_smooth(&self, from: HostId, to: HostId) -> bool {
        self.passes(from, to)
    }

    fn are_smooth(&self) -> bool {
        self.side_a.is_none()
    }
}

/// What a node saw of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) at: SimTime,
    pub(super) observer: u32,
    /// The node that owns the record, and which of its records it is.
    pub(super) owner: u32,
    pub(super) number: u32,
    pub(super) gone: bool,
}

/// The cluster of one run.
pub(super) struct Lab {
    gossip: Gossip<Value>,
    links: Bridge,
    random: Stream,
    nodes: u32,
    pub(super) now: SimTime,
    pub(super) seen: Vec<Seen>,
    pub(super) notices: Vec<(SimTime, Notice)>,
}

impl Lab {
    /// No process runs yet.
    pub(super) fn new(nodes: u32, seed: u64) -> Self {
        let mut gossip = Gossip::new(seed);
        (0..nodes).for_each(|node| gossip.add_host(HostId(node), &format!("n{}", node + 1)));
        Lab {
            gossip,
            links: Bridge::default(),
            random: Stream::named(seed, "lab"),
            nodes,
            now: SimTime::ZERO,
            seen: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// A cluster of nodes that have started at random moments within two seconds, 6 to 12 s after all knew all.
    pub(super) fn formed(nodes: u32, seed: u64) -> Self {
        let mut lab = Lab::new(nodes, seed);
        let mut starts: Vec<SimTime> = (0..nodes).map(|_| lab.within(1_000, 3_000)).collect();
        starts[0] = SimTime::from_millis(900);
        lab.start_all(&starts);
        let wait = lab.within(6_000, 12_000).since(SimTime::ZERO);
        lab.run_until(SimTime::from_secs(4) + wait);
        lab.seen.clear();
        lab.notices.clear();
        lab
    }

    /// Every node starts at its time, and has two records.
    pub(super) fn start_all(&mut self, starts: &[SimTime]) {
        let mut order: Vec<(SimTime, u32)> = starts.iter().copied().zip(0..).collect();
        order.sort();
        for (at, node) in order {
            self.run_until(at);
            self.start(node);
            self.join(node);
            (0..2).for_each(|number| self.write(node, number));
        }
    }

    /// A random moment.
    pub(super) fn within(&mut self, from_ms: u64, to_ms: u64) -> SimTime {
        self.between(SimTime::from_millis(from_ms), SimTime::from_millis(to_ms))
    }

    /// A random moment between two others.
    pub(super) fn between(&mut self, from: SimTime, to: SimTime) -> SimTime {
        SimTime::ZERO + self.random.span(from.since(SimTime::ZERO), to.since(SimTime::ZERO))
    }

    /// A process starts, with the first three nodes as addresses to join at; the first node starts alone.
    pub(super) fn start(&mut self, node: u32) {
        let first = self.gossip.process(HostId(0)).is_none() && node == 0 && self.now < SimTime::from_secs(4);
        let bootstrap: Vec<HostId> =
            if first { Vec::new() } else { (0..self.nodes.min(3)).map(HostId).collect() };
        self.gossip.start(self.now, HostId(node), &bootstrap, &mut self.links);
    }

    /// A node joins the network, as soon as it has joined the cluster.
    pub(super) fn join(&mut self, node: u32) {
        self.operate(node, Operation::Join(NETWORK));
    }

    /// A node leaves the network.
    pub(super) fn leave_network(&mut self, node: u32) {
        self.operate(node, Operation::Leave(NETWORK));
    }

    /// A node leaves the cluster.
    pub(super) fn leave_cluster(&mut self, node: u32) {
        self.operate(node, Operation::LeaveCluster);
    }

    /// A node creates or updates one of its records.
    pub(super) fn write(&mut self, node: u32, number: u32) {
        let key = RecordKey(node * KEYS + number);
        self.operate(node, Operation::Publish { network: NETWORK, key, value: Value });
    }

    /// A node deletes one of its records.
    pub(super) fn delete(&mut self, node: u32, number: u32) {
        self.operate(node, Operation::Withdraw { network: NETWORK, key: RecordKey(node * KEYS + number) });
    }

    /// A process dies.
    pub(super) fn kill(&mut self, node: u32, silent: bool) {
        self.gossip.stop(self.now, HostId(node), !silent);
    }

    /// The links between these nodes and the others are cut.
    pub(super) fn cut(&mut self, side_a: &[u32]) {
        self.links.side_a = Some(side_a.iter().map(|node| HostId(*node)).collect());
    }

    /// All links are whole.
    pub(super) fn heal(&mut self) {
        self.links.side_a = None;
    }

    /// Runs until a time.
    pub(super) fn run_until(&mut self, end: SimTime) {
        self.gossip.run_until(end, &mut self.links);
        self.now = end;
        self.collect();
    }

    /// Runs until something was noticed, at the longest until a time.
    pub(super) fn run_until_notice(
        &mut self,
        end: SimTime,
        wanted: impl Fn(&Notice) -> bool,
    ) -> Option<SimTime> {
        let mut checked = self.notices.len();
        while let Some(due) = self.gossip.next_time().filter(|due| *due <= end) {
            self.run_until(due);
            let found = self.notices[checked..].iter().find(|(_, notice)| wanted(notice));
            if let Some((at, _)) = found {
                return Some(*at);
            }
            checked = self.notices.len();
        }
        None
    }

    /// The process of a node.
    pub(super) fn process(&self, node: u32) -> Option<PeerId> {
        self.gossip.process(HostId(node))
    }

    /// How many records a node knows.
    pub(super) fn known(&self, node: u32) -> usize {
        self.gossip.records(HostId(node), NETWORK).count()
    }

    fn operate(&mut self, node: u32, operation: Operation<Value>) {
        self.gossip.operate(self.now, HostId(node), operation, &mut self.links);
        self.collect();
    }

    fn collect(&mut self) {
        for (at, observer, change) in self.gossip.take_changes() {
            let Change { key, current, .. } = change;
            self.seen.push(Seen {
                at,
                observer: observer.0,
                owner: key.0 / KEYS,
                number: key.0 % KEYS,
                gone: current.is_none(),
            });
        }
        self.notices.extend(self.gossip.take_notices());
    }
}
