//! A point in time that is put off often and reached rarely.
//!
//! Each of ten thousand heartbeats a second puts off the end of a session. A timer that is already set for an
//! earlier instant is left alone: when it fires too early, it is set again for the instant that counts by then.
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::manager::loops::Context;
use crate::protocol::LoopTimer;

/// When something happens unless it is put off again.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    due: Option<SimTime>,
    /// The timer that will ask whether it is time, and when it does.
    armed: Option<(SimTime, TimerId)>,
}

impl Deadline {
    /// A deadline that waits for [`Deadline::arm`], made where no timer can be set.
    pub(super) fn at(due: SimTime) -> Self {
        Deadline { due: Some(due), armed: None }
    }

    /// Moves the deadline, to an earlier or a later time.
    pub(super) fn set(&mut self, due: SimTime, timer: LoopTimer, context: &mut Context<'_>) {
        self.due = Some(due);
        self.arm(timer, context);
    }

    /// Sees to it that a timer fires at the deadline or before. A deadline that has passed is due now.
    pub(super) fn arm(&mut self, timer: LoopTimer, context: &mut Context<'_>) {
        let Some(due) = self.due else { return };
        match self.armed {
            Some((at, _)) if at <= due => return,
            Some((_, early)) => context.cancel_timer(early),
            None => {}
        }
        let at = due.max(context.now());
        self.armed = Some((at, context.set_timer(timer, at)));
    }

    /// A timer fired. True if the deadline is reached, which is then over; else the timer is set again.
    pub(super) fn is_reached(&mut self, timer: LoopTimer, context: &mut Context<'_>) -> bool {
        let now = context.now();
        if self.armed.is_none_or(|(at, _)| at > now) {
            return false;
        }
        self.armed = None;
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            return true;
        }
        self.arm(timer, context);
        false
    }

    /// Nothing is due any more. The timer stays and finds nothing to do.
    pub(super) fn forget(&mut self) {
        self.due = None;
    }

    /// Takes the timer back, too.
    pub(super) fn cancel(self, context: &mut Context<'_>) {
        if let Some((_, timer)) = self.armed {
            context.cancel_timer(timer);
        }
    }
}

impl StateDigest for Deadline {
    fn digest(&self, digest: &mut Digest) {
        // Timers that fire too early change nothing.
        let Self { due, armed: _ } = self;
        due.digest(digest);
    }
}
