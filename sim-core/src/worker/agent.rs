//! The agent of a host: what its parts hear, and what follows for the others.
use std::sync::Arc;

use super::executor::Executor;
use super::reporter::{Delivery, Reporter};
use super::session::{AgentStreams, Session};
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::setup::Setup;
use crate::model::{HostId, NetworkAttachment, Node, NodeDescription, NodeId, Task, TaskId};
use crate::protocol::{
    AgentTimer, Answer, Assignments, CallId, Component, Effects, Message, SessionId, StreamItem,
};

/// What an agent is told when it is made.
#[derive(Clone, Debug)]
pub(crate) struct AgentConfig {
    pub(crate) host: HostId,
    pub(crate) node: NodeId,
    pub(crate) description: Arc<NodeDescription>,
    /// True if a manager runs on the host: the agent talks to no other.
    pub(crate) local_manager: bool,
    /// The managers that are known, as the join address and the list on the disk are.
    pub(crate) managers: Arc<[HostId]>,
    pub(crate) setup: Arc<Setup>,
    /// Of the run: names of containers contain the texts of ids.
    pub(crate) seed: u64,
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

/// The agent of a host in the swarm. It outlives the engine process: what the disk and the host keep stays here.
#[derive(Debug)]
pub(crate) struct Agent {
    session: Session,
    reporter: Reporter,
    /// In a place of its own: a host that is idle only sends heartbeats.
    executor: Box<Executor>,
    /// When the process began; none: the engine does not run.
    started_at: Option<SimTime>,
    /// The node leaves the swarm: it takes no more tasks.
    leaving: bool,
}

impl Agent {
    /// An agent whose engine does not run yet, and that has no tasks.
    pub(crate) fn new(config: AgentConfig, streams: AgentStreams) -> Self {
        let AgentConfig { host, node, description, local_manager, managers, setup, seed } = config;
        Agent {
            session: Session::new((host, node), local_manager, description, &managers, streams),
            reporter: Reporter::new(node),
            executor: Box::new(Executor::new(host, setup, seed)),
            started_at: None,
            leaving: false,
        }
    }

    /// Draws the manager for the session that is to be settled.
    pub(crate) fn choose_manager(&mut self) -> HostId {
        self.session.choose_manager().expect("a settled cluster has a manager")
    }

    /// True while the engine process, of which it is a part, lets it run.
    pub(crate) fn is_running(&self) -> bool {
        self.started_at.is_some()
    }

    /// True while it has a session.
    pub(crate) fn is_registered(&self) -> bool {
        self.session.route().is_some()
    }

    /// The managers that it knows, in host order.
    pub(crate) fn known_managers(&self) -> Vec<HostId> {
        self.session.known_managers()
    }

    /// The host is in no swarm any more. Its random streams stay.
    pub(crate) fn into_streams(self) -> AgentStreams {
        self.session.into_streams()
    }

    /// Draws a manager of another host, by what is known of them.
    pub(crate) fn choose_other_manager(&mut self) -> Option<HostId> {
        self.session.choose_other_manager()
    }

    /// The engine has been running for long: there is an open session, and no task yet.
    pub(crate) fn settle(&mut self, settled: SettledAgent, out: &mut Effects) {
        let SettledAgent { session, manager, session_call, assignments_call, next_heartbeat } = settled;
        self.started_at = Some(out.now());
        self.session.settle((manager, session), (session_call, assignments_call), next_heartbeat, out);
        let fresh = self.reporter.follow(self.session.route());
        assert!(fresh && self.executor.is_empty(), "a settled agent has nothing to report");
    }

    /// A task has been running for long, and the dispatcher knows it.
    pub(crate) fn settle_task(&mut self, task: Arc<Task>, out: &mut Effects) {
        self.executor.settle(task, out);
    }

    /// The engine process starts. Tasks known on the disk are resumed from their last status, and reported once
    /// there is a session (spec control-plane 7.6).
    pub(crate) fn start(&mut self, out: &mut Effects) {
        assert!(self.started_at.is_none(), "an engine that runs does not start");
        self.started_at = Some(out.now());
        self.session.start(out);
        self.executor.start(&mut self.reporter, out);
    }

    /// The node has addresses on these networks.
    pub(crate) fn configure(&mut self, attachments: &[NetworkAttachment], out: &mut Effects) {
        self.executor.configure(attachments, out);
    }

    /// A message for the agent arrives.
    pub(crate) fn hear(&mut self, message: Message, out: &mut Effects) {
        match message {
            Message::Item { call, item: StreamItem::Session(message) } => {
                if self.session.told(call, &message, out) {
                    self.configure(&message.node.attachments, out);
                }
            }
            Message::Item { call, item: StreamItem::Assignments(assignments) } => {
                self.assign(call, &assignments, out);
            }
            Message::Answer { call, answer } => self.answered(call, &answer, out),
            Message::Request { .. } | Message::HangUp { .. } => unreachable!("agents are asked for nothing"),
            Message::Reset => unreachable!("the end of a connection is told by reset"),
        }
        self.report(out);
    }

    /// A timer of this process runs out.
    pub(crate) fn fire(&mut self, timer: AgentTimer, out: &mut Effects) {
        match timer {
            AgentTimer::OpenSession => self.session.open(out),
            AgentTimer::Heartbeat => self.session.heartbeat_due(out),
            AgentTimer::CallTimeout(call) => self.session.timed_out(call, out),
            AgentTimer::Operation(_)
            | AgentTimer::Engine(_)
            | AgentTimer::Retry(_)
            | AgentTimer::Exit(_)
            | AgentTimer::HealthCheck(_)
            | AgentTimer::Pulled(_) => self.executor.fire(timer, &mut self.reporter, out),
        }
        self.report(out);
    }

    /// The process at the other end of connections to `peer` died.
    pub(crate) fn reset(&mut self, peer: HostId, out: &mut Effects) {
        self.session.reset(peer, out);
        self.report(out);
    }

    /// The host loses power: its containers are lost. Tasks and their last statuses stay on the disk.
    pub(crate) fn power_off(&mut self, out: &mut Effects) {
        self.process_ended();
        self.executor.lose_power(out);
    }

    /// The engine process dies. Containers run on, to the next start or beyond it.
    pub(crate) fn kill(&mut self, containers_survive: bool, out: &mut Effects) {
        self.process_ended();
        self.executor.engine_died(containers_survive, out);
    }

    /// The agent ends while the engine goes on, with its containers and networks.
    pub(crate) fn fail(&mut self, out: &mut Effects) {
        self.process_ended();
        self.executor.agent_failed(out);
    }

    /// The engine is stopped in an orderly way, and stops its containers.
    pub(crate) fn stop(&mut self, out: &mut Effects) {
        self.session.stop(out);
        self.process_ended();
        self.executor.engine_stopped(out);
    }

    fn process_ended(&mut self) {
        self.session.die();
        self.reporter.forget();
        self.started_at = None;
    }

    /// The container of a task ends with 137, if it runs. That needs no engine.
    pub(crate) fn kill_task(&mut self, task: TaskId, out: &mut Effects) -> bool {
        let engine_runs = self.started_at.is_some();
        let is_killed = self.executor.kill_task(task, engine_runs, &mut self.reporter, out);
        self.report(out);
        is_killed
    }

    /// Whether a manager runs on the host, for sessions from the next one on.
    pub(crate) fn set_local_manager(&mut self, local: bool) {
        self.session.set_local_manager(local);
    }

    /// The node object as the dispatcher last told it.
    pub(crate) fn node_object(&self) -> Option<&Arc<Node>> {
        self.session.node_object()
    }

    /// The node leaves the swarm: all tasks are removed as if none were assigned (spec control-plane 7.6).
    pub(crate) fn leave(&mut self, out: &mut Effects) {
        self.leaving = true;
        let nothing = Assignments { complete: true, changes: Vec::new() };
        self.executor.assign(&nothing, &mut self.reporter, out);
    }

    /// True once a leaving node has no container any more: the engine may close the session.
    pub(crate) fn has_left(&self) -> bool {
        self.leaving && self.executor.is_empty()
    }

    fn assign(&mut self, call: CallId, assignments: &Assignments, out: &mut Effects) {
        if self.session.brings_assignments(call, out.now()) && !self.leaving {
            self.executor.assign(assignments, &mut self.reporter, out);
        }
    }

    fn answered(&mut self, call: CallId, answer: &Answer, out: &mut Effects) {
        assert_eq!(call.caller, Component::Agent, "answers go to their callers");
        match self.reporter.answered(call, answer) {
            Delivery::NotOurs => self.session.answered(call, answer, out),
            Delivery::Delivered => {}
            Delivery::Failed(error) => self.session.report_failed(&error, out),
        }
    }

    /// After every input: reports follow the session, and what is pending is sent.
    fn report(&mut self, out: &mut Effects) {
        if self.reporter.follow(self.session.route()) {
            self.executor.report_all(&mut self.reporter);
        }
        self.reporter.flush(out);
    }
}

impl StateDigest for Agent {
    fn digest(&self, digest: &mut Digest) {
        let Self { session, reporter, executor, started_at, leaving } = self;
        session.digest(digest);
        reporter.digest(digest);
        executor.digest(digest);
        started_at.digest(digest);
        digest.bool(*leaving);
    }
}
