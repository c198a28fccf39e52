//! What takes a peer several steps over connections: joining, leaving, full exchanges, comparisons of records, and
//! attempts to reach those who failed (spec networking 8.1 and 8.4).
//!
//! An errand has one step under way: a connection that is opened, an event of its own that is sent until everybody
//! should know it, or records that it waits for. Each step has a deadline.
use std::collections::VecDeque;

use super::super::limits::{
    BROADCAST_TIMEOUT, BULK_SYNC_ACK, BULK_SYNC_INTERVAL, CONNECT_TIMEOUT, RECONNECT_INTERVAL,
    REJOIN_DURATION, REJOIN_INTERVAL, push_pull_interval,
};
use super::super::members::Status;
use super::super::message::{Purpose, Rumor};
use super::super::{Notice, Operation, Payload, PeerId};
use super::{Dial, Lots, NodeStatus, Out, Peer, Timer};
use crate::kernel::{Ppm, SimDuration, SimTime};
use crate::model::{HostId, NetworkId};

/// How long whoever leaves waits until the others were told.
const FAREWELL_TIMEOUT: SimDuration = SimDuration::from_secs(1);

/// How often whoever waits for a sending wins the race against the next packet of the same tick.
const QUICK_ENOUGH: Ppm = Ppm(500_000);

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialled {
    /// An errand's, by its number.
    Errand(u32),
    /// A probe's.
    Probe { number: u32, target: PeerId },
    /// It answers a comparison, and nobody waits for it.
    Answer,
}

/// What an errand is for.
#[derive(Clone, Debug)]
enum Job {
    /// The periodic full exchange.
    PushPull,
    /// The periodic comparison: networks still to be done, and whom to ask about the first of them.
    BulkSync { networks: VecDeque<NetworkId>, partners: VecDeque<PeerId> },
    /// An attempt to reach a failed node. Once this node has said so to all, their records are compared.
    Reconnect { peer: PeerId, announced: bool },
    /// The first nodes of the cluster are joined, at the start or anew until this time.
    Join { hosts: VecDeque<HostId>, joined: bool, anew_until: Option<SimTime> },
    /// A network is joined: its records are compared with everybody's.
    JoinNetwork { network: NetworkId, partners: VecDeque<PeerId> },
    /// The cluster is left.
    Leave,
}

/// The step that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A connection is opened, and for a full exchange also answered.
    Connect,
    /// An own event is sent.
    Announce { version: u64 },
    /// The word that this peer has left is sent.
    SayFarewell,
    /// The other side's records are waited for.
    Records { from: PeerId },
    /// A pause before the next attempt.
    Pause,
}

/// Something under way.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    job: Job,
    step: Step,
    began: SimTime,
    deadline: SimTime,
}

impl<V: Payload> Peer<V> {
    /// The process starts: it ticks from now on, and joins the nodes that it was given.
    pub(crate) fn start(&mut self, now: SimTime, lots: &mut Lots, out: &mut Out<V>) {
        self.members.set_self(now, self.host, self.incarnation, &mut lots.probes);
        self.nodes.set(now, self.id, self.host, NodeStatus::Active);
        self.arm_periodic(now, false, lots, out);
        if self.bootstrap.is_empty() {
            out.notices.push(Notice::JoinedCluster { peer: self.id });
            return;
        }
        let hosts = self.bootstrap.iter().copied().collect();
        let errand = self.begin(now, Job::Join { hosts, joined: false, anew_until: None });
        self.join_next(now, errand, out);
    }

    /// Sets the timers of all periodic work. `settled`: it has gone on for a while.
    pub(crate) fn arm_periodic(&mut self, now: SimTime, settled: bool, lots: &mut Lots, out: &mut Out<V>) {
        use super::super::limits::{PROBE_INTERVAL, PUSH_PULL_INTERVAL};
        out.timers.push((self.tick_after(now, PROBE_INTERVAL), Timer::Probe));
        out.timers.push((self.tick_after(now, BULK_SYNC_INTERVAL), Timer::BulkSync));
        // The first full exchange comes after a random pause and one period. Peers that run since before the
        // run began are somewhere in a period.
        let pause = lots.partners.span(SimDuration::ZERO, PUSH_PULL_INTERVAL);
        let period = push_pull_interval(self.members.len());
        let first = if settled { pause } else { pause + period };
        out.timers.push((now + first, Timer::PushPull));
        if !self.bootstrap.is_empty() {
            out.timers.push((self.tick_after(now, REJOIN_INTERVAL), Timer::Rejoin));
        }
    }

    /// Something is to be done to networks or records. What comes before the cluster is joined waits for that.
    pub(crate) fn operate(&mut self, now: SimTime, operation: Operation<V>, out: &mut Out<V>) {
        let joining = |errand: &Errand| matches!(errand.job, Job::Join { anew_until: None, .. });
        if self.errands.values().any(joining) {
            self.waiting.push(operation);
            return;
        }
        match operation {
            Operation::Join(network) => self.join_network(now, network, out),
            Operation::Leave(network) => {
                let version = self.tables.leave(now, network);
                self.announce_part(network, version, true);
            }
            Operation::Publish { network, key, value } => self.tables.publish(network, key, value),
            Operation::Withdraw { network, key } => self.tables.withdraw(now, network, key),
            Operation::LeaveCluster => {
                let errand = self.begin(now, Job::Leave);
                self.announce(now, errand, true, out);
            }
        }
        self.arm(now, out);
    }

    /// True from the moment on in which it was told to leave.
    pub(crate) fn is_leaving(&self) -> bool {
        let waits = self.waiting.iter().any(|operation| matches!(operation, Operation::LeaveCluster));
        waits || self.errands.values().any(|errand| matches!(errand.job, Job::Leave))
    }

    /// A connection of this peer came to nothing, or did what it was for. A comparison is complete only when the
    /// other side has answered.
    pub(crate) fn dialled(
        &mut self,
        now: SimTime,
        dialled: Dialled,
        succeeded: bool,
        lots: &mut Lots,
        out: &mut Out<V>,
    ) {
        match dialled {
            Dialled::Errand(errand) => {
                if self.errands.get(&errand).is_some_and(|errand| errand.step == Step::Connect) {
                    self.connected(now, errand, succeeded, lots, out);
                }
            }
            Dialled::Probe { number, .. } if succeeded => self.reached_by_connection(number),
            Dialled::Probe { .. } | Dialled::Answer => {}
        }
        self.arm(now, out);
    }

    /// Another peer's answer to a comparison has come.
    pub(crate) fn records_came(&mut self, now: SimTime, from: PeerId, lots: &mut Lots, out: &mut Out<V>) {
        let waits = |errand: &Errand| errand.step == Step::Records { from };
        let waiting: Vec<u32> =
            self.errands.iter().filter(|(_, errand)| waits(errand)).map(|(id, _)| *id).collect();
        for errand in waiting {
            self.compared(now, errand, true, lots, out);
        }
    }

    /// Another peer has sent its records and wants this one's.
    pub(crate) fn answer_records(&mut self, to: PeerId, networks: &[NetworkId], out: &mut Out<V>) {
        let Some(node) = self.nodes.active(to) else { return };
        let purpose = Purpose::BulkSync { networks: networks.to_vec(), unsolicited: false };
        out.dials.push(Dial { host: node.host, purpose, dialled: Dialled::Answer });
    }

    /// A step of an errand has taken as long as it may.
    pub(super) fn errand_timeout(&mut self, now: SimTime, id: u32, lots: &mut Lots, out: &mut Out<V>) {
        let Some(errand) = self.errands.get(&id).filter(|errand| errand.deadline <= now) else { return };
        match errand.step {
            Step::Connect => self.connected(now, id, false, lots, out),
            Step::Announce { version } => {
                let sent = self.is_alone() || !self.node_rumors.contains((self.id, version));
                self.announced(now, id, sent, lots, out);
            }
            Step::SayFarewell => self.gone(id, out),
            // Whoever waits in vain treats what was sent as a success: the other side may have it.
            Step::Records { .. } => self.compared(now, id, true, lots, out),
            Step::Pause => self.rejoin(now, id, out),
        }
    }

    pub(super) fn begin_push_pull(&mut self, now: SimTime, lots: &mut Lots, out: &mut Out<V>) {
        let drawn = self.members.draw(1, &mut lots.partners, |_, member| member.status == Status::Alive);
        match drawn.first().and_then(|partner| self.members.get(*partner)).map(|partner| partner.host) {
            Some(host) => {
                let errand = self.begin(now, Job::PushPull);
                self.connect(now, errand, host, Purpose::PushPull, out);
            }
            None => self.arm_push_pull(now, out),
        }
    }

    fn arm_push_pull(&self, now: SimTime, out: &mut Out<V>) {
        out.timers.push((now + push_pull_interval(self.members.len()), Timer::PushPull));
    }

    pub(super) fn begin_bulk_sync(&mut self, now: SimTime, lots: &mut Lots, out: &mut Out<V>) {
        let networks = self.tables.networks().collect();
        let errand = self.begin(now, Job::BulkSync { networks, partners: VecDeque::new() });
        self.sync_next(now, errand, lots, out);
    }

    pub(super) fn begin_reconnect(&mut self, now: SimTime, lots: &mut Lots, out: &mut Out<V>) {
        let failed = self.nodes.failed();
        if failed.is_empty() {
            return;
        }
        let drawn = lots.partners.below(failed.len() as u64) as usize;
        let peer = *failed.iter().nth(drawn).expect("one of the failed was drawn");
        let host = self.nodes.host(peer).expect("failed nodes are known");
        let errand = self.begin(now, Job::Reconnect { peer, announced: false });
        self.connect(now, errand, host, Purpose::PushPull, out);
    }

    /// There is a failed node: attempts to reach it begin with the next tick, unless one is under way.
    pub(super) fn arm_reconnect(&mut self, now: SimTime, out: &mut Out<V>) {
        let reconnects = |errand: &Errand| matches!(errand.job, Job::Reconnect { .. });
        if !self.errands.values().any(reconnects) {
            out.timers.push((self.tick_after(now, RECONNECT_INTERVAL), Timer::Reconnect));
        }
    }

    pub(super) fn begin_rejoin(&mut self, now: SimTime, out: &mut Out<V>) {
        let anew_until = Some(now + REJOIN_DURATION);
        let errand = self.begin(now, Job::Join { hosts: VecDeque::new(), joined: false, anew_until });
        self.step(now, errand, Step::Pause, RECONNECT_INTERVAL, out);
    }

    fn rejoin(&mut self, now: SimTime, id: u32, out: &mut Out<V>) {
        let all: VecDeque<HostId> = self.bootstrap.iter().copied().collect();
        if let Some(Errand { job: Job::Join { hosts, .. }, .. }) = self.errands.get_mut(&id) {
            *hosts = all;
        }
        self.join_next(now, id, out);
    }

    fn join_network(&mut self, now: SimTime, network: NetworkId, out: &mut Out<V>) {
        let version = self.tables.join(network);
        self.announce_part(network, version, false);
        let own = self.id;
        let partners = self.tables.group(network).iter().copied().filter(|peer| *peer != own).collect();
        let errand = self.begin(now, Job::JoinNetwork { network, partners });
        self.compare_next(now, errand, out);
    }

    fn announce_part(&mut self, network: NetworkId, version: u64, leaves: bool) {
        let rumor = Rumor::Network { peer: self.id, network, version, leaves };
        self.network_rumors.push((self.id, network), rumor.size_bytes(), rumor);
    }

    fn begin(&mut self, now: SimTime, job: Job) -> u32 {
        self.numbers += 1;
        self.errands.insert(
            self.numbers,
            Errand { job, step: Step::Pause, began: now, deadline: SimTime::FAR_FUTURE },
        );
        self.numbers
    }

    fn step(&mut self, now: SimTime, id: u32, step: Step, limit: SimDuration, out: &mut Out<V>) {
        let errand = self.errands.get_mut(&id).expect("the errand is under way");
        errand.step = step;
        errand.deadline = now + limit;
        out.timers.push((errand.deadline, Timer::Errand(id)));
    }

    fn connect(&mut self, now: SimTime, id: u32, host: HostId, purpose: Purpose, out: &mut Out<V>) {
        self.step(now, id, Step::Connect, CONNECT_TIMEOUT, out);
        out.dials.push(Dial { host, purpose, dialled: Dialled::Errand(id) });
    }

    /// Sends an own event about this node, and waits until it has been sent often enough.
    fn announce(&mut self, now: SimTime, id: u32, leaves: bool, out: &mut Out<V>) {
        self.tables.network_clock += 1;
        let version = self.tables.network_clock;
        let rumor = Rumor::Node { peer: self.id, version, leaves };
        self.node_rumors.push((self.id, version), rumor.size_bytes(), rumor);
        let limit = if self.is_alone() { SimDuration::ZERO } else { BROADCAST_TIMEOUT };
        self.step(now, id, Step::Announce { version }, limit, out);
    }

    fn is_alone(&self) -> bool {
        self.nodes.active_count() <= 1
    }

    /// After something was sent: some errand may have waited for exactly that.
    pub(super) fn look_for_announced(&mut self, now: SimTime, out: &mut Out<V>) {
        let own = self.id;
        for errand in self.errands.values_mut() {
            let sent = match errand.step {
                Step::Announce { version } => !self.node_rumors.contains((own, version)),
                Step::SayFarewell => !self.rumors.contains(own),
                Step::Connect | Step::Records { .. } | Step::Pause => false,
            };
            if sent && errand.deadline > now {
                // The deadline comes at once, and finds that the event was sent.
                errand.deadline = now;
            }
        }
        let due = self.errands.iter().filter(|(_, errand)| errand.deadline == now);
        out.timers.extend(due.map(|(id, _)| (now, Timer::Errand(*id))));
    }

    /// Errands whose own event was sent often enough go on before the next packet leaves, if they are quick enough: in
    /// the real system a goroutine waits for it, and the two race.
    pub(super) fn go_on_announced(&mut self, now: SimTime, lots: &mut Lots, out: &mut Out<V>) {
        let own = self.id;
        let is_sent = |errand: &Errand| match errand.step {
            Step::Announce { version } => !self.node_rumors.contains((own, version)),
            Step::SayFarewell | Step::Connect | Step::Records { .. } | Step::Pause => false,
        };
        let sent: Vec<u32> =
            self.errands.iter().filter(|(_, errand)| is_sent(errand)).map(|(id, _)| *id).collect();
        for id in sent {
            if lots.members.chance(QUICK_ENOUGH) {
                self.announced(now, id, true, lots, out);
            }
        }
    }

    fn connected(&mut self, now: SimTime, id: u32, succeeded: bool, lots: &mut Lots, out: &mut Out<V>) {
        let errand = self.errands.get_mut(&id).expect("the errand is under way");
        match &mut errand.job {
            Job::PushPull => self.finish(now, id, out),
            Job::Reconnect { announced, .. } if succeeded && !*announced => {
                *announced = true;
                self.announce(now, id, false, out);
            }
            Job::Reconnect { peer, .. } if succeeded => {
                let from = *peer;
                self.step(now, id, Step::Records { from }, BULK_SYNC_ACK, out);
            }
            Job::Reconnect { .. } => self.finish(now, id, out),
            Job::Join { joined, .. } => {
                *joined |= succeeded;
                self.join_next(now, id, out);
            }
            Job::BulkSync { partners, .. } | Job::JoinNetwork { partners, .. } => {
                let partner = partners.front().copied().expect("somebody was asked");
                if succeeded {
                    self.step(now, id, Step::Records { from: partner }, BULK_SYNC_ACK, out);
                } else {
                    self.compared(now, id, false, lots, out);
                }
            }
            Job::Leave => unreachable!("leaving opens no connection"),
        }
    }

    /// An own event was sent often enough, or takes too long.
    fn announced(&mut self, now: SimTime, id: u32, sent: bool, lots: &mut Lots, out: &mut Out<V>) {
        match self.errands[&id].job {
            Job::Reconnect { peer, .. } if sent => self.compare_after_reconnect(now, id, peer, out),
            Job::Leave => self.say_farewell(now, id, lots, out),
            Job::Reconnect { .. }
            | Job::Join { .. }
            | Job::PushPull
            | Job::BulkSync { .. }
            | Job::JoinNetwork { .. } => self.finish(now, id, out),
        }
    }

    fn compare_after_reconnect(&mut self, now: SimTime, id: u32, peer: PeerId, out: &mut Out<V>) {
        let networks = self.tables.common_networks(peer);
        match self.nodes.active(peer) {
            Some(node) if !networks.is_empty() => {
                let host = node.host;
                self.connect(now, id, host, Purpose::BulkSync { networks, unsolicited: true }, out);
            }
            Some(_) | None => self.finish(now, id, out),
        }
    }

    fn say_farewell(&mut self, now: SimTime, id: u32, lots: &mut Lots, out: &mut Out<V>) {
        self.leaving = true;
        let alone = self.is_alone();
        let farewell = Rumor::Dead { peer: self.id, incarnation: self.incarnation, from: self.id };
        self.hear_rumor(now, farewell, lots, out);
        let limit = if alone { SimDuration::ZERO } else { FAREWELL_TIMEOUT };
        self.step(now, id, Step::SayFarewell, limit, out);
    }

    fn gone(&mut self, id: u32, out: &mut Out<V>) {
        self.errands.remove(&id);
        out.notices.push(Notice::LeftCluster { peer: self.id });
    }

    /// Joins the next of the given nodes; after the last one this node says that it is there.
    fn join_next(&mut self, now: SimTime, id: u32, out: &mut Out<V>) {
        let errand = self.errands.get_mut(&id).expect("the errand is under way");
        let Job::Join { hosts, joined, anew_until } = &mut errand.job else {
            unreachable!("only joining goes through a list of hosts")
        };
        if let Some(host) = hosts.pop_front() {
            return self.connect(now, id, host, Purpose::PushPull, out);
        }
        let (joined, anew_until) = (*joined, *anew_until);
        match anew_until {
            _ if joined => self.announce(now, id, false, out),
            Some(until) if now + RECONNECT_INTERVAL < until => {
                let pause = self.tick_after(now, RECONNECT_INTERVAL).since(now);
                self.step(now, id, Step::Pause, pause, out);
            }
            Some(_) | None => self.finish(now, id, out),
        }
    }

    /// Compares the records of the next network with one of its group.
    fn sync_next(&mut self, now: SimTime, id: u32, lots: &mut Lots, out: &mut Out<V>) {
        loop {
            let errand = self.errands.get_mut(&id).expect("the errand is under way");
            let Job::BulkSync { networks, partners } = &mut errand.job else {
                unreachable!("only the periodic comparison goes through a list of networks")
            };
            if let Some(partner) = partners.front().copied() {
                let common = self.tables.common_networks(partner);
                let host = self.nodes.active(partner).map(|node| node.host);
                if let Some(host) = host {
                    let purpose = Purpose::BulkSync { networks: common, unsolicited: true };
                    return self.connect(now, id, host, purpose, out);
                }
                self.partners_of(id).pop_front();
                continue;
            }
            let Some(network) = networks.pop_front() else { return self.finish(now, id, out) };
            let drawn = self.draw_from_group(network, 2, &mut lots.partners);
            self.partners_of(id).extend(drawn.into_iter().flatten());
        }
    }

    fn partners_of(&mut self, id: u32) -> &mut VecDeque<PeerId> {
        match &mut self.errands.get_mut(&id).expect("the errand is under way").job {
            Job::BulkSync { partners, .. } | Job::JoinNetwork { partners, .. } => partners,
            Job::PushPull | Job::Reconnect { .. } | Job::Join { .. } | Job::Leave => {
                unreachable!("only comparisons have partners")
            }
        }
    }

    /// A comparison with one peer is over.
    fn compared(&mut self, now: SimTime, id: u32, succeeded: bool, lots: &mut Lots, out: &mut Out<V>) {
        match &mut self.errands.get_mut(&id).expect("the errand is under way").job {
            Job::BulkSync { networks, partners } => {
                let partner = partners.pop_front().expect("somebody was asked");
                if succeeded {
                    // It covered all networks that both take part in.
                    partners.clear();
                    let common = self.tables.common_networks(partner);
                    networks.retain(|network| !common.contains(network));
                }
                self.sync_next(now, id, lots, out);
            }
            Job::JoinNetwork { partners, .. } => {
                partners.pop_front();
                self.compare_next(now, id, out);
            }
            Job::Reconnect { .. } => self.finish(now, id, out),
            Job::PushPull | Job::Join { .. } | Job::Leave => unreachable!("only comparisons have partners"),
        }
    }

    /// Compares the records of a network that was joined with the next of its group.
    fn compare_next(&mut self, now: SimTime, id: u32, out: &mut Out<V>) {
        while let Some(partner) = self.partners_of(id).front().copied() {
            if let Some(host) = self.nodes.active(partner).map(|node| node.host) {
                let networks = self.tables.common_networks(partner);
                return self.connect(now, id, host, Purpose::BulkSync { networks, unsolicited: true }, out);
            }
            self.partners_of(id).pop_front();
        }
        self.finish(now, id, out);
    }

    /// An errand is over: its turn comes again, or what waited for it is done.
    fn finish(&mut self, now: SimTime, id: u32, out: &mut Out<V>) {
        let Errand { job, began, .. } = self.errands.remove(&id).expect("the errand is under way");
        match job {
            Job::PushPull => self.arm_push_pull(now, out),
            Job::BulkSync { .. } => {
                out.timers.push((self.turn_after(began, now, BULK_SYNC_INTERVAL), Timer::BulkSync));
            }
            Job::Reconnect { .. } => {
                out.timers.push((self.turn_after(began, now, RECONNECT_INTERVAL), Timer::Reconnect));
            }
            Job::Join { anew_until: Some(_), .. } => {
                out.timers.push((self.turn_after(began, now, REJOIN_INTERVAL), Timer::Rejoin));
            }
            Job::Join { anew_until: None, .. } => {
                out.notices.push(Notice::JoinedCluster { peer: self.id });
                for operation in std::mem::take(&mut self.waiting) {
                    self.operate(now, operation, out);
                }
            }
            Job::JoinNetwork { network, .. } => {
                self.tables.set_in_sync(network);
                out.notices.push(Notice::JoinedNetwork { peer: self.id, network });
            }
            Job::Leave => unreachable!("a peer that has left is gone"),
        }
    }
}
