//! What an observer may see of a cluster between two events.
mod raft;
mod tables;

pub use raft::RaftMember;

use std::collections::BTreeMap;

use super::Cluster;
use crate::kernel::SimTime;
use crate::manager::Manager;
use crate::manager::loops::LeaderLoops;
use crate::manager::orchestrator::restart::StartWaits;
use crate::manager::orchestrator::update::UpdateWaits;
use crate::model::setup::Setup;
use crate::model::{
    Explanation, HostId, NodeId, ServiceId, ServiceMode, TaskId, TaskState, TrafficId, TransportProtocol,
};
use crate::protocol::Lineage;
use crate::store::Store;
use crate::traffic::Tally;

/// A look at a cluster. Looking changes nothing.
#[derive(Clone, Copy)]
pub struct View<'a> {
    cluster: &'a Cluster,
}

impl<'a> View<'a> {
    pub(crate) fn new(cluster: &'a Cluster) -> Self {
        View { cluster }
    }

    /// What the run started from.
    #[must_use]
    pub fn setup(&self) -> &'a Setup {
        &self.cluster.setup
    }

    /// The seed of the run, from which id texts follow.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.cluster.seed
    }

    /// The most advanced committed state of all managers of the shown swarm that run. None if none does.
    ///
    /// A cluster can fall into several swarms: hosts begin new ones, and a manager that is made to go on alone leaves
    /// the others behind. Shown is one that has a leader; of several the one with most managers; of equals the latest.
    #[must_use]
    pub fn store(&self) -> Option<&'a Store> {
        let applied = |manager: &Manager| (manager.raft().applied_index(), manager.leads());
        let (_, best) = self.managers().max_by_key(|(_, manager)| applied(manager))?;
        Some(best.store())
    }

    /// The host whose control loops run in the shown swarm. After a partition two managers may believe to lead; this
    /// is the one of the later term.
    #[must_use]
    pub fn leader(&self) -> Option<HostId> {
        let leading = self.managers().filter(|(_, manager)| manager.leads());
        leading.max_by_key(|(_, manager)| manager.raft().term()).map(|(id, _)| id)
    }

    /// The managers that run, but not in the shown swarm, by swarm.
    #[must_use]
    pub fn managers_of_other_swarms(&self) -> Vec<Vec<HostId>> {
        let shown = self.shown_swarm();
        let mut others: BTreeMap<Lineage, Vec<HostId>> = BTreeMap::new();
        for (host, manager) in self.cluster.managers().filter(|(_, one)| Some(one.lineage()) != shown) {
            others.entry(manager.lineage()).or_default().push(host);
        }
        others.into_values().collect()
    }

    /// The running managers of the shown swarm.
    fn managers(&self) -> impl Iterator<Item = (HostId, &'a Manager)> + use<'a> {
        let shown = self.shown_swarm();
        self.cluster.managers().filter(move |(_, manager)| Some(manager.lineage()) == shown)
    }

    fn shown_swarm(&self) -> Option<Lineage> {
        let mut managers = self.cluster.managers().map(|(_, manager)| manager);
        let first = managers.next()?.lineage();
        if managers.all(|manager| manager.lineage() == first) {
            return Some(first);
        }
        let mut swarms: BTreeMap<Lineage, (bool, usize)> = BTreeMap::new();
        for (_, manager) in self.cluster.managers() {
            let (is_led, managers) = swarms.entry(manager.lineage()).or_default();
            *is_led |= manager.leads();
            *managers += 1;
        }
        swarms.into_iter().max_by_key(|(lineage, claim)| (*claim, *lineage)).map(|(lineage, _)| lineage)
    }

    /// The tasks that connections to a published TCP port of a host can lead to, as the host itself knows them.
    #[must_use]
    pub fn backends_of_port(&self, host: HostId, port: u16) -> Vec<TaskId> {
        let Some(host) = self.cluster.hosts.get(host) else { return Vec::new() };
        let backends = host.mesh.backends_of_port(TransportProtocol::Tcp, port);
        backends.into_iter().map(|backend| backend.task).collect()
    }

    /// What became of the requests of each source so far.
    pub fn tallies(&self) -> impl Iterator<Item = (TrafficId, &'a Tally)> + use<'a> {
        self.cluster.traffic.tallies()
    }

    /// Where the leader's scheduler would put a task that waited alone, now. None without a leader, or if the task
    /// or its service is gone.
    #[must_use]
    pub fn explain_now(&self, task: TaskId, now: SimTime) -> Option<Explanation> {
        let manager = self.cluster.hosts.get(self.leader()?)?.manager.as_ref()?;
        manager.scheduler()?.explain_now(manager.store().task(task)?, now, manager.store())
    }

    /// True if the leader's scheduler does not look at a waiting task any more: it found no node when its service was
    /// newer than the task, and only a change of the task makes it look again.
    #[must_use]
    pub fn has_given_up(&self, task: TaskId) -> bool {
        let manager = self.leader().and_then(|leader| self.cluster.hosts.get(leader)?.manager.as_ref());
        manager.is_some_and(|manager| {
            let (scheduler, task) = (manager.scheduler(), manager.store().task(task));
            scheduler.zip(task).is_some_and(|(scheduler, task)| scheduler.has_given_up(task, manager.store()))
        })
    }

    /// What the update of a service waits for right now, if the leader works on one.
    #[must_use]
    pub fn update_waits(&self, service: ServiceId) -> Option<UpdateWaits> {
        self.leading_loops()?.update_waits(service)
    }

    /// What a task waits for before it may start, if the leader delays its start.
    #[must_use]
    pub fn start_waits(&self, task: TaskId) -> Option<StartWaits> {
        self.leading_loops()?.start_waits(task)
    }

    fn leading_loops(&self) -> Option<&'a LeaderLoops> {
        self.cluster.hosts.get(self.leader()?)?.manager.as_ref()?.loops()
    }

    /// How many managers run.
    #[must_use]
    pub fn running_managers(&self) -> usize {
        self.cluster.managers().count()
    }

    /// The node of a host, if it is in the swarm.
    #[must_use]
    pub fn node_of_host(&self, host: HostId) -> Option<NodeId> {
        let nodes = self.store()?.nodes().filter(|node| node.host == host);
        nodes.map(|node| node.id).last()
    }

    /// Name of a host.
    #[must_use]
    pub fn host_name(&self, host: HostId) -> &'a str {
        &self.cluster.setup.hosts.get(host).expect("hosts come from the set-up").name
    }

    /// Tasks of a service that run as wanted: observed RUNNING and desired RUNNING, or COMPLETE for jobs.
    #[must_use]
    pub fn running_of_service(&self, service: ServiceId) -> usize {
        let Some(store) = self.store() else { return 0 };
        store.tasks_of_service(service).filter(|task| is_running(task)).count()
    }

    /// Tasks of a node that run as wanted.
    #[must_use]
    pub fn running_of_node(&self, node: NodeId) -> usize {
        let Some(store) = self.store() else { return 0 };
        store.tasks_of_node(node).filter(|task| is_running(task)).count()
    }

    /// The docker name of a task: `web.2`, or `web.w1` for a global service.
    #[must_use]
    pub fn task_name(&self, task: TaskId) -> Option<String> {
        let task = self.store()?.task(task)?;
        let place = match (task.service.and_then(|id| self.store()?.service(id)), task.node) {
            (Some(service), Some(node))
                if matches!(service.spec.mode, ServiceMode::Global | ServiceMode::GlobalJob) =>
            {
                self.store()?.node(node)?.hostname().to_owned()
            }
            _ => task.slot.0.to_string(),
        };
        Some(format!("{}.{place}", task.service_annotations.name))
    }

    /// Entries of the replicated log that are committed.
    #[must_use]
    pub fn commit_index(&self) -> u64 {
        self.managers().map(|(_, manager)| manager.raft().commit_index()).max().unwrap_or(0)
    }

    /// How many entries each running manager has applied, in host order.
    #[must_use]
    pub fn applied_indexes(&self) -> Vec<u64> {
        self.cluster.managers().map(|(_, manager)| manager.raft().applied_index()).collect()
    }

    /// Messages delivered so far, without those that only say that somebody lives.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.cluster.messages
    }
}

fn is_running(task: &crate::model::Task) -> bool {
    let wanted = if task.job_iteration.is_some() { TaskState::Complete } else { TaskState::Running };
    task.status.state == TaskState::Running && task.desired_state == wanted
}
