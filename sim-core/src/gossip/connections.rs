//! Connections between peers: how they come about, and what is exchanged over them.
//!
//! A request for a connection takes a round trip to be answered, and what is sent then one way more. A silent host
//! lets requests repeat until whoever wants the connection has given up; a host without the process refuses at once.
use std::sync::Arc;

use super::limits::CONNECT_ATTEMPTS;
use super::message::{BulkSync, FullState, Purpose};
use super::peer::{Dial, Dialled};
use super::turns::Event;
use super::{Gossip, Links, Payload, PeerId};
use crate::kernel::{SimDuration, SimTime};
use crate::model::HostId;

/// What goes over a connection.
#[derive(Clone, Debug)]
pub(super) enum Message<V> {
    PushPull(Arc<FullState>),
    PushPullReply(Arc<FullState>),
    BulkSync(Arc<BulkSync<V>>),
    /// The same records as the receiver has.
    NothingNew,
    Ping,
    PingReply,
}

impl<V: Payload> Gossip<V> {
    /// A request for a connection leaves.
    pub(super) fn dial(&mut self, from: PeerId, dial: Box<Dial>, attempt: u8, links: &mut impl Links) {
        let now = self.now;
        let Some(here) = self.host_of(from) else { return };
        let there = dial.host;
        let site = self.sites.get(there).expect("the host was added");
        let (there_and_back, target) = (round_trip(now, here, there, links), site.process);
        let Some(leg) = there_and_back.filter(|_| site.powered) else {
            // Nothing comes back: the request is repeated, until whoever wants it gives up.
            if let Some(pause) = CONNECT_ATTEMPTS.get(usize::from(attempt)) {
                let before = attempt
                    .checked_sub(1)
                    .map_or(SimDuration::ZERO, |last| CONNECT_ATTEMPTS[usize::from(last)]);
                let again = now + pause.saturating_sub(before);
                self.queue.push(again, Event::Dial { from, dial, attempt: attempt + 1 });
            }
            return;
        };
        let Dial { purpose, dialled, .. } = *dial;
        let Some(target) = target else {
            self.queue.push(now + leg.times(2), Event::Dialled { peer: from, dialled, succeeded: false });
            return;
        };
        let pointless = self.leaves_out && self.know_the_same(from, target, &purpose, links);
        let arrives = now + leg.times(3);
        let message = match purpose {
            Purpose::PushPull if pointless => {
                self.queue.push(now + leg.times(4), Event::Dialled { peer: from, dialled, succeeded: true });
                return;
            }
            Purpose::PushPull => {
                Message::PushPull(Arc::new(self.peers.get(from).expect("it dials").full_state()))
            }
            Purpose::Ping => Message::Ping,
            Purpose::BulkSync { networks, unsolicited } => {
                self.queue.push(arrives, Event::Dialled { peer: from, dialled, succeeded: true });
                if pointless && unsolicited {
                    Message::NothingNew
                } else {
                    let peer = self.peers.get_mut(from).expect("it dials");
                    let (clock, records) = peer.tables.told(now, &networks);
                    Message::BulkSync(Arc::new(BulkSync { networks, clock, records, unsolicited }))
                }
            }
        };
        if matches!(message, Message::NothingNew) {
            // The other side opens a connection of its own for its answer.
            let answered = arrives + leg.times(3);
            self.queue
                .push(answered, Event::Arrival { to: from, from: target, dialled: Dialled::Answer, message });
        } else {
            self.queue.push(arrives, Event::Arrival { to: target, from, dialled, message });
        }
    }

    /// Something arrives over a connection.
    pub(super) fn arrive(
        &mut self,
        to: PeerId,
        from: PeerId,
        dialled: Dialled,
        message: Message<V>,
        links: &mut impl Links,
    ) {
        let now = self.now;
        match message {
            Message::PushPull(state) => {
                let own = Arc::new(self.peers.get(to).expect("it was addressed").full_state());
                self.reply(to, from, dialled, Message::PushPullReply(own), links);
                self.step(to, links, |peer, lots, out| peer.merge(now, &state, lots, out));
            }
            Message::PushPullReply(state) => self.step(to, links, |peer, lots, out| {
                peer.merge(now, &state, lots, out);
                peer.dialled(now, dialled, true, lots, out);
            }),
            Message::BulkSync(sync) => self.step(to, links, |peer, lots, out| {
                peer.hear_records(now, &sync, out);
                if sync.unsolicited {
                    peer.answer_records(from, &sync.networks, out);
                } else {
                    peer.records_came(now, from, lots, out);
                }
            }),
            Message::NothingNew => {
                self.step(to, links, |peer, lots, out| peer.records_came(now, from, lots, out));
            }
            Message::Ping => {
                // A process that has taken the place of another one does not answer for it.
                if matches!(dialled, Dialled::Probe { target, .. } if target == to) {
                    self.reply(to, from, dialled, Message::PingReply, links);
                }
            }
            Message::PingReply => {
                self.step(to, links, |peer, lots, out| peer.dialled(now, dialled, true, lots, out));
            }
        }
    }

    /// Sends something back over a connection.
    fn reply(
        &mut self,
        by: PeerId,
        to: PeerId,
        dialled: Dialled,
        message: Message<V>,
        links: &mut impl Links,
    ) {
        let (Some(here), Some(there)) = (self.host_of(by), self.host_of(to)) else { return };
        if let Some(delay) = links.answer(self.now, here, there) {
            self.queue.push(self.now + delay, Event::Arrival { to, from: by, dialled, message });
        }
    }
}

/// The longer of the delays there and back, if packets pass both ways.
fn round_trip(now: SimTime, here: HostId, there: HostId, links: &mut impl Links) -> Option<SimDuration> {
    let forth = links.connection(now, here, there)?;
    let back = links.answer(now, there, here)?;
    Some(forth.max(back))
}
