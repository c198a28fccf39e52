//! What is left out because it changes nothing: packets, probes and exchanges whose outcome is certain.
//!
//! Each shortcut needs healthy links and processes that react at once. What it skips would be ignored by its receiver.
use super::message::{Body, Datagram, Purpose};
use super::{Gossip, Links, Payload, PeerId};
use crate::model::HostId;

impl<V: Payload> Gossip<V> {
    /// A packet of records that its receiver has.
    pub(super) fn is_pointless(
        &self,
        from: HostId,
        to: HostId,
        datagram: &Datagram<V>,
        links: &impl Links,
    ) -> bool {
        let Body::Records(told) = &datagram.body else { return false };
        self.leaves_out
            && links.is_smooth(from, to)
            && self
                .ready_peer(to)
                .is_some_and(|peer| told.iter().all(|told| !peer.tables.is_news(&told.record)))
    }

    /// A probe that is certain to be answered, between peers that have nothing else to say.
    pub(super) fn is_effortless(&self, by: PeerId, target: PeerId, links: &impl Links) -> bool {
        let Some(prober) = self.peers.get(by) else { return false };
        let Some(host) = self.host_of(target) else { return false };
        let Some(probed) = self.ready_peer(host) else { return false };
        probed.id == target
            && prober.holds_for_alive(target)
            && !prober.has_rumors()
            && !probed.has_rumors()
            && links.is_smooth(prober.host, host)
            && links.is_smooth(host, prober.host)
    }

    /// True if an exchange between two peers tells neither of them anything.
    pub(super) fn know_the_same(
        &self,
        one: PeerId,
        other: PeerId,
        purpose: &Purpose,
        links: &impl Links,
    ) -> bool {
        let (Some(one), Some(other)) = (self.peers.get(one), self.peers.get(other)) else { return false };
        let at_hand = links.is_smooth(one.host, other.host)
            && links.is_smooth(other.host, one.host)
            && self.ready_peer(other.host).is_some();
        at_hand
            && match purpose {
                Purpose::PushPull => one.sees_the_same(other),
                Purpose::BulkSync { networks, .. } => {
                    networks.iter().all(|network| one.tables.sum(*network) == other.tables.sum(*network))
                }
                Purpose::Ping => false,
            }
    }
}
