//! A leader's store with a control API, and a client on one of the nodes.
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use super::typed::{command, node_change, ports};
use crate::client::command::Output;
use crate::client::{Ask, ClientError, CommandRun, ManagerState, OwnHost};
use crate::kernel::{SimDuration, SimTime};
use crate::manager::loops::{LeaderLoops, LoopSettings};
use crate::model::*;
use crate::protocol::{
    ApiRequest, CallId, Component, Effects, Lineage, LoopKind, ManagerStatus, MemberList, Message, ReplyTo,
    Request, Response,
};
use crate::store::{Store, StoreError, Transaction};
use crate::text_test::{Command, objects, values};

const SEED: u64 = 1;

pub(super) struct World {
    store: Store,
    loops: LeaderLoops,
    effects: Effects,
    version: u64,
    members: MemberList,
    client: Client,
}

/// The client's own host.
struct Client {
    own: Option<NodeId>,
    /// What the engine answers instead of passing requests on.
    engine: Option<ClientError>,
    /// The nodes of all hosts that ever were, by hostname.
    hosts: Vec<(String, NodeId)>,
}

impl OwnHost for Client {
    fn own_node(&self) -> Option<NodeId> {
        self.own
    }

    fn manager(&self) -> Option<ManagerState> {
        None
    }

    fn swarm(&self) -> Option<&Cluster> {
        None
    }

    fn nth_node(&self, hostname: &str, number: u32) -> Option<NodeId> {
        let mut nodes = self.hosts.iter().filter(|(name, _)| name == hostname);
        nodes.nth(number as usize - 1).map(|(_, node)| *node)
    }
}

impl World {
    pub(super) fn new() -> Self {
        let settings = LoopSettings { seed: SEED, ..LoopSettings::default() };
        World {
            store: Store::default(),
            loops: LeaderLoops::of_kinds(&[LoopKind::Api], &settings),
            effects: Effects::new(),
            version: 1,
            members: MemberList::default(),
            client: Client { own: None, engine: None, hosts: Vec::new() },
        }
    }

    pub(super) fn run(&mut self, command: &Command<'_>) -> String {
        match command.name {
            "time" => self.effects.advance_to(SimTime::ZERO + span(&command.words[0])),
            "cluster" => self.create_cluster(),
            "network" => self.create_network(&command.words[0]),
            "node" => self.create_node(command),
            "members" => self.members = command.words.iter().map(|word| self.member(word)).collect(),
            "client" => self.client.own = Some(self.node(&command.words[0])),
            "engine" => {
                self.client.engine = match command.words.first() {
                    None => None,
                    Some(words) if words == "off" => Some(ClientError::NoEngine),
                    Some(words) => Some(ClientError::Engine(words.clone())),
                }
            }
            "task" => self.create_task(command),
            "state" => self.update_task(command),
            "update-status" => self.set_update_status(command),
            "endpoint" => self.allocate(command),
            "node-name" => self.name_node(command),
            "docker" => return self.docker(&command.words),
            "show-settings" => {
                let spec = &self.store.cluster().expect("a cluster").spec;
                let (heartbeat, certificate) = (spec.heartbeat_period, spec.certificate_validity);
                let (history, snapshot) = (spec.task_history_retention_limit, spec.raft.snapshot_interval);
                return format!(
                    "heartbeat {heartbeat} certificate {certificate} history {history} snapshot {snapshot}"
                );
            }
            other => panic!("no command {other}"),
        }
        "ok".to_owned()
    }

    /// What the command prints, then what it complains about, marked, then its exit code unless that is zero.
    /// Empty lines are shown as `~`, an output without any line as `nothing`.
    fn docker(&mut self, words: &[String]) -> String {
        let mut run = CommandRun::new(Arc::new(command(words)), SEED, &self.client);
        while let Some(ask) = run.next_ask() {
            let Ask::Swarm(request, _) = ask else { panic!("only the swarm answers here, not {ask:?}") };
            let answer = match &self.client.engine {
                Some(error) => Err(error.clone()),
                None => self.ask(request),
            };
            run.answered(answer, self.effects.now());
        }
        let Output { exit, stdout, stderr } = run.output();
        let mut text = String::new();
        for line in stdout.lines() {
            let _ = writeln!(text, "{}", if line.is_empty() { "~" } else { line });
        }
        for line in stderr.lines() {
            let _ = writeln!(text, "! {line}");
        }
        if exit != 0 {
            let _ = writeln!(text, "exit {exit}");
        }
        if text.is_empty() { "nothing".to_owned() } else { text }
    }

    /// Asks the leader, and commits what it proposes.
    fn ask(&mut self, request: ApiRequest) -> Result<crate::protocol::ApiResponse, ClientError> {
        let reply = ReplyTo { host: HostId(0), call: CallId { caller: Component::Client, number: 0 } };
        let request = Request::Api(Box::new(request));
        self.loops.set_members(&self.members);
        self.loops.request(reply, HostId(0), request, &self.store, &mut self.effects);
        while let Some(changes) = self.loops.next_proposal(&mut self.store, &mut self.effects, self.version) {
            self.version += 1;
            self.store.apply(&changes);
            let causes = self.effects.tell_commit(Lineage::default(), self.version, &changes);
            self.loops.committed(&changes, causes, &self.store, &mut self.effects);
        }
        let mut outbox = Vec::new();
        self.effects.swap_outbox(&mut outbox);
        match outbox.pop().expect("an answer") {
            (_, _, _, Message::Answer { answer: Ok(Response::Api(result)), .. }) => {
                result.map_err(ClientError::Refused)
            }
            other => panic!("{other:?} is no answer of the API"),
        }
    }

    fn commit(&mut self, work: impl FnOnce(&mut Transaction<'_>) -> Result<(), StoreError>) {
        let now = self.effects.now();
        let ids = &mut self.effects.ids;
        let mut transaction = Transaction::new(&mut self.store, ids, now, self.version, FactId(0));
        work(&mut transaction).expect("the script's own writes succeed");
        let changes = transaction.into_changes();
        self.store.apply(&changes);
        self.version += 1;
    }

    fn create_cluster(&mut self) {
        let cluster = Cluster::new(ClusterId(0), Arc::default());
        self.commit(|t| t.create_cluster(cluster));
    }

    fn create_network(&mut self, name: &str) {
        let annotations = Annotations { name: name.to_owned(), ..Annotations::default() };
        let mut spec = NetworkSpec { annotations, ingress: name == "ingress", ..NetworkSpec::default() };
        if name == "bridge" {
            let label = network::PREDEFINED_LABEL;
            spec.annotations.labels.insert(label.to_owned(), "true".to_owned());
        }
        self.commit(|t| {
            let id = t.mint_network();
            let subnet = Subnet { address: [10, 0, 0, 0].into(), prefix_bits: 24 };
            let allocated = AllocatedSubnet { subnet, gateway: [10, 0, 0, 1].into(), vxlan: 4096 };
            t.create_network(Network { allocated: Some(vec![allocated]), ..Network::new(id, spec) })
        });
    }

    fn create_node(&mut self, command: &Command<'_>) {
        let hostname = command.words[0].clone();
        let manager = command.get("role") == Some("manager");
        let role = if manager { NodeRole::Manager } else { NodeRole::Worker };
        let state = match command.get("state") {
            Some("down") => NodeState::Down,
            Some("unknown") => NodeState::Unknown,
            Some(_) | None => NodeState::Ready,
        };
        let change = node_change(&command.words);
        let mut spec = NodeSpec { desired_role: role, ..NodeSpec::default() };
        spec.availability = change.availability.unwrap_or_default();
        spec.annotations.labels = change.labels.add;
        let plugins = [("Volume", "local"), ("Network", "bridge"), ("Network", "overlay")];
        let engine = EngineDescription {
            version: "29.7.2".to_owned(),
            labels: Labels::new(),
            plugins: plugins.map(|(kind, name)| (kind.to_owned(), name.to_owned())).into(),
        };
        let description = NodeDescription {
            hostname: hostname.clone(),
            platform: Some(Platform { os: "linux".to_owned(), architecture: "x86_64".to_owned() }),
            resources: Some(Resources {
                nano_cpus: 4_000_000_000,
                memory_bytes: 8 << 30,
                generic: Vec::new(),
            }),
            engine: Some(engine),
        };
        let address = command.get("ip").map(|ip| ip.parse().expect("an address"));
        let message = command.get("message").map_or(Cow::Borrowed(""), |text| Cow::Owned(text.to_owned()));
        let mut created = NodeId::default();
        self.commit(|t| {
            created = t.mint_node();
            t.create_node(Node {
                spec: Arc::new(spec),
                description: (!command.words.contains(&"bare".to_owned())).then(|| Arc::new(description)),
                status: NodeStatus { state, message, address },
                ..Node::new(created, HostId(created.0), role)
            })
        });
        self.client.hosts.push((hostname, created));
    }

    fn name_node(&mut self, command: &Command<'_>) {
        let mut node = Node::clone(self.store.node(self.node(&command.words[0])).expect("a node"));
        let mut spec = NodeSpec::clone(&node.spec);
        spec.annotations.name.clone_from(&command.words[1]);
        node.spec = Arc::new(spec);
        self.commit(|t| t.update_node(node));
    }

    /// `m1:leader`, `m2` or `m2:unreachable`.
    fn member(&self, word: &str) -> (NodeId, ManagerStatus) {
        let (name, status) = objects::manager(word);
        (self.node(name), status)
    }

    fn node(&self, hostname: &str) -> NodeId {
        let exists = |(name, node): &&(String, NodeId)| name == hostname && self.store.node(*node).is_some();
        self.client.hosts.iter().rfind(exists).expect("a node of this hostname").1
    }

    /// `web.1 node=w1 state=running desired=running iteration=0`: a task of the service as it is now.
    fn create_task(&mut self, command: &Command<'_>) {
        let (name, slot) = command.words[0].rsplit_once('.').expect("service.slot");
        let service = Arc::clone(self.store.service_by_name(name).expect("a service"));
        let node = command.get("node").map(|node| self.node(node));
        self.commit(|t| {
            let id = t.mint_task();
            let mut task = Task::new(id, Arc::clone(&service.spec.task), t.now());
            task.service = Some(service.id);
            task.slot = Slot(slot.parse().expect("a slot"));
            task.node = node;
            task.service_annotations = Arc::new(service.spec.annotations.clone());
            task.job_iteration =
                command.get("iteration").map(|iteration| iteration.parse().expect("a number"));
            let endpoint = service.spec.endpoint.clone().unwrap_or_default();
            task.endpoint = Some(Arc::new(Endpoint { spec: endpoint, ..Endpoint::default() }));
            set_states(&mut task, command, t.now());
            t.create_task(task)
        });
    }

    /// `web.1 state=failed error="task: non-zero exit (1)"`: the newest task of the slot goes on.
    fn update_task(&mut self, command: &Command<'_>) {
        let (name, slot) = command.words[0].rsplit_once('.').expect("service.slot");
        let service = self.store.service_by_name(name).expect("a service").id;
        let slot = Slot(slot.parse().expect("a slot"));
        let mut task = Task::clone(self.store.tasks_of_slot(service, slot).last().expect("a task"));
        set_states(&mut task, command, self.effects.now());
        self.commit(|t| t.update_task(task));
    }

    fn set_update_status(&mut self, command: &Command<'_>) {
        let mut service = Service::clone(self.store.service_by_name(&command.words[0]).expect("a service"));
        let state = match command.words[1].as_str() {
            "updating" => UpdateState::Updating,
            "completed" => UpdateState::Completed,
            "rollback_completed" => UpdateState::RollbackCompleted,
            other => panic!("no state {other}"),
        };
        let now = self.effects.now();
        let before = service.update_status.as_ref().and_then(|status| status.started_at);
        service.update_status = Some(UpdateStatus {
            state,
            started_at: before.or(Some(now)),
            completed_at: (state != UpdateState::Updating).then_some(now),
            message: command.words[2].clone().into(),
        });
        self.commit(|t| t.update_service(service));
    }

    fn allocate(&mut self, command: &Command<'_>) {
        let mut service = Service::clone(self.store.service_by_name(&command.words[0]).expect("a service"));
        let address = Some("10.0.0.5".parse().expect("an address"));
        service.endpoint = Some(Arc::new(Endpoint {
            spec: service.spec.endpoint.clone().unwrap_or_default(),
            ports: ports(values(&command.words, "publish")),
            virtual_ips: vec![VirtualIp { network: NetworkId(0), address }],
        }));
        self.commit(|t| t.update_service(service));
    }
}

fn set_states(task: &mut Task, command: &Command<'_>, now: SimTime) {
    let state = |key: &str| command.get(key).map(|name| TaskState::from_name(name).expect("a state's name"));
    if let Some(state) = state("state") {
        let err = command.get("error").unwrap_or_default().to_owned();
        let published = task.endpoint.iter().flat_map(|endpoint| &endpoint.spec.ports);
        let of_node = published.filter(|port| {
            state == TaskState::Running && port.publish_mode == PublishMode::Host && port.published_port != 0
        });
        let ports = of_node.cloned().collect();
        task.status =
            TaskStatus { state, timestamp: Some(now), err: err.into(), ports, ..TaskStatus::default() };
    }
    task.desired_state = state("desired").unwrap_or(task.desired_state);
}

/// Seconds: `65s`, or milliseconds: `400ms`.
pub(super) fn span(text: &str) -> SimDuration {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no number"));
    match text.strip_suffix("ms") {
        Some(milliseconds) => SimDuration::from_millis(number(milliseconds)),
        None => SimDuration::from_secs(number(text.strip_suffix('s').expect("a unit"))),
    }
}
