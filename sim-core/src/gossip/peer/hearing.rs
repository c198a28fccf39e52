//! What a peer does with what it hears: packets, rumors, the state of others.
use super::super::members::{Outcome, Status};
use super::super::message::{Body, BulkSync, Datagram, FullState, Membership, Rumor};
use super::super::{Notice, Payload, PeerId};
use super::{Lots, NodeStatus, Out, Peer, Timer};
use crate::kernel::SimTime;
use crate::model::HostId;

impl<V: Payload> Peer<V> {
    /// A packet arrives.
    pub(crate) fn hear(&mut self, now: SimTime, datagram: &Datagram<V>, lots: &mut Lots, out: &mut Out<V>) {
        let Datagram { from_host, body, rumors, .. } = datagram;
        match body {
            Body::Gossip => {}
            Body::Ping { number, target } if *target == self.id => {
                self.send_with_rumors(now, *from_host, Body::Ack { number: *number }, out);
            }
            // It is meant for an earlier process at this address.
            Body::Ping { .. } => {}
            Body::Ack { number } => self.hear_ack(now, *number, out),
            Body::IndirectPing { number, target, host } => {
                self.probe_for(now, (*from_host, *number), (*target, *host), out);
            }
            Body::Nack { number } => self.hear_nack(*number),
            Body::Records(told) => {
                for told in told.iter() {
                    self.tables.hear(now, told, false, &mut out.changes);
                }
            }
        }
        for rumor in rumors {
            self.hear_rumor(now, *rumor, lots, out);
        }
        self.arm(now, out);
    }

    /// A rumor, or what this peer itself has found out.
    pub(crate) fn hear_rumor(&mut self, now: SimTime, rumor: Rumor, lots: &mut Lots, out: &mut Out<V>) {
        match rumor {
            Rumor::Alive { peer, host, incarnation } => {
                let outcome = self.members.alive(now, (peer, host), incarnation, &mut lots.probes);
                self.react(now, rumor, peer, outcome, lots, out);
            }
            Rumor::Suspect { peer, incarnation, from } => {
                let outcome = self.members.suspect(now, peer, incarnation, from);
                self.react(now, rumor, peer, outcome, lots, out);
            }
            Rumor::Dead { peer, incarnation, from } => {
                let outcome = self.members.dead(now, peer, incarnation, from);
                self.react(now, rumor, peer, outcome, lots, out);
            }
            Rumor::Network { peer, network, version, leaves: leaving } => {
                let part = Membership { peer, network, version, leaving };
                let is_active = self.nodes.active(peer).is_some();
                if self.tables.hear_part(now, part, is_active, &mut out.changes) {
                    self.network_rumors.push((peer, network), rumor.size_bytes(), rumor);
                }
            }
            Rumor::Node { peer, version, leaves } => {
                if self.hear_node(now, peer, version, leaves, out) {
                    self.node_rumors.push((peer, version), rumor.size_bytes(), rumor);
                }
            }
        }
    }

    fn react(
        &mut self,
        now: SimTime,
        rumor: Rumor,
        peer: PeerId,
        outcome: Outcome,
        lots: &mut Lots,
        out: &mut Out<V>,
    ) {
        match outcome {
            Outcome::Old => return,
            Outcome::Accused { incarnation } => {
                if !self.leaving {
                    self.refute(now, incarnation, lots);
                }
                return;
            }
            Outcome::News => {}
            Outcome::Suspected { until } => out.timers.push((until, Timer::Suspicion(peer))),
            Outcome::Joined => self.node_joined(now, peer, out),
            // Its own end means nothing to a peer that leaves.
            Outcome::Gone { .. } if peer == self.id => {}
            Outcome::Gone { left } => self.node_gone(now, peer, left, out),
        }
        self.rumors.push(peer, rumor.size_bytes(), rumor);
    }

    /// Says with a higher incarnation that it lives. That it had to is no good sign for its own connection.
    fn refute(&mut self, now: SimTime, accused: u32, lots: &mut Lots) {
        self.incarnation = (self.incarnation + 1).max(accused + 1);
        self.members.set_self(now, self.host, self.incarnation, &mut lots.probes);
        self.worse(1);
        let alive = Rumor::Alive { peer: self.id, host: self.host, incarnation: self.incarnation };
        self.rumors.push(self.id, alive.size_bytes(), alive);
    }

    /// A member is there. A new one at the address of an old one replaces it.
    fn node_joined(&mut self, now: SimTime, peer: PeerId, out: &mut Out<V>) {
        let host = self.members.get(peer).expect("it has joined").host;
        out.notices.push(Notice::Joined { seen_by: self.id, peer, host });
        if !self.nodes.contains(peer) {
            self.replace_earlier(now, peer, host, out);
        }
        self.nodes.set(now, peer, host, NodeStatus::Active);
    }

    fn replace_earlier(&mut self, now: SimTime, peer: PeerId, host: HostId, out: &mut Out<V>) {
        if let Some(earlier) = self.nodes.earlier_at(host, peer) {
            self.nodes.set(now, earlier, host, NodeStatus::Left);
            self.tables.forget(earlier, &mut out.changes);
        }
    }

    /// A member is dead or has left. Its records go with it.
    fn node_gone(&mut self, now: SimTime, peer: PeerId, left: bool, out: &mut Out<V>) {
        let host = self.members.get(peer).expect("it was there").host;
        out.notices.push(Notice::Gone { seen_by: self.id, peer, host, left });
        if self.nodes.active(peer).is_none() {
            return;
        }
        let was_complete = self.nodes.failed().is_empty();
        self.nodes.set(now, peer, host, NodeStatus::Failed);
        self.tables.forget(peer, &mut out.changes);
        self.arm_node_reaper(now, out);
        if was_complete {
            self.arm_reconnect(now, out);
        }
    }

    /// A node has joined, which changes nothing for one that is active, or says that it will leave.
    fn hear_node(
        &mut self,
        now: SimTime,
        peer: PeerId,
        version: u64,
        leaves: bool,
        out: &mut Out<V>,
    ) -> bool {
        self.tables.network_clock = self.tables.network_clock.max(version);
        let Some(node) = self.nodes.hear(peer, version) else { return false };
        let host = node.host;
        if node.status != NodeStatus::Active || !leaves || peer == self.id {
            return false;
        }
        self.nodes.set(now, peer, host, NodeStatus::Left);
        self.tables.forget(peer, &mut out.changes);
        true
    }

    /// All that this peer knows of members and networks.
    pub(crate) fn full_state(&self) -> FullState {
        FullState { members: self.members.states(), memberships: self.tables.memberships() }
    }

    /// Takes over what another peer knows. Whom the other holds for dead is suspect here, so that it can refute it.
    pub(crate) fn merge(&mut self, now: SimTime, state: &FullState, lots: &mut Lots, out: &mut Out<V>) {
        for member in &state.members {
            let (peer, incarnation) = (member.peer, member.incarnation);
            let rumor = match member.status {
                Status::Alive => Rumor::Alive { peer, host: member.host, incarnation },
                Status::Left => Rumor::Dead { peer, incarnation, from: peer },
                Status::Dead | Status::Suspect => Rumor::Suspect { peer, incarnation, from: self.id },
            };
            self.hear_rumor(now, rumor, lots, out);
        }
        for part in &state.memberships {
            let is_active = self.nodes.active(part.peer).is_some();
            self.tables.hear_part(now, *part, is_active, &mut out.changes);
        }
        self.arm(now, out);
    }

    /// Takes over the records of another peer.
    pub(crate) fn hear_records(&mut self, now: SimTime, sync: &BulkSync<V>, out: &mut Out<V>) {
        self.tables.witness(sync.clock);
        for told in &sync.records {
            self.tables.hear(now, told, true, &mut out.changes);
        }
        self.arm(now, out);
    }
}
