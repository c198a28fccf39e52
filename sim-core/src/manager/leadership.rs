//! What a manager does while it leads: it runs the control loops and proposes what they write
//! (spec control-plane 3.2, 5.1, 5.2).
use std::sync::Arc;

use super::Manager;
use super::dispatcher::{Dispatcher, HeartbeatPeriods, SettledSession};
use super::loops::{LeaderLoops, MembershipWish, WriteError};
use super::scheduler::Scheduler;
use super::ties::TieBreaker;
use crate::kernel::{Digest, SimDuration, SimTime, StateDigest};
use crate::model::{Defect, Fact, FactId};
use crate::protocol::{Effects, LoopKind, LoopTimer, ManagerTimer, StoreEntry, Timer};
use crate::raft::{Role, SoftState};
use crate::store::ChangeSet;

/// A store whose lock was held for longer is wedged (spec control-plane 5.5).
const WEDGE_TIMEOUT: SimDuration = SimDuration::from_secs(30);
/// Time between two hand-overs because of that (spec control-plane 5.5).
const WEDGE_PAUSE: SimDuration = SimDuration::from_secs(60);

/// The control loops of one leadership.
#[derive(Debug)]
pub(crate) struct Leadership {
    loops: LeaderLoops,
    /// Index of the entry that the holder of the store's lock waits for, and since when it has the lock.
    proposal: Option<(u64, SimTime)>,
    /// True if the loops will get their turn at this instant.
    turn_due: bool,
}

impl Leadership {
    /// What the loops want of the members of the Raft cluster.
    pub(super) fn take_wishes(&mut self) -> Vec<(MembershipWish, FactId)> {
        self.loops.take_wishes()
    }

    /// The random streams of heartbeat periods, which outlive the leadership.
    pub(super) fn into_periods(self) -> Option<HeartbeatPeriods> {
        self.loops.into_dispatcher().map(Dispatcher::into_periods)
    }
}

impl Manager {
    /// Starts the loops once everything that earlier leaders left in the log is applied: Raft may lead earlier.
    pub(super) fn maybe_lead(&mut self, out: &mut Effects) {
        let complete = self.raft.applied_index() >= self.raft.last().index;
        if self.leadership.is_some() || self.raft.role() != Role::Leader || !complete {
            return;
        }
        if self.found_swarm(out) {
            return;
        }
        let fact = out.fact(Fact::Leadership { host: self.host, active: true });
        out.set_cause(fact);
        self.lead(out);
    }

    /// Runs the loops from here on.
    fn lead(&mut self, out: &mut Effects) {
        let (periods, ties) = self.take_periods();
        self.run_loops(Dispatcher::new(periods, ties), out);
    }

    /// Has been running the loops for a while.
    pub(crate) fn lead_settled(&mut self, out: &mut Effects) {
        let (periods, ties) = self.take_periods();
        self.run_loops(Dispatcher::settled(periods, ties), out);
    }

    fn take_periods(&mut self) -> (HeartbeatPeriods, TieBreaker) {
        let periods = self.kit.periods.take().expect("a manager that does not lead has its periods");
        (periods, self.kit.settings.tie_breaker("dispatcher"))
    }

    fn run_loops(&mut self, dispatcher: Dispatcher, out: &mut Effects) {
        self.epoch += 1;
        out.set_epoch(self.epoch);
        let loops = LeaderLoops::of_kinds(&LoopKind::IN_A_CLUSTER, &self.kit.settings);
        self.kit.settings.leadership += 1;
        let mut loops = loops.with_dispatcher(dispatcher);
        let members = self.member_list();
        loops.start(&members, &self.store, out);
        loops.managers_changed(self.member_hosts(), &members, &self.store, out);
        self.leadership = Some(Leadership { loops, proposal: None, turn_due: false });
        self.schedule_turn(out);
    }

    /// The loops of this manager, if it leads.
    pub(crate) fn loops(&self) -> Option<&LeaderLoops> {
        self.leadership.as_ref().map(|leadership| &leadership.loops)
    }

    /// Ends the loops: waiting writes fail, the dispatcher says goodbye.
    pub(super) fn stop_leading(&mut self, out: &mut Effects) {
        let Some(mut leadership) = self.leadership.take() else { return };
        out.set_epoch(self.epoch);
        let cause = out.cause();
        if leadership.proposal.take().is_some() {
            leadership.loops.failed(WriteError::LostLeadership, &self.store, out);
        }
        out.set_cause(cause);
        leadership.loops.stop(&self.store, out);
        self.kit.periods = leadership.into_periods();
        self.abandon_membership(out);
        out.set_cause(cause);
        out.fact(Fact::Leadership { host: self.host, active: false });
    }

    /// Proposes what the next writer in the queue for the lock has to write.
    pub(super) fn propose_next(&mut self, out: &mut Effects) {
        let Some(leadership) = &self.leadership else { return };
        if leadership.proposal.is_some() || !leadership.loops.want_to_write() {
            return self.schedule_turn(out);
        }
        // Whether the others can do without a member is looked at when a write has the lock.
        let members = self.member_list();
        let leadership = self.leadership.as_mut().expect("it is there, see above");
        out.set_epoch(self.epoch);
        leadership.loops.set_members(&members);
        while leadership.proposal.is_none() {
            let version = self.raft.commit_index();
            let Some(changes) = leadership.loops.next_proposal(&mut self.store, out, version) else { break };
            match self.raft.propose(StoreEntry(changes)) {
                Ok(index) => leadership.proposal = Some((index, out.now())),
                Err(_) => leadership.loops.failed(WriteError::Dropped, &self.store, out),
            }
        }
        self.schedule_turn(out);
    }

    /// An entry was applied: its writer goes on, and everybody who watches hears of it.
    pub(super) fn publish_applied(
        &mut self,
        index: u64,
        changes: &Arc<ChangeSet>,
        causes: Vec<FactId>,
        out: &mut Effects,
    ) {
        let Some(leadership) = &mut self.leadership else { return };
        out.set_epoch(self.epoch);
        let own = leadership.proposal.is_some_and(|(own, _)| own == index);
        if own && !self.kit.sabotage.is(Defect::KeepLock) {
            leadership.proposal = None;
            leadership.loops.committed(changes, causes, &self.store, out);
        } else {
            leadership.loops.publish(changes, causes);
        }
    }

    /// A leader whose store's lock was held for too long hands the leadership over, which frees the lock (spec
    /// control-plane 5.5). It is looked at with everything that Raft hands out, before that is sent.
    pub(super) fn break_wedge(&mut self, soft_state: Option<SoftState>, out: &Effects) {
        let now = out.now();
        let leads = soft_state.is_none_or(|state| state.role == Role::Leader);
        let proposal = self.leadership.as_ref().filter(|_| leads).and_then(|leadership| leadership.proposal);
        let wedged = proposal.is_some_and(|(_, since)| now.since(since) > WEDGE_TIMEOUT);
        let allowed = self.wedge_broken.is_none_or(|last| now.since(last) >= WEDGE_PAUSE);
        if wedged
            && allowed
            && let Some(target) = self.active_peer()
        {
            self.wedge_broken = Some(now);
            self.raft.transfer_leader(target);
        }
    }

    pub(super) fn fire_loop(&mut self, timer: LoopTimer, epoch: u32, out: &mut Effects) {
        let Some(leadership) = self.leadership.as_mut().filter(|_| epoch == self.epoch) else { return };
        out.set_epoch(epoch);
        leadership.loops.fire(timer, &self.store, out);
    }

    /// All timers of this instant have acted: the loops handle what they have heard, in turn.
    pub(super) fn loops_turn(&mut self, out: &mut Effects) {
        let Some(leadership) = &mut self.leadership else { return };
        out.set_epoch(self.epoch);
        leadership.turn_due = false;
        while leadership.loops.turn(&self.store, out) {}
    }

    /// Lets something act on the running loops.
    pub(super) fn with_loops(
        &mut self,
        out: &mut Effects,
        act: impl FnOnce(&mut LeaderLoops, &crate::store::Store, &mut Effects),
    ) {
        if let Some(leadership) = &mut self.leadership {
            out.set_epoch(self.epoch);
            act(&mut leadership.loops, &self.store, out);
        }
    }

    /// Loops hear of things after all timers of the instant have acted (spec orchestration 20.1).
    fn schedule_turn(&mut self, out: &mut Effects) {
        let Some(leadership) = &mut self.leadership else { return };
        if leadership.loops.has_mail() && !leadership.turn_due {
            leadership.turn_due = true;
            out.set_timer(Timer::Manager(ManagerTimer::LoopsTurn), out.now());
        }
    }
}

impl Manager {
    /// The scheduler, while this manager leads.
    pub(crate) fn scheduler(&self) -> Option<&Scheduler> {
        self.leadership.as_ref()?.loops.scheduler()
    }

    /// Takes over a session that was open before the run began. Returns when its next heartbeat is due.
    pub(crate) fn settle_session(&mut self, settled: SettledSession, out: &mut Effects) -> SimTime {
        let leadership = self.leadership.as_mut().expect("sessions are settled on the leader");
        out.set_epoch(self.epoch);
        leadership.loops.settle_session(settled, &self.store, out)
    }
}

impl StateDigest for Leadership {
    fn digest(&self, digest: &mut Digest) {
        let Self { loops, proposal, turn_due } = self;
        loops.digest(digest);
        proposal.digest(digest);
        digest.bool(*turn_due);
    }
}
