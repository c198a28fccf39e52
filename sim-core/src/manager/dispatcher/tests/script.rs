//! The commands of the text tests.
//!
//! ```text
//! cluster [period=5s] [epsilon=0s] [commit=0s] [seed=1]
//! m1 manager            a node, by the name of its host; the first one is where the dispatcher runs
//! w1 state=READY        a node whose status is known
//! w2 later              a host whose node joins later
//! t1 on=w1 state=RUNNING
//!
//! run until=30s
//! 0s start              an action at a time; see [`Script::act`]
//! 1s w1 session
//! ```
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::world::World;
use crate::kernel::{SimDuration, SimTime};
use crate::manager::dispatcher::{HeartbeatPeriods, SettledHeartbeat, SettledSession};
use crate::model::setup::{HostSetup, Setup};
use crate::model::{
    Availability, Cluster, ClusterId, ClusterSpec, HostId, Node, NodeDescription, NodeId, NodeRole, NodeSpec,
    NodeState, NodeStatus, Task, TaskId, TaskSpec, TaskState, TaskStatus, ZoneId,
};
use crate::protocol::{CallId, Component, MemberList, ReplyTo, Request, SessionId, StatusUpdate};
use crate::store::{StoreError, Transaction};
use crate::text_test::{Command, values};

#[derive(Default)]
pub(super) struct Script {
    world: Option<World>,
}

impl Script {
    pub(super) fn run(&mut self, command: &Command<'_>) -> String {
        match command.name {
            "cluster" => self.form_cluster(command),
            "run" => self.run_actions(command),
            name => panic!("no command {name}"),
        }
    }

    fn form_cluster(&mut self, command: &Command<'_>) -> String {
        let lines: Vec<Vec<String>> = command.body.iter().map(|line| words(line)).collect();
        let nodes = lines.iter().filter(|words| !is_task(&words[0]));
        let mut setup = Setup::default();
        for (id, line) in nodes.clone().enumerate() {
            let address = Ipv4Addr::new(172, 31, 0, id as u8 + 1);
            setup.hosts.insert(HostId(id as u32), HostSetup::new(&line[0], ZoneId(0), address));
        }
        setup.settings.cluster.heartbeat_period = duration(command.get("period").unwrap_or("5s"));
        let setup = Arc::new(setup);
        let epsilon = duration(command.get("epsilon").unwrap_or("0s"));
        let seed = command.get("seed").map_or(1, |seed| seed.parse().expect("a number"));
        let periods = HeartbeatPeriods::new(Arc::clone(&setup), seed, HostId(0), epsilon);
        let delay = duration(command.get("commit").unwrap_or("0s"));
        let mut world = World::new(Arc::clone(&setup), periods, delay);
        world.transact(|transaction| transaction.create_cluster(cluster(&setup.settings.cluster)));
        for line in nodes.filter(|line| !line.contains(&"later".to_owned())) {
            world.node_names.push(line[0].clone());
            let host = host(&world, &line[0]);
            world.transact(|transaction| create_node(host, line, transaction));
        }
        for line in lines.iter().filter(|words| is_task(&words[0])) {
            create_task(&mut world, line);
        }
        self.world = Some(world);
        "ok".to_owned()
    }

    /// Actions at their times, several to a line with ` ; ` between them. `100ms +10ms x5` is five times in steps
    /// of 10 ms.
    fn run_actions(&mut self, command: &Command<'_>) -> String {
        let world = self.world.as_mut().expect("a cluster comes first");
        for line in &command.body {
            let words = words(line);
            let first = SimTime::ZERO + duration(&words[0]);
            let (step, times, words) = match words[1].strip_prefix('+') {
                Some(step) => (duration(step), words[2][1..].parse().expect("a number"), &words[3..]),
                None => (SimDuration::ZERO, 1, &words[1..]),
            };
            for time in 0..times {
                world.run_until(first + step.times(time));
                for action in words.split(|word| word == ";") {
                    world.because(&action[..action.len().min(8)].join(" "));
                    act(world, action);
                }
            }
        }
        world.run_until(SimTime::ZERO + duration(command.get("until").expect("an end")));
        world.take_log()
    }
}

/// Does one thing:
///
/// ```text
/// start | stop | settled               leadership begins, ends, or has begun before the run
/// hands-over | goes-on                 Raft takes no proposals, and takes them again
/// managers m1 m2                       the members of the Raft cluster
/// period 20s                           the cluster's heartbeat period
/// timers                               says when the next timer is due
/// w1 [via=m2] session [s1]             an agent calls; sessions are numbered in order, `-` is none
/// w1 [via=m2] heartbeat s1
/// w1 [via=m2] assignments s1
/// w1 [via=m2] report s1 t1=RUNNING
/// w1 hangs-up c1 | w1 resets           calls are numbered in order, too
/// w1 opened period=5s age=1s           a session of a settled start
/// w1 joins | w1 removed | w1 availability=DRAIN
/// t1 created on=w1 state=ASSIGNED | t1 deleted | t1 state=RUNNING desired=SHUTDOWN | t1,t2 touched
/// ```
fn act(world: &mut World, words: &[String]) {
    match (words[0].as_str(), words.get(1).map(String::as_str)) {
        ("start", _) => world.start(false),
        ("settled", _) => world.start(true),
        ("stop", _) => world.stop(),
        ("hands-over", _) => world.hands_over = true,
        ("goes-on", _) => world.hands_over = false,
        ("managers", _) => {
            let managers: Arc<[HostId]> = words[1..].iter().map(|name| host(world, name)).collect();
            world.with_loops(|loops, store, effects| {
                loops.managers_changed(managers, &MemberList::default(), store, effects)
            });
        }
        ("period", Some(period)) => {
            let heartbeat_period = duration(period);
            world.transact(|transaction| {
                let mut cluster = Cluster::clone(transaction.store().cluster().expect("there is one"));
                cluster.spec =
                    Arc::new(ClusterSpec { heartbeat_period, ..ClusterSpec::clone(&cluster.spec) });
                transaction.update_cluster(cluster)
            });
        }
        ("timers", _) => {
            let next = world.effects.next_time().map_or("never".to_owned(), |at| at.to_string());
            world.line(&format!("next timer: {next}"));
        }
        (_, Some("created")) => create_task(world, words),
        (name, _) if is_task(name) => change_tasks(world, words),
        (_, Some("opened")) => open_settled_session(world, words),
        _ => act_on_node(world, words),
    }
}

fn act_on_node(world: &mut World, words: &[String]) {
    let from = host(world, &words[0]);
    match words[1].as_str() {
        "joins" => {
            world.node_names.push(words[0].clone());
            world.transact(|transaction| create_node(from, words, transaction));
        }
        "removed" => {
            let node = node(world, &words[0]);
            world.transact(|transaction| transaction.delete_node(node));
        }
        "hangs-up" => {
            let reply = reply(from, words[2][1..].parse().expect("a number"));
            world.with_loops(|loops, store, effects| loops.hang_up(reply, store, effects));
        }
        "resets" => world.with_loops(|loops, store, effects| loops.reset(from, store, effects)),
        word if word.starts_with("availability=") => {
            let (node, availability) = (node(world, &words[0]), availability(&word["availability=".len()..]));
            world.transact(|transaction| {
                let mut node = Node::clone(transaction.store().node(node).expect("it is there"));
                node.spec = Arc::new(NodeSpec { availability, ..NodeSpec::clone(&node.spec) });
                transaction.update_node(node)
            });
        }
        _ => call(world, from, words),
    }
}

fn call(world: &mut World, from: HostId, words: &[String]) {
    let node = node(world, &words[0]);
    let via = values(words, "via").next().map_or(from, |name| host(world, name));
    let words = if via == from { &words[1..] } else { &words[2..] };
    let given = words.get(1).map(|word| session(word));
    let request = match words[0].as_str() {
        "session" => {
            let description = NodeDescription { hostname: "told".to_owned(), ..NodeDescription::default() };
            Request::Session { node, session: given, description: Arc::new(description) }
        }
        "heartbeat" => Request::Heartbeat { node, session: given.expect("a session") },
        "assignments" => Request::Assignments { node, session: given.expect("a session") },
        "report" => {
            let updates = words[2..].iter().map(|word| status_update(world, word)).collect();
            Request::UpdateTaskStatus { node, session: given.expect("a session"), updates }
        }
        word => panic!("no call {word}"),
    };
    world.request(from, via, request);
}

fn open_settled_session(world: &mut World, words: &[String]) {
    let (node, from) = (node(world, &words[0]), host(world, &words[0]));
    let value = |key| values(words, key).next().map(duration);
    let heartbeat = value("period").zip(value("age")).map(|(period, age)| SettledHeartbeat { period, age });
    let session = world.effects.mint_session();
    let (session_reply, assignments_reply) = (reply(from, world.next_call()), reply(from, world.next_call()));
    let settled = SettledSession { node, session, heartbeat, session_reply, assignments_reply };
    let mut due = SimTime::ZERO;
    world.with_loops(|loops, store, effects| due = loops.settle_session(settled, store, effects));
    world.line(&format!("s{} of {}: next heartbeat at {due}", session.0, words[0]));
}

fn change_tasks(world: &mut World, words: &[String]) {
    let named = |name| world.task(name).unwrap_or_else(|| panic!("no task {name}"));
    let tasks: Vec<TaskId> = words[0].split(',').map(named).collect();
    world.transact(|transaction| {
        for id in &tasks {
            if words[1] == "deleted" {
                transaction.delete_task(*id)?;
                continue;
            }
            let mut task = Task::clone(transaction.store().task(*id).expect("it is there"));
            apply(words, &mut task);
            transaction.update_task(task)?;
        }
        Ok(())
    });
}

fn create_task(world: &mut World, words: &[String]) {
    world.name_task(&words[0]);
    let on = values(words, "on").next().map(|name| node(world, name));
    world.transact(|transaction| {
        let id = transaction.mint_task();
        let mut task = Task::new(id, Arc::new(TaskSpec::default()), transaction.now());
        task.node = on;
        apply(words, &mut task);
        transaction.create_task(task)
    });
}

fn apply(words: &[String], task: &mut Task) {
    let state = |name: &str| TaskState::from_name(name).unwrap_or_else(|| panic!("no state {name}"));
    if let Some(name) = values(words, "state").next() {
        task.status.state = state(name);
    }
    if let Some(name) = values(words, "desired").next() {
        task.desired_state = state(name);
    }
}

fn create_node(host: HostId, words: &[String], transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let state = match values(words, "state").next() {
        None | Some("UNKNOWN") => NodeState::Unknown,
        Some("READY") => NodeState::Ready,
        Some("DOWN") => NodeState::Down,
        Some(state) => panic!("no state {state}"),
    };
    let id = transaction.mint_node();
    let role = if words.contains(&"manager".to_owned()) { NodeRole::Manager } else { NodeRole::Worker };
    transaction.create_node(Node {
        spec: Arc::default(),
        status: NodeStatus { state, ..NodeStatus::default() },
        ..Node::new(id, host, role)
    })
}

fn cluster(spec: &ClusterSpec) -> Cluster {
    Cluster::new(ClusterId(0), Arc::new(spec.clone()))
}

fn status_update(world: &World, word: &str) -> StatusUpdate {
    let (name, state) = word.split_once('=').expect("task=STATE");
    let state = TaskState::from_name(state).unwrap_or_else(|| panic!("no state {state}"));
    let status = TaskStatus { state, ..TaskStatus::default() };
    let cause = world.effects.cause();
    // A number that was never given out is a task that is gone.
    let task = world.task(name).unwrap_or(TaskId(1_000_000));
    StatusUpdate { task, status, cause }
}

fn session(word: &str) -> SessionId {
    match word.strip_prefix('s') {
        Some(number) => SessionId(number.parse().expect("a number")),
        None => SessionId::default(),
    }
}

fn reply(host: HostId, number: u64) -> ReplyTo {
    ReplyTo { host, call: CallId { caller: Component::Agent, number } }
}

fn host(world: &World, name: &str) -> HostId {
    let found = world.setup.hosts.iter().find(|(_, host)| host.name == name);
    found.unwrap_or_else(|| panic!("no host {name}")).0
}

/// The last node of this name.
fn node(world: &World, name: &str) -> NodeId {
    let position = world.node_names.iter().rposition(|known| known == name);
    NodeId(position.unwrap_or_else(|| panic!("no node {name}")) as u32)
}

fn is_task(word: &str) -> bool {
    word.strip_prefix('t').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
}

fn availability(word: &str) -> Availability {
    let all = [Availability::Active, Availability::Pause, Availability::Drain];
    all.into_iter().find(|one| one.name() == word).unwrap_or_else(|| panic!("no availability {word}"))
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A sum of whole numbers with units, such as `23h59m` or `100ms`.
fn duration(text: &str) -> SimDuration {
    let mut total = SimDuration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits =
            rest.find(|c: char| !c.is_ascii_digit()).unwrap_or_else(|| panic!("{text} lacks a unit"));
        let number: u64 = rest[..digits].parse().expect("a number");
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let scale = match &rest[digits..unit] {
            "ms" => SimDuration::from_millis(1),
            "s" => SimDuration::from_secs(1),
            "m" => SimDuration::from_secs(60),
            "h" => SimDuration::from_secs(3_600),
            unit => panic!("no unit {unit}"),
        };
        total = total + scale.times(number);
        rest = &rest[unit..];
    }
    total
}
