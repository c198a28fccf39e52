//! What hosts send each other goes over the network, and what meets a cut link waits there.
use super::Cluster;
use crate::model::{FactId, Heading, HostId, SwarmPort};
use crate::net::{Carriage, Passage};
use crate::protocol::{Effects, Envelope, Event, Message, Request};

impl Cluster {
    /// A host loses power, and tells nobody.
    pub(crate) fn forget_connections(&mut self, dead: HostId) {
        let others = self.connected_to(dead);
        self.unaware.extend(others.into_iter().map(|other| (dead, other)));
    }

    /// Networks do what their agents want, then everything that was sent is routed, in the order of emission.
    pub(crate) fn route_all(&mut self, out: &mut Effects) {
        self.follow_orders(out);
        while self.see_off(out) {
            self.follow_orders(out);
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        out.swap_outbox(&mut outbox);
        for (from, to, cause, message) in outbox.drain(..) {
            self.route(from, to, cause, message, out);
        }
        self.outbox = outbox;
    }

    fn follow_orders(&mut self, out: &mut Effects) {
        if out.has_orders() {
            self.carry_out_orders(out);
        }
        if !self.record_changes.is_empty() {
            self.spread(out);
        }
    }

    pub(super) fn route(
        &mut self,
        from: HostId,
        to: HostId,
        cause: FactId,
        message: Message,
        out: &mut Effects,
    ) {
        if let Message::HangUp { call } = message {
            if let Some(dial) = self.dialled.remove(&call) {
                return out.cancel_timer(dial);
            }
            if self.net.gives_up(from, to, call) {
                return;
            }
        }
        if let Message::Request { request: Request::Session { .. }, .. } = message {
            self.drop_answers(to, from, out);
        }
        let carriage = carriage(&message);
        let to_life = self.hosts.get(to).expect("messages go to hosts").lives.process();
        let heading = self.heading(from, &message);
        let envelope = Box::new(Envelope { from, to, to_life, cause, heading, message });
        if self.net.lacks_way_back(&envelope) {
            return self.stop_at_cut(envelope, out);
        }
        match self.net.passage(out.now(), from, to, heading, carriage) {
            Passage::Arrives(at) => {
                out.schedule(at, Event::Deliver(envelope));
            }
            Passage::Lost | Passage::Blocked => self.stop_at_cut(envelope, out),
        }
    }

    /// The agent of a host dials a manager anew: what that has said over the connection before, and has not arrived
    /// yet, finds it closed (spec control-plane 7.1).
    fn drop_answers(&mut self, manager: HostId, host: HostId, out: &mut Effects) {
        self.net.drop_answers(manager, host);
        for late in self.late_answers.remove(&(manager, host)).into_iter().flatten() {
            out.cancel_timer(late);
        }
    }

    /// A manager listens for requests; what it says to its callers goes back over their connections.
    fn heading(&self, from: HostId, message: &Message) -> Heading {
        match message {
            Message::Request { .. } | Message::HangUp { .. } => Heading::To(SwarmPort::Management),
            Message::Item { .. } | Message::Answer { .. } => Heading::Back,
            // It ends connections that were opened to a manager, or by a host without one.
            Message::Reset if self.has_manager(from) => Heading::Back,
            Message::Reset => Heading::To(SwarmPort::Management),
        }
    }

    /// A message meets a link that is cut, or lost it, or has no connection because nothing comes back.
    pub(super) fn stop_at_cut(&mut self, envelope: Box<Envelope>, out: &mut Effects) {
        let Envelope { from, to, heading, .. } = *envelope;
        if let Some(fault) = self.net.fault_between(from, to, heading) {
            out.silence_path(from, to, heading, fault);
        }
        if self.net.lacks_way_back(&envelope)
            && let Some(fault) = self.net.fault_between(to, from, Heading::Back)
        {
            out.silence_path(from, to, heading, fault);
            out.silence_path(to, from, Heading::Back, fault);
        }
        if carriage(&envelope.message) == Carriage::Repeated {
            self.net.block(out.now(), envelope);
        }
    }

    /// What waits for healed links goes on its way. Whoever gives up a call before its connection is there, has never
    /// asked.
    pub(crate) fn release_blocked(&mut self, out: &mut Effects) {
        for (at, envelope) in self.net.unblocked(out.now()) {
            let dials = envelope.message.begins_connection();
            let answered = envelope.message.is_for_agent().then_some((envelope.from, envelope.to));
            let event = out.schedule(at, Event::Deliver(envelope));
            if let Some(way) = answered {
                self.late_answers.entry(way).or_default().push(event);
            }
            self.dialled.extend(dials.map(|call| (call, event)));
        }
    }

    /// Tells everybody that the process of a host has died.
    pub(crate) fn broadcast_reset(&mut self, dead: HostId, out: &mut Effects) {
        let cause = out.cause();
        for other in self.connected_to(dead) {
            self.route(dead, other, cause, Message::Reset, out);
        }
    }

    /// Whoever may have a connection with a host: one of the two is a manager.
    fn connected_to(&self, id: HostId) -> Vec<HostId> {
        let managers = self.manager_hosts();
        let others = if managers.contains(&id) { self.hosts.ids().collect() } else { managers };
        others.into_iter().filter(|other| *other != id).collect()
    }
}

fn carriage(message: &Message) -> Carriage {
    match message {
        Message::Request { request: Request::Raft(_) | Request::Health, .. } => Carriage::Once,
        Message::Request { .. }
        | Message::Item { .. }
        | Message::Answer { .. }
        | Message::HangUp { .. }
        | Message::Reset => Carriage::Repeated,
    }
}
