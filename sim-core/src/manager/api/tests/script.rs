//! The commands of the API's text tests.
use std::fmt::Write;
use std::sync::Arc;

use crate::kernel::{SimDuration, SimTime};
use crate::manager::api::*;
use crate::model::spec::{HealthConfig, Limits, Mount, MountKind, NetworkAttachmentConfig};
use crate::model::*;
use crate::protocol::{ApiError, ManagerStatus, MemberList};
use crate::store::{Ids, Store, Transaction};
use crate::text_test::objects::{self, port};
use crate::text_test::{Command, values};

const SEED: u64 = 7;

/// A store whose transactions commit at once, one virtual second after the other.
pub(super) struct Script {
    store: Store,
    ids: Ids,
    version: u64,
    members: MemberList,
}

impl Default for Script {
    /// The first commit has index 1, as spec version 0 means a spec that was never updated.
    fn default() -> Self {
        Script { store: Store::default(), ids: Ids::default(), version: 1, members: MemberList::default() }
    }
}

impl Script {
    pub(super) fn run(&mut self, command: &Command<'_>) -> String {
        let result = match command.name {
            "cluster" => self.create_cluster(),
            "network" => self.create_network(command),
            "node" => self.create_node(command),
            "task" => self.create_task(command),
            "members" => {
                self.members = command.words.iter().map(|word| self.member(word)).collect();
                Ok("ok".to_owned())
            }
            "create" => self.commit(|t| create_service(t, new_spec(command))).map(|_| "ok".to_owned()),
            "update" => self.update(command),
            "rollback" => self.rollback(command),
            "remove" => {
                let id = self.service(command);
                self.commit(|t| remove_service(t, id)).map(|()| "ok".to_owned())
            }
            "allocate" => self.allocate(command),
            "node-update" => self.update_node(command),
            "node-remove" => {
                let (id, force) = (self.node(&command.words[0]), command.get("force").is_some());
                let members = self.members.clone();
                self.commit(|t| remove_node(t, id, force, &members)).map(|()| "ok".to_owned())
            }
            "show" => Ok(self.show(&command.words[0])),
            "show-node" => Ok(self.show_node(&command.words[0])),
            "tasks" => Ok(self.tasks()),
            other => panic!("no command {other}"),
        };
        self.with_names(result.unwrap_or_else(|error| error.message(SEED)))
    }

    fn commit<R>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<R, ApiError>,
    ) -> Result<R, ApiError> {
        let now = SimTime::from_secs(self.version);
        let mut transaction = Transaction::new(&mut self.store, &mut self.ids, now, self.version, FactId(0));
        let result = work(&mut transaction);
        let changes = transaction.into_changes();
        if result.is_ok() {
            self.store.apply(&changes);
            self.version += 1;
        }
        result
    }

    fn create_cluster(&mut self) -> Result<String, ApiError> {
        let cluster = Cluster::new(ClusterId(0), Arc::default());
        self.commit(|t| Ok(t.create_cluster(cluster)?)).map(|()| "ok".to_owned())
    }

    fn create_network(&mut self, command: &Command<'_>) -> Result<String, ApiError> {
        let annotations = Annotations { name: command.words[0].clone(), ..Annotations::default() };
        let ingress = command.words[0] == "ingress";
        let spec = NetworkSpec { annotations, ingress, ..NetworkSpec::default() };
        self.commit(|t| {
            let id = t.mint_network();
            Ok(t.create_network(Network::new(id, spec))?)
        })
        .map(|()| "ok".to_owned())
    }

    fn create_node(&mut self, command: &Command<'_>) -> Result<String, ApiError> {
        let role = if command.get("role") == Some("manager") { NodeRole::Manager } else { NodeRole::Worker };
        let description =
            NodeDescription { hostname: command.words[0].clone(), ..NodeDescription::default() };
        let state = match command.get("state") {
            Some("down") => NodeState::Down,
            Some("unknown") => NodeState::Unknown,
            Some(_) | None => NodeState::Ready,
        };
        self.commit(|t| {
            let id = t.mint_node();
            Ok(t.create_node(Node {
                spec: Arc::new(NodeSpec { desired_role: role, ..NodeSpec::default() }),
                description: Some(Arc::new(description)),
                status: NodeStatus { state, ..NodeStatus::default() },
                ..Node::new(id, HostId(id.0), role)
            })?)
        })
        .map(|()| "ok".to_owned())
    }

    fn create_task(&mut self, command: &Command<'_>) -> Result<String, ApiError> {
        let node = self.node(command.get("node").expect("a node"));
        let state = TaskState::from_name(command.get("state").expect("a state")).expect("a state's name");
        self.commit(|t| {
            let id = t.mint_task();
            let mut task = Task::new(id, Arc::default(), t.now());
            task.node = Some(node);
            task.status = TaskStatus { state, applied_at: Some(t.now()), ..task.status };
            Ok(t.create_task(task)?)
        })
        .map(|()| "ok".to_owned())
    }

    /// `web replicas=5 image=nginx:2 [version=3]`: the stored spec with changes.
    fn update(&mut self, command: &Command<'_>) -> Result<String, ApiError> {
        let id = self.service(command);
        let stored =
            self.store.service(id).map(|service| (service.meta.version, ServiceSpec::clone(&service.spec)));
        let (version, mut spec) = stored.unwrap_or_else(|| (0, new_spec(command)));
        change_spec(&mut spec, command);
        let version = command.get("version").map_or(version, |version| version.parse().expect("a number"));
        self.commit(|t| update_service(t, id, version, spec)).map(|()| "ok".to_owned())
    }

    fn rollback(&mut self, command: &Command<'_>) -> Result<String, ApiError> {
        let id = self.service(command);
        let version = self.store.service(id).map_or(0, |service| service.meta.version);
        self.commit(|t| rollback_service(t, id, version)).map(|()| "ok".to_owned())
    }

    /// The allocator hands out a port.
    fn allocate(&mut self, command: &Command<'_>) -> Result<String, ApiError> {
        let mut service = Service::clone(self.store.service(self.service(command)).expect("a service"));
        let ports = values(&command.words, "port").map(port).collect();
        service.endpoint = Some(Arc::new(Endpoint { ports, ..Endpoint::default() }));
        self.commit(|t| Ok(t.update_service(service)?)).map(|()| "ok".to_owned())
    }

    fn update_node(&mut self, command: &Command<'_>) -> Result<String, ApiError> {
        let id = self.node(&command.words[0]);
        let stored = self.store.node(id).map(|node| (node.meta.version, NodeSpec::clone(&node.spec)));
        let (version, mut spec) = stored.unwrap_or_default();
        match command.get("availability") {
            Some("drain") => spec.availability = Availability::Drain,
            Some("active") => spec.availability = Availability::Active,
            Some(other) => panic!("no availability {other}"),
            None => {}
        }
        match command.get("role") {
            Some("worker") => spec.desired_role = NodeRole::Worker,
            Some("manager") => spec.desired_role = NodeRole::Manager,
            Some(other) => panic!("no role {other}"),
            None => {}
        }
        for label in values(&command.words, "label") {
            let (name, value) = label.split_once('=').expect("name=value");
            spec.annotations.labels.insert(name.to_owned(), value.to_owned());
        }
        let version = command.get("version").map_or(version, |version| version.parse().expect("a number"));
        let members = self.members.clone();
        self.commit(|t| update_node(t, id, version, spec, &members)).map(|()| "ok".to_owned())
    }

    /// `m1`, `m1:leader` or `m2:unreachable`.
    fn member(&self, word: &str) -> (NodeId, ManagerStatus) {
        let (name, status) = objects::manager(word);
        (self.node(name), status)
    }

    /// The service of the first word, or one that does not exist.
    fn service(&self, command: &Command<'_>) -> ServiceId {
        self.store.service_by_name(&command.words[0]).map_or(ServiceId(99), |service| service.id)
    }

    fn node(&self, hostname: &str) -> NodeId {
        self.store.nodes().find(|node| node.hostname() == hostname).map_or(NodeId(99), |node| node.id)
    }

    fn show(&self, name: &str) -> String {
        let Some(service) = self.store.service_by_name(name) else { return "gone".to_owned() };
        let mut text = format!("{}\n", spec_line("spec", &service.spec, service.spec_version));
        if let Some(previous) = &service.previous_spec {
            let _ = writeln!(text, "{}", spec_line("previous", previous, service.previous_spec_version));
        }
        if let Some(status) = &service.update_status {
            let at = status.started_at.expect("a start");
            let _ = writeln!(text, "update {}: {} at {at}", status.state.name(), status.message);
        }
        if let Some(status) = service.job_status {
            let _ = writeln!(text, "job iteration {} since {}", status.iteration, status.last_execution);
        }
        let _ = writeln!(text, "version {}", service.meta.version);
        text
    }

    fn show_node(&self, name: &str) -> String {
        let id = self.node(name);
        let Some(node) = self.store.node(id) else {
            let cluster = self.store.cluster().expect("a cluster");
            return format!("gone, blacklisted {:?}", cluster.blacklisted_certificates);
        };
        let NodeSpec { annotations, desired_role, availability } = &*node.spec;
        format!("{} {} {:?}", desired_role.name(), availability.name(), annotations.labels)
    }

    fn tasks(&self) -> String {
        let line = |task: &Arc<Task>| {
            let TaskStatus { state, timestamp, applied_at, message, .. } = &task.status;
            let (set, applied) =
                (timestamp.expect("a time"), applied_at.map_or("never".into(), |t| t.to_string()));
            format!("{} on {:?}: {state} at {set}, applied {applied}: {message}\n", task.id.0, task.node)
        };
        self.store.tasks().map(line).collect()
    }

    /// Ids as names: `<web>`.
    fn with_names(&self, mut text: String) -> String {
        for service in self.store.services() {
            text = text.replace(&service.id.text(SEED), &format!("<{}>", service.name()));
        }
        for node in self.store.nodes() {
            text = text.replace(&node.id.text(SEED), &format!("<{}>", node.hostname()));
        }
        text.replace(&ServiceId(99).text(SEED), "<missing>").replace(&NodeId(99).text(SEED), "<missing>")
    }
}

fn spec_line(what: &str, spec: &ServiceSpec, version: Option<u64>) -> String {
    let version = version.expect("every spec has a version");
    format!("{what} {:?} {} version {version}", spec.mode, spec.task.container.image)
}

fn new_spec(command: &Command<'_>) -> ServiceSpec {
    let name = command.words.first().filter(|word| !word.contains('=')).cloned().unwrap_or_default();
    let mut task = TaskSpec::default();
    task.container.image = "nginx:1".to_owned();
    let mut spec = ServiceSpec {
        annotations: Annotations { name, ..Annotations::default() },
        task: Arc::new(task),
        mode: ServiceMode::Replicated { replicas: 1 },
        update: None,
        rollback: None,
        endpoint: None,
    };
    change_spec(&mut spec, command);
    spec
}

fn change_spec(spec: &mut ServiceSpec, command: &Command<'_>) {
    let mut task = TaskSpec::clone(&spec.task);
    for word in &command.words {
        let Some((key, value)) = word.split_once('=') else { continue };
        let number = || value.parse::<i64>().unwrap_or_else(|_| panic!("{word}: a number"));
        let reservations = || task.resources.clone().unwrap_or_default().reservations.unwrap_or_default();
        let limits = || task.resources.clone().unwrap_or_default().limits.unwrap_or_default();
        match key {
            "name" => spec.annotations.name = value.to_owned(),
            "image" => task.container.image = value.to_owned(),
            "mode" => spec.mode = mode(value),
            "replicas" => spec.mode = ServiceMode::Replicated { replicas: number() as u64 },
            "constraint" => {
                task.placement.get_or_insert_default().constraints.push(value.to_owned());
            }
            "reserve-nano-cpus" => {
                let reservations = Reservations { nano_cpus: number(), ..reservations() };
                task.resources.get_or_insert_default().reservations = Some(reservations);
            }
            "reserve-memory" => {
                let reservations = Reservations { memory_bytes: number(), ..reservations() };
                task.resources.get_or_insert_default().reservations = Some(reservations);
            }
            "limit-nano-cpus" => {
                let limits = Limits { nano_cpus: number(), ..limits() };
                task.resources.get_or_insert_default().limits = Some(limits);
            }
            "limit-memory" => {
                let limits = Limits { memory_bytes: number(), ..limits() };
                task.resources.get_or_insert_default().limits = Some(limits);
            }
            "mount" => task.container.mounts.push(Mount {
                kind: MountKind::Volume,
                source: "data".to_owned(),
                target: value.to_owned(),
                read_only: false,
                driver: String::new(),
            }),
            "health-interval-us" | "health-timeout-us" | "health-start-us" | "health-start-interval-us" => {
                set_health(task.container.health.get_or_insert_default(), key, number() as u64);
            }
            "network" => {
                let network = NetworkId(number() as u32);
                task.networks.push(NetworkAttachmentConfig { network, aliases: Vec::new() });
            }
            "ratio-ppb" => {
                let max_failure_ratio_ppb = number() as u32;
                spec.update = Some(UpdateConfig { max_failure_ratio_ppb, ..UpdateConfig::default() });
            }
            "rollback-ratio-ppb" => {
                let max_failure_ratio_ppb = number() as u32;
                spec.rollback = Some(UpdateConfig { max_failure_ratio_ppb, ..UpdateConfig::default() });
            }
            "endpoint-mode" => spec.endpoint.get_or_insert_default().mode = EndpointMode::DnsRoundRobin,
            "publish" => spec.endpoint.get_or_insert_default().ports.push(port(value)),
            "unpublish" => spec.endpoint.get_or_insert_default().ports.retain(|old| *old != port(value)),
            "version" => {}
            other => panic!("no option {other}"),
        }
    }
    spec.task = Arc::new(task);
}

fn set_health(health: &mut HealthConfig, key: &str, microseconds: u64) {
    let time = Some(SimDuration::from_micros(microseconds));
    match key {
        "health-interval-us" => health.interval = time,
        "health-timeout-us" => health.timeout = time,
        "health-start-us" => health.start_period = time,
        _ => health.start_interval = time,
    }
}

fn mode(text: &str) -> ServiceMode {
    let number = |text: &str| text.parse::<i64>().expect("a number") as u64;
    match text.split_once(':') {
        None if text == "global" => ServiceMode::Global,
        None => ServiceMode::GlobalJob,
        Some((concurrent, total)) => ServiceMode::ReplicatedJob {
            max_concurrent: number(concurrent),
            total_completions: number(total),
        },
    }
}
