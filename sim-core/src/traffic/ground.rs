//! What traffic finds in the cluster at an instant.
use std::net::Ipv4Addr;

use crate::kernel::{SimDuration, Stream};
use crate::mesh::{Refusal, Target};
use crate::model::{FactId, Failure, HostId, NetworkId, TaskId, TransportProtocol};
use crate::net::Link;

/// First pause before a lost packet of an open connection is sent again; each further one is twice as long.
const RETRANSMISSION: SimDuration = SimDuration::from_millis(200);
/// Longest pause between two attempts.
const RETRANSMISSION_MAX: SimDuration = SimDuration::from_millis(6_400);

/// Hosts, their networks and the links between them.
pub(crate) trait Ground {
    /// The fault for which a machine says nothing; none: it answers.
    fn silent(&self, host: HostId) -> Option<FactId>;

    /// The way of packets between the containers of two machines, or the fault that closes it.
    fn way(&self, from: HostId, to: HostId) -> Result<Link, FactId>;

    /// The fault that makes packets late that pass between the containers of two machines.
    fn hindrance(&self, from: HostId, to: HostId) -> Option<FactId>;

    /// The fault that loses packets which pass between the containers of two machines.
    fn lossy(&self, from: HostId, to: HostId) -> Option<FactId>;

    /// Where a new connection to a published port of a machine goes.
    fn connect_port(
        &mut self,
        entry: HostId,
        protocol: TransportProtocol,
        port: u16,
    ) -> Result<Target, Failure>;

    /// Where a new connection from a container to an address on one of its networks goes.
    fn connect_address(
        &mut self,
        from: HostId,
        network: NetworkId,
        address: Ipv4Addr,
    ) -> Result<Target, Failure>;

    /// What a container is told about a name. None: it is not known.
    fn addresses(&self, host: HostId, task: TaskId, name: &str) -> Option<(NetworkId, Vec<Ipv4Addr>)>;

    /// The endpoint with an address, as a machine knows it.
    fn endpoint(&self, host: HostId, network: NetworkId, address: Ipv4Addr) -> Option<Target>;

    /// True if the load balancers of a machine still know the endpoint of a task.
    fn knows_backend(&self, host: HostId, task: TaskId) -> bool;

    /// True if the load balancer of a machine on one network still knows the endpoint of a task.
    fn knows_backend_on(&self, host: HostId, network: NetworkId, task: TaskId) -> bool;

    /// True if a task of a machine is on a network.
    fn is_attached(&self, host: HostId, task: TaskId, network: NetworkId) -> bool;

    /// The fault that lets nothing that one machine knows get to another one by itself.
    fn untold(&self, from: HostId, to: HostId) -> Option<FactId>;

    /// The fault that keeps what one machine knows from another one, or some of it; or did so for a time after a
    /// fact.
    fn silenced(&self, from: HostId, to: HostId, since: FactId) -> Option<FactId>;

    /// The fact by which the engine of a machine that has power ended. None: it runs.
    fn stopped(&self, host: HostId) -> Option<FactId>;

    /// True if a machine takes part in the routing mesh.
    fn takes_part(&self, host: HostId) -> bool;

    /// The port of a container that a published port of the swarm or of its machine leads to.
    fn target_port(
        &self,
        host: HostId,
        task: TaskId,
        protocol: TransportProtocol,
        published: u16,
    ) -> Option<u16>;

    /// The task whose container has an address on a machine now.
    fn holder(&self, host: HostId, address: Ipv4Addr) -> Option<TaskId>;

    /// Counts what may have changed the answers to all other questions.
    fn version(&self) -> u64;
}

/// Why a connection is not taken on, as a failure of the request.
pub(crate) fn failure_of(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::PortClosed => Failure::PortClosed,
        Refusal::NoBackend => Failure::NoBackend,
        Refusal::NoSuchAddress => Failure::NoAddress,
    }
}

/// What is wrong with a request if there is no way between the machine that it was sent to and that of its backend.
pub(super) fn no_way(entry: HostId, ground: &impl Ground) -> Failure {
    if ground.silent(entry).is_some() { Failure::EntrySilent } else { Failure::Unreachable }
}

/// How long a datagram takes. None: it is lost on the way.
pub(super) fn flight(link: Link, lots: &mut Stream) -> Option<SimDuration> {
    if link.is_constant() {
        return Some(link.latency);
    }
    let early = link.latency.saturating_sub(link.jitter);
    let delay = lots.span(early, link.latency + link.jitter + SimDuration::from_nanos(1));
    (!lots.chance(link.loss)).then_some(delay)
}

/// How long a packet of a connection takes, with what is lost and repeated on the way.
pub(super) fn delay(link: Link, lots: &mut Stream) -> SimDuration {
    if link.is_constant() {
        return link.latency;
    }
    let early = link.latency.saturating_sub(link.jitter);
    let mut delay = lots.span(early, link.latency + link.jitter + SimDuration::from_nanos(1));
    let mut pause = RETRANSMISSION;
    // A link that loses everything is not waited for: the client's patience ends first.
    while pause <= RETRANSMISSION_MAX && lots.chance(link.loss) {
        delay = delay + pause;
        pause = pause.times(2);
    }
    delay
}

/// The pause before a packet is sent again for the `tries`-th time: a second for the first one of a connection, less
/// for later ones, doubled each time.
pub(super) fn pause(established: bool, tries: u8) -> SimDuration {
    let first = if established { RETRANSMISSION } else { SimDuration::from_secs(1) };
    first.times(1 << tries.min(10))
}
