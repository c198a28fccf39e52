//! `docker service ls`.
use super::natural::natural_order;
use super::table::Table;
use super::words::short_image;
use super::{Viewpoint, short};
use crate::model::command::Listing;
use crate::model::spec::TransportProtocol;
use crate::model::{PortConfig, PublishMode, Service, ServiceMode};
use crate::protocol::ServiceListing;

const HEADERS: [&str; 6] = ["ID", "NAME", "MODE", "REPLICAS", "IMAGE", "PORTS"];

/// The services as a table, or their ids alone.
#[must_use]
pub(crate) fn service_table(services: &[ServiceListing], listing: &Listing, view: Viewpoint) -> String {
    let mut services: Vec<&ServiceListing> = services.iter().collect();
    services.sort_by(|one, other| natural_order(one.service.name(), other.service.name()));
    let id = |service: &Service| short(&service.id.text(view.seed)).to_owned();
    if listing.quiet {
        return services.iter().map(|listed| format!("{}\n", id(&listed.service))).collect();
    }
    let mut table = Table::new(&HEADERS);
    for listed in services {
        let service = &listed.service;
        table.add([
            id(service),
            service.name().to_owned(),
            mode(service.spec.mode).to_owned(),
            replicas(listed),
            short_image(&service.spec.task.container.image),
            ports(service),
        ]);
    }
    table.print()
}

fn mode(mode: ServiceMode) -> &'static str {
    match mode {
        ServiceMode::Replicated { .. } => "replicated",
        ServiceMode::Global => "global",
        ServiceMode::ReplicatedJob { .. } => "replicated job",
        ServiceMode::GlobalJob => "global job",
    }
}

/// `3/5`, with the limit per node of a replicated service and the progress of a job.
fn replicas(listed: &ServiceListing) -> String {
    let ServiceListing { service, running, desired, completed } = listed;
    match service.spec.mode {
        ServiceMode::ReplicatedJob { total_completions, .. } => {
            format!("{running}/{desired} ({completed}/{total_completions} completed)")
        }
        ServiceMode::GlobalJob => {
            format!("{running}/{desired} ({completed}/{} completed)", desired + completed)
        }
        ServiceMode::Replicated { .. } => {
            match service.spec.task.placement.as_ref().map_or(0, |placement| placement.max_replicas) {
                0 => format!("{running}/{desired}"),
                most => format!("{running}/{desired} (max {most} per node)"),
            }
        }
        ServiceMode::Global => format!("{running}/{desired}"),
    }
}

/// Ports of the routing mesh as they were handed out. Neighbours are joined to ranges: `*:8080-8081->80-81/tcp`.
fn ports(service: &Service) -> String {
    let given = service.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
    let mut ports: Vec<&PortConfig> =
        given.filter(|port| port.publish_mode == PublishMode::Ingress).collect();
    ports.sort_by_key(|port| (port.protocol.name(), port.published_port));
    let mut ranges: Vec<PortRange> = Vec::new();
    for port in ports {
        match ranges.last_mut().filter(|range| range.continues_with(port)) {
            Some(range) => (range.published.1, range.target.1) = (port.published_port, port.target_port),
            None => ranges.push(PortRange::of(port)),
        }
    }
    let texts: Vec<String> = ranges.iter().map(PortRange::text).collect();
    texts.join(", ")
}

/// Consecutive published ports that lead to one port, or to consecutive ones.
struct PortRange {
    published: (u16, u16),
    target: (u16, u16),
    protocol: TransportProtocol,
}

impl PortRange {
    fn of(port: &PortConfig) -> Self {
        let PortConfig { published_port, target_port, protocol, .. } = *port;
        PortRange {
            published: (published_port, published_port),
            target: (target_port, target_port),
            protocol,
        }
    }

    /// True if the port comes next on both sides. A target port that lies before the range's end does not, and
    /// none may repeat once the targets form a range themselves.
    fn continues_with(&self, port: &PortConfig) -> bool {
        let next = |end: u16, number: u16| number == end || Some(number) == end.checked_add(1);
        let targets_are_a_range = self.target.0 != self.target.1;
        port.protocol == self.protocol
            && next(self.published.1, port.published_port)
            && next(self.target.1, port.target_port)
            && !(targets_are_a_range && port.target_port <= self.target.1)
    }

    fn text(&self) -> String {
        let span = |(first, last): (u16, u16)| {
            if last > first { format!("{first}-{last}") } else { first.to_string() }
        };
        format!("*:{}->{}/{}", span(self.published), span(self.target), self.protocol.name())
    }
}
