//! One machine: its power, its engine process and what lives in it.
//!
//! The engine's part in the swarm is SwarmKit's node: it owns agent and manager, keeps the certificate, and lets the
//! manager run as long as the certificate says that there shall be one.
mod call;
mod certificate;
mod engine;
mod identity;
mod join;
mod leave;
mod role;

use std::collections::VecDeque;

use self::certificate::Renewal;
pub(super) use self::engine::{EngineAnswer, NO_MANAGER};
pub(super) use self::identity::{Identity, NodeStreams, SpareManager, SwarmNode};
use self::role::ManagerPart;
use super::clients::Clients;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::manager::{Manager, ManagerDisk};
use crate::mesh::Mesh;
use crate::model::{FactId, HostId};
use crate::protocol::{Answer, CallError, CallId, Effects, Event, Lives, LocalState, Message, NodeTimer};
use crate::worker::Agent;

/// Whether a host and its engine run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// No power: nobody answers.
    Off,
    /// The machine runs, its engine does not: connections are refused.
    EngineStopped,
    /// The engine runs.
    On,
}

/// A machine of the cluster.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) power: Power,
    /// Which engine process this is, and which manager and agent. Timers and connections belong to one of them.
    pub(crate) lives: Lives,
    /// What has arrived at a frozen engine, if it is frozen.
    pub(crate) frozen: Option<VecDeque<Event>>,
    pub(crate) agent: Option<Agent>,
    /// In a place of its own, as the disk: most hosts have none, and every event looks at a host.
    pub(crate) manager: Option<Box<Manager>>,
    /// What a manager left on the disk while its process is down.
    pub(crate) manager_disk: Option<Box<ManagerDisk>>,
    /// The network of the machine. It goes on while the engine process is dead. Heartbeats need none of it.
    pub(crate) mesh: Box<Mesh>,
    /// The host's part in a swarm. It is seldom looked at.
    pub(crate) node: Box<SwarmNode>,
    /// True while the host enters or leaves a swarm, so that everything that happens may complete that.
    pub(crate) moves: bool,
    pub(crate) clients: Clients,
    /// What last ended the engine's process or its manager: who is refused here is refused because of that.
    pub(crate) ended_by: Option<FactId>,
}

impl Host {
    /// The engine process is over because of this fact. Its manager is what is on the disk.
    pub(crate) fn end_process(&mut self, power: Power, cause: FactId) {
        self.ended_by = Some(cause);
        self.power = power;
        if power == Power::Off {
            self.mesh.forget();
        }
        self.lives.end_process();
        self.frozen = None;
        if let Some(manager) = self.manager.take() {
            self.manager_disk = Some(Box::new(manager.into_disk()));
        }
        self.node.end_process();
        self.node.queue.clear();
    }

    /// Writes of a manager to the disk take this much longer from here on, whether its process runs or not, and even if
    /// there is none yet or no more.
    pub(crate) fn slow_disk(&mut self, by: SimDuration) {
        if let Some(manager) = &mut self.manager {
            manager.slow_disk(by);
        }
        if let Some(disk) = &mut self.manager_disk {
            disk.kit.disk_delay = by;
        }
        self.node.slow_disk(by);
    }

    /// Everything that the engine knew of its swarm is gone.
    pub(crate) fn lose_disk(&mut self) {
        if let Some(disk) = self.manager_disk.take() {
            self.node.wipe(*disk);
        }
        if let Some(agent) = self.agent.take() {
            self.node.agent_streams = Some(agent.into_streams());
        }
        self.node.join = None;
        self.node.forget_swarm();
    }

    /// A new engine process starts on what the disk holds.
    pub(crate) fn start_process(&mut self, out: &mut Effects) {
        self.power = Power::On;
        self.mesh.forget();
        self.start_components(out);
    }

    /// Agent and manager start, as far as the disk says that there are any.
    fn start_components(&mut self, out: &mut Effects) {
        self.node.is_ready = false;
        self.moves = true;
        self.resume_join(out);
        self.follow_role(out);
        if self.node.awaits_restart() {
            return;
        }
        if let Some(agent) = &mut self.agent {
            agent.start(out);
        }
    }

    /// A timer of the host's part in the swarm ran out. One that ran out while the engine was frozen may have lost its
    /// meaning since then.
    pub(crate) fn fire(&mut self, timer: NodeTimer, out: &mut Effects) {
        match timer {
            NodeTimer::CallTimeout(call) => self.answered(call, Err(CallError::TimedOut), out),
            NodeTimer::Renew => self.renew(out),
            NodeTimer::RoleTimeout => self.role_overdue(out),
            NodeTimer::ManagerWritten => self.begin_manager(out),
            NodeTimer::ManagerReady => self.manager_ready(out),
            NodeTimer::Restart if self.node.restart_due() => self.start_components(out),
            NodeTimer::Restart => {}
            NodeTimer::JoinRetry => self.retry_join(out),
            NodeTimer::JoinTimeout => self.join_takes_long(),
            NodeTimer::LeaveTimeout => self.leave_now(out),
        }
        self.next_request(out);
    }

    /// A call of the host's part in the swarm is over.
    pub(crate) fn answered(&mut self, call: CallId, answer: Answer, out: &mut Effects) {
        if self.node.certificate.is_for(call) {
            self.certificate_answered(answer, out);
        } else if self.node.manager.is_for(call) {
            self.join_answered(answer, out);
        } else if self.node.join.as_ref().and_then(|join| join.open_call()).is_some_and(|open| open.is(call))
        {
            self.join_step_answered(answer, out);
        }
    }

    /// The process at the other end of all connections with a host has died.
    pub(crate) fn reset(&mut self, from: HostId, out: &mut Effects) {
        if let Some(manager) = &mut self.manager {
            manager.hear(from, Message::Reset, out);
        }
        if let Some(agent) = &mut self.agent {
            agent.reset(from, out);
        }
        let SwarmNode { certificate, manager, join, .. } = &*self.node;
        let joining = join.as_ref().and_then(|join| join.open_call());
        let open = [certificate.open_call(), manager.open_call(), joining];
        for call in open.map(|call| call.and_then(|call| call.to(from))).into_iter().flatten() {
            self.answered(call, Err(CallError::Reset), out);
        }
        self.follow_components(out);
    }

    /// The manager has ended, and the process goes on without it or with another one.
    fn manager_ended(&mut self, out: &mut Effects) {
        self.lives.end_manager();
        out.set_lives(self.lives);
    }

    /// The agent has ended, and the process goes on without it, or the agent begins anew.
    fn agent_ended(&mut self, out: &mut Effects) {
        self.lives.end_agent();
        out.set_lives(self.lives);
    }

    /// Agent or manager have acted: what they have learned may concern the host's part in the swarm.
    pub(crate) fn follow_components(&mut self, out: &mut Effects) {
        if self.manager.as_deref().is_some_and(Manager::has_lost_membership) {
            self.manager_removed(out);
        }
        self.observe_node(out);
        self.finish_init();
        self.finish_join(out);
        self.finish_leave(out);
        self.next_request(out);
        self.moves = self.node.is_moving();
    }

    /// The agent or the manager has acted. Heartbeats, which are most of what they do, concern nobody else.
    pub(crate) fn follow(&mut self, is_news: bool, out: &mut Effects) {
        if is_news || self.moves {
            self.follow_components(out);
        }
    }

    /// True if clients are to be told something.
    pub(crate) fn has_answers(&self) -> bool {
        self.moves && self.node.has_answers()
    }

    /// The manager that the host's part in the swarm talks to: the own one, or any other that the agent knows.
    fn contact(&mut self, remote: bool) -> Option<HostId> {
        if self.manager.is_some() && !remote {
            return Some(self.node.host);
        }
        self.agent.as_mut()?.choose_other_manager()
    }
}

impl StateDigest for Host {
    fn digest(&self, digest: &mut Digest) {
        let Self { power, lives, frozen, agent, manager, manager_disk, mesh, node, moves, clients, ended_by } =
            self;
        digest.u8(*power as u8);
        lives.digest(digest);
        digest.u64(frozen.as_ref().map_or(0, |backlog| backlog.len() as u64 + 1));
        agent.digest(digest);
        manager.as_deref().digest(digest);
        manager_disk.as_deref().digest(digest);
        mesh.digest(digest);
        node.digest(digest);
        digest.bool(*moves);
        clients.digest(digest);
        ended_by.digest(digest);
    }
}
