//! Writes the facts of a simulated run down in the words of the recordings.
use std::collections::BTreeMap;

use sim_core::kernel::SimTime;
use sim_core::model::{
    ContainerEvent, Fact, FactRecord, NodeId, NodeRole, ObjectId, RaftRole, SessionEvent, Slot, TaskId,
};
use sim_core::{Observer, View};

use super::given::Given;
use super::history::{Call, Event, History, Probe, Task, What};
use super::probes::FIRST_PROBE;
use super::recording::Recording;
use super::replay::LEAD;

/// What a run gives, and what it takes to name its nodes and tasks.
pub(super) struct Writer {
    pub(super) history: History,
    /// Names of all nodes that there ever were.
    nodes: BTreeMap<NodeId, String>,
    names: BTreeMap<TaskId, String>,
    /// How many tasks each slot had so far.
    made: BTreeMap<String, u32>,
}

impl Writer {
    /// Nothing has happened yet. These are the nodes of time zero.
    pub(super) fn new(recording: &Recording, nodes: BTreeMap<NodeId, String>) -> Self {
        let history = History { initial: recording.history.initial.clone(), ..History::default() };
        let mut writer = Writer { history, nodes, names: BTreeMap::new(), made: BTreeMap::new() };
        writer.settle(&recording.given);
        writer
    }

    fn add(&mut self, record: &FactRecord, what: What) {
        let at_ms = (record.time.as_nanos() as f64 - LEAD.as_nanos() as f64) / 1e6;
        self.history.events.push(Event { at_ms, what });
    }

    /// Tasks of time zero come first, in the order in which they were given.
    fn settle(&mut self, given: &Given) {
        let tasks = given.initial_services().flat_map(|service| given.initial_tasks(service));
        for (number, (task, name)) in tasks.enumerate() {
            self.names.insert(TaskId::from_index(number), task.task.clone());
            self.made.insert(format!("{}.{}", name.service, name.place), name.ordinal);
        }
    }

    /// `service.slot#k`, or `service.node#k` for a global service.
    fn name(&mut self, id: TaskId, view: View<'_>) -> String {
        if let Some(name) = self.names.get(&id) {
            return name.clone();
        }
        let task = view.store().and_then(|store| store.task(id));
        let global = task.filter(|task| task.slot == Slot(0)).and_then(|task| {
            let node = self.nodes.get(&task.node?)?;
            Some(format!("{}.{node}", task.service_annotations.name))
        });
        let place = global.or_else(|| view.task_name(id)).unwrap_or_default();
        let number = self.made.entry(place.clone()).or_default();
        *number += 1;
        let name = format!("{place}#{number}");
        self.names.insert(id, name.clone());
        name
    }

    fn task(&mut self, id: TaskId, record: &FactRecord, view: View<'_>) {
        let name = self.name(id, view);
        let Some(store) = view.store() else { return };
        let Some(task) = store.task(id) else { return };
        let node = task.node.map(|node| self.node(node));
        let row = Task {
            name,
            slot: u64::from(task.slot.0),
            node,
            desired: task.desired_state.name().to_owned(),
            state: task.status.state.name().to_owned(),
            image: task.spec.container.image.clone(),
        };
        self.add(record, What::Task(row));
    }

    fn node(&self, node: NodeId) -> String {
        self.nodes.get(&node).cloned().unwrap_or_default()
    }

    /// The role and the certificate of a node after a change.
    fn role(&mut self, id: NodeId, record: &FactRecord, view: View<'_>) {
        let Some(node) = view.store().and_then(|store| store.node(id)) else { return };
        let word = |role: NodeRole| if role == NodeRole::Manager { "manager" } else { "worker" };
        let (role, state) = node.certificate;
        let certificate = format!("{}:{}", word(role), format!("{state:?}").to_uppercase());
        let what = What::Role { node: self.node(id), role: word(node.role).to_owned(), certificate };
        self.add(record, what);
    }

    fn container(&mut self, id: TaskId, event: ContainerEvent, record: &FactRecord, view: View<'_>) {
        let call = match event {
            ContainerEvent::Created => Call::Prepare,
            ContainerEvent::Started => Call::Start,
            ContainerEvent::StopSignal => Call::Shutdown,
            _ => return,
        };
        let task = self.name(id, view);
        self.add(record, What::Executor { task, call });
    }
}

/// The words of an error without docker's own, and without the id of a node.
fn answer_text(exit: u8, stderr: &str) -> String {
    if exit == 0 {
        return "ok".to_owned();
    }
    let text = stderr.trim().trim_start_matches("Error response from daemon: ");
    let is_id = |word: &&str| word.len() == 25 && word.chars().all(|c| c.is_ascii_alphanumeric());
    let words: Vec<&str> = text.split(' ').map(|word| if is_id(&word) { "<id>" } else { word }).collect();
    words.join(" ")
}

impl Observer for Writer {
    fn fact(&mut self, record: &FactRecord, view: View<'_>) {
        match &record.fact {
            Fact::TaskCreated { task, .. }
            | Fact::TaskAssigned { task, .. }
            | Fact::TaskState { task, .. }
            | Fact::TaskDesired { task, .. } => self.task(*task, record, view),
            Fact::TaskRemoved { task } => {
                let task = self.name(*task, view);
                self.add(record, What::TaskRemoved { task });
            }
            Fact::NodeStatus { node, to, .. } => {
                let what = What::Node { node: self.node(*node), state: to.name().to_owned() };
                self.add(record, what);
            }
            Fact::NodeCreated { node, host } => {
                self.nodes.insert(*node, view.host_name(*host).to_owned());
                self.add(record, What::NodeCreated { node: self.node(*node) });
                self.role(*node, record, view);
            }
            Fact::NodeRemoved { node } => self.add(record, What::NodeRemoved { node: self.node(*node) }),
            Fact::NodeRole { node, .. } | Fact::NodeUpdated { node } => self.role(*node, record, view),
            Fact::RaftRole { host, role, term, leader } => {
                let node = view.host_name(*host).to_owned();
                if leader.is_some() {
                    self.add(record, What::KnowsLeader { node: node.clone() });
                }
                match role {
                    RaftRole::Candidate => self.add(record, What::Candidate { node, term: *term }),
                    RaftRole::Leader => self.add(record, What::Leader { node, term: *term }),
                    RaftRole::Follower => self.add(record, What::Follower { node }),
                }
            }
            Fact::Leadership { host, active: true } => {
                let node = view.host_name(*host).to_owned();
                self.add(record, What::LeaderReady { node });
            }
            Fact::Session { host, event } => match event {
                SessionEvent::Registered => {
                    let node = view.host_name(*host).to_owned();
                    self.add(record, What::Registered { node: node.clone() });
                    self.add(record, What::SessionOpened { node });
                }
                SessionEvent::Failed { backoff, error, .. } => {
                    let (node, error) = (view.host_name(*host).to_owned(), error.to_string());
                    self.add(record, What::SessionFailed { node, error, backoff_ms: backoff.as_millis() });
                }
                SessionEvent::Overtaken => {}
            },
            Fact::ServiceUpdateStatus { service, to: Some(to), .. } => {
                let service = view.store().and_then(|store| store.service(*service));
                let service = service.map_or_else(String::new, |service| service.name().to_owned());
                self.add(record, What::Update { service, state: to.name().to_owned() });
            }
            Fact::Answer { command, exit, took, .. } if command.0 >= FIRST_PROBE => {
                let end_ms = (record.time.as_nanos() as f64 - LEAD.as_nanos() as f64) / 1e6;
                self.history.probes.push(Probe {
                    is_write: command.0.is_multiple_of(2),
                    start_ms: end_ms - took.as_nanos() as f64 / 1e6,
                    end_ms,
                    succeeded: *exit == 0,
                });
            }
            Fact::Answer { exit, stderr, .. } => {
                let at_ms = (record.time.as_nanos() as f64 - LEAD.as_nanos() as f64) / 1e6;
                self.history.answers.push((at_ms, answer_text(*exit, stderr)));
            }
            Fact::Container { task, event, .. } => self.container(*task, *event, record, view),
            _ => {}
        }
    }

    fn instant_over(&mut self, _time: SimTime, _view: View<'_>) {}
}
