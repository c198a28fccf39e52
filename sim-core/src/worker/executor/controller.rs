//! Does for a task what its manager asks for (spec control-plane 7.7).
//!
//! An operation is begun once and then looked at after everything that happens to the container, until it has an
//! outcome. An interrupted operation is simply not looked at any more: the pull and the engine go on, and so does
//! the shutdown of an unhealthy container. Deliberately absent are reasons to fail that need more than an image
//! and a process: volumes, and sources of bind mounts.
use std::fmt;

use super::container::{Container, Health, Owner};
use super::endpoints::{has_service_binding, overlays};
use super::health::Verdict;
use super::images::Presence;
use super::ports::HostPorts;
use super::transition::Operation;
use super::{Context, Site};
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{ContainerEvent, FactId, Slot, Task};
use crate::protocol::{AgentTimer, Effects};
use crate::worker::alarm::Alarm;

/// Time between the removal of a task from load balancing and its stop signal, for gossip to spread (spec
/// networking 1).
const GOSSIP_CONVERGE_DELAY: SimDuration = SimDuration::from_secs(2);
/// How long a task waits for the addresses of its node (spec networking 1).
const ATTACHMENTS_TIMEOUT: SimDuration = SimDuration::from_secs(30);
/// How often it looks for them (spec networking 1).
const ATTACHMENTS_POLL: SimDuration = SimDuration::from_millis(100);

/// The container of a task, and what is being done with it.
#[derive(Debug, Default)]
pub(super) struct Controller {
    container: Option<Container>,
    /// The operation that started the process still waits for it to be healthy.
    start_watched: bool,
    /// The pause before the stop signal runs.
    pause: Option<Alarm>,
    /// The preparation waits for addresses of the node: when it looks again, and when it gives up.
    attachments_awaited: Option<(Alarm, SimTime)>,
    /// Why a preparation that had to wait failed.
    unprepared: Option<OperationError>,
    /// The container was shut down because it was unhealthy.
    shut_down_unhealthy: bool,
    /// The container vanished with this fact.
    lost: Option<FactId>,
}

/// Why an operation failed, in the words of the real system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OperationError {
    NoSuchImage(String),
    NoSuchContainer(String),
    NoAttachments,
    Exit { code: i32, unhealthy: bool },
}

/// How an operation ended.
pub(super) type Outcome = Result<(), OperationError>;

impl Controller {
    /// The container has been running for long.
    pub(super) fn settled(owner: Owner<'_>, ports: &mut HostPorts, out: &mut Effects) -> Self {
        Controller { container: Some(Container::settled(owner, ports, out)), ..Controller::default() }
    }

    /// Begins an operation. Whether it is over already is for [`Controller::outcome`] to say.
    pub(super) fn begin(
        &mut self,
        operation: Operation,
        task: &Task,
        context: &mut Context<'_>,
    ) -> Result<(), OperationError> {
        let owner = Owner { task, site: context.site };
        match operation {
            Operation::Prepare => {
                self.unprepared = None;
                return self.prepare_networks(context.out.now() + ATTACHMENTS_TIMEOUT, owner, context);
            }
            Operation::Start => {
                if let Some(container @ Container::Created) = &mut self.container {
                    container.start(owner, context.out);
                    self.start_watched = true;
                }
            }
            Operation::Wait => self.shut_down_unhealthy = false,
            Operation::Shutdown => self.shut_down(owner, context),
        }
        Ok(())
    }

    /// The node needs an address on every overlay network of the task before its container can be made.
    fn prepare_networks(
        &mut self,
        deadline: SimTime,
        owner: Owner<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), OperationError> {
        if let Some((poll, _)) = self.attachments_awaited.take() {
            poll.cancel(context.out);
        }
        if overlays(owner.task).all(|wanted| context.attached.contains(&wanted.network.id)) {
            owner.attach(context.out);
            return self.prepare(owner, context);
        }
        let now = context.out.now();
        if now >= deadline {
            return Err(OperationError::NoAttachments);
        }
        let timer = AgentTimer::Operation(owner.task.id);
        let poll = Alarm::set(timer, now + ATTACHMENTS_POLL, context.out);
        self.attachments_awaited = Some((poll, deadline));
        Ok(())
    }

    fn prepare(&mut self, owner: Owner<'_>, context: &mut Context<'_>) -> Result<(), OperationError> {
        if self.container.is_some() {
            return Ok(());
        }
        match context.images.presence(owner.task, owner.site) {
            Presence::Here => self.create(owner, context.out),
            Presence::Nowhere => {
                return Err(OperationError::NoSuchImage(owner.task.spec.container.image.clone()));
            }
            Presence::Coming => {}
            Presence::Wanted => {
                owner.tell(ContainerEvent::Pulling, context.out);
                context.images.pull(owner.task, owner.site, context.out);
            }
        }
        Ok(())
    }

    fn create(&mut self, owner: Owner<'_>, out: &mut Effects) {
        self.container = Some(Container::create(owner, out));
        self.lost = None;
    }

    /// Takes the task out of load balancing, then stops its container. The pause is kept even if there is no
    /// container.
    fn shut_down(&mut self, owner: Owner<'_>, context: &mut Context<'_>) {
        context.images.give_up(owner.task.id, context.out);
        self.stop_awaiting(context.out);
        owner.disable(context.out);
        if let Some(container @ Container::Creating { .. }) = &self.container {
            container.cancel_timers(context.out);
            self.container = None;
        }
        if has_service_binding(owner.task) {
            let timer = AgentTimer::Operation(owner.task.id);
            self.pause = Some(Alarm::set(timer, context.out.now() + GOSSIP_CONVERGE_DELAY, context.out));
        } else {
            self.stop(owner, context.out);
        }
    }

    fn stop_awaiting(&mut self, out: &mut Effects) {
        if let Some((poll, _)) = self.attachments_awaited.take() {
            poll.cancel(out);
        }
    }

    fn stop(&mut self, owner: Owner<'_>, out: &mut Effects) {
        if let Some(container) = &mut self.container {
            container.stop(owner, out);
        }
    }

    /// Nobody waits for the operation any longer.
    pub(super) fn interrupt(&mut self) {
        self.start_watched = false;
    }

    /// The outcome of an operation that was begun, if it has one by now.
    pub(super) fn outcome(&self, operation: Operation, task: &Task, site: &Site) -> Option<Outcome> {
        let Some(container) = &self.container else {
            return match operation {
                Operation::Prepare => self.unprepared.clone().map(Err),
                Operation::Start | Operation::Wait => {
                    Some(Err(OperationError::NoSuchContainer(site.container_name(task))))
                }
                Operation::Shutdown => self.pause.is_none().then_some(Ok(())),
            };
        };
        match operation {
            Operation::Prepare => (!matches!(container, Container::Creating { .. })).then_some(Ok(())),
            Operation::Start => self.outcome_of_start(container),
            Operation::Wait => container.exited().map(|(code, _)| self.outcome_of_exit(code)),
            Operation::Shutdown => (self.pause.is_none() && !container.is_alive()).then_some(Ok(())),
        }
    }

    /// A process with a health check is started when it is healthy, but only for the operation that started it:
    /// to a later one it is simply started.
    fn outcome_of_start(&self, container: &Container) -> Option<Outcome> {
        match container {
            Container::Creating { .. } | Container::Created | Container::Starting { .. } => None,
            Container::Running(process) => {
                let waits = matches!(process.health(), Health::Starting | Health::Unhealthy);
                (!(self.start_watched && waits)).then_some(Ok(()))
            }
            Container::Exited { code, .. } if self.start_watched => Some(self.outcome_of_exit(*code)),
            Container::Exited { .. } => Some(Ok(())),
        }
    }

    fn outcome_of_exit(&self, code: i32) -> Outcome {
        let unhealthy = self.shut_down_unhealthy;
        if code == 0 { Ok(()) } else { Err(OperationError::Exit { code, unhealthy }) }
    }

    /// The image of the task was pulled. `wanted`: its preparation waits for it.
    pub(super) fn pulled(&mut self, wanted: bool, task: &Task, context: &mut Context<'_>) {
        let owner = Owner { task, site: context.site };
        owner.tell(ContainerEvent::Pulled, context.out);
        if wanted {
            self.create(owner, context.out);
        }
    }

    /// A timer of the container or its shutdown runs out. `operation` is what the task's manager waits for.
    pub(super) fn fire(
        &mut self,
        timer: AgentTimer,
        operation: Option<Operation>,
        task: &Task,
        context: &mut Context<'_>,
    ) {
        let owner = Owner { task, site: context.site };
        if let AgentTimer::Operation(_) = timer
            && let Some((_, deadline)) =
                self.attachments_awaited.take_if(|(poll, _)| poll.is_due(context.out))
        {
            return self.look_for_attachments(operation, deadline, owner, context);
        }
        let out = &mut *context.out;
        if let AgentTimer::Operation(_) = timer {
            if self.pause.take_if(|pause| pause.is_due(out)).is_some() {
                self.stop(owner, out);
            }
            return;
        }
        let Some(container) = &mut self.container else { return };
        match timer {
            AgentTimer::Engine(_) => container.engine_done(owner, context.ports, out),
            AgentTimer::Exit(_) => container.exit(owner, out),
            AgentTimer::HealthCheck(_) => {
                let verdict = container.checkup(owner, out);
                let waits = matches!(operation, Some(Operation::Start | Operation::Wait));
                if verdict == Some(Verdict::Unhealthy) && waits {
                    self.shut_down_as_unhealthy(owner, out);
                }
            }
            AgentTimer::Operation(_)
            | AgentTimer::Retry(_)
            | AgentTimer::OpenSession
            | AgentTimer::Heartbeat
            | AgentTimer::CallTimeout(_)
            | AgentTimer::Pulled(_) => unreachable!("{timer:?} is for others"),
        }
    }

    /// Looks again for the addresses of the node, unless the preparation was interrupted. What is wrong is the
    /// outcome of the preparation.
    fn look_for_attachments(
        &mut self,
        operation: Option<Operation>,
        deadline: SimTime,
        owner: Owner<'_>,
        context: &mut Context<'_>,
    ) {
        if operation == Some(Operation::Prepare) {
            self.unprepared = self.prepare_networks(deadline, owner, context).err();
        }
    }

    /// The operation that waits for the process shuts it down, and goes on waiting.
    fn shut_down_as_unhealthy(&mut self, owner: Owner<'_>, out: &mut Effects) {
        self.shut_down_unhealthy = true;
        owner.disable(out);
        let container = self.container.as_mut().expect("it is unhealthy");
        if has_service_binding(owner.task) {
            container.stop_after(GOSSIP_CONVERGE_DELAY, owner, out);
        } else {
            container.stop(owner, out);
        }
    }

    /// The process is killed from outside. False if there is none.
    pub(super) fn kill(&mut self, owner: Owner<'_>, out: &mut Effects) -> bool {
        self.container.as_mut().is_some_and(|container| container.kill(owner, out))
    }

    /// The container and all that is being done with it go at once.
    pub(super) fn abandon(&mut self, owner: Owner<'_>, context: &mut Context<'_>) {
        self.kill(owner, context.out);
        context.images.give_up(owner.task.id, context.out);
        self.stop_awaiting(context.out);
        if let Some(pause) = self.pause.take() {
            pause.cancel(context.out);
        }
        if let Some(container) = self.container.take() {
            container.cancel_timers(context.out);
        }
        owner.detach(context.out);
    }

    /// True if there is a process, or soon will be.
    pub(super) fn is_alive(&self) -> bool {
        self.container.as_ref().is_some_and(Container::is_alive)
    }

    /// Exit code of the container, if it has ended.
    pub(super) fn exit_code(&self) -> Option<i32> {
        self.container.as_ref()?.exited().map(|(code, _)| code)
    }

    /// The fact that the process ended, or that the container vanished.
    pub(super) fn end(&self) -> Option<FactId> {
        self.container.as_ref().and_then(Container::exited).map(|(_, fact)| fact).or(self.lost)
    }

    /// The host loses power, and with it the container. What remains of one that has exited is on the disk.
    pub(super) fn lose_power(&mut self, owner: Owner<'_>, out: &mut Effects) {
        if let Some(container) = self.container.take_if(|container| container.exited().is_none()) {
            container.cancel_timers(out);
            owner.tell(ContainerEvent::Lost, out);
            self.lost = Some(out.cause());
        }
        self.engine_ended();
    }

    /// The engine process dies.
    pub(super) fn engine_died(&mut self, survives: bool, out: &mut Effects) {
        if self.container.as_mut().is_some_and(|container| !container.engine_died(survives, out)) {
            self.container = None;
        }
        self.engine_ended();
    }

    /// The engine was stopped in an orderly way, with its containers.
    pub(super) fn engine_stopped(&mut self, owner: Owner<'_>, out: &mut Effects) {
        if self.container.as_mut().is_some_and(|container| !container.engine_stopped(owner, out)) {
            self.container = None;
        }
        self.engine_ended();
    }

    fn engine_ended(&mut self) {
        (self.start_watched, self.pause, self.shut_down_unhealthy) = (false, None, false);
        (self.attachments_awaited, self.unprepared) = (None, None);
    }

    /// An engine process starts, or an agent in it.
    pub(super) fn engine_started(
        &mut self,
        owner: Owner<'_>,
        ports: Option<&mut HostPorts>,
        out: &mut Effects,
    ) {
        if let Some(container) = &mut self.container {
            container.engine_started(owner, ports, out);
        }
    }
}

impl Site {
    /// The name of a task's container: service, slot (or node, for a global service) and task.
    pub(super) fn container_name(&self, task: &Task) -> String {
        let service = &task.service_annotations.name;
        let place = match (task.slot, task.node) {
            (Slot(0), Some(node)) => node.text(self.seed),
            (Slot(number), _) => number.to_string(),
        };
        format!("{service}.{place}.{}", task.id.text(self.seed))
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OperationError::NoSuchImage(image) => write!(f, "No such image: {image}"),
            OperationError::NoAttachments => {
                f.write_str("node is missing network attachments, ip addresses may be exhausted")
            }
            OperationError::NoSuchContainer(name) => write!(f, "No such container: {name}"),
            OperationError::Exit { code, unhealthy: false } => write!(f, "task: non-zero exit ({code})"),
            OperationError::Exit { code, unhealthy: true } => {
                write!(f, "task: non-zero exit ({code}): dockerexec: unhealthy container")
            }
        }
    }
}

impl StateDigest for Controller {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            container,
            start_watched,
            pause,
            attachments_awaited,
            unprepared,
            shut_down_unhealthy,
            lost,
        } = self;
        container.digest(digest);
        digest.bool(*start_watched);
        pause.digest(digest);
        attachments_awaited.map(|(poll, _)| poll).digest(digest);
        digest.bool(unprepared.is_some());
        digest.bool(*shut_down_unhealthy);
        lost.digest(digest);
    }
}
