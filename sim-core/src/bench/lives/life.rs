//! Plays a plan, instant by instant.
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::agents::{Agents, PREPARE, START, report};
use super::plan::{Happening, ImageKind, Plan, Wish};
use crate::UpdateWaits;
use crate::bench::{
    Bench, CONTROL_LOOPS, LoopSettings, Store, StoreError, create_service, rollback_service, update_service,
};
use crate::kernel::{SimDuration, SimTime};
use crate::model::{
    Availability, Cluster, ClusterId, ClusterSpec, HostId, Node, NodeDescription, NodeId, NodeRole,
    NodeState, NodeStatus, Resources, Service, ServiceId, ServiceMode, ServiceSpec, Slot, Task, TaskId,
    TaskState, UpdateState,
};

/// How long a life goes on after the last thing that happens.
pub const AFTERLIFE: SimDuration = SimDuration::from_secs(120);
/// How long an old task is waited for (spec orchestration 6.5).
const OLD_TASK_TIMEOUT: SimDuration = SimDuration::from_secs(60);
/// Time from a task's creation until its agent begins with it: the scheduler's debounce, and the way there.
const PLACEMENT: SimDuration = SimDuration::from_millis(150);
/// Without a commit for so long, nothing is about to happen but what waits for a timer.
const CALM: SimDuration = SimDuration::from_secs(1);

/// What is remembered of a service when two lives are compared.
pub(super) type Outcome =
    Vec<(ServiceId, Option<UpdateState>, Vec<(Slot, Option<NodeId>, TaskState, TaskState, String)>)>;

/// A cluster that a plan happens to.
pub struct Life<'a> {
    plan: &'a Plan,
    bench: Bench,
    agents: Agents,
    services: Vec<ServiceId>,
    images: u64,
    leads_since: SimTime,
    seen: BTreeMap<TaskId, (TaskState, TaskState)>,
}

impl<'a> Life<'a> {
    /// A life that has just begun: services and nodes are there, the loops run.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        let bench = Bench::new(&CONTROL_LOOPS, &LoopSettings::default());
        let mut life = Life {
            plan,
            bench,
            agents: Agents::default(),
            services: Vec::new(),
            images: 0,
            leads_since: SimTime::ZERO,
            seen: BTreeMap::new(),
        };
        life.set_up();
        life.bench.start();
        life.settle();
        life
    }

    fn set_up(&mut self) {
        let limit = i64::try_from(self.plan.history).expect("limits are small");
        let nodes = self.plan.nodes;
        self.write(|transaction| {
            transaction.create_cluster(Cluster::new(
                ClusterId(0),
                Arc::new(ClusterSpec { task_history_retention_limit: limit, ..ClusterSpec::default() }),
            ))?;
            for _ in 0..nodes {
                let id = transaction.mint_node();
                transaction.create_node(node(id))?;
            }
            Ok(())
        });
        for (number, service) in self.plan.services.iter().enumerate() {
            let spec = service.to_spec(&format!("s{number}"));
            let created = self.bench.transact(|transaction| create_service(transaction, spec));
            self.services.push(created.expect("names differ"));
        }
    }

    /// The committed state.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.bench.store()
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.bench.now()
    }

    /// Since when the present leader leads.
    #[must_use]
    pub fn leads_since(&self) -> SimTime {
        self.leads_since
    }

    /// What the update of a service waits for.
    #[must_use]
    pub fn update_waits(&self, service: ServiceId) -> Option<UpdateWaits> {
        self.bench.update_waits(service)
    }

    /// Observed and desired state of a task when it was last looked at.
    #[must_use]
    pub fn seen(&self, task: TaskId) -> Option<(TaskState, TaskState)> {
        self.seen.get(&task).copied()
    }

    /// How many tasks of a service have ended, and how often its object changed, since the last look.
    #[must_use]
    pub fn changes_now(&self, service: ServiceId) -> u64 {
        self.agents.changes.get(&service).copied().unwrap_or(0)
    }

    /// Plays the plan to its end, and looks at the cluster after every instant.
    ///
    /// # Errors
    /// The first error of `check`.
    pub fn play(
        &mut self,
        mut check: impl FnMut(&Life<'_>) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        self.look(&mut check)?;
        for happening in &self.plan.happenings {
            let at = self.now() + SimDuration::from_millis(happening.after_ms);
            self.go_to(at, &mut check)?;
            self.happens(happening);
            self.look(&mut check)?;
        }
        self.go_to(self.now() + AFTERLIFE, &mut check)
    }

    fn go_to(
        &mut self,
        at: SimTime,
        check: &mut impl FnMut(&Life<'_>) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        while let Some(next) = self.bench.next_time().filter(|next| *next <= at) {
            self.bench.run_until(next, &mut self.agents);
            self.look(check)?;
        }
        self.bench.run_until(at, &mut self.agents);
        Ok(())
    }

    fn look(
        &mut self,
        check: &mut impl FnMut(&Life<'_>) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        check(self)?;
        self.agents.changes.clear();
        let states = |task: &Arc<Task>| (task.id, (task.status.state, task.desired_state));
        self.seen = self.bench.store().tasks().map(states).collect();
        Ok(())
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: SimDuration) {
        self.bench.run_until(self.now() + time, &mut self.agents);
    }

    /// Lets time pass until something is to happen.
    pub fn wait_for(&mut self, happening: &Happening) {
        self.pass(SimDuration::from_millis(happening.after_ms));
    }

    /// Something happens now.
    pub fn happens(&mut self, happening: &Happening) {
        let service = |number: usize, life: &Self| life.services[number % life.services.len()];
        match happening.wish {
            Wish::Image { service: number, kind } => self.change_image(service(number, self), kind),
            Wish::Scale { service: number, replicas } => self.update(service(number, self), |spec| {
                if let ServiceMode::Replicated { replicas: old } = &mut spec.mode {
                    *old = replicas;
                }
            }),
            Wish::Label { service: number } => {
                self.images += 1;
                let label = format!("l{}", self.images);
                self.update(service(number, self), |spec| {
                    spec.annotations.labels.insert(label, String::new());
                });
            }
            Wish::Force { service: number } => {
                self.update(service(number, self), |spec| Arc::make_mut(&mut spec.task).force_update += 1);
            }
            Wish::RollBack { service: number } => self.roll_back(service(number, self)),
            Wish::Node { node, is_ready } => self.change_node(node, |node| {
                node.status.state = if is_ready { NodeState::Ready } else { NodeState::Down };
            }),
            Wish::Availability { node, availability } => {
                self.change_node(node, |node| Arc::make_mut(&mut node.spec).availability = availability);
            }
            Wish::Fail { task } => self.fail(task),
            Wish::NewLeader => {
                self.bench.stop();
                self.bench.start();
                self.leads_since = self.now();
            }
        }
        self.settle();
    }

    /// All nodes are READY and ACTIVE, and every service gets an image that runs and restarts without limit.
    pub fn heal(&mut self) {
        for number in 0..self.plan.nodes {
            self.change_node(number, |node| {
                node.status.state = NodeState::Ready;
                Arc::make_mut(&mut node.spec).availability = Availability::Active;
            });
            self.settle();
        }
        for service in self.services.clone() {
            self.update(service, |spec| {
                let task = Arc::make_mut(&mut spec.task);
                task.restart.as_mut().expect("plans say how to restart").max_attempts = 0;
            });
            self.settle();
            self.change_image(service, ImageKind::Good);
            self.settle();
        }
    }

    /// True if nothing is about to happen but what waits for a timer.
    pub(super) fn is_calm(&self) -> bool {
        let waits_for_node =
            |task: &Arc<Task>| task.node.is_none() && task.desired_state <= TaskState::Running;
        self.agents.last_commit + CALM <= self.now() && !self.store().tasks().any(waits_for_node)
    }

    /// Commits a change of the cluster object that changes nothing.
    pub(super) fn commit_needlessly(&mut self) {
        let cluster = Cluster::clone(self.store().cluster().expect("every life has a cluster"));
        self.write(|transaction| transaction.update_cluster(cluster));
        self.settle();
    }

    /// What a user sees of all services.
    pub(super) fn outcome(&self) -> Outcome {
        let row = |task: &Arc<Task>| {
            (task.slot, task.node, task.status.state, task.desired_state, task.spec.container.image.clone())
        };
        let service = |service: &Arc<Service>| {
            let mut rows: Vec<_> = self.store().tasks_of_service(service.id).map(row).collect();
            rows.sort();
            (service.id, service.update_status.as_ref().map(|status| status.state), rows)
        };
        self.store().services().map(service).collect()
    }

    fn change_image(&mut self, service: ServiceId, kind: ImageKind) {
        self.images += 1;
        let image = format!("{}:{}", kind.name(), self.images);
        self.update(service, |spec| Arc::make_mut(&mut spec.task).container.image = image);
    }

    fn update(&mut self, id: ServiceId, change: impl FnOnce(&mut ServiceSpec)) {
        let seen = Arc::clone(self.store().service(id).expect("no plan removes a service"));
        let mut spec = ServiceSpec::clone(&seen.spec);
        change(&mut spec);
        let updated =
            self.bench.transact(|transaction| update_service(transaction, id, seen.meta.version, spec));
        updated.expect("specs of plans are valid");
    }

    /// A service without a previous spec stays as it is.
    fn roll_back(&mut self, id: ServiceId) {
        let seen = Arc::clone(self.store().service(id).expect("no plan removes a service"));
        if seen.previous_spec.is_some() {
            let done =
                self.bench.transact(|transaction| rollback_service(transaction, id, seen.meta.version));
            done.expect("there is a way back");
        }
    }

    fn change_node(&mut self, number: usize, change: impl FnOnce(&mut Node)) {
        let id = NodeId((number % self.plan.nodes) as u32);
        let mut node = Node::clone(self.store().node(id).expect("no plan removes a node"));
        change(&mut node);
        self.write(|transaction| transaction.update_node(node));
    }

    /// One of the tasks that run on nodes whose agents are there fails.
    fn fail(&mut self, number: usize) {
        let store = self.store();
        let answers =
            |node: NodeId| store.node(node).is_some_and(|node| node.status.state == NodeState::Ready);
        let running = store.tasks().filter(|task| task.status.state == TaskState::Running);
        let running: Vec<TaskId> =
            running.filter(|task| task.node.is_some_and(answers)).map(|task| task.id).collect();
        if let Some(task) = running.get(number % running.len().max(1)).copied() {
            report(task, TaskState::Failed, &mut self.bench);
        }
    }

    fn settle(&mut self) {
        self.pass(SimDuration::ZERO);
    }

    fn write(&mut self, work: impl FnOnce(&mut crate::bench::Transaction<'_>) -> Result<(), StoreError>) {
        self.bench.transact(work).expect("nobody else writes at this moment");
    }
}

/// Time after which a healed service has what it wants: every slot may first wait for its old task as long as one
/// waits at all, then it is placed, prepared and started, and then the update pauses; the last one is watched. A task
/// that has just failed waits for its restart delay before.
#[must_use]
pub fn recovery_bound(life: &Life<'_>) -> SimDuration {
    let bound = |service: &Arc<Service>| {
        let slots = match service.spec.mode {
            ServiceMode::Replicated { replicas } => replicas,
            ServiceMode::Global | ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob => {
                life.plan.nodes as u64
            }
        };
        let update = service.spec.update.unwrap_or_default();
        let slot = [OLD_TASK_TIMEOUT, PLACEMENT, PREPARE, START, update.delay];
        let slot = slot.iter().map(|time| time.as_nanos()).sum::<u64>();
        let watch = update.monitor.unwrap_or_default().max(update.delay + SimDuration::from_secs(1));
        let restart = service.spec.task.restart.and_then(|restart| restart.delay).unwrap_or_default();
        SimDuration::from_nanos(slot * slots + watch.as_nanos() + restart.as_nanos())
    };
    life.store().services().map(bound).max().expect("every plan has a service")
}

fn node(id: NodeId) -> Node {
    let description = NodeDescription {
        hostname: format!("n{}", id.0),
        resources: Some(Resources::default()),
        ..NodeDescription::default()
    };
    Node {
        description: Some(Arc::new(description)),
        status: NodeStatus { state: NodeState::Ready, ..NodeStatus::default() },
        ..Node::new(id, HostId(id.0), NodeRole::Worker)
    }
}
