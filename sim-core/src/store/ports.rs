//! Which services publish which port, so that a new service's ports are looked up and not searched for.
use std::collections::BTreeSet;

use crate::model::spec::TransportProtocol;
use crate::model::{Service, ServiceId};

/// Every published number of every service, whether the service asked for it or was given it.
#[derive(Clone, Debug, Default)]
pub(super) struct PublishedPorts(BTreeSet<(TransportProtocol, u16, ServiceId)>);

impl PublishedPorts {
    /// The services with this port in id order.
    pub(super) fn services(&self, protocol: TransportProtocol, port: u16) -> impl Iterator<Item = ServiceId> {
        let (first, last) = ((protocol, port, ServiceId(0)), (protocol, port, ServiceId(u32::MAX)));
        self.0.range(first..=last).map(|(_, _, service)| *service)
    }

    pub(super) fn insert(&mut self, service: &Service) {
        self.0.extend(entries(service));
    }

    pub(super) fn remove(&mut self, service: &Service) {
        for entry in entries(service) {
            self.0.remove(&entry);
        }
    }
}

fn entries(service: &Service) -> impl Iterator<Item = (TransportProtocol, u16, ServiceId)> {
    service.published_ports().map(|port| (port.protocol, port.published_port, service.id))
}
