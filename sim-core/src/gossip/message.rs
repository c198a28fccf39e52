//! What peers of the gossip tell each other, by datagrams and over connections.
use std::sync::Arc;

use super::{Payload, PeerId};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{HostId, NetworkId};

/// Names a record in the table of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey(pub u32);

/// One version of a record. Only its owner makes versions; who hears of a newer one passes it on.
#[derive(Clone, Debug)]
pub(super) struct Record<V> {
    pub(super) network: NetworkId,
    pub(super) key: RecordKey,
    pub(super) owner: PeerId,
    /// Lamport time of the owner's tables when it made this version.
    pub(super) version: u64,
    /// What it says; for a deleted record the last that it said.
    pub(super) value: V,
    pub(super) deleted: bool,
}

/// A record as it is told: how long its tombstone shall still be kept, if it is deleted.
#[derive(Clone, Debug)]
pub(super) struct Told<V> {
    pub(super) record: Arc<Record<V>>,
    pub(super) residual: SimDuration,
}

/// News about members, spread by everybody who did not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rumor {
    /// A peer lives, at this host.
    Alive { peer: PeerId, host: HostId, incarnation: u32 },
    /// Somebody did not get an answer from a peer.
    Suspect { peer: PeerId, incarnation: u32, from: PeerId },
    /// Somebody holds a peer for dead; the peer itself: it has left.
    Dead { peer: PeerId, incarnation: u32, from: PeerId },
    /// A peer takes part in a network, or does so no longer.
    Network { peer: PeerId, network: NetworkId, version: u64, leaves: bool },
    /// A peer has joined the cluster, or will leave it.
    Node { peer: PeerId, version: u64, leaves: bool },
}

impl Rumor {
    /// Its length in a packet. In the first packets after joining a large cluster there is room for the short ones
    /// only, beside what is told about all members.
    pub(super) fn size_bytes(self) -> u32 {
        match self {
            Rumor::Alive { .. } => 68,
            Rumor::Suspect { .. } | Rumor::Dead { .. } => 50,
            Rumor::Network { .. } => 50,
            Rumor::Node { .. } => 23,
        }
    }
}

/// What a datagram is for.
#[derive(Clone, Debug)]
pub(super) enum Body<V> {
    /// Rumors alone.
    Gossip,
    /// Is this peer there? Answered with the same number.
    Ping { number: u32, target: PeerId },
    /// Yes.
    Ack { number: u32 },
    /// Ask somebody else for me.
    IndirectPing { number: u32, target: PeerId, host: HostId },
    /// I asked, and there was no answer.
    Nack { number: u32 },
    /// Versions of records.
    Records(Arc<[Told<V>]>),
}

/// A packet to a host, for the process that listens there.
#[derive(Clone, Debug)]
pub(super) struct Datagram<V> {
    pub(super) from_host: HostId,
    pub(super) body: Body<V>,
    /// Rumors ride along where there is room.
    pub(super) rumors: Vec<Rumor>,
}

/// What a peer says about a member in a full exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemberState {
    pub(super) peer: PeerId,
    pub(super) host: HostId,
    pub(super) incarnation: u32,
    pub(super) status: super::members::Status,
}

/// What a peer says about a member of a network in a full exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) peer: PeerId,
    pub(super) network: NetworkId,
    pub(super) version: u64,
    pub(super) leaving: bool,
}

/// All that a peer knows of members and their networks.
#[derive(Clone, Debug)]
pub(super) struct FullState {
    pub(super) members: Vec<MemberState>,
    pub(super) memberships: Vec<Membership>,
}

/// All records of some networks, tombstones included.
#[derive(Clone, Debug)]
pub(super) struct BulkSync<V> {
    pub(super) networks: Vec<NetworkId>,
    pub(super) clock: u64,
    pub(super) records: Vec<Told<V>>,
    /// The other side shall send its own.
    pub(super) unsolicited: bool,
}

/// What a connection is opened for. What is sent is what the opener knows when the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To exchange the full state.
    PushPull,
    /// To see whether the other side is there.
    Ping,
    /// To send the records of these networks.
    BulkSync { networks: Vec<NetworkId>, unsolicited: bool },
}

/// A record in a table of one peer.
#[derive(Clone, Debug)]
pub(super) struct Entry<V> {
    pub(super) record: Arc<Record<V>>,
    /// When the tombstone of a deleted record is dropped.
    pub(super) expires: Option<SimTime>,
}

impl<V: Payload> StateDigest for Entry<V> {
    fn digest(&self, digest: &mut Digest) {
        let Self { record, expires } = self;
        // The version stands for what the owner said with it.
        let Record { network, key, owner, version, value: _, deleted } = &**record;
        network.digest(digest);
        digest.u32(key.0);
        digest.u32(owner.0);
        digest.u64(*version);
        digest.bool(*deleted);
        expires.digest(digest);
    }
}
