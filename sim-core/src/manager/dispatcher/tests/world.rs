//! A store, a dispatcher that leads from time to time, and a log of what it says and writes.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::kernel::{SimDuration, SimTime};
use crate::manager::dispatcher::{Dispatcher, HeartbeatPeriods};
use crate::manager::loops::{LeaderLoops, WriteError};
use crate::manager::ties::TieBreaker;
use crate::model::setup::Setup;
use crate::model::{Fact, FactId, FactRecord, HostId, Loss, NodeId, SessionEvent, TaskId};
use crate::protocol::{
    Answer, Assignment, CallError, CallId, Component, Effects, Event, Lineage, Lives, MemberList, Message,
    ReplyTo, Request, Response, StreamItem, Timer,
};
use crate::store::{ChangeSet, Delta, ObjectChange, Store, StoreError, Transaction};

/// The host whose manager leads.
const LEADER: HostId = HostId(0);

pub(super) struct World {
    pub(super) setup: Arc<Setup>,
    /// Names of nodes in id order.
    pub(super) node_names: Vec<String>,
    /// Names of tasks in id order, and the way back.
    task_names: Vec<String>,
    tasks: BTreeMap<String, TaskId>,
    pub(super) store: Store,
    pub(super) effects: Effects,
    commit_delay: SimDuration,
    loops: Option<LeaderLoops>,
    /// What a dispatcher gets when it begins to lead, and gives back.
    periods: Option<HeartbeatPeriods>,
    epoch: u32,
    version: u64,
    in_flight: Option<Arc<ChangeSet>>,
    /// Raft takes no proposals.
    pub(super) hands_over: bool,
    calls: u64,
    /// All facts so far, to find out why something happens.
    facts: Vec<FactRecord>,
    log: String,
}

impl World {
    pub(super) fn new(setup: Arc<Setup>, periods: HeartbeatPeriods, commit_delay: SimDuration) -> Self {
        World {
            setup,
            node_names: Vec::new(),
            task_names: Vec::new(),
            tasks: BTreeMap::new(),
            store: Store::default(),
            effects: Effects::new(),
            commit_delay,
            loops: None,
            periods: Some(periods),
            epoch: 0,
            version: 0,
            in_flight: None,
            hands_over: false,
            calls: 0,
            facts: Vec::new(),
            log: String::new(),
        }
    }

    /// What was said and written since the last time.
    pub(super) fn take_log(&mut self) -> String {
        std::mem::take(&mut self.log)
    }

    /// Goes to a time; everything up to it happens.
    pub(super) fn run_until(&mut self, end: SimTime) {
        self.settle();
        while let Some(due) = self.effects.next_time().filter(|due| *due <= end) {
            while self.effects.next_time() == Some(due) {
                let event = self.effects.pop().expect("one is due");
                self.fire(event);
            }
            self.settle();
        }
        self.effects.advance_to(end);
    }

    /// Tells why the next thing happens.
    pub(super) fn because(&mut self, note: &str) {
        self.effects.enter(LEADER, Lives::default(), FactId(0));
        let note = self.effects.fact(Fact::Note { text: note.into() });
        self.effects.set_cause(note);
    }

    /// The manager leads from now on, or has led since before the run began.
    pub(super) fn start(&mut self, settled: bool) {
        self.epoch += 1;
        self.effects.set_epoch(self.epoch);
        let periods = self.periods.take().expect("it does not lead");
        let dispatcher = match settled {
            true => Dispatcher::settled(periods, TieBreaker::ById),
            false => Dispatcher::new(periods, TieBreaker::ById),
        };
        let mut loops = LeaderLoops::new(Vec::new()).with_dispatcher(dispatcher);
        loops.start(&MemberList::default(), &self.store, &mut self.effects);
        self.loops = Some(loops);
        self.settle();
    }

    pub(super) fn stop(&mut self) {
        let mut loops = self.loops.take().expect("it leads");
        if self.in_flight.take().is_some() {
            loops.failed(WriteError::LostLeadership, &self.store, &mut self.effects);
        }
        loops.stop(&self.store, &mut self.effects);
        self.periods = loops.into_dispatcher().map(Dispatcher::into_periods);
        self.read_outbox();
    }

    /// Lets something act on the dispatcher that leads.
    pub(super) fn with_loops(&mut self, act: impl FnOnce(&mut LeaderLoops, &Store, &mut Effects)) {
        act(self.loops.as_mut().expect("it leads"), &self.store, &mut self.effects);
        self.settle();
    }

    /// A host asks; another one may have passed that on.
    pub(super) fn request(&mut self, from: HostId, via: HostId, request: Request) {
        let call = CallId { caller: Component::Agent, number: self.next_call() };
        let reply = ReplyTo { host: via, call };
        self.with_loops(|loops, store, effects| loops.request(reply, from, request, store, effects));
    }

    /// The number of a call that was never made before.
    pub(super) fn next_call(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    /// Commits a transaction of somebody else.
    pub(super) fn transact(&mut self, work: impl FnOnce(&mut Transaction<'_>) -> Result<(), StoreError>) {
        let (now, cause) = (self.effects.now(), self.effects.cause());
        let ids = &mut self.effects.ids;
        let mut transaction = Transaction::new(&mut self.store, ids, now, self.version, cause);
        work(&mut transaction).expect("tests change what is there");
        let changes = Arc::new(transaction.into_changes());
        let causes = self.apply(&changes);
        if let Some(loops) = &mut self.loops {
            loops.publish(&changes, causes);
        }
        self.settle();
    }

    pub(super) fn line(&mut self, line: &str) {
        writeln!(self.log, "{} {line}", self.effects.now()).expect("a text takes everything");
    }

    pub(super) fn host_name(&self, host: HostId) -> &str {
        &self.setup.hosts.get(host).expect("hosts are in the set-up").name
    }

    /// Gives the next task a name.
    pub(super) fn name_task(&mut self, name: &str) {
        self.tasks.insert(name.to_owned(), TaskId(self.task_names.len() as u32));
        self.task_names.push(name.to_owned());
    }

    /// The task of this name.
    pub(super) fn task(&self, name: &str) -> Option<TaskId> {
        self.tasks.get(name).copied()
    }

    fn node_name(&self, node: NodeId) -> &str {
        &self.node_names[node.0 as usize]
    }

    fn task_name(&self, task: TaskId) -> &str {
        &self.task_names[task.0 as usize]
    }

    fn fire(&mut self, event: Event) {
        let Event::Fire { timer, cause, .. } = event else { unreachable!("there are timers only") };
        self.effects.enter(LEADER, Lives::default(), cause);
        match timer {
            Timer::Loop(timer, epoch) => {
                if let Some(loops) = self.loops.as_mut().filter(|_| epoch == self.epoch) {
                    loops.fire(timer, &self.store, &mut self.effects);
                    self.propose();
                }
            }
            Timer::Alarm(epoch) => {
                if epoch == u64::from(self.epoch)
                    && let Some(changes) = self.in_flight.take()
                {
                    self.commit(&changes);
                }
            }
            Timer::Manager(_) | Timer::Agent(_) | Timer::Client(_) | Timer::Node(_) => {
                unreachable!("nobody has set {timer:?}")
            }
        }
    }

    fn settle(&mut self) {
        loop {
            self.propose();
            self.read_outbox();
            let Some(loops) = &mut self.loops else { return };
            if !loops.turn(&self.store, &mut self.effects) {
                return;
            }
        }
    }

    fn propose(&mut self) {
        while let (Some(loops), None) = (&mut self.loops, &self.in_flight) {
            let Some(changes) = loops.next_proposal(&mut self.store, &mut self.effects, self.version) else {
                return;
            };
            if self.hands_over {
                loops.failed(WriteError::Dropped, &self.store, &mut self.effects);
            } else if self.commit_delay.is_zero() {
                self.commit(&changes);
            } else {
                let alarm = Timer::Alarm(u64::from(self.epoch));
                self.effects.set_timer(alarm, self.effects.now() + self.commit_delay);
                self.in_flight = Some(changes);
            }
        }
    }

    fn commit(&mut self, changes: &Arc<ChangeSet>) {
        self.collect_facts();
        for change in changes.iter() {
            if let ObjectChange::Task(Delta { old: Some(old), new: Some(new) }) = &change.object {
                assert!(
                    old.status.state <= new.status.state,
                    "I-S4: {} after {}",
                    new.status.state,
                    old.status.state
                );
            }
            let line = self.describe(&change.object);
            let why = self.note(change.cause);
            self.line(&format!("writes {line} <- {why}"));
        }
        let causes = self.apply(changes);
        let loops = self.loops.as_mut().expect("only a leader writes");
        loops.committed(changes, causes, &self.store, &mut self.effects);
    }

    fn apply(&mut self, changes: &Arc<ChangeSet>) -> Vec<FactId> {
        self.version += 1;
        self.store.apply(changes);
        self.effects.tell_commit(Lineage::default(), self.version, changes)
    }

    fn collect_facts(&mut self) {
        let mut fresh = Vec::new();
        self.effects.trace_mut().swap_fresh(&mut fresh);
        for record in &fresh {
            if let Fact::Session { host, event: SessionEvent::Overtaken } = record.fact {
                let line = format!("overtakes the session of {}", self.host_name(host));
                self.line(&line);
            } else if let Fact::Lost { loss: Loss::Reports { nodes, tasks }, .. } = &record.fact {
                let nodes = nodes.iter().map(|node| self.node_name(*node));
                let names: Vec<&str> = nodes.chain(tasks.iter().map(|task| self.task_name(*task))).collect();
                let line = format!("loses what it was told of {}", names.join(" "));
                self.line(&line);
            }
        }
        self.facts.append(&mut fresh);
    }

    /// The note at the end of a chain of causes.
    fn note(&self, mut fact: FactId) -> String {
        loop {
            let record = &self.facts[fact.0 as usize];
            if let Fact::Note { text } = &record.fact {
                return text.to_string();
            }
            if record.fact == Fact::Start {
                return "start".to_owned();
            }
            fact = record.cause;
        }
    }

    fn describe(&self, change: &ObjectChange) -> String {
        match change {
            ObjectChange::Node(delta) => {
                let node = delta.object();
                let address = node.status.address.map_or(String::new(), |address| format!(" {address}"));
                let message = match &*node.status.message {
                    "" => String::new(),
                    message => format!(" \"{message}\""),
                };
                format!("{} {}{address}{message}", self.node_name(node.id), node.status.state.name())
            }
            ObjectChange::Task(delta) => {
                let task = delta.object();
                let applied = task.status.applied_at.map_or(String::new(), |at| {
                    let by = task.status.applied_by.map_or("nobody", |node| self.node_name(node));
                    format!(" applied by {by} at {at}")
                });
                format!("{} {}{applied}", self.task_name(task.id), task.status.state)
            }
            ObjectChange::Cluster(_) | ObjectChange::Service(_) | ObjectChange::Network(_) => {
                unreachable!("the dispatcher writes nodes and tasks only")
            }
        }
    }

    fn read_outbox(&mut self) {
        self.collect_facts();
        let mut sent = Vec::new();
        self.effects.swap_outbox(&mut sent);
        for (_, to, cause, message) in sent {
            let to = self.host_name(to).to_owned();
            let why = self.note(cause);
            let line = match message {
                Message::Item { call, item } => format!("c{} {}", call.number, self.item(&item, &why)),
                Message::Answer { call, answer } => format!("c{} {}", call.number, describe_answer(&answer)),
                Message::Request { .. } | Message::HangUp { .. } | Message::Reset => {
                    unreachable!("a dispatcher only answers")
                }
            };
            self.line(&format!("tells {to} {line} <- {why}"));
        }
    }

    fn item(&self, item: &StreamItem, why: &str) -> String {
        match item {
            StreamItem::Session(message) => {
                let managers: Vec<&str> = message.managers.iter().map(|host| self.host_name(*host)).collect();
                let node = &message.node;
                let state = node.status.state.name();
                let availability = node.spec.availability.name();
                let name = self.node_name(node.id);
                format!(
                    "s{}: {name} {state} {availability} managers={}",
                    message.session.0,
                    managers.join(",")
                )
            }
            StreamItem::Assignments(message) => {
                let mut line = if message.complete { "all:" } else { "changes:" }.to_owned();
                for change in &message.changes {
                    let (sign, task, cause) = match change {
                        Assignment::Update { task, cause } => ("", task.id, cause),
                        Assignment::Remove { task, cause } => ("-", *task, cause),
                    };
                    line += &format!(" {sign}{}", self.task_name(task));
                    let own = self.note(*cause);
                    if own != why {
                        line += &format!(" ({own})");
                    }
                }
                line
            }
        }
    }
}

fn describe_answer(answer: &Answer) -> String {
    match answer {
        Ok(Response::Done) => "done".to_owned(),
        Ok(Response::Heartbeat { period }) => format!("next heartbeat in {period}"),
        Err(CallError::Status(status)) => format!("{} \"{}\"", status.code.name(), status.text),
        Ok(response) => unreachable!("a dispatcher does not answer {response:?}"),
        Err(error) => unreachable!("a dispatcher does not answer {error}"),
    }
}
