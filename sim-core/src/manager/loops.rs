//! Runs the control loops of a leading manager, each as the goroutine that it is in SwarmKit.
//!
//! A *strand* stands for a goroutine: a loop, an update worker, a delayed start. It has at most one write
//! outstanding and hears nothing meanwhile; its events wait. Writers take the store's lock in turn. This module
//! decides who acts next (spec orchestration 20.2) and does not know Raft: it hands out the change set of the
//! lock's holder and is told what became of it. On a bench that is at once, in a cluster after a round trip.
mod context;
mod control_loop;
mod mail;
mod roster;
mod settings;
mod transitions;
mod watches;
mod writes;

pub(crate) use context::{Context, MembershipWish};
pub(crate) use control_loop::{ControlLoop, Heard, MAIN_STRAND, Strand};
pub use settings::LoopSettings;
pub(crate) use watches::Interest;
pub(crate) use writes::{Outcome, Step, WriteError};

use std::sync::Arc;

use self::context::Desk;
use self::mail::{Commit, Letter, Mailboxes};
use self::roster::Roster;
use self::writes::Write;
use super::orchestrator::restart::StartWaits;
use super::orchestrator::update::UpdateWaits;
use super::scheduler::Scheduler;
use crate::kernel::{Digest, StateDigest};
use crate::model::{FactId, HostId, ServiceId, TaskId};
use crate::protocol::{Effects, LoopKind, LoopTimer, MemberList, ReplyTo, Request};
use crate::store::{ChangeSet, Store};

/// The loops of one leadership, and who of them acts next.
#[derive(Debug)]
pub(crate) struct LeaderLoops {
    loops: Roster,
    desk: Desk,
    mail: Mailboxes,
    /// See [`LoopSettings::watchers_first`].
    watchers_first: bool,
}

impl LeaderLoops {
    /// Loops that will hear the store, in the order of their kinds whatever the order given here.
    pub(crate) fn new(loops: Vec<(LoopKind, Box<dyn ControlLoop>)>) -> Self {
        LeaderLoops {
            loops: Roster::of(loops),
            desk: Desk::default(),
            mail: Mailboxes::default(),
            watchers_first: false,
        }
    }

    /// Loops of these kinds.
    ///
    /// # Panics
    /// If a kind cannot run without a manager around it.
    pub(crate) fn of_kinds(kinds: &[LoopKind], settings: &LoopSettings) -> Self {
        let loops = Self::new(kinds.iter().map(|kind| (*kind, settings::make(*kind, settings))).collect());
        LeaderLoops { watchers_first: settings.watchers_first, ..loops }
    }

    /// The scheduler, if it is one of these loops.
    pub(crate) fn scheduler(&self) -> Option<&Scheduler> {
        self.loops.get(LoopKind::Scheduler)?.scheduler()
    }

    /// Starts all loops, in the order of spec control-plane 5.1. They begin with these members of the Raft cluster.
    pub(crate) fn start(&mut self, members: &MemberList, store: &Store, effects: &mut Effects) {
        self.members_changed(members);
        for kind in self.loops.dispatcher_first() {
            self.with_loop(kind, store, effects, |control_loop, context| control_loop.start(context));
        }
    }

    /// A timer of a loop ran out: it acts before any loop hears of anything (spec orchestration 20.1).
    pub(crate) fn fire(&mut self, timer: LoopTimer, store: &Store, effects: &mut Effects) {
        self.with_loop(timer.owner(), store, effects, |control_loop, context| {
            control_loop.fire(timer, context);
        });
    }

    /// Somebody asks the loop that is responsible for such requests.
    pub(crate) fn request(
        &mut self,
        reply: ReplyTo,
        from: HostId,
        request: Request,
        store: &Store,
        effects: &mut Effects,
    ) {
        let kind = match request {
            Request::Session { .. }
            | Request::Heartbeat { .. }
            | Request::UpdateTaskStatus { .. }
            | Request::Assignments { .. } => LoopKind::Dispatcher,
            Request::Api(_) => LoopKind::Api,
            Request::RootCertificate | Request::IssueCertificate(_) | Request::CertificateStatus { .. } => {
                LoopKind::CertificateAuthority
            }
            Request::Raft(_) | Request::Health | Request::JoinRaft(_) | Request::Forwarded { .. } => {
                unreachable!("{request:?} is for the manager itself")
            }
        };
        self.with_loop(kind, store, effects, |control_loop, context| {
            control_loop.request(reply, from, request, context);
        });
    }

    /// Tells the control API who the members of the Raft cluster are.
    pub(crate) fn set_members(&mut self, members: &MemberList) {
        self.loops.get_mut(LoopKind::Api).expect("a leader answers clients").members(members);
    }

    /// True if somebody could write now.
    pub(crate) fn want_to_write(&self) -> bool {
        !self.desk.writes.is_locked() && self.desk.writes.has_waiting()
    }

    /// What loops want of the members since this was last asked.
    pub(crate) fn take_wishes(&mut self) -> Vec<(MembershipWish, FactId)> {
        std::mem::take(&mut self.desk.wishes)
    }

    /// The change that the role manager wished for is over.
    pub(crate) fn membership_settled(&mut self, store: &Store, effects: &mut Effects) {
        self.with_loop(LoopKind::RoleManager, store, effects, |control_loop, context| {
            control_loop.membership_settled(context);
        });
    }

    /// The caller of a request is not interested any longer.
    pub(crate) fn hang_up(&mut self, reply: ReplyTo, store: &Store, effects: &mut Effects) {
        self.with_all(store, effects, |control_loop, context| control_loop.hang_up(reply, context));
    }

    /// The process at the other end of all connections with a host has died.
    pub(crate) fn reset(&mut self, host: HostId, store: &Store, effects: &mut Effects) {
        self.with_all(store, effects, |control_loop, context| control_loop.reset(host, context));
    }

    /// Leadership is lost: all loops end, the dispatcher first (spec control-plane 5.2).
    pub(crate) fn stop(&mut self, store: &Store, effects: &mut Effects) {
        for kind in self.loops.dispatcher_first() {
            self.with_loop(kind, store, effects, |control_loop, context| control_loop.stop(context));
        }
    }

    /// Gives the lock to the writers in turn until one of them has something to commit, and returns that. The
    /// caller owes an answer: [`LeaderLoops::committed`] or [`LeaderLoops::failed`].
    pub(crate) fn next_proposal(
        &mut self,
        store: &mut Store,
        effects: &mut Effects,
        version: u64,
    ) -> Option<Arc<ChangeSet>> {
        while !self.desk.writes.is_locked() {
            let mut write = self.desk.writes.take_next()?;
            let owner = self.loops.get_mut(write.strand.owner).expect("a write has a running loop");
            let result = write.run(owner, store, effects, version);
            match result {
                Ok(changes) if changes.len() > 0 => {
                    transitions::assert_permitted(write.strand.owner, &changes);
                    let changes = Arc::new(changes);
                    self.desk.writes.lock(write);
                    return Some(changes);
                }
                Ok(_) => self.settle(write, Outcome::Unchanged, store, effects),
                Err(error) => self.settle(write, Outcome::Failed(error), store, effects),
            }
        }
        None
    }

    /// The proposal was committed and applied to `store`. Publishes its events, frees the lock, and lets its
    /// writer go on.
    pub(crate) fn committed(
        &mut self,
        changes: &Arc<ChangeSet>,
        causes: Vec<FactId>,
        store: &Store,
        effects: &mut Effects,
    ) {
        self.publish(changes, causes);
        let write = self.desk.writes.unlock().expect("a proposal was outstanding");
        if write.is_complete() {
            return self.settle(write, Outcome::Committed, store, effects);
        }
        let (strand, cause) = (write.strand, write.cause);
        // Other writers may come between two parts.
        self.desk.writes.push(write);
        effects.set_cause(cause);
        self.with_loop(strand.owner, store, effects, |control_loop, context| {
            control_loop.part_settled(strand.number, context);
        });
    }

    /// The proposal did not come through.
    pub(crate) fn failed(&mut self, error: WriteError, store: &Store, effects: &mut Effects) {
        let write = self.desk.writes.unlock().expect("a proposal was outstanding");
        self.settle(write, Outcome::Failed(error), store, effects);
    }

    /// Tells everybody who watches about a commit.
    pub(crate) fn publish(&mut self, changes: &Arc<ChangeSet>, causes: Vec<FactId>) {
        let commit = Commit::new(changes, causes);
        if self.watchers_first {
            self.publish_to_watchers(changes, &commit);
        }
        for owner in self.loops.kinds().into_iter().filter(|kind| *kind != LoopKind::Api) {
            let strand = Strand { owner, number: MAIN_STRAND };
            self.mail.post(strand, &commit);
            self.queue(strand);
        }
        if !self.watchers_first {
            self.publish_to_watchers(changes, &commit);
        }
    }

    fn publish_to_watchers(&mut self, changes: &ChangeSet, commit: &Arc<Commit>) {
        for (strand, position) in self.desk.watches.concerned(changes) {
            self.mail.post_one(strand, commit, position);
            self.queue(strand);
        }
    }

    /// The strand has mail. If its turn was interrupted, that goes on anyway.
    fn queue(&mut self, strand: Strand) {
        if !self.desk.writes.is_interrupted(strand) {
            self.mail.queue(strand);
        }
    }

    /// Lets the next strand in the queue handle the events that it has, until one of them makes it wait for a
    /// write. False if nobody has any.
    pub(crate) fn turn(&mut self, store: &Store, effects: &mut Effects) -> bool {
        let Some(strand) = self.mail.next_ready() else { return false };
        while !self.desk.writes.is_waiting(strand) {
            if !self.deliver_next(strand, store, effects) {
                return true;
            }
        }
        self.desk.writes.interrupt(strand);
        true
    }

    /// What the update of a service waits for right now, if one is under way.
    pub(crate) fn update_waits(&self, service: ServiceId) -> Option<UpdateWaits> {
        [LoopKind::Replicated, LoopKind::Global]
            .into_iter()
            .find_map(|kind| self.loops.get(kind)?.update_waits(service))
    }

    /// What a task waits for before it may start, if its start is delayed.
    pub(crate) fn start_waits(&self, task: TaskId) -> Option<StartWaits> {
        [LoopKind::Replicated, LoopKind::Global, LoopKind::Jobs]
            .into_iter()
            .find_map(|kind| self.loops.get(kind)?.start_waits(task))
    }

    /// True if a strand waits for its turn to hear something.
    pub(crate) fn has_mail(&self) -> bool {
        !self.mail.is_idle()
    }

    /// Lets a strand hear its next event. False if it has none.
    fn deliver_next(&mut self, strand: Strand, store: &Store, effects: &mut Effects) -> bool {
        match self.mail.open(strand) {
            None => return false,
            Some(Letter::Change(commit, position)) => {
                self.hear_change(strand, &commit, position, store, effects);
            }
            Some(Letter::Watched(commit, position)) => {
                if self.desk.watches.contains(strand) {
                    self.hear_change(strand, &commit, position, store, effects);
                }
            }
            Some(Letter::End) => self.hear(strand, Heard::Commit, store, effects),
        }
        true
    }

    fn hear_change(
        &mut self,
        strand: Strand,
        commit: &Commit,
        position: usize,
        store: &Store,
        effects: &mut Effects,
    ) {
        let (change, cause) = commit.change(position);
        effects.set_cause(cause);
        self.hear(strand, Heard::Change(&change.object), store, effects);
    }

    fn hear(&mut self, strand: Strand, event: Heard<'_>, store: &Store, effects: &mut Effects) {
        self.with_loop(strand.owner, store, effects, |control_loop, context| {
            control_loop.hear(strand.number, event, context);
        });
    }

    fn settle(&mut self, write: Write, outcome: Outcome, store: &Store, effects: &mut Effects) {
        let Strand { owner, number } = write.strand;
        effects.set_cause(write.cause);
        self.with_loop(owner, store, effects, |control_loop, context| {
            control_loop.settled(number, outcome, context);
        });
        // A turn is not over before all events are heard, its own included (spec orchestration 20.2).
        if self.desk.writes.resume(write.strand) {
            self.mail.queue_first(write.strand);
        }
    }

    fn with_all(
        &mut self,
        store: &Store,
        effects: &mut Effects,
        mut act: impl FnMut(&mut dyn ControlLoop, &mut Context<'_>),
    ) {
        for kind in self.loops.kinds() {
            self.with_loop(kind, store, effects, &mut act);
        }
    }

    fn with_loop(
        &mut self,
        kind: LoopKind,
        store: &Store,
        effects: &mut Effects,
        act: impl FnOnce(&mut dyn ControlLoop, &mut Context<'_>),
    ) {
        let control_loop = self.loops.get_mut(kind).expect("only running loops hear and write");
        act(control_loop, &mut Context { store, effects, desk: &mut self.desk, owner: kind });
    }
}

impl StateDigest for LeaderLoops {
    fn digest(&self, digest: &mut Digest) {
        // Which strands hear first is the run's.
        let Self { loops, desk, mail, watchers_first: _ } = self;
        loops.digest(digest);
        desk.digest(digest);
        mail.digest(digest);
    }
}
