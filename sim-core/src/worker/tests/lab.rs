//! A world around one agent: links without latency and managers that answer as told.
mod managers;
mod script;
mod words;

pub(super) use script::run;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use self::words::fact_text;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest, Streams};
use crate::model::setup::{Images, Setup};
use crate::model::{
    Fact, FactId, HostId, Node, NodeDescription, NodeId, NodeRole, SessionEvent, Task, TaskId, TaskStatus,
};
use crate::protocol::{CallError, CallId, Component, Effects, Event, Lives, Message, SessionId, Timer};
use crate::worker::{Agent, AgentConfig, AgentStreams, SettledAgent};

/// The host of the agent.
pub(super) const HERE: HostId = HostId(9);

/// How a manager answers calls of a kind.
#[derive(Clone, Debug)]
pub(super) enum Manner {
    Yes,
    Silent,
    Fails(CallError),
}

pub(super) struct Lab {
    pub(super) out: Effects,
    pub(super) agent: Agent,
    lives: Lives,
    frozen: Option<VecDeque<Event>>,
    pub(super) sessions: Manner,
    pub(super) heartbeats: Manner,
    pub(super) reports: Manner,
    period: SimDuration,
    managers: Arc<[HostId]>,
    /// Streams that the agent has open.
    session: Option<CallId>,
    assignments: Option<CallId>,
    sessions_given: u64,
    /// Messages on their way to the agent.
    deliveries: BTreeMap<u64, Message>,
    sent: u64,
    /// The last report of each task that was accepted.
    pub(super) reported: BTreeMap<TaskId, TaskStatus>,
    tasks: BTreeMap<TaskId, Arc<Task>>,
    /// The fact behind what comes from outside.
    because: FactId,
    /// Of each failed session the bound and the time until the next opening.
    pub(super) failures: Vec<(SimDuration, SimDuration)>,
    shown: Vec<String>,
    /// Whether the node has an address on the network of the tasks.
    attached: bool,
    log: String,
}

impl Lab {
    pub(super) fn new() -> Self {
        Lab {
            out: Effects::new(),
            agent: agent(Arc::default(), &[HostId(1)], false, 1),
            lives: Lives::default(),
            frozen: None,
            sessions: Manner::Yes,
            heartbeats: Manner::Yes,
            reports: Manner::Yes,
            period: SimDuration::from_secs(5),
            managers: Arc::new([HostId(1)]),
            session: None,
            assignments: None,
            sessions_given: 0,
            deliveries: BTreeMap::new(),
            sent: 0,
            reported: BTreeMap::new(),
            tasks: BTreeMap::new(),
            because: FactId(0),
            failures: Vec::new(),
            shown: vec!["sessions".to_owned()],
            attached: true,
            log: String::new(),
        }
    }

    /// From here on the agent's process acts.
    pub(super) fn enter(&mut self) {
        self.out.enter(HERE, self.lives, self.because);
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, span: SimDuration) {
        let until = self.out.now() + span;
        self.advance(until);
        self.out.advance_to(until);
    }

    pub(super) fn process_ended(&mut self) {
        self.lives.end_process();
        self.deliveries.clear();
        (self.session, self.assignments) = (None, None);
    }

    /// An agent that draws other numbers.
    pub(super) fn with_seed(seed: u64) -> Self {
        let mut lab = Lab::new();
        lab.agent = agent(Arc::default(), &lab.managers, false, seed);
        lab
    }

    /// An agent on a host with these images.
    pub(super) fn with_images(images: Images) -> Self {
        let mut lab = Lab::new();
        let setup = Setup { images, ..Setup::default() };
        lab.agent = agent(Arc::new(setup), &lab.managers, false, 1);
        lab
    }

    fn settle(&mut self, heartbeat: SimDuration, tasks: Vec<Arc<Task>>) {
        let [session_call, assignments_call] = [(); 2].map(|()| self.out.mint_call(Component::Agent));
        let manager = self.agent.choose_manager();
        self.sessions_given += 1;
        let settled = SettledAgent {
            session: SessionId(self.sessions_given),
            manager,
            session_call,
            assignments_call,
            next_heartbeat: self.out.now() + heartbeat,
        };
        self.agent.settle(settled, &mut self.out);
        self.agent.configure(&node(true).attachments, &mut self.out);
        for task in tasks {
            self.agent.settle_task(task, &mut self.out);
        }
        self.session = Some(session_call);
        self.assignments = Some(assignments_call);
    }

    /// Lets so many sessions fail.
    pub(super) fn fail_sessions(&mut self, count: usize) {
        while self.failures.len() < count {
            self.step();
        }
    }

    pub(super) fn advance(&mut self, until: SimTime) {
        self.count_events(until);
    }

    fn step(&mut self) {
        let event = self.out.pop().expect("something is to come");
        if let Some(backlog) = &mut self.frozen {
            backlog.push_back(event);
        } else {
            self.happen(event);
        }
        self.work();
    }

    pub(super) fn freeze(&mut self) {
        self.frozen.get_or_insert_default();
    }

    /// What was kept back comes now.
    pub(super) fn thaw(&mut self) {
        for event in self.frozen.take().into_iter().flatten() {
            self.happen(event);
            self.work();
        }
    }

    /// How many events there are until then.
    pub(super) fn count_events(&mut self, until: SimTime) -> u32 {
        let mut count = 0;
        while self.out.next_time().is_some_and(|at| at <= until) {
            self.step();
            count += 1;
        }
        count
    }

    fn happen(&mut self, event: Event) {
        let Event::Fire { life, timer, cause, .. } = event else { panic!("{event:?} is none of ours") };
        if life != self.lives.of(&timer) {
            return;
        }
        self.out.enter(HERE, self.lives, cause);
        if let Timer::Agent(timer) = timer {
            return self.agent.fire(timer, &mut self.out);
        }
        let Timer::Alarm(number) = timer else { panic!("{timer:?} is none of ours") };
        let message = self.deliveries.remove(&number).expect("sent once");
        self.agent.hear(message, &mut self.out);
    }

    fn deliver(&mut self, message: Message) {
        self.sent += 1;
        self.deliveries.insert(self.sent, message);
        self.out.enter(HERE, self.lives, self.out.cause());
        self.out.set_timer(Timer::Alarm(self.sent), self.out.now());
    }

    /// Prints what was told and sent, and has the managers answer.
    pub(super) fn work(&mut self) {
        let mut facts = Vec::new();
        self.out.trace_mut().swap_fresh(&mut facts);
        for record in facts {
            if let Fact::Session { event: SessionEvent::Failed { backoff, retry_in, .. }, .. } = &record.fact
            {
                self.failures.push((*backoff, *retry_in));
            }
            let because = if self.shows("causes") {
                format!(" [{} < {}]", record.id.0, record.cause.0)
            } else {
                String::new()
            };
            let hidden = matches!(record.fact, Fact::Session { .. }) && !self.shows("sessions");
            if let Some(text) = fact_text(&record.fact).filter(|_| !hidden) {
                writeln!(self.log, "{} {text}{because}", record.time).unwrap();
            }
        }
        for (_, _, order) in self.out.take_orders() {
            if self.shows("network") {
                writeln!(self.log, "{} {}", self.out.now(), words::order_text(&order)).unwrap();
            }
        }
        let mut outbox = Vec::new();
        self.out.swap_outbox(&mut outbox);
        for (_, to, cause, message) in outbox {
            self.out.set_cause(cause);
            self.serve(to, message);
        }
    }

    fn shows(&self, what: &str) -> bool {
        self.shown.iter().any(|shown| shown == what)
    }

    pub(super) fn state_hash(&self) -> u64 {
        let mut digest = Digest::new();
        self.agent.digest(&mut digest);
        digest.finish()
    }
}

pub(super) fn agent(setup: Arc<Setup>, managers: &[HostId], local_manager: bool, seed: u64) -> Agent {
    let config = AgentConfig {
        host: HERE,
        node: NodeId(9),
        description: description("w9"),
        local_manager,
        managers: managers.into(),
        setup,
        seed,
    };
    Agent::new(config, AgentStreams::of(&mut Streams::new(seed), "w9"))
}

fn description(hostname: &str) -> Arc<NodeDescription> {
    Arc::new(NodeDescription { hostname: hostname.to_owned(), ..NodeDescription::default() })
}

/// The node object; with or without an address for its load balancers on the network of the tasks.
fn node(attached: bool) -> Node {
    Node {
        certificate: Default::default(),
        attachments: attached.then(|| words::attachment("overlay")).into_iter().collect(),
        ..Node::new(NodeId(9), HERE, NodeRole::Worker)
    }
}
