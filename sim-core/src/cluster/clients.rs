//! The docker clients of one host, and the engine's side of their API calls (decisions: commands).
//!
//! A client asks its own engine, without delay. The engine of a manager passes the call to its manager component,
//! which answers it or passes it on to the leader; the engine waits for at most 20 s. Clients live beside the
//! engine: its death is an answer too.
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::engine_networks;
use super::host::{EngineAnswer, NO_MANAGER};
use crate::client::{Ask, ClientError, CommandRun, ManagerState, OwnHost};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::setup::{ClientCommand, Setup};
use crate::model::{Cluster, Fact, FactId, HostId, Network, NodeId};
use crate::protocol::{
    Answer, ApiRequest, CallError, CallId, ClientTimer, Component, Effects, EngineRequest, Message, Request,
    Response, Timer,
};

/// What an engine outside of a swarm says (spec control-plane 8.6).
const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

/// What the engine of a manager says that serves nobody yet (spec control-plane 8.6).
const STARTING: &str =
    "This node is not a swarm manager. Manager is being prepared or has trouble connecting to the cluster.";

/// What the engine of the client's host is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// No engine runs.
    Down,
    /// The host is in no swarm.
    NoSwarm,
    /// The host is a worker, or on its way into a swarm.
    Worker,
    /// The host is a manager that is being prepared.
    StartingManager,
    /// The host is a manager.
    Manager,
}

/// What a client finds on its host.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) engine: Engine,
    /// The engine answers nobody at present.
    pub(crate) is_frozen: bool,
    /// The node that the host is.
    pub(crate) own: Option<NodeId>,
    /// All node objects with their hosts, in the order in which they were made.
    pub(crate) nodes: Vec<(HostId, NodeId)>,
    /// The networks of the swarm that the engine itself has.
    pub(crate) networks: Vec<Arc<Network>>,
    /// Knows the names of the hosts.
    pub(crate) setup: Arc<Setup>,
    /// The swarm as it is now.
    pub(crate) swarm: Option<Arc<Cluster>>,
}

impl OwnHost for Site {
    fn own_node(&self) -> Option<NodeId> {
        self.own
    }

    fn manager(&self) -> Option<ManagerState> {
        match self.engine {
            Engine::Manager => Some(ManagerState::Serving),
            Engine::StartingManager => Some(ManagerState::Starting),
            Engine::Down | Engine::NoSwarm | Engine::Worker => None,
        }
    }

    fn swarm(&self) -> Option<&Cluster> {
        self.swarm.as_deref()
    }

    fn nth_node(&self, hostname: &str, number: u32) -> Option<NodeId> {
        let is_named = |host| self.setup.hosts.get(host).is_some_and(|host| host.name == hostname);
        let mut of_host = self.nodes.iter().filter(|(host, _)| is_named(*host));
        of_host.nth(number.checked_sub(1)? as usize).map(|(_, node)| *node)
    }
}

impl Site {
    /// Why the engine does not pass a request on to a manager, if it does not.
    fn refusal(&self) -> Option<ClientError> {
        match self.engine {
            Engine::Manager => None,
            Engine::Down => Some(ClientError::NoEngine),
            Engine::NoSwarm => Some(ClientError::Engine(NO_SWARM.to_owned())),
            Engine::Worker => Some(ClientError::Engine(NO_MANAGER.to_owned())),
            Engine::StartingManager => Some(ClientError::Engine(STARTING.to_owned())),
        }
    }
}

/// The client processes of a host.
#[derive(Debug)]
pub(crate) struct Clients {
    seed: u64,
    call_limit: SimDuration,
    waiting: BTreeMap<CallId, Waiting>,
    /// What clients want of the engine itself, and it has not seen yet.
    asked: Vec<(CallId, EngineRequest)>,
    /// Clients with what they ask a frozen engine for, in order.
    held: Vec<(Client, Ask)>,
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
    /// The engine limits calls to the swarm, and none to itself.
    timeout: Option<TimerId>,
}

impl Clients {
    pub(crate) fn new(seed: u64, call_limit: SimDuration) -> Self {
        Clients { seed, call_limit, waiting: BTreeMap::new(), asked: Vec::new(), held: Vec::new() }
    }

    /// Runs commands one after the other.
    pub(crate) fn run(&mut self, mut commands: VecDeque<ClientCommand>, site: &Site, out: &mut Effects) {
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
        self.engine_goes_on(site, out);
    }

    fn start(
        &mut self,
        command: ClientCommand,
        then: VecDeque<ClientCommand>,
        site: &Site,
        out: &mut Effects,
    ) -> Client {
        out.set_cause(FactId::START);
        let line = command.line.clone();
        let fact = out.fact(Fact::Command { command: command.id, host: out.host(), line });
        let run = CommandRun::new(command.command.clone(), self.seed, site);
        Client { command, run, then, started: out.now(), fact }
    }

    /// Makes the client's next request, or ends its command and returns what it has to run after that.
    fn go_on(&mut self, mut client: Client, site: &Site, out: &mut Effects) -> VecDeque<ClientCommand> {
        out.set_cause(client.fact);
        while let Some(ask) = client.run.next_ask() {
            if site.is_frozen {
                self.held.push((client, ask));
                return VecDeque::new();
            }
            match self.put(client, ask, site, out) {
                Some(answered) => client = answered,
                None => return VecDeque::new(),
            }
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

    /// Asks what a client wants to know. It comes back if it has the answer already.
    fn put(&mut self, mut client: Client, ask: Ask, site: &Site, out: &mut Effects) -> Option<Client> {
        match ask {
            Ask::Engine(_) if site.engine == Engine::Down => {
                client.run.engine_answered(Err(ClientError::NoEngine));
                Some(client)
            }
            Ask::Engine(request) => {
                let call = out.mint_call(Component::Client);
                self.asked.push((call, request));
                self.waiting.insert(call, Waiting { client, timeout: None });
                None
            }
            Ask::Swarm(request, limit) => match site.refusal() {
                None => {
                    self.ask(client, request, limit, out);
                    None
                }
                Some(error) => {
                    let of_the_engine = engine_networks::answer(&request, site, self.seed);
                    client.run.answered(of_the_engine.unwrap_or(Err(error)), out.now());
                    Some(client)
                }
            },
        }
    }

    /// The engine has been frozen, and hears its clients again, or is gone.
    pub(crate) fn engine_goes_on(&mut self, site: &Site, out: &mut Effects) {
        for (client, ask) in std::mem::take(&mut self.held) {
            out.set_cause(client.fact);
            if let Some(answered) = self.put(client, ask, site, out) {
                let then = self.go_on(answered, site, out);
                self.run(then, site, out);
            }
        }
    }

    /// What clients want of the engine itself, since this was last asked.
    pub(crate) fn take_asked(&mut self) -> Vec<(CallId, EngineRequest)> {
        std::mem::take(&mut self.asked)
    }

    /// The engine itself answers.
    pub(crate) fn engine_answered(
        &mut self,
        call: CallId,
        answer: EngineAnswer,
        site: &Site,
        out: &mut Effects,
    ) {
        let Some(Waiting { mut client, .. }) = self.waiting.remove(&call) else { return };
        client.run.engine_answered(answer);
        let then = self.go_on(client, site, out);
        self.run(then, site, out);
    }

    fn ask(&mut self, client: Client, request: ApiRequest, limit: Option<SimDuration>, out: &mut Effects) {
        let call = out.mint_call(Component::Client);
        let timer = Timer::Client(ClientTimer::CallTimeout(call));
        let timeout = Some(out.set_timer(timer, out.now() + limit.unwrap_or(self.call_limit)));
        out.send(out.host(), Message::Request { call, request: Request::Api(Box::new(request)) });
        self.waiting.insert(call, Waiting { client, timeout });
    }

    fn answered(&mut self, call: CallId, answer: Answer, site: &Site, out: &mut Effects) {
        let Some(Waiting { mut client, timeout }) = self.waiting.remove(&call) else { return };
        let Some(timeout) = timeout else {
            // Only its death ends what was asked of the engine itself.
            client.run.engine_answered(Err(ClientError::Engine(CallError::Reset.to_string())));
            let then = self.go_on(client, site, out);
            return self.run(then, site, out);
        };
        out.cancel_timer(timeout);
        let result = match answer {
            Ok(Response::Api(result)) => result.map_err(ClientError::Refused),
            Ok(response) => unreachable!("{call:?} asked the control API, and not for {response:?}"),
            Err(error) => Err(ClientError::Engine(error.to_string())),
        };
        client.run.answered(result, out.now());
        let then = self.go_on(client, site, out);
        self.run(then, site, out);
    }
}

impl StateDigest for Clients {
    fn digest(&self, digest: &mut Digest) {
        let Self { seed: _, call_limit: _, waiting, asked, held } = self;
        digest.debug(asked);
        held.iter().for_each(|(client, _)| digest.u32(client.command.id.0));
        for (call, Waiting { client, timeout: _ }) in waiting {
            let Client { command, run, then, started, fact } = client;
            digest.u64(call.number);
            digest.u32(command.id.0);
            run.digest(digest);
            digest.debug(then);
            digest.time(*started);
            fact.digest(digest);
        }
    }
}
