//! Whose timers are heard: those of the processes and components that run, and not of those before them.
use super::Timer;
use crate::kernel::{Digest, StateDigest};

/// Counts the engine processes of a host, and the managers and agents in them. Each has its own timers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lives {
    process: u32,
    manager: u32,
    agent: u32,
}

impl Lives {
    /// The engine process.
    pub(crate) fn process(self) -> u32 {
        self.process
    }

    /// The one that a timer belongs to.
    pub(crate) fn of(self, timer: &Timer) -> u32 {
        match timer {
            Timer::Loop(..) | Timer::Manager(_) => self.manager,
            Timer::Agent(_) => self.agent,
            Timer::Client(_) | Timer::Node(_) | Timer::Alarm(_) => self.process,
        }
    }

    /// The engine process is over, and all that lived in it.
    pub(crate) fn end_process(&mut self) {
        self.process += 1;
        self.end_manager();
        self.end_agent();
    }

    /// The manager is over.
    pub(crate) fn end_manager(&mut self) {
        self.manager += 1;
    }

    /// The agent is over, or begins anew.
    pub(crate) fn end_agent(&mut self) {
        self.agent += 1;
    }
}

impl StateDigest for Lives {
    fn digest(&self, digest: &mut Digest) {
        let Self { process, manager, agent } = self;
        digest.u32(*process);
        digest.u32(*manager);
        digest.u32(*agent);
    }
}
