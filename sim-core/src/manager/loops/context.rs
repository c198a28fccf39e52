//! What a loop can see and do while it acts: the store as it was last committed, and the desk that takes its wishes.
//!
//! Nothing that is asked for here happens before the loop has returned.
use super::control_loop::Strand;
use super::watches::{Interest, Watches};
use super::writes::{Step, Write, Writes};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::{FactId, NodeId};
use crate::protocol::{Effects, LoopKind, LoopTimer, Timer};
use crate::store::Store;

/// What a loop can see and do.
pub(crate) struct Context<'a> {
    /// The last committed state.
    pub(crate) store: &'a Store,
    pub(crate) effects: &'a mut Effects,
    pub(super) desk: &'a mut Desk,
    /// The loop that acts.
    pub(super) owner: LoopKind,
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
        let strand = self.strand(strand);
        let cause = self.cause();
        self.desk.writes.push(Write::update(strand, step, cause));
    }

    /// Asks for a batch: steps that share transactions of limited size. Each step has the fact that asked
    /// for it. An empty batch settles too.
    pub(crate) fn batch(&mut self, strand: u32, steps: impl IntoIterator<Item = (Step, FactId)>) {
        let strand = self.strand(strand);
        let cause = self.cause();
        self.desk.writes.push(Write::batch(strand, steps, cause));
    }

    /// Asks for a change of the members, of which the loop hears again when it is over.
    pub(crate) fn wish(&mut self, wish: MembershipWish) {
        let cause = self.cause();
        self.desk.wishes.push((wish, cause));
    }

    /// A number for a strand that the loop starts besides itself. None is used twice, so that late mail
    /// reaches nobody.
    pub(crate) fn new_strand(&mut self) -> u32 {
        self.desk.strands += 1;
        self.desk.strands
    }

    /// Lets a strand that is not the loop itself hear of something.
    pub(crate) fn watch(&mut self, strand: u32, interest: Interest) {
        self.desk.watches.add(self.strand(strand), interest);
    }

    /// The strand goes on, but hears of nothing any more.
    pub(crate) fn unwatch(&mut self, strand: u32) {
        self.desk.watches.remove(self.strand(strand));
    }

    /// The strand is over: it hears and writes nothing any more.
    pub(crate) fn end(&mut self, strand: u32) {
        let strand = self.strand(strand);
        self.desk.watches.remove(strand);
        self.desk.writes.withdraw(strand);
    }

    pub(crate) fn set_timer(&mut self, timer: LoopTimer, at: SimTime) -> TimerId {
        let epoch = self.effects.epoch();
        self.effects.set_timer(Timer::Loop(timer, epoch), at)
    }

    pub(crate) fn cancel_timer(&mut self, timer: TimerId) {
        self.effects.cancel_timer(timer);
    }

    fn strand(&self, number: u32) -> Strand {
        Strand { owner: self.owner, number }
    }
}

/// Where all loops of a leadership hand in what they want.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) writes: Writes,
    pub(super) watches: Watches,
    /// The last strand number handed out; the first is that of the loops themselves.
    strands: u32,
    /// What loops want of the members, and the manager has not seen yet, each with the fact that asked for it.
    pub(super) wishes: Vec<(MembershipWish, FactId)>,
}

/// What a loop wants of the Raft cluster's members. The manager around the loops does it, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MembershipWish {
    /// This node shall be a member no more. If it is the leader's own, somebody else leads first.
    Remove(NodeId),
}

impl StateDigest for Desk {
    fn digest(&self, digest: &mut Digest) {
        let Self { writes, watches, strands, wishes } = self;
        writes.digest(digest);
        watches.digest(digest);
        digest.u32(*strands);
        wishes.digest(digest);
    }
}

impl StateDigest for MembershipWish {
    fn digest(&self, digest: &mut Digest) {
        let MembershipWish::Remove(node) = self;
        node.digest(digest);
    }
}
