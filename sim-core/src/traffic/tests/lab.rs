//! Hosts with real meshes, a stand-in for gossip, and traffic between them.
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::kernel::{Digest, Ppm, SimDuration, SimTime, StateDigest, Streams};
use crate::mesh::{Mesh, Refusal, Target};
use crate::model::*;
use crate::net::Link;
use crate::protocol::{NetworkOrder, Program};
use crate::traffic::{Ground, Tally, Traffic, failure_of};

pub(super) const INGRESS: NetworkId = NetworkId(0);
pub(super) const OVERLAY: NetworkId = NetworkId(1);

/// The world that requests meet.
pub(super) struct World {
    pub(super) meshes: Vec<Mesh>,
    known: Vec<BTreeMap<EndpointId, Arc<EndpointRecord>>>,
    /// Records on their way to a host, in order.
    held: Vec<(usize, EndpointId, Option<Arc<EndpointRecord>>)>,
    /// Hosts that hear nothing of others' records now.
    pub(super) deaf: BTreeSet<usize>,
    pub(super) silent: BTreeMap<HostId, FactId>,
    pub(super) cuts: BTreeMap<(HostId, HostId), FactId>,
    /// What every link loses.
    pub(super) loss: Ppm,
    version: u64,
}

/// A world with traffic in it.
pub(super) struct Lab {
    pub(super) world: World,
    pub(super) traffic: Traffic,
    pub(super) now: SimTime,
    facts: u64,
    /// What failed so far.
    pub(super) losses: Vec<(FactId, RequestsFailed)>,
}

/// What a task is and where.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) task: TaskId,
    pub(super) host: HostId,
    pub(super) service: String,
    pub(super) image: String,
    pub(super) port: u16,
    /// The last number of its addresses.
    pub(super) address: u8,
    /// True if its service has no virtual address.
    pub(super) round_robin: bool,
}

impl Lab {
    pub(super) fn new(setup: Setup, hosts: usize) -> Self {
        let ingress = AttachedNetwork {
            network: INGRESS,
            name: "ingress".to_owned(),
            ingress: true,
            node_local: false,
        };
        let mut meshes = vec![Mesh::default(); hosts];
        meshes.iter_mut().for_each(|mesh| mesh.configure(std::slice::from_ref(&ingress)));
        let world = World {
            meshes,
            known: vec![BTreeMap::new(); hosts],
            held: Vec::new(),
            deaf: BTreeSet::new(),
            silent: BTreeMap::new(),
            cuts: BTreeMap::new(),
            loss: Ppm(0),
            version: 0,
        };
        let traffic = Traffic::new(&Arc::new(setup), &mut Streams::new(1));
        Lab { world, traffic, now: SimTime::ZERO, facts: 0, losses: Vec::new() }
    }

    /// A fact that something can be caused by.
    pub(super) fn fact(&mut self) -> FactId {
        self.facts += 1;
        FactId(self.facts)
    }

    pub(super) fn begin(&mut self, source: TrafficId) {
        let fact = self.fact();
        self.traffic.begin(self.now, source, fact);
    }

    pub(super) fn start(&mut self, seat: &Seat) {
        let networks = [(INGRESS, "ingress"), (OVERLAY, "back")].map(|(network, name)| AttachedNetwork {
            network,
            name: name.to_owned(),
            ingress: network == INGRESS,
            node_local: false,
        });
        let mesh = &mut self.world.meshes[seat.host.0 as usize];
        mesh.attach(seat.task, networks.into());
        let program = Program { service: seat.service.clone(), image: seat.image.clone() };
        let order = NetworkOrder::Start { task: seat.task, program, host_ports: Vec::new() };
        self.order(seat.host, &order);
        let mesh = &mut self.world.meshes[seat.host.0 as usize];
        mesh.enable(seat.task, [INGRESS, OVERLAY].map(|network| record(seat, network)).into());
        self.world.changed();
    }

    pub(super) fn disable(&mut self, seat: &Seat) {
        self.order(seat.host, &NetworkOrder::Disable { task: seat.task });
        self.world.meshes[seat.host.0 as usize].disable(seat.task);
        self.world.changed();
    }

    pub(super) fn remove(&mut self, seat: &Seat) {
        self.order(seat.host, &NetworkOrder::Remove { task: seat.task });
        self.world.meshes[seat.host.0 as usize].detach(seat.task);
        self.world.changed();
    }

    /// A machine loses power; others keep what they know of it.
    pub(super) fn crash(&mut self, host: HostId) {
        let fact = self.fact();
        self.world.silent.insert(host, fact);
        self.world.meshes[host.0 as usize].forget();
        self.world.version += 1;
        self.traffic.lose_host(self.now, host, fact);
    }

    /// Everybody else finds out that a machine is gone.
    pub(super) fn give_up(&mut self, host: HostId) {
        self.world.give_up(host);
    }

    pub(super) fn cut(&mut self, one: HostId, other: HostId) {
        let fact = self.fact();
        self.world.cuts.insert((one.min(other), one.max(other)), fact);
    }

    pub(super) fn heal(&mut self) {
        self.world.cuts.clear();
    }

    pub(super) fn go(&mut self, span: SimDuration) {
        self.now += span;
        self.world.version += 1;
        self.traffic.run_until(self.now, &mut self.world);
        self.losses.extend(self.traffic.take_losses());
    }

    pub(super) fn tally(&self, source: TrafficId) -> &Tally {
        self.traffic.tallies().find(|(id, _)| *id == source).expect("the source exists").1
    }

    pub(super) fn hash(&self) -> u64 {
        let mut digest = Digest::new();
        self.traffic.digest(&mut digest);
        digest.finish()
    }

    fn order(&mut self, host: HostId, order: &NetworkOrder) {
        let fact = self.fact();
        self.traffic.follow(self.now, host, fact, order);
    }
}

fn record(seat: &Seat, network: NetworkId) -> EndpointRecord {
    let (net, service) = (network.0 as u8, seat.service.as_bytes()[0]);
    let port = |protocol| PortConfig {
        name: String::new(),
        protocol,
        target_port: 80,
        published_port: seat.port,
        publish_mode: PublishMode::Ingress,
    };
    let ports = Arc::from([TransportProtocol::Tcp, TransportProtocol::Udp].map(port));
    let virtual_ip = Ipv4Addr::new(10, 0, net, service);
    EndpointRecord {
        id: EndpointId { network, task: seat.task },
        host: seat.host,
        name: format!("{}.{}", seat.service, seat.task.0),
        service: Some(ServiceRecord {
            id: ServiceId(u32::from(service)),
            name: seat.service.clone(),
            virtual_ip: (network == INGRESS || !seat.round_robin).then_some(virtual_ip),
            ingress_ports: if network == INGRESS { ports } else { Arc::from([]) },
            aliases: Vec::new(),
        }),
        address: Ipv4Addr::new(10, 1, net, seat.address),
        aliases: Vec::new(),
        disabled: false,
    }
}

impl World {
    /// What meshes have done to their records is on its way to the others, who hear of it unless they are deaf.
    fn changed(&mut self) {
        self.version += 1;
        for origin in 0..self.meshes.len() {
            for change in self.meshes[origin].take_changes() {
                let (id, current) = match change {
                    RecordChange::Publish(record) => (record.id, Some(record)),
                    RecordChange::Withdraw(id) => (id, None),
                    RecordChange::Join(_) | RecordChange::Leave(_) | RecordChange::LeaveCluster => continue,
                };
                let others = (0..self.meshes.len()).filter(|other| *other != origin);
                self.held.extend(others.map(|other| (other, id, current.clone())));
            }
        }
        self.deliver();
    }

    /// What is on its way arrives at those who hear.
    pub(super) fn deliver(&mut self) {
        self.version += 1;
        for (host, id, current) in std::mem::take(&mut self.held) {
            if self.deaf.contains(&host) {
                self.held.push((host, id, current));
                continue;
            }
            let previous = match &current {
                Some(record) => self.known[host].insert(id, Arc::clone(record)),
                None => self.known[host].remove(&id),
            };
            if previous.is_some() || current.is_some() {
                self.meshes[host].hear(&RecordEvent { previous, current });
            }
        }
    }

    fn give_up(&mut self, lost: HostId) {
        self.version += 1;
        for (host, known) in self.known.iter_mut().enumerate() {
            let gone: Vec<EndpointId> =
                known.iter().filter(|(_, record)| record.host == lost).map(|(id, _)| *id).collect();
            for id in gone {
                let previous = known.remove(&id);
                self.meshes[host].hear(&RecordEvent { previous, current: None });
            }
        }
    }
}

impl Ground for World {
    fn silent(&self, host: HostId) -> Option<FactId> {
        self.silent.get(&host).copied()
    }

    fn way(&self, from: HostId, to: HostId) -> Result<Link, FactId> {
        let cut = self.cuts.get(&(from.min(to), from.max(to)));
        let latency = if from == to { SimDuration::ZERO } else { SimDuration::from_millis(1) };
        match self.silent(from).or_else(|| self.silent(to)).or(cut.copied()) {
            Some(fault) => Err(fault),
            None => Ok(Link { latency, jitter: SimDuration::ZERO, loss: self.loss }),
        }
    }

    fn hindrance(&self, _: HostId, _: HostId) -> Option<FactId> {
        None
    }

    fn lossy(&self, _: HostId, _: HostId) -> Option<FactId> {
        None
    }

    /// The chosen backend is one that this very node takes for ready.
    fn connect_port(
        &mut self,
        entry: HostId,
        protocol: TransportProtocol,
        port: u16,
    ) -> Result<Target, Failure> {
        let mesh = &mut self.meshes[entry.0 as usize];
        let ready: Vec<TaskId> = mesh
            .backends_of_port(protocol, port)
            .into_iter()
            .filter(|backend| !backend.disabled)
            .map(|backend| backend.task)
            .collect();
        let routed = mesh.route_port(protocol, port);
        match routed {
            Ok(target) => assert!(ready.contains(&target.task), "{target:?} is none of {ready:?}"),
            Err(_) => assert_eq!(ready, []),
        }
        routed.map_err(failure_of)
    }

    fn connect_address(
        &mut self,
        from: HostId,
        network: NetworkId,
        address: Ipv4Addr,
    ) -> Result<Target, Failure> {
        let mesh = &mut self.meshes[from.0 as usize];
        match mesh.route_virtual_ip(network, address) {
            Err(Refusal::NoSuchAddress) => mesh.endpoint_at(network, address).ok_or(Failure::NoAddress),
            routed => routed.map_err(failure_of),
        }
    }

    fn addresses(&self, host: HostId, task: TaskId, name: &str) -> Option<(NetworkId, Vec<Ipv4Addr>)> {
        self.meshes[host.0 as usize].addresses(task, name)
    }

    fn endpoint(&self, host: HostId, network: NetworkId, address: Ipv4Addr) -> Option<Target> {
        self.meshes[host.0 as usize].endpoint_at(network, address)
    }

    fn knows_backend(&self, host: HostId, task: TaskId) -> bool {
        self.meshes[host.0 as usize].knows_backend(task)
    }

    fn knows_backend_on(&self, host: HostId, network: NetworkId, task: TaskId) -> bool {
        self.meshes[host.0 as usize].knows_backend_on(network, task)
    }

    fn is_attached(&self, host: HostId, task: TaskId, network: NetworkId) -> bool {
        self.meshes[host.0 as usize].is_attached(task, network)
    }

    fn untold(&self, from: HostId, to: HostId) -> Option<FactId> {
        self.cuts.get(&(from.min(to), from.max(to))).copied()
    }

    fn silenced(&self, from: HostId, to: HostId, _: FactId) -> Option<FactId> {
        self.untold(from, to)
    }

    fn stopped(&self, _: HostId) -> Option<FactId> {
        None
    }

    fn takes_part(&self, _: HostId) -> bool {
        true
    }

    fn target_port(
        &self,
        host: HostId,
        task: TaskId,
        protocol: TransportProtocol,
        published: u16,
    ) -> Option<u16> {
        self.meshes[host.0 as usize].target_port(task, protocol, published)
    }

    fn holder(&self, host: HostId, address: Ipv4Addr) -> Option<TaskId> {
        self.meshes[host.0 as usize].holder(address)
    }

    fn version(&self) -> u64 {
        self.version
    }
}
