//! Checks of published ports (spec networking 5.2).
use std::collections::BTreeSet;

use crate::model::spec::TransportProtocol;
use crate::model::{EndpointMode, EndpointSpec, PortConfig, PublishMode, ServiceId, ServiceSpec};
use crate::protocol::{ApiError, SpecError};
use crate::store::Store;

/// A number is taken per protocol.
type PortKey = (TransportProtocol, u16);

/// Checks the ports of one spec among each other.
pub(super) fn validate_endpoint(endpoint: &EndpointSpec) -> Result<(), SpecError> {
    let mut seen: BTreeSet<PortKey> = BTreeSet::new();
    for port in &endpoint.ports {
        if endpoint.mode == EndpointMode::DnsRoundRobin && port.publish_mode == PublishMode::Ingress {
            return Err(SpecError::IngressPortWithDnsRoundRobin);
        }
        if port.published_port != 0 && !seen.insert(key(port)) {
            return Err(SpecError::DuplicatePort);
        }
    }
    Ok(())
}

/// Checks the ports of a spec against all services but the one it belongs to. Two services may publish one port
/// on the nodes of their tasks: the scheduler keeps those apart.
pub(in crate::manager::api) fn check_port_conflicts(
    store: &Store,
    spec: &ServiceSpec,
    own: Option<ServiceId>,
) -> Result<(), ApiError> {
    let wanted: BTreeSet<(PortKey, PublishMode)> =
        spec.endpoint.iter().flat_map(numbered_ports).map(|port| (key(port), port.publish_mode)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let on_port = |((protocol, port), _): &(PortKey, PublishMode)| store.services_on_port(*protocol, *port);
    let others: BTreeSet<ServiceId> = wanted.iter().flat_map(on_port).filter(|id| Some(*id) != own).collect();
    for service in others.into_iter().filter_map(|id| store.service(id)) {
        if let Some(port) = service.published_ports().find(|port| clashes(&wanted, port)) {
            return Err(ApiError::PortInUse {
                port: port.published_port,
                name: service.name().to_owned(),
                service: service.id,
                host_published: port.publish_mode == PublishMode::Host,
            });
        }
    }
    Ok(())
}

fn clashes(wanted: &BTreeSet<(PortKey, PublishMode)>, taken: &PortConfig) -> bool {
    let wants = |mode| wanted.contains(&(key(taken), mode));
    wants(PublishMode::Ingress) || (taken.publish_mode == PublishMode::Ingress && wants(PublishMode::Host))
}

fn numbered_ports(endpoint: &EndpointSpec) -> impl Iterator<Item = &PortConfig> {
    endpoint.ports.iter().filter(|port| port.published_port != 0)
}

fn key(port: &PortConfig) -> PortKey {
    (port.protocol, port.published_port)
}
