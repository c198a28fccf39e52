//! Checks of a container spec. Templates in it are not expanded here: a wrong one shows when the task starts.
use std::collections::BTreeSet;

use crate::kernel::SimDuration;
use crate::model::ContainerSpec;
use crate::model::image::ImageReference;
use crate::model::spec::{HealthConfig, Mount};
use crate::protocol::SpecError;

const HEALTH_TIME_MIN: SimDuration = SimDuration::from_millis(1);

pub(super) fn validate_container(container: &ContainerSpec) -> Result<(), SpecError> {
    validate_image(&container.image)?;
    validate_mounts(&container.mounts)?;
    container.health.as_ref().map_or(Ok(()), validate_health)
}

fn validate_image(image: &str) -> Result<(), SpecError> {
    if image.is_empty() {
        return Err(SpecError::ImageMissing);
    }
    match ImageReference::parse(image) {
        Some(_) => Ok(()),
        None => Err(SpecError::ImageInvalid { image: image.to_owned() }),
    }
}

fn validate_mounts(mounts: &[Mount]) -> Result<(), SpecError> {
    let mut targets = BTreeSet::new();
    for mount in mounts {
        if !targets.insert(&mount.target) {
            return Err(SpecError::DuplicateMount { target: mount.target.clone() });
        }
    }
    Ok(())
}

fn validate_health(health: &HealthConfig) -> Result<(), SpecError> {
    let times = [
        ("Interval", health.interval),
        ("Timeout", health.timeout),
        ("StartPeriod", health.start_period),
        ("StartInterval", health.start_interval),
    ];
    let too_short =
        |time: Option<SimDuration>| time.is_some_and(|time| !time.is_zero() && time < HEALTH_TIME_MIN);
    match times.into_iter().find(|(_, time)| too_short(*time)) {
        Some((field, _)) => Err(SpecError::HealthTimeTooShort { field }),
        None => Ok(()),
    }
}
