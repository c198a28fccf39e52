//! What an orchestrator with supervisors does with whatever concerns them.
//!
//! The replicated and the global orchestrator differ in what their own strand notes, writes and does next. Their
//! other strands are those of their supervisors, which work alike in both.
use super::restart::StartWaits;
use super::step::OrchestratorStep;
use super::supervisors::{self, Supervisors};
use super::update::UpdateWaits;
use crate::kernel::StateDigest;
use crate::manager::loops::{Context, ControlLoop, Heard, MAIN_STRAND, Outcome, Step};
use crate::model::{ServiceId, TaskId};
use crate::protocol::LoopTimer;
use crate::store::{StoreError, Transaction};

/// An orchestrator with a restart and an update supervisor: what its own strand does.
pub(super) trait Supervised: StateDigest + std::fmt::Debug {
    fn supervisors(&self) -> &Supervisors;

    fn supervisors_mut(&mut self) -> &mut Supervisors;

    /// The manager leads now.
    fn start_own(&mut self, context: &mut Context<'_>);

    /// Something happened in the store.
    fn hear_own(&mut self, event: Heard<'_>, context: &mut Context<'_>);

    /// The lock is held: read again, then change.
    fn write_step(
        &mut self,
        step: &OrchestratorStep,
        transaction: &mut Transaction<'_>,
    ) -> Result<(), StoreError> {
        supervisors::write(step, &mut self.supervisors_mut().restart, transaction)
    }

    /// A write of its own strand came to its end.
    fn own_settled(&mut self, context: &mut Context<'_>);
}

impl<T: Supervised> ControlLoop for T {
    fn start(&mut self, context: &mut Context<'_>) {
        self.start_own(context);
    }

    fn hear(&mut self, strand: u32, event: Heard<'_>, context: &mut Context<'_>) {
        match strand {
            MAIN_STRAND => self.hear_own(event, context),
            _ => self.supervisors_mut().hear(strand, event, context),
        }
    }

    fn write(&mut self, step: &Step, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        self.write_step(step.of_orchestrator(), transaction)
    }

    fn part_settled(&mut self, _strand: u32, context: &mut Context<'_>) {
        self.supervisors_mut().part_settled(context);
    }

    fn settled(&mut self, strand: u32, outcome: Outcome, context: &mut Context<'_>) {
        self.supervisors_mut().settled(strand, &outcome, context);
        if strand == MAIN_STRAND {
            self.own_settled(context);
        }
    }

    fn fire(&mut self, timer: LoopTimer, context: &mut Context<'_>) {
        self.supervisors_mut().fire(timer, context);
    }

    fn update_waits(&self, service: ServiceId) -> Option<UpdateWaits> {
        let Supervisors { restart, update } = self.supervisors();
        update.waits(service, restart)
    }

    fn start_waits(&self, task: TaskId) -> Option<StartWaits> {
        self.supervisors().restart.delays.waits(task)
    }
}
