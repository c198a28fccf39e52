//! Creation, update, rollback and removal of services (spec orchestration 10.1).
use std::sync::Arc;

use super::validate::{check_port_conflicts, validate_networks, validate_service_spec};
use crate::kernel::SimTime;
use crate::model::{JobStatus, Service, ServiceId, ServiceMode, ServiceSpec, UpdateState, UpdateStatus};
use crate::protocol::ApiError;
use crate::store::{Store, StoreError, Transaction};

/// What the status of an update says when a user asked for the rollback (spec orchestration 10.2).
const MANUAL_ROLLBACK_MESSAGE: &str = "manually requested rollback";

/// Creates a service and returns its id.
///
/// # Errors
/// If the spec is not valid, or its name or a published port is taken.
pub fn create_service(transaction: &mut Transaction<'_>, spec: ServiceSpec) -> Result<ServiceId, ApiError> {
    check_new_service(transaction.store(), &spec)?;
    store_new_service(transaction, spec)
}

/// The checks that a new service must pass before its creation waits for the store's lock. So two services that
/// are created at one time can both pass with the same port (spec networking 5.2).
pub(super) fn check_new_service(store: &Store, spec: &ServiceSpec) -> Result<(), ApiError> {
    validate_service_spec(spec)?;
    validate_networks(store, &spec.task.networks)?;
    check_port_conflicts(store, spec, None)?;
    check_ingress_network(store, spec)
}

/// The checks that a spec must pass before its service's change waits for the store's lock.
pub(super) fn check_changed_service(store: &Store, spec: &ServiceSpec) -> Result<(), ApiError> {
    validate_service_spec(spec)?;
    validate_networks(store, &spec.task.networks)
}

/// Creates a service that has passed the checks.
pub(super) fn store_new_service(
    transaction: &mut Transaction<'_>,
    spec: ServiceSpec,
) -> Result<ServiceId, ApiError> {
    let first_iteration = JobStatus { iteration: 0, last_execution: transaction.now() };
    let name = spec.annotations.name.clone();
    let id = transaction.mint_service();
    let service = Service {
        job_status: spec.mode.is_job().then_some(first_iteration),
        spec_version: Some(0),
        ..Service::new(id, Arc::new(spec))
    };
    match transaction.create_service(service) {
        Ok(()) => Ok(id),
        Err(StoreError::NameConflict) => Err(ApiError::ServiceExists { name }),
        Err(error) => Err(ApiError::Store(error)),
    }
}

/// Gives a service a new spec; the old one is kept for a rollback. `version` is that of the service that the
/// user saw, and becomes the version of the spec.
///
/// # Errors
/// If the spec is not valid, there is no such service, or it changed since then.
pub fn update_service(
    transaction: &mut Transaction<'_>,
    id: ServiceId,
    version: u64,
    spec: ServiceSpec,
) -> Result<(), ApiError> {
    check_changed_service(transaction.store(), &spec)?;
    store_updated_service(transaction, id, version, spec)
}

/// Gives a service a new spec that has passed the checks.
pub(super) fn store_updated_service(
    transaction: &mut Transaction<'_>,
    id: ServiceId,
    version: u64,
    spec: ServiceSpec,
) -> Result<(), ApiError> {
    let mut service = begin_update(transaction, id, version, &spec)?;
    service.previous_spec = Some(std::mem::replace(&mut service.spec, Arc::new(spec)));
    service.previous_spec_version = service.spec_version.replace(version);
    service.update_status = None;
    finish_update(transaction, service)
}

/// Exchanges the spec of a service with the one before. A second rollback returns to the newer one.
///
/// # Errors
/// If there is no such service, nothing to roll back to, or the service changed since `version`.
pub fn rollback_service(
    transaction: &mut Transaction<'_>,
    id: ServiceId,
    version: u64,
) -> Result<(), ApiError> {
    let current = transaction.store().service(id).ok_or(ApiError::ServiceNotFound(id))?;
    check_changed_service(transaction.store(), &current.spec)?;
    store_rolled_back_service(transaction, id, version)
}

/// Exchanges the specs of a service whose present one has passed the checks.
pub(super) fn store_rolled_back_service(
    transaction: &mut Transaction<'_>,
    id: ServiceId,
    version: u64,
) -> Result<(), ApiError> {
    let current = transaction.store().service(id).ok_or(ApiError::ServiceNotFound(id))?;
    let sent = Arc::clone(&current.spec);
    let mut service = begin_update(transaction, id, version, &sent)?;
    let previous = service.previous_spec.take().ok_or(ApiError::NoPreviousSpec(id))?;
    service.previous_spec = Some(std::mem::replace(&mut service.spec, previous));
    std::mem::swap(&mut service.spec_version, &mut service.previous_spec_version);
    service.update_status = Some(UpdateStatus {
        state: UpdateState::RollbackStarted,
        started_at: Some(transaction.now()),
        completed_at: None,
        message: MANUAL_ROLLBACK_MESSAGE.into(),
    });
    finish_update(transaction, service)
}

/// Removes a service. Its orchestrator then removes the tasks (spec orchestration 16.1).
///
/// # Errors
/// If there is no such service.
pub fn remove_service(transaction: &mut Transaction<'_>, id: ServiceId) -> Result<(), ApiError> {
    match transaction.delete_service(id) {
        Ok(()) => Ok(()),
        Err(StoreError::NotExist) => Err(ApiError::ServiceNotFound(id)),
        Err(error) => Err(ApiError::Store(error)),
    }
}

/// The checks of the transaction that update and rollback share, and a copy of the service to be changed. Every update of a job
/// begins a new iteration, even one that changes nothing.
fn begin_update(
    transaction: &Transaction<'_>,
    id: ServiceId,
    version: u64,
    spec: &ServiceSpec,
) -> Result<Service, ApiError> {
    let store = transaction.store();
    let service = store.service(id).ok_or(ApiError::ServiceNotFound(id))?;
    if spec.endpoint != service.spec.endpoint {
        check_port_conflicts(store, spec, Some(id))?;
    }
    if !same_kind(service.spec.mode, spec.mode) {
        return Err(ApiError::ModeChange);
    }
    if service.name() != spec.annotations.name {
        return Err(ApiError::Rename);
    }
    let mut service = Service::clone(service);
    service.meta.version = version;
    service.job_status = service.job_status.map(|status| next_iteration(status, transaction.now()));
    Ok(service)
}

fn finish_update(transaction: &mut Transaction<'_>, service: Service) -> Result<(), ApiError> {
    check_ingress_network(transaction.store(), &service.spec)?;
    Ok(transaction.update_service(service)?)
}

fn next_iteration(status: JobStatus, now: SimTime) -> JobStatus {
    JobStatus { iteration: status.iteration + 1, last_execution: now }
}

/// True if both are of one kind, whatever their numbers.
fn same_kind(one: ServiceMode, other: ServiceMode) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

/// A port of the routing mesh needs the routing mesh.
fn check_ingress_network(store: &Store, spec: &ServiceSpec) -> Result<(), ApiError> {
    let present = || store.networks().any(|network| network.spec.ingress);
    if spec.publishes_ingress_port() && !present() { Err(ApiError::NoIngressNetwork) } else { Ok(()) }
}
