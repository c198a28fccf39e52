//! Runs the tasks that are assigned to a host (spec control-plane 7.4 to 7.7).
//!
//! Each task has a [`TaskManager`](task_manager::TaskManager), which decides what to do next
//! ([`transition`]), and below it a [`Controller`](controller::Controller), which knows how to do it with the
//! engine's [`Container`](container::Container) and the host's [`images`].
mod container;
mod controller;
mod endpoints;
mod health;
mod images;
mod ports;
mod task_manager;
mod transition;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::images::ImageStore;
use self::ports::HostPorts;
use self::task_manager::TaskManager;
use super::reporter::Reporter;
use crate::kernel::{Digest, StateDigest};
use crate::model::setup::{ImageProfile, Setup};
use crate::model::{AttachedNetwork, HostId, NetworkAttachment, NetworkId, Task, TaskId};
use crate::protocol::{AgentTimer, Assignment, Assignments, Effects, NetworkOrder};

/// The tasks of a host, with their containers and the images that they use.
#[derive(Debug)]
pub(super) struct Executor {
    site: Site,
    tasks: BTreeMap<TaskId, TaskManager>,
    images: ImageStore,
    ports: HostPorts,
    /// The networks on which the node has an address for its load balancers.
    attached: BTreeSet<NetworkId>,
    /// True while the networks of the node know the containers: they belong to the engine, not to the agent.
    networks_know: bool,
}

/// Where tasks run: what never changes.
#[derive(Debug)]
struct Site {
    host: HostId,
    setup: Arc<Setup>,
    seed: u64,
}

impl Site {
    /// How the task's container behaves here.
    fn profile(&self, task: &Task) -> &ImageProfile {
        self.setup.images.profile(&task.spec.container.image, self.host)
    }
}

/// What a task's machinery can reach.
struct Context<'a> {
    site: &'a Site,
    images: &'a mut ImageStore,
    ports: &'a mut HostPorts,
    attached: &'a BTreeSet<NetworkId>,
    reporter: &'a mut Reporter,
    out: &'a mut Effects,
}

impl Executor {
    pub(super) fn new(host: HostId, setup: Arc<Setup>, seed: u64) -> Self {
        Executor {
            site: Site { host, setup, seed },
            tasks: BTreeMap::new(),
            images: ImageStore::default(),
            ports: HostPorts::default(),
            attached: BTreeSet::new(),
            networks_know: true,
        }
    }

    /// True if there is neither a task nor a container that is still being removed.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The node has addresses on these networks, as the managers say. Tasks that wait for one look for it by
    /// themselves.
    pub(super) fn configure(&mut self, attachments: &[NetworkAttachment], out: &mut Effects) {
        let attached = attachments.iter().map(|attachment| attachment.network.id).collect();
        if self.attached != attached {
            self.attached = attached;
            let networks = attachments.iter().map(AttachedNetwork::of).collect();
            out.order(NetworkOrder::Configure(networks));
        }
    }

    /// A task has been running for long, and nothing about it is to be reported.
    pub(super) fn settle(&mut self, task: Arc<Task>, out: &mut Effects) {
        self.tasks.insert(task.id, TaskManager::settled(task, &self.site, &mut self.ports, out));
    }

    /// Takes assignments (spec control-plane 7.6). In a complete set, tasks that are not listed are removed.
    pub(super) fn assign(&mut self, assignments: &Assignments, reporter: &mut Reporter, out: &mut Effects) {
        let cause = out.cause();
        let mut listed = BTreeSet::new();
        let mut fresh = Vec::new();
        let Executor { site, tasks, images, ports, attached, networks_know: _ } = self;
        let mut context = Context { site, images, ports, attached, reporter, out };
        for change in &assignments.changes {
            match change {
                Assignment::Update { task, cause } => {
                    context.out.set_cause(*cause);
                    listed.insert(task.id);
                    if update_or_accept(tasks, task, &mut context) {
                        fresh.push((task.id, *cause));
                    }
                }
                Assignment::Remove { task, cause } => {
                    context.out.set_cause(*cause);
                    remove(tasks, *task, &mut context);
                }
            }
        }
        context.out.set_cause(cause);
        if assignments.complete {
            let unlisted: Vec<TaskId> = tasks.keys().copied().filter(|id| !listed.contains(id)).collect();
            unlisted.into_iter().for_each(|task| remove(tasks, task, &mut context));
        }
        // The acceptance is on its way before the first operation begins.
        context.reporter.flush(context.out);
        for (task, cause) in fresh {
            context.out.set_cause(cause);
            tasks.get_mut(&task).expect("accepted above").run(&mut context);
        }
        context.out.set_cause(cause);
        self.free_ports();
    }

    /// The engine process starts: what is known on the disk is resumed.
    pub(super) fn start(&mut self, reporter: &mut Reporter, out: &mut Effects) {
        let cause = out.cause();
        let Executor { site, tasks, images, ports, attached, networks_know } = self;
        let joins_again = !std::mem::replace(networks_know, true);
        let mut context = Context { site, images, ports, attached, reporter, out };
        tasks.values_mut().for_each(|task| {
            context.out.set_cause(cause);
            task.resume(joins_again, &mut context);
        });
        tasks.retain(|_, task| !task.is_gone());
        context.out.set_cause(cause);
        self.free_ports();
    }

    /// A timer runs out.
    pub(super) fn fire(&mut self, timer: AgentTimer, reporter: &mut Reporter, out: &mut Effects) {
        let Executor { site, tasks, images, ports, attached, networks_know: _ } = self;
        let mut context = Context { site, images, ports, attached, reporter, out };
        let id = match timer {
            AgentTimer::Pulled(number) => return pulled(number, tasks, &mut context),
            AgentTimer::Operation(task)
            | AgentTimer::Engine(task)
            | AgentTimer::Retry(task)
            | AgentTimer::Exit(task)
            | AgentTimer::HealthCheck(task) => task,
            AgentTimer::OpenSession | AgentTimer::Heartbeat | AgentTimer::CallTimeout(_) => {
                unreachable!("{timer:?} is for the session")
            }
        };
        act_on(tasks, id, |task| task.fire(timer, &mut context));
        self.free_ports();
    }

    /// The container of a task ends with 137, if it runs.
    pub(super) fn kill_task(
        &mut self,
        task: TaskId,
        engine_runs: bool,
        reporter: &mut Reporter,
        out: &mut Effects,
    ) -> bool {
        let Executor { site, tasks, images, ports, attached, networks_know: _ } = self;
        let mut context = Context { site, images, ports, attached, reporter, out };
        let mut is_killed = false;
        act_on(tasks, task, |task| is_killed = task.kill_container(engine_runs, &mut context));
        self.free_ports();
        is_killed
    }

    /// The host loses power.
    pub(super) fn lose_power(&mut self, out: &mut Effects) {
        self.forget_networks();
        self.images.engine_ended();
        let Executor { site, tasks, .. } = self;
        each(tasks, out, |task, out| task.lose_power(site, out));
        self.free_ports();
    }

    /// The engine process dies.
    pub(super) fn engine_died(&mut self, containers_survive: bool, out: &mut Effects) {
        self.forget_networks();
        self.images.engine_ended();
        each(&mut self.tasks, out, |task, out| task.engine_died(containers_survive, out));
        self.free_ports();
    }

    /// The agent ended, and nothing else of the engine.
    pub(super) fn agent_failed(&mut self, out: &mut Effects) {
        self.images.engine_ended();
        each(&mut self.tasks, out, |task, out| task.engine_died(true, out));
        self.free_ports();
    }

    fn forget_networks(&mut self) {
        self.attached.clear();
        self.networks_know = false;
    }

    /// The engine was stopped in an orderly way.
    pub(super) fn engine_stopped(&mut self, out: &mut Effects) {
        self.forget_networks();
        self.images.engine_ended();
        let Executor { site, tasks, .. } = self;
        each(tasks, out, |task, out| task.engine_stopped(site, out));
        self.free_ports();
    }

    /// Ports of the machine that led to containers without a process are free again.
    fn free_ports(&mut self) {
        let Executor { tasks, ports, .. } = self;
        ports.keep(|task| tasks.get(&task).is_some_and(TaskManager::has_process));
    }

    /// Reports the last status of every assigned task.
    pub(super) fn report_all(&self, reporter: &mut Reporter) {
        self.tasks.values().for_each(|task| task.report(reporter));
    }
}

/// True if the task is new here: it is accepted, and does nothing yet.
fn update_or_accept(
    tasks: &mut BTreeMap<TaskId, TaskManager>,
    task: &Arc<Task>,
    context: &mut Context<'_>,
) -> bool {
    match tasks.get_mut(&task.id) {
        Some(known) if known.is_assigned() => {
            known.update(task, context);
            return false;
        }
        // It comes back while its old container is still being removed.
        Some(removed) => removed.abandon(context),
        None => {}
    }
    tasks.insert(task.id, TaskManager::accept(Arc::clone(task), context));
    true
}

/// A task is no longer assigned. Removals of what is not known are ignored.
fn remove(tasks: &mut BTreeMap<TaskId, TaskManager>, id: TaskId, context: &mut Context<'_>) {
    act_on(tasks, id, |task| task.unassign(context));
}

/// Does something to a task, if it is here. One that is gone after it is forgotten.
fn act_on(tasks: &mut BTreeMap<TaskId, TaskManager>, id: TaskId, act: impl FnOnce(&mut TaskManager)) {
    let Some(task) = tasks.get_mut(&id) else { return };
    act(task);
    if task.is_gone() {
        tasks.remove(&id);
    }
}

/// A pull is complete: whoever waited for the image goes on.
fn pulled(number: u32, tasks: &mut BTreeMap<TaskId, TaskManager>, context: &mut Context<'_>) {
    for (id, cause) in context.images.pulled(number) {
        context.out.set_cause(cause);
        tasks.get_mut(&id).expect("a task that goes gives up its pull").pulled(context);
    }
}

/// Does the same to every task, each for the reason that holds now.
fn each(
    tasks: &mut BTreeMap<TaskId, TaskManager>,
    out: &mut Effects,
    mut act: impl FnMut(&mut TaskManager, &mut Effects),
) {
    let cause = out.cause();
    for task in tasks.values_mut() {
        out.set_cause(cause);
        act(task, out);
    }
    out.set_cause(cause);
}

impl StateDigest for Executor {
    fn digest(&self, digest: &mut Digest) {
        // The site never changes.
        let Self { site: _, tasks, images, ports, attached, networks_know } = self;
        digest.u64(tasks.len() as u64);
        for (id, task) in tasks {
            id.digest(digest);
            task.digest(digest);
        }
        images.digest(digest);
        ports.digest(digest);
        attached.digest(digest);
        digest.bool(*networks_know);
    }
}
