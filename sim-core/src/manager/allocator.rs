//! Gives services their published ports, and moves tasks from NEW to PENDING once they have all they need
//! (spec networking 3, 5).
//!
//! Relies on nothing but the store. Virtual addresses and addresses of tasks are not handed out yet, so a task needs
//! no more than the ports of its service.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::loops::{Context, ControlLoop, Heard, Outcome, Step};
use crate::kernel::{Digest, StateDigest};
use crate::model::{
    Endpoint, FactId, PortConfig, PublishMode, Service, ServiceId, Task, TaskId, TaskState, TaskStatus,
    TransportProtocol,
};
use crate::protocol::LoopTimer;
use crate::store::{ObjectChange, Store, StoreError, Transaction};

/// What a task says while it waits for the scheduler (spec networking 1).
const ALLOCATED_MESSAGE: &str = "pending task scheduling";
/// The first port that the swarm chooses when the user names none (spec networking 1).
const DYNAMIC_PORT_FIRST: u16 = 30_000;
/// The last one.
const DYNAMIC_PORT_LAST: u16 = 32_767;

/// The allocator of a leading manager.
#[derive(Debug, Default)]
pub(crate) struct Allocator {
    /// Whether ports are handed out. Some recordings were made without.
    without_ports: bool,
    /// What is to be allocated at the next commit, each with the fact that brought it.
    services: BTreeMap<ServiceId, FactId>,
    tasks: BTreeMap<TaskId, FactId>,
}

/// What the allocator writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AllocatorStep {
    /// The service gets its ports.
    Service(ServiceId),
    /// The task has all it needs.
    Task(TaskId),
}

impl Allocator {
    pub(crate) fn new(without_ports: bool) -> Self {
        Allocator { without_ports, ..Self::default() }
    }

    fn consider_service(&mut self, service: &Service, cause: FactId) {
        if !self.without_ports && !has_ports(service) {
            self.services.insert(service.id, cause);
        }
    }

    fn consider_task(&mut self, task: &Task, cause: FactId) {
        if task.status.state == TaskState::New {
            self.tasks.insert(task.id, cause);
        }
    }

    /// Services come before tasks, which need what their services have.
    fn allocate(&mut self, context: &mut Context<'_>) {
        if self.services.is_empty() && self.tasks.is_empty() {
            return;
        }
        let services = std::mem::take(&mut self.services).into_iter();
        let tasks = std::mem::take(&mut self.tasks).into_iter();
        let services = services.map(|(service, cause)| (AllocatorStep::Service(service).into(), cause));
        let tasks = tasks.map(|(task, cause)| (AllocatorStep::Task(task).into(), cause));
        context.batch(0, services.chain(tasks));
    }
}

impl ControlLoop for Allocator {
    fn start(&mut self, context: &mut Context<'_>) {
        let cause = context.cause();
        for service in context.store.services() {
            self.consider_service(service, cause);
        }
        for task in context.store.tasks() {
            self.consider_task(task, cause);
        }
        self.allocate(context);
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        match event {
            Heard::Change(ObjectChange::Service(delta)) => {
                if let Some(service) = &delta.new {
                    self.consider_service(service, context.cause());
                }
            }
            Heard::Change(ObjectChange::Task(delta)) => {
                if let Some(task) = &delta.new {
                    self.consider_task(task, context.cause());
                }
            }
            Heard::Change(_) => {}
            Heard::Commit => self.allocate(context),
        }
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::Allocator(step) = step else { unreachable!("{step:?} is no step of the allocator") };
        match *step {
            AllocatorStep::Service(id) => allocate_service(id, transaction),
            AllocatorStep::Task(id) => allocate_task(id, transaction),
        }
    }

    fn settled(&mut self, _strand: u32, outcome: Outcome, _context: &mut Context<'_>) {
        match outcome {
            // A lost leadership takes the allocator with it; the next leader's finds everything in the store.
            Outcome::Committed | Outcome::Unchanged | Outcome::Failed(_) => {}
        }
    }

    fn fire(&mut self, timer: LoopTimer, _context: &mut Context<'_>) {
        unreachable!("the allocator sets no timer, but {timer:?} fired");
    }
}

/// True if the service has the ports that its spec asks for.
fn has_ports(service: &Service) -> bool {
    match (&service.spec.endpoint, &service.endpoint) {
        (None, None) => true,
        (Some(wanted), None) => wanted.ports.is_empty(),
        (None, Some(_)) => false,
        (Some(wanted), Some(given)) => *wanted == given.spec,
    }
}

fn allocate_service(id: ServiceId, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let Some(service) = transaction.store().service(id).cloned() else { return Ok(()) };
    if has_ports(&service) {
        return Ok(());
    }
    let endpoint = service.spec.endpoint.clone().map(|spec| {
        let ports = with_numbers(id, &spec.ports, transaction.store());
        Arc::new(Endpoint { spec, ports, virtual_ips: Vec::new() })
    });
    transaction.update_service(Service { endpoint, ..Service::clone(&service) })
}

/// The ports of a spec, with a number for each ingress port that has none.
fn with_numbers(id: ServiceId, ports: &[PortConfig], store: &Store) -> Vec<PortConfig> {
    let others = store.services().filter(|service| service.id != id);
    let others = others.filter_map(|service| service.endpoint.as_ref()).flat_map(|endpoint| &endpoint.ports);
    let taken = others.chain(ports).filter(|port| port.publish_mode == PublishMode::Ingress);
    let mut taken: BTreeSet<(TransportProtocol, u16)> =
        taken.map(|port| (port.protocol, port.published_port)).collect();
    let number = |mut port: PortConfig| {
        if port.published_port == 0 && port.publish_mode == PublishMode::Ingress {
            let mut range = DYNAMIC_PORT_FIRST..=DYNAMIC_PORT_LAST;
            port.published_port =
                range.find(|number| taken.insert((port.protocol, *number))).unwrap_or_default();
        }
        port
    };
    ports.iter().cloned().map(number).collect()
}

fn allocate_task(id: TaskId, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let Some(task) = transaction.store().task(id) else { return Ok(()) };
    if task.status.state != TaskState::New {
        return Ok(());
    }
    let mut task = Task::clone(task);
    let service = task.service.and_then(|service| transaction.store().service(service));
    if let (Some(own), Some(given)) = (&task.endpoint, service.and_then(|service| service.endpoint.as_ref()))
    {
        task.endpoint = Some(Arc::new(Endpoint { ports: given.ports.clone(), ..Endpoint::clone(own) }));
    }
    task.status = TaskStatus {
        state: TaskState::Pending,
        timestamp: Some(transaction.now()),
        message: ALLOCATED_MESSAGE.into(),
        ..TaskStatus::default()
    };
    transaction.update_task(task)
}

impl From<AllocatorStep> for Step {
    fn from(step: AllocatorStep) -> Self {
        Step::Allocator(step)
    }
}

impl StateDigest for Allocator {
    fn digest(&self, digest: &mut Digest) {
        let Self { without_ports, services, tasks } = self;
        digest.bool(*without_ports);
        services.digest(digest);
        tasks.digest(digest);
    }
}
