//! Whether what a recording gives can be replayed: all names are known, numbers are sane, and nothing is asked for that the
//! simulation cannot begin with. What is left out of a replay would make its figures agree by accident.
use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, Deed, Given, InitialNode, InitialTask, Probes, RecordedMode, RecordedRole, TaskName, Update,
};
use crate::recordings::distinct;

/// Longer runs are mistakes: the longest recorded one took two minutes.
const DURATION_MAX_MS: f64 = 86_400_000.0;
/// More requests than these are mistakes.
const PROBES_MAX: u64 = 100_000;
/// More actions than these are mistakes; the numbers of commands after them belong to probes.
const ACTIONS_MAX: usize = 1_000;

impl Given {
    /// Whether all of this can be replayed.
    ///
    /// # Errors
    /// Says what cannot.
    pub(in crate::timelines) fn check(&self) -> Result<(), String> {
        if !(self.duration_ms > 0.0 && self.duration_ms <= DURATION_MAX_MS) {
            return Err(format!("a run of {} ms is not replayed", self.duration_ms));
        }
        self.check_nodes()?;
        self.check_services()?;
        self.initial.tasks.iter().try_for_each(|task| self.check_task(task))?;
        self.check_actions()?;
        self.probes.iter().try_for_each(|probes| self.check_probes(probes))
    }

    fn check_nodes(&self) -> Result<(), String> {
        let names = self.initial.nodes.iter().map(|node| node.node.as_str());
        distinct("node", names.chain(self.joining().map(|(name, _)| name)))?;
        for (role, counted) in [(RecordedRole::Manager, self.managers), (RecordedRole::Worker, self.workers)]
        {
            let listed = self.members(role).count();
            if listed != counted {
                let role = role.word();
                return Err(format!(
                    "{counted} nodes are said to be {role}s at time zero, {listed} are listed"
                ));
            }
        }
        for (word, name) in [("leader", self.leader()), ("join_via", self.join_via())] {
            if !self.is_manager(name) {
                return Err(format!("{word}: {name} is no manager at time zero"));
            }
        }
        if let Some(target) = self.target.as_deref().filter(|target| !self.knows(target)) {
            return Err(format!("target: {target} is no node"));
        }
        let period = |node: &&InitialNode| node.period_ms.is_some_and(|period| period <= 0.0);
        match self.initial.nodes.iter().find(period) {
            Some(node) => Err(format!("{} has heartbeats without a period", node.node)),
            None => Ok(()),
        }
    }

    fn knows(&self, name: &str) -> bool {
        let initial = self.initial.nodes.iter().map(|node| node.node.as_str());
        initial.chain(self.joining().map(|(name, _)| name)).any(|known| known == name)
    }

    fn check_services(&self) -> Result<(), String> {
        distinct("service", self.all_services().map(|service| service.name.as_str()))?;
        for service in self.all_services() {
            let name = &service.name;
            if (service.mode == RecordedMode::Replicated) != service.replicas.is_some() {
                return Err(format!("{name}: replicated services have replicas, others have none"));
            }
            let ratio = |update: &Update| (0.0..=1.0).contains(&update.max_failure_ratio);
            if !service.update_config.iter().chain(&service.rollback_config).all(ratio) {
                return Err(format!("{name}: a failure ratio is outside of 0 to 1"));
            }
        }
        let tasks = self.initial.tasks.iter();
        let places = tasks.map(|task| task.task.split('#').next().unwrap_or_default());
        distinct("place of a task at time zero", places)
    }

    fn check_task(&self, task: &InitialTask) -> Result<(), String> {
        let name = TaskName::parse(&task.task)?;
        let Some(service) = self.initial_services().find(|service| service.name == name.service) else {
            return Err(format!("{}: no service {} exists at time zero", task.task, name.service));
        };
        let is_named_well = match service.mode {
            RecordedMode::Replicated => name.slot() > 0,
            RecordedMode::Global => name.place == task.node,
        };
        if !is_named_well || name.ordinal == 0 {
            return Err(format!("{} is no name of a task of {} on {}", task.task, service.name, task.node));
        }
        if !self.initial.nodes.iter().any(|node| node.node == task.node) {
            return Err(format!("{}: {} is no node at time zero", task.task, task.node));
        }
        if (task.desired.as_str(), task.state.as_str()) != ("RUNNING", "RUNNING") {
            let states = format!("{}/{}", task.desired, task.state);
            return Err(format!(
                "{} is {states} at time zero, and only running tasks are replayed",
                task.task
            ));
        }
        if task.image != service.image {
            return Err(format!(
                "{} runs {} at time zero, its service {}",
                task.task, task.image, service.image
            ));
        }
        Ok(())
    }

    /// Actions are in order, and each finds its node as it must be.
    fn check_actions(&self) -> Result<(), String> {
        if self.actions.is_empty() || self.actions.len() >= ACTIONS_MAX {
            return Err(format!("{} actions are not replayed", self.actions.len()));
        }
        let mut at_ms = f64::NEG_INFINITY;
        let initial = self.initial.nodes.iter().map(|node| (node.node.as_str(), Process::Runs));
        let mut processes: BTreeMap<&str, Process> = initial.collect();
        let mut services: BTreeSet<&str> =
            self.initial_services().map(|service| service.name.as_str()).collect();
        for Action { t_ms, deed } in &self.actions {
            if *t_ms < at_ms || *t_ms > self.duration_ms {
                return Err(format!("an action at {t_ms} ms is out of order, or after the end"));
            }
            at_ms = *t_ms;
            match deed {
                Deed::ServiceCreate { service } => {
                    if !self.all_services().any(|known| known.name == *service) || !services.insert(service) {
                        return Err(format!("service {service} is not described, or created twice"));
                    }
                }
                Deed::ServiceUpdate { service, image, replicas } => {
                    if !services.contains(service.as_str()) || (image.is_none() && replicas.is_none()) {
                        return Err(format!("an update of service {service} at {t_ms} ms changes nothing"));
                    }
                }
                _ => {
                    let node = deed.node().expect("all others are about nodes");
                    let before = processes.get(node).copied();
                    let after = deed.after(before);
                    let after =
                        after.ok_or_else(|| format!("{deed:?} at {t_ms} ms finds no such process"))?;
                    processes.insert(node, after);
                }
            }
        }
        Ok(())
    }

    fn check_probes(&self, probes: &Probes) -> Result<(), String> {
        if !self.is_manager(&probes.via) {
            return Err(format!("probes.via: {} is no manager at time zero", probes.via));
        }
        let counts =
            [probes.read_every_ms, probes.write_every_ms].map(|every| probes.until_ms.checked_div(every));
        match counts.iter().all(|count| count.is_some_and(|count| count <= PROBES_MAX)) {
            true => Ok(()),
            false => Err("probes: every_ms is zero, or there are too many of them".to_owned()),
        }
    }
}

/// What the process of a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    Runs,
    Frozen,
    Ended,
}

impl Deed {
    /// What the process does after this; nothing, if this cannot happen to it. Commands about nodes that are gone are
    /// answered by the cluster.
    fn after(&self, before: Option<Process>) -> Option<Process> {
        match (self, before) {
            (Deed::Crash { .. }, Some(Process::Runs | Process::Frozen)) => Some(Process::Ended),
            (Deed::Stop { .. }, Some(Process::Runs)) => Some(Process::Ended),
            (Deed::Freeze { .. }, Some(Process::Runs)) => Some(Process::Frozen),
            (Deed::Thaw { .. }, Some(Process::Frozen)) => Some(Process::Runs),
            (Deed::Restart { .. }, Some(Process::Ended)) => Some(Process::Runs),
            (Deed::Join { .. }, None) => Some(Process::Runs),
            (
                Deed::Crash { .. }
                | Deed::Stop { .. }
                | Deed::Freeze { .. }
                | Deed::Thaw { .. }
                | Deed::Restart { .. }
                | Deed::Join { .. },
                _,
            ) => None,
            (_, before) => before,
        }
    }
}
