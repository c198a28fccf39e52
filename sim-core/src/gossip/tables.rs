//! The tables of one peer: records of the networks that it takes part in, and who takes part in which network
//! (spec networking 6.4, 8.1 and 8.2).
//!
//! As in the released engines, a node that fails takes its records and its part in networks with it: nobody
//! remembers them until it is back and says so again.
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::broadcasts::Broadcasts;
use super::group::Group;
use super::heard::{Heard, Touched};
use super::limits::{LEFT_NETWORK_LIFE, PACKET_BYTES, REAP_INTERVAL, TOMBSTONE_LIFE, retransmissions};
use super::message::{self, Membership, Record, RecordKey, Told};
use super::peer::{Mailing, Recipients};
use super::{Change, Payload, PeerId};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::NetworkId;

/// A tombstone that would be over this soon is dropped: it could not be told about with whole seconds of life left
/// when it is looked at the next time.
const TOMBSTONE_MARGIN: SimDuration = SimDuration::from_secs(REAP_INTERVAL.as_secs() + 1);
/// Room that a record takes in a packet besides its value and its version.
const RECORD_OVERHEAD: u32 = 134;
/// What the life of a tombstone takes.
const TOMBSTONE_BYTES: u32 = 3;
/// What joins messages to a packet takes for each of them.
const COMPOUND_OVERHEAD: u32 = 4;

/// The deletion of a record that was not known is passed on if its tombstone lives longer than this.
const PASSED_ON_ABOVE: SimDuration = SimDuration::from_nanos(TOMBSTONE_LIFE.as_nanos() / 6);

/// A network that the peer itself takes part in, or has just left.
#[derive(Clone, Debug)]
struct Joined<V> {
    /// Records of the others are passed on from the end of the first comparison on.
    in_sync: bool,
    entries: BTreeMap<RecordKey, message::Entry<V>>,
    /// Sum over the hashes of all entries, to tell at once whether two peers know the same.
    sum: u64,
    /// Own versions go before those of others.
    own: Broadcasts<RecordKey, Told<V>>,
    relayed: Broadcasts<RecordKey, Told<V>>,
}

/// Records and memberships of one peer.
#[derive(Clone, Debug)]
pub(super) struct Tables<V> {
    own: PeerId,
    /// Lamport time of the records.
    clock: u64,
    /// Lamport time of nodes and networks.
    pub(super) network_clock: u64,
    joined: BTreeMap<NetworkId, Joined<V>>,
    groups: BTreeMap<NetworkId, Group>,
    /// No tombstone is over before this time.
    first_expiry: Option<SimTime>,
    /// What was done to entries and not taken note of yet.
    touched: Vec<Touched>,
}

impl<V: Payload> Tables<V> {
    pub(super) fn new(own: PeerId) -> Self {
        Tables {
            own,
            clock: 0,
            network_clock: 0,
            joined: BTreeMap::new(),
            groups: BTreeMap::new(),
            first_expiry: None,
            touched: Vec::new(),
        }
    }

    /// All of a group take part in its network since before the run began, and have compared their records.
    pub(super) fn settle(&mut self, group: &Group) {
        self.network_clock = 1;
        if group.contains(self.own) {
            self.joined.insert(group.network(), Joined::new(true));
            self.touched.push(Touched::Joined(group.network()));
        }
        self.groups.insert(group.network(), group.clone());
    }

    /// Those who take part in a network, as far as this peer knows.
    pub(super) fn group(&self, network: NetworkId) -> &[PeerId] {
        self.groups.get(&network).map_or(&[], Group::members)
    }

    /// The networks that this peer takes part in.
    pub(super) fn networks(&self) -> impl Iterator<Item = NetworkId> + '_ {
        self.joined.keys().copied()
    }

    /// The networks that this peer takes part in together with another one.
    pub(super) fn common_networks(&self, with: PeerId) -> Vec<NetworkId> {
        self.networks().filter(|network| self.takes_part(with, *network)).collect()
    }

    /// The sum over what is known of memberships.
    pub(super) fn parts_sum(&self) -> u64 {
        self.groups.values().map(Group::sum).fold(0, u64::wrapping_add)
    }

    /// The sum over the records of a network.
    pub(super) fn sum(&self, network: NetworkId) -> Option<u64> {
        self.joined.get(&network).map(|joined| joined.sum)
    }

    /// The live records of a network.
    pub(super) fn records(&self, network: NetworkId) -> impl Iterator<Item = (RecordKey, &V)> {
        let entries = self.joined.get(&network).into_iter().flat_map(|joined| &joined.entries);
        entries.filter(|(_, entry)| !entry.record.deleted).map(|(key, entry)| (*key, &entry.record.value))
    }

    /// The version of a record that this peer has.
    pub(super) fn version(&self, network: NetworkId, key: RecordKey) -> Option<u64> {
        Some(self.joined.get(&network)?.entries.get(&key)?.record.version)
    }

    /// True if the record's owner takes part in its network and this peer does not have the version yet.
    pub(super) fn is_news(&self, record: &Record<V>) -> bool {
        record.owner != self.own
            && self.version(record.network, record.key).is_none_or(|known| known < record.version)
    }

    /// Takes part in a network from here on. The answer is the version of this.
    pub(super) fn join(&mut self, network: NetworkId) -> u64 {
        self.network_clock += 1;
        let (own, version) = (self.own, self.network_clock);
        self.group_mut(network).join(own, version);
        if let Entry::Vacant(vacant) = self.joined.entry(network) {
            vacant.insert(Joined::new(false));
            self.touched.push(Touched::Joined(network));
        }
        version
    }

    /// The first comparison with the others is over.
    pub(super) fn set_in_sync(&mut self, network: NetworkId) {
        if let Some(joined) = self.joined.get_mut(&network) {
            joined.in_sync = true;
        }
    }

    /// Takes part in a network no longer: its records are forgotten. The answer is the version of this.
    pub(super) fn leave(&mut self, now: SimTime, network: NetworkId) -> u64 {
        self.network_clock += 1;
        let (own, version) = (self.own, self.network_clock);
        let until = now + LEFT_NETWORK_LIFE;
        self.group_mut(network).leave(own, version, until);
        self.expires(Some(until));
        self.leave_tables(network);
        version
    }

    /// Makes a new version of an own record.
    pub(super) fn publish(&mut self, network: NetworkId, key: RecordKey, value: V) {
        self.put_own(network, key, value, None);
    }

    /// Deletes an own record. Its tombstone stays for half an hour.
    pub(super) fn withdraw(&mut self, now: SimTime, network: NetworkId, key: RecordKey) {
        let Some(joined) = self.joined.get(&network) else { return };
        let Some(entry) = joined.entries.get(&key).filter(|entry| !entry.record.deleted) else { return };
        let value = entry.record.value.clone();
        self.put_own(network, key, value, Some(now + TOMBSTONE_LIFE));
    }

    fn put_own(&mut self, network: NetworkId, key: RecordKey, value: V, expires: Option<SimTime>) {
        self.expires(expires);
        let Some(joined) = self.joined.get_mut(&network) else { return };
        self.clock += 1;
        let (owner, deleted) = (self.own, expires.is_some());
        let record = Arc::new(Record { network, key, owner, version: self.clock, value, deleted });
        let residual = if deleted { TOMBSTONE_LIFE } else { SimDuration::ZERO };
        joined.put(message::Entry { record: Arc::clone(&record), expires });
        self.touched.push(Touched::Put(network, key, record.version));
        joined.own.push(key, event_bytes(&record), Told { record, residual });
    }

    /// A version of a record arrives. It changes something if it is newer than the known one and its owner takes
    /// part in the network.
    pub(super) fn hear(&mut self, now: SimTime, told: &Told<V>, by_sync: bool, changes: &mut Vec<Change<V>>) {
        let Record { network, key, owner, version, deleted, .. } = *told.record;
        self.clock = self.clock.max(version);
        if owner == self.own || !self.takes_part(owner, network) {
            return;
        }
        let Some(joined) = self.joined.get_mut(&network) else { return };
        let known = joined.entries.get(&key).map(|entry| Arc::clone(&entry.record));
        if known.as_ref().is_some_and(|known| known.version >= version) {
            return;
        }
        let expires = deleted.then(|| now + told.residual);
        self.first_expiry = self.first_expiry.into_iter().chain(expires).min();
        joined.put(message::Entry { record: Arc::clone(&told.record), expires });
        self.touched.push(Touched::Put(network, key, version));
        // The deletion of a record that is not known here is passed on only if it may be news to others.
        let unknown_deleted = known.is_none() && deleted;
        if joined.in_sync && (!unknown_deleted || by_sync && told.residual > PASSED_ON_ABOVE) {
            joined.relay(told, by_sync);
        }
        let previous = known.filter(|known| !known.deleted).map(|known| known.value.clone());
        let current = (!deleted).then(|| told.record.value.clone());
        if previous.is_some() || current.is_some() {
            changes.push(Change { network, key, previous, current });
        }
    }

    /// Takes note of the Lamport time of another peer's records.
    pub(super) fn witness(&mut self, clock: u64) {
        self.clock = self.clock.max(clock);
    }

    /// A peer takes part in a network, or does so no longer. True: that is news.
    pub(super) fn hear_part(
        &mut self,
        now: SimTime,
        part: Membership,
        is_active: bool,
        changes: &mut Vec<Change<V>>,
    ) -> bool {
        let Membership { peer, network, version, leaving } = part;
        self.network_clock = self.network_clock.max(version);
        if peer == self.own {
            return false;
        }
        match self.groups.get(&network).and_then(|group| group.version(peer)) {
            Some(known) if known >= version => return false,
            None if leaving || !is_active => return false,
            Some(_) | None => {}
        }
        if leaving {
            let until = now + LEFT_NETWORK_LIFE;
            self.group_mut(network).leave(peer, version, until);
            self.expires(Some(until));
            self.forget_records(peer, Some(network), changes);
        } else {
            self.group_mut(network).join(peer, version);
        }
        true
    }

    /// A peer is gone: its records and its part in networks are forgotten. Who takes itself for gone goes on telling
    /// its own part: without it nobody who has lost this peer would let its records in again (spec networking 8.4).
    pub(super) fn forget(&mut self, peer: PeerId, changes: &mut Vec<Change<V>>) {
        self.forget_records(peer, None, changes);
        let is_own = peer == self.own;
        self.groups
            .values_mut()
            .for_each(|group| if is_own { group.unlist(peer) } else { group.forget(peer) });
    }

    /// All that is known of memberships.
    pub(super) fn memberships(&self) -> Vec<Membership> {
        self.groups.values().flat_map(Group::memberships).collect()
    }

    /// All records of some networks, and the Lamport time of telling them.
    pub(super) fn told(&mut self, now: SimTime, networks: &[NetworkId]) -> (u64, Vec<Told<V>>) {
        self.clock += 1;
        let joined = networks.iter().filter_map(|network| self.joined.get(network));
        let told = joined.flat_map(|joined| joined.entries.values()).map(|entry| Told {
            record: Arc::clone(&entry.record),
            residual: SimDuration::from_secs(
                entry.expires.map_or(SimDuration::ZERO, |expires| expires.since(now)).as_secs(),
            ),
        });
        (self.clock, told.collect())
    }

    /// True if something is to be sent with the next tick.
    pub(super) fn has_queued(&self) -> bool {
        self.joined.values().any(Joined::has_queued)
    }

    /// What is sent with one tick, network by network, to nobody yet.
    pub(super) fn take_packets(&mut self, into: &mut Vec<Mailing<V>>) {
        for (network, joined) in self.joined.iter_mut().filter(|(_, joined)| joined.has_queued()) {
            let limit = retransmissions(self.groups.get(network).map_or(0, |group| group.members().len()));
            let (mut records, mut room) = (Vec::new(), PACKET_BYTES);
            joined.own.take(&mut room, COMPOUND_OVERHEAD, limit, &mut records);
            joined.relayed.take(&mut room, COMPOUND_OVERHEAD, limit, &mut records);
            into.push(Mailing { network: *network, records, to: Recipients::default() });
        }
    }

    /// True if one packet a network has room for all that is queued, and nobody has not heard it.
    pub(super) fn is_old_news(&self, heard: &mut Heard) -> bool {
        self.joined.iter().filter(|(_, joined)| joined.has_queued()).all(|(network, joined)| {
            let mut queued = joined.own.messages().chain(joined.relayed.messages()).map(|told| &told.record);
            joined.fits_packet()
                && queued.all(|record| heard.rely_on_all(*network, record.key, record.version))
        })
    }

    /// What is queued counts as sent with one tick. All of it has room in one packet a network.
    pub(super) fn skip_packets(&mut self) -> impl Iterator<Item = NetworkId> + '_ {
        let queued = self.joined.iter_mut().filter(|(_, joined)| joined.has_queued());
        queued.map(|(network, joined)| {
            let limit = retransmissions(self.groups.get(network).map_or(0, |group| group.members().len()));
            joined.own.skip(limit);
            joined.relayed.skip(limit);
            *network
        })
    }

    /// When a tombstone may be over, at the earliest.
    pub(super) fn first_expiry(&self) -> Option<SimTime> {
        self.first_expiry
    }

    /// Drops the tombstones whose time is over before they are looked at again.
    pub(super) fn reap(&mut self, now: SimTime) {
        let limit = now + TOMBSTONE_MARGIN;
        for (network, joined) in &mut self.joined {
            let network = *network;
            let due = |entry: &&message::Entry<V>| entry.expires.is_some_and(|expires| expires <= limit);
            let due: Vec<RecordKey> =
                joined.entries.values().filter(due).map(|entry| entry.record.key).collect();
            for key in due {
                joined.remove(key);
                self.touched.push(Touched::Forgot(network, key));
            }
        }
        self.groups.values_mut().for_each(|group| group.reap(limit));
        let records = self.joined.values().flat_map(|joined| joined.entries.values());
        let records = records.filter_map(|entry| entry.expires);
        self.first_expiry = records.chain(self.groups.values().filter_map(Group::first_expiry)).min();
    }

    fn expires(&mut self, at: Option<SimTime>) {
        self.first_expiry = self.first_expiry.into_iter().chain(at).min();
    }

    /// What was done to entries since the last time.
    pub(super) fn take_touched(&mut self) -> std::vec::Drain<'_, Touched> {
        self.touched.drain(..)
    }

    /// The process is over.
    pub(super) fn leave_all(&mut self) {
        let networks: Vec<NetworkId> = self.joined.keys().copied().collect();
        networks.into_iter().for_each(|network| self.leave_tables(network));
    }

    fn leave_tables(&mut self, network: NetworkId) {
        if let Some(joined) = self.joined.remove(&network) {
            let forgotten = joined.entries.into_keys();
            self.touched.extend(forgotten.map(|key| Touched::Forgot(network, key)));
            self.touched.push(Touched::Left(network));
        }
    }

    /// True if a peer stands in the group of a network.
    pub(super) fn takes_part(&self, peer: PeerId, network: NetworkId) -> bool {
        self.groups.get(&network).is_some_and(|group| group.contains(peer))
    }

    fn group_mut(&mut self, network: NetworkId) -> &mut Group {
        self.groups.entry(network).or_insert_with(|| Group::new(network))
    }

    fn forget_records(&mut self, owner: PeerId, network: Option<NetworkId>, changes: &mut Vec<Change<V>>) {
        for (id, joined) in &mut self.joined {
            if network.is_some_and(|network| network != *id) {
                continue;
            }
            let owned = |entry: &&message::Entry<V>| entry.record.owner == owner;
            let keys: Vec<RecordKey> =
                joined.entries.values().filter(owned).map(|entry| entry.record.key).collect();
            for key in keys {
                let record = joined.remove(key).record;
                self.touched.push(Touched::Forgot(*id, key));
                if !record.deleted {
                    let previous = Some(record.value.clone());
                    changes.push(Change { network: *id, key, previous, current: None });
                }
            }
        }
    }
}

impl<V: Payload> Joined<V> {
    fn new(in_sync: bool) -> Self {
        let (own, relayed) = (Broadcasts::new(), Broadcasts::new());
        Joined { in_sync, entries: BTreeMap::new(), sum: 0, own, relayed }
    }

    fn has_queued(&self) -> bool {
        !self.own.is_empty() || !self.relayed.is_empty()
    }

    fn fits_packet(&self) -> bool {
        let bytes = self.own.packed_bytes(COMPOUND_OVERHEAD) + self.relayed.packed_bytes(COMPOUND_OVERHEAD);
        bytes <= u64::from(PACKET_BYTES)
    }

    fn put(&mut self, entry: message::Entry<V>) {
        self.sum = self.sum.wrapping_add(hash(&entry.record));
        if let Some(old) = self.entries.insert(entry.record.key, entry) {
            self.sum = self.sum.wrapping_sub(hash(&old.record));
        }
    }

    fn remove(&mut self, key: RecordKey) -> message::Entry<V> {
        let entry = self.entries.remove(&key).expect("the entry was seen before");
        self.sum = self.sum.wrapping_sub(hash(&entry.record));
        entry
    }

    fn relay(&mut self, told: &Told<V>, by_sync: bool) {
        if by_sync && self.relayed.len() > super::limits::QUEUE_MAX_ON_SYNC {
            return;
        }
        self.relayed.push(told.record.key, event_bytes(&told.record), told.clone());
    }
}

/// How long a record is as it is sent. Long ones go first, so a single byte decides what is repeated first: the Lamport
/// time takes one for each seven bits, and a deletion says how long its tombstone shall be kept.
fn event_bytes<V: Payload>(record: &Record<V>) -> u32 {
    let version_bits = u64::BITS - record.version.leading_zeros();
    let tombstone = if record.deleted { TOMBSTONE_BYTES } else { 0 };
    record.value.size_bytes() + RECORD_OVERHEAD + version_bits.div_ceil(7) + tombstone
}

/// One record's part of the sum. A key with an owner and a version stands for what the record says.
fn hash<V>(record: &Record<V>) -> u64 {
    let mut digest = Digest::new();
    digest.u32(record.key.0);
    digest.u32(record.owner.0);
    digest.u64(record.version);
    digest.finish()
}

impl<V: Payload> StateDigest for Joined<V> {
    fn digest(&self, digest: &mut Digest) {
        // The sum follows from the entries.
        let Self { in_sync, entries, sum: _, own, relayed } = self;
        digest.bool(*in_sync);
        digest.u64(entries.len() as u64);
        entries.values().for_each(|entry| entry.digest(digest));
        own.digest(digest);
        relayed.digest(digest);
    }
}

impl<V: Payload> StateDigest for Tables<V> {
    fn digest(&self, digest: &mut Digest) {
        // What was touched is taken between events.
        let Self { own, clock, network_clock, joined, groups, first_expiry, touched: _ } = self;
        own.digest(digest);
        digest.u64(*clock);
        digest.u64(*network_clock);
        joined.digest(digest);
        groups.digest(digest);
        first_expiry.digest(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record's value, which nobody looks at.
    #[derive(Clone, Debug)]
    struct Nothing;

    impl Payload for Nothing {
        fn size_bytes(&self) -> u32 {
            0
        }
    }

    #[test]
    fn who_takes_itself_for_gone_goes_on_telling_that_it_takes_part() {
        let (own, network) = (PeerId(1), NetworkId(0));
        let (mut here, mut there) = (Tables::<Nothing>::new(own), Tables::<Nothing>::new(PeerId(2)));
        here.join(network);
        here.forget(own, &mut Vec::new());
        assert!(!here.takes_part(own, network) && here.group(network).is_empty());
        for part in here.memberships() {
            there.hear_part(SimTime::ZERO, part, true, &mut Vec::new());
        }
        assert!(there.takes_part(own, network));
    }
}
