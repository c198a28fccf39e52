//! Published ports of the routing mesh (spec networking 5.3 to 5.5).
use super::error::AllocationError;
use super::serial::Serial;
use crate::kernel::{Digest, StateDigest};
use crate::model::{Endpoint, PortConfig, PublishMode, Service, TransportProtocol};

/// The first port that the swarm chooses when the user names none (spec networking 1).
const DYNAMIC_PORT_FIRST: u32 = 30_000;
/// The last one (spec networking 1).
const DYNAMIC_PORT_LAST: u32 = 32_767;

/// Which ports of the routing mesh are taken: a space for each protocol.
#[derive(Clone, Debug)]
pub(super) struct PortAllocator {
    tcp: PortSpace,
    udp: PortSpace,
    sctp: PortSpace,
}

/// The ports of one protocol.
#[derive(Clone, Debug)]
struct PortSpace {
    all: Serial,
    dynamic: Serial,
}

impl PortAllocator {
    pub(super) fn new() -> Self {
        PortAllocator { tcp: PortSpace::new(), udp: PortSpace::new(), sctp: PortSpace::new() }
    }

    /// The ports that a service gets. All that it holds is freed first; if one thing cannot be had, it gets nothing.
    pub(super) fn allocate(&mut self, service: &Service) -> Result<Vec<PortConfig>, AllocationError> {
        let Some(wanted) = &service.spec.endpoint else { return Ok(Vec::new()) };
        let mut ports = reconcile(&wanted.ports, service.endpoint.as_deref());
        if let Some(endpoint) = &service.endpoint {
            self.free(&endpoint.ports);
        }
        for index in 0..ports.len() {
            if ports[index].publish_mode == PublishMode::Host {
                continue;
            }
            match self.space(ports[index].protocol).take(ports[index].published_port) {
                Ok(number) => ports[index].published_port = number,
                Err(error) => {
                    self.free(&ports[..index]);
                    return Err(error);
                }
            }
        }
        Ok(ports)
    }

    /// What the store says that a service has. Ports that two services have stay with the first.
    pub(super) fn restore(&mut self, ports: &[PortConfig]) {
        for port in ports.iter().filter(|port| is_ingress(port) && port.published_port != 0) {
            self.space(port.protocol).hold(port.published_port);
        }
    }

    /// Gives the ports of the routing mesh back.
    pub(super) fn free(&mut self, ports: &[PortConfig]) {
        for port in ports.iter().filter(|port| is_ingress(port)) {
            self.space(port.protocol).free(port.published_port);
        }
    }

    fn space(&mut self, protocol: TransportProtocol) -> &mut PortSpace {
        match protocol {
            TransportProtocol::Tcp => &mut self.tcp,
            TransportProtocol::Udp => &mut self.udp,
            TransportProtocol::Sctp => &mut self.sctp,
        }
    }
}

impl PortSpace {
    fn new() -> Self {
        let dynamic = Serial::new(DYNAMIC_PORT_FIRST, DYNAMIC_PORT_LAST);
        PortSpace { all: Serial::new(1, u32::from(u16::MAX)), dynamic }
    }

    /// Takes a port, or the next of the dynamic range.
    fn take(&mut self, port: u16) -> Result<u16, AllocationError> {
        if port == 0 {
            let chosen = self.dynamic.take_next()?;
            self.all.take(chosen)?;
            return Ok(u16::try_from(chosen).expect("the dynamic range ends below 65536"));
        }
        let number = u32::from(port);
        if self.dynamic.contains(number) {
            self.dynamic.take(number)?;
        }
        self.all.take(number)?;
        Ok(port)
    }

    fn hold(&mut self, port: u16) {
        self.dynamic.hold(u32::from(port));
        self.all.hold(u32::from(port));
    }

    fn free(&mut self, port: u16) {
        self.dynamic.free(u32::from(port));
        self.all.free(u32::from(port));
    }
}

impl StateDigest for PortAllocator {
    fn digest(&self, digest: &mut Digest) {
        let Self { tcp, udp, sctp } = self;
        for PortSpace { all, dynamic } in [tcp, udp, sctp] {
            all.digest(digest);
            dynamic.digest(digest);
        }
    }
}

fn is_ingress(port: &PortConfig) -> bool {
    port.publish_mode == PublishMode::Ingress
}

/// What makes two ports one port, whatever their numbers outside.
fn key(port: &PortConfig) -> (&str, TransportProtocol, u16) {
    (&port.name, port.protocol, port.target_port)
}

/// The ports that a service asks for. Those without a number take over the numbers that the service has for the same
/// ports, one each, as long as the count of ports is the same; they then stand behind all others.
pub(super) fn reconcile(wanted: &[PortConfig], runtime: Option<&Endpoint>) -> Vec<PortConfig> {
    let Some(runtime) = runtime.filter(|runtime| runtime.ports.len() == wanted.len()) else {
        return wanted.to_vec();
    };
    let mut held: Vec<&PortConfig> = runtime.ports.iter().filter(|port| is_ingress(port)).collect();
    let automatic = |port: &&PortConfig| is_ingress(port) && port.published_port == 0;
    let mut ports: Vec<PortConfig> = wanted.iter().filter(|port| !automatic(port)).cloned().collect();
    for port in &ports {
        held.retain(|known| !(is_ingress(port) && *known == port));
    }
    for port in wanted.iter().filter(automatic) {
        let known = held.iter().position(|known| key(known) == key(port));
        ports.push(known.map_or_else(|| port.clone(), |place| held.remove(place).clone()));
    }
    ports
}

/// True if a host-mode port of the spec has a number that the runtime state lacks.
pub(super) fn host_ports_need_update(service: &Service) -> bool {
    let (Some(wanted), Some(runtime)) = (&service.spec.endpoint, &service.endpoint) else { return false };
    let is_host = |port: &&PortConfig| port.publish_mode == PublishMode::Host;
    let missing = |port: &PortConfig| {
        port.published_port != 0 && !runtime.ports.iter().filter(is_host).any(|known| known == port)
    };
    wanted.ports.iter().filter(is_host).any(missing)
}

/// The runtime ports with the host-mode ports of the spec; ports of the routing mesh stay in front.
pub(super) fn with_host_ports(service: &Service) -> Vec<PortConfig> {
    let runtime =
        service.endpoint.iter().flat_map(|endpoint| &endpoint.ports).filter(|port| is_ingress(port));
    let wanted = service.spec.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
    runtime.chain(wanted.filter(|port| !is_ingress(port))).cloned().collect()
}

/// True if a service has the ports that it asks for, in whatever order. While a leadership begins, a port without a
/// number counts as one that it has not.
pub(super) fn are_allocated(service: &Service, starting: bool) -> bool {
    let (wanted, runtime) = match (&service.spec.endpoint, &service.endpoint) {
        (None, None) => return true,
        (None, Some(_)) | (Some(_), None) => return false,
        (Some(wanted), Some(runtime)) => (&wanted.ports, &runtime.ports),
    };
    if wanted.len() != runtime.len() {
        return false;
    }
    let mut held: Vec<&PortConfig> = runtime.iter().collect();
    let mut take = |fits: &dyn Fn(&PortConfig) -> bool| {
        let place = held.iter().position(|port| fits(port));
        place.map(|place| held.remove(place)).is_some()
    };
    let explicit = wanted.iter().filter(|port| is_ingress(port) && port.published_port != 0);
    let explicit = explicit.into_iter().all(|port| take(&|known| known == port));
    let automatic = wanted.iter().filter(|port| is_ingress(port) && port.published_port == 0);
    let automatic = explicit
        && automatic.into_iter().all(|port| {
            !starting
                && take(&|known| is_ingress(known) && key(known) == key(port) && known.published_port != 0)
        });
    let host = wanted.iter().filter(|port| !is_ingress(port));
    automatic && host.into_iter().all(|port| take(&|known| !is_ingress(known) && key(known) == key(port)))
}
