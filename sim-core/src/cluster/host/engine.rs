//! What a docker client asks an engine for about its part in a swarm (spec control-plane 5.6, 8.2, 8.6, 8.9).
use std::net::IpAddr;
use std::sync::Arc;

use super::identity::Identity;
use super::{Host, join};
use crate::client::ClientError;
use crate::manager::Manager;
use crate::manager::founding::Founding;
use crate::model::command::SwarmChange;
use crate::model::setup::HostSetup;
use crate::model::{Availability, ClusterSpec, HostId, NodeId, NodeRole};
use crate::protocol::{CallId, Effects, EngineInfo, EngineRequest, EngineResponse, LocalState, Member};
use crate::worker::{Agent, AgentConfig, describe};

pub(super) const IN_A_SWARM: &str = "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and join another one.";
pub(super) const NOT_IN_A_SWARM: &str = "This node is not part of a swarm";
/// What the engine of a node that is no manager says.
pub(crate) const NO_MANAGER: &str = "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this command on a manager node or promote the current node to a manager.";

/// An engine's answer to a client.
pub(crate) type EngineAnswer = Result<EngineResponse, ClientError>;

impl Host {
    /// A client of this host asks its engine for something. The answer may follow later: what would change the host's
    /// part in a swarm waits until the engine is done with what it was asked for before.
    pub(crate) fn requested(&mut self, call: CallId, request: EngineRequest, out: &mut Effects) {
        self.moves = true;
        if request == EngineRequest::Info {
            let info = EngineResponse::Info(self.info());
            return self.node.answer(call, Ok(info));
        }
        self.node.queue.push_back((call, request));
        self.next_request(out);
    }

    /// The engine does what was asked for next, unless it is still busy.
    pub(super) fn next_request(&mut self, out: &mut Effects) {
        while !self.node.is_busy()
            && let Some((call, request)) = self.node.queue.pop_front()
        {
            self.begin_request(call, request, out);
        }
    }

    fn begin_request(&mut self, call: CallId, request: EngineRequest, out: &mut Effects) {
        match request {
            EngineRequest::Info => unreachable!("what changes nothing is answered at once"),
            EngineRequest::LeaveSwarm if self.local_state() == LocalState::Inactive => {
                self.node.refuse(call, NOT_IN_A_SWARM);
            }
            EngineRequest::LeaveSwarm => self.leave(call, out),
            EngineRequest::ForceNewCluster => self.force_new_cluster(call, out),
            EngineRequest::InitSwarm { .. } | EngineRequest::JoinSwarm { .. }
                if self.local_state() != LocalState::Inactive =>
            {
                self.node.refuse(call, IN_A_SWARM);
            }
            EngineRequest::InitSwarm { availability, change } => self.init(call, availability, &change, out),
            EngineRequest::JoinSwarm { token, remote, availability } => {
                self.begin_join(join::Join::new(call, token, &remote, availability), out);
            }
        }
    }

    /// The answers that clients wait for, since this was last asked.
    pub(crate) fn take_answers(&mut self) -> Vec<(CallId, EngineAnswer)> {
        std::mem::take(&mut self.node.answers)
    }

    pub(crate) fn local_state(&self) -> LocalState {
        if self.node.error.is_some() {
            LocalState::Error
        } else if self.node.join.is_some() {
            LocalState::Pending
        } else if self.node.identity.is_some() {
            if self.node.is_ready { LocalState::Active } else { LocalState::Pending }
        } else {
            LocalState::Inactive
        }
    }

    /// True if the manager answers clients.
    pub(crate) fn manager_serves(&self) -> bool {
        self.manager.is_some() && !self.node.manager.is_opening()
    }

    fn info(&self) -> EngineInfo {
        let managers = self.agent.as_ref().map(Agent::known_managers).unwrap_or_default();
        EngineInfo {
            state: self.local_state(),
            error: self.node.error.clone(),
            node: self.node.identity.map(|identity| identity.node),
            control_available: self.manager_serves(),
            address: self.node.address_of(self.node.host),
            managers: managers.into_iter().map(|host| self.node.address_of(host)).collect(),
        }
    }

    /// A new swarm with this host as its first manager. The agent starts as soon as the manager serves requests.
    fn init(&mut self, call: CallId, availability: Availability, change: &SwarmChange, out: &mut Effects) {
        let (node, cluster) = (out.mint_node(), out.mint_cluster());
        let (raft_id, lineage) = (out.mint_raft_id(), out.mint_lineage());
        self.node.settle(Identity { node, role: NodeRole::Manager });
        let mut disk = self.node.fresh_disk(node, raft_id, lineage);
        let spec = changed(&self.node.setup.settings.cluster, change);
        disk.kit.founding = Some(Founding { cluster, spec, node, availability });
        self.manager = Some(Box::new(Manager::bootstrap(disk, out)));
        self.agent = Some(self.node.new_agent(node, true, &[]));
        self.await_init(call, out);
    }

    fn await_init(&mut self, call: CallId, out: &mut Effects) {
        self.node.initializing = Some(call);
        self.await_ready(out);
    }

    /// The manager goes on alone, with everything that it has committed (spec control-plane 5.6). A host outside of
    /// any swarm begins a new one.
    fn force_new_cluster(&mut self, call: CallId, out: &mut Effects) {
        let Some(identity) = self.node.identity else {
            if let Some(join) = self.node.join.take() {
                join.close(out);
            }
            return self.init(call, Availability::Active, &SwarmChange::default(), out);
        };
        let running = self.manager.take().map(|manager| Box::new(manager.shut_down(out)));
        self.manager_ended(out);
        let Some(mut disk) = running.or_else(|| self.manager_disk.take()) else {
            return self.node.refuse(call, NO_MANAGER);
        };
        let lineage = out.mint_lineage();
        out.told_until(lineage, disk.raft.hard_state().commit);
        disk.kit.lineage = lineage;
        disk.raft.force_new_cluster(disk.raft_id, Member { node: identity.node, host: self.node.host });
        self.node.cancel_restart(out);
        self.node.close_manager_part(out);
        self.node.end_renewal(out);
        self.node.end_process();
        if let Some(agent) = &mut self.agent {
            agent.fail(out);
            agent.set_local_manager(true);
        }
        self.agent_ended(out);
        self.manager = Some(Box::new(Manager::start(*disk, out)));
        self.await_init(call, out);
    }

    /// The first manager serves requests: its own agent can begin.
    pub(super) fn continue_init(&mut self, out: &mut Effects) {
        if let Some(agent) = self.agent.as_mut().filter(|agent| !agent.is_running()) {
            agent.start(out);
        }
    }

    /// The client that began the swarm is told when the node has a session.
    pub(super) fn finish_init(&mut self) {
        let registered = self.agent.as_ref().is_some_and(Agent::is_registered);
        if registered && let Some(call) = self.node.initializing.take() {
            let node = self.node.identity.expect("a swarm has a first node").node;
            self.node.answer(call, Ok(EngineResponse::Initialized(node)));
        }
    }
}

impl super::SwarmNode {
    pub(super) fn answer(&mut self, call: CallId, answer: EngineAnswer) {
        self.answers.push((call, answer));
    }

    pub(super) fn refuse(&mut self, call: CallId, text: impl Into<String>) {
        self.answer(call, Err(ClientError::Engine(text.into())));
    }

    pub(crate) fn new_agent(&mut self, node: NodeId, local_manager: bool, managers: &[HostId]) -> Agent {
        let config = AgentConfig {
            host: self.host,
            node,
            description: Arc::new(describe(self.host_setup(self.host))),
            local_manager,
            managers: managers.into(),
            setup: Arc::clone(&self.setup),
            seed: self.seed,
        };
        Agent::new(config, self.agent_streams.take().expect("a host has one agent"))
    }

    fn address_of(&self, host: HostId) -> IpAddr {
        IpAddr::V4(self.host_setup(host).address)
    }

    fn host_setup(&self, host: HostId) -> &HostSetup {
        self.setup.hosts.get(host).expect("hosts come from the set-up")
    }
}

/// The settings of a new swarm.
fn changed(spec: &ClusterSpec, change: &SwarmChange) -> ClusterSpec {
    let mut spec = spec.clone();
    spec.heartbeat_period = change.heartbeat_period.unwrap_or(spec.heartbeat_period);
    spec.task_history_retention_limit =
        change.task_history_retention_limit.unwrap_or(spec.task_history_retention_limit);
    spec.raft.snapshot_interval = change.snapshot_interval.unwrap_or(spec.raft.snapshot_interval);
    spec.certificate_validity = change.certificate_validity.unwrap_or(spec.certificate_validity);
    spec
}
