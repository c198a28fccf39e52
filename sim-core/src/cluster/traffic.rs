//! Shows traffic the cluster as it is, and tells what became of requests.
use std::net::Ipv4Addr;

use super::host::Host;
use super::{Cluster, Power};
use crate::kernel::{SimDuration, SimTime};
use crate::mesh::{Refusal, Target};
use crate::model::{
    BackendChange, Fact, FactId, Failure, Heading, HostId, IdMap, NetworkId, SwarmPort, TaskId, TrafficId,
    TransportProtocol,
};
use crate::net::{Link, Net};
use crate::protocol::{Effects, Event, NetworkOrder};
use crate::traffic::{Ground, failure_of};

/// The cluster between two of its events.
struct Field<'a> {
    hosts: &'a mut IdMap<HostId, Host>,
    net: &'a Net,
    out: &'a Effects,
    version: u64,
}

impl Cluster {
    /// Requests go on until just before a time. `version` differs whenever the cluster may have changed.
    pub(crate) fn serve_until(&mut self, before: SimTime, version: u64, out: &Effects) {
        let Cluster { hosts, net, traffic, .. } = self;
        traffic.run_until(before, &mut Field { hosts, net, out, version });
    }

    /// A source of requests begins.
    pub(crate) fn begin_traffic(&mut self, traffic: TrafficId, out: &mut Effects) {
        let fact = out.fact(Fact::Traffic { traffic });
        self.traffic.begin(out.now(), traffic, fact);
        self.await_second(out);
    }

    /// A second is over: what failed in it is told.
    pub(super) fn second_over(&mut self, out: &mut Effects) {
        self.second_awaited = false;
        for (because, failed) in self.traffic.take_losses() {
            out.set_cause(because);
            out.fact(Fact::RequestsFailed(failed));
        }
        if self.traffic.is_active() {
            self.await_second(out);
        }
    }

    /// A machine has lost power: its processes are gone, and nobody is told.
    pub(crate) fn lose_servers(&mut self, host: HostId, out: &Effects) {
        if self.traffic.is_planned() {
            self.traffic.lose_host(out.now(), host, out.cause());
        }
    }

    /// A machine has a new engine process, which knows nothing of the swarm's networks yet.
    pub(crate) fn begin_networks(&mut self, host: HostId, out: &Effects) {
        self.traffic.forget_networks(out.now(), host, out.cause());
    }

    /// The engine of a machine is about to end.
    pub(crate) fn note_open_ports(&mut self, id: HostId) {
        if self.traffic.is_planned() {
            let open = self.host_mut(id).mesh.all_open_ports().collect();
            self.traffic.engine_ends(id, open);
        }
    }

    /// Traffic follows what the network of a host does.
    pub(super) fn traffic_follows(
        &mut self,
        host: HostId,
        because: FactId,
        order: &NetworkOrder,
        now: SimTime,
    ) {
        if self.traffic.is_planned() {
            self.traffic.follow(now, host, because, order);
        }
    }

    /// The tasks of machines stand still and go on with them.
    pub(crate) fn traffic_follows_machines(&mut self, out: &Effects) {
        if !self.traffic.is_planned() {
            return;
        }
        for (id, host) in self.hosts.iter() {
            self.traffic.follow_machine(out.now(), id, host.frozen.is_some());
        }
    }

    /// Traffic hears what became of the backends that a host knows.
    pub(super) fn traffic_hears(&mut self, host: HostId, because: FactId, changes: &[BackendChange]) {
        if self.traffic.is_planned() {
            self.traffic.backends_change(host, because, changes);
        }
    }

    /// Failures are told when a second is over, and at the end of the run.
    fn await_second(&mut self, out: &mut Effects) {
        let now = out.now();
        let next = SimTime::from_secs(now.as_nanos() / 1_000_000_000) + SimDuration::from_secs(1);
        let end = self.setup.until;
        let at = if now < end { next.min(end) } else { next };
        if !std::mem::replace(&mut self.second_awaited, true) {
            out.schedule(at, Event::Traffic);
        }
    }
}

impl Field<'_> {
    fn host(&self, host: HostId) -> &Host {
        self.hosts.get(host).expect("hosts come from the set-up")
    }
}

impl Ground for Field<'_> {
    fn silent(&self, id: HostId) -> Option<FactId> {
        let host = self.host(id);
        let is_silent = host.power == Power::Off || host.frozen.is_some();
        // What nothing has silenced was never on.
        is_silent.then(|| self.out.silence_of_host(id).unwrap_or(FactId::START))
    }

    fn way(&self, from: HostId, to: HostId) -> Result<Link, FactId> {
        match self.silent(from).or_else(|| self.silent(to)) {
            Some(fault) => Err(fault),
            None => self.net.data_link(from, to),
        }
    }

    fn hindrance(&self, from: HostId, to: HostId) -> Option<FactId> {
        self.net.data_fault(from, to)
    }

    fn lossy(&self, from: HostId, to: HostId) -> Option<FactId> {
        self.net.data_loss(from, to)
    }

    fn connect_port(
        &mut self,
        entry: HostId,
        protocol: TransportProtocol,
        port: u16,
    ) -> Result<Target, Failure> {
        let mesh = &mut self.hosts.get_mut(entry).expect("hosts come from the set-up").mesh;
        mesh.route_port(protocol, port).map_err(failure_of)
    }

    fn connect_address(
        &mut self,
        from: HostId,
        network: NetworkId,
        address: Ipv4Addr,
    ) -> Result<Target, Failure> {
        let mesh = &mut self.hosts.get_mut(from).expect("hosts come from the set-up").mesh;
        match mesh.route_virtual_ip(network, address) {
            Err(Refusal::NoSuchAddress) => mesh.endpoint_at(network, address).ok_or(Failure::NoAddress),
            routed => routed.map_err(failure_of),
        }
    }

    fn addresses(&self, host: HostId, task: TaskId, name: &str) -> Option<(NetworkId, Vec<Ipv4Addr>)> {
        self.host(host).mesh.addresses(task, name)
    }

    fn endpoint(&self, host: HostId, network: NetworkId, address: Ipv4Addr) -> Option<Target> {
        self.host(host).mesh.endpoint_at(network, address)
    }

    fn knows_backend(&self, host: HostId, task: TaskId) -> bool {
        self.host(host).mesh.knows_backend(task)
    }

    fn knows_backend_on(&self, host: HostId, network: NetworkId, task: TaskId) -> bool {
        self.host(host).mesh.knows_backend_on(network, task)
    }

    fn is_attached(&self, host: HostId, task: TaskId, network: NetworkId) -> bool {
        self.host(host).mesh.is_attached(task, network)
    }

    fn untold(&self, from: HostId, to: HostId) -> Option<FactId> {
        self.net.closed_by(from, to, Heading::To(SwarmPort::Gossip))
    }

    fn silenced(&self, from: HostId, to: HostId, since: FactId) -> Option<FactId> {
        self.net.fault_since(from, to, Heading::To(SwarmPort::Gossip), since)
    }

    fn stopped(&self, id: HostId) -> Option<FactId> {
        let host = self.host(id);
        let ended_by = host.ended_by.unwrap_or(FactId::START);
        (host.power == Power::EngineStopped).then_some(ended_by)
    }

    fn takes_part(&self, host: HostId) -> bool {
        self.host(host).mesh.has_routing_mesh()
    }

    fn target_port(
        &self,
        host: HostId,
        task: TaskId,
        protocol: TransportProtocol,
        published: u16,
    ) -> Option<u16> {
        self.host(host).mesh.target_port(task, protocol, published)
    }

    fn holder(&self, host: HostId, address: Ipv4Addr) -> Option<TaskId> {
        self.host(host).mesh.holder(address)
    }

    fn version(&self) -> u64 {
        self.version
    }
}
