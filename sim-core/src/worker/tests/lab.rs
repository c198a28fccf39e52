//! A world around one agent: links without latency and managers that answer as told.
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use self::words::{changed_task, failure, host, hosts, image, manner, span, task_id};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest, Streams};
use crate::model::setup::{Images, Setup};
use crate::model::{
    Fact, FactId, HostId, Node, NodeDescription, NodeId, NodeRole, SessionEvent, Task, TaskId, TaskState,
    TaskStatus,
};
use crate::protocol::{
    Answer, Assignment, Assignments, CallError, CallId, Component, Effects, Event, Message, Request,
    Response, SessionId, SessionMessage, StatusUpdate, StreamItem, Timer,
};
use crate::text_test::{Command, check, split_words};
use crate::worker::{Agent, AgentConfig, AgentStreams, SettledAgent};

/// The host of the agent.
pub(super) const HERE: HostId = HostId(9);

/// Runs a text test.
///
/// `agent` makes one (`managers=1,2`, `local`, `seed=`; the body lists images), `start`, `settle`, `describe`,
/// `power_off`, `kill`, `stop`, `kill_task`, `leave`, `reset h1` and `local yes` act on it. `dispatcher` says how
/// managers answer (`sessions=`, `heartbeats=`, `reports=`: `yes`, `silent`, `refused`, or a status), `assign`
/// sends tasks, `tell` another session message, `end session|assignments "..."` ends a stream, `freeze` and `thaw`
/// keep events back, `attached no` takes the node's address on the network of the tasks away, `note` is the cause of what follows, `advance` lets time pass, `show` and `hide` choose among `sessions`,
/// `heartbeats` and `causes`.
pub(super) fn run(file: &str) {
    let mut lab = Lab::new();
    check(file, |command| {
        lab.command(command);
        let log = std::mem::take(&mut lab.log);
        if log.is_empty() { "ok\n".to_owned() } else { log }
    });
}

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
    life: u32,
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
            life: 0,
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

    fn command(&mut self, command: &Command<'_>) {
        let first = command.words.first().map_or("", String::as_str);
        match command.name {
            "agent" => self.make_agent(command),
            "dispatcher" => self.instruct(command),
            "assign" => {
                let changes = command.body.iter().map(|line| self.assignment(line)).collect();
                self.assign(first == "complete", changes);
            }
            "tell" => {
                self.managers = hosts(command.get("managers").expect("managers"));
                self.tell_session();
            }
            "attached" => {
                self.attached = first == "yes";
                self.tell_session();
            }
            "end" => self.end_stream(first, failure(&command.words[1])),
            "advance" => self.pass(span(first)),
            "show" => self.shown.extend(command.words.iter().cloned()),
            "hide" => self.shown.retain(|shown| !command.words.contains(shown)),
            "note" => {
                self.out.set_cause(FactId(0));
                self.because = self.out.fact(Fact::Note { text: first.into() });
            }
            "node" => self.print_node(),
            name => self.act(name, command),
        }
        self.work();
        self.advance(self.out.now());
    }

    /// From here on the agent's process acts.
    pub(super) fn enter(&mut self) {
        self.out.enter(HERE, self.life, self.because);
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, span: SimDuration) {
        let until = self.out.now() + span;
        self.advance(until);
        self.out.advance_to(until);
    }

    fn act(&mut self, name: &str, command: &Command<'_>) {
        let first = command.words.first().map_or("", String::as_str);
        self.enter();
        let (agent, out) = (&mut self.agent, &mut self.out);
        match name {
            "start" => agent.start(out),
            "settle" => {
                let heartbeat = span(command.get("heartbeat").expect("heartbeat"));
                let tasks = command.body.iter().map(|line| self.task(&split_words(line))).collect();
                self.settle(heartbeat, tasks);
            }
            "describe" => agent.describe(description(first), out),
            "local" => agent.set_local_manager(first == "yes"),
            "reset" => agent.reset(host(first), out),
            "kill_task" => agent.kill_task(task_id(first), out),
            "power_off" => agent.power_off(out),
            "kill" => agent.kill(first == "survive", out),
            "stop" => agent.stop(out),
            "leave" => agent.leave(out),
            "left" => {
                let left = agent.has_left();
                writeln!(self.log, "{left}").unwrap();
            }
            "freeze" => self.freeze(),
            "thaw" => self.thaw(),
            other => panic!("unknown command {other}"),
        }
        if matches!(name, "power_off" | "kill" | "stop") {
            self.work();
            self.process_ended();
        }
    }

    pub(super) fn process_ended(&mut self) {
        self.life += 1;
        self.deliveries.clear();
        (self.session, self.assignments) = (None, None);
    }

    fn make_agent(&mut self, command: &Command<'_>) {
        self.managers = hosts(command.get("managers").unwrap_or("1"));
        let local = command.words.iter().any(|word| word == "local");
        let seed = command.get("seed").map_or(1, |seed| seed.parse().unwrap());
        let listed = command.body.iter().map(|line| image(line)).collect();
        let setup = Setup { images: Images { listed, ..Images::default() }, ..Setup::default() };
        let managers = Arc::clone(&self.managers);
        *self = Lab { managers, shown: std::mem::take(&mut self.shown), ..Lab::new() };
        self.agent = agent(Arc::new(setup), &self.managers, local, seed);
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

    fn instruct(&mut self, command: &Command<'_>) {
        for (key, place) in [
            ("sessions", &mut self.sessions),
            ("heartbeats", &mut self.heartbeats),
            ("reports", &mut self.reports),
        ] {
            if let Some(text) = command.get(key) {
                *place = manner(text);
            }
        }
        if let Some(period) = command.get("period") {
            self.period = span(period);
        }
    }

    pub(super) fn assign(&mut self, complete: bool, changes: Vec<Assignment>) {
        // A task that is removed begins anew, should it come back.
        self.reported.retain(|task, _| {
            let last = changes.iter().rev().find(|change| match change {
                Assignment::Update { task: updated, .. } => updated.id == *task,
                Assignment::Remove { task: removed, .. } => removed == task,
            });
            matches!(last, Some(Assignment::Update { .. })) || last.is_none() && !complete
        });
        let assignments = Arc::new(Assignments { complete, changes });
        if let Some(call) = self.assignments {
            self.deliver(Message::Item { call, item: StreamItem::Assignments(assignments) });
        }
    }

    /// `t1 image=app desired=RUNNING` or `- t1`.
    fn assignment(&mut self, line: &str) -> Assignment {
        let cause = self.because;
        let words = split_words(line);
        if words[0] == "-" {
            return Assignment::Remove { task: task_id(&words[1]), cause };
        }
        Assignment::Update { task: self.task(&words), cause }
    }

    /// `t1 image=app`: the task as it is from now on.
    fn task(&mut self, words: &[String]) -> Arc<Task> {
        let id = task_id(&words[0]);
        let task = Arc::new(changed_task(self.tasks.get(&id), id, words));
        self.tasks.insert(id, Arc::clone(&task));
        task
    }

    fn tell_session(&mut self) {
        if let Some(call) = self.session {
            let item = StreamItem::Session(Arc::new(self.session_message()));
            self.deliver(Message::Item { call, item });
        }
    }

    fn session_message(&self) -> SessionMessage {
        SessionMessage {
            session: SessionId(self.sessions_given),
            node: Arc::new(node(self.attached)),
            managers: Arc::clone(&self.managers),
        }
    }

    fn end_stream(&mut self, name: &str, error: CallError) {
        let stream = if name == "session" { &mut self.session } else { &mut self.assignments };
        let call = stream.take().expect("the stream is open");
        self.deliver(Message::Answer { call, answer: Err(error) });
    }

    fn print_node(&mut self) {
        let node = self.agent.node_object().map_or("none".to_owned(), |node| format!("{:?}", node.id));
        writeln!(self.log, "{node}").unwrap();
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
        if life != self.life {
            return;
        }
        self.out.enter(HERE, life, cause);
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
        self.out.enter(HERE, self.life, self.out.cause());
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

    fn print_sent(&mut self, to: HostId, text: &str) {
        let is_session = text.contains("session") || text == "assignments" || text == "hang up assignments";
        if is_session && !self.shows("sessions") {
            return;
        }
        writeln!(self.log, "{} > h{} {text}", self.out.now(), to.0).unwrap();
    }

    fn serve(&mut self, to: HostId, message: Message) {
        if let Message::Request { call, request } = message {
            return self.serve_request(to, call, request);
        }
        let Message::HangUp { call } = message else { panic!("an agent does not send {message:?}") };
        let name = if self.session == Some(call) {
            self.session = None;
            "session"
        } else {
            self.assignments = None;
            "assignments"
        };
        self.print_sent(to, &format!("hang up {name}"));
    }

    fn serve_request(&mut self, to: HostId, call: CallId, request: Request) {
        match request {
            Request::Session { session, description, .. } => {
                let old = session.map_or(String::new(), |session| format!(" s{}", session.0));
                self.print_sent(to, &format!("session{old} as {}", description.hostname));
                self.session = Some(call);
                match self.sessions.clone() {
                    Manner::Yes => {
                        self.sessions_given = session.map_or(self.sessions_given + 1, |session| session.0);
                        self.tell_session();
                    }
                    Manner::Silent => {}
                    Manner::Fails(error) => self.deliver(Message::Answer { call, answer: Err(error) }),
                }
            }
            Request::Heartbeat { .. } => {
                if self.shows("heartbeats") {
                    self.print_sent(to, "heartbeat");
                }
                let response = Response::Heartbeat { period: self.period };
                self.answer(call, self.heartbeats.clone(), response);
            }
            Request::Assignments { .. } => {
                self.print_sent(to, "assignments");
                self.assignments = Some(call);
            }
            Request::UpdateTaskStatus { updates, .. } => {
                let texts: Vec<String> = updates.iter().map(|update| self.update_text(update)).collect();
                self.print_sent(to, &format!("report {}", texts.join(", ")));
                if matches!(self.reports, Manner::Yes) {
                    self.accept(&updates);
                }
                self.answer(call, self.reports.clone(), Response::Done);
            }
            Request::Api(_)
            | Request::Raft(_)
            | Request::Health
            | Request::RootCertificate
            | Request::IssueCertificate(_)
            | Request::CertificateStatus { .. }
            | Request::JoinRaft(_)
            | Request::Forwarded { .. } => panic!("an agent does not ask for {request:?}"),
        }
    }

    fn answer(&mut self, call: CallId, manner: Manner, response: Response) {
        let answer: Answer = match manner {
            Manner::Yes => Ok(response),
            Manner::Silent => return,
            Manner::Fails(error) => Err(error),
        };
        self.deliver(Message::Answer { call, answer });
    }

    /// States never go back, as long as they are those of one task.
    fn accept(&mut self, updates: &[StatusUpdate]) {
        for update in updates {
            let old = self.reported.insert(update.task, update.status.clone());
            let old = old.map_or(TaskState::New, |status| status.state);
            assert!(old <= update.status.state, "{:?}: {} after {old}", update.task, update.status.state);
        }
    }

    fn update_text(&self, StatusUpdate { task, status, cause }: &StatusUpdate) -> String {
        let mut text = format!("t{} {} \"{}\"", task.0, status.state, status.message);
        if !status.err.is_empty() {
            write!(text, " error=\"{}\"", status.err).unwrap();
        }
        if let Some(code) = status.exit_code {
            write!(text, " exit={code}").unwrap();
        }
        if let Some(time) = status.timestamp.filter(|time| *time != self.out.now()) {
            write!(text, " at={time}").unwrap();
        }
        if self.shows("causes") {
            write!(text, " [< {}]", cause.0).unwrap();
        }
        text
    }

    pub(super) fn state_hash(&self) -> u64 {
        let mut digest = Digest::new();
        self.agent.digest(&mut digest);
        digest.finish()
    }
}

fn fact_text(fact: &Fact) -> Option<String> {
    if let Fact::Container { task, event, .. } = fact {
        return Some(format!("t{} {event:?}", task.0));
    }
    if let Fact::Note { text } = fact {
        return Some(format!("note: {text}"));
    }
    let Fact::Session { event, .. } = fact else { return None };
    Some(match event {
        SessionEvent::Registered => "registered".to_owned(),
        SessionEvent::Overtaken => "overtaken".to_owned(),
        SessionEvent::Failed { error, retry_in, .. } => {
            format!("session failed: {error}; again in {retry_in}")
        }
    })
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
