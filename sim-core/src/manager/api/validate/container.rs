//! Checks of a container spec. Templates in it are not expanded here: a wrong one shows when the task starts.
use std::collections::BTreeSet;

use super::SpecError;
use crate::kernel::SimDuration;
use crate::model::ContainerSpec;
use crate::model::spec::{HealthConfig, Mount};

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
    if image_reference_parses(image) {
        Ok(())
    } else {
        Err(SpecError::ImageInvalid { image: image.to_owned() })
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

/// True for `[domain[:port]/]path[:tag][@algorithm:digest]` as image references are written.
fn image_reference_parses(image: &str) -> bool {
    if image.len() == 64 && image.bytes().all(is_lower_hex) {
        return false; // A bare image id is no name.
    }
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    let (name, tag) = split_tag(rest);
    let (domain, path) = split_domain(name);
    domain.is_none_or(domain_parses)
        && path.split('/').all(path_component_parses)
        && tag.is_none_or(tag_parses)
        && digest.is_none_or(digest_parses)
}

/// A colon behind the last slash begins the tag; one before it is a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rfind(':') {
        Some(colon) if !text[colon..].contains('/') => (&text[..colon], Some(&text[colon + 1..])),
        Some(_) | None => (text, None),
    }
}

/// The first component is a registry if it looks like a host: with a dot, a port, a capital, or `localhost`.
fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first =>
        {
            (Some(first), rest)
        }
        Some(_) | None => (None, name),
    }
}

fn domain_parses(domain: &str) -> bool {
    let (host, port) = domain.split_once(':').map_or((domain, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let port_parses = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    host.split('.').all(label) && port.is_none_or(port_parses)
}

/// Lower-case letters and digits, with one dot, one or two underscores, or any number of dashes between them.
fn path_component_parses(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = |text: &str| {
        text.bytes().next().is_some_and(alphanumeric) && text.bytes().last().is_some_and(alphanumeric)
    };
    let separators = component.split(|character: char| alphanumeric(character as u8) && character.is_ascii());
    let separator_parses =
        |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    ends(component) && separators.into_iter().all(separator_parses)
}

fn tag_parses(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

fn digest_parses(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_lower_hex))
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}
