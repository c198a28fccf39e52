//! Conditions of listings: of equal keys one must hold, of different keys all; of labels each.
use crate::model::{Labels, Network, Node, Service, Task, TaskState};
use crate::protocol::{ApiError, Filters};

/// The conditions of one listing, with the seed that gives ids their text.
pub(super) struct Conditions<'a> {
    filters: &'a Filters,
    seed: u64,
}

impl<'a> Conditions<'a> {
    /// Conditions whose keys are all among those that the listing knows.
    pub(super) fn new(filters: &'a Filters, known: &[&str], seed: u64) -> Result<Self, ApiError> {
        match filters.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => Err(ApiError::InvalidFilter { key: key.clone() }),
            None => Ok(Conditions { filters, seed }),
        }
    }

    /// The values of a key, in the order given.
    pub(super) fn values(&self, key: &'static str) -> impl Iterator<Item = &'a str> {
        self.filters.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn admit_service(&self, service: &Service) -> bool {
        self.any("name", |prefix| service.name().starts_with(prefix))
            && self.any("id", |prefix| service.id.text(self.seed).starts_with(prefix))
            && self.any("mode", |mode| mode == service.spec.mode.name())
            && self.any("runtime", |runtime| runtime == "container")
            && self.labels("label", &service.spec.annotations.labels)
    }

    pub(super) fn admit_network(&self, network: &Network) -> bool {
        self.any("name", |part| network.name().contains(part))
            && self.any("id", |prefix| network.id.text(self.seed).starts_with(prefix))
            && self.any("driver", |driver| driver == network.spec.driver())
            && self.any("scope", |scope| scope == "swarm")
            // Those that every engine has by itself are built in, and never among these.
            && self.any("type", |kind| kind == "custom")
            && self.labels("label", &network.spec.annotations.labels)
    }

    pub(super) fn admit_node(&self, node: &Node) -> bool {
        let engine = node.description.as_ref().and_then(|description| description.engine.as_ref());
        let no_labels = Labels::new();
        self.any("name", |prefix| node.description.is_some() && node.hostname().starts_with(prefix))
            && self.any("id", |prefix| node.id.text(self.seed).starts_with(prefix))
            && self.any("role", |role| role.eq_ignore_ascii_case(node.role.name()))
            && self.any("membership", |membership| membership.eq_ignore_ascii_case("accepted"))
            && self.labels("node.label", &node.spec.annotations.labels)
            && self.labels("label", engine.map_or(&no_labels, |engine| &engine.labels))
    }

    pub(super) fn admit_task(&self, task: &Task) -> bool {
        self.any("name", |prefix| self.task_name(task).starts_with(prefix))
            && self.any("id", |prefix| task.id.text(self.seed).starts_with(prefix))
            && self.any("desired-state", |state| TaskState::from_name(state) == Some(task.desired_state))
            && self.any("runtime", |runtime| runtime == "container")
            && self.labels("label", &task.service_annotations.labels)
    }

    /// Name of the task's container: `web.1.<id>`, or `web.<node id>.<id>` without a slot.
    fn task_name(&self, task: &Task) -> String {
        let service = &task.service_annotations.name;
        let id = task.id.text(self.seed);
        match task.slot.0 {
            0 => format!("{service}.{}.{id}", task.node.map_or(String::new(), |node| node.text(self.seed))),
            slot => format!("{service}.{slot}.{id}"),
        }
    }

    /// True if one of the key's values holds, or it has none. An empty value always holds.
    fn any(&self, key: &'static str, mut holds: impl FnMut(&str) -> bool) -> bool {
        self.values(key).next().is_none() || self.values(key).any(|value| value.is_empty() || holds(value))
    }

    /// True if all labels are there that the key's values ask for, as `name` or `name=value`.
    fn labels(&self, key: &'static str, labels: &Labels) -> bool {
        self.values(key).all(|wanted| {
            let (name, value) = wanted.split_once('=').unwrap_or((wanted, ""));
            labels.get(name).is_some_and(|found| value.is_empty() || found == value)
        })
    }
}
