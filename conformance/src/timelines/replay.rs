//! Replays a recorded run on a whole simulated cluster.
//!
//! The profile `loopback`: links of 0.05 ms, images that take no time, and disks that make a commit take 1 to 5 ms
//! as on the machine of the recordings. The dispatcher's passes came late there, by 26 to 40 ms in 49 passes. Heartbeat
//! phases and the placement of tasks come from the recording, and so do the times at which processes started; everything
//! else is drawn from the seed.
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::Simulation;
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
    Annotations, Availability, CommandId, ContainerSpec, FailureAction, Fault, HostId, NodeId, NodeRole,
    ObjectId, Placement, ServiceMode, ServiceSpec, Slot, TaskSpec, UpdateConfig, UpdateOrder, ZoneId,
};

use super::given::{
    Action, Deed, Given, RecordedFailureAction, RecordedMode, RecordedOrder, RecordedRole, Service, Update,
};
use super::history::History;
use super::probes;
use super::recording::Recording;
use super::writer::Writer;

/// Hosts are numbered from here on.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
/// Virtual time before the recorded time zero, so that what was before it has a time of its own.
pub(super) const LEAD: SimDuration = SimDuration::from_millis(1);
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
    let mut writer = Writer::new(recording, settled_nodes(&setup));
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
    for (number, mut host) in hosts(given).into_iter().enumerate() {
        host.address = Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + number as u32);
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

/// Managers, workers, and those that join later.
fn hosts(given: &Given) -> Vec<HostSetup> {
    let host = |name: &str, part: SwarmPart, availability: Availability| HostSetup {
        part,
        availability,
        ..HostSetup::new(name, ZoneId(0), FIRST_ADDRESS)
    };
    let parts = [(RecordedRole::Manager, SwarmPart::Manager), (RecordedRole::Worker, SwarmPart::Worker)];
    let members = parts.into_iter().flat_map(|(role, part)| {
        given.members(role).map(move |node| host(&node.node, part, node.availability.into()))
    });
    let joining = given.joining().map(|(name, _)| host(name, SwarmPart::None, Availability::Active));
    members.chain(joining).collect()
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
    for service in given.initial_services() {
        let tasks = given
            .initial_tasks(service)
            .map(|(task, name)| Ok((Slot(name.slot()), host(setup, &task.node)?)));
        let tasks = tasks.collect::<Result<_, String>>()?;
        setup.initial.services.push(InitialService { spec: spec(service), tasks });
    }
    setup.initial.leader = Some(host(setup, given.leader())?);
    // An agent opens its first session with the manager through which its node has joined, and keeps it, also when
    // its host has got a manager of its own. Where another manager leads by now, all sessions have been opened anew
    // since then, at managers that were drawn.
    if given.leader() == given.began_with() {
        let first = host(setup, given.leader())?;
        setup.initial.sessions = setup.hosts.ids().map(|host| (host, first)).collect();
    }
    Ok(())
}

fn host(setup: &Setup, name: &str) -> Result<HostId, String> {
    setup.host(name).ok_or_else(|| format!("{name} is no host"))
}

fn update_config(given: &Update) -> UpdateConfig {
    UpdateConfig {
        parallelism: given.parallelism,
        delay: SimDuration::from_millis(given.delay_ms),
        monitor: given.monitor_ms.map(SimDuration::from_millis),
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

fn spec(service: &Service) -> ServiceSpec {
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
            RecordedMode::Replicated => ServiceMode::Replicated { replicas: service.replicas.unwrap_or(0) },
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
            let containers_survive = recording.given.containers_survive(node, action.t_ms);
            fault(Fault::Kill { hosts: hosts(node)?, containers_survive })
        }
        Deed::Stop { node } => fault(Fault::Stop { hosts: hosts(node)? }),
        Deed::Restart { node, .. } => {
            when = process_start(recording, node, action.t_ms);
            fault(Fault::Restart { hosts: hosts(node)? })
        }
        Deed::Join { node, role } => {
            when = process_start(recording, node, action.t_ms) + JOIN_PREPARATION;
            command(number, Some(host(setup, node)?), join(setup, recording.given.join_via(), *role))
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
            command(number, None, update(service, image.as_ref(), *replicas))
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

fn join(setup: &Setup, via: &str, role: RecordedRole) -> DockerCommand {
    let token = JoinToken::Current(match role {
        RecordedRole::Manager => NodeRole::Manager,
        RecordedRole::Worker => NodeRole::Worker,
    });
    let remote = RemoteAddress { host: setup.host(via), text: via.to_owned(), port: 2377 };
    let availability = Availability::Active;
    DockerCommand::Swarm(SwarmCommand::Join { token, remote, advertise: None, availability })
}

fn create(given: &Given, name: &str) -> Result<DockerCommand, String> {
    let service = given.all_services().find(|service| service.name == name);
    let service = service.ok_or_else(|| format!("nothing is said about service {name}"))?;
    let create = ServiceCreate { spec: spec(service), networks: Vec::new(), detach: true };
    Ok(DockerCommand::Service(ServiceCommand::Create(Box::new(create))))
}

/// What is absent stays as it is.
fn update(service: &str, image: Option<&String>, replicas: Option<u64>) -> DockerCommand {
    let image = image.cloned().map(SpecChange::Image);
    let changes = image.into_iter().chain(replicas.map(SpecChange::Replicas)).collect();
    DockerCommand::Service(ServiceCommand::Update { service: service.to_owned(), changes, detach: true })
}

fn span(milliseconds: f64) -> SimDuration {
    SimDuration::from_nanos((milliseconds.max(0.0) * 1e6).round() as u64)
}

fn at(milliseconds: f64) -> SimTime {
    SimTime::ZERO + LEAD + span(milliseconds)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;

    /// What a run with these fields is replayed from.
    fn replayed(given: &str) -> String {
        let given: Given = serde_json::from_str(given).expect("the text is complete");
        given.check().expect("the run can be replayed");
        let recording = Recording::of_actions(given);
        let setup = setup(&recording).expect("all names are known");
        let name = |host: HostId| setup.hosts.get(host).expect("it is a host").name.as_str();
        let mut text = String::new();
        for host in setup.hosts.values() {
            let _ = writeln!(text, "{} {:?} {:?} {}", host.name, host.part, host.availability, host.address);
        }
        let _ = writeln!(text, "leader {}", name(setup.initial.leader.expect("somebody leads")));
        let sessions: Vec<&str> = setup.initial.sessions.values().map(|via| name(*via)).collect();
        let _ = writeln!(text, "sessions {sessions:?}");
        for service in &setup.initial.services {
            let tasks = service.tasks.iter().map(|(slot, host)| format!("{}@{}", slot.0, name(*host)));
            let tasks: Vec<String> = tasks.collect();
            let _ = writeln!(text, "{} {:?} {tasks:?}", service.spec.annotations.name, service.spec.mode);
        }
        for entry in &setup.timeline {
            let did = match &entry.stimulus {
                Stimulus::Commands { commands, .. } => format!("{:?}", commands[0].command),
                other => format!("{other:?}"),
            };
            let _ = writeln!(text, "{} {did:.110}", entry.at);
        }
        text
    }

    #[test]
    fn roles_leader_availability_and_join_address_are_the_recordings() {
        let text = replayed(
            r#"{"managers": 2, "workers": 1, "duration_ms": 1000, "leader": "boss", "join_via": "deputy",
                "services": [{"name": "every", "mode": "global", "image": "app:1"}],
                "initial": {"tasks": [], "nodes": [
                    {"node": "hand", "role": "worker", "state": "READY", "availability": "PAUSE"},
                    {"node": "boss", "role": "worker", "state": "READY", "availability": "ACTIVE"},
                    {"node": "deputy", "role": "manager", "state": "READY", "availability": "ACTIVE"}]},
                "actions": [{"t_ms": 0, "action": "join", "node": "m9", "role": "worker"}]}"#,
        );
        expect![[r#"
            boss Manager Active 172.31.0.1
            deputy Manager Active 172.31.0.2
            hand Worker Pause 172.31.0.3
            m9 None Active 172.31.0.4
            leader boss
            sessions []
            every Global []
            0.009s Swarm(Join { token: Current(Worker), remote: RemoteAddress { text: "deputy", host: Some(HostId(1)), port: 2377
        "#]].assert_eq(&text);
    }

    #[test]
    fn each_node_finds_its_own_containers_again_or_does_not() {
        let text = replayed(
            r#"{"managers": 1, "workers": 2, "duration_ms": 9000, "containers_survive": true,
                "services": [{"name": "web", "mode": "replicated", "replicas": 2, "image": "app:1"},
                             {"name": "every", "mode": "global", "image": "app:1"}],
                "initial": {"tasks": [
                    {"task": "web.7#3", "node": "w2", "desired": "RUNNING", "state": "RUNNING", "image": "app:1"}],
                  "nodes": [
                    {"node": "m1", "role": "manager", "state": "READY", "availability": "ACTIVE"},
                    {"node": "w1", "role": "worker", "state": "READY", "availability": "ACTIVE"},
                    {"node": "w2", "role": "worker", "state": "READY", "availability": "ACTIVE"}]},
                "actions": [
                    {"t_ms": 0, "action": "crash", "node": "w1"},
                    {"t_ms": 1000, "action": "crash", "node": "w2"},
                    {"t_ms": 2000, "action": "restart", "node": "w1", "containers_survive": false},
                    {"t_ms": 3000, "action": "restart", "node": "w2"},
                    {"t_ms": 4000, "action": "service_create", "service": "every"},
                    {"t_ms": 5000, "action": "service_update", "service": "web", "image": "app:2", "replicas": 5}]}"#,
        );
        expect![[r#"
            m1 Manager Active 172.31.0.1
            w1 Worker Active 172.31.0.2
            w2 Worker Active 172.31.0.3
            leader m1
            sessions ["m1", "m1", "m1"]
            web Replicated { replicas: 2 } ["7@w2"]
            0.001s Fault(Kill { hosts: [HostId(1)], containers_survive: false })
            1.001s Fault(Kill { hosts: [HostId(2)], containers_survive: true })
            2.001s Fault(Restart { hosts: [HostId(1)] })
            3.001s Fault(Restart { hosts: [HostId(2)] })
            4.001s Service(Create(ServiceCreate { spec: ServiceSpec { annotations: Annotations { name: "every", labels: {} }, tas
            5.001s Service(Update { service: "web", changes: [Image("app:2"), Replicas(5)], detach: true })
        "#]].assert_eq(&text);
    }
}
