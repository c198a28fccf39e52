//! The worker side of a host: its agent and the tasks that it runs.
use std::sync::Arc;

use crate::kernel::{Digest, SimTime, StateDigest, Stream};
use crate::model::setup::Setup;
use crate::model::{HostId, NodeDescription, NodeId, TaskId};
use crate::protocol::{AgentTimer, CallId, Effects, Message, SessionId};

/// What an agent is told when it is made.
#[derive(Clone, Debug)]
pub(crate) struct AgentConfig {
    pub(crate) host: HostId,
    pub(crate) node: NodeId,
    pub(crate) description: Arc<NodeDescription>,
    /// True if a manager runs on the host: the agent talks to no other.
    pub(crate) local_manager: bool,
    pub(crate) managers: Arc<[HostId]>,
    pub(crate) setup: Arc<Setup>,
}

/// The random streams of an agent.
#[derive(Debug)]
pub(crate) struct AgentStreams {
    pub(crate) backoff: Stream,
    pub(crate) manager_choice: Stream,
    pub(crate) exec: Stream,
}

/// An open session at time zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettledAgent {
    pub(crate) session: SessionId,
    pub(crate) manager: HostId,
    pub(crate) session_call: CallId,
    pub(crate) assignments_call: CallId,
    pub(crate) next_heartbeat: SimTime,
}

/// The agent of a host.
#[derive(Debug)]
pub(crate) struct Agent {
    config: AgentConfig,
    streams: AgentStreams,
}

impl Agent {
    pub(crate) fn new(config: AgentConfig, streams: AgentStreams) -> Self {
        Agent { config, streams }
    }

    /// Draws the manager for the next session.
    pub(crate) fn choose_manager(&mut self) -> HostId {
        self.config.managers[0]
    }

    pub(crate) fn settle(&mut self, _settled: SettledAgent, _out: &mut Effects) {}

    pub(crate) fn start(&mut self, _out: &mut Effects) {}

    pub(crate) fn hear(&mut self, _from: HostId, _message: Message, _out: &mut Effects) {}

    pub(crate) fn fire(&mut self, _timer: AgentTimer, _out: &mut Effects) {}

    pub(crate) fn reset(&mut self, _peer: HostId, _out: &mut Effects) {}

    pub(crate) fn power_off(&mut self, _out: &mut Effects) {}

    pub(crate) fn kill(&mut self, _containers_survive: bool, _out: &mut Effects) {}

    pub(crate) fn kill_task(&mut self, _task: TaskId, _out: &mut Effects) {}
}

impl StateDigest for Agent {
    fn digest(&self, _digest: &mut Digest) {}
}
