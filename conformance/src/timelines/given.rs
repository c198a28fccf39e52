//! What a recorded run started from and what was done in it.
mod check;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::objects::RecordedAvailability;

/// The manager with which each recorded cluster began. It leads at time zero where a recording does not say who does.
const FIRST_MANAGER: &str = "m1";

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
}
