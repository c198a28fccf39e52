//! Hands out subnets, addresses and published ports, and moves tasks from NEW to PENDING once they have all they
//! need (spec networking 3).
//!
//! What is taken is known in memory only and built anew from the store by each leader. As in SwarmKit, something
//! that could not be had is asked for again after something else was given back, or after five minutes, and only
//! when a commit is heard of. Where the original goes through maps, the order here is that of ids.
mod addresses;
mod allocate;
mod error;
mod hear;
mod holdings;
mod ports;
mod restore;
mod serial;
mod step;
mod subnets;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use self::holdings::Holdings;
pub(crate) use self::step::AllocatorStep;
use super::loops::{Context, ControlLoop, Heard, MAIN_STRAND, Outcome, Step};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{FactId, NetworkId, NodeId, Sabotage, ServiceId, Subnet, TaskId};
use crate::protocol::LoopTimer;
use crate::store::{ObjectChange, StoreError, Transaction};

/// Time until everything that could not be had is asked for again, if nothing was given back before
/// (spec networking 1).
const RETRY_INTERVAL: SimDuration = SimDuration::from_secs(300);
/// The pool that networks of a swarm are cut from.
const DEFAULT_POOL: Subnet = Subnet { address: std::net::Ipv4Addr::new(10, 0, 0, 0), prefix_bits: 8 };
/// The size of the blocks.
const DEFAULT_BLOCK_BITS: u8 = 24;

/// The allocator of a leading manager.
#[derive(Debug)]
pub(crate) struct Allocator {
    /// Whether ports and networks of services are left alone. Some recordings were made so.
    without_ports: bool,
    sabotage: Sabotage,
    holdings: Holdings,
    ingress: Option<NetworkId>,
    /// Tasks to allocate at the next commit, each with the fact that brought it.
    pending_tasks: BTreeMap<TaskId, FactId>,
    /// What could not be had before.
    unallocated_networks: BTreeMap<NetworkId, FactId>,
    unallocated_services: BTreeMap<ServiceId, FactId>,
    unallocated_tasks: BTreeMap<TaskId, FactId>,
    /// Something was given back since the last retry.
    released: bool,
    last_retry: SimTime,
    /// What is left to do before anything else is heard. A step that writes is waited for.
    agenda: VecDeque<(Item, FactId)>,
    /// What is being written, to be taken back if that fails.
    writing: Vec<AllocatorStep>,
}

/// One thing to do. Each looks at the store anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Network(NetworkId),
    Node(NodeId),
    Service(ServiceId),
    /// As the leadership begins: ports without a number of their own are asked for once more.
    FirstService(ServiceId),
    /// Whatever is pending now.
    PendingTasks,
    /// What could not be had before, if it is time for that.
    Retry,
    UnallocatedTasks,
    /// Tasks that are still pending wait for a retry.
    Postpone,
}

impl Allocator {
    pub(crate) fn new(without_ports: bool, sabotage: Sabotage) -> Self {
        Allocator { sabotage, ..Self::with_pool(without_ports, DEFAULT_POOL, DEFAULT_BLOCK_BITS) }
    }

    /// An allocator that cuts networks from a certain pool.
    fn with_pool(without_ports: bool, pool: Subnet, block_bits: u8) -> Self {
        Allocator {
            without_ports,
            sabotage: Sabotage::default(),
            holdings: Holdings::new(&[pool], block_bits),
            ingress: None,
            pending_tasks: BTreeMap::new(),
            unallocated_networks: BTreeMap::new(),
            unallocated_services: BTreeMap::new(),
            unallocated_tasks: BTreeMap::new(),
            released: false,
            last_retry: SimTime::ZERO,
            agenda: VecDeque::new(),
            writing: Vec::new(),
        }
    }

    /// Goes through the agenda up to the first thing that has to be written.
    fn proceed(&mut self, context: &mut Context<'_>) {
        while let Some((item, cause)) = self.agenda.pop_front() {
            context.effects.set_cause(cause);
            let steps = self.work_on(item, context);
            if !steps.is_empty() {
                return self.write_all(steps, context);
            }
        }
    }

    fn write_all(&mut self, steps: Vec<(AllocatorStep, FactId)>, context: &mut Context<'_>) {
        self.writing = steps.iter().map(|(step, _)| step.clone()).collect();
        context.batch(MAIN_STRAND, steps.into_iter().map(|(step, cause)| (step.into(), cause)));
    }

    fn work_on(&mut self, item: Item, context: &Context<'_>) -> Vec<(AllocatorStep, FactId)> {
        let (store, cause) = (context.store, context.cause());
        let one = |step: Option<AllocatorStep>| step.into_iter().map(|step| (step, cause)).collect();
        match item {
            Item::Network(id) => one(self.allocate_network(id, store, cause)),
            Item::Node(id) => one(self.attach_node(id, store)),
            Item::Service(id) => one(self.allocate_service(id, store, cause, false)),
            Item::FirstService(id) => one(self.allocate_service(id, store, cause, true)),
            Item::PendingTasks => {
                let pending = self.pending_tasks.clone();
                let steps = self.allocate_tasks(&pending, store);
                forget(&mut self.pending_tasks, &steps);
                steps
            }
            Item::UnallocatedTasks => {
                let waiting = self.unallocated_tasks.clone();
                let steps = self.allocate_tasks(&waiting, store);
                forget(&mut self.unallocated_tasks, &steps);
                steps
            }
            Item::Retry => {
                self.plan_retry(context);
                Vec::new()
            }
            Item::Postpone => {
                self.unallocated_tasks.append(&mut self.pending_tasks);
                Vec::new()
            }
        }
    }

    /// Networks, then services, then tasks are asked for again. Comes before [`Item::Postpone`].
    fn plan_retry(&mut self, context: &Context<'_>) {
        if !self.released && context.now().since(self.last_retry) <= RETRY_INTERVAL {
            return;
        }
        (self.released, self.last_retry) = (false, context.now());
        let networks = std::mem::take(&mut self.unallocated_networks).into_iter();
        let services = std::mem::take(&mut self.unallocated_services).into_iter();
        let plan = networks.map(|(id, cause)| (Item::Network(id), cause));
        let plan = plan.chain(services.map(|(id, cause)| (Item::Service(id), cause)));
        let plan: Vec<_> = plan.chain([(Item::UnallocatedTasks, context.cause())]).collect();
        plan.into_iter().rev().for_each(|item| self.agenda.push_front(item));
    }

    /// What was to be written is not: it is given back and asked for again later.
    fn take_back(&mut self, cause: FactId) {
        for step in std::mem::take(&mut self.writing) {
            match step {
                AllocatorStep::Network(id, _) => {
                    self.holdings.free_network(id);
                    self.unallocated_networks.insert(id, cause);
                }
                AllocatorStep::Node(id, attachments) => {
                    attachments.iter().for_each(|known| self.holdings.free_attachment(id, known.network.id));
                }
                AllocatorStep::Service(id, endpoint) => {
                    self.holdings.free_endpoint(id, &endpoint);
                    self.unallocated_services.insert(id, cause);
                }
                AllocatorStep::Task(id, ..) => {
                    self.holdings.free_task(id);
                    self.unallocated_tasks.insert(id, cause);
                }
            }
        }
    }
}

/// Tasks that are being written wait no more.
fn forget(waiting: &mut BTreeMap<TaskId, FactId>, steps: &[(AllocatorStep, FactId)]) {
    for (step, _) in steps {
        if let AllocatorStep::Task(id, ..) = step {
            waiting.remove(id);
        }
    }
}

impl ControlLoop for Allocator {
    fn start(&mut self, context: &mut Context<'_>) {
        let cause = context.cause();
        self.last_retry = context.now();
        self.ingress =
            context.store.networks().find(|network| network.spec.ingress).map(|network| network.id);
        // The network of the routing mesh comes before everything else, so that it gets the first subnet.
        let mesh = self.ingress.and_then(|id| context.store.network(id));
        let mesh = mesh.filter(|network| network.allocated.is_none()).map(|network| network.id);
        let first = mesh.and_then(|id| self.allocate_network(id, context.store, cause));
        self.restore(context.store);
        self.plan_start(context.store, cause);
        match first {
            Some(step) => self.write_all(vec![(step, cause)], context),
            None => self.proceed(context),
        }
    }

    fn hear(&mut self, _strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        let cause = context.cause();
        match event {
            Heard::Change(ObjectChange::Network(delta)) => {
                self.hear_network(delta.old.as_deref(), delta.new.as_deref(), context);
            }
            Heard::Change(ObjectChange::Service(delta)) => {
                self.hear_service(delta.old.as_deref(), delta.new.as_deref(), cause);
            }
            Heard::Change(ObjectChange::Node(delta)) => {
                self.hear_node(delta.old.as_deref(), delta.new.as_deref(), cause);
            }
            Heard::Change(ObjectChange::Task(delta)) => {
                let deleted = if delta.new.is_none() { delta.old.as_deref() } else { None };
                self.hear_task(delta.object().id, deleted, context);
            }
            Heard::Change(ObjectChange::Cluster(_)) => {}
            Heard::Commit => {
                let plan = [Item::PendingTasks, Item::Retry, Item::Postpone];
                self.agenda.extend(plan.map(|item| (item, cause)));
            }
        }
        self.proceed(context);
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::Allocator(step) = step else { unreachable!("{step:?} is no step of the allocator") };
        step::write(step, transaction)
    }

    fn settled(&mut self, _strand: u32, outcome: Outcome, context: &mut Context<'_>) {
        match outcome {
            // What is gone from the store meanwhile is given back when that is heard.
            Outcome::Committed | Outcome::Unchanged => self.writing.clear(),
            Outcome::Failed(_) => self.take_back(context.cause()),
        }
        self.proceed(context);
    }

    fn fire(&mut self, timer: LoopTimer, _context: &mut Context<'_>) {
        unreachable!("the allocator sets no timer, but {timer:?} fired");
    }
}

impl StateDigest for Allocator {
    fn digest(&self, digest: &mut Digest) {
        // The defect is the run's.
        let Self {
            without_ports,
            sabotage: _,
            holdings,
            ingress,
            pending_tasks,
            unallocated_networks,
            unallocated_services,
            unallocated_tasks,
            released,
            last_retry,
            agenda,
            writing,
        } = self;
        digest.bool(*without_ports);
        holdings.digest(digest);
        ingress.digest(digest);
        pending_tasks.digest(digest);
        unallocated_networks.digest(digest);
        unallocated_services.digest(digest);
        unallocated_tasks.digest(digest);
        digest.bool(*released);
        digest.time(*last_retry);
        agenda.digest(digest);
        writing.digest(digest);
    }
}

impl StateDigest for Item {
    fn digest(&self, digest: &mut Digest) {
        let (kind, id) = match self {
            Item::Network(id) => (0, id.0),
            Item::Node(id) => (1, id.0),
            Item::Service(id) => (2, id.0),
            Item::FirstService(id) => (3, id.0),
            Item::PendingTasks => (4, 0),
            Item::Retry => (5, 0),
            Item::UnallocatedTasks => (6, 0),
            Item::Postpone => (7, 0),
        };
        digest.u8(kind);
        digest.u32(id);
    }
}
