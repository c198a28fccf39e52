//! How an update's progress is written into its service (spec orchestration 9.7, 9.8, 10.2).
//!
//! A service without status was changed since the updater began, and a missing one was removed: neither is an
//! error, and nothing is written.
use std::borrow::Cow;

use crate::model::{Service, ServiceId, TaskId, UpdateState, UpdateStatus};
use crate::store::{StoreError, Transaction};

/// Slots are out of date, and the service says so unless it has a status already.
pub(super) fn begin(service: ServiceId, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let Some(service) = transaction.store().service(service).cloned() else { return Ok(()) };
    if service.update_status.is_some() {
        return Ok(());
    }
    let update_status = Some(UpdateStatus {
        state: UpdateState::Updating,
        started_at: Some(transaction.now()),
        completed_at: None,
        message: "update in progress".into(),
    });
    transaction.update_service(Service { update_status, ..Service::clone(&service) })
}

/// Too many tasks failed: the user decides what happens next.
pub(super) fn pause(
    service: ServiceId,
    message: Cow<'static, str>,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some((mut service, status)) = with_status(service, transaction) else { return Ok(()) };
    let rolls_back = status.state == UpdateState::RollbackStarted;
    let state = if rolls_back { UpdateState::RollbackPaused } else { UpdateState::Paused };
    service.update_status = Some(UpdateStatus { state, message, ..status });
    transaction.update_service(service)
}

/// Too many tasks failed: the service gets its previous spec back.
pub(super) fn roll_back(
    service: ServiceId,
    message: Cow<'static, str>,
    transaction: &mut Transaction<'_>,
) -> Result<(), StoreError> {
    let Some((mut service, status)) = with_status(service, transaction) else { return Ok(()) };
    let Some(previous_spec) = service.previous_spec.take() else {
        return Err(StoreError::Abandoned("cannot roll back service because no previous spec is available"));
    };
    service.spec = previous_spec;
    service.spec_version = service.previous_spec_version.take();
    service.update_status = Some(UpdateStatus { state: UpdateState::RollbackStarted, message, ..status });
    transaction.update_service(service)
}

/// All slots are done and were watched for a while.
pub(super) fn complete(service: ServiceId, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let Some((mut service, status)) = with_status(service, transaction) else { return Ok(()) };
    let rolls_back = status.state == UpdateState::RollbackStarted;
    let (state, message) = if rolls_back {
        (UpdateState::RollbackCompleted, "rollback completed")
    } else {
        (UpdateState::Completed, "update completed")
    };
    let completed_at = Some(transaction.now());
    service.update_status = Some(UpdateStatus { state, completed_at, message: message.into(), ..status });
    transaction.update_service(service)
}

/// What the service says about the failure that stopped its update or rollback.
pub(super) fn failure_message(what: &str, task: TaskId, seed: u64) -> Cow<'static, str> {
    format!("{what} due to failure or early termination of task {}", task.text(seed)).into()
}

fn with_status(service: ServiceId, transaction: &Transaction<'_>) -> Option<(Service, UpdateStatus)> {
    let service = Service::clone(transaction.store().service(service)?);
    let status = service.update_status.clone()?;
    Some((service, status))
}
