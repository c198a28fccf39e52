//! One machine: its power, its engine process and what lives in it.
use std::collections::VecDeque;

use super::clients::Clients;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::manager::{Manager, ManagerDisk};
use crate::mesh::Mesh;
use crate::protocol::{Effects, Event};
use crate::worker::Agent;

/// Whether a host and its engine run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// No power: nobody answers.
    Off,
    /// The machine runs, its engine does not: connections are refused.
    EngineStopped,
    /// The engine runs.
    On,
}

/// A machine of the cluster.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) power: Power,
    /// Counts engine processes. Timers and connections belong to one of them.
    pub(crate) life: u32,
    /// What has arrived at a frozen engine, if it is frozen.
    pub(crate) frozen: Option<VecDeque<Event>>,
    pub(crate) agent: Option<Agent>,
    /// In a place of its own, as the disk: most hosts have none, and every event looks at a host.
    pub(crate) manager: Option<Box<Manager>>,
    /// What a manager left on the disk while its process is down.
    pub(crate) manager_disk: Option<Box<ManagerDisk>>,
    /// The network of the machine. It goes on while the engine process is dead.
    pub(crate) mesh: Mesh,
    pub(crate) clients: Clients,
}

impl Host {
    /// The engine process is over, however that came. Its manager is what is on the disk.
    pub(crate) fn end_process(&mut self, power: Power) {
        self.power = power;
        if power == Power::Off {
            self.mesh.forget();
        }
        self.life += 1;
        self.frozen = None;
        if let Some(manager) = self.manager.take() {
            self.manager_disk = Some(Box::new(manager.into_disk()));
        }
    }

    /// Writes of a manager to the disk take this much longer from here on, whether its process runs or not.
    pub(crate) fn slow_disk(&mut self, by: SimDuration) {
        if let Some(manager) = &mut self.manager {
            manager.slow_disk(by);
        }
        if let Some(disk) = &mut self.manager_disk {
            disk.kit.disk_delay = by;
        }
    }

    /// Everything that the engine knew of its swarm is gone.
    pub(crate) fn lose_disk(&mut self) {
        self.manager_disk = None;
        self.agent = None;
    }

    /// A new engine process starts on what the disk holds.
    pub(crate) fn start_process(&mut self, out: &mut Effects) {
        self.power = Power::On;
        self.mesh.forget();
        if let Some(disk) = self.manager_disk.take() {
            self.manager = Some(Box::new(Manager::start(*disk, out)));
        }
        if let Some(agent) = &mut self.agent {
            agent.start(out);
        }
    }
}

impl StateDigest for Host {
    fn digest(&self, digest: &mut Digest) {
        let Self { power, life, frozen, agent, manager, manager_disk, mesh, clients } = self;
        digest.u8(*power as u8);
        digest.u32(*life);
        digest.u64(frozen.as_ref().map_or(0, |backlog| backlog.len() as u64 + 1));
        agent.digest(digest);
        manager.as_deref().digest(digest);
        digest.bool(manager_disk.is_some());
        mesh.digest(digest);
        clients.digest(digest);
    }
}
