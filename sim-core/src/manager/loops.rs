//! Runs the control loops of a leading manager, each as the goroutine that it is in SwarmKit.
//!
//! A *strand* stands for a goroutine: a loop, an update worker, a delayed start. It has at most one write
//! outstanding and hears nothing meanwhile; its events wait. Writers take the store's lock in turn. This module
//! decides who acts next (spec orchestration 20.2) and does not know Raft: it hands out the change set of the
//! lock's holder and is told what became of it. On a bench that is at once, in a cluster after a round trip.
mod roster;
mod transitions;
mod watches;
mod writes;

pub(crate) use watches::Interest;
pub(crate) use writes::{Outcome, Step, WriteError};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use self::roster::Roster;
use self::watches::Watches;
use self::writes::{Write, Writes};
use super::allocator::Allocator;
use super::api::ControlApi;
use super::ca::CertificateAuthority;
use super::enforcer::ConstraintEnforcer;
use super::orchestrator::restart::StartWaits;
use super::orchestrator::update::UpdateWaits;
use super::orchestrator::{global, jobs, replicated};
use super::reaper::Reaper;
use super::role_manager::RoleManager;
use super::scheduler::Scheduler;
use super::ties::TieBreaker;
use crate::kernel::queue::TimerId;
use crate::kernel::random::Stream;
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::setup::{PlacementStrategy, Setup, Ties};
use crate::model::{FactId, HostId, NodeId, Sabotage, ServiceId, Task, TaskId};
use crate::protocol::{Effects, LoopKind, LoopTimer, MemberList, ReplyTo, Request, Timer};
use crate::store::{ChangeSet, ObjectChange, Store, StoreError, Transaction};

/// What is a goroutine in SwarmKit. Number 0 is the loop itself; a loop numbers its further strands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Strand {
    pub(crate) owner: LoopKind,
    pub(crate) number: u32,
}

/// The number of the strand that is a loop itself.
pub(crate) const MAIN_STRAND: u32 = 0;

/// What a strand hears from the store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard<'a> {
    /// One object changed.
    Change(&'a ObjectChange),
    /// The transaction that brought the last changes is complete.
    Commit,
}

impl<'a> Heard<'a> {
    /// The task that was created or updated, if that is what happened.
    pub(crate) fn changed_task(self) -> Option<&'a Arc<Task>> {
        match self {
            Heard::Change(ObjectChange::Task(delta)) => delta.new.as_ref(),
            Heard::Change(_) | Heard::Commit => None,
        }
    }
}

/// A part of the leading manager that reacts to the store.
pub(crate) trait ControlLoop: StateDigest + std::fmt::Debug {
    /// The manager leads now: look at the whole store. The subscription stands already, so nothing is missed.
    fn start(&mut self, context: &mut Context<'_>);

    /// Something happened in the store; `context.cause()` is the fact. Never called while a write of this
    /// strand is outstanding.
    fn hear(&mut self, strand: u32, event: Heard<'_>, context: &mut Context<'_>);

    /// The lock is held: read again, then change. An error abandons the transaction.
    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError>;

    /// A part of a batch of this strand is committed, and the rest follows.
    fn part_settled(&mut self, _strand: u32, _context: &mut Context<'_>) {}

    /// A write of this strand came to its end.
    fn settled(&mut self, strand: u32, outcome: Outcome, context: &mut Context<'_>);

    /// A timer of this loop ran out.
    fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>);

    /// The scheduler, if this is it: it can explain its decisions.
    fn scheduler(&self) -> Option<&Scheduler> {
        None
    }

    /// An agent or a client asks for something; the answer goes to `reply`. `from` is the host that asks, also
    /// if another manager passed it on.
    fn request(&mut self, reply: ReplyTo, from: HostId, request: Request, _context: &mut Context<'_>) {
        unreachable!("{from:?} asks a loop that answers nobody for {request:?} ({reply:?})");
    }

    /// These are the members of the Raft cluster now.
    fn members(&mut self, _members: &MemberList) {}

    /// A change of the members that this loop wished for came to its end, whatever that was.
    fn membership_settled(&mut self, _context: &mut Context<'_>) {}

    /// The caller of a request is not interested any longer.
    fn hang_up(&mut self, _reply: ReplyTo, _context: &mut Context<'_>) {}

    /// The process at the other end of all connections with a host has died.
    fn reset(&mut self, _host: HostId, _context: &mut Context<'_>) {}

    /// What the update of a service waits for, if this loop runs one.
    fn update_waits(&self, _service: ServiceId) -> Option<UpdateWaits> {
        None
    }

    /// What a task waits for before it may start, if this loop delays its start.
    fn start_waits(&self, _task: TaskId) -> Option<StartWaits> {
        None
    }

    /// Leadership is lost. Nothing that is written or set from here on has an effect; messages are still sent.
    fn stop(&mut self, _context: &mut Context<'_>) {}
}

/// What a loop wants of the Raft cluster's members. The manager around the loops does it, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MembershipWish {
    /// This node shall be a member no more. If it is the leader's own, somebody else leads first.
    Remove(NodeId),
}

/// What a loop can see and do.
pub(crate) struct Context<'a> {
    /// The last committed state.
    pub(crate) store: &'a Store,
    pub(crate) effects: &'a mut Effects,
    writes: &'a mut Writes,
    watches: &'a mut Watches,
    strands: &'a mut u32,
    wishes: &'a mut Vec<(MembershipWish, FactId)>,
    owner: LoopKind,
}

impl Context<'_> {
    pub(crate) fn now(&self) -> SimTime {
        self.effects.now()
    }

    pub(crate) fn cause(&self) -> FactId {
        self.effects.cause()
    }

    /// Asks for one transaction of one step.
    pub(crate) fn update(&mut self, strand: u32, step: Step) {
        let strand = Strand { owner: self.owner, number: strand };
        let cause = self.cause();
        self.writes.push(Write::update(strand, step, cause));
    }

    /// Asks for a batch: steps that share transactions of limited size. Each step has the fact that asked
    /// for it. An empty batch settles too.
    pub(crate) fn batch(&mut self, strand: u32, steps: impl IntoIterator<Item = (Step, FactId)>) {
        let strand = Strand { owner: self.owner, number: strand };
        let cause = self.cause();
        self.writes.push(Write::batch(strand, steps, cause));
    }

    /// Asks for a change of the members, of which the loop hears again when it is over.
    pub(crate) fn wish(&mut self, wish: MembershipWish) {
        let cause = self.cause();
        self.wishes.push((wish, cause));
    }

    /// A number for a strand that the loop starts besides itself. None is used twice, so that late mail
    /// reaches nobody.
    pub(crate) fn new_strand(&mut self) -> u32 {
        *self.strands += 1;
        *self.strands
    }

    /// Lets a strand that is not the loop itself hear of something.
    pub(crate) fn watch(&mut self, strand: u32, interest: Interest) {
        self.watches.add(Strand { owner: self.owner, number: strand }, interest);
    }

    /// The strand goes on, but hears of nothing any more.
    pub(crate) fn unwatch(&mut self, strand: u32) {
        self.watches.remove(Strand { owner: self.owner, number: strand });
    }

    /// The strand is over: it hears and writes nothing any more.
    pub(crate) fn end(&mut self, strand: u32) {
        let strand = Strand { owner: self.owner, number: strand };
        self.watches.remove(strand);
        self.writes.withdraw(strand);
    }

    pub(crate) fn set_timer(&mut self, timer: LoopTimer, at: SimTime) -> TimerId {
        let epoch = self.effects.epoch();
        self.effects.set_timer(Timer::Loop(timer, epoch), at)
    }

    pub(crate) fn cancel_timer(&mut self, timer: TimerId) {
        self.effects.cancel_timer(timer);
    }
}

/// A committed entry on its way to those who watch.
#[derive(Debug)]
struct Commit {
    changes: Arc<ChangeSet>,
    /// For each change the fact that reactions to it are caused by.
    causes: Vec<FactId>,
}

/// A piece of mail for a strand.
#[derive(Debug)]
enum Mail {
    /// The changes of a commit from a position on, then the commit itself: for loops.
    From(Arc<Commit>, usize),
    /// One change: for strands that watch single objects.
    One(Arc<Commit>, usize),
}

/// What can be chosen about the loops.
#[derive(Clone, Debug, Default)]
pub struct LoopSettings {
    /// Seed of the run: of the texts of ids, and of the random streams of loops that break ties by lot.
    pub seed: u64,
    /// Whether ties are broken by lot instead of by id (decisions: `ties`).
    pub seeded_ties: bool,
    /// How the scheduler ranks nodes.
    pub strategy: PlacementStrategy,
    /// Name of the manager's host, which its random streams carry.
    pub manager: String,
    /// Whether the allocator hands out no ports, as when some recordings were made.
    pub without_ports: bool,
    /// What is wrong with the loops on purpose.
    pub sabotage: Sabotage,
    /// Who hears of a commit first: strands that watch single objects, or the loops. The former act on a change as
    /// soon as it is published, the latter at the end of the commit, so that in a cluster the former queue for the
    /// store's lock first. Where writes settle at once, all that counts is who subscribed first (spec orchestration
    /// 20.2).
    pub watchers_first: bool,
}

impl LoopSettings {
    /// The settings of a run, for the manager of this name.
    pub(crate) fn of(setup: &Setup, seed: u64, manager: &str) -> Self {
        LoopSettings {
            seed,
            seeded_ties: setup.settings.ties == Ties::Seeded,
            strategy: setup.settings.scheduler,
            manager: manager.to_owned(),
            without_ports: false,
            sabotage: setup.sabotage,
            watchers_first: true,
        }
    }

    pub(crate) fn scheduler(&self) -> Scheduler {
        let (ties, lots) = (self.tie_breaker("scheduler"), self.stream("random-strategy"));
        Scheduler::new(self.seed, self.strategy, ties, lots)
    }

    /// How a loop breaks ties; by lot, each loop draws from a stream of its own.
    pub(crate) fn tie_breaker(&self, control_loop: &str) -> TieBreaker {
        match self.seeded_ties {
            false => TieBreaker::ById,
            true => TieBreaker::Seeded(Box::new(self.stream(&format!("ties/{control_loop}")))),
        }
    }

    fn stream(&self, purpose: &str) -> Stream {
        Stream::named(self.seed, &format!("{purpose}/{}", self.manager))
    }
}

/// The loops of one leadership, and who of them acts next.
#[derive(Debug)]
pub(crate) struct LeaderLoops {
    loops: Roster,
    writes: Writes,
    watches: Watches,
    mail: BTreeMap<Strand, VecDeque<Mail>>,
    ready: VecDeque<Strand>,
    queued: BTreeSet<Strand>,
    /// The last strand number handed out.
    strands: u32,
    /// What loops want of the members, and the manager has not seen yet.
    wishes: Vec<(MembershipWish, FactId)>,
    /// See [`LoopSettings::watchers_first`].
    watchers_first: bool,
}

impl LeaderLoops {
    /// Loops that will hear the store, in the order of their kinds whatever the order given here.
    pub(crate) fn new(loops: Vec<(LoopKind, Box<dyn ControlLoop>)>) -> Self {
        LeaderLoops {
            loops: Roster::of(loops),
            writes: Writes::default(),
            watches: Watches::default(),
            mail: BTreeMap::new(),
            ready: VecDeque::new(),
            queued: BTreeSet::new(),
            strands: MAIN_STRAND,
            wishes: Vec::new(),
            watchers_first: false,
        }
    }

    /// Loops of these kinds.
    ///
    /// # Panics
    /// If a kind cannot run without a manager around it.
    pub(crate) fn of_kinds(kinds: &[LoopKind], settings: &LoopSettings) -> Self {
        let loops = Self::new(kinds.iter().map(|kind| (*kind, make(*kind, settings))).collect());
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

    /// What loops want of the members since this was last asked.
    pub(crate) fn take_wishes(&mut self) -> Vec<(MembershipWish, FactId)> {
        std::mem::take(&mut self.wishes)
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
        while !self.writes.is_locked() {
            let mut write = self.writes.take_next()?;
            let owner = self.loops.get_mut(write.strand.owner).expect("a write has a running loop");
            let result = write.run(owner, store, effects, version);
            match result {
                Ok(changes) if changes.len() > 0 => {
                    transitions::assert_permitted(write.strand.owner, &changes);
                    let changes = Arc::new(changes);
                    self.writes.lock(write);
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
        let write = self.writes.unlock().expect("a proposal was outstanding");
        if write.is_complete() {
            return self.settle(write, Outcome::Committed, store, effects);
        }
        let (strand, cause) = (write.strand, write.cause);
        // Other writers may come between two parts.
        self.writes.push(write);
        effects.set_cause(cause);
        self.with_loop(strand.owner, store, effects, |control_loop, context| {
            control_loop.part_settled(strand.number, context);
        });
    }

    /// The proposal did not come through.
    pub(crate) fn failed(&mut self, error: WriteError, store: &Store, effects: &mut Effects) {
        let write = self.writes.unlock().expect("a proposal was outstanding");
        self.settle(write, Outcome::Failed(error), store, effects);
    }

    /// Tells everybody who watches about a commit.
    pub(crate) fn publish(&mut self, changes: &Arc<ChangeSet>, causes: Vec<FactId>) {
        let commit = Arc::new(Commit { changes: Arc::clone(changes), causes });
        if self.watchers_first {
            self.publish_to_watchers(&commit);
        }
        for owner in self.loops.kinds().into_iter().filter(|kind| *kind != LoopKind::Api) {
            self.post(Strand { owner, number: MAIN_STRAND }, Mail::From(Arc::clone(&commit), 0));
        }
        if !self.watchers_first {
            self.publish_to_watchers(&commit);
        }
    }

    fn publish_to_watchers(&mut self, commit: &Arc<Commit>) {
        for (strand, position) in self.watches.concerned(&commit.changes) {
            self.post(strand, Mail::One(Arc::clone(commit), position));
        }
    }

    /// Lets the next strand in the queue handle the events that it has, until one of them makes it wait for a
    /// write. False if nobody has any.
    pub(crate) fn turn(&mut self, store: &Store, effects: &mut Effects) -> bool {
        let Some(strand) = self.ready.pop_front() else { return false };
        self.queued.remove(&strand);
        while !self.writes.is_waiting(strand) {
            if !self.deliver_next(strand, store, effects) {
                return true;
            }
        }
        self.writes.interrupt(strand);
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
        !self.ready.is_empty()
    }

    /// Lets a strand hear its next event. False if it has none.
    fn deliver_next(&mut self, strand: Strand, store: &Store, effects: &mut Effects) -> bool {
        let Some(letters) = self.mail.get_mut(&strand) else { return false };
        match letters.front_mut() {
            None => {
                self.mail.remove(&strand);
                return false;
            }
            Some(Mail::From(commit, position)) if *position < commit.changes.len() => {
                *position += 1;
                let (commit, position) = (Arc::clone(commit), *position - 1);
                self.hear_change(strand, &commit, position, store, effects);
            }
            Some(Mail::From(..)) => {
                letters.pop_front();
                self.hear(strand, Heard::Commit, store, effects);
            }
            Some(Mail::One(commit, position)) => {
                let (commit, position) = (Arc::clone(commit), *position);
                letters.pop_front();
                if self.watches.contains(strand) {
                    self.hear_change(strand, &commit, position, store, effects);
                }
            }
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
        effects.set_cause(commit.causes[position]);
        self.hear(strand, Heard::Change(&commit.changes.get(position).object), store, effects);
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
        if self.writes.resume(write.strand) && self.queued.insert(write.strand) {
            self.ready.push_front(write.strand);
        }
    }

    fn post(&mut self, strand: Strand, mail: Mail) {
        self.mail.entry(strand).or_default().push_back(mail);
        if !self.writes.is_interrupted(strand) && self.queued.insert(strand) {
            self.ready.push_back(strand);
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
        let (writes, watches, strands) = (&mut self.writes, &mut self.watches, &mut self.strands);
        let wishes = &mut self.wishes;
        act(control_loop, &mut Context { store, effects, writes, watches, strands, wishes, owner: kind });
    }
}

fn make(kind: LoopKind, settings: &LoopSettings) -> Box<dyn ControlLoop> {
    let seed = settings.seed;
    match kind {
        LoopKind::Allocator => Box::new(Allocator::new(settings.without_ports, settings.sabotage)),
        LoopKind::Scheduler => Box::new(settings.scheduler()),
        LoopKind::Api => Box::new(ControlApi::new(seed)),
        LoopKind::ConstraintEnforcer => Box::new(ConstraintEnforcer::new(seed)),
        LoopKind::Reaper => Box::new(Reaper::default()),
        LoopKind::Replicated => {
            Box::new(replicated::Orchestrator::new(seed, settings.tie_breaker("replicated")))
        }
        LoopKind::Jobs => Box::new(jobs::Orchestrator::new(seed)),
        LoopKind::Global => Box::new(global::Orchestrator::new(seed, settings.tie_breaker("global"))),
        LoopKind::CertificateAuthority => Box::new(CertificateAuthority::new(seed)),
        LoopKind::RoleManager => Box::new(RoleManager::default()),
        LoopKind::Dispatcher => panic!("{kind:?} does not run on its own"),
    }
}

impl StateDigest for LeaderLoops {
    fn digest(&self, digest: &mut Digest) {
        // Which strands hear first is the run's; what is queued follows from what is ready.
        let Self { loops, writes, watches, mail, ready, queued: _, strands, wishes, watchers_first: _ } =
            self;
        loops.digest(digest);
        writes.digest(digest);
        watches.digest(digest);
        digest.u64(mail.values().map(VecDeque::len).sum::<usize>() as u64);
        for strand in ready {
            digest.u8(strand.owner as u8);
            digest.u32(strand.number);
        }
        digest.u32(*strands);
        digest.u64(wishes.len() as u64);
    }
}
