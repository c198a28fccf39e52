//! Replays a recorded run on a whole simulated cluster.
//!
//! The profile `loopback`: links of 0.05 ms, images that take no time, and disks that make a commit take 1 to 5 ms
//! as on the machine of the recordings. The dispatcher's passes came late there, by 26 to 40 ms in 49 passes. Heartbeat
//! phases and the placement of tasks come from the recording, and so do the times at which processes started; everything
//! else is drawn from the seed.
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::command::{
    DockerCommand, JoinToken, LabelChange, NodeChange, NodeCommand, NodeReference, RemoteAddress,
    ServiceCommand, ServiceCreate, SpecChange, SwarmCommand,
};
use sim_core::model::setup::{
    ClientCommand, Exit, HeartbeatPhase, HostSetup, ImageProfile, ImageSetup, Images, InitialService, Setup,
    Stimulus, SwarmPart, TimelineEntry,
};
use sim_core::model::{
    Annotations, Availability, CommandId, ContainerEvent, ContainerSpec, Fact, FactRecord, FailureAction,
    Fault, HostId, NodeId, NodeRole, ObjectId, Placement, RaftRole, ServiceMode, ServiceSpec, SessionEvent,
    Slot, TaskId, TaskSpec, UpdateConfig, UpdateOrder, ZoneId,
};
use sim_core::{Observer, Simulation, View};

use super::history::{Call, Event, History, Probe, Task, What};
use super::probes::{self, FIRST_PROBE};
use super::recording::{
    self, Action, Deed, Given, RecordedFailureAction, RecordedMode, RecordedOrder, RecordedRole, Recording,
    Service, Update,
};

/// The manager with which each recorded cluster began, and which leads it at first.
const FIRST_MANAGER: &str = "m1";
/// Virtual time before the recorded time zero, so that what was before it has a time of its own.
const LEAD: SimDuration = SimDuration::from_millis(1);
/// What a process needs from its start to the request for its certificate: it makes keys and a connection. Fitted once.
const JOIN_PREPARATION: SimDuration = SimDuration::from_millis(8);

/// Runs a recording with a seed.
///
/// # Errors
/// If the recording contains an action that cannot be replayed.
pub(super) fn run(recording: &Recording, seed: u64) -> Result<History, String> {
    let mut setup = setup(recording)?;
    setup.settings.batch_lateness = batch_lateness(seed);
    let end = setup.until;
    let mut writer = Writer {
        history: History { initial: recording.history.initial.clone(), ..History::default() },
        nodes: settled_nodes(&setup),
        names: BTreeMap::new(),
        made: BTreeMap::new(),
    };
    Simulation::new(Arc::new(setup), seed).run_until(end, &mut writer);
    Ok(writer.history)
}

/// A timer of the machine came 0.6 to 1 ms late, more or less the same in all passes of a run.
fn batch_lateness(seed: u64) -> SimDuration {
    SimDuration::from_micros(600 + 50 * (seed % 10))
}

fn setup(recording: &Recording) -> Result<Setup, String> {
    let given = &recording.given;
    let mut setup = Setup::default();
    setup.zones.insert(ZoneId(0), "machine".to_owned());
    for (number, name) in host_names(given).into_iter().enumerate() {
        let address = Ipv4Addr::new(172, 31, 0, number as u8 + 1);
        let mut host = HostSetup::new(&name, ZoneId(0), address);
        host.part = match name.starts_with('m') {
            _ if given.joining().any(|joining| *joining == name) => SwarmPart::None,
            true => SwarmPart::Manager,
            false => SwarmPart::Worker,
        };
        setup.hosts.insert(HostId::from_index(number), host);
    }
    setup.settings.latency_same_zone = SimDuration::from_micros(50);
    setup.settings.persist_min = SimDuration::from_micros(400);
    setup.settings.persist_max = SimDuration::from_micros(3_000);
    setup.images = images();
    setup.settings.call_limit = given
        .probes
        .as_ref()
        .map_or(setup.settings.call_limit, |probes| SimDuration::from_millis(probes.timeout_ms));
    initial_state(&mut setup, given)?;
    for (number, action) in given.actions.iter().enumerate() {
        let entry = stimulus(&setup, recording, action, number)?;
        setup.timeline.push(entry);
    }
    setup.timeline.extend(probes::entries(&setup, recording, LEAD));
    setup.timeline.sort_by_key(|entry| entry.at);
    setup.until = at(given.duration_ms);
    Ok(setup)
}

/// `app:*` runs for ever, `missing:*` does not exist, `crash:*` ends one second after its start.
fn images() -> Images {
    let unlisted = ImageProfile {
        prepare: SimDuration::ZERO,
        start: SimDuration::ZERO,
        stop: SimDuration::ZERO,
        ..ImageProfile::default()
    };
    let missing = ImageProfile { cached: false, missing: true, pull: SimDuration::ZERO, ..unlisted.clone() };
    let exit = Exit { code: 1, after: SimDuration::from_secs(1) };
    let crash = ImageProfile { exit: Some(exit), ..unlisted.clone() };
    let image = |profile| ImageSetup { profile, on: BTreeMap::new() };
    let listed = [("missing".to_owned(), image(missing)), ("crash".to_owned(), image(crash))];
    Images { listed: BTreeMap::from(listed), unlisted }
}

fn host_names(given: &Given) -> Vec<String> {
    let managers = (1..=given.managers).map(|number| format!("m{number}"));
    let workers = (1..=given.workers).map(|number| format!("w{number}"));
    managers.chain(workers).chain(given.joining().cloned()).collect()
}

/// Nodes are numbered in the order of the hosts that are in the swarm.
fn settled_nodes(setup: &Setup) -> BTreeMap<NodeId, String> {
    let members = setup.hosts.values().filter(|host| host.part != SwarmPart::None);
    members.enumerate().map(|(number, host)| (NodeId::from_index(number), host.name.clone())).collect()
}

fn initial_state(setup: &mut Setup, given: &Given) -> Result<(), String> {
    for node in &given.initial.nodes {
        if let (Some(heard), Some(period)) = (node.last_heartbeat_ms, node.period_ms) {
            let phase = HeartbeatPhase { age: span(-heard) + LEAD, period: span(period) };
            setup.initial.heartbeats.insert(host(setup, &node.node)?, phase);
        }
    }
    for service in given.all_services() {
        let mut tasks = Vec::new();
        let place = format!("{}.", service.name);
        for task in given.initial.tasks.iter().filter(|task| task.task.starts_with(&place)) {
            let slot = recording::slot_of(&task.task);
            let slot = slot.ok_or_else(|| format!("{} is no name of a task", task.task))?;
            tasks.push((Slot(slot as u32), host(setup, &task.node)?));
        }
        if !tasks.is_empty() {
            let replicas = tasks.len() as u64;
            setup.initial.services.push(InitialService { spec: spec(service, replicas), tasks });
        }
    }
    // An agent opens its first session with the manager through which its node has joined, and keeps it, also when
    // its host has got a manager of its own.
    let first = host(setup, FIRST_MANAGER)?;
    setup.initial.sessions = setup.hosts.ids().map(|host| (host, first)).collect();
    Ok(())
}

fn host(setup: &Setup, name: &str) -> Result<HostId, String> {
    setup.host(name).ok_or_else(|| format!("{name} is no host"))
}

fn update_config(given: &Update) -> UpdateConfig {
    UpdateConfig {
        parallelism: given.parallelism,
        delay: SimDuration::from_millis(given.delay_ms),
        monitor: Some(SimDuration::from_millis(given.monitor_ms)),
        failure_action: match given.failure_action {
            RecordedFailureAction::Pause => FailureAction::Pause,
            RecordedFailureAction::Continue => FailureAction::Continue,
            RecordedFailureAction::Rollback => FailureAction::Rollback,
        },
        order: match given.order {
            RecordedOrder::StopFirst => UpdateOrder::StopFirst,
            RecordedOrder::StartFirst => UpdateOrder::StartFirst,
        },
        max_failure_ratio_ppb: (given.max_failure_ratio * 1e9).round() as u32,
    }
}

fn spec(service: &Service, replicas: u64) -> ServiceSpec {
    let constraints = service.constraints.clone();
    let task = TaskSpec {
        container: ContainerSpec { image: service.image.clone(), ..ContainerSpec::default() },
        placement: (!constraints.is_empty()).then(|| Placement { constraints, ..Placement::default() }),
        ..TaskSpec::default()
    };
    ServiceSpec {
        annotations: Annotations { name: service.name.clone(), ..Annotations::default() },
        task: Arc::new(task),
        mode: match service.mode {
            RecordedMode::Global => ServiceMode::Global,
            RecordedMode::Replicated => ServiceMode::Replicated { replicas },
        },
        update: service.update_config.as_ref().map(update_config),
        rollback: service.rollback_config.as_ref().map(update_config),
        endpoint: None,
    }
}

fn stimulus(
    setup: &Setup,
    recording: &Recording,
    action: &Action,
    number: usize,
) -> Result<TimelineEntry, String> {
    let hosts = |node: &str| host(setup, node).map(|host| vec![host]);
    let fault = |fault| Stimulus::Fault(Arc::new(fault));
    let on_node = |change: NodeCommand| command(number, None, DockerCommand::Node(change));
    let named = |node: &String| vec![NodeReference::Name(node.clone())];
    let mut when = at(action.t_ms);
    let stimulus = match &action.deed {
        Deed::Crash { node } => {
            let is_survived = |deed: &Deed| matches!(deed, Deed::Restart { containers_survive: true, .. });
            let containers_survive = recording.given.first(is_survived).is_some();
            fault(Fault::Kill { hosts: hosts(node)?, containers_survive })
        }
        Deed::Stop { node } => fault(Fault::Stop { hosts: hosts(node)? }),
        Deed::Restart { node, .. } => {
            when = process_start(recording, node, action.t_ms);
            fault(Fault::Restart { hosts: hosts(node)? })
        }
        Deed::Join { node, role } => {
            when = process_start(recording, node, action.t_ms) + JOIN_PREPARATION;
            command(number, Some(host(setup, node)?), join(setup, *role))
        }
        Deed::Promote { node } => on_node(NodeCommand::Promote { nodes: named(node) }),
        Deed::Demote { node } => on_node(NodeCommand::Demote { nodes: named(node) }),
        Deed::NodeRemove { node, force } => {
            on_node(NodeCommand::Remove { nodes: named(node), force: *force })
        }
        Deed::Freeze { node } => fault(Fault::Freeze { hosts: hosts(node)? }),
        Deed::Thaw { node } => fault(Fault::Thaw { hosts: hosts(node)? }),
        Deed::NodeDrain { node } => on_node(make(node, Availability::Drain)),
        Deed::NodeActivate { node } => on_node(make(node, Availability::Active)),
        Deed::NodePause { node } => on_node(make(node, Availability::Pause)),
        Deed::ServiceCreate { service } => command(number, None, create(&recording.given, service)?),
        Deed::ServiceUpdate { service, image, replicas } => {
            command(number, None, update(service, image.as_ref(), *replicas)?)
        }
    };
    Ok(TimelineEntry { at: when, stimulus })
}

fn make(node: &str, availability: Availability) -> NodeCommand {
    let change = NodeChange {
        role: None,
        availability: Some(availability),
        labels: LabelChange { add: BTreeMap::new(), remove: Vec::new() },
    };
    NodeCommand::Update { node: NodeReference::Name(node.to_owned()), change }
}

/// A client on a host; without one it is where the timeline's clients usually are.
fn command(number: usize, host: Option<HostId>, command: DockerCommand) -> Stimulus {
    let id = CommandId(u32::try_from(number).expect("few actions"));
    let client = ClientCommand { id, line: Arc::from("recorded action"), command: Arc::new(command) };
    Stimulus::Commands { host, commands: vec![client] }
}

/// When the process said that it runs.
fn process_start(recording: &Recording, name: &str, from_ms: f64) -> SimTime {
    let started = recording.process_starts.iter().find(|(node, at)| node == name && *at >= from_ms);
    at(started.map_or(from_ms, |(_, at_ms)| *at_ms))
}

fn join(setup: &Setup, role: RecordedRole) -> DockerCommand {
    let token = JoinToken::Current(match role {
        RecordedRole::Manager => NodeRole::Manager,
        RecordedRole::Worker => NodeRole::Worker,
    });
    let remote =
        RemoteAddress { host: setup.host(FIRST_MANAGER), text: FIRST_MANAGER.to_owned(), port: 2377 };
    let availability = Availability::Active;
    DockerCommand::Swarm(SwarmCommand::Join { token, remote, advertise: None, availability })
}

fn create(given: &Given, name: &str) -> Result<DockerCommand, String> {
    let service = given.all_services().find(|service| service.name == name);
    let service = service.ok_or_else(|| format!("nothing is said about service {name}"))?;
    let replicas = service.replicas.ok_or_else(|| format!("service {name} is created without replicas"))?;
    let create = ServiceCreate { spec: spec(service, replicas), networks: Vec::new(), detach: true };
    Ok(DockerCommand::Service(ServiceCommand::Create(Box::new(create))))
}

fn update(service: &str, image: Option<&String>, replicas: Option<u64>) -> Result<DockerCommand, String> {
    let service = service.to_owned();
    let command = match (image, replicas) {
        (Some(image), None) => {
            ServiceCommand::Update { service, changes: vec![SpecChange::Image(image.clone())], detach: true }
        }
        (None, Some(replicas)) => ServiceCommand::Scale { replicas: vec![(service, replicas)], detach: true },
        _ => return Err(format!("{service}: either the image or the number of replicas is updated")),
    };
    Ok(DockerCommand::Service(command))
}

fn span(milliseconds: f64) -> SimDuration {
    SimDuration::from_nanos((milliseconds.max(0.0) * 1e6).round() as u64)
}

fn at(milliseconds: f64) -> SimTime {
    SimTime::ZERO + LEAD + span(milliseconds)
}

/// Writes facts down in the words of the recordings.
struct Writer {
    history: History,
    /// Names of all nodes that there ever were.
    nodes: BTreeMap<NodeId, String>,
    names: BTreeMap<TaskId, String>,
    /// How many tasks each slot had so far.
    made: BTreeMap<String, u32>,
}

impl Writer {
    fn add(&mut self, record: &FactRecord, what: What) {
        let at_ms = (record.time.as_nanos() as f64 - LEAD.as_nanos() as f64) / 1e6;
        self.history.events.push(Event { at_ms, what });
    }

    /// `service.slot#k`.
    fn name(&mut self, id: TaskId, view: View<'_>) -> String {
        if let Some(name) = self.names.get(&id) {
            return name.clone();
        }
        // Tasks that ran at time zero come first, in the order of their ids.
        let place = view.task_name(id).unwrap_or_default();
        let number = self.made.entry(place.clone()).or_insert_with(|| {
            u32::from(self.history.initial.iter().any(|task| task.name == format!("{place}#1")))
        });
        let initial = (id.index()) < self.history.initial.len();
        if !initial {
            *number += 1;
        }
        let name = format!("{place}#{}", if initial { 1 } else { *number });
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
            Fact::ServiceUpdateStatus { to: Some(to), .. } => {
                self.add(record, What::Update { state: to.name().to_owned() });
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
