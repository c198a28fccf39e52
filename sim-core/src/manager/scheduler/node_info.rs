//! What the scheduler knows about one node: its tasks, and what they leave free (spec scheduler 3, 5.4).
//!
//! A task holds its reservations and ports from the moment it is assigned until its observed state passes
//! RUNNING, but counts as *active* only while its desired state is COMPLETE or less.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::failures::{RecentFailures, VersionedService};
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::{
    GenericResource, Node, NodeId, PublishMode, Reservations, Resources, ServiceId, Task, TaskId,
    TransportProtocol, generic,
};

/// A port of a node that a task uses directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HostPort {
    pub(super) protocol: TransportProtocol,
    pub(super) port: u16,
}

/// The scheduler's record of a node.
#[derive(Clone, Debug)]
pub(super) struct NodeInfo {
    node: Arc<Node>,
    tasks: BTreeMap<TaskId, Arc<Task>>,
    active_tasks: u32,
    /// By service, in order; services without an active task have no entry.
    active_tasks_by_service: Vec<(Option<ServiceId>, u32)>,
    available: Resources,
    used_host_ports: BTreeSet<HostPort>,
    pub(super) failures: RecentFailures,
}

impl NodeInfo {
    /// The record of a node that was not known before.
    pub(super) fn new(node: Arc<Node>, now: SimTime) -> Self {
        let available = described(&node).cloned().unwrap_or_default();
        NodeInfo {
            node,
            tasks: BTreeMap::new(),
            active_tasks: 0,
            active_tasks_by_service: Vec::new(),
            available,
            used_host_ports: BTreeSet::new(),
            failures: RecentFailures::new(now),
        }
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    pub(super) fn id(&self) -> NodeId {
        self.node.id
    }

    /// Tasks that hold something here.
    pub(super) fn tasks(&self) -> &BTreeMap<TaskId, Arc<Task>> {
        &self.tasks
    }

    pub(super) fn active_tasks(&self) -> u32 {
        self.active_tasks
    }

    pub(super) fn active_tasks_of(&self, service: Option<ServiceId>) -> u32 {
        match self.place_of(service) {
            Ok(place) => self.active_tasks_by_service[place].1,
            Err(_) => 0,
        }
    }

    /// What is free; negative where the node is over-committed.
    pub(super) fn available(&self) -> &Resources {
        &self.available
    }

    pub(super) fn uses_port(&self, port: HostPort) -> bool {
        self.used_host_ports.contains(&port)
    }

    /// The node object changed in some way. Counters, ports and failures stay.
    pub(super) fn refresh(&mut self, node: Arc<Node>) {
        self.available = match described(&node) {
            Some(described) => {
                let mut available = described.clone();
                for task in self.tasks.values() {
                    let reserved = reservations(task);
                    available.memory_bytes -= reserved.map_or(0, |reserved| reserved.memory_bytes);
                    available.nano_cpus -= reserved.map_or(0, |reserved| reserved.nano_cpus);
                    generic::consume(&mut available.generic, &task.assigned_generic);
                }
                available
            }
            // Without a description nothing is there to subtract from.
            None => Resources::default(),
        };
        self.node = node;
    }

    /// Adds a task, or notes that a tracked one crossed the boundary between active and inactive. What the
    /// task claims of the node's generic resources is written into it. True if anything changed.
    pub(super) fn add_task(&mut self, task: &mut Arc<Task>) -> bool {
        if let Some(tracked) = self.tasks.get_mut(&task.id) {
            let (was_active, is_active) = (tracked.is_active(), task.is_active());
            if was_active != is_active {
                *tracked = Arc::clone(task);
                self.count(task.service, is_active);
            }
            return was_active != is_active;
        }
        let held = self.take_reservations(task);
        if task.assigned_generic != held {
            Arc::make_mut(task).assigned_generic = held;
        }
        self.used_host_ports.extend(host_ports(task));
        if task.is_active() {
            self.count(task.service, true);
        }
        self.tasks.insert(task.id, Arc::clone(task));
        true
    }

    /// Takes a task away, with what this version of it holds. True if it was tracked.
    pub(super) fn remove_task(&mut self, task: &Task) -> bool {
        let Some(tracked) = self.tasks.remove(&task.id) else { return false };
        if tracked.is_active() {
            self.count(tracked.service, false);
        }
        for port in host_ports(task) {
            // Even if another task has the same port, which only tasks placed by somebody else can have.
            self.used_host_ports.remove(&port);
        }
        if let Some(reserved) = reservations(task) {
            self.available.memory_bytes += reserved.memory_bytes;
            self.available.nano_cpus += reserved.nano_cpus;
        }
        if let Some(described) = described(&self.node).filter(|described| !described.generic.is_empty()) {
            generic::reclaim(&mut self.available.generic, &task.assigned_generic, &described.generic);
        }
        true
    }

    /// A task of this service version failed or was rejected here.
    pub(super) fn task_failed(&mut self, task: &Task, now: SimTime) {
        self.failures.record(VersionedService::of(task), now);
    }

    fn take_reservations(&mut self, task: &Task) -> Vec<GenericResource> {
        let Some(reserved) = reservations(task) else { return Vec::new() };
        self.available.memory_bytes -= reserved.memory_bytes;
        self.available.nano_cpus -= reserved.nano_cpus;
        generic::claim(&mut self.available.generic, &reserved.generic)
    }

    fn count(&mut self, service: Option<ServiceId>, one_more: bool) {
        match (self.place_of(service), one_more) {
            (Ok(place), true) => self.active_tasks_by_service[place].1 += 1,
            (Err(place), true) => self.active_tasks_by_service.insert(place, (service, 1)),
            (Ok(place), false) if self.active_tasks_by_service[place].1 == 1 => {
                self.active_tasks_by_service.remove(place);
            }
            (Ok(place), false) => self.active_tasks_by_service[place].1 -= 1,
            (Err(_), false) => unreachable!("a task is counted before it is uncounted"),
        }
        if one_more {
            self.active_tasks += 1;
        } else {
            self.active_tasks -= 1;
        }
    }

    fn place_of(&self, service: Option<ServiceId>) -> Result<usize, usize> {
        self.active_tasks_by_service.binary_search_by_key(&service, |(known, _)| *known)
    }
}

/// `80/tcp`.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol.name())
    }
}

/// What a task reserves; limits play no part.
pub(super) fn reservations(task: &Task) -> Option<&Reservations> {
    task.spec.resources.as_ref()?.reservations.as_ref()
}

/// The ports that a task uses on its node.
pub(super) fn host_ports(task: &Task) -> impl Iterator<Item = HostPort> {
    let ports = task.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
    let used = ports.filter(|port| port.publish_mode == PublishMode::Host && port.published_port != 0);
    used.map(|port| HostPort { protocol: port.protocol, port: port.published_port })
}

/// What the node says that it has.
pub(super) fn described(node: &Node) -> Option<&Resources> {
    node.description.as_ref()?.resources.as_ref()
}

impl StateDigest for NodeInfo {
    fn digest(&self, digest: &mut Digest) {
        let Self { node, tasks, active_tasks, active_tasks_by_service, available, used_host_ports, failures } =
            self;
        node.id.digest(digest);
        digest.u64(node.meta.version);
        digest.u64(tasks.len() as u64);
        for task in tasks.values() {
            task.id.digest(digest);
            digest.u64(task.meta.version);
        }
        digest.u32(*active_tasks);
        digest.u64(active_tasks_by_service.len() as u64);
        for (service, count) in active_tasks_by_service {
            service.digest(digest);
            digest.u32(*count);
        }
        available.digest(digest);
        digest.u64(used_host_ports.len() as u64);
        for HostPort { protocol, port } in used_host_ports {
            digest.u8(*protocol as u8);
            digest.u32(u32::from(*port));
        }
        failures.digest(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::scheduler::tests::objects;
    use crate::model::TaskSpec;
    use crate::text_test::objects::ready_node;
    use crate::text_test::split_words;

    fn node(words: &str) -> NodeInfo {
        let mut node = ready_node(NodeId(0));
        objects::change_node(&mut node, &split_words(words));
        NodeInfo::new(Arc::new(node), SimTime::ZERO)
    }

    fn task(id: u32, words: &str) -> Arc<Task> {
        let mut task = Task::new(TaskId(id), Arc::new(TaskSpec::default()), SimTime::ZERO);
        objects::change_task(&mut task, &split_words(words));
        Arc::new(task)
    }

    #[test]
    fn a_removed_task_gives_back_what_its_given_version_holds() {
        // SCH-240
        let mut info =
            node("cpu=100000 memory=1000000 generic=\"orange/blue orange/red orange/green apple:6\"");
        info.add_task(&mut task(1, ""));
        info.add_task(&mut task(2, ""));
        info.available.generic = objects::generic("orange/blue orange/red apple:5");
        let held = "cpu=5000 memory=5000 generic=\"apple:1 orange:1\" assigned=\"orange/green apple:1\"";
        assert!(info.remove_task(&task(1, held)));
        // CPU and memory are not capped by the description, the discrete kind is.
        assert_eq!((info.available.nano_cpus, info.available.memory_bytes), (105_000, 1_005_000));
        assert_eq!(info.available.generic, objects::generic("orange/blue orange/red apple:6 orange/green"));
    }

    #[test]
    fn removing_a_task_that_is_not_tracked_changes_nothing() {
        // SCH-241
        let mut info = node("cpu=100000 memory=1000000");
        assert!(!info.remove_task(&task(1, "cpu=5000")));
        info.add_task(&mut task(1, ""));
        assert!(!info.remove_task(&task(3, "cpu=5000")));
        assert_eq!((info.tasks.len(), info.available.nano_cpus), (1, 100_000));
    }

    #[test]
    fn an_added_task_takes_what_it_reserves_once() {
        // SCH-242
        let mut info = node("cpu=100000 memory=1000000 generic=\"orange/blue orange/red apple:5\"");
        info.add_task(&mut task(1, ""));
        info.add_task(&mut task(2, ""));
        assert!(!info.add_task(&mut task(1, "")));
        let mut third = task(3, "cpu=5000 memory=5000 generic=\"apple:2 orange:1\"");
        assert!(info.add_task(&mut third));
        assert!(!info.add_task(&mut third));
        assert_eq!((info.available.nano_cpus, info.available.memory_bytes), (95_000, 995_000));
        assert_eq!(info.available.generic, objects::generic("orange/red apple:3"));
        assert_eq!(third.assigned_generic, objects::generic("apple:2 orange/blue"));
    }

    #[test]
    fn a_shared_port_is_free_when_one_of_its_users_goes() {
        // SCH-164
        let mut info = node("");
        let port = HostPort { protocol: TransportProtocol::Tcp, port: 80 };
        info.add_task(&mut task(1, "host-port=80/tcp"));
        info.add_task(&mut task(2, "host-port=80/tcp"));
        assert!(info.uses_port(port));
        info.remove_task(&task(1, "host-port=80/tcp"));
        assert!(!info.uses_port(port));
    }

    #[test]
    fn a_task_counts_while_it_is_active_and_holds_while_it_is_tracked() {
        let mut info = node("memory=10");
        info.add_task(&mut task(1, "memory=4 state=RUNNING"));
        assert_eq!((info.active_tasks(), info.active_tasks_of(None)), (1, 1));
        assert!(info.add_task(&mut task(1, "memory=4 state=RUNNING desired=SHUTDOWN")));
        assert_eq!((info.active_tasks(), info.active_tasks_of(None), info.available.memory_bytes), (0, 0, 6));
        assert!(info.remove_task(&task(1, "memory=4")));
        assert_eq!((info.active_tasks(), info.available.memory_bytes), (0, 10));
    }

    #[test]
    fn a_refreshed_node_has_what_it_describes_less_what_its_tasks_hold() {
        let mut info = node("cpu=10 memory=10 generic=apple:5");
        info.add_task(&mut task(1, "cpu=1 memory=4 generic=apple:2"));
        let refresh = |info: &mut NodeInfo, words: &str| info.refresh(Arc::clone(node(words).node()));
        refresh(&mut info, "cpu=20 memory=3 generic=apple:3");
        assert_eq!((info.available.nano_cpus, info.available.memory_bytes), (19, -1));
        assert_eq!(info.available.generic, objects::generic("apple:1"));
        refresh(&mut info, "");
        assert_eq!(info.available, Resources::default());
    }
}
