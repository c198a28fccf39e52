//! What can be wrong with a spec, in SwarmKit's words (spec orchestration 3.1, scheduler 18, networking 5.2).
use std::fmt;

use super::decimal::general_notation;

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
    /// Certificates that are valid for less than an hour.
    CertificateValidityTooShort,
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
            SpecError::CertificateValidityTooShort => "minimum certificate expiry time is: 1h0m0s",
        };
        f.write_str(text)
    }
}
