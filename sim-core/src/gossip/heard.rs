//! Who has heard the newest version of each record: an index over the tables of all peers.
//!
//! Most packets of records tell their receivers nothing. Seen record by record that is one bit a receiver, while
//! the tables of a thousand peers fit into no cache.
use std::collections::BTreeMap;

use super::PeerId;
use super::message::RecordKey;
use crate::model::{NetworkId, ObjectId};

/// What a peer has done to its tables.
#[derive(Clone, Copy, Debug)]
pub(super) enum Touched {
    /// It takes part in a network from here on.
    Joined(NetworkId),
    /// It does so no longer.
    Left(NetworkId),
    /// It has this version of a record.
    Put(NetworkId, RecordKey, u64),
    /// It has forgotten a record.
    Forgot(NetworkId, RecordKey),
}

/// The index.
#[derive(Debug, Default)]
pub(super) struct Heard {
    records: BTreeMap<(NetworkId, RecordKey), Holders>,
    /// How many processes take part in each network.
    taking_part: BTreeMap<NetworkId, u32>,
}

/// Who has the newest version of one record.
#[derive(Debug, Default)]
pub(super) struct Holders {
    version: u64,
    /// A bit for each peer.
    bits: Vec<u64>,
    count: u32,
    /// Somebody relies on it that all have the version.
    relied_on: bool,
}

impl Heard {
    /// A peer has changed its tables. True: somebody may rely on something that is so no longer.
    pub(super) fn note(&mut self, peer: PeerId, touched: Touched) -> bool {
        match touched {
            Touched::Joined(network) => {
                *self.taking_part.entry(network).or_default() += 1;
                true
            }
            Touched::Left(network) => {
                *self.taking_part.get_mut(&network).expect("who leaves has taken part") -= 1;
                false
            }
            Touched::Put(network, key, version) => {
                let holders = self.records.entry((network, key)).or_default();
                if version > holders.version {
                    *holders = Holders { version, ..Holders::default() };
                }
                // Whoever had the newest version has it until it forgets the record.
                if version == holders.version {
                    holders.set(peer, true);
                }
                false
            }
            Touched::Forgot(network, key) => self.forget(peer, network, key),
        }
    }

    /// Those who have this version of a record, or a newer one. Some who have this one are missing if there is a
    /// newer one.
    pub(super) fn holders(&self, network: NetworkId, key: RecordKey, version: u64) -> Option<&Holders> {
        self.records.get(&(network, key)).filter(|holders| version <= holders.version)
    }

    /// True if all who take part in a network have this version of a record. Whoever asks is told when that ends.
    pub(super) fn rely_on_all(&mut self, network: NetworkId, key: RecordKey, version: u64) -> bool {
        let Some(holders) = self.records.get_mut(&(network, key)) else { return false };
        let all = version <= holders.version && self.taking_part.get(&network) == Some(&holders.count);
        holders.relied_on |= all;
        all
    }

    fn forget(&mut self, peer: PeerId, network: NetworkId, key: RecordKey) -> bool {
        let Some(holders) = self.records.get_mut(&(network, key)) else { return false };
        holders.set(peer, false);
        let relied_on = std::mem::take(&mut holders.relied_on);
        if holders.count == 0 {
            self.records.remove(&(network, key));
        }
        relied_on
    }
}

impl Holders {
    pub(super) fn contain(&self, peer: PeerId) -> bool {
        let (word, bit) = place(peer);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn set(&mut self, peer: PeerId, holds: bool) {
        let (word, bit) = place(peer);
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.count -= u32::from(self.bits[word] & bit != 0);
        self.bits[word] &= !bit;
        if holds {
            self.bits[word] |= bit;
            self.count += 1;
        }
    }
}

fn place(peer: PeerId) -> (usize, u64) {
    (peer.index() / 64, 1 << (peer.index() % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: NetworkId = NetworkId(0);
    const KEY: RecordKey = RecordKey(7);

    #[test]
    fn all_have_a_version_until_somebody_forgets_it() {
        let mut heard = Heard::default();
        for peer in [0, 1].map(PeerId) {
            heard.note(peer, Touched::Joined(NETWORK));
        }
        heard.note(PeerId(0), Touched::Put(NETWORK, KEY, 3));
        assert!(!heard.rely_on_all(NETWORK, KEY, 3));
        heard.note(PeerId(1), Touched::Put(NETWORK, KEY, 3));
        assert!(heard.rely_on_all(NETWORK, KEY, 3) && heard.rely_on_all(NETWORK, KEY, 2));
        assert!(!heard.rely_on_all(NETWORK, KEY, 4));
        assert!(heard.note(PeerId(1), Touched::Forgot(NETWORK, KEY)), "somebody relied on it");
        assert!(!heard.note(PeerId(0), Touched::Forgot(NETWORK, KEY)));
        assert!(heard.holders(NETWORK, KEY, 1).is_none());
    }

    #[test]
    fn those_who_have_an_older_version_do_not_count() {
        let mut heard = Heard::default();
        heard.note(PeerId(0), Touched::Put(NETWORK, KEY, 3));
        heard.note(PeerId(70), Touched::Put(NETWORK, KEY, 2));
        let holders = heard.holders(NETWORK, KEY, 2).expect("somebody has it");
        assert!(holders.contain(PeerId(0)) && !holders.contain(PeerId(70)));
    }
}
