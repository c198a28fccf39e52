//! Takes what nodes do to the records of their endpoints to gossip, and brings to the others what it has spread (spec
//! networking 6.3, 8).
//!
//! Gossip runs from the moment on in which the first record is published: as long as there are no records, nobody
//! could tell whether it runs.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Cluster, Power, networks};
use crate::gossip::{Change, Gossip, Links, Operation, Payload, PeerId, RecordKey};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{
    BackendChange, Defect, EndpointId, EndpointRecord, FactId, Heading, HostId, NetworkId, RecordChange,
    RecordEvent, SwarmPort, TaskId,
};
use crate::net::{Carriage, Net, Passage};
use crate::protocol::Effects;

/// What a record needs besides names, and for each published port.
const RECORD_BYTES: u32 = 70;
const PORT_BYTES: u32 = 12;

/// Where datagrams of gossip go, and connections are opened to.
const GOSSIP: Heading = Heading::To(SwarmPort::Gossip);

/// Gossip of a cluster, once it is needed.
#[derive(Debug, Default)]
pub(super) struct Spreading {
    gossip: Option<Gossip<Shared>>,
    /// The networks of each host, until gossip knows them itself.
    joined: BTreeMap<HostId, BTreeSet<NetworkId>>,
    /// Why records were withdrawn.
    withdrawn: BTreeMap<EndpointId, FactId>,
    /// Why hosts have left.
    left: BTreeMap<HostId, FactId>,
    /// The latest faults that stopped what hosts sent, or were sent.
    disturbed: BTreeMap<HostId, FactId>,
}

/// A record that all nodes share, with the fact that made it say this.
#[derive(Clone, Debug)]
struct Shared(Arc<EndpointRecord>, FactId);

impl Payload for Shared {
    fn size_bytes(&self) -> u32 {
        let record = &self.0;
        let names = record.aliases.iter().map(String::len).sum::<usize>() + record.name.len();
        let service = record.service.as_ref().map_or(0, |service| {
            let aliases = service.aliases.iter().map(String::len).sum::<usize>();
            service.name.len() + aliases + PORT_BYTES as usize * service.ingress_ports.len()
        });
        RECORD_BYTES + (names + service) as u32
    }
}

/// The links of the cluster, as gossip uses them. Notes which faults disturb whom.
struct Wires<'a>(&'a mut Net, &'a mut BTreeMap<HostId, FactId>);

impl Wires<'_> {
    /// Something that one host sent does not arrive at another.
    fn lost(&mut self, from: HostId, to: HostId) {
        if let Some(fault) = self.0.fault_between(from, to, GOSSIP) {
            self.1.extend([(from, fault), (to, fault)]);
        }
    }
}

impl Links for Wires<'_> {
    fn datagram(&mut self, now: SimTime, from: HostId, to: HostId) -> [Option<SimDuration>; 2] {
        match self.0.passage(now, from, to, GOSSIP, Carriage::Once) {
            Passage::Arrives(at) => [Some(at.since(now)), None],
            Passage::Lost | Passage::Blocked => {
                self.lost(from, to);
                [None, None]
            }
        }
    }

    fn connection(&mut self, _: SimTime, from: HostId, to: HostId) -> Option<SimDuration> {
        let delay = self.0.connection_delay(from, to, GOSSIP);
        if delay.is_none() {
            self.lost(from, to);
        }
        delay
    }

    fn answer(&mut self, _: SimTime, from: HostId, to: HostId) -> Option<SimDuration> {
        self.0.connection_delay(from, to, Heading::Back)
    }

    fn is_smooth(&self, from: HostId, to: HostId) -> bool {
        self.0.is_smooth(from, to)
    }

    fn are_smooth(&self) -> bool {
        self.0.are_smooth()
    }
}

impl Cluster {
    /// Gossip hears what nodes have done to their records and networks.
    pub(super) fn spread(&mut self, out: &mut Effects) {
        for (host, cause, change) in self.take_record_changes() {
            if self.spreading.gossip.is_none() {
                self.spreading.note(host, &change);
                if !matches!(change, RecordChange::Publish(_)) {
                    continue;
                }
                self.start_gossip(out.now());
            }
            self.tell_gossip(out.now(), host, cause, change);
        }
    }

    /// Gossip goes on until just before a time, or until somebody learns something. The answer is when that is.
    pub(crate) fn gossip_until(&mut self, before: SimTime) -> Option<SimTime> {
        let Spreading { gossip, disturbed, .. } = &mut self.spreading;
        gossip.as_mut()?.run_to_news(before, &mut Wires(&mut self.net, disturbed))
    }

    /// Nodes hear what gossip has to tell now.
    pub(crate) fn hear_gossip(&mut self, out: &mut Effects) {
        let Some(gossip) = &mut self.spreading.gossip else { return };
        gossip.take_notices();
        let changes = gossip.take_changes();
        let mut told: Vec<BackendChange> = Vec::new();
        for (place, (_, host, change)) in changes.iter().enumerate() {
            let cause = self.cause_of(*host, change, out);
            let record = |shared: &Shared| Arc::clone(&shared.0);
            let event = RecordEvent {
                previous: change.previous.as_ref().map(record),
                current: change.current.as_ref().map(record),
            };
            let mesh = &mut self.hosts.get_mut(*host).expect("peers run on hosts").mesh;
            if event.current.is_some() || !self.setup.sabotage.is(Defect::KeepBackends) {
                mesh.hear(&event);
            }
            if self.setup.sabotage.is(Defect::ReviveBackends) {
                mesh.hear(&RecordEvent { previous: event.current, current: event.previous });
            }
            told.extend(mesh.take_backend_changes());
            // What one node hears for one reason is told together.
            let goes_on = changes
                .get(place + 1)
                .is_some_and(|(_, next, change)| next == host && self.cause_of(*next, change, out) == cause);
            if !goes_on {
                self.traffic_hears(*host, cause, &told);
                networks::tell_backends(*host, cause, &told, out);
                told.clear();
            }
        }
        self.route_all(out);
    }

    /// Why a node hears what it hears of a record.
    fn cause_of(&self, host: HostId, change: &Change<Shared>, out: &Effects) -> FactId {
        if let Some(Shared(_, cause)) = &change.current {
            return *cause;
        }
        let Shared(record, last) = change.previous.as_ref().expect("one of the two values is there");
        // A record goes with its owner if nobody has withdrawn it.
        let Spreading { withdrawn, left, disturbed, .. } = &self.spreading;
        let owner = record.host;
        let withdrawn = withdrawn.get(&record.id).copied();
        let cut = |from, to| self.net.fault_between(from, to, GOSSIP);
        let silence =
            || out.silence_cause(host, owner).or_else(|| cut(owner, host)).or_else(|| cut(host, owner));
        // Others can have told it, and a suspicion outlives what has raised it.
        let earlier = || {
            let ended = self.hosts.get(owner).and_then(|host| host.ended_by);
            left.get(&owner).copied().max(disturbed.get(&owner).copied()).max(ended)
        };
        withdrawn.or_else(silence).or_else(earlier).unwrap_or(*last)
    }

    /// The engine of a host ends in an orderly way: its process of gossip says so to the others.
    pub(crate) fn leave_gossip(&mut self, host: HostId, out: &mut Effects) {
        if self.spreading.gossip.is_some() {
            self.tell_gossip(out.now(), host, out.cause(), RecordChange::LeaveCluster);
        }
    }

    /// The processes of hosts end, stand still and go on with their engines.
    pub(crate) fn gossip_follows(&mut self, out: &mut Effects) {
        let Some(gossip) = &mut self.spreading.gossip else { return };
        for (id, host) in self.hosts.iter() {
            if gossip.process(id).is_none() {
                gossip.set_power(id, host.power != Power::Off);
                continue;
            }
            match (host.power, &host.frozen) {
                (Power::Off, _) => gossip.stop(out.now(), id, false),
                // Before an engine that was told to stop is over, its process of gossip has said farewell.
                (Power::EngineStopped, _) if gossip.is_leaving(id) => {}
                (Power::EngineStopped, _) => gossip.stop(out.now(), id, true),
                (Power::On, Some(_)) => gossip.freeze(out.now(), id),
                (Power::On, None) => gossip.thaw(out.now(), id),
            }
        }
    }

    /// The process of gossip on a host. Whoever leaves and joins again has another one.
    pub(crate) fn gossip_process(&self, host: HostId) -> Option<PeerId> {
        self.spreading.gossip.as_ref()?.process(host)
    }

    /// Tells the hosts that have left their swarms, and whose gossip has said farewell, that it has. False if there is
    /// none.
    pub(super) fn see_off(&mut self, out: &mut Effects) -> bool {
        let still_leaving = |(host, _): &(HostId, FactId)| self.is_leaving_gossip(*host);
        let Some(place) = self.departing.iter().position(|departing| !still_leaving(departing)) else {
            return false;
        };
        let (id, cause) = self.departing.remove(place);
        let host = self.host_mut(id);
        out.enter(id, host.lives, cause);
        host.farewell_said(out);
        self.deliver_answers(id, out);
        true
    }

    /// True while the process of a host says farewell.
    fn is_leaving_gossip(&self, host: HostId) -> bool {
        self.spreading.gossip.as_ref().is_some_and(|gossip| gossip.is_leaving(host))
    }

    /// True if the process of a host holds itself for gone.
    pub(crate) fn has_given_itself_up(&self, host: HostId) -> bool {
        self.spreading.gossip.as_ref().is_some_and(|gossip| gossip.has_given_itself_up(host))
    }

    fn start_gossip(&mut self, now: SimTime) {
        let mut gossip = Gossip::new(self.seed);
        for (id, host) in self.setup.hosts.iter() {
            gossip.add_host(id, &host.name);
        }
        let joined = std::mem::take(&mut self.spreading.joined);
        let runs = |host: HostId| self.hosts.get(host).is_some_and(|host| host.power == Power::On);
        let joined = joined.into_iter().filter(|(host, _)| runs(*host)).collect();
        gossip.settle(now, &joined, &self.manager_hosts());
        for (id, host) in self.hosts.iter() {
            gossip.set_power(id, host.power != Power::Off);
        }
        self.spreading.gossip = Some(gossip);
    }

    fn tell_gossip(&mut self, now: SimTime, host: HostId, cause: FactId, change: RecordChange) {
        let gossip = self.spreading.gossip.as_ref().expect("gossip runs");
        // Whoever takes part again while its process still says farewell has a new one.
        let leaves = gossip.is_leaving(host);
        let runs = gossip.process(host).is_some() && !(leaves && matches!(change, RecordChange::Join(_)));
        let bootstrap = if runs { Vec::new() } else { self.managers_beside(host) };
        let Spreading { gossip, withdrawn, left, disturbed, .. } = &mut self.spreading;
        let key = |task: TaskId| RecordKey(task.0);
        let operation = match change {
            RecordChange::LeaveCluster if leaves || !runs => return,
            RecordChange::LeaveCluster => {
                left.insert(host, cause);
                Operation::LeaveCluster
            }
            RecordChange::Join(network) => Operation::Join(network),
            RecordChange::Leave(network) => Operation::Leave(network),
            RecordChange::Publish(record) => Operation::Publish {
                network: record.id.network,
                key: key(record.id.task),
                value: Shared(record, cause),
            },
            RecordChange::Withdraw(id) => {
                withdrawn.insert(id, cause);
                Operation::Withdraw { network: id.network, key: key(id.task) }
            }
        };
        let (gossip, wires) = (gossip.as_mut().expect("gossip runs"), &mut Wires(&mut self.net, disturbed));
        if !runs {
            gossip.start(now, host, &bootstrap, wires);
        }
        gossip.operate(now, host, operation, wires);
    }

    /// Where the process of a host joins the cluster: at all other managers.
    fn managers_beside(&self, own: HostId) -> Vec<HostId> {
        let mut managers = self.manager_hosts();
        managers.retain(|host| *host != own);
        managers
    }
}

impl Spreading {
    fn note(&mut self, host: HostId, change: &RecordChange) {
        match change {
            RecordChange::Join(network) => {
                self.joined.entry(host).or_default().insert(*network);
            }
            RecordChange::Leave(network) => {
                self.joined.entry(host).or_default().remove(network);
            }
            RecordChange::LeaveCluster => {
                self.joined.remove(&host);
            }
            RecordChange::Publish(_) | RecordChange::Withdraw(_) => {}
        }
    }
}

impl StateDigest for Spreading {
    fn digest(&self, digest: &mut Digest) {
        // Until gossip runs, all that it starts from follows from the networks of the hosts. Causes are for the trace.
        let Self { gossip, joined: _, withdrawn: _, left: _, disturbed: _ } = self;
        if let Some(gossip) = gossip {
            gossip.digest(digest);
        }
    }
}
