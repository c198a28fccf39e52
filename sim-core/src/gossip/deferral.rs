//! Ticks that tell nobody anything are put off, and made up for all at once.
//!
//! A record is sent sixteen times by each of a thousand peers, long after all have heard it. From then on the ticks
//! of a peer whose packets have room for all that is queued move nothing but its counters and its random stream. So
//! they wait until somebody looks at the peer, or until it is no longer true that all have heard what it would send.
use super::limits::GOSSIP_INTERVAL;
use super::peer::{Lots, Peer, Timer};
use super::turns::Event;
use super::{Gossip, Links, Payload, PeerId};
use crate::kernel::SimTime;

impl<V: Payload> Gossip<V> {
    /// The next tick of a peer comes now or is put off.
    pub(super) fn arm_tick(&mut self, id: PeerId, tick: SimTime, links: &impl Links) {
        let peer = self.peers.get_mut(id).expect("it has acted");
        let puts_off = self.leaves_out && links.are_smooth() && !peer.has_rumors();
        if puts_off && peer.tables.is_old_news(&mut self.heard) {
            peer.deferred = Some(tick);
            self.deferring.insert(id);
        } else {
            self.queue.push(tick, Event::Timer { peer: id, timer: Timer::Gossip });
        }
    }

    /// A peer has acted that puts its ticks off: it may have something to tell now.
    pub(super) fn reconsider(&mut self, id: PeerId, links: &impl Links) {
        let peer = self.peers.get_mut(id).expect("it has acted");
        if let Some(tick) = peer.deferred.take() {
            self.deferring.remove(&id);
            self.arm_tick(id, tick, links);
        }
    }

    /// All ticks come at their times again.
    pub(super) fn stop_deferring(&mut self) {
        for id in std::mem::take(&mut self.deferring) {
            self.stop_deferring_of(id);
        }
    }

    /// The ticks of a peer come at their times again.
    pub(super) fn stop_deferring_of(&mut self, id: PeerId) {
        self.deferring.remove(&id);
        let Some(peer) = self.peers.get_mut(id) else { return };
        let site = self.sites.get_mut(peer.host).expect("peers have hosts");
        peer.make_up_ticks(self.now, &mut site.lots);
        if let Some(tick) = peer.deferred.take() {
            self.queue.push(tick, Event::Timer { peer: id, timer: Timer::Gossip });
        }
    }
}

impl<V: Payload> Peer<V> {
    /// Makes up for the ticks before now that were put off.
    pub(super) fn make_up_ticks(&mut self, now: SimTime, lots: &mut Lots) {
        while let Some(tick) = self.deferred.filter(|tick| *tick < now) {
            let networks: Vec<_> = self.tables.skip_packets().collect();
            for network in networks {
                self.draw_recipients(network, lots);
            }
            self.deferred = self.tables.has_queued().then_some(tick + GOSSIP_INTERVAL);
            self.gossip_armed = self.deferred.is_some();
        }
    }
}
