//! One docker command under way: it makes its requests one after the other and collects what it prints.
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use super::engine;
use super::info::{SwarmInfo, swarm_section};
use super::json::Json;
use super::network::network_json;
use super::node_json::node_json;
use super::plan::{Ask, ManagerState, OwnHost, asks};
use super::service_json::service_json;
use super::swarm::join_token;
use super::{Viewpoint, network_table, node_pretty, node_table, service_pretty, service_table, task_table};
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::command::{
    DockerCommand, Listing, NetworkCommand, NodeCommand, ServiceCommand, SwarmCommand,
};
use crate::model::{NodeId, NodeRole};
use crate::protocol::{
    ApiError, ApiRead, ApiRequest, ApiResponse, ApiWrite, EngineInfo, EngineResponse, NodeListing, NodeQuery,
    ServiceDetails, TaskListing,
};

/// A command that asks the swarm's control API, or its own engine.
#[derive(Clone, Debug)]
pub(crate) struct CommandRun {
    command: Arc<DockerCommand>,
    seed: u64,
    own_node: Option<NodeId>,
    manager: Option<ManagerState>,
    waiting: VecDeque<Ask>,
    /// What is not answered yet.
    asked: Option<Ask>,
    /// What `docker info` has found out so far.
    info: Option<(EngineInfo, SwarmInfo)>,
    stdout: String,
    errors: Vec<String>,
}

/// Why a client gets no answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientError {
    /// The request was refused.
    Refused(ApiError),
    /// The engine could not have it answered; the words are its own.
    Engine(String),
    /// No engine runs on the client's host.
    NoEngine,
}

/// What a command leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    /// Exit code: 0 if all went well.
    pub exit: u8,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl CommandRun {
    /// A command that was just typed.
    ///
    /// # Panics
    /// If it cannot be simulated.
    #[must_use]
    pub(crate) fn new(command: Arc<DockerCommand>, seed: u64, host: &dyn OwnHost) -> Self {
        CommandRun {
            waiting: asks(&command, seed, host).into(),
            command,
            seed,
            own_node: host.own_node(),
            manager: host.manager(),
            asked: None,
            info: None,
            stdout: String::new(),
            errors: Vec::new(),
        }
    }

    /// What is asked for next, once the question before was answered; none at the end of the command.
    ///
    /// # Panics
    /// If a request is not answered yet.
    pub(crate) fn next_ask(&mut self) -> Option<Ask> {
        assert!(self.asked.is_none(), "one request at a time");
        self.asked = self.waiting.pop_front();
        self.asked.clone()
    }

    /// The request was answered.
    ///
    /// # Panics
    /// If none was made, or the answer belongs to another one.
    pub(crate) fn answered(&mut self, answer: Result<ApiResponse, ClientError>, now: SimTime) {
        let Some(Ask::Swarm(request, _)) = self.asked.take() else { panic!("the swarm was asked nothing") };
        if let DockerCommand::Swarm(SwarmCommand::Leave { .. }) = *self.command {
            return self.warn_of_leaving(answer);
        }
        let view = Viewpoint { seed: self.seed, now };
        match answer {
            Ok(response) => self.print(&request, response, view),
            Err(error) if self.is_forgiven(&error) => {}
            // What `info` could not find out is a line of its output.
            Err(error) if self.info.is_some() => {
                let text = match error {
                    ClientError::Refused(error) => error.rpc_text(self.seed),
                    ClientError::Engine(text) => text,
                    ClientError::NoEngine => return,
                };
                self.info.as_mut().expect("asked above").1.error = Some(text);
            }
            Err(error) => {
                let text = error.message(self.seed);
                // `service scale` tells which of its services it is about.
                if let ApiRequest::Write(ApiWrite::ScaleService { service, .. }) = &request {
                    self.errors.push(format!("{service}: {text}"));
                } else {
                    self.errors.push(text);
                }
                // Role changes are one operation on a list of nodes, which ends at the first error. A token that
                // could not be rotated is not shown.
                if matches!(
                    request,
                    ApiRequest::Write(ApiWrite::SetNodeRole { .. } | ApiWrite::RotateJoinToken(_))
                ) {
                    self.waiting.clear();
                }
            }
        }
    }

    /// `network rm --force` does not mind networks that do not exist.
    fn is_forgiven(&self, error: &ClientError) -> bool {
        matches!(*self.command, DockerCommand::Network(NetworkCommand::Remove { force: true, .. }))
            && matches!(error, ClientError::Refused(ApiError::NoSuch { .. }))
    }

    /// The engine answered.
    ///
    /// # Panics
    /// If it was not asked.
    pub(crate) fn engine_answered(&mut self, answer: Result<EngineResponse, ClientError>) {
        let Some(Ask::Engine(_)) = self.asked.take() else { panic!("the engine was asked nothing") };
        match answer {
            Ok(EngineResponse::Initialized(node)) => {
                self.stdout.push_str(&engine::initialized(node, self.seed));
                self.waiting.push_back(Ask::Swarm(ApiRead::InspectSwarm { own: Some(node) }.into(), None));
            }
            Ok(EngineResponse::Joined(role)) => self.stdout.push_str(&engine::joined(role)),
            Ok(EngineResponse::Left) => self.stdout.push_str("Node left the swarm.\n"),
            Ok(EngineResponse::Info(info)) => {
                if info.control_available {
                    self.waiting.push_back(Ask::Swarm(ApiRead::InspectSwarm { own: info.node }.into(), None));
                    self.waiting.push_back(Ask::Swarm(ApiRead::ListNodes(Vec::new()).into(), None));
                }
                self.info = Some((info, SwarmInfo::default()));
            }
            Err(error) => self.errors.push(error.message(self.seed)),
        }
    }

    /// A manager does not leave without force, whatever the leader says of the others.
    fn warn_of_leaving(&mut self, answer: Result<ApiResponse, ClientError>) {
        let nodes = match answer {
            Ok(ApiResponse::Nodes(nodes)) => Some(nodes),
            Ok(_) | Err(_) => None,
        };
        let serves = self.manager == Some(ManagerState::Serving);
        let error = ClientError::Engine(engine::reluctance(serves, nodes.as_deref()));
        self.errors.push(error.message(self.seed));
    }

    /// What the command leaves behind at its end.
    #[must_use]
    pub(crate) fn output(mut self) -> Output {
        let mut warnings = String::new();
        if let Some((engine, swarm)) = &self.info {
            let section;
            (section, warnings) = swarm_section(engine, swarm, self.seed);
            self.stdout.push_str(&section);
        }
        let stderr: String = self.errors.iter().map(|error| format!("{error}\n")).collect();
        Output { exit: u8::from(!self.errors.is_empty()), stdout: self.stdout, stderr: stderr + &warnings }
    }

    fn print(&mut self, request: &ApiRequest, response: ApiResponse, view: Viewpoint) {
        match response {
            ApiResponse::Done => {
                let ApiRequest::Write(request) = request else { unreachable!("{request:?} has an answer") };
                let quiet = matches!(
                    *self.command,
                    DockerCommand::Swarm(SwarmCommand::JoinToken { quiet: true, .. })
                );
                if !quiet {
                    self.stdout.push_str(&done(request, view.seed));
                }
            }
            ApiResponse::Swarm(swarm) if self.info.is_some() => {
                self.info.as_mut().expect("asked above").1.cluster = Some(swarm.cluster);
            }
            ApiResponse::Nodes(nodes) if self.info.is_some() => {
                let managers = nodes.iter().filter(|node| node.manager.is_some()).count();
                self.info.as_mut().expect("asked above").1.nodes = Some((nodes.len(), managers));
            }
            ApiResponse::Swarm(swarm)
                if matches!(*self.command, DockerCommand::Swarm(SwarmCommand::Init { .. })) =>
            {
                self.stdout.push_str(&engine::how_to_join(&swarm, view));
            }
            ApiResponse::Swarm(swarm) => {
                let DockerCommand::Swarm(SwarmCommand::JoinToken { role, quiet, .. }) = *self.command else {
                    unreachable!("{:?} asks for no token", self.command)
                };
                self.stdout.push_str(&join_token(&swarm, role, quiet, view));
            }
            ApiResponse::ServiceCreated(service) => {
                let _ = writeln!(self.stdout, "{}", service.text(view.seed));
            }
            ApiResponse::NetworkCreated(network) => {
                let _ = writeln!(self.stdout, "{}", network.text(view.seed));
            }
            ApiResponse::Networks(networks) => {
                let DockerCommand::Network(NetworkCommand::List(listing)) = &*self.command else {
                    unreachable!("{:?} lists no networks", self.command)
                };
                self.stdout.push_str(&network_table(&networks, listing, view));
            }
            ApiResponse::NetworkDetails(details) => {
                self.print_json(details, view, |network| network_json(network, view));
            }
            ApiResponse::RoleUnchanged(node) => {
                let role = if matches!(*self.command, DockerCommand::Node(NodeCommand::Promote { .. })) {
                    "manager"
                } else {
                    "worker"
                };
                let _ = writeln!(self.stdout, "Node {} is already a {role}.", node.text(view.seed));
            }
            ApiResponse::Services(services) => {
                let DockerCommand::Service(ServiceCommand::List(listing)) = &*self.command else {
                    unreachable!("{:?} lists no services", self.command)
                };
                self.stdout.push_str(&service_table(&services, listing, view));
            }
            ApiResponse::Nodes(nodes) => {
                let DockerCommand::Node(NodeCommand::List(listing)) = &*self.command else {
                    unreachable!("{:?} lists no nodes", self.command)
                };
                self.stdout.push_str(&node_table(&nodes, self.own_node, listing, view));
            }
            ApiResponse::Tasks(tasks) => self.print_tasks(*tasks, view),
            ApiResponse::ServiceDetails(details) => self.print_services(details, view),
            ApiResponse::NodeDetails(details) => self.print_nodes(details, view),
        }
    }

    /// `service ps` prints a table if one of the services exists, and its ids in full; `node ps` prints one if there
    /// is a task or no error.
    fn print_tasks(&mut self, tasks: TaskListing, view: Viewpoint) {
        let (listing, show) =
            if let DockerCommand::Service(ServiceCommand::Tasks { services, listing }) = &*self.command {
                let no_trunc = listing.no_trunc || listing.quiet;
                (Listing { no_trunc, ..listing.clone() }, tasks.errors.len() < services.len())
            } else if let DockerCommand::Node(NodeCommand::Tasks { listing, .. }) = &*self.command {
                (listing.clone(), tasks.errors.is_empty() || !tasks.tasks.is_empty())
            } else {
                unreachable!("{:?} lists no tasks", self.command)
            };
        if show {
            self.stdout.push_str(&task_table(&tasks, &listing, view));
        }
        self.errors.extend(tasks.errors.iter().map(|error| error.message(view.seed)));
    }

    fn print_services(&mut self, details: Vec<Result<ServiceDetails, ApiError>>, view: Viewpoint) {
        let DockerCommand::Service(ServiceCommand::Inspect { pretty, .. }) = &*self.command else {
            unreachable!("{:?} inspects no services", self.command)
        };
        if *pretty {
            self.print_pretty(details, view, |details| service_pretty(details, view));
        } else {
            self.print_json(details, view, |details| service_json(details, view));
        }
    }

    fn print_nodes(&mut self, details: Vec<Result<NodeListing, ApiError>>, view: Viewpoint) {
        let DockerCommand::Node(NodeCommand::Inspect { pretty, .. }) = &*self.command else {
            unreachable!("{:?} inspects no nodes", self.command)
        };
        if *pretty {
            self.print_pretty(details, view, |details| node_pretty(details, view));
        } else {
            self.print_json(details, view, |details| node_json(details, view));
        }
    }

    /// All of them, or the first error alone.
    fn print_pretty<T>(
        &mut self,
        details: Vec<Result<T, ApiError>>,
        view: Viewpoint,
        print: impl Fn(&T) -> String,
    ) {
        match details.into_iter().collect::<Result<Vec<T>, ApiError>>() {
            Ok(details) => self.stdout.extend(details.iter().map(print)),
            Err(error) => self.errors.push(error.message(view.seed)),
        }
    }

    /// A list of those that exist, and all errors.
    fn print_json<T>(
        &mut self,
        details: Vec<Result<T, ApiError>>,
        view: Viewpoint,
        json: impl Fn(&T) -> Json,
    ) {
        let mut found = Vec::new();
        for details in details {
            match details {
                Ok(details) => found.push(json(&details)),
                Err(error) => self.errors.push(error.message(view.seed)),
            }
        }
        let _ = writeln!(self.stdout, "{}", Json::List(found));
    }
}

/// What a client prints when a request that changes something was carried out.
fn done(request: &ApiWrite, seed: u64) -> String {
    match request {
        ApiWrite::ScaleService { service, replicas } => format!("{service} scaled to {replicas}\n"),
        ApiWrite::UpdateService { service, .. }
        | ApiWrite::RollbackService { service }
        | ApiWrite::RemoveService { service } => format!("{service}\n"),
        ApiWrite::RemoveNetwork { network } => format!("{network}\n"),
        ApiWrite::UpdateNode { node, .. } | ApiWrite::RemoveNode { node, .. } => {
            format!("{}\n", word(node, seed))
        }
        ApiWrite::SetNodeRole { node, role: NodeRole::Manager } => {
            format!("Node {} promoted to a manager in the swarm.\n", word(node, seed))
        }
        ApiWrite::SetNodeRole { node, role: NodeRole::Worker } => {
            format!("Manager {} demoted in the swarm.\n", word(node, seed))
        }
        ApiWrite::UpdateSwarm(_) => "Swarm updated.\n".to_owned(),
        ApiWrite::RotateJoinToken(role) => {
            format!("Successfully rotated {} join token.\n\n", role.name().to_lowercase())
        }
        ApiWrite::CreateService(_) | ApiWrite::CreateNetwork(_) => {
            unreachable!("{request:?} has an answer of its own")
        }
    }
}

/// The node as the user wrote it.
fn word(node: &NodeQuery, seed: u64) -> String {
    match node {
        NodeQuery::Id(node) => node.text(seed),
        NodeQuery::Text(text) => text.clone(),
    }
}

impl ClientError {
    /// The error as docker prints it, with ids as in the run of this seed.
    #[must_use]
    pub(crate) fn message(&self, seed: u64) -> String {
        match self {
            ClientError::Refused(error) => error.message(seed),
            ClientError::Engine(text) => format!("Error response from daemon: {text}"),
            ClientError::NoEngine => {
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
                    .to_owned()
            }
        }
    }
}

impl StateDigest for CommandRun {
    fn digest(&self, digest: &mut Digest) {
        // The command decides the requests, so what is left of those tells how far it is.
        let Self { command: _, seed: _, own_node, manager: _, waiting, asked, info, stdout, errors } = self;
        own_node.digest(digest);
        digest.debug(&(waiting, asked, info));
        digest.text(stdout);
        errors.digest(digest);
    }
}
