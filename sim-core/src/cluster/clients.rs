//! The docker clients of one host, and the engine's side of their API calls (decisions: commands).
//!
//! A client asks its own engine, without delay. The engine of a manager passes the call to its manager component,
//! which answers it or passes it on to the leader; the engine waits for at most 20 s. Clients live beside the
//! engine: its death is an answer too.
use std::collections::{BTreeMap, VecDeque};

use crate::client::{ClientError, CommandRun, OwnHost};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::setup::ClientCommand;
use crate::model::{Fact, FactId, NodeId};
use crate::protocol::{
    Answer, ApiRequest, CallError, CallId, ClientTimer, Component, Effects, Message, Request, Response, Timer,
};

/// What the engine of a node that is no manager says (spec control-plane 8.6).
const NO_MANAGER: &str = "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this command on a manager node or promote the current node to a manager.";
/// What an engine outside of a swarm says (spec control-plane 8.6).
const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

/// What the engine of the client's host is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// No engine runs.
    Down,
    /// The host is in no swarm.
    NoSwarm,
    /// The host is a worker.
    Worker,
    /// The host is a manager.
    Manager,
}

/// What a client finds on its host.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) engine: Engine,
    /// The node that the host is.
    pub(crate) own: Option<NodeId>,
    /// All node objects with the names of their hosts, in the order in which they were made.
    pub(crate) nodes: Vec<(String, NodeId)>,
}

impl OwnHost for Site {
    fn own_node(&self) -> Option<NodeId> {
        self.own
    }

    fn nth_node(&self, hostname: &str, number: u32) -> Option<NodeId> {
        let mut of_host = self.nodes.iter().filter(|(name, _)| name == hostname);
        of_host.nth(number.checked_sub(1)? as usize).map(|(_, node)| *node)
    }
}

/// The client processes of a host.
#[derive(Debug)]
pub(crate) struct Clients {
    seed: u64,
    call_limit: SimDuration,
    waiting: BTreeMap<CallId, Waiting>,
}

/// A client with the commands that it still has to run.
#[derive(Debug)]
struct Client {
    command: ClientCommand,
    run: CommandRun,
    then: VecDeque<ClientCommand>,
    started: SimTime,
    /// The fact that it was started.
    fact: FactId,
}

/// A client that waits for an answer.
#[derive(Debug)]
struct Waiting {
    client: Client,
    timeout: TimerId,
}

impl Clients {
    pub(crate) fn new(seed: u64, call_limit: SimDuration) -> Self {
        Clients { seed, call_limit, waiting: BTreeMap::new() }
    }

    /// Runs commands one after the other.
    pub(crate) fn run(&mut self, commands: &[ClientCommand], site: &Site, out: &mut Effects) {
        let mut commands: VecDeque<ClientCommand> = commands.iter().cloned().collect();
        while let Some(command) = commands.pop_front() {
            let then = std::mem::take(&mut commands);
            let client = self.start(command, then, site, out);
            commands = self.go_on(client, site, out);
        }
    }

    /// An answer to a call of one of the clients.
    pub(crate) fn hear(&mut self, message: Message, site: &Site, out: &mut Effects) {
        let Message::Answer { call, answer } = message else { return };
        self.answered(call, answer, site, out);
    }

    /// The engine does not wait any longer.
    pub(crate) fn fire(&mut self, timer: ClientTimer, site: &Site, out: &mut Effects) {
        let ClientTimer::CallTimeout(call) = timer;
        out.send(out.host(), Message::HangUp { call });
        self.answered(call, Err(CallError::TimedOut), site, out);
    }

    /// The engine is gone: whoever waits learns it at once.
    pub(crate) fn cut_off(&mut self, site: &Site, out: &mut Effects) {
        let calls: Vec<CallId> = self.waiting.keys().copied().collect();
        for call in calls {
            self.answered(call, Err(CallError::Reset), site, out);
        }
    }

    fn start(
        &mut self,
        command: ClientCommand,
        then: VecDeque<ClientCommand>,
        site: &Site,
        out: &mut Effects,
    ) -> Client {
        out.set_cause(FactId(0));
        let line = command.line.clone();
        let fact = out.fact(Fact::Command { command: command.id, host: out.host(), line });
        let run = CommandRun::new(command.command.clone(), self.seed, site);
        Client { command, run, then, started: out.now(), fact }
    }

    /// Makes the client's next request, or ends its command and returns what it has to run after that.
    fn go_on(&mut self, mut client: Client, site: &Site, out: &mut Effects) -> VecDeque<ClientCommand> {
        out.set_cause(client.fact);
        while let Some(request) = client.run.next_request() {
            let error = match site.engine {
                Engine::Manager => {
                    self.ask(client, request, out);
                    return VecDeque::new();
                }
                Engine::Down => ClientError::NoEngine,
                Engine::NoSwarm => ClientError::Engine(NO_SWARM.to_owned()),
                Engine::Worker => ClientError::Engine(NO_MANAGER.to_owned()),
            };
            client.run.answered(Err(error), out.now());
        }
        let output = client.run.output();
        out.fact(Fact::Answer {
            command: client.command.id,
            exit: output.exit,
            stdout: output.stdout.into(),
            stderr: output.stderr.into(),
            took: out.now().since(client.started),
        });
        client.then
    }

    fn ask(&mut self, client: Client, request: ApiRequest, out: &mut Effects) {
        let call = out.mint_call(Component::Client);
        let timer = Timer::Client(ClientTimer::CallTimeout(call));
        let timeout = out.set_timer(timer, out.now() + self.call_limit);
        out.send(out.host(), Message::Request { call, request: Request::Api(Box::new(request)) });
        self.waiting.insert(call, Waiting { client, timeout });
    }

    fn answered(&mut self, call: CallId, answer: Answer, site: &Site, out: &mut Effects) {
        let Some(Waiting { mut client, timeout }) = self.waiting.remove(&call) else { return };
        out.cancel_timer(timeout);
        let result = match answer {
            Ok(Response::Api(result)) => result.map_err(ClientError::Refused),
            Ok(Response::Done | Response::Heartbeat { .. }) => unreachable!("{call:?} asked the control API"),
            Err(error) => Err(ClientError::Engine(error.to_string())),
        };
        client.run.answered(result, out.now());
        let then = self.go_on(client, site, out);
        self.run(&Vec::from(then), site, out);
    }
}

impl StateDigest for Clients {
    fn digest(&self, digest: &mut Digest) {
        let Self { seed: _, call_limit: _, waiting } = self;
        for (call, Waiting { client, timeout: _ }) in waiting {
            let Client { command, run, then, started, fact } = client;
            digest.u64(call.number);
            digest.u32(command.id.0);
            run.digest(digest);
            digest.u64(then.len() as u64);
            digest.time(*started);
            fact.digest(digest);
        }
    }
}
