//! What requests met when they were lost: the service as it was to be then, its clients, and the nodes between them.
//!
//! Only what was in force at that time counts: a flag that was given later has saved nobody.
use sim_core::model::setup::{Origin, Traffic, image_name};
use sim_core::model::{
    EndpointMode, Fact, Failure, Fault, HostId, NetworkId, ObjectId, PortConfig, PublishMode, ServiceMode,
    ServiceSpec, UpdateConfig, UpdateState,
};
use sim_core::record::Existence;

use super::{Key, Loss, Reason};
use crate::Run;

/// Requests that were lost alike, with all that was behind them.
pub(super) struct Scene<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) failure: Failure,
    pub(super) reason: Reason,
    pub(super) loss: &'a Loss,
    /// The source whose request it was that went wrong.
    pub(super) source: &'a Traffic,
    /// The service that it was meant for, when the first of these requests was sent.
    pub(super) service: Existence<'a>,
}

/// A network that two services need and one of them lacks.
pub(super) struct MissingNetwork {
    pub(super) name: String,
    /// The service that is not attached to it.
    pub(super) of: String,
}

impl<'a> Scene<'a> {
    pub(super) fn new(key: &Key, loss: &'a Loss, run: &'a Run<'a>) -> Self {
        let source = &run.view.setup().traffic[key.culprit().index()];
        let service = run.recording.specs.at(&source.service, loss.first_sent);
        Scene { run, failure: key.failure, reason: key.reason, loss, source, service }
    }

    pub(super) fn spec(&self) -> Option<&'a ServiceSpec> {
        match self.service {
            Existence::Present(spec) => Some(spec),
            Existence::NotYet | Existence::Removed => None,
        }
    }

    pub(super) fn is_outside(&self) -> bool {
        matches!(self.source.origin, Origin::Outside { .. })
    }

    /// True if a load balancer in front of the nodes looks which of them answer.
    pub(super) fn is_checked(&self) -> bool {
        matches!(self.source.origin, Origin::Outside { check: Some(_), .. })
    }

    pub(super) fn retries(&self) -> bool {
        self.source.client.retries > 0
    }

    /// True if requests of the source go through other nodes as well.
    pub(super) fn has_other_entries(&self) -> bool {
        let Origin::Outside { through, .. } = &self.source.origin else { return false };
        through.iter().any(|host| !self.loss.entries.contains(host))
    }

    /// True if one of the nodes left the swarm, and that is the reason.
    pub(super) fn entry_has_left(&self) -> bool {
        let Reason::Origin(id) = self.reason else { return false };
        let origin = self.run.recording.fact(id).map(|record| &record.fact);
        matches!(origin, Some(Fact::Command { host, line, .. })
            if line.starts_with("swarm leave") && self.loss.entries.contains(host))
    }

    /// True if there was something wrong with the tasks of the service, and not with the nodes in front of them.
    pub(super) fn lacked_tasks(&self) -> bool {
        let Reason::Origin(id) = self.reason else { return true };
        let origin = self.run.recording.fact(id).map(|record| &record.fact);
        if let Some(Fact::Fault { fault }) = origin {
            return matches!(**fault, Fault::KillTask { .. });
        }
        !matches!(origin, Some(Fact::Command { line, .. }) if line.starts_with("swarm leave"))
    }

    /// The published port that requests from outside are sent to. None: there is none, or it was chosen by the swarm.
    pub(super) fn port(&self) -> Option<&'a PortConfig> {
        let wanted = |port: &&PortConfig| port.published_port == self.source.port;
        self.ports().find(wanted).filter(|_| self.is_outside())
    }

    /// True if requests come from outside to a port that the service did not publish.
    pub(super) fn lacks_port(&self) -> bool {
        let may_be = |port: &PortConfig| port.published_port == self.source.port || port.published_port == 0;
        self.is_outside() && self.spec().is_some() && !self.ports().any(may_be)
    }

    /// True if the port is published on each node by itself, past the routing mesh.
    pub(super) fn is_in_host_mode(&self) -> bool {
        self.port().is_some_and(|port| port.publish_mode == PublishMode::Host)
    }

    fn ports(&self) -> impl Iterator<Item = &'a PortConfig> + use<'a> {
        let ports =
            self.spec().and_then(|spec| spec.endpoint.as_ref()).into_iter().flat_map(|one| &one.ports);
        let protocol = self.source.protocol;
        ports.filter(move |port| port.protocol == protocol)
    }

    /// How many replicas there were to be. None: as many as there are nodes.
    pub(super) fn replicas(&self) -> Option<u64> {
        match self.spec()?.mode {
            ServiceMode::Replicated { replicas } => Some(replicas),
            ServiceMode::Global | ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob => None,
        }
    }

    /// True if somebody looks whether the tasks are well: the service says how, or else its image.
    pub(super) fn has_check(&self) -> bool {
        let Some(container) = self.spec().map(|spec| &spec.task.container) else { return false };
        let setup = self.run.view.setup();
        let host = setup.hosts.iter().next().map_or(HostId(0), |(host, _)| host);
        let image = setup.images.profile(&container.image, host).health.check.as_ref();
        let test = container.health.as_ref().map(|health| &health.test).filter(|test| !test.is_empty());
        let test = test.or(image.map(|health| &health.test));
        test.and_then(|test| test.first()).is_some_and(|kind| kind != "NONE")
    }

    /// The flags of the update or rollback that went on, by their first word, and what they said.
    pub(super) fn update(&self) -> Option<(&'static str, UpdateConfig)> {
        let spec = self.spec().filter(|_| matches!(self.reason, Reason::Update(_)))?;
        Some(match self.rolls_back() {
            true => ("rollback", spec.rollback.unwrap_or_default()),
            false => ("update", spec.update.unwrap_or_default()),
        })
    }

    fn rolls_back(&self) -> bool {
        let census = &self.run.recording.census;
        let facts = self.run.recording.facts.iter().rev().skip_while(|fact| fact.time > self.loss.first_sent);
        let mut states = facts.filter_map(|record| {
            let Fact::ServiceUpdateStatus { service, to, .. } = &record.fact else { return None };
            (census.service(*service)?.name == self.source.service).then_some(*to)
        });
        states.next() == Some(Some(UpdateState::RollbackStarted))
    }

    /// True if clients went on using the address of a task that they had looked up before.
    pub(super) fn kept_the_address(&self) -> bool {
        let leads_to_tasks = self.source.address.starts_with("tasks.") || self.was_round_robin();
        self.source.client.keeps_addresses && leads_to_tasks
    }

    /// True if the service has had no virtual address at some time.
    pub(super) fn was_round_robin(&self) -> bool {
        let mut specs = self.run.recording.specs.until(&self.source.service, self.loss.first_sent);
        specs.any(|spec| mode(spec) == EndpointMode::DnsRoundRobin)
    }

    /// True if the service is to be found through a virtual address.
    pub(super) fn has_virtual_address(&self) -> bool {
        self.spec().is_some_and(|spec| mode(spec) == EndpointMode::Vip)
    }

    /// What keeps clients in tasks from finding the name, if it is a network.
    pub(super) fn missing_network(&self) -> Option<MissingNetwork> {
        let (spec, client) = (self.spec()?, self.client()?);
        let (served, asking) = (networks(spec), networks(client));
        let missing = |network: NetworkId, of: &ServiceSpec| MissingNetwork {
            name: self.run.recording.census.network_name(network).unwrap_or_default().to_owned(),
            of: of.annotations.name.clone(),
        };
        if let Some(network) = self.named_network(&asking) {
            return (!served.contains(&network)).then(|| missing(network, spec));
        }
        if served.iter().any(|network| asking.contains(network)) {
            return None;
        }
        match (served.first(), asking.first()) {
            (Some(network), _) => Some(missing(*network, client)),
            (None, Some(network)) => Some(missing(*network, spec)),
            (None, None) => None,
        }
    }

    /// The network of the client with which the name ends, if it does.
    fn named_network(&self, asking: &[NetworkId]) -> Option<NetworkId> {
        let (_, end) = self.source.address.rsplit_once('.')?;
        let census = &self.run.recording.census;
        asking.iter().copied().find(|network| census.network_name(*network) == Some(end))
    }

    /// The service whose tasks are the clients.
    fn client(&self) -> Option<&'a ServiceSpec> {
        let sends = |spec: &&ServiceSpec| match &self.source.origin {
            Origin::Outside { .. } => false,
            Origin::Tasks { service } => spec.annotations.name == *service,
            Origin::Calls { image } => {
                let used = &spec.task.container.image;
                used == image || image_name(used) == image
            }
        };
        self.run.recording.specs.present(self.loss.first_sent).find(sends)
    }
}

fn mode(spec: &ServiceSpec) -> EndpointMode {
    spec.endpoint.as_ref().map(|endpoint| endpoint.mode).unwrap_or_default()
}

fn networks(spec: &ServiceSpec) -> Vec<NetworkId> {
    spec.task.networks.iter().map(|attachment| attachment.network).collect()
}
