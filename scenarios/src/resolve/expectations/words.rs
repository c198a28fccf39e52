//! The words of expectations: names of tasks, numbers of replicas, docker's words for states.
use sim_core::model::{NodeState, TaskState, UpdateState};

use super::super::names::PlaceNames;
use super::super::reader::Reader;
use crate::error::{Location, NameKind, Problem};
use crate::expect::{ManagerStatus, Replica, ServiceCondition, TaskName};
use crate::suggest;

/// The word for a subject or a state that is not there.
pub(super) const NONE: &str = "none";

/// `web.2`, or `agent.w1` for a global service.
pub(in crate::resolve) fn task_name(
    reader: &mut Reader<'_>,
    text: &str,
    at: &Location,
    names: &PlaceNames,
) -> Option<TaskName> {
    let Some((service, replica)) = text.split_once('.').filter(|(service, _)| !service.is_empty()) else {
        let problem = Problem::Invalid { what: "name of a task", text: text.to_owned() };
        reader.fail(
            at.clone(),
            problem,
            "write service and replica, such as `web.2`, or `agent.w1` if it is global",
        );
        return None;
    };
    let host = || names.hosts.get(replica).map(|host| Replica::Host(*host));
    let slot = replica.parse().ok().map(Replica::Slot);
    let Some(replica) = host().or(slot) else {
        let help = suggest::help(replica, names.hosts.keys().map(String::as_str), "hosts");
        let problem = Problem::UnknownName { kind: NameKind::Host, name: replica.to_owned() };
        reader.fail(reader.narrowed(at, replica), problem, help);
        return None;
    };
    Some(TaskName { service: service.to_owned(), replica })
}

/// `6/8`.
pub(super) fn replicas(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<ServiceCondition> {
    let parts = text.split_once('/');
    let parts = parts
        .and_then(|(running, desired)| Some((running.trim().parse().ok()?, desired.trim().parse().ok()?)));
    let Some((running, desired)) = parts else {
        let problem = Problem::Invalid { what: "number of replicas", text: text.to_owned() };
        reader.fail(at.clone(), problem, "write it as docker does: running and wanted, such as `6/6`");
        return None;
    };
    Some(ServiceCondition::Replicas { running, desired })
}

pub(super) fn update_state(
    reader: &mut Reader<'_>,
    text: &str,
    at: &Location,
) -> Option<Option<UpdateState>> {
    let words = UpdateState::ALL.map(|state| (state.name(), Some(state)));
    reader.word(text, at, "state of an update", &with_none(&words))
}

pub(super) fn node_state(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<Option<NodeState>> {
    let states = [NodeState::Unknown, NodeState::Down, NodeState::Ready, NodeState::Disconnected];
    let words = states.map(|state| (state.name(), Some(state)));
    reader.word(text, at, "status of a node", &with_none(&words))
}

pub(super) fn manager_status(
    reader: &mut Reader<'_>,
    text: &str,
    at: &Location,
) -> Option<Option<ManagerStatus>> {
    let words = [
        ("Leader", Some(ManagerStatus::Leader)),
        ("Reachable", Some(ManagerStatus::Reachable)),
        ("Unreachable", Some(ManagerStatus::Unreachable)),
    ];
    reader.word(text, at, "manager status", &with_none(&words))
}

pub(super) fn task_state(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<TaskState> {
    let words = TaskState::ALL.map(|state| (state.name(), state));
    reader.word(text, at, "state of a task", &words)
}

fn with_none<'a, T: Copy>(words: &[(&'a str, Option<T>)]) -> Vec<(&'a str, Option<T>)> {
    words.iter().copied().chain([(NONE, None)]).collect()
}
