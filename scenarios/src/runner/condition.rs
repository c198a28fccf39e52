//! Asks a condition of the cluster at one instant.
use std::collections::BTreeMap;
use std::sync::Arc;

use sim_core::View;
use sim_core::client::pretty;
use sim_core::metrics::{Census, NodeEntry, ServiceEntry};
use sim_core::model::{CommandId, HostId, NodeId, ServiceId, Task};
use sim_core::progress::{ClientState, Clients};
use sim_core::traffic::{Counts, Tally};

use super::judge::Answered;
use super::text;
use crate::expect::latency_key;
use crate::{
    Bounds, ClusterCondition, ManagerStatus, NodeCondition, Outcome, Replica, RequestCount, ServiceCondition,
    Subject, TaskCondition, TaskName, TrafficCondition,
};

/// What can be looked at.
pub(super) struct Scene<'a> {
    pub(super) census: &'a Census,
    pub(super) view: View<'a>,
    pub(super) answers: &'a BTreeMap<CommandId, Answered>,
    /// Those who wait, if some expectation is about a command.
    pub(super) clients: Option<&'a Clients>,
}

/// What was seen at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Observation {
    pub(super) holds: bool,
    /// In words, what the conditions ask for.
    pub(super) seen: String,
    /// True if there is nothing to be seen yet: a command without answer, or a client that still waits.
    pub(super) undecided: bool,
}

/// What facts of one instant were about, beside what the census knows.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// There was a fact.
    pub(super) any: bool,
    /// Of Raft, or of something that may silence a leader.
    pub(super) leaders: bool,
    /// A command was answered, or its client has waited long enough.
    pub(super) answers: bool,
    /// Requests failed.
    pub(super) traffic: bool,
}

impl Changes {
    /// True if the answer to a condition on this subject may have changed.
    pub(super) fn concern(&self, subject: &Subject, census: &Census) -> bool {
        match subject {
            Subject::Service { name, .. } => touched_service(name, census),
            Subject::Task { task, .. } => touched_service(&task.service, census),
            Subject::Node { conditions, host, .. } => {
                // Whether managers reach each other is no fact of its own.
                let of_raft = conditions.iter().any(|one| matches!(one, NodeCondition::Manager(_)));
                let touched = |node| census.node(node).is_some_and(|entry| entry.host == *host);
                self.any && of_raft || census.touched_nodes().any(touched)
            }
            Subject::Cluster { .. } => self.leaders || census.touched_nodes().next().is_some(),
            Subject::Command { .. } => self.answers,
            Subject::Traffic { .. } => self.traffic,
        }
    }
}

fn touched_service(name: &str, census: &Census) -> bool {
    census.touched().any(|id| census.service(id).is_some_and(|service| service.name == name))
}

/// Looks at all conditions on a subject.
pub(super) fn observe(subject: &Subject, scene: &Scene<'_>) -> Observation {
    match subject {
        Subject::Service { name, conditions } => match service(name, scene.census) {
            None => absent(format!("no service {name}")),
            Some((id, entry)) => all(conditions, |one| service_condition(one, id, entry, scene)),
        },
        Subject::Node { host, number, conditions } => {
            let node = node(*host, *number, scene.census);
            all(conditions, |one| node_condition(one, node, scene))
        }
        Subject::Task { task, conditions } => match newest_task(task, scene) {
            None => absent("no such task".to_owned()),
            Some(task) => all(conditions, |one| task_condition(one, &task, scene)),
        },
        Subject::Cluster { conditions } => all(conditions, |one| cluster_condition(one, scene)),
        Subject::Command { commands, outcome, .. } => command(commands, outcome, scene),
        Subject::Traffic { traffic, over, conditions, .. } => {
            let (_, tally) = scene
                .view
                .tallies()
                .find(|(id, _)| id == traffic)
                .expect("traffic has a tally from the start");
            let counts = over.map_or(*tally.total(), |(from, to)| tally.between(from, to));
            all(conditions, |one| traffic_condition(one, &counts, tally))
        }
    }
}

fn absent(seen: String) -> Observation {
    Observation { holds: false, seen, undecided: false }
}

/// All conditions have to hold together; what is seen is told of each.
fn all<C>(conditions: &[C], look: impl Fn(&C) -> (bool, String)) -> Observation {
    let looks: Vec<(bool, String)> = conditions.iter().map(look).collect();
    let seen: Vec<&str> = looks.iter().map(|(_, seen)| seen.as_str()).collect();
    Observation { holds: looks.iter().all(|(holds, _)| *holds), seen: seen.join(", "), undecided: false }
}

/// The service that has this name now.
fn service<'a>(name: &str, census: &'a Census) -> Option<(ServiceId, &'a ServiceEntry)> {
    census.services().filter(|(_, service)| service.name == name && !service.removed).last()
}

fn service_condition(
    condition: &ServiceCondition,
    id: ServiceId,
    entry: &ServiceEntry,
    scene: &Scene<'_>,
) -> (bool, String) {
    let counts = entry.counts;
    match condition {
        ServiceCondition::Running(bounds) => number(*bounds, "running", counts.running),
        ServiceCondition::Pending(bounds) => number(*bounds, "pending", counts.pending),
        ServiceCondition::Tasks(bounds) => number(*bounds, "tasks", counts.tasks),
        ServiceCondition::Replicas { running, desired } => {
            match entry.replicas().or_else(|| scene.view.service_replicas(id)) {
                Some(replicas) => {
                    (replicas == (*running, *desired), format!("replicas {}/{}", replicas.0, replicas.1))
                }
                None => (false, "no manager runs".to_owned()),
            }
        }
        ServiceCondition::Update(state) => {
            (entry.update == *state, format!("update {}", text::update(entry.update)))
        }
    }
}

fn number(bounds: Bounds, word: &str, number: u64) -> (bool, String) {
    (bounds.contain(number), format!("{word} {number}"))
}

/// The node object of a host: the numbered one, or the last one.
fn node(host: HostId, number: Option<u32>, census: &Census) -> Option<(NodeId, &NodeEntry)> {
    let id = match number {
        None => census.node_of_host(host)?,
        Some(number) => {
            let wanted = |(_, node): &(NodeId, &NodeEntry)| node.host == host && node.number == number;
            census.nodes().find(wanted)?.0
        }
    };
    census.node(id).filter(|node| !node.removed).map(|node| (id, node))
}

fn node_condition(
    condition: &NodeCondition,
    node: Option<(NodeId, &NodeEntry)>,
    scene: &Scene<'_>,
) -> (bool, String) {
    if let (NodeCondition::Status(wanted), None) = (condition, node) {
        return (wanted.is_none(), "status none".to_owned());
    }
    let Some((id, entry)) = node else { return (false, "no such node".to_owned()) };
    match condition {
        NodeCondition::Status(wanted) => {
            (*wanted == Some(entry.state), format!("status {}", pretty(entry.state.name())))
        }
        NodeCondition::Availability(wanted) => {
            (*wanted == entry.availability, format!("availability {}", pretty(entry.availability.name())))
        }
        NodeCondition::Running(bounds) => number(*bounds, "running", entry.running),
        NodeCondition::Manager(wanted) => {
            let status =
                scene.view.manager_status(id).map(|status| match (status.leader, status.reachable) {
                    (true, _) => ManagerStatus::Leader,
                    (false, true) => ManagerStatus::Reachable,
                    (false, false) => ManagerStatus::Unreachable,
                });
            (*wanted == status, format!("manager {}", text::manager(status)))
        }
    }
}

/// The newest task of a replica. Ids are handed out in order of creation.
fn newest_task(name: &TaskName, scene: &Scene<'_>) -> Option<Arc<Task>> {
    let store = scene.view.store()?;
    let (id, _) = service(&name.service, scene.census)?;
    let task = match name.replica {
        Replica::Slot(slot) => store.tasks_of_slot(id, sim_core::model::Slot(slot)).last(),
        Replica::Host(host) => {
            let node = scene.census.node_of_host(host)?;
            store.tasks_of_node(node).filter(|task| task.service == Some(id)).last()
        }
    };
    task.cloned()
}

fn task_condition(condition: &TaskCondition, task: &Task, scene: &Scene<'_>) -> (bool, String) {
    match condition {
        TaskCondition::State(state) => {
            (task.status.state == *state, format!("state {}", pretty(task.status.state.name())))
        }
        TaskCondition::Desired(state) => {
            (task.desired_state == *state, format!("desired {}", pretty(task.desired_state.name())))
        }
        TaskCondition::Node(hosts) => {
            let node = task.node.and_then(|node| Some((node, scene.census.node(node)?)));
            let name = node.map_or("none".to_owned(), |(node, _)| scene.census.node_name(node));
            (node.is_some_and(|(_, entry)| hosts.contains(&entry.host)), format!("node {name}"))
        }
        TaskCondition::Error(part) => {
            (task.status.err.contains(part), format!("error {:?}", task.status.err))
        }
    }
}

fn cluster_condition(condition: &ClusterCondition, scene: &Scene<'_>) -> (bool, String) {
    match condition {
        ClusterCondition::Leader(hosts) => {
            let leader = scene.view.leader();
            let name = leader.map_or("none", |host| scene.census.names().host(host));
            let holds = leader.map_or(hosts.is_empty(), |leader| hosts.contains(&leader));
            (holds, format!("leader {name}"))
        }
        ClusterCondition::Ready(bounds) => number(*bounds, "ready", scene.census.ready()),
    }
}

fn traffic_condition(condition: &TrafficCondition, counts: &Counts, tally: &Tally) -> (bool, String) {
    match condition {
        TrafficCondition::Count(count, bounds) => {
            let seen = match count {
                RequestCount::Sent => counts.sent,
                RequestCount::Answered => counts.answered,
                RequestCount::Failed => counts.failed(),
                RequestCount::FailedBy(cause) => counts.failed_by(*cause),
                RequestCount::Retries => tally.retries(),
                RequestCount::Tasks => tally.answered_by().count() as u64,
            };
            number(*bounds, count.key(), seen)
        }
        TrafficCondition::Latency { percent, min, max } => {
            let key = latency_key(*percent);
            match tally.latency(*percent) {
                Some(latency) => ((*min..=*max).contains(&latency), format!("{key} {latency}")),
                None => (false, format!("no {key}, because nothing was answered")),
            }
        }
    }
}

/// Each of the commands has to end as expected; the first that does not is shown.
fn command(commands: &[CommandId], outcome: &Outcome, scene: &Scene<'_>) -> Observation {
    let mut printed = String::new();
    let undecided = |seen: &str| Observation { holds: false, seen: seen.to_owned(), undecided: true };
    for command in commands {
        let Some(Answered { exit, output }) = scene.answers.get(command) else {
            return undecided("no answer yet");
        };
        let waited = scene.clients.expect("somebody expects something of a command").state(*command);
        let (exit, output) = match waited {
            ClientState::Done => (*exit, output.clone()),
            ClientState::Waiting => return undecided("answered, but the client still waits"),
            ClientState::Failed(complaint) => (1, format!("{output}{complaint}")),
            ClientState::Lost => return absent("the client died with its host".to_owned()),
        };
        let holds = match outcome {
            Outcome::Succeeds | Outcome::Prints(_) => exit == 0,
            Outcome::Fails(part) => exit != 0 && output.contains(part),
        };
        if !holds {
            return absent(format!("exit {exit}, {:?}", output.trim_end()));
        }
        printed.push_str(&output);
    }
    if let Outcome::Prints(parts) = outcome
        && !parts.iter().all(|part| printed.contains(part))
    {
        return absent(format!("it printed {:?}", printed.trim_end()));
    }
    Observation { holds: true, seen: "so it did".to_owned(), undecided: false }
}
