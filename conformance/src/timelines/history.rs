//! What happened in a run, recorded or simulated, in the words of the recordings.
use std::collections::BTreeMap;

/// One thing that happened. Times are milliseconds after the first action.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) at_ms: f64,
    pub(super) what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// A task was created or changed; the values are those after the change.
    Task(Task),
    /// A task was removed.
    TaskRemoved { task: String },
    /// A node's status was written.
    Node { node: String, state: String },
    /// A node object was created.
    NodeCreated { node: String },
    /// A node object was removed.
    NodeRemoved { node: String },
    /// A node has this role and this certificate (`manager:ISSUED`).
    Role { node: String, role: String, certificate: String },
    /// A manager asked for votes.
    Candidate { node: String, term: u64 },
    /// A manager won an election.
    Leader { node: String, term: u64 },
    /// A manager's control loops started.
    LeaderReady { node: String },
    /// A manager follows from now on, whoever leads.
    Follower { node: String },
    /// A manager knows who leads.
    KnowsLeader { node: String },
    /// The state of a service's update changed.
    Update { service: String, state: String },
    /// An agent's session was accepted.
    Registered { node: String },
    /// An agent has a session.
    SessionOpened { node: String },
    /// An agent's session failed.
    SessionFailed { node: String, error: String, backoff_ms: u64 },
    /// The executor was asked for something.
    Executor { task: String, call: Call },
}

/// Operations of an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Prepare,
    Start,
    Shutdown,
}

/// A task after a change.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    /// `service.slot#k`: the k-th task of the slot.
    pub(super) name: String,
    pub(super) slot: u64,
    pub(super) node: Option<String>,
    pub(super) desired: String,
    pub(super) state: String,
    pub(super) image: String,
}

/// A request that was made to see whether there is an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Probe {
    pub(super) is_write: bool,
    pub(super) start_ms: f64,
    pub(super) end_ms: f64,
    pub(super) succeeded: bool,
}

/// A run from its first action on, with what ran before.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    /// Tasks at time zero.
    pub(super) initial: Vec<Task>,
    pub(super) events: Vec<Event>,
    /// Of simulated runs only.
    pub(super) probes: Vec<Probe>,
    /// What the recorded actions were answered, and when: an error, or `ok`.
    pub(super) answers: Vec<(f64, String)>,
}

impl History {
    /// Every change of tasks, in order.
    pub(super) fn tasks(&self) -> impl Iterator<Item = (f64, &Task)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Task(task) => Some((event.at_ms, task)),
            _ => None,
        })
    }

    /// When something happened for the first time at or after a time.
    pub(super) fn first(&self, from_ms: f64, wanted: impl Fn(&What) -> bool) -> Option<f64> {
        self.events
            .iter()
            .find(|event| event.at_ms >= from_ms && wanted(&event.what))
            .map(|event| event.at_ms)
    }

    /// Times of everything that is wanted.
    pub(super) fn times(&self, wanted: impl Fn(&What) -> bool) -> Vec<f64> {
        self.events.iter().filter(|event| wanted(&event.what)).map(|event| event.at_ms).collect()
    }

    /// The states of a service's update, equal neighbours once.
    pub(super) fn update_states(&self, of: &str) -> Vec<(f64, &str)> {
        let states = self.events.iter().filter_map(|event| match &event.what {
            What::Update { service, state } if service == of => Some((event.at_ms, state.as_str())),
            _ => None,
        });
        let mut states: Vec<(f64, &str)> = states.collect();
        states.dedup_by_key(|(_, state)| *state);
        states
    }

    /// Tasks that were created during the run, with the time, in order.
    pub(super) fn created(&self) -> Vec<(f64, &Task)> {
        let mut known: BTreeMap<&str, ()> =
            self.initial.iter().map(|task| (task.name.as_str(), ())).collect();
        self.tasks().filter(|(_, task)| known.insert(&task.name, ()).is_none()).collect()
    }

    /// The first node that a task was given.
    pub(super) fn node_of(&self, name: &str) -> Option<&str> {
        let initial = self.initial.iter().chain(self.tasks().map(|(_, task)| task));
        initial.filter(|task| task.name == name).find_map(|task| task.node.as_deref())
    }

    /// When a task first was as wanted.
    pub(super) fn task_first(&self, name: &str, wanted: impl Fn(&Task) -> bool) -> Option<f64> {
        self.tasks().find(|(_, task)| task.name == name && wanted(task)).map(|(at, _)| at)
    }

    /// All tasks that exist at the end of an instant, in the order of their names.
    pub(super) fn tasks_at(&self, at_ms: f64) -> BTreeMap<&str, &Task> {
        let mut tasks: BTreeMap<&str, &Task> =
            self.initial.iter().map(|task| (task.name.as_str(), task)).collect();
        for event in self.events.iter().take_while(|event| event.at_ms <= at_ms) {
            match &event.what {
                What::Task(task) => drop(tasks.insert(&task.name, task)),
                What::TaskRemoved { task } => drop(tasks.remove(task.as_str())),
                _ => {}
            }
        }
        tasks
    }
}
