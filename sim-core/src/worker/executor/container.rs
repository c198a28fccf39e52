//! One container, as the engine of its host sees it.
//!
//! The engine finishes what it was asked for even if nobody waits for the answer any longer, and a process lives
//! without its engine.
mod process;

pub(super) use process::Health;
use process::{Checkup, End, Process};

use super::Site;
use super::health::Verdict;
use super::ports::HostPorts;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::setup::ImageProfile;
use crate::model::{ContainerEvent, Fact, FactId, Task};
use crate::protocol::{AgentTimer, Effects};
use crate::worker::alarm::Alarm;

/// A container.
#[derive(Debug)]
pub(super) enum Container {
    /// The engine is creating it.
    Creating { done: Alarm },
    /// It has no process yet.
    Created,
    /// The engine is starting its process. `stop`: somebody already waits to stop it.
    Starting { done: Alarm, stop: bool },
    /// Its process runs.
    Running(Process),
    /// Its process has ended.
    Exited { code: i32, fact: FactId },
}

/// The task of a container and the place where it runs.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) task: &'a Task,
    pub(super) site: &'a Site,
}

impl Owner<'_> {
    pub(super) fn profile(&self) -> &ImageProfile {
        self.site.profile(self.task)
    }

    /// Tells what happened to the container. What follows is caused by it.
    pub(super) fn tell(&self, event: ContainerEvent, out: &mut Effects) {
        let fact = out.fact(Fact::Container { task: self.task.id, host: self.site.host, event });
        out.set_cause(fact);
    }

    fn engine_alarm(&self, after: SimDuration, out: &mut Effects) -> Alarm {
        Alarm::set(AgentTimer::Engine(self.task.id), out.now() + after, out)
    }
}

impl Container {
    /// The engine begins to create a container.
    pub(super) fn create(owner: Owner<'_>, out: &mut Effects) -> Self {
        Container::Creating { done: owner.engine_alarm(owner.profile().prepare, out) }
    }

    /// A container that has been running for long.
    pub(super) fn settled(owner: Owner<'_>, ports: &mut HostPorts, out: &mut Effects) -> Self {
        let process = Process::settled(owner, out);
        owner.join_again(process.health(), ports, out);
        Container::Running(process)
    }

    /// The engine begins to start the process of a created container.
    pub(super) fn start(&mut self, owner: Owner<'_>, out: &mut Effects) {
        assert!(matches!(self, Container::Created), "only a created container is started");
        *self = Container::Starting { done: owner.engine_alarm(owner.profile().start, out), stop: false };
    }

    /// The engine has done what it was asked for.
    pub(super) fn engine_done(&mut self, owner: Owner<'_>, ports: &mut HostPorts, out: &mut Effects) {
        match self {
            Container::Creating { done } if done.is_due(out) => {
                *self = Container::Created;
                owner.tell(ContainerEvent::Created, out);
            }
            Container::Starting { done, stop } if done.is_due(out) => {
                let stop = *stop;
                *self = Container::Running(Process::start(owner, out));
                owner.start_network(ports, out);
                if let Container::Running(process) = self
                    && process.health() == Health::Unchecked
                {
                    owner.enable(out);
                }
                if stop {
                    self.stop(owner, out);
                }
            }
            Container::Creating { .. }
            | Container::Created
            | Container::Starting { .. }
            | Container::Running(_)
            | Container::Exited { .. } => {}
        }
    }

    /// The process gets the stop signal, once. One that is being started gets it when it runs.
    pub(super) fn stop(&mut self, owner: Owner<'_>, out: &mut Effects) {
        match self {
            Container::Starting { stop, .. } => *stop = true,
            Container::Running(process) => process.stop(owner, out),
            Container::Creating { .. } | Container::Created | Container::Exited { .. } => {}
        }
    }

    /// The process ends, if its time has come.
    pub(super) fn exit(&mut self, owner: Owner<'_>, out: &mut Effects) {
        if let Container::Running(process) = self
            && let Some(end) = process.due_end(out)
        {
            self.end(end, owner, out);
        }
    }

    /// The process, if there is one, is killed from outside. False if there is none.
    pub(super) fn kill(&mut self, owner: Owner<'_>, out: &mut Effects) -> bool {
        let runs = matches!(self, Container::Running(_));
        if runs {
            self.end(End::BY_FORCE, owner, out);
        }
        runs
    }

    fn end(&mut self, end: End, owner: Owner<'_>, out: &mut Effects) {
        self.cancel_timers(out);
        if end.overdue {
            owner.tell(ContainerEvent::Killed, out);
        }
        owner.tell(ContainerEvent::Exited { code: end.code }, out);
        owner.remove_network(out);
        *self = Container::Exited { code: end.code, fact: out.cause() };
    }

    /// A change of the process's health is due, or what follows from it. The answer is the change.
    pub(super) fn checkup(&mut self, owner: Owner<'_>, out: &mut Effects) -> Option<Verdict> {
        let Container::Running(process) = self else { return None };
        match process.due_checkup(out)? {
            Checkup::Becomes(verdict) => {
                process.becomes(verdict, owner, out);
                if verdict == Verdict::Healthy {
                    owner.enable(out);
                }
                Some(verdict)
            }
            Checkup::Stop => {
                process.stop(owner, out);
                None
            }
        }
    }

    /// An unhealthy process will be stopped after a pause.
    pub(super) fn stop_after(&mut self, pause: SimDuration, owner: Owner<'_>, out: &mut Effects) {
        let Container::Running(process) = self else { unreachable!("only a process is unhealthy") };
        process.stop_after(pause, owner, out);
    }

    /// True if there is a process, or soon will be.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self, Container::Starting { .. } | Container::Running(_))
    }

    /// Exit code of the process and the fact that says so, if it has ended.
    pub(super) fn exited(&self) -> Option<(i32, FactId)> {
        match self {
            Container::Exited { code, fact } => Some((*code, *fact)),
            Container::Creating { .. }
            | Container::Created
            | Container::Starting { .. }
            | Container::Running(_) => None,
        }
    }

    /// Nothing happens to the container any more, except at once.
    pub(super) fn cancel_timers(&self, out: &mut Effects) {
        match self {
            Container::Creating { done } | Container::Starting { done, .. } => done.cancel(out),
            Container::Running(process) => process.cancel_timers(out),
            Container::Created | Container::Exited { .. } => {}
        }
    }

    /// The engine process dies, and its timers with it. What it had not finished is undone. False if nothing is
    /// left.
    pub(super) fn engine_died(&mut self, survives: bool, out: &mut Effects) -> bool {
        self.cancel_timers(out);
        match self {
            Container::Creating { .. } => return false,
            Container::Starting { .. } => *self = Container::Created,
            Container::Running(process) => process.engine_died(survives, out),
            Container::Created | Container::Exited { .. } => {}
        }
        true
    }

    /// The engine stops its processes and ends; that takes no time here. False if nothing is left.
    pub(super) fn engine_stopped(&mut self, owner: Owner<'_>, out: &mut Effects) -> bool {
        if let Container::Running(process) = self {
            let end = process.stop_at_once(owner, out);
            self.end(end, owner, out);
        }
        self.engine_died(true, out)
    }

    /// An engine process, or an agent in it, starts and finds the container. In a new process its networks are made
    /// again, with these ports of the machine: nobody else does that for one that is still to be started.
    pub(super) fn engine_started(
        &mut self,
        owner: Owner<'_>,
        ports: Option<&mut HostPorts>,
        out: &mut Effects,
    ) {
        match self {
            Container::Created if ports.is_some() => owner.attach(out),
            Container::Running(process) => match (process.engine_started(owner, out), ports) {
                (Some(end), _) => self.end(end, owner, out),
                (None, Some(ports)) => owner.join_again(process.health(), ports, out),
                (None, None) => {}
            },
            Container::Created
            | Container::Creating { .. }
            | Container::Starting { .. }
            | Container::Exited { .. } => {}
        }
    }
}

impl StateDigest for Container {
    fn digest(&self, digest: &mut Digest) {
        match self {
            Container::Creating { done } => {
                digest.u8(0);
                done.digest(digest);
            }
            Container::Created => digest.u8(1),
            Container::Starting { done, stop } => {
                digest.u8(2);
                done.digest(digest);
                digest.bool(*stop);
            }
            Container::Running(process) => {
                digest.u8(3);
                process.digest(digest);
            }
            Container::Exited { code, fact } => {
                digest.u8(4);
                digest.i64(i64::from(*code));
                fact.digest(digest);
            }
        }
    }
}
