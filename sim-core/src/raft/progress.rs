//! What a leader knows of one member's log, and what it may send next (spec 2.7).
use std::fmt;

use super::inflight::Inflight;

/// The leader's view of one member, itself included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The member's log is known to agree with the leader's up to here.
    pub(crate) matched: u64,
    /// The first entry to send next; everything between `matched` and here is under way. Above `matched`.
    pub(crate) next: u64,
    /// How entries are sent.
    pub(crate) state: ProgressState,
    /// Whether the member has answered since the last quorum check.
    pub(crate) recent_active: bool,
    /// Whether appends wait for a sign of life.
    pub(super) append_paused: bool,
    /// The highest commit index on its way to the member.
    pub(super) sent_commit: u64,
    pub(super) inflight: Inflight,
}

/// How a leader sends entries to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressState {
    /// One message at a time, until it is known where the logs agree.
    Probe,
    /// As many messages as the window takes, without waiting.
    Replicate,
    /// Nothing, until the snapshot up to `pending` has arrived.
    Snapshot { pending: u64 },
}

impl Progress {
    /// The progress of a member when a term starts.
    pub(super) fn new(next: u64, max_inflight: usize) -> Self {
        Progress {
            matched: 0,
            next,
            state: ProgressState::Probe,
            recent_active: false,
            append_paused: false,
            sent_commit: 0,
            inflight: Inflight::new(max_inflight),
        }
    }

    /// Whether nothing may be appended at the moment.
    pub(crate) fn is_paused(&self) -> bool {
        match self.state {
            ProgressState::Probe | ProgressState::Replicate => self.append_paused,
            ProgressState::Snapshot { .. } => true,
        }
    }

    /// Messages with entries that the member has not answered yet.
    #[cfg(test)]
    pub(crate) fn inflight(&self) -> usize {
        self.inflight.len()
    }

    fn enter(&mut self, state: ProgressState) {
        self.append_paused = false;
        self.inflight.clear();
        self.state = state;
    }

    /// Starts to probe: behind a snapshot that arrived, else behind what is known to match.
    pub(super) fn become_probe(&mut self) {
        let delivered = match self.state {
            ProgressState::Snapshot { pending } => pending,
            ProgressState::Probe | ProgressState::Replicate => 0,
        };
        self.enter(ProgressState::Probe);
        self.next = self.matched.max(delivered) + 1;
        self.forget_commits_beyond_next();
    }

    pub(super) fn become_replicate(&mut self) {
        self.enter(ProgressState::Replicate);
        self.next = self.matched + 1;
    }

    pub(super) fn become_snapshot(&mut self, pending: u64) {
        self.enter(ProgressState::Snapshot { pending });
        self.next = pending + 1;
        self.sent_commit = pending;
    }

    /// The snapshot never arrived.
    pub(super) fn snapshot_failed(&mut self) {
        self.state = ProgressState::Snapshot { pending: 0 };
        self.become_probe();
    }

    /// A message with this many entries from `next` on has left.
    pub(super) fn sent_entries(&mut self, count: u64) {
        match self.state {
            ProgressState::Replicate => {
                if count > 0 {
                    self.next += count;
                    self.inflight.add(self.next - 1);
                }
                self.append_paused = self.inflight.is_full();
            }
            ProgressState::Probe => self.append_paused |= count > 0,
            ProgressState::Snapshot { .. } => {
                unreachable!("nothing is appended while a snapshot is under way")
            }
        }
    }

    /// Whether a message with this commit index may move the member's commit index before the next heartbeat.
    pub(super) fn can_bump_commit(&self, commit: u64) -> bool {
        commit > self.sent_commit && self.sent_commit < self.next - 1
    }

    /// The member has acknowledged everything up to `index`. False if that was known.
    pub(super) fn acknowledge(&mut self, index: u64) -> bool {
        if index <= self.matched {
            return false;
        }
        self.matched = index;
        self.next = self.next.max(index + 1);
        self.append_paused = false;
        true
    }

    /// The member has rejected the append after `rejected`; the logs may agree up to `hint`. False if the
    /// rejection is older than what is known.
    pub(super) fn back_off(&mut self, rejected: u64, hint: u64) -> bool {
        match self.state {
            ProgressState::Replicate => {
                if rejected <= self.matched {
                    return false;
                }
                self.next = self.matched + 1;
            }
            ProgressState::Probe | ProgressState::Snapshot { .. } => {
                // A probe is out alone, so its rejection names the entry before `next`.
                if rejected != self.next - 1 {
                    return false;
                }
                self.next = rejected.min(hint + 1).max(self.matched + 1);
                self.append_paused = false;
            }
        }
        self.forget_commits_beyond_next();
        true
    }

    fn forget_commits_beyond_next(&mut self) {
        self.sent_commit = self.sent_commit.min(self.next - 1);
    }
}

/// For people: `Replicate matched 11 next 15 paused inflight 3 (full)`.
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            ProgressState::Probe => f.write_str("Probe")?,
            ProgressState::Replicate => f.write_str("Replicate")?,
            ProgressState::Snapshot { pending } => write!(f, "Snapshot {pending}")?,
        }
        write!(f, " matched {} next {}", self.matched, self.next)?;
        if self.is_paused() {
            f.write_str(" paused")?;
        }
        if self.inflight.len() > 0 {
            let full = if self.inflight.is_full() { " (full)" } else { "" };
            write!(f, " inflight {}{full}", self.inflight.len())?;
        }
        if !self.recent_active {
            f.write_str(" inactive")?;
        }
        Ok(())
    }
}
