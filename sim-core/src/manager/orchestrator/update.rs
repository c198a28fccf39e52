//! The update supervisor: brings the tasks of services up to date, slot by slot (spec orchestration 9).
//!
//! At most one updater runs for a service. It works on the service and the slots as they were when it was asked
//! for, and is replaced when the spec changes again. All it knows is lost with the leadership; the next leader
//! begins with what is still out of date.
mod failures;
mod status;
mod step;
mod updater;
mod waits;
mod worker;

pub(crate) use step::{UpdateStep, write};
pub use waits::{SlotWaits, UpdatePhase, UpdateWaits};

use std::collections::BTreeMap;
use std::sync::Arc;

use self::updater::Updater;
use super::restart;
use super::slot::SlotTasks;
use crate::kernel::{Digest, StateDigest};
use crate::manager::loops::{Context, Heard, Outcome};
use crate::model::{Service, ServiceId, TaskId};
use crate::protocol::{LoopKind, LoopTimer};

/// The update supervisor of one orchestrator.
#[derive(Debug)]
pub(crate) struct Supervisor {
    directory: Directory,
    updaters: BTreeMap<ServiceId, Updater>,
    /// Updaters that were asked for in a reconciliation that is not over.
    asked_for: Vec<ServiceId>,
}

/// Where updaters can be found, and what all of them need.
#[derive(Debug)]
struct Directory {
    owner: LoopKind,
    seed: u64,
    /// Strands of updaters (no worker) and of their workers.
    strands: BTreeMap<u32, (ServiceId, Option<u32>)>,
    /// Workers that wait for the end of a task's delayed start.
    starts: BTreeMap<TaskId, (ServiceId, u32)>,
}

/// Whether an updater goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    GoesOn,
    Ended,
}

impl Supervisor {
    pub(crate) fn new(owner: LoopKind, seed: u64) -> Self {
        let directory = Directory { owner, seed, strands: BTreeMap::new(), starts: BTreeMap::new() };
        Supervisor { directory, updaters: BTreeMap::new(), asked_for: Vec::new() }
    }

    /// The tasks in these slots shall become what the service wants. The updater begins with
    /// [`Supervisor::begin_asked_for`]; one that works towards another spec ends now.
    pub(crate) fn update(
        &mut self,
        service: &Arc<Service>,
        slots: Vec<SlotTasks>,
        context: &mut Context<'_>,
    ) {
        if let Some(running) = self.updaters.get(&service.id) {
            if running.works_towards(&service.spec) {
                return;
            }
            self.cancel(service.id, context);
        }
        let strand = context.new_strand();
        self.directory.strands.insert(strand, (service.id, None));
        let cluster = context.store.cluster().cloned();
        let updater = Updater::new(strand, Arc::clone(service), cluster, slots, context.cause());
        self.updaters.insert(service.id, updater);
        self.asked_for.push(service.id);
    }

    /// The reconciliation is over: the updaters that it asked for begin.
    pub(crate) fn begin_asked_for(&mut self, context: &mut Context<'_>) {
        for service in std::mem::take(&mut self.asked_for) {
            self.with_updater(service, context, |updater, directory, context| {
                updater.begin(directory, context)
            });
        }
    }

    /// A delayed start is over, or will never happen: the worker that waits for it goes on.
    pub(crate) fn start_done(&mut self, task: TaskId, context: &mut Context<'_>) {
        let Some((service, worker)) = self.directory.starts.remove(&task) else { return };
        self.with_updater(service, context, |updater, directory, context| {
            updater.start_done(worker, directory, context)
        });
    }

    /// A strand of this supervisor heard something.
    pub(crate) fn hear(&mut self, strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        let Some((service, worker)) = self.directory.strands.get(&strand).copied() else { return };
        let Some(task) = event.changed_task() else { return };
        self.with_updater(service, context, |updater, directory, context| match worker {
            None => updater.hear_of_end(task.id, directory, context),
            Some(worker) => updater.hear_of_new_task(worker, task, directory, context),
        });
    }

    /// A write of a strand came to its end. Strands of cancelled updaters are unknown and mean nothing.
    pub(crate) fn settled(&mut self, strand: u32, outcome: &Outcome, context: &mut Context<'_>) {
        let Some((service, worker)) = self.directory.strands.get(&strand).copied() else { return };
        self.with_updater(service, context, |updater, directory, context| match worker {
            None => updater.settled(directory, context),
            Some(worker) => updater.worker_settled(worker, outcome, directory, context),
        });
    }

    /// A timer ran out. False if it is none of this supervisor's.
    pub(crate) fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) -> bool {
        if let LoopTimer::UpdateDelay { service, worker, .. } = timer {
            self.with_updater(service, context, |updater, directory, context| {
                updater.delay_over(worker, directory, context)
            });
            true
        } else if let LoopTimer::UpdateMonitor { service, .. } = timer {
            self.with_updater(service, context, |updater, _, context| updater.complete(context));
            true
        } else {
            false
        }
    }

    /// What the update of a service waits for right now.
    pub(crate) fn waits(&self, service: ServiceId, restart: &restart::Supervisor) -> Option<UpdateWaits> {
        Some(self.updaters.get(&service)?.waits(restart))
    }

    /// Ends an updater. Its tasks stay, and their delayed starts go on.
    fn cancel(&mut self, service: ServiceId, context: &mut Context<'_>) {
        if let Some(updater) = self.updaters.remove(&service) {
            updater.end(&mut self.directory, context);
        }
        self.asked_for.retain(|asked_for| *asked_for != service);
    }

    fn with_updater(
        &mut self,
        service: ServiceId,
        context: &mut Context<'_>,
        act: impl FnOnce(&mut Updater, &mut Directory, &mut Context<'_>) -> Life,
    ) {
        let updater = self.updaters.get_mut(&service).expect("the directory knows running updaters only");
        if act(updater, &mut self.directory, context) == Life::Ended {
            // It is gone before anybody sees its last write, so that the write leads to a second pass.
            self.cancel(service, context);
        }
    }
}

impl StateDigest for Supervisor {
    fn digest(&self, digest: &mut Digest) {
        let Self { directory, updaters, asked_for } = self;
        // The seed is the run's; the rest of the directory follows from the updaters.
        let Directory { owner, seed: _, strands: _, starts: _ } = directory;
        digest.u8(*owner as u8);
        updaters.digest(digest);
        asked_for.digest(digest);
    }
}
