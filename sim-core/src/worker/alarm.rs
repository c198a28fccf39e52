//! A timer of an agent that knows when it is due.
//!
//! A frozen engine hears its timers late, and cannot take back one that has run out meanwhile. So whoever waits
//! for a timer asks whether it is due: a timer that was replaced in the last moment is not.
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::protocol::{AgentTimer, Effects, Timer};

/// A timer that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alarm {
    at: SimTime,
    timer: TimerId,
}

impl Alarm {
    /// Sets a timer.
    pub(super) fn set(timer: AgentTimer, at: SimTime, out: &mut Effects) -> Self {
        Alarm { at, timer: out.set_timer(Timer::Agent(timer), at) }
    }

    /// Takes the timer back, if it has not run out.
    pub(super) fn cancel(self, out: &mut Effects) {
        out.cancel_timer(self.timer);
    }

    /// When the timer runs out.
    pub(super) fn at(self) -> SimTime {
        self.at
    }

    /// True if the time has come.
    pub(super) fn is_due(self, out: &Effects) -> bool {
        self.at <= out.now()
    }
}

impl StateDigest for Alarm {
    fn digest(&self, digest: &mut Digest) {
        let Self { at, timer: _ } = self;
        digest.time(*at);
    }
}
