//! Replays a recorded run on a whole simulated cluster.
//!
//! The profile `loopback`: links of 0.05 ms, images that take no time, and disks that make a commit take 1 to 5 ms
//! as on the machine of the recordings. Heartbeat phases and the placement of tasks come from the recording, and so
//! do the times at which processes started; everything else is drawn from the seed.
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::command::{
    DockerCommand, LabelChange, NodeChange, NodeCommand, NodeReference, ServiceCommand, ServiceCreate,
    SpecChange,
};
use sim_core::model::setup::{
    ClientCommand, Exit, HeartbeatPhase, HostSetup, ImageProfile, ImageSetup, Images, InitialService, Setup,
    Stimulus, SwarmPart, TimelineEntry,
};
use sim_core::model::{
    Annotations, Availability, CommandId, ContainerEvent, ContainerSpec, Fact, FactRecord, FailureAction,
    Fault, HostId, NodeId, ObjectId, Placement, RaftRole, ServiceMode, ServiceSpec, SessionEvent, Slot,
    TaskId, TaskSpec, UpdateConfig, UpdateOrder, ZoneId,
};
use sim_core::{Observer, Simulation, View};

use super::history::{Call, Event, History, Probe, Task, What};
use super::probes::{self, FIRST_PROBE};
use super::recording::{Action, Given, Recording, Service, Update};

/// Virtual time before the recorded time zero, so that what was before it has a time of its own.
const LEAD: SimDuration = SimDuration::from_millis(1);

/// Runs a recording with a seed.
///
/// # Errors
/// If the recording contains an action that cannot be replayed.
pub(super) fn run(recording: &Recording, seed: u64) -> Result<History, String> {
    let setup = setup(recording)?;
    let end = setup.until;
    let mut simulation = Simulation::new(Arc::new(setup), seed);
    let mut writer = Writer {
        history: History { initial: recording.history.initial.clone(), ..History::default() },
        names: BTreeMap::new(),
        made: BTreeMap::new(),
    };
    simulation.run_until(end, &mut writer);
    Ok(writer.history)
}

fn setup(recording: &Recording) -> Result<Setup, String> {
    let given = &recording.given;
    let mut setup = Setup::default();
    setup.zones.insert(ZoneId(0), "machine".to_owned());
    for (number, name) in host_names(given).into_iter().enumerate() {
        let address = Ipv4Addr::new(172, 31, 0, number as u8 + 1);
        let mut host = HostSetup::new(&name, ZoneId(0), address);
        host.part = if name.starts_with('m') { SwarmPart::Manager } else { SwarmPart::Worker };
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
    managers.chain((1..=given.workers).map(|number| format!("w{number}"))).collect()
}

fn initial_state(setup: &mut Setup, given: &Given) -> Result<(), String> {
    let host = |setup: &Setup, name: &str| setup.host(name).ok_or_else(|| format!("{name} is no host"));
    for node in &given.initial.nodes {
        if let (Some(heard), Some(period)) = (node.last_heartbeat_ms, node.period_ms) {
            let phase = HeartbeatPhase { age: span(-heard) + LEAD, period: span(period) };
            setup.initial.heartbeats.insert(host(setup, &node.node)?, phase);
        }
    }
    if let Some(service) = given.service.as_ref().filter(|_| !given.initial.tasks.is_empty()) {
        let mut tasks = Vec::new();
        for task in &given.initial.tasks {
            let slot = task.task.split(['.', '#']).nth(1).and_then(|slot| slot.parse().ok());
            let slot = slot.ok_or_else(|| format!("{} is no name of a task", task.task))?;
            tasks.push((Slot(slot), host(setup, &task.node)?));
        }
        let replicas = tasks.len() as u64;
        setup.initial.services.push(InitialService { spec: spec(service, replicas)?, tasks });
    }
    Ok(())
}

fn update_config(given: &Update) -> Result<UpdateConfig, String> {
    Ok(UpdateConfig {
        parallelism: given.parallelism,
        delay: SimDuration::from_millis(given.delay_ms),
        monitor: Some(SimDuration::from_millis(given.monitor_ms)),
        failure_action: match given.failure_action.as_str() {
            "PAUSE" => FailureAction::Pause,
            "CONTINUE" => FailureAction::Continue,
            "ROLLBACK" => FailureAction::Rollback,
            other => return Err(format!("{other} is no failure action")),
        },
        order: match given.order.as_str() {
            "STOP_FIRST" => UpdateOrder::StopFirst,
            "START_FIRST" => UpdateOrder::StartFirst,
            other => return Err(format!("{other} is no order")),
        },
        max_failure_ratio_ppb: 0,
    })
}

fn spec(service: &Service, replicas: u64) -> Result<ServiceSpec, String> {
    let constraints = service.constraints.clone();
    let task = TaskSpec {
        container: ContainerSpec { image: service.image.clone(), ..ContainerSpec::default() },
        placement: (!constraints.is_empty()).then(|| Placement { constraints, ..Placement::default() }),
        ..TaskSpec::default()
    };
    Ok(ServiceSpec {
        annotations: Annotations { name: service.name.clone(), ..Annotations::default() },
        task: Arc::new(task),
        mode: ServiceMode::Replicated { replicas },
        update: service.update_config.as_ref().map(update_config).transpose()?,
        rollback: service.rollback_config.as_ref().map(update_config).transpose()?,
        endpoint: None,
    })
}

fn stimulus(
    setup: &Setup,
    recording: &Recording,
    action: &Action,
    number: usize,
) -> Result<TimelineEntry, String> {
    let host = action.node.as_deref().and_then(|name| setup.host(name));
    let hosts = || host.map(|host| vec![host]).ok_or_else(|| format!("{} names no host", action.action));
    let fault = |fault| Stimulus::Fault(Arc::new(fault));
    let node = |availability| {
        let change = NodeChange {
            role: None,
            availability: Some(availability),
            labels: LabelChange { add: BTreeMap::new(), remove: Vec::new() },
        };
        let node = NodeReference::Name(action.node.clone().unwrap_or_default());
        DockerCommand::Node(NodeCommand::Update { node, change })
    };
    let mut when = at(action.t_ms);
    let stimulus = match action.action.as_str() {
        "crash" => {
            let containers_survive =
                recording.given.actions.iter().any(|later| later.containers_survive == Some(true));
            fault(Fault::Kill { hosts: hosts()?, containers_survive })
        }
        "restart" => {
            let name = action.node.as_deref().unwrap_or_default();
            let started =
                recording.process_starts.iter().find(|(node, at)| node == name && *at >= action.t_ms);
            when = started.map_or(when, |(_, at_ms)| at(*at_ms));
            fault(Fault::Restart { hosts: hosts()? })
        }
        "freeze" => fault(Fault::Freeze { hosts: hosts()? }),
        "thaw" => fault(Fault::Thaw { hosts: hosts()? }),
        "node_drain" => command(number, node(Availability::Drain)),
        "node_activate" => command(number, node(Availability::Active)),
        "node_pause" => command(number, node(Availability::Pause)),
        "service_create" => command(number, create(recording)?),
        "service_update" => command(number, update(recording, action)?),
        other => return Err(format!("{} cannot be replayed: action {other}", recording.experiment)),
    };
    Ok(TimelineEntry { at: when, stimulus })
}

fn command(number: usize, command: DockerCommand) -> Stimulus {
    let id = CommandId(u32::try_from(number).expect("few actions"));
    let client = ClientCommand { id, line: Arc::from("recorded action"), command: Arc::new(command) };
    Stimulus::Commands { host: None, commands: vec![client] }
}

fn create(recording: &Recording) -> Result<DockerCommand, String> {
    let service = recording.given.service.as_ref().ok_or("no service to create")?;
    let spec = spec(service, service.replicas.unwrap_or(1))?;
    let create = ServiceCreate { spec, networks: Vec::new(), detach: true };
    Ok(DockerCommand::Service(ServiceCommand::Create(Box::new(create))))
}

fn update(recording: &Recording, action: &Action) -> Result<DockerCommand, String> {
    let service = recording.given.service.as_ref().ok_or("no service to update")?;
    if let Some(image) = &action.image {
        let (service, changes) = (service.name.clone(), vec![SpecChange::Image(image.clone())]);
        return Ok(DockerCommand::Service(ServiceCommand::Update { service, changes, detach: true }));
    }
    let replicas = action.replicas.ok_or("only image and number of replicas can be updated")?;
    Ok(DockerCommand::Service(ServiceCommand::Scale {
        replicas: vec![(service.name.clone(), replicas)],
        detach: true,
    }))
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
        let node = task.node.and_then(|node| store.node(node)).map(|node| node.hostname().to_owned());
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

fn hostname(view: View<'_>, node: NodeId) -> String {
    let node = view.store().and_then(|store| store.node(node));
    node.map_or_else(String::new, |node| node.hostname().to_owned())
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
                let what = What::Node { node: hostname(view, *node), state: to.name().to_owned() };
                self.add(record, what);
            }
            Fact::RaftRole { host, role, term, .. } => {
                let node = view.host_name(*host).to_owned();
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
                    self.add(record, What::Registered { node });
                }
                SessionEvent::Failed { backoff, .. } => {
                    self.add(record, What::SessionFailed { backoff_ms: backoff.as_millis() });
                }
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
            Fact::Container { task, event, .. } => self.container(*task, *event, record, view),
            _ => {}
        }
    }

    fn instant_over(&mut self, _time: SimTime, _view: View<'_>) {}
}
