//! Which requests a command makes.
use super::engine;
use crate::kernel::SimDuration;
use crate::model::command::{
    DockerCommand, NetworkCommand, NodeCommand, NodeReference, ServiceCommand, SwarmCommand,
};
use crate::model::{Cluster, NodeId, NodeRole};
use crate::protocol::{ApiRead, ApiRequest, ApiWrite, EngineRequest, Filters, NodeQuery};

/// The client's word for its own node.
const OWN: &str = "self";

/// What a client learns from its own engine, before it asks the swarm.
pub(crate) trait OwnHost {
    /// The node that the engine is; none outside a swarm.
    fn own_node(&self) -> Option<NodeId>;

    /// How far the manager on the host is, if there is one.
    fn manager(&self) -> Option<ManagerState>;

    /// The swarm as it is now, whoever asks: an author names its tokens, because their text depends on the seed.
    fn swarm(&self) -> Option<&Cluster>;

    /// The node object that the host of this name got as its `number`-th one, from 1; none if there was none.
    fn nth_node(&self, hostname: &str, number: u32) -> Option<NodeId>;
}

/// How far the manager of a client's host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManagerState {
    /// It is being prepared.
    Starting,
    /// It answers requests.
    Serving,
}

/// One thing that a command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The swarm, through its control API, within a limit that is not the engine's usual one.
    Swarm(ApiRequest, Option<SimDuration>),
    /// The engine itself.
    Engine(EngineRequest),
}

/// True if the command can be run: it asks the swarm, or its own engine about its part in the swarm.
#[must_use]
pub fn is_simulated(command: &DockerCommand) -> bool {
    match command {
        DockerCommand::Service(_)
        | DockerCommand::Node(_)
        | DockerCommand::Network(_)
        | DockerCommand::Info => true,
        DockerCommand::Swarm(command) => !matches!(command, SwarmCommand::Ca { .. }),
        DockerCommand::ContainerList { .. } => false,
    }
}

/// What a command asks for at first. Some answers lead to further questions.
pub(super) fn asks(command: &DockerCommand, seed: u64, host: &dyn OwnHost) -> Vec<Ask> {
    match command {
        DockerCommand::Info => vec![Ask::Engine(EngineRequest::Info)],
        DockerCommand::Swarm(SwarmCommand::Init { force_new_cluster: true, .. }) => {
            vec![Ask::Engine(EngineRequest::ForceNewCluster)]
        }
        DockerCommand::Swarm(SwarmCommand::Init { availability, change, .. }) => {
            let (availability, change) = (*availability, change.clone());
            vec![Ask::Engine(EngineRequest::InitSwarm { availability, change })]
        }
        DockerCommand::Swarm(SwarmCommand::Join { token, remote, availability, .. }) => {
            let token = engine::token_text(token, host.swarm(), seed);
            let (remote, availability) = (remote.clone(), *availability);
            vec![Ask::Engine(EngineRequest::JoinSwarm { token, remote, availability })]
        }
        // The engine of a manager first looks whether the others can do without it.
        DockerCommand::Swarm(SwarmCommand::Leave { force: false }) if host.manager().is_some() => {
            vec![Ask::Swarm(ApiRead::ListNodes(Filters::new()).into(), Some(engine::MANAGERS_LIMIT))]
        }
        DockerCommand::Swarm(SwarmCommand::Leave { .. }) => vec![Ask::Engine(EngineRequest::LeaveSwarm)],
        DockerCommand::Service(_)
        | DockerCommand::Node(_)
        | DockerCommand::Swarm(_)
        | DockerCommand::Network(_)
        | DockerCommand::ContainerList { .. } => {
            requests(command, seed, host).into_iter().map(|request| Ask::Swarm(request, None)).collect()
        }
    }
}

/// The requests of a command in order. Most are independent of each other: the next one is made whether or not
/// the one before succeeded.
fn requests(command: &DockerCommand, seed: u64, host: &dyn OwnHost) -> Vec<ApiRequest> {
    match command {
        DockerCommand::Service(command) => service_requests(command, seed, host),
        DockerCommand::Node(command) => node_requests(command, host),
        DockerCommand::Network(command) => network_requests(command),
        DockerCommand::Swarm(SwarmCommand::Update(change)) => {
            vec![ApiWrite::UpdateSwarm(change.clone()).into()]
        }
        DockerCommand::Swarm(SwarmCommand::JoinToken { role, rotate, .. }) => {
            let rotate = rotate.then_some(ApiWrite::RotateJoinToken(*role).into());
            let inspect = ApiRead::InspectSwarm { own: host.own_node() }.into();
            rotate.into_iter().chain([inspect]).collect()
        }
        DockerCommand::Swarm(_) | DockerCommand::Info | DockerCommand::ContainerList { .. } => {
            unreachable!("{command:?} is no command of the control API")
        }
    }
}

fn service_requests(command: &ServiceCommand, seed: u64, host: &dyn OwnHost) -> Vec<ApiRequest> {
    match command {
        ServiceCommand::Create(create) => vec![ApiWrite::CreateService(create.clone()).into()],
        ServiceCommand::Update { service, changes, .. } => {
            vec![ApiWrite::UpdateService { service: service.clone(), changes: changes.clone() }.into()]
        }
        ServiceCommand::Scale { replicas, .. } => {
            let scale = |(service, replicas): &(String, u64)| {
                ApiWrite::ScaleService { service: service.clone(), replicas: *replicas }.into()
            };
            replicas.iter().map(scale).collect()
        }
        ServiceCommand::Rollback { service, .. } => {
            vec![ApiWrite::RollbackService { service: service.clone() }.into()]
        }
        ServiceCommand::Remove { services } => services
            .iter()
            .map(|service| ApiWrite::RemoveService { service: service.clone() }.into())
            .collect(),
        ServiceCommand::List(listing) => vec![ApiRead::ListServices(listing.filters.clone()).into()],
        ServiceCommand::Tasks { services, listing } => {
            vec![
                ApiRead::ListServiceTasks {
                    services: services.clone(),
                    filters: own_node_resolved(&listing.filters, seed, host),
                }
                .into(),
            ]
        }
        ServiceCommand::Inspect { services, .. } => {
            vec![ApiRead::InspectServices { services: services.clone() }.into()]
        }
    }
}

fn node_requests(command: &NodeCommand, host: &dyn OwnHost) -> Vec<ApiRequest> {
    let each = |nodes: &[NodeReference], request: &dyn Fn(NodeQuery) -> ApiWrite| {
        nodes.iter().map(|node| request(literal(node, host)).into()).collect()
    };
    match command {
        NodeCommand::Update { node, change } => {
            vec![ApiWrite::UpdateNode { node: literal(node, host), change: change.clone() }.into()]
        }
        NodeCommand::List(listing) => vec![ApiRead::ListNodes(listing.filters.clone()).into()],
        NodeCommand::Tasks { nodes, listing } => {
            let nodes = nodes.iter().map(|node| resolved(node, host)).collect();
            vec![ApiRead::ListNodeTasks { nodes, filters: listing.filters.clone() }.into()]
        }
        NodeCommand::Inspect { nodes, .. } => {
            let nodes = nodes.iter().map(|node| resolved(node, host)).collect();
            vec![ApiRead::InspectNodes { nodes }.into()]
        }
        NodeCommand::Promote { nodes } => {
            each(nodes, &|node| ApiWrite::SetNodeRole { node, role: NodeRole::Manager })
        }
        NodeCommand::Demote { nodes } => {
            each(nodes, &|node| ApiWrite::SetNodeRole { node, role: NodeRole::Worker })
        }
        NodeCommand::Remove { nodes, force } => {
            each(nodes, &|node| ApiWrite::RemoveNode { node, force: *force })
        }
    }
}

fn network_requests(command: &NetworkCommand) -> Vec<ApiRequest> {
    match command {
        NetworkCommand::Create { spec } => vec![ApiWrite::CreateNetwork(spec.clone()).into()],
        NetworkCommand::List(listing) => vec![ApiRead::ListNetworks(listing.filters.clone()).into()],
        NetworkCommand::Remove { networks, .. } => networks
            .iter()
            .map(|network| ApiWrite::RemoveNetwork { network: network.clone() }.into())
            .collect(),
        NetworkCommand::Inspect { networks } => {
            vec![ApiRead::InspectNetworks { networks: networks.clone() }.into()]
        }
    }
}

/// Conditions in which the client's word for its own node is replaced by that node's id.
fn own_node_resolved(filters: &Filters, seed: u64, host: &dyn OwnHost) -> Filters {
    let resolved = |(key, value): &(String, String)| match host.own_node() {
        Some(own) if key == "node" && value == OWN => (key.clone(), own.text(seed)),
        Some(_) | None => (key.clone(), value.clone()),
    };
    filters.iter().map(resolved).collect()
}

/// A node for a command that looks up `self` for the user.
fn resolved(node: &NodeReference, host: &dyn OwnHost) -> NodeQuery {
    match (node, host.own_node()) {
        (NodeReference::Own, Some(own)) => NodeQuery::Id(own),
        (NodeReference::Own | NodeReference::Name(_) | NodeReference::Nth { .. }, _) => literal(node, host),
    }
}

/// A node for a command that takes words as they are: there `self` is nothing but a name.
fn literal(node: &NodeReference, host: &dyn OwnHost) -> NodeQuery {
    match node {
        NodeReference::Own => NodeQuery::Text(OWN.to_owned()),
        NodeReference::Name(name) => NodeQuery::Text(name.clone()),
        NodeReference::Nth { hostname, number } => match host.nth_node(hostname, *number) {
            Some(node) => NodeQuery::Id(node),
            None => NodeQuery::Text(format!("{hostname}#{number}")),
        },
    }
}
