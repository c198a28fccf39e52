//! Raft's clock, and whatever else makes its role change: which fact is to blame for that.
//!
//! A change of role is told when Raft hands it out, which may be later, when something else is being done. So the fact
//! behind it is noted when it happens.
use super::Manager;
use crate::kernel::SimDuration;
use crate::model::FactId;
use crate::protocol::{Effects, ManagerTimer, StoreEntry, Timer};
use crate::raft::{Message, Role};

/// Time between two ticks of Raft (spec control-plane 1.1).
const TICK: SimDuration = SimDuration::from_secs(1);

/// The facts behind a manager's role.
#[derive(Debug, Default)]
pub(super) struct RoleCauses {
    /// What changed the role or the leader, until that is told.
    pub(super) of_change: Option<FactId>,
    /// What was told last of the role.
    pub(super) told: Option<FactId>,
}

impl Manager {
    /// The first tick of a process comes after a random part of a second.
    pub(super) fn start_ticking(&mut self, out: &mut Effects) {
        let phase = self.kit.streams.tick.span(SimDuration::ZERO, TICK);
        out.set_timer(Timer::Manager(ManagerTimer::RaftTick), out.now() + phase);
    }

    pub(super) fn tick(&mut self, out: &mut Effects) {
        out.set_timer(Timer::Manager(ManagerTimer::RaftTick), out.now() + TICK);
        if self.persisting.is_some() {
            self.tick_waits = true;
        } else {
            self.tick_raft(out);
        }
    }

    pub(super) fn tick_raft(&mut self, out: &mut Effects) {
        let silence = self.silence_behind_tick(out);
        let before = (self.raft.soft_state(), self.raft.term());
        self.raft.tick();
        if before != (self.raft.soft_state(), self.raft.term()) {
            let cause = silence.unwrap_or(out.cause());
            out.set_cause(cause);
            self.role_causes.of_change = Some(cause);
        }
        self.ticks_without_leader =
            if self.raft.leader().is_some() { 0 } else { self.ticks_without_leader + 1 };
    }

    /// What to blame if this tick changes the role. Whoever campaigns does so because the leader went silent, or
    /// because nobody has led since the last thing that was told; a leader that steps down by itself has not heard of a
    /// majority.
    fn silence_behind_tick(&self, out: &Effects) -> Option<FactId> {
        if self.raft.role() == Role::Leader {
            let hosts = self.members.values().map(|member| member.host);
            return hosts.filter_map(|host| out.delay_cause(self.host, host)).max();
        }
        match self.leader_host() {
            Some(leader) => out.delay_cause(self.host, leader),
            None => self.role_causes.told,
        }
    }

    /// Raft hears a message.
    pub(super) fn step(&mut self, message: Message<StoreEntry>, out: &Effects) {
        let before = self.raft.soft_state();
        self.raft.step(message);
        if self.raft.soft_state() != before {
            self.role_causes.of_change = Some(out.cause());
        }
    }
}
