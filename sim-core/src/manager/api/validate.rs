//! What a service spec must fulfil before it is stored (spec orchestration 3.1, scheduler 18, networking 5.2).
//!
//! The checks run in SwarmKit's order, so that a spec with two mistakes is refused for the same one. What a type
//! rules out here (negative durations, counts of attempts) has no check. The rollback block is not looked at.
mod container;
mod ports;

pub(super) use ports::check_port_conflicts;

use self::container::validate_container;
use self::ports::validate_endpoint;
use crate::model::spec::NetworkAttachmentConfig;
use crate::model::{
    Annotations, Placement, ResourceRequirements, ServiceMode, ServiceSpec, TaskSpec, UpdateConfig,
    constraint,
};
use crate::protocol::{ApiError, SpecError};
use crate::store::Store;

/// A name is a DNS label.
const NAME_LENGTH_MAX: usize = 63;
/// The smallest limit or reservation of processors (spec scheduler 18).
const NANO_CPUS_MIN: i64 = 1_000_000;
/// The smallest limit or reservation of memory (spec scheduler 18).
const MEMORY_BYTES_MIN: i64 = 4 * 1024 * 1024;
/// A failure ratio of 1, in parts per billion.
const RATIO_MAX_PPB: u32 = 1_000_000_000;
/// A count above this is a negative number that was cast.
const COUNT_MAX: u64 = i64::MAX as u64;

/// Checks all that can be checked without looking at other objects.
pub(super) fn validate_service_spec(spec: &ServiceSpec) -> Result<(), ApiError> {
    validate_annotations(&spec.annotations)?;
    validate_task(&spec.task)?;
    validate_mode(spec.mode)?;
    if spec.mode.is_job() {
        if spec.update.is_some() {
            return Err(SpecError::JobWithUpdateConfig.into());
        }
    } else {
        spec.update.as_ref().map_or(Ok(()), validate_update)?;
    }
    Ok(spec.endpoint.as_ref().map_or(Ok(()), validate_endpoint)?)
}

/// The network of the routing mesh is not for attaching. Networks that do not exist are the allocator's affair.
pub(super) fn validate_networks(store: &Store, networks: &[NetworkAttachmentConfig]) -> Result<(), ApiError> {
    for attachment in networks {
        if let Some(network) = store.network(attachment.network).filter(|network| network.spec.ingress) {
            return Err(ApiError::AttachedToIngress { network: network.spec.annotations.name.clone() });
        }
    }
    Ok(())
}

/// The name of a service or network is a DNS label.
pub(super) fn validate_annotations(annotations: &Annotations) -> Result<(), SpecError> {
    let name = &annotations.name;
    if name.is_empty() {
        return Err(SpecError::NameMissing);
    }
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let bytes = name.as_bytes();
    if !alphanumeric(bytes.first()) || !alphanumeric(bytes.last()) || !name.bytes().all(allowed) {
        return Err(SpecError::NameInvalid);
    }
    if name.len() > NAME_LENGTH_MAX {
        return Err(SpecError::NameTooLong);
    }
    Ok(())
}

fn validate_task(task: &TaskSpec) -> Result<(), ApiError> {
    task.resources.as_ref().map_or(Ok(()), validate_resources)?;
    task.placement.as_ref().map_or(Ok(()), validate_placement)?;
    Ok(validate_container(&task.container)?)
}

fn validate_resources(requirements: &ResourceRequirements) -> Result<(), SpecError> {
    if let Some(limits) = &requirements.limits {
        validate_amounts(limits.nano_cpus, limits.memory_bytes)?;
    }
    if let Some(reservations) = &requirements.reservations {
        validate_amounts(reservations.nano_cpus, reservations.memory_bytes)?;
    }
    Ok(())
}

fn validate_amounts(nano_cpus: i64, memory_bytes: i64) -> Result<(), SpecError> {
    if nano_cpus != 0 && nano_cpus < NANO_CPUS_MIN {
        return Err(SpecError::CpuTooSmall { nano_cpus });
    }
    if memory_bytes != 0 && memory_bytes < MEMORY_BYTES_MIN {
        return Err(SpecError::MemoryTooSmall { memory_bytes });
    }
    Ok(())
}

fn validate_placement(placement: &Placement) -> Result<(), ApiError> {
    constraint::parse(placement.constraints.iter().map(String::as_str))?;
    Ok(())
}

fn validate_mode(mode: ServiceMode) -> Result<(), SpecError> {
    match mode {
        ServiceMode::Replicated { replicas } if replicas > COUNT_MAX => Err(SpecError::ReplicasNegative),
        ServiceMode::ReplicatedJob { max_concurrent, .. } if max_concurrent > COUNT_MAX => {
            Err(SpecError::MaxConcurrentNegative)
        }
        ServiceMode::ReplicatedJob { total_completions, .. } if total_completions > COUNT_MAX => {
            Err(SpecError::TotalCompletionsNegative)
        }
        ServiceMode::Replicated { .. }
        | ServiceMode::Global
        | ServiceMode::ReplicatedJob { .. }
        | ServiceMode::GlobalJob => Ok(()),
    }
}

fn validate_update(update: &UpdateConfig) -> Result<(), SpecError> {
    if update.max_failure_ratio_ppb > RATIO_MAX_PPB { Err(SpecError::FailureRatioOutOfRange) } else { Ok(()) }
}
