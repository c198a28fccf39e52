//! A slow scheduler whose rules can be read off one by one (spec scheduler 7 to 11).
//!
//! It keeps tasks in a list and recounts everything at every question. It shares nothing with the real one but
//! the way in which ties are broken, so that both can be given the same draws.
use std::collections::{BTreeMap, BTreeSet};

use super::scene::{SceneNode, SceneService};
use crate::kernel::{SimDuration, SimTime};
use crate::manager::ties::TieBreaker;
use crate::model::{Availability, NodeId, TaskId};

/// A task as the reference sees it.
#[derive(Clone, Debug)]
pub(super) struct ReferenceTask {
    pub(super) id: TaskId,
    pub(super) service: usize,
    pub(super) slot: u32,
    pub(super) node: Option<NodeId>,
    /// It came with its node and was not looked at with success yet.
    pub(super) unconfirmed: bool,
    /// It came with its node.
    pub(super) preassigned: bool,
    pub(super) active: bool,
    pub(super) err: String,
}

/// What is written to a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Write {
    pub(super) task: TaskId,
    /// The node that it gets, or else why it gets none.
    pub(super) result: Result<NodeId, String>,
}

/// The whole cluster.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) nodes: BTreeMap<NodeId, SceneNode>,
    pub(super) services: Vec<SceneService>,
    pub(super) tasks: Vec<ReferenceTask>,
    pub(super) failures: Vec<(NodeId, usize, SimTime)>,
    pub(super) ties: TieBreaker,
    pub(super) now: SimTime,
}

/// The order of preference: failures if they are many, tasks of the service, all tasks.
pub(super) type Preference = (usize, usize, usize);

/// Failed nodes by filter, in the order of the filters.
type Counters = BTreeMap<usize, usize>;

/// A leaf of the tree while a group is being placed.
struct Leaf {
    nodes: Vec<NodeId>,
    was_used: bool,
}

/// A group while it is being placed.
struct Group {
    service: usize,
    waiting: Vec<TaskId>,
    size: usize,
    counters: Counters,
    visits: Vec<NodeId>,
    /// Tasks of the service on each branch, before the group.
    tasks: BTreeMap<Vec<String>, i64>,
    leaves: BTreeMap<Vec<String>, Leaf>,
    writes: Vec<Write>,
}

impl Reference {
    /// Tasks that hold something on a node.
    fn on(&self, node: NodeId) -> impl Iterator<Item = &ReferenceTask> {
        self.tasks.iter().filter(move |task| task.node == Some(node) && !task.unconfirmed)
    }

    pub(super) fn active_of(&self, node: NodeId, service: usize) -> usize {
        self.on(node).filter(|task| task.active && task.service == service).count()
    }

    pub(super) fn preference(&self, node: NodeId, service: usize) -> Preference {
        let recent = |time: &SimTime| self.now.since(*time) <= SimDuration::from_secs(300);
        let failures =
            self.failures.iter().filter(|(on, of, time)| (*on, *of) == (node, service) && recent(time));
        let failures = failures.count();
        let all = self.on(node).filter(|task| task.active).count();
        (if failures >= 5 { failures } else { 0 }, self.active_of(node, service), all)
    }

    /// The number of the first filter that the node fails.
    pub(super) fn fails(&self, node: NodeId, service: usize) -> Option<usize> {
        let (is, wants) = (self.nodes[&node], self.services[service]);
        let sum = |amount: fn(&SceneService) -> i64| -> i64 {
            self.on(node).map(|task| amount(&self.services[task.service])).sum()
        };
        let free = [
            is.cpus - sum(|service| service.cpus),
            is.memory - sum(|service| service.memory),
            is.gpus - sum(|service| service.gpus),
        ];
        let reserves = [wants.cpus, wants.memory, wants.gpus] != [0, 0, 0];
        let has_room =
            wants.cpus <= free[0] && wants.memory <= free[1] && (wants.gpus == 0 || wants.gpus <= free[2]);
        let zone = |(equal, zone): (bool, u8)| (is.zone == Some(zone)) == equal;
        let port_is_free = self.on(node).all(|task| self.services[task.service].port != wants.port);
        let verdicts = [
            is.ready && is.availability == Availability::Active,
            !reserves || has_room,
            wants.zone.is_none_or(zone),
            !wants.linux_only || is.linux,
            wants.port.is_none() || port_is_free,
            wants.max_replicas == 0 || (self.active_of(node, service) as u64) < wants.max_replicas,
        ];
        verdicts.iter().position(|passes| !passes)
    }

    /// Runs the filters and keeps the counters: a node that passes sets them all to zero.
    fn passes(&self, node: NodeId, service: usize, counters: &mut Counters) -> bool {
        match self.fails(node, service) {
            Some(filter) => *counters.entry(filter).or_default() += 1,
            None => counters.clear(),
        }
        self.fails(node, service).is_none()
    }

    /// Looks at tasks that came with a node.
    pub(super) fn confirm(&mut self) -> Vec<Write> {
        let unconfirmed = self.tasks.iter().filter(|task| task.unconfirmed);
        let mut unconfirmed: Vec<TaskId> = unconfirmed.map(|task| task.id).collect();
        self.ties.order(&mut unconfirmed);
        let mut writes = Vec::new();
        for id in unconfirmed {
            let (node, service) = (self.task(id).node.expect("it came with a node"), self.task(id).service);
            let mut counters = Counters::new();
            if self.passes(node, service, &mut counters) {
                self.task(id).unconfirmed = false;
                self.task(id).err.clear();
                writes.push(Write { task: id, result: Ok(node) });
            } else {
                self.refuse(id, explanation(&counters), &mut writes);
            }
        }
        writes
    }

    /// Places every task without a node.
    pub(super) fn tick(&mut self) -> Vec<Write> {
        let mut groups: BTreeMap<usize, Vec<(u32, TaskId)>> = BTreeMap::new();
        let mut one_offs = Vec::new();
        for task in self.tasks.iter().filter(|task| task.node.is_none()) {
            if self.services[task.service].versioned {
                groups.entry(task.service).or_default().push((task.slot, task.id));
            } else {
                one_offs.push((task.service, vec![(task.slot, task.id)]));
            }
        }
        let mut groups: Vec<(usize, Vec<(u32, TaskId)>)> = groups.into_iter().collect();
        self.ties.order(&mut groups);
        self.ties.order(&mut one_offs);
        let mut writes = Vec::new();
        for (service, mut tasks) in groups.into_iter().chain(one_offs) {
            tasks.sort_unstable();
            self.ties.order(&mut tasks);
            let waiting = tasks.into_iter().map(|(_, task)| task).collect();
            writes.append(&mut self.place_group(service, waiting));
        }
        writes
    }

    fn place_group(&mut self, service: usize, waiting: Vec<TaskId>) -> Vec<Write> {
        let mut visits: Vec<NodeId> = self.nodes.keys().copied().collect();
        self.ties.order(&mut visits);
        let mut group = Group {
            service,
            size: waiting.len(),
            waiting,
            counters: Counters::new(),
            visits,
            tasks: BTreeMap::new(),
            leaves: BTreeMap::new(),
            writes: Vec::new(),
        };
        self.grow(&mut group);
        let wanted = group.size as i64;
        self.place_on_branch(&mut group, &[], wanted);
        let reason = explanation(&group.counters);
        let message = if reason.is_empty() {
            "no suitable node".to_owned()
        } else {
            format!("no suitable node ({reason})")
        };
        for left in std::mem::take(&mut group.waiting) {
            self.refuse(left, message.clone(), &mut group.writes);
        }
        group.writes
    }

    fn refuse(&mut self, task: TaskId, err: String, writes: &mut Vec<Write>) {
        if self.task(task).err != err {
            self.task(task).err.clone_from(&err);
            writes.push(Write { task, result: Err(err) });
        }
    }

    pub(super) fn path(&self, node: NodeId, service: usize) -> Vec<String> {
        let node = self.nodes[&node];
        let zone = node.zone.map_or_else(String::new, |zone| format!("z{zone}"));
        let rack = node.rack.map_or_else(String::new, |rack| format!("r{rack}"));
        [zone, rack][..self.services[service].levels].to_vec()
    }

    fn grow(&self, group: &mut Group) {
        for node in group.visits.clone() {
            let path = self.path(node, group.service);
            for depth in 0..=path.len() {
                let tasks = group.tasks.entry(path[..depth].to_vec()).or_default();
                *tasks += self.active_of(node, group.service) as i64;
            }
            let leaf = group.leaves.entry(path).or_insert(Leaf { nodes: Vec::new(), was_used: false });
            if leaf.nodes.len() < group.size {
                if self.passes(node, group.service, &mut group.counters) {
                    leaf.nodes.push(node);
                }
                continue;
            }
            // The worst that is held; among equals the one that was visited last.
            let key = |held: &NodeId| {
                let visit = group.visits.iter().position(|visited| visited == held);
                (self.preference(*held, group.service), visit)
            };
            let worst =
                (0..leaf.nodes.len()).max_by_key(|place| key(&leaf.nodes[*place])).expect("a full leaf");
            let is_better =
                self.preference(node, group.service) < self.preference(leaf.nodes[worst], group.service);
            if is_better && self.passes(node, group.service, &mut group.counters) {
                leaf.nodes[worst] = node;
            }
        }
    }

    fn place_on_branch(&mut self, group: &mut Group, path: &[String], wanted: i64) -> i64 {
        if path.len() == self.services[group.service].levels {
            return self.place_on_leaf(group, path, wanted);
        }
        let below =
            group.tasks.keys().filter(|other| other.len() == path.len() + 1 && other.starts_with(path));
        let mut branches: Vec<Vec<String>> = below.cloned().collect();
        let mut no_room: BTreeSet<Vec<String>> = BTreeSet::new();
        let count = branches.len();
        let mut in_usable = group.tasks[path];
        let mut placed = 0;
        let mut tried = true;
        while placed != wanted && no_room.len() != count && tried {
            tried = false;
            let usable = (count - no_room.len()) as i64;
            let total = in_usable + wanted - placed;
            let (want, mut rest) = (total / usable, total % usable);
            branches.retain(|branch| !no_room.contains(branch));
            self.ties.order(&mut branches);
            for branch in &branches {
                let tasks = group.tasks[branch];
                if tasks < want || (tasks == want && rest > 0) {
                    tried = true;
                    let ask = want - tasks + if rest > 0 { 1 } else { 0 };
                    let got = self.place_on_branch(group, branch, ask);
                    if got < ask {
                        no_room.insert(branch.clone());
                        in_usable -= tasks;
                    } else if rest > 0 {
                        rest -= 1;
                    }
                    placed += got;
                }
            }
        }
        placed
    }

    fn place_on_leaf(&mut self, group: &mut Group, path: &[String], wanted: i64) -> i64 {
        let Leaf { mut nodes, was_used } = group.leaves.remove(path).expect("a branch ends in a leaf");
        if was_used {
            // The filters run in the order in which the nodes stood before.
            nodes.retain(|node| self.passes(*node, group.service, &mut group.counters));
        }
        let visit = |node: &NodeId| group.visits.iter().position(|visited| visited == node);
        nodes.sort_by_key(|node| (self.preference(*node, group.service), visit(node)));
        let placed = if nodes.is_empty() { 0 } else { self.place_on_nodes(group, &nodes, wanted) };
        group.leaves.insert(path.to_vec(), Leaf { nodes, was_used: true });
        placed
    }

    fn place_on_nodes(&mut self, group: &mut Group, nodes: &[NodeId], wanted: i64) -> i64 {
        let m = nodes.len();
        let mut failed: BTreeSet<usize> = BTreeSet::new();
        let (mut i, mut placed) = (0, 0);
        while !group.waiting.is_empty() {
            let task = group.waiting.remove(0);
            let node = nodes[i % m];
            self.task(task).node = Some(node);
            self.task(task).err.clear();
            group.writes.push(Write { task, result: Ok(node) });
            placed += 1;
            if placed == wanted {
                break;
            }
            if i + 1 < m {
                if self.preference(nodes[i + 1], group.service) < self.preference(node, group.service) {
                    i += 1;
                }
            } else {
                i += 1;
            }
            let from = i;
            while failed.contains(&(i % m)) || !self.passes(nodes[i % m], group.service, &mut group.counters)
            {
                failed.insert(i % m);
                i += 1;
                if i - from == m {
                    return placed;
                }
            }
        }
        placed
    }

    pub(super) fn task(&mut self, id: TaskId) -> &mut ReferenceTask {
        self.tasks.iter_mut().find(|task| task.id == id).expect("a known task")
    }
}

fn explanation(counters: &Counters) -> String {
    let mut failed: Vec<(usize, usize)> = counters.iter().map(|(filter, nodes)| (*filter, *nodes)).collect();
    failed.sort_by_key(|(filter, nodes)| (std::cmp::Reverse(*nodes), *filter));
    let parts = failed.into_iter().map(|(filter, nodes)| {
        let one = nodes == 1;
        let on = if one { "on 1 node".to_owned() } else { format!("on {nodes} nodes") };
        match filter {
            0 if one => "1 node not available for new tasks".to_owned(),
            0 => format!("{nodes} nodes not available for new tasks"),
            1 => format!("insufficient resources {on}"),
            2 => format!("scheduling constraints not satisfied {on}"),
            3 => format!("unsupported platform {on}"),
            4 => format!("host-mode port already in use {on}"),
            _ => "max replicas per node limit exceed".to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join("; ")
}
