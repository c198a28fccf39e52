//! Hosts, zones and the links between zones, before anything goes wrong.
//!
//! Zones are the nodes of a graph, configured links its edges; the link between two zones is the direct one,
//! never a way through a third, because a configured latency says what the user measured between the two.
use petgraph::graph::{NodeIndex, UnGraph};

use crate::kernel::{Ppm, SimDuration};
use crate::model::{HostId, IdMap, ObjectId, ZoneId};

/// How messages pass between two hosts, one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) latency: SimDuration,
    /// A message takes up to this much longer or shorter.
    pub(crate) jitter: SimDuration,
    pub(crate) loss: Ppm,
}

impl Link {
    /// True if every message is lost.
    pub(crate) fn is_closed(self) -> bool {
        self.loss.0 >= 1_000_000
    }

    /// True if every message takes the same time.
    pub(crate) fn is_constant(self) -> bool {
        self.jitter.is_zero() && self.loss == Ppm(0)
    }
}

/// Who is where, and how far apart.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    zones: UnGraph<(), Link>,
    zone_of: IdMap<HostId, ZoneId>,
    inside: Vec<Link>,
    between: Link,
    /// Every message takes the same time on each link.
    is_constant: bool,
}

impl Topology {
    /// No host yet. Zones that nobody connects have the link `between`.
    pub(crate) fn new(between: Link) -> Self {
        let is_constant = between.is_constant();
        Topology {
            zones: UnGraph::default(),
            zone_of: IdMap::new(),
            inside: Vec::new(),
            between,
            is_constant,
        }
    }

    /// Adds a zone whose hosts are as near to each other as hosts usually are.
    pub(crate) fn add_zone(&mut self) -> ZoneId {
        let latency = SimDuration::from_micros(200);
        self.inside.push(Link { latency, jitter: SimDuration::ZERO, loss: Ppm(0) });
        ZoneId::from_index(self.zones.add_node(()).index())
    }

    /// Adds the next host, in a zone.
    pub(crate) fn add_host(&mut self, zone: ZoneId) -> HostId {
        let host = HostId::from_index(self.zone_of.len());
        self.zone_of.insert(host, zone);
        host
    }

    /// Sets the link between two zones, or between the hosts of one.
    pub(crate) fn connect(&mut self, one: ZoneId, other: ZoneId, link: Link) {
        self.is_constant &= link.is_constant();
        if one == other {
            self.inside[one.index()] = link;
        } else {
            self.zones.update_edge(NodeIndex::new(one.index()), NodeIndex::new(other.index()), link);
        }
    }

    pub(crate) fn zone_of(&self, host: HostId) -> ZoneId {
        *self.zone_of.get(host).expect("every host has a zone")
    }

    /// True if no link draws how long a message takes.
    pub(crate) fn is_constant(&self) -> bool {
        self.is_constant
    }

    /// The link between two different hosts.
    pub(crate) fn link(&self, from: HostId, to: HostId) -> Link {
        if let [everywhere] = self.inside[..] {
            return everywhere;
        }
        let (here, there) = (self.zone_of(from), self.zone_of(to));
        if here == there {
            return self.inside[here.index()];
        }
        let edge = self.zones.find_edge(NodeIndex::new(here.index()), NodeIndex::new(there.index()));
        edge.map_or(self.between, |edge| self.zones[edge])
    }
}
