//! What a control loop is: the part of the leading manager that one goroutine of SwarmKit stands for.
//!
//! It hears committed changes, one after the other, asks for writes through its [`Context`], and sees them only
//! once they are committed. When it is called is decided in `loops`.
use std::sync::Arc;

use super::context::Context;
use super::writes::{Outcome, Step};
use crate::kernel::{Digest, StateDigest};
use crate::manager::orchestrator::restart::StartWaits;
use crate::manager::orchestrator::update::UpdateWaits;
use crate::manager::scheduler::Scheduler;
use crate::model::{HostId, ServiceId, Task, TaskId};
use crate::protocol::{LoopKind, LoopTimer, MemberList, ReplyTo, Request};
use crate::store::{ObjectChange, StoreError, Transaction};

/// What is a goroutine in SwarmKit. Number 0 is the loop itself; a loop numbers its further strands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Strand {
    pub(crate) owner: LoopKind,
    pub(crate) number: u32,
}

impl StateDigest for Strand {
    fn digest(&self, digest: &mut Digest) {
        let Self { owner, number } = *self;
        digest.u8(owner as u8);
        digest.u32(number);
    }
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
