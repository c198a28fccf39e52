//! What a recorded run started from and what was done in it, and whether all of that can be replayed.
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::objects::RecordedAvailability;

/// The manager with which each recorded cluster began. It leads at time zero where a recording does not say who does.
const FIRST_MANAGER: &str = "m1";
/// Longer runs are mistakes: the longest recorded one took two minutes.
const DURATION_MAX_MS: f64 = 86_400_000.0;
/// More requests than these are mistakes.
const PROBES_MAX: u64 = 100_000;
/// More actions than these are mistakes; the numbers of commands after them belong to probes.
const ACTIONS_MAX: usize = 1_000;

/// What a run started from. Unknown fields are refused: a run that is only half understood proves nothing. Fields that
/// are known and not needed have an underscore before their names: they stand elsewhere as well, or came out of the run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    pub(super) managers: usize,
    pub(super) workers: usize,
    pub(super) duration_ms: f64,
    target: Option<String>,
    leader: Option<String>,
    join_via: Option<String>,
    containers_survive: Option<bool>,
    pub(super) probes: Option<Probes>,
    pub(super) service: Option<Service>,
    #[serde(default)]
    pub(super) services: Vec<Service>,
    pub(super) initial: Initial,
    pub(super) actions: Vec<Action>,
    #[serde(default, rename = "killed")]
    _killed: IgnoredAny,
    #[serde(default, rename = "restarted")]
    _restarted: IgnoredAny,
    #[serde(default, rename = "new_image")]
    _new_image: IgnoredAny,
    #[serde(default, rename = "new_leader")]
    _new_leader: IgnoredAny,
    #[serde(default, rename = "failed_writes_found_applied_at_end")]
    _failed_writes_found_applied_at_end: IgnoredAny,
}

/// Requests that were made all the time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probes {
    pub(super) via: String,
    pub(super) until_ms: u64,
    pub(super) timeout_ms: u64,
    pub(super) read_every_ms: u64,
    pub(super) write_every_ms: u64,
}

/// How a service is updated or rolled back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    #[serde(default)]
    pub(super) parallelism: u64,
    #[serde(default)]
    pub(super) delay_ms: u64,
    /// Absent is the system's default.
    pub(super) monitor_ms: Option<u64>,
    #[serde(default)]
    pub(super) max_failure_ratio: f64,
    pub(super) failure_action: RecordedFailureAction,
    pub(super) order: RecordedOrder,
}

/// What becomes of an update whose tasks fail.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RecordedFailureAction {
    Pause,
    Continue,
    Rollback,
}

/// Whether the old or the new task of a slot goes first.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RecordedOrder {
    StopFirst,
    StartFirst,
}

/// A service as it is at the start, or as it will be created.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) mode: RecordedMode,
    pub(super) replicas: Option<u64>,
    pub(super) image: String,
    #[serde(default)]
    pub(super) constraints: Vec<String>,
    pub(super) update_config: Option<Update>,
    pub(super) rollback_config: Option<Update>,
}

/// How many tasks a service has: as many as it says, or one on every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RecordedMode {
    Replicated,
    Global,
}

/// State at time zero.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Initial {
    pub(super) tasks: Vec<InitialTask>,
    pub(super) nodes: Vec<InitialNode>,
}

/// A task at time zero. It runs as its service asks: what is already over at time zero is not replayed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InitialTask {
    pub(super) task: String,
    pub(super) node: String,
    pub(super) desired: String,
    pub(super) state: String,
    pub(super) image: String,
}

/// A node at time zero.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InitialNode {
    pub(super) node: String,
    pub(super) last_heartbeat_ms: Option<f64>,
    pub(super) period_ms: Option<f64>,
    pub(super) role: RecordedRole,
    pub(super) availability: RecordedAvailability,
    #[serde(rename = "state")]
    _state: ReadyOnly,
}

/// The only state of nodes at time zero that is replayed.
#[derive(Clone, Copy, Debug, Deserialize)]
enum ReadyOnly {
    #[serde(rename = "READY")]
    Ready,
}

/// Something that was done, and when.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Action {
    pub(super) t_ms: f64,
    #[serde(flatten)]
    pub(super) deed: Deed,
}

/// What was done.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Deed {
    /// A process ends without a word.
    Crash {
        node: String,
    },
    /// A process is told to end.
    Stop {
        node: String,
    },
    /// A process starts again, and finds the containers of the one before or does not.
    Restart {
        node: String,
        containers_survive: Option<bool>,
    },
    /// A process gets no time.
    Freeze {
        node: String,
    },
    /// A frozen process goes on.
    Thaw {
        node: String,
    },
    /// A new node.
    Join {
        node: String,
        role: RecordedRole,
    },
    Promote {
        node: String,
    },
    Demote {
        node: String,
    },
    NodeDrain {
        node: String,
    },
    NodeActivate {
        node: String,
    },
    NodePause {
        node: String,
    },
    NodeRemove {
        node: String,
        force: bool,
    },
    ServiceCreate {
        service: String,
    },
    /// What is absent stays as it is.
    ServiceUpdate {
        service: String,
        image: Option<String>,
        replicas: Option<u64>,
    },
}

/// A role that a node gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RecordedRole {
    Manager,
    Worker,
}

impl RecordedRole {
    /// The word for it in events.
    pub(super) fn word(self) -> &'static str {
        match self {
            RecordedRole::Manager => "manager",
            RecordedRole::Worker => "worker",
        }
    }
}

impl Deed {
    /// The node that something is done to.
    pub(super) fn node(&self) -> Option<&str> {
        match self {
            Deed::Crash { node }
            | Deed::Stop { node }
            | Deed::Restart { node, .. }
            | Deed::Freeze { node }
            | Deed::Thaw { node }
            | Deed::Join { node, .. }
            | Deed::Promote { node }
            | Deed::Demote { node }
            | Deed::NodeDrain { node }
            | Deed::NodeActivate { node }
            | Deed::NodePause { node }
            | Deed::NodeRemove { node, .. } => Some(node),
            Deed::ServiceCreate { .. } | Deed::ServiceUpdate { .. } => None,
        }
    }

    /// The service that is created or changed.
    pub(super) fn service(&self) -> Option<&str> {
        match self {
            Deed::ServiceCreate { service } | Deed::ServiceUpdate { service, .. } => Some(service),
            _ => None,
        }
    }

    /// A process ends, or gets no more time.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Deed::Crash { .. } | Deed::Stop { .. } | Deed::Freeze { .. })
    }

    /// A process runs again.
    pub(super) fn is_return(&self) -> bool {
        matches!(self, Deed::Restart { .. } | Deed::Thaw { .. })
    }
}

/// A task's name in parts: `web.3#1` is the first task of slot 3 of `web`, `agent.w1#1` one of a global service.
pub(super) struct TaskName<'a> {
    pub(super) service: &'a str,
    pub(super) place: &'a str,
    pub(super) ordinal: u32,
}

impl<'a> TaskName<'a> {
    pub(super) fn parse(name: &'a str) -> Result<Self, String> {
        let parts = || {
            let (service, rest) = name.split_once('.')?;
            let (place, ordinal) = rest.split_once('#')?;
            Some(TaskName { service, place, ordinal: ordinal.parse().ok()? })
        };
        parts().ok_or_else(|| format!("{name} is no name of a task"))
    }

    /// The slot; 0 for a global service.
    pub(super) fn slot(&self) -> u32 {
        self.place.parse().unwrap_or(0)
    }
}

impl Given {
    /// When something was done for the first time.
    pub(super) fn first(&self, wanted: impl Fn(&Deed) -> bool) -> Option<f64> {
        self.actions.iter().find(|action| wanted(&action.deed)).map(|action| action.t_ms)
    }

    /// The names of nodes that joined.
    pub(super) fn joining(&self) -> impl Iterator<Item = (&str, RecordedRole)> {
        self.actions.iter().filter_map(|action| match &action.deed {
            Deed::Join { node, role } => Some((node.as_str(), *role)),
            _ => None,
        })
    }

    /// All services, whether they exist at the start or are created.
    pub(super) fn all_services(&self) -> impl Iterator<Item = &Service> {
        self.service.iter().chain(&self.services)
    }

    /// The services that exist at the start.
    pub(super) fn initial_services(&self) -> impl Iterator<Item = &Service> {
        let created = |service: &&Service| {
            let creates =
                |deed: &Deed| matches!(deed, Deed::ServiceCreate { service: name } if *name == service.name);
            self.first(creates).is_some()
        };
        self.all_services().filter(move |service| !created(service))
    }

    /// The tasks that a service has at the start, in the order of the recording.
    pub(super) fn initial_tasks<'a>(
        &'a self,
        service: &'a Service,
    ) -> impl Iterator<Item = (&'a InitialTask, TaskName<'a>)> {
        let named = |task: &'a InitialTask| Some((task, TaskName::parse(&task.task).ok()?));
        self.initial.tasks.iter().filter_map(named).filter(|(_, name)| name.service == service.name)
    }

    /// The node that the run is about: the one that is named, or else the first that something was done to.
    pub(super) fn target(&self) -> Option<&str> {
        let first = || self.actions.iter().find_map(|action| action.deed.node());
        self.target.as_deref().or_else(first)
    }

    /// The manager that leads at time zero.
    pub(super) fn leader(&self) -> &str {
        self.leader.as_deref().unwrap_or(FIRST_MANAGER)
    }

    /// The manager at which nodes join.
    pub(super) fn join_via(&self) -> &str {
        self.join_via.as_deref().unwrap_or_else(|| self.leader())
    }

    /// The manager through which the nodes of time zero have joined: that with which the cluster began.
    pub(super) fn began_with(&self) -> &str {
        FIRST_MANAGER
    }

    /// The nodes of time zero that are managers, or those that are not. Whoever leads is one: its observed role
    /// reached the observer late in some recordings.
    pub(super) fn members(&self, role: RecordedRole) -> impl Iterator<Item = &InitialNode> {
        let role_of = |node: &InitialNode| {
            if node.node == self.leader() { RecordedRole::Manager } else { node.role }
        };
        self.initial.nodes.iter().filter(move |node| role_of(node) == role)
    }

    /// Whether a node is a manager at time zero.
    pub(super) fn is_manager(&self, name: &str) -> bool {
        self.members(RecordedRole::Manager).any(|node| node.node == name)
    }

    /// Whether a node that ends now finds its containers when it starts again.
    pub(super) fn containers_survive(&self, name: &str, end_ms: f64) -> bool {
        let later = self.actions.iter().filter(|action| action.t_ms >= end_ms);
        let restart = later.into_iter().find_map(|action| match &action.deed {
            Deed::Restart { node, containers_survive } if node == name => Some(*containers_survive),
            _ => None,
        });
        restart.flatten().or(self.containers_survive).unwrap_or(false)
    }

    /// Whether all of this can be replayed.
    ///
    /// # Errors
    /// Says what cannot.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.duration_ms > 0.0 && self.duration_ms <= DURATION_MAX_MS) {
            return Err(format!("a run of {} ms is not replayed", self.duration_ms));
        }
        self.check_nodes()?;
        self.check_services()?;
        self.initial.tasks.iter().try_for_each(|task| self.check_task(task))?;
        self.check_actions()?;
        self.probes.iter().try_for_each(|probes| self.check_probes(probes))
    }

    fn check_nodes(&self) -> Result<(), String> {
        let names = self.initial.nodes.iter().map(|node| node.node.as_str());
        distinct("node", names.chain(self.joining().map(|(name, _)| name)))?;
        for (role, counted) in [(RecordedRole::Manager, self.managers), (RecordedRole::Worker, self.workers)]
        {
            let listed = self.members(role).count();
            if listed != counted {
                let role = role.word();
                return Err(format!(
                    "{counted} nodes are said to be {role}s at time zero, {listed} are listed"
                ));
            }
        }
        for (word, name) in [("leader", self.leader()), ("join_via", self.join_via())] {
            if !self.is_manager(name) {
                return Err(format!("{word}: {name} is no manager at time zero"));
            }
        }
        if let Some(target) = self.target.as_deref().filter(|target| !self.knows(target)) {
            return Err(format!("target: {target} is no node"));
        }
        let period = |node: &&InitialNode| node.period_ms.is_some_and(|period| period <= 0.0);
        match self.initial.nodes.iter().find(period) {
            Some(node) => Err(format!("{} has heartbeats without a period", node.node)),
            None => Ok(()),
        }
    }

    fn knows(&self, name: &str) -> bool {
        let initial = self.initial.nodes.iter().map(|node| node.node.as_str());
        initial.chain(self.joining().map(|(name, _)| name)).any(|known| known == name)
    }

    fn check_services(&self) -> Result<(), String> {
        distinct("service", self.all_services().map(|service| service.name.as_str()))?;
        for service in self.all_services() {
            let name = &service.name;
            if (service.mode == RecordedMode::Replicated) != service.replicas.is_some() {
                return Err(format!("{name}: replicated services have replicas, others have none"));
            }
            let ratio = |update: &Update| (0.0..=1.0).contains(&update.max_failure_ratio);
            if !service.update_config.iter().chain(&service.rollback_config).all(ratio) {
                return Err(format!("{name}: a failure ratio is outside of 0 to 1"));
            }
        }
        let tasks = self.initial.tasks.iter();
        let places = tasks.map(|task| task.task.split('#').next().unwrap_or_default());
        distinct("place of a task at time zero", places)
    }

    fn check_task(&self, task: &InitialTask) -> Result<(), String> {
        let name = TaskName::parse(&task.task)?;
        let Some(service) = self.initial_services().find(|service| service.name == name.service) else {
            return Err(format!("{}: no service {} exists at time zero", task.task, name.service));
        };
        let is_named_well = match service.mode {
            RecordedMode::Replicated => name.slot() > 0,
            RecordedMode::Global => name.place == task.node,
        };
        if !is_named_well || name.ordinal == 0 {
            return Err(format!("{} is no name of a task of {} on {}", task.task, service.name, task.node));
        }
        if !self.initial.nodes.iter().any(|node| node.node == task.node) {
            return Err(format!("{}: {} is no node at time zero", task.task, task.node));
        }
        if (task.desired.as_str(), task.state.as_str()) != ("RUNNING", "RUNNING") {
            let states = format!("{}/{}", task.desired, task.state);
            return Err(format!(
                "{} is {states} at time zero, and only running tasks are replayed",
                task.task
            ));
        }
        if task.image != service.image {
            return Err(format!(
                "{} runs {} at time zero, its service {}",
                task.task, task.image, service.image
            ));
        }
        Ok(())
    }

    /// Actions are in order, and each finds its node as it must be.
    fn check_actions(&self) -> Result<(), String> {
        if self.actions.is_empty() || self.actions.len() >= ACTIONS_MAX {
            return Err(format!("{} actions are not replayed", self.actions.len()));
        }
        let mut at_ms = f64::NEG_INFINITY;
        let initial = self.initial.nodes.iter().map(|node| (node.node.as_str(), Process::Runs));
        let mut processes: BTreeMap<&str, Process> = initial.collect();
        let mut services: BTreeSet<&str> =
            self.initial_services().map(|service| service.name.as_str()).collect();
        for Action { t_ms, deed } in &self.actions {
            if *t_ms < at_ms || *t_ms > self.duration_ms {
                return Err(format!("an action at {t_ms} ms is out of order, or after the end"));
            }
            at_ms = *t_ms;
            match deed {
                Deed::ServiceCreate { service } => {
                    if !self.all_services().any(|known| known.name == *service) || !services.insert(service) {
                        return Err(format!("service {service} is not described, or created twice"));
                    }
                }
                Deed::ServiceUpdate { service, image, replicas } => {
                    if !services.contains(service.as_str()) || (image.is_none() && replicas.is_none()) {
                        return Err(format!("an update of service {service} at {t_ms} ms changes nothing"));
                    }
                }
                _ => {
                    let node = deed.node().expect("all others are about nodes");
                    let before = processes.get(node).copied();
                    let after = deed.after(before);
                    let after =
                        after.ok_or_else(|| format!("{deed:?} at {t_ms} ms finds no such process"))?;
                    processes.insert(node, after);
                }
            }
        }
        Ok(())
    }

    fn check_probes(&self, probes: &Probes) -> Result<(), String> {
        if !self.is_manager(&probes.via) {
            return Err(format!("probes.via: {} is no manager at time zero", probes.via));
        }
        let counts =
            [probes.read_every_ms, probes.write_every_ms].map(|every| probes.until_ms.checked_div(every));
        match counts.iter().all(|count| count.is_some_and(|count| count <= PROBES_MAX)) {
            true => Ok(()),
            false => Err("probes: every_ms is zero, or there are too many of them".to_owned()),
        }
    }
}

/// What the process of a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    Runs,
    Frozen,
    Ended,
}

impl Deed {
    /// What the process does after this; nothing, if this cannot happen to it. Commands about nodes that are gone are
    /// answered by the cluster.
    fn after(&self, before: Option<Process>) -> Option<Process> {
        match (self, before) {
            (Deed::Crash { .. }, Some(Process::Runs | Process::Frozen)) => Some(Process::Ended),
            (Deed::Stop { .. }, Some(Process::Runs)) => Some(Process::Ended),
            (Deed::Freeze { .. }, Some(Process::Runs)) => Some(Process::Frozen),
            (Deed::Thaw { .. }, Some(Process::Frozen)) => Some(Process::Runs),
            (Deed::Restart { .. }, Some(Process::Ended)) => Some(Process::Runs),
            (Deed::Join { .. }, None) => Some(Process::Runs),
            (
                Deed::Crash { .. }
                | Deed::Stop { .. }
                | Deed::Freeze { .. }
                | Deed::Thaw { .. }
                | Deed::Restart { .. }
                | Deed::Join { .. },
                _,
            ) => None,
            (_, before) => before,
        }
    }
}

/// Refuses what is named twice.
fn distinct<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("{what} {name} is there twice"));
        }
    }
    Ok(())
}
