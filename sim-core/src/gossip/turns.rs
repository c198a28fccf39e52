//! What happens next: an event is due, a peer acts, and what it wants done is done.
use std::sync::Arc;

use super::connections::Message;
use super::message::{Body, Datagram};
use super::peer::{Dial, Dialled, Lots, Mailing, Out, Peer, Timer};
use super::{Gossip, Links, Notice, Payload, PeerId};
use crate::model::HostId;

/// What can happen next.
#[derive(Clone, Debug)]
pub(super) enum Event<V> {
    Timer {
        peer: PeerId,
        timer: Timer,
    },
    Datagram {
        to: HostId,
        datagram: Box<Datagram<V>>,
    },
    /// An attempt to open a connection, the first or a repeated one.
    Dial {
        from: PeerId,
        dial: Box<Dial>,
        attempt: u8,
    },
    /// Something arrives over a connection that `from` has opened.
    Arrival {
        to: PeerId,
        from: PeerId,
        dialled: Dialled,
        message: Message<V>,
    },
    /// What a connection was for is done, or the other side refused it.
    Dialled {
        peer: PeerId,
        dialled: Dialled,
        succeeded: bool,
    },
}

impl<V: Payload> Gossip<V> {
    pub(super) fn handle(&mut self, event: Event<V>, links: &mut impl Links) {
        let addressed = match &event {
            Event::Timer { peer, .. } | Event::Dialled { peer, .. } | Event::Arrival { to: peer, .. } => {
                Some(*peer)
            }
            Event::Datagram { to, .. } => self.process(*to),
            // The operating system repeats requests for connections, whatever the process does.
            Event::Dial { .. } => None,
        };
        if let Some(peer) = addressed {
            let Some(host) = self.host_of(peer) else { return };
            if let Some(backlog) = &mut self.sites.get_mut(host).expect("peers have hosts").frozen {
                return backlog.push(event);
            }
        }
        let now = self.now;
        match event {
            Event::Timer { peer, timer: Timer::Probe } => self.probe(peer, links),
            Event::Timer { peer, timer } => {
                self.step(peer, links, |peer, lots, out| peer.fire(now, timer, lots, out));
            }
            Event::Datagram { datagram, .. } => {
                if let Some(peer) = addressed {
                    self.step(peer, links, |peer, lots, out| peer.hear(now, &datagram, lots, out));
                }
            }
            Event::Dial { from, dial, attempt } => self.dial(from, dial, attempt, links),
            Event::Arrival { to, from, dialled, message } => self.arrive(to, from, dialled, message, links),
            Event::Dialled { peer, dialled, succeeded } => {
                self.step(peer, links, |peer, lots, out| peer.dialled(now, dialled, succeeded, lots, out));
            }
        }
    }

    /// Lets a peer act, and does what it wants done.
    pub(super) fn step(
        &mut self,
        id: PeerId,
        links: &mut impl Links,
        act: impl FnOnce(&mut Peer<V>, &mut Lots, &mut Out<V>),
    ) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let host = peer.host;
        let site = self.sites.get_mut(host).expect("peers have hosts");
        let mut out = std::mem::take(&mut self.spare);
        peer.make_up_ticks(self.now, &mut site.lots);
        act(peer, &mut site.lots, &mut out);
        self.note_touched(id);
        self.reconsider(id, links);
        self.perform(id, host, &mut out, links);
        self.spare = out;
    }

    /// The index of who has heard what follows the tables of a peer.
    pub(super) fn note_touched(&mut self, id: PeerId) {
        let peer = self.peers.get_mut(id).expect("it has acted");
        let mut is_less = false;
        for touched in peer.tables.take_touched() {
            is_less |= self.heard.note(id, touched);
        }
        if is_less {
            self.stop_deferring();
        }
    }

    fn perform(&mut self, id: PeerId, host: HostId, out: &mut Out<V>, links: &mut impl Links) {
        let now = self.now;
        let Out { timers, tick, datagrams, mailings, dials, changes, notices } = out;
        for (at, timer) in timers.drain(..) {
            self.queue.push(at, Event::Timer { peer: id, timer });
        }
        if let Some(tick) = tick.take() {
            self.arm_tick(id, tick, links);
        }
        for (to, datagram) in datagrams.drain(..) {
            self.send(host, to, datagram, links);
        }
        for mailing in mailings.drain(..) {
            self.mail(host, mailing, links);
        }
        for dial in dials.drain(..) {
            self.queue.push(now, Event::Dial { from: id, dial: Box::new(dial), attempt: 0 });
        }
        self.changes.extend(changes.drain(..).map(|change| (now, host, change)));
        for notice in notices.drain(..) {
            self.notices.push((now, notice));
            if notice == (Notice::LeftCluster { peer: id }) {
                self.stop(now, host, true);
            }
        }
    }

    fn send(&mut self, from: HostId, to: HostId, datagram: Datagram<V>, links: &mut impl Links) {
        self.packets += 1;
        let [first, second] = links.datagram(self.now, from, to);
        if let Some(delay) = second {
            let datagram = Box::new(datagram.clone());
            self.queue.push(self.now + delay, Event::Datagram { to, datagram });
        }
        if let Some(delay) = first {
            self.queue.push(self.now + delay, Event::Datagram { to, datagram: Box::new(datagram) });
        }
    }

    /// Sends the same records to several hosts.
    fn mail(&mut self, from: HostId, mailing: Mailing<V>, links: &mut impl Links) {
        let Mailing { records, mut to, .. } = mailing;
        if self.leaves_out {
            self.strike_out_informed(from, &records, &mut to, links);
        }
        let records: Option<Arc<[_]>> = to.iter().any(Option::is_some).then(|| records.into());
        for (host, records) in to.into_iter().flatten().zip(std::iter::repeat(records).flatten()) {
            let datagram = Datagram { from_host: from, body: Body::Records(records), rumors: Vec::new() };
            self.send(from, host, datagram, links);
        }
    }

    fn probe(&mut self, id: PeerId, links: &mut impl Links) {
        let now = self.now;
        let mut target = None;
        self.step(id, links, |peer, lots, out| target = peer.turn_to_probe(now, lots, out));
        let Some(target) = target else { return };
        if self.leaves_out && self.is_effortless(id, target, links) {
            self.step(id, links, |peer, _, out| peer.probe_without_effort(now, out));
        } else {
            self.step(id, links, |peer, _, out| peer.probe(now, target, out));
        }
    }
}
