//! Takes what nodes do to the records of their endpoints to gossip, and brings to the others what it has spread (spec
//! networking 6.3, 8).
//!
//! Gossip runs from the moment on in which the first record is published: as long as there are no records, nobody
//! could tell whether it runs.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Cluster, Power};
use crate::gossip::{Change, Gossip, Links, Operation, Payload, RecordKey};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{EndpointRecord, HostId, NetworkId, RecordChange, RecordEvent, SwarmPort};
use crate::net::{Carriage, Net, Passage};
use crate::protocol::{Effects, Event};

/// Managers at which a new process joins the cluster.
const BOOTSTRAP_HOSTS: usize = 3;
/// What a record needs besides names, and for each published port.
const RECORD_BYTES: u32 = 70;
const PORT_BYTES: u32 = 12;

/// Gossip of a cluster, once it is needed.
#[derive(Debug, Default)]
pub(super) struct Spreading {
    gossip: Option<Gossip<Shared>>,
    /// The networks of each host, until gossip knows them itself.
    joined: BTreeMap<HostId, BTreeSet<NetworkId>>,
    /// When the next turn of gossip is in the queue.
    armed: Option<SimTime>,
}

/// A record that all nodes share.
#[derive(Clone, Debug)]
struct Shared(Arc<EndpointRecord>);

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

/// The links of the cluster, as gossip uses them.
struct Wires<'a>(&'a mut Net);

impl Links for Wires<'_> {
    fn datagram(&mut self, now: SimTime, from: HostId, to: HostId) -> [Option<SimDuration>; 2] {
        match self.0.passage(now, from, to, SwarmPort::Gossip, Carriage::Once) {
            Passage::Arrives(at) => [Some(at.since(now)), None],
            Passage::Lost | Passage::Blocked => [None, None],
        }
    }

    fn connection(&mut self, _: SimTime, from: HostId, to: HostId) -> Option<SimDuration> {
        self.0.connection_delay(from, to)
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
        for (host, change) in self.take_record_changes() {
            if self.spreading.gossip.is_none() {
                self.spreading.note(host, &change);
                if !matches!(change, RecordChange::Publish(_)) {
                    continue;
                }
                self.start_gossip(out.now());
            }
            self.tell_gossip(out.now(), host, change);
        }
        self.arm_gossip(out);
    }

    /// It is gossip's turn.
    pub(super) fn gossip_turn(&mut self, out: &mut Effects) {
        self.spreading.armed = None;
        let Some(gossip) = &mut self.spreading.gossip else { return };
        gossip.run_until(out.now(), &mut Wires(&mut self.net));
        gossip.take_notices();
        for (_, host, change) in gossip.take_changes() {
            let Change { previous, current, .. } = change;
            let record = |shared: Shared| shared.0;
            let event = RecordEvent { previous: previous.map(record), current: current.map(record) };
            self.hosts.get_mut(host).expect("peers run on hosts").mesh.hear(&event);
        }
        self.arm_gossip(out);
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
                (Power::Off, _) => gossip.stop(id, false),
                (Power::EngineStopped, _) => gossip.stop(id, true),
                (Power::On, Some(_)) => gossip.freeze(out.now(), id),
                (Power::On, None) => gossip.thaw(out.now(), id),
            }
        }
        self.arm_gossip(out);
    }

    fn start_gossip(&mut self, now: SimTime) {
        let mut gossip = Gossip::new(self.seed);
        for (id, host) in self.setup.hosts.iter() {
            gossip.add_host(id, &host.name);
        }
        let joined = std::mem::take(&mut self.spreading.joined);
        let runs = |host: HostId| self.hosts.get(host).is_some_and(|host| host.power == Power::On);
        let joined = joined.into_iter().filter(|(host, _)| runs(*host)).collect();
        gossip.settle(now, &joined, &self.bootstrap_hosts());
        for (id, host) in self.hosts.iter() {
            gossip.set_power(id, host.power != Power::Off);
        }
        self.spreading.gossip = Some(gossip);
    }

    fn tell_gossip(&mut self, now: SimTime, host: HostId, change: RecordChange) {
        let bootstrap = self.bootstrap_hosts();
        let gossip = self.spreading.gossip.as_mut().expect("gossip runs");
        let wires = &mut Wires(&mut self.net);
        if gossip.process(host).is_none() {
            gossip.start(now, host, &bootstrap, wires);
        }
        let key = |task: crate::model::TaskId| RecordKey(task.0);
        let operation = match change {
            RecordChange::Join(network) => Operation::Join(network),
            RecordChange::Leave(network) => Operation::Leave(network),
            RecordChange::Publish(record) => Operation::Publish {
                network: record.id.network,
                key: key(record.id.task),
                value: Shared(record),
            },
            RecordChange::Withdraw(id) => Operation::Withdraw { network: id.network, key: key(id.task) },
        };
        gossip.operate(now, host, operation, wires);
    }

    fn bootstrap_hosts(&self) -> Vec<HostId> {
        let managers =
            self.hosts.iter().filter(|(_, host)| host.manager.is_some() || host.manager_disk.is_some());
        managers.map(|(id, _)| id).take(BOOTSTRAP_HOSTS).collect()
    }

    fn arm_gossip(&mut self, out: &mut Effects) {
        let Some(gossip) = &mut self.spreading.gossip else { return };
        let Some(next) = gossip.next_time() else { return };
        if self.spreading.armed.is_none_or(|armed| next < armed) {
            self.spreading.armed = Some(next);
            out.schedule(next, Event::Gossip);
        }
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
            RecordChange::Publish(_) | RecordChange::Withdraw(_) => {}
        }
    }
}

impl StateDigest for Shared {
    fn digest(&self, digest: &mut Digest) {
        self.0.digest(digest);
    }
}

impl StateDigest for Spreading {
    fn digest(&self, digest: &mut Digest) {
        // Until gossip runs, all that it starts from follows from the networks of the hosts.
        let Self { gossip, joined: _, armed } = self;
        if let Some(gossip) = gossip {
            gossip.digest(digest);
            armed.digest(digest);
        }
    }
}
