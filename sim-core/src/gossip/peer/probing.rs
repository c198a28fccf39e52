//! Is somebody there? Probes, and those that others make for us (spec networking 8.3).
use super::super::limits::{INDIRECT_PROBES, PROBE_INTERVAL, PROBE_TIMEOUT};
use super::super::members::Status;
use super::super::message::{Body, Purpose, Rumor};
use super::super::{Notice, Payload, PeerId};
use super::{Dial, Dialled, Lots, Out, Peer, Timer};
use crate::kernel::SimTime;
use crate::model::HostId;

/// A probe that is not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    number: u32,
    target: PeerId,
    host: HostId,
    began: SimTime,
    /// Helpers that will say so if they do not get an answer either.
    helpers: u8,
    /// Those that have said so.
    nacks: u8,
    /// The target has answered over a connection.
    reached_by_connection: bool,
}

/// A probe for another peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relay {
    host: HostId,
    number: u32,
}

impl<V: Payload> Peer<V> {
    /// It is time for the next probe. The answer is whom it is for; none: nobody, and the next turn is set.
    pub(crate) fn turn_to_probe(
        &mut self,
        now: SimTime,
        lots: &mut Lots,
        out: &mut Out<V>,
    ) -> Option<PeerId> {
        let target = self.members.next_to_probe(now, &mut lots.probes);
        if target.is_none() {
            out.timers.push((self.tick_after(now, PROBE_INTERVAL), Timer::Probe));
        }
        target
    }

    /// A probe is answered at once: nothing keeps it from that.
    pub(crate) fn probe_without_effort(&mut self, now: SimTime, out: &mut Out<V>) {
        self.awareness = self.awareness.saturating_sub(1);
        out.timers.push((self.tick_after(now, PROBE_INTERVAL), Timer::Probe));
    }

    /// Probes a member. Whoever has failed lately gives it more time.
    pub(crate) fn probe(&mut self, now: SimTime, target: PeerId, out: &mut Out<V>) {
        self.numbers += 1;
        let number = self.numbers;
        let member = self.members.get(target).expect("members are probed");
        let (host, incarnation, status) = (member.host, member.incarnation, member.status);
        let limit = PROBE_INTERVAL.times(u64::from(self.awareness) + 1);
        let mut rumors = self.take_rumors(now, super::PACKET_BYTES - super::PROBE_BYTES, out);
        if status == Status::Suspect {
            // Who is under suspicion hears of it with the probe.
            rumors.insert(0, Rumor::Suspect { peer: target, incarnation, from: self.id });
        }
        self.send(host, Body::Ping { number, target }, rumors, out);
        self.probe = Some(Probe {
            number,
            target,
            host,
            began: now,
            helpers: 0,
            nacks: 0,
            reached_by_connection: false,
        });
        out.timers.push((now + PROBE_TIMEOUT, Timer::ProbeTimeout(number)));
        out.timers.push((now + limit, Timer::ProbeDeadline(number)));
    }

    /// No answer yet: others are asked to try, and a connection is tried.
    pub(super) fn ask_others(&mut self, now: SimTime, number: u32, lots: &mut Lots, out: &mut Out<V>) {
        let Some(probe) = self.probe.as_ref().filter(|probe| probe.number == number) else { return };
        let (target, host) = (probe.target, probe.host);
        let helpers = self.members.draw(INDIRECT_PROBES, &mut lots.probes, |peer, member| {
            peer != target && member.status == Status::Alive
        });
        for helper in &helpers {
            let to = self.members.get(*helper).expect("members were drawn").host;
            self.send_with_rumors(now, to, Body::IndirectPing { number, target, host }, out);
        }
        if let Some(probe) = &mut self.probe {
            probe.helpers = helpers.len() as u8;
        }
        let dialled = Dialled::Probe { number, target };
        out.dials.push(Dial { host, purpose: Purpose::Ping, dialled });
    }

    /// The target of a probe answers, to us or to somebody who probes it for us.
    pub(super) fn hear_ack(&mut self, now: SimTime, number: u32, out: &mut Out<V>) {
        if let Some(Relay { host, number }) = self.relays.remove(&number) {
            return self.send_with_rumors(now, host, Body::Ack { number }, out);
        }
        if self.probe.as_ref().is_some_and(|probe| probe.number == number) {
            self.probe_succeeded(now, out);
        }
    }

    /// A helper had no answer either.
    pub(super) fn hear_nack(&mut self, number: u32) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.number == number) {
            probe.nacks += 1;
        }
    }

    /// The target can be reached over a connection.
    pub(super) fn reached_by_connection(&mut self, number: u32) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.number == number) {
            probe.reached_by_connection = true;
        }
    }

    /// Probes a member for somebody else.
    pub(super) fn probe_for(
        &mut self,
        now: SimTime,
        asked_by: (HostId, u32),
        target: (PeerId, HostId),
        out: &mut Out<V>,
    ) {
        self.numbers += 1;
        let number = self.numbers;
        self.relays.insert(number, Relay { host: asked_by.0, number: asked_by.1 });
        self.send_with_rumors(now, target.1, Body::Ping { number, target: target.0 }, out);
        out.timers.push((now + PROBE_TIMEOUT, Timer::RelayTimeout(number)));
    }

    pub(super) fn relay_timeout(&mut self, now: SimTime, number: u32, _: &mut Lots, out: &mut Out<V>) {
        if let Some(Relay { host, number }) = self.relays.remove(&number) {
            self.send_with_rumors(now, host, Body::Nack { number }, out);
        }
    }

    /// A probe has taken as long as it may. Missing answers of helpers tell that this peer itself may be cut off.
    pub(super) fn probe_deadline(&mut self, now: SimTime, number: u32, lots: &mut Lots, out: &mut Out<V>) {
        let Some(probe) = self.probe.take_if(|probe| probe.number == number) else { return };
        if probe.reached_by_connection {
            self.probe = Some(probe);
            return self.probe_succeeded(now, out);
        }
        let Probe { target, began, helpers, nacks, .. } = probe;
        self.worse(if helpers == 0 { 1 } else { helpers.saturating_sub(nacks) });
        out.notices.push(Notice::ProbeFailed { by: self.id, target });
        out.timers.push((self.turn_after(began, now, PROBE_INTERVAL), Timer::Probe));
        if let Some(member) = self.members.get(target) {
            let suspect = Rumor::Suspect { peer: target, incarnation: member.incarnation, from: self.id };
            self.hear_rumor(now, suspect, lots, out);
        }
    }

    fn probe_succeeded(&mut self, now: SimTime, out: &mut Out<V>) {
        let Some(probe) = self.probe.take() else { return };
        self.awareness = self.awareness.saturating_sub(1);
        out.timers.push((self.turn_after(probe.began, now, PROBE_INTERVAL), Timer::Probe));
    }
}
