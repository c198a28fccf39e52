//! Waits for a pause in the stream of commits before the scheduler works (spec scheduler 5.3).
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::manager::loops::Context;
use crate::protocol::LoopTimer;

/// How long it must be quiet after a commit (spec scheduler 1).
const COMMIT_DEBOUNCE_GAP: SimDuration = SimDuration::from_millis(50);
/// A commit later than this after the first one is answered at once (spec scheduler 1).
const MAX_LATENCY: SimDuration = SimDuration::from_secs(1);

/// The scheduler's timer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Debounce {
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    timer: TimerId,
    /// When the first commit was heard that the timer waits for.
    started: SimTime,
}

impl Debounce {
    /// A commit was heard. True if the scheduler has waited long enough and is to work now.
    pub(super) fn commit(&mut self, context: &mut Context<'_>) -> bool {
        let now = context.now();
        let mut started = now;
        if let Some(running) = self.running.take() {
            context.cancel_timer(running.timer);
            started = running.started;
        }
        if now.since(started) > MAX_LATENCY {
            return true;
        }
        let timer = context.set_timer(LoopTimer::SchedulerDebounce, now + COMMIT_DEBOUNCE_GAP);
        self.running = Some(Running { timer, started });
        false
    }

    /// The timer ran out.
    pub(super) fn fired(&mut self) {
        self.running = None;
    }
}

impl StateDigest for Debounce {
    fn digest(&self, digest: &mut Digest) {
        let Self { running } = self;
        digest.bool(running.is_some());
        // The timer's number says nothing about the cluster.
        if let Some(Running { timer: _, started }) = running {
            digest.time(*started);
        }
    }
}
