//! What is left out because it changes nothing: packets, probes and exchanges whose outcome is certain.
//!
//! Each shortcut needs healthy links and processes that react at once. What it skips would be ignored by its receiver.
use super::message::{Purpose, Record, Told};
use super::peer::Recipients;
use super::{Gossip, Links, Payload, PeerId};
use crate::model::HostId;

impl<V: Payload> Gossip<V> {
    /// Strikes out those for whom there is no news in a packet of records.
    pub(super) fn strike_out_informed(
        &self,
        from: HostId,
        records: &[Told<V>],
        to: &mut Recipients,
        links: &impl Links,
    ) {
        // Who cannot be struck out whatever the packet says does not need to be looked at for each record.
        let at_hand = |host: HostId| {
            let site = self.sites.get(host).filter(|site| site.frozen.is_none())?;
            site.process.filter(|_| links.is_smooth(from, host))
        };
        let mut informed = to.map(|host| host.and_then(at_hand));
        for Told { record, .. } in records {
            let holders = self.heard.holders(record.network, record.key, record.version);
            for peer in &mut informed {
                *peer = peer.filter(|peer| {
                    holders.is_some_and(|holders| holders.contain(*peer)) || !self.is_news_to(*peer, record)
                });
            }
        }
        for (host, _) in to.iter_mut().zip(informed).filter(|(_, informed)| informed.is_some()) {
            *host = None;
        }
    }

    fn is_news_to(&self, peer: PeerId, record: &Record<V>) -> bool {
        self.peers.get(peer).expect("a process runs").tables.is_news(record)
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
