//! What is waited for right now.
use std::sync::Arc;

use sim_core::client::pretty;
use sim_core::metrics::Census;
use sim_core::model::{
    Network, NodeId, NodeState, Service, ServiceId, Subject, Subnet, Task, TaskId, TaskState, TrafficId,
    UpdateState,
};
use sim_core::{SlotWaits, StartWaits, Store, UpdatePhase, UpdateWaits, View};

use crate::Run;
use crate::backends::StaleBackends;
use crate::summary::counted;
use crate::time;

/// Tasks of a service of which each is told what it waits for.
const TASKS_MAX: usize = 8;

/// What something waits for when the run ends.
pub(crate) fn now(subject: Subject, run: &Run<'_>) -> Vec<String> {
    let Some(store) = run.view.store() else { return Vec::new() };
    let scene = Scene { view: run.view, store, census: &run.recording.census };
    let mut sentences = match subject {
        Subject::Service(service) => store.service(service).map(|service| scene.service(service)),
        Subject::Task(task) => store.task(task).map(|task| vec![scene.task(task)]),
        Subject::Node(node) => scene.node(node),
        Subject::Traffic(traffic) => return scene.stale_backends(traffic, run),
        Subject::Run | Subject::Host(_) | Subject::Network(_) | Subject::Command(_) => None,
    };
    if let Some(sentences) = sentences.as_mut().filter(|_| run.view.leader().is_none()) {
        sentences.push("no manager leads: nothing is decided until one is elected".to_owned());
    }
    sentences.unwrap_or_default()
}

/// The cluster at the end of the run.
struct Scene<'a> {
    view: View<'a>,
    store: &'a Store,
    census: &'a Census,
}

impl Scene<'_> {
    /// Backends at which requests fail, and to which nodes go on sending.
    fn stale_backends(&self, traffic: TrafficId, run: &Run<'_>) -> Vec<String> {
        let stale = StaleBackends::of(run.recording, Some(traffic));
        let sentence = |(host, task)| {
            let (node, task) = (self.census.names().host(host), self.census.task_name(task));
            format!("{node} still has {task} as a backend, and sends connections there")
        };
        stale.that_remain().map(sentence).collect()
    }

    fn service(&self, service: &Service) -> Vec<String> {
        let mut sentences = Vec::new();
        let state = service.update_status.as_ref().map(|status| status.state);
        match (self.view.update_waits(service.id), state) {
            (Some(waits), _) => sentences.extend(self.update(&waits)),
            (None, Some(UpdateState::Paused | UpdateState::RollbackPaused)) => sentences.push(
                "the update is paused until somebody runs `docker service update` or `rollback`".to_owned(),
            ),
            (None, _) => sentences.push("no update is under way".to_owned()),
        }
        sentences.extend(self.missing_tasks(service.id));
        sentences
    }

    fn update(&self, waits: &UpdateWaits) -> Vec<String> {
        let UpdateWaits { service: _, phase, slots, slots_done, failures, workers } = waits;
        let doing = match phase {
            UpdatePhase::Writing => "the update writes its status".to_owned(),
            UpdatePhase::Dispatching => "the update takes one slot after the other".to_owned(),
            UpdatePhase::Draining => "the update takes no more slots and waits for those in work".to_owned(),
            UpdatePhase::Monitoring { until } => {
                format!("the update watches its tasks for failures until {}", time::short(*until))
            }
        };
        let mut sentences = vec![format!(
            "{doing}: {slots_done} of {} done, {} of it failed",
            counted(*slots, "slot"),
            counted(*failures, "task")
        )];
        sentences.extend(workers.iter().map(|worker| format!("the update {}", self.worker(worker))));
        sentences
    }

    fn worker(&self, waits: &SlotWaits) -> String {
        match waits {
            SlotWaits::Write => "waits until its change is committed".to_owned(),
            SlotWaits::Start { task, waits } => match waits {
                Some(waits) => format!("waits for {}, which {}", self.name(*task), self.start(waits)),
                None => format!("waits for the start of {}", self.name(*task)),
            },
            SlotWaits::Run { task } => match self.store.task(*task) {
                Some(task) => {
                    format!("waits, without limit, for {} to run; {}", self.name(task.id), self.task(task))
                }
                None => {
                    format!("waits for {} to run, which was deleted: it will wait for ever", self.name(*task))
                }
            },
            SlotWaits::Delay { until } => {
                format!("pauses until {} before it takes the next slot", time::short(*until))
            }
        }
    }

    /// `starts when its restart delay is over at 35 s and web.1 has stopped, at 65 s at the latest`
    fn start(&self, waits: &StartWaits) -> String {
        let delay =
            waits.delay_until.map(|until| format!("its restart delay is over at {}", time::short(until)));
        let stop = waits.for_stop.map(|(old, until)| {
            let node = self.store.task(old).and_then(|task| task.node);
            let on = node.map(|node| format!(" on {}", self.census.node_name(node))).unwrap_or_default();
            format!("the old {}{on} has stopped, at {} at the latest", self.name(old), time::short(until))
        });
        let parts: Vec<String> = delay.into_iter().chain(stop).collect();
        if parts.is_empty() {
            "is just being started".to_owned()
        } else {
            format!("starts when {}", parts.join(" and "))
        }
    }

    fn task(&self, task: &Task) -> String {
        let name = self.name(task.id);
        let state = task.status.state;
        if let Some(waits) = self.view.start_waits(task.id) {
            return format!("{name} {}", self.start(&waits));
        }
        if state.is_terminal() {
            return format!("{name} has ended and is kept as history");
        }
        if self.view.has_given_up(task.id) {
            return format!(
                "{name} found no node while its service was newer, and the scheduler has given it up: \
                 it waits until `docker service update --force` replaces it, or another leader takes over"
            );
        }
        let Some(node) = task.node else {
            return match &*task.status.err {
                "" if state == TaskState::New => format!("{name} waits for {}", self.allocation(task)),
                "" => format!("{name} waits for the scheduler"),
                problem => format!("{name} waits for a node: {problem}"),
            };
        };
        let on = self.census.node_name(node);
        if self.store.node(node).is_some_and(|node| node.status.state == NodeState::Down) {
            return format!("{name} counts as {} until {on} returns: nobody hears of it", state.name());
        }
        let wish = if task.desired_state > TaskState::Complete { " and shall stop" } else { "" };
        format!("{name} is {} on {on}{wish}", state.name())
    }

    /// What a task lacks without which no node is looked for. Managers do not say it, so it is read from the store.
    fn allocation(&self, task: &Task) -> String {
        let wanted = task.spec.networks.iter().map(|network| network.network);
        let networks: Vec<&Arc<Network>> = wanted.filter_map(|id| self.store.network(id)).collect();
        if let Some(network) = networks.iter().find(|network| network.allocated.is_none()) {
            return self.subnet(network);
        }
        let service = task.service.and_then(|service| self.store.service(service));
        if service.is_some_and(|service| service.endpoint.is_none()) {
            return "a published port or a virtual address of its service".to_owned();
        }
        match networks.iter().map(|network| network.name()).collect::<Vec<_>>().join(" and ") {
            names if names.is_empty() => "the allocator".to_owned(),
            names => format!("a free address on {names}"),
        }
    }

    /// What a network lacks that has no subnet.
    fn subnet(&self, network: &Network) -> String {
        let name = network.name();
        let wanted = network.spec.subnets.iter().map(|wanted| wanted.subnet);
        let taken = |subnet: Subnet| {
            self.store.networks().find(|other| {
                other.allocated.iter().flatten().any(|allocated| allocated.subnet.overlaps(subnet))
            })
        };
        let clash = wanted.into_iter().find_map(|subnet| Some((subnet, taken(subnet)?)));
        match clash {
            Some((Subnet { address, prefix_bits }, other)) => format!(
                "the network {name}, whose subnet {address}/{prefix_bits} overlaps that of {}",
                other.name()
            ),
            None => format!("the network {name}, which has no subnet yet"),
        }
    }

    /// Tasks that shall run and do not.
    fn missing_tasks(&self, service: ServiceId) -> Vec<String> {
        let is_missing = |task: &&Arc<Task>| {
            task.desired_state <= TaskState::Complete && task.status.state < TaskState::Running
        };
        let missing: Vec<_> = self.store.tasks_of_service(service).filter(is_missing).collect();
        let mut sentences: Vec<String> = missing.iter().take(TASKS_MAX).map(|task| self.task(task)).collect();
        if missing.len() > TASKS_MAX {
            let hidden = missing.len() - TASKS_MAX;
            let verb = if hidden == 1 { "does" } else { "do" };
            sentences.push(format!("{} {verb} not run yet", counted(hidden as u64, "more task")));
        }
        sentences
    }

    fn node(&self, node: NodeId) -> Option<Vec<String>> {
        let state = self.store.node(node)?.status.state;
        let running = self.view.running_of_node(node);
        let name = self.census.node_name(node);
        let verb = if running == 1 { "runs" } else { "run" };
        let tasks = counted(running as u64, "task");
        Some(vec![format!("{name} is {}, and {tasks} {verb} there", pretty(state.name()))])
    }

    fn name(&self, task: TaskId) -> String {
        self.census.task_name(task)
    }
}
