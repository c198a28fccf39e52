//! How a batch is cut into transactions.
use std::sync::Arc;

use super::*;
use crate::manager::loops::{Context, Heard};
use crate::model::{ContainerSpec, NodeId, Task, TaskSpec};
use crate::protocol::{LoopKind, LoopTimer};

/// Writes one task of a given size for every step, and gives up at one of them.
#[derive(Debug)]
struct Scribe {
    bytes: usize,
    fails_at: Option<u32>,
}

impl StateDigest for Scribe {
    fn digest(&self, digest: &mut Digest) {
        let Self { bytes, fails_at } = self;
        digest.u64(*bytes as u64);
        digest.u32(fails_at.unwrap_or(0));
    }
}

impl ControlLoop for Scribe {
    fn start(&mut self, _context: &mut Context<'_>) {}

    fn hear(&mut self, _strand: u32, _event: Heard<'_>, _context: &mut Context<'_>) {}

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let Step::Dispatcher(DispatcherStep::MarkUnknown(number)) = step else {
            unreachable!("the test asks for nothing else")
        };
        if Some(number.0) == self.fails_at {
            return Err(StoreError::NotExist);
        }
        let container = ContainerSpec { args: vec!["x".repeat(self.bytes)], ..ContainerSpec::default() };
        let spec = Arc::new(TaskSpec { container, ..TaskSpec::default() });
        let id = transaction.mint_task();
        transaction.create_task(Task::new(id, spec, transaction.now()))
    }

    fn settled(&mut self, _strand: u32, _outcome: Outcome, _context: &mut Context<'_>) {}

    fn fire(&mut self, _timer: LoopTimer, _context: &mut Context<'_>) {}
}

/// Runs a batch of so many steps. Returns the changes of each transaction, and how it ended.
fn run(steps: u32, mut scribe: Scribe) -> (Vec<usize>, Result<(), WriteError>) {
    let (mut store, mut effects) = (Store::default(), Effects::new());
    let step = |number| (DispatcherStep::MarkUnknown(NodeId(number)).into(), FactId(0));
    let strand = Strand { owner: LoopKind::Dispatcher, number: 0 };
    let mut write = Write::batch(strand, (1..=steps).map(step), FactId(0));
    let mut committed = Vec::new();
    while !write.is_complete() {
        match write.run(&mut scribe, &mut store, &mut effects, 0) {
            Ok(changes) => {
                store.apply(&changes);
                committed.push(changes.len());
            }
            Err(error) => return (committed, Err(error)),
        }
    }
    assert_eq!(store.task_count(), committed.iter().sum::<usize>());
    (committed, Ok(()))
}

#[test]
fn sto_004_a_batch_is_cut_after_two_hundred_changes() {
    // STO-004
    assert_eq!(run(405, Scribe { bytes: 1, fails_at: None }), (vec![200, 200, 5], Ok(())));
}

#[test]
fn sto_005_what_a_failing_batch_has_committed_stays() {
    // STO-005
    let failed = Err(WriteError::Store(StoreError::NotExist));
    assert_eq!(run(405, Scribe { bytes: 1, fails_at: Some(209) }), (vec![200], failed));
}

#[test]
fn sto_007_a_batch_is_cut_when_three_quarters_of_a_transaction_are_full() {
    // STO-007
    assert_eq!(run(3, Scribe { bytes: 600_000, fails_at: None }), (vec![2, 1], Ok(())));
}

#[test]
fn mgr_053_a_transaction_may_be_as_large_as_a_raft_message_and_no_larger() {
    // MGR-053
    let size = |bytes| {
        let (mut store, mut effects) = (Store::default(), Effects::new());
        let step = DispatcherStep::MarkUnknown(NodeId(1)).into();
        let mut write = Write::update(Strand { owner: LoopKind::Dispatcher, number: 0 }, step, FactId(0));
        let mut scribe = Scribe { bytes, fails_at: None };
        write.run(&mut scribe, &mut store, &mut effects, 0).map(|changes| changes.size_bytes())
    };
    let overhead = size(0).unwrap() as usize;
    assert_eq!(size(1_572_864 - overhead), Ok(1_572_864));
    let error = size(1_572_865 - overhead).unwrap_err();
    assert_eq!(error.to_string(), "raft: raft message is too large and can't be sent");
}
