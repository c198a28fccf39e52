//! What a task asks of a node, read once for all nodes that are looked at.
use super::node_info::{HostPort, host_ports, reservations};
use crate::model::constraint::Constraint;
use crate::model::spec::MountKind;
use crate::model::{Placement, Reservations, Task};

/// A task as the filters see it.
#[derive(Clone, Debug)]
pub(super) struct Needs<'a> {
    pub(super) task: &'a Task,
    pub(super) reservations: Option<&'a Reservations>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) host_ports: Vec<HostPort>,
    /// Drivers of volume mounts that are not the engine's own.
    pub(super) volume_drivers: Vec<&'a str>,
    /// Seed of the run, which gives node ids their text.
    pub(super) seed: u64,
}

impl<'a> Needs<'a> {
    pub(super) fn of(task: &'a Task, seed: u64) -> Self {
        let volumes = task.spec.container.mounts.iter().filter(|mount| mount.kind == MountKind::Volume);
        let drivers = volumes.map(|mount| mount.driver.as_str());
        Needs {
            task,
            reservations: reservations(task),
            constraints: task.spec.constraints(),
            host_ports: host_ports(task).collect(),
            volume_drivers: drivers.filter(|driver| !matches!(*driver, "" | "local")).collect(),
            seed,
        }
    }

    pub(super) fn placement(&self) -> Option<&'a Placement> {
        self.task.spec.placement.as_ref()
    }

    pub(super) fn max_replicas(&self) -> u64 {
        self.placement().map_or(0, |placement| placement.max_replicas)
    }
}
