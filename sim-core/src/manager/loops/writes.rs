//! Writes that wait for the store's lock, and the one that holds it.
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::{ControlLoop, Strand};
use crate::kernel::{Digest, StateDigest};
use crate::manager::allocator::AllocatorStep;
use crate::manager::api::ApiStep;
use crate::manager::ca::CaStep;
use crate::manager::dispatcher::DispatcherStep;
use crate::manager::enforcer::EnforcerStep;
use crate::manager::orchestrator::OrchestratorStep;
use crate::manager::reaper::ReaperStep;
use crate::manager::role_manager::RoleStep;
use crate::manager::scheduler::SchedulerStep;
use crate::model::FactId;
use crate::protocol::Effects;
use crate::store::{
    BATCH_BYTES, CHANGES_PER_TRANSACTION_MAX, ChangeSet, Store, StoreError, TRANSACTION_BYTES_MAX,
    Transaction,
};

/// What a loop wants to write: a variant per loop, each with the loop's own type.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Api(ApiStep),
    Allocator(AllocatorStep),
    Scheduler(SchedulerStep),
    Dispatcher(DispatcherStep),
    ConstraintEnforcer(EnforcerStep),
    Reaper(ReaperStep),
    Orchestrator(OrchestratorStep),
    CertificateAuthority(CaStep),
    RoleManager(RoleStep),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is committed and applied here.
    Committed,
    /// It changed nothing, so there was nothing to commit.
    Unchanged,
    /// It was abandoned, or its last part did not come through. Earlier parts of a batch stay.
    Failed(WriteError),
}

/// Why a write failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WriteError {
    /// The step itself gave up.
    Store(StoreError),
    /// The entry would be larger than Raft messages may be.
    TooLarge,
    /// Raft refused the proposal, as it does while leadership is being handed over.
    Dropped,
    /// The manager does not lead any more. The write may still commit (spec control-plane 3.2).
    LostLeadership,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Store(error) => error.fmt(f),
            WriteError::TooLarge => f.write_str("raft: raft message is too large and can't be sent"),
            WriteError::Dropped => f.write_str("raft proposal dropped"),
            WriteError::LostLeadership => {
                f.write_str("raft: failed to process the request: node lost leader status")
            }
        }
    }
}

/// A write with what is left of it.
#[derive(Debug)]
pub(crate) struct Write {
    pub(super) strand: Strand,
    pub(super) cause: FactId,
    splits: bool,
    steps: VecDeque<(Step, FactId)>,
}

impl Write {
    pub(super) fn update(strand: Strand, step: Step, cause: FactId) -> Self {
        Write { strand, cause, splits: false, steps: VecDeque::from([(step, cause)]) }
    }

    pub(super) fn batch(
        strand: Strand,
        steps: impl IntoIterator<Item = (Step, FactId)>,
        cause: FactId,
    ) -> Self {
        Write { strand, cause, splits: true, steps: steps.into_iter().collect() }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.steps.is_empty()
    }

    /// Runs steps until the transaction is full or all are done. The store is left as it was.
    pub(super) fn run(
        &mut self,
        owner: &mut dyn ControlLoop,
        store: &mut Store,
        effects: &mut Effects,
        version: u64,
    ) -> Result<ChangeSet, WriteError> {
        let now = effects.now();
        let mut transaction = Transaction::new(store, &mut effects.ids, now, version, self.cause);
        let mut result = Ok(());
        while let Some((step, cause)) = self.steps.pop_front() {
            transaction.set_cause(cause);
            result = owner.write(&step, &mut transaction).map_err(WriteError::Store);
            let full = transaction.change_count() >= CHANGES_PER_TRANSACTION_MAX
                || transaction.size_bytes() >= BATCH_BYTES;
            if result.is_err() || (self.splits && full) {
                break;
            }
        }
        let changes = transaction.into_changes();
        result?;
        if changes.size_bytes() > TRANSACTION_BYTES_MAX {
            return Err(WriteError::TooLarge);
        }
        Ok(changes)
    }
}

/// The queue for the lock.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    waiting: VecDeque<Write>,
    holder: Option<Write>,
    outstanding: BTreeMap<Strand, u32>,
    /// Strands whose turn was interrupted by a write of their own.
    interrupted: BTreeSet<Strand>,
}

impl Writes {
    pub(super) fn push(&mut self, write: Write) {
        *self.outstanding.entry(write.strand).or_default() += 1;
        self.waiting.push_back(write);
    }

    /// Forgets the writes of a strand that still wait for the lock.
    pub(super) fn withdraw(&mut self, strand: Strand) {
        if !self.is_waiting(strand) {
            return;
        }
        self.interrupted.remove(&strand);
        let before = self.waiting.len();
        self.waiting.retain(|write| write.strand != strand);
        for _ in self.waiting.len()..before {
            self.release(strand);
        }
    }

    pub(super) fn take_next(&mut self) -> Option<Write> {
        let write = self.waiting.pop_front()?;
        self.release(write.strand);
        Some(write)
    }

    pub(super) fn lock(&mut self, write: Write) {
        assert!(self.holder.is_none(), "the store has one lock");
        *self.outstanding.entry(write.strand).or_default() += 1;
        self.holder = Some(write);
    }

    pub(super) fn unlock(&mut self) -> Option<Write> {
        let write = self.holder.take()?;
        self.release(write.strand);
        Some(write)
    }

    pub(super) fn is_locked(&self) -> bool {
        self.holder.is_some()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// True while the strand waits for a write of its own.
    pub(super) fn is_waiting(&self, strand: Strand) -> bool {
        self.outstanding.contains_key(&strand)
    }

    /// The strand's turn goes on when its writes are settled.
    pub(super) fn interrupt(&mut self, strand: Strand) {
        self.interrupted.insert(strand);
    }

    pub(super) fn is_interrupted(&self, strand: Strand) -> bool {
        self.interrupted.contains(&strand)
    }

    /// True if the strand's turn goes on now.
    pub(super) fn resume(&mut self, strand: Strand) -> bool {
        !self.is_waiting(strand) && self.interrupted.remove(&strand)
    }

    fn release(&mut self, strand: Strand) {
        let count = self.outstanding.get_mut(&strand).expect("a write was counted when it was queued");
        *count -= 1;
        if *count == 0 {
            self.outstanding.remove(&strand);
        }
    }
}

impl StateDigest for Writes {
    fn digest(&self, digest: &mut Digest) {
        // Counts of outstanding writes follow from the writes.
        let Self { waiting, holder, outstanding: _, interrupted } = self;
        waiting.digest(digest);
        holder.digest(digest);
        interrupted.digest(digest);
    }
}

impl StateDigest for Write {
    fn digest(&self, digest: &mut Digest) {
        let Self { strand, cause, splits, steps } = self;
        strand.digest(digest);
        cause.digest(digest);
        digest.bool(*splits);
        steps.digest(digest);
    }
}

impl StateDigest for Step {
    fn digest(&self, digest: &mut Digest) {
        digest.debug(self);
    }
}
