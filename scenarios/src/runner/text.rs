//! Expectations in words.
use sim_core::client::pretty;
use sim_core::metrics::Names;
use sim_core::model::{HostId, UpdateState};

use crate::expect::latency_key;
use crate::{
    ClusterCondition, Expectation, ManagerStatus, NodeCondition, Outcome, Replica, ServiceCondition, Subject,
    TaskCondition, TrafficCondition,
};

/// `at 29s, service web: running 6`
pub(super) fn expectation(expectation: &Expectation, names: &Names) -> String {
    let (subject, conditions) = subject(&expectation.subject, names);
    format!("{}, {subject}: {}", expectation.when, conditions.join(", "))
}

fn subject(subject: &Subject, names: &Names) -> (String, Vec<String>) {
    match subject {
        Subject::Service { name, conditions } => {
            (format!("service {name}"), conditions.iter().map(service_condition).collect())
        }
        Subject::Node { host, number, conditions } => {
            let number = number.map_or(String::new(), |number| format!("#{number}"));
            let name = format!("node {}{number}", names.host(*host));
            (name, conditions.iter().map(node_condition).collect())
        }
        Subject::Task { task, conditions } => {
            let replica = match task.replica {
                Replica::Slot(slot) => slot.to_string(),
                Replica::Host(host) => names.host(host).to_owned(),
            };
            let texts = conditions.iter().map(|condition| task_condition(condition, names)).collect();
            (format!("task {}.{replica}", task.service), texts)
        }
        Subject::Cluster { conditions } => {
            let texts = conditions.iter().map(|condition| cluster_condition(condition, names)).collect();
            ("cluster".to_owned(), texts)
        }
        Subject::Command { name, outcome, .. } => {
            let text = match outcome {
                Outcome::Succeeds => "succeeds".to_owned(),
                Outcome::Fails(part) if part.is_empty() => "fails".to_owned(),
                Outcome::Fails(part) => format!("fails with {part:?}"),
                Outcome::Prints(parts) => {
                    let parts = parts.iter().map(|part| format!("{part:?}")).collect::<Vec<_>>();
                    format!("prints {}", parts.join(" and "))
                }
            };
            (format!("command {name}"), vec![text])
        }
        Subject::Traffic { name, conditions, .. } => {
            (format!("traffic {name}"), conditions.iter().map(traffic_condition).collect())
        }
    }
}

fn service_condition(condition: &ServiceCondition) -> String {
    match condition {
        ServiceCondition::Running(bounds) => format!("running {bounds}"),
        ServiceCondition::Replicas { running, desired } => format!("replicas {running}/{desired}"),
        ServiceCondition::Pending(bounds) => format!("pending {bounds}"),
        ServiceCondition::Tasks(bounds) => format!("tasks {bounds}"),
        ServiceCondition::Update(state) => format!("update {}", update(*state)),
    }
}

fn node_condition(condition: &NodeCondition) -> String {
    match condition {
        NodeCondition::Status(None) => "status none".to_owned(),
        NodeCondition::Status(Some(state)) => format!("status {}", pretty(state.name())),
        NodeCondition::Availability(availability) => format!("availability {}", pretty(availability.name())),
        NodeCondition::Manager(status) => format!("manager {}", manager(*status)),
        NodeCondition::Running(bounds) => format!("running {bounds}"),
    }
}

fn task_condition(condition: &TaskCondition, names: &Names) -> String {
    match condition {
        TaskCondition::State(state) => format!("state {}", pretty(state.name())),
        TaskCondition::Desired(state) => format!("desired {}", pretty(state.name())),
        TaskCondition::Node(hosts) => format!("node {}", any_of(hosts, names)),
        TaskCondition::Error(part) => format!("error with {part:?}"),
    }
}

fn cluster_condition(condition: &ClusterCondition, names: &Names) -> String {
    match condition {
        ClusterCondition::Leader(hosts) if hosts.is_empty() => "leader none".to_owned(),
        ClusterCondition::Leader(hosts) => format!("leader {}", any_of(hosts, names)),
        ClusterCondition::Ready(bounds) => format!("ready {bounds}"),
    }
}

fn traffic_condition(condition: &TrafficCondition) -> String {
    match condition {
        TrafficCondition::Count(count, bounds) => format!("{} {bounds}", count.key()),
        TrafficCondition::Latency { percent, min, max } => {
            let key = latency_key(*percent);
            match (min.is_zero(), max.as_nanos() == u64::MAX) {
                (_, true) => format!("{key} at least {min}"),
                (true, false) => format!("{key} at most {max}"),
                (false, false) => format!("{key} {min} to {max}"),
            }
        }
    }
}

fn any_of(hosts: &[HostId], names: &Names) -> String {
    hosts.iter().map(|host| names.host(*host)).collect::<Vec<_>>().join(" or ")
}

/// Docker's word for the state of an update.
pub(super) fn update(state: Option<UpdateState>) -> &'static str {
    state.map_or("none", UpdateState::name)
}

/// Docker's word for a manager's status.
pub(super) fn manager(status: Option<ManagerStatus>) -> &'static str {
    match status {
        None => "none",
        Some(ManagerStatus::Leader) => "Leader",
        Some(ManagerStatus::Reachable) => "Reachable",
        Some(ManagerStatus::Unreachable) => "Unreachable",
    }
}
