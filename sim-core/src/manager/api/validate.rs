//! What a service spec must fulfil before it is stored (spec orchestration 3.1, scheduler 18, networking 5.2).
//!
//! The checks run in SwarmKit's order, so that a spec with two mistakes is refused for the same one. What a type
//! rules out here (negative durations, counts of attempts) has no check. The rollback block is not looked at.
mod container;
mod ports;

pub(super) use ports::check_port_conflicts;

use std::fmt;

use self::container::validate_container;
use self::ports::validate_endpoint;
use super::ApiError;
use crate::model::spec::NetworkAttachmentConfig;
use crate::model::{
    Annotations, Placement, ResourceRequirements, ServiceMode, ServiceSpec, TaskSpec, UpdateConfig,
    constraint,
};
use crate::store::Store;

/// A name is a DNS label.
const NAME_LENGTH_MAX: usize = 63;
const NANO_CPUS_MIN: i64 = 1_000_000;
const MEMORY_BYTES_MIN: i64 = 4 * 1024 * 1024;
/// A failure ratio of 1, in parts per billion.
const RATIO_MAX_PPB: u32 = 1_000_000_000;
/// A count above this is a negative number that was cast.
const COUNT_MAX: u64 = i64::MAX as u64;

/// What is wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// No name.
    NameMissing,
    /// A name that is no DNS label.
    NameInvalid,
    /// A name of more than 63 characters.
    NameTooLong,
    /// Less than a thousandth of a CPU.
    CpuTooSmall {
        /// The amount in billionths of a CPU.
        nano_cpus: i64,
    },
    /// Less than 4 MiB.
    MemoryTooSmall {
        /// The amount in bytes.
        memory_bytes: i64,
    },
    /// No image.
    ImageMissing,
    /// An image reference that does not parse.
    ImageInvalid {
        /// The reference.
        image: String,
    },
    /// Two mounts at one place.
    DuplicateMount {
        /// The path inside the container.
        target: String,
    },
    /// A time of the health check below a millisecond.
    HealthTimeTooShort {
        /// SwarmKit's name of the field.
        field: &'static str,
    },
    /// A negative number of replicas.
    ReplicasNegative,
    /// A negative number of concurrent tasks of a job.
    MaxConcurrentNegative,
    /// A negative number of completions of a job.
    TotalCompletionsNegative,
    /// A job with an update block.
    JobWithUpdateConfig,
    /// A failure ratio above 1.
    FailureRatioOutOfRange,
    /// A port of the routing mesh on a service without a virtual address.
    IngressPortWithDnsRoundRobin,
    /// One port published twice.
    DuplicatePort,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            SpecError::NameMissing => "meta: name must be provided",
            SpecError::NameInvalid => "name must be valid as a DNS name component",
            SpecError::NameTooLong => "name must be 63 characters or fewer",
            SpecError::CpuTooSmall { nano_cpus } => {
                let cpus = general_notation(*nano_cpus);
                return write!(f, "invalid cpu value {cpus}: Must be at least 0.001");
            }
            SpecError::MemoryTooSmall { memory_bytes } => {
                return write!(f, "invalid memory value {memory_bytes}: Must be at least 4MiB");
            }
            SpecError::ImageMissing => "ContainerSpec: image reference must be provided",
            SpecError::ImageInvalid { image } => {
                return write!(f, "ContainerSpec: {image:?} is not a valid repository/tag");
            }
            SpecError::DuplicateMount { target } => {
                return write!(f, "ContainerSpec: duplicate mount point: {target}");
            }
            SpecError::HealthTimeTooShort { field } => {
                return write!(f, "ContainerSpec: {field} in HealthConfig cannot be less than 1ms");
            }
            SpecError::ReplicasNegative => "Number of replicas must be non-negative",
            SpecError::MaxConcurrentNegative => "Maximum concurrent jobs must not be negative",
            SpecError::TotalCompletionsNegative => "Total completed jobs must not be negative",
            SpecError::JobWithUpdateConfig => "Jobs may not have an update config",
            SpecError::FailureRatioOutOfRange => {
                "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1"
            }
            SpecError::IngressPortWithDnsRoundRobin => {
                "EndpointSpec: port published with ingress mode can't be used with dnsrr mode"
            }
            SpecError::DuplicatePort => "EndpointSpec: duplicate published ports provided",
        };
        f.write_str(text)
    }
}

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

fn validate_annotations(annotations: &Annotations) -> Result<(), SpecError> {
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

/// An amount of CPUs too small to be accepted, as Go's `%g` writes it: `0.0005`, `5e-05`, `-1`.
fn general_notation(nano_cpus: i64) -> String {
    let sign = if nano_cpus < 0 { "-" } else { "" };
    let amount = nano_cpus.unsigned_abs();
    if amount != 0 && amount < 100_000 {
        let digits = amount.to_string();
        let exponent = 10 - digits.len();
        let mantissa = digits.trim_end_matches('0');
        let (first, rest) = mantissa.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{sign}{first}{point}{rest}e-{exponent:02}");
    }
    let (whole, fraction) = (amount / 1_000_000_000, amount % 1_000_000_000);
    let fraction = format!("{fraction:09}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}
