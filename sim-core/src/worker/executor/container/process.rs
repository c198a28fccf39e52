//! The running process of a container: when it ends, and how healthy it is.
//!
//! A moment that is fixed beforehand is kept with its cause, so that a later engine process can wait for it again.
use super::Owner;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{ContainerEvent, FactId};
use crate::protocol::{AgentTimer, Effects};
use crate::worker::alarm::Alarm;
use crate::worker::executor::health::{HealthCheck, Verdict};

/// How long a process may take to end after its stop signal, if its service does not say (spec control-plane 1.3).
const STOP_GRACE_DEFAULT: SimDuration = SimDuration::from_secs(10);

/// A running process.
#[derive(Debug)]
pub(in crate::worker::executor) struct Process {
    started_at: SimTime,
    /// It was asked to stop.
    signalled: bool,
    health: Health,
    /// When it ends, as far as that is known.
    end: Option<(End, Moment)>,
    /// What happens next to its health.
    checkup: Option<(Checkup, Moment)>,
    /// The engine died with this fact, and its next process will end the container.
    doomed: Option<FactId>,
}

/// What the engine knows about a process's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::worker::executor) enum Health {
    /// There is no check.
    Unchecked,
    /// It was never found healthy.
    Starting,
    Healthy,
    Unhealthy,
}

/// How a process ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) code: i32,
    /// It did not stop in time.
    pub(super) overdue: bool,
}

impl End {
    /// It is killed from outside.
    pub(super) const BY_FORCE: End = End { code: 137, overdue: false };
    /// It did what it was asked for.
    const STOPPED: End = End { code: 0, overdue: false };
    /// It is killed after the grace period.
    const OVERDUE: End = End { code: 137, overdue: true };
}

/// What happens to a process because of its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkup {
    Becomes(Verdict),
    /// The pause before the stop of an unhealthy process is over.
    Stop,
}

/// A moment that is fixed beforehand.
#[derive(Clone, Copy, Debug)]
struct Moment {
    alarm: Alarm,
    cause: FactId,
}

impl Process {
    /// The process begins.
    pub(super) fn start(owner: Owner<'_>, out: &mut Effects) -> Self {
        owner.tell(ContainerEvent::Started, out);
        Process::begin(owner, out)
    }

    /// A process that has been running for long: it is healthy, and its time runs from here on.
    pub(super) fn settled(owner: Owner<'_>, out: &mut Effects) -> Self {
        let mut process = Process::begin(owner, out);
        if let Some((_, first)) = process.checkup.take() {
            first.alarm.cancel(out);
            process.health = Health::Healthy;
            process.schedule_decline(owner, out);
        }
        process
    }

    fn begin(owner: Owner<'_>, out: &mut Effects) -> Self {
        let (now, profile) = (out.now(), owner.profile());
        let end = profile.exit.map(|exit| {
            let end = End { code: i32::from(exit.code), overdue: false };
            (end, owner.exit_at(now + exit.after, out))
        });
        let check = owner.health_check();
        let checkup = check.map(|check| {
            let (after, verdict) = check.first_verdict(&profile.health);
            (Checkup::Becomes(verdict), owner.checkup_at(now + after, out))
        });
        let health = if check.is_some() { Health::Starting } else { Health::Unchecked };
        Process { started_at: now, signalled: false, health, end, checkup, doomed: None }
    }

    pub(in crate::worker::executor) fn health(&self) -> Health {
        self.health
    }

    /// How it ends, if the time has come.
    pub(super) fn due_end(&mut self, out: &Effects) -> Option<End> {
        self.end.take_if(|(_, moment)| moment.alarm.is_due(out)).map(|(end, _)| end)
    }

    /// What happens to its health, if the time has come.
    pub(super) fn due_checkup(&mut self, out: &Effects) -> Option<Checkup> {
        self.checkup.take_if(|(_, moment)| moment.alarm.is_due(out)).map(|(checkup, _)| checkup)
    }

    /// Its health changes.
    pub(super) fn becomes(&mut self, verdict: Verdict, owner: Owner<'_>, out: &mut Effects) {
        match verdict {
            Verdict::Healthy => {
                self.health = Health::Healthy;
                owner.tell(ContainerEvent::Healthy, out);
                self.schedule_decline(owner, out);
            }
            Verdict::Unhealthy => {
                self.health = Health::Unhealthy;
                owner.tell(ContainerEvent::Unhealthy, out);
            }
        }
    }

    /// A healthy process may become unhealthy.
    fn schedule_decline(&mut self, owner: Owner<'_>, out: &mut Effects) {
        let check = owner.health_check().expect("it was checked");
        let decline = check.decline(&owner.profile().health, out.now().since(self.started_at));
        self.checkup = decline.map(|age| {
            let at = self.started_at + age;
            (Checkup::Becomes(Verdict::Unhealthy), owner.checkup_at(at, out))
        });
    }

    /// It gets the stop signal, unless it has got it before. If it ends by itself earlier, it does so.
    pub(super) fn stop(&mut self, owner: Owner<'_>, out: &mut Effects) {
        if self.signalled {
            return;
        }
        self.signalled = true;
        owner.tell(ContainerEvent::StopSignal, out);
        let (takes, end) = owner.end_of_stop();
        let at = out.now() + takes;
        match &self.end {
            Some((_, moment)) if moment.alarm.at() <= at => return,
            Some((_, moment)) => moment.alarm.cancel(out),
            None => {}
        }
        self.end = Some((end, owner.exit_at(at, out)));
    }

    /// It will get the stop signal after a pause.
    pub(super) fn stop_after(&mut self, pause: SimDuration, owner: Owner<'_>, out: &mut Effects) {
        self.checkup = Some((Checkup::Stop, owner.checkup_at(out.now() + pause, out)));
    }

    /// It gets the stop signal, and its end is not waited for.
    pub(super) fn stop_at_once(&mut self, owner: Owner<'_>, out: &mut Effects) -> End {
        if !self.signalled {
            owner.tell(ContainerEvent::StopSignal, out);
        }
        owner.end_of_stop().1
    }

    /// Its engine dies. Nobody is left to kill it for being late, and nobody to stop it for its health.
    pub(super) fn engine_died(&mut self, survives: bool, out: &Effects) {
        self.doomed = (!survives).then(|| out.cause());
        if self.end.is_some_and(|(end, _)| end.overdue) {
            self.end = None;
            self.signalled = false;
        }
        if self.checkup.is_some_and(|(checkup, _)| checkup == Checkup::Stop) {
            self.checkup = None;
        }
    }

    /// An engine process starts. The answer is how the process has ended meanwhile, or ends now; the current
    /// cause is the reason then.
    pub(super) fn engine_started(&mut self, owner: Owner<'_>, out: &mut Effects) -> Option<End> {
        if let Some(cause) = self.doomed {
            out.set_cause(cause);
            return Some(End::BY_FORCE);
        }
        let cause = out.cause();
        if let Some((end, moment)) = self.end {
            out.set_cause(moment.cause);
            if moment.alarm.is_due(out) {
                return Some(end);
            }
            self.end = Some((end, owner.exit_at(moment.alarm.at(), out)));
        }
        if let Some((checkup, moment)) = self.checkup {
            // The first check comes one interval after the start of the engine.
            let interval = owner.health_check().expect("it was checked").interval;
            out.set_cause(moment.cause);
            let at = moment.alarm.at().max(out.now() + interval);
            self.checkup = Some((checkup, owner.checkup_at(at, out)));
        }
        out.set_cause(cause);
        None
    }

    pub(super) fn cancel_timers(&self, out: &mut Effects) {
        let end = self.end.as_ref().map(|(_, moment)| moment);
        let checkup = self.checkup.as_ref().map(|(_, moment)| moment);
        end.into_iter().chain(checkup).for_each(|moment| moment.alarm.cancel(out));
    }
}

impl Owner<'_> {
    fn exit_at(&self, at: SimTime, out: &mut Effects) -> Moment {
        self.moment(at, AgentTimer::Exit(self.task.id), out)
    }

    fn checkup_at(&self, at: SimTime, out: &mut Effects) -> Moment {
        self.moment(at, AgentTimer::HealthCheck(self.task.id), out)
    }

    fn moment(&self, at: SimTime, timer: AgentTimer, out: &mut Effects) -> Moment {
        Moment { alarm: Alarm::set(timer, at, out), cause: out.cause() }
    }

    fn health_check(&self) -> Option<HealthCheck> {
        let image = self.profile().health.check.as_ref();
        HealthCheck::of(self.task.spec.container.health.as_ref(), image)
    }

    /// How long the process lives after a stop signal, and how it ends. The grace period is passed on to the
    /// engine in whole seconds.
    fn end_of_stop(&self) -> (SimDuration, End) {
        let wanted = self.task.spec.container.stop_grace_period;
        let grace = wanted.map_or(STOP_GRACE_DEFAULT, |grace| SimDuration::from_secs(grace.as_secs()));
        let profile = self.profile();
        if profile.ignores_stop || profile.stop > grace {
            (grace, End::OVERDUE)
        } else {
            (profile.stop, End::STOPPED)
        }
    }
}

impl StateDigest for Process {
    fn digest(&self, digest: &mut Digest) {
        let Self { started_at, signalled, health, end, checkup, doomed } = self;
        digest.time(*started_at);
        digest.bool(*signalled);
        digest.u8(*health as u8);
        digest.u8(u8::from(end.is_some()) + 2 * u8::from(checkup.is_some()));
        if let Some((End { code, overdue }, moment)) = end {
            digest.i64(i64::from(*code));
            digest.bool(*overdue);
            moment.digest(digest);
        }
        if let Some((checkup, moment)) = checkup {
            digest.bool(*checkup == Checkup::Stop);
            moment.digest(digest);
        }
        doomed.digest(digest);
    }
}

impl StateDigest for Moment {
    fn digest(&self, digest: &mut Digest) {
        let Self { alarm, cause } = self;
        alarm.digest(digest);
        cause.digest(digest);
    }
}
