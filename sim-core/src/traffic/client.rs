//! What a client remembers from one request to the next: its connection, and the addresses that it was told.
use std::net::Ipv4Addr;

use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::mesh::Target;
use crate::model::{HostId, NetworkId, TaskId};

/// How long the kernel remembers a connection on which nothing happens. **[kernel]**, of IPVS.
pub(super) const IDLE_MAX: SimDuration = SimDuration::from_secs(900);
/// How long it remembers a flow of datagrams without one (spec networking 7.1).
pub(super) const FLOW_IDLE_MAX: SimDuration = SimDuration::from_secs(300);

/// Names a client of a source: one of several outside, or one in a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClientKey {
    /// The task that it is part of; none: it is outside the swarm.
    pub(super) task: Option<TaskId>,
    /// Which one of several.
    pub(super) number: u32,
}

/// A client.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    pub(super) connection: Option<Connection>,
    /// The node that a client outside sends all its datagrams to, if it keeps its port.
    pub(super) correspondent: Option<HostId>,
    pub(super) addresses: Option<Addresses>,
}

/// A connection that is kept; or a port of a client that sends datagrams, with what the load balancer of their entry
/// remembers of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) entry: HostId,
    pub(super) target: Target,
    /// A load balancer is in between, which may forget the connection.
    pub(super) balanced: bool,
    pub(super) used: SimTime,
}

/// What a client was told about a name.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) network: NetworkId,
    /// Each with the endpoint that had it then; none for a virtual address.
    pub(super) list: Vec<(Ipv4Addr, Option<Target>)>,
    pub(super) asked: SimTime,
    /// The state of the cluster then.
    pub(super) version: u64,
    /// Whose turn it is, for a client that keeps the list.
    pub(super) turn: usize,
}

impl StateDigest for Client {
    fn digest(&self, digest: &mut Digest) {
        let Self { connection, correspondent, addresses } = self;
        digest.u32(correspondent.map_or(u32::MAX, |host| host.0));
        if let Some(Connection { entry, target, balanced, used }) = connection {
            digest.u32(entry.0);
            digest.u32(target.task.0);
            digest.bool(*balanced);
            digest.time(*used);
        }
        // What was told in the same state of the cluster would be told again.
        if let Some(Addresses { network, list, asked, version: _, turn }) = addresses {
            digest.u32(network.0);
            digest.u64(list.len() as u64);
            digest.time(*asked);
            digest.u64(*turn as u64);
        }
    }
}
