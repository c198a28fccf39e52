//! Values of flags, as docker's client reads them.
use std::fmt;

use sim_core::kernel::SimDuration;
use sim_core::model::{
    Availability, EndpointMode, FailureAction, HEARTBEAT_EPSILON, NodeRole, RestartCondition, UpdateOrder,
};

use crate::units::{self, UnitError, UnitFault};

/// Most replicas of a service that are simulated truthfully.
pub(super) const REPLICAS_MAX: u64 = 1_000_000;

/// Why a value is refused, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A refusal as the result of a parser.
pub(super) fn refused<T>(reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(reason.into()))
}

/// A switch's value, as Go reads booleans.
pub(super) fn boolean(text: &str) -> Result<bool, Refused> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => refused("it is neither true nor false"),
    }
}

/// The period of heartbeats; zero is docker's default. The dispatcher draws each period up to half a second shorter,
/// so one that is not longer than that cannot be simulated.
pub(super) fn heartbeat(text: &str) -> Result<SimDuration, Refused> {
    let period = duration(text).map_err(|error| Refused(error.to_string()))?;
    if !period.is_zero() && period <= HEARTBEAT_EPSILON {
        return refused(format!("a period has to be longer than {HEARTBEAT_EPSILON}"));
    }
    Ok(period)
}

/// A Go duration; zero needs no unit there.
pub(super) fn duration(text: &str) -> Result<SimDuration, UnitError> {
    if text == "0" { Ok(SimDuration::ZERO) } else { units::duration(text) }
}

/// A size; a bare number is bytes.
pub(super) fn size(text: &str) -> Result<i64, UnitError> {
    let size = units::size(text);
    match size {
        Err(UnitError { fault: UnitFault::NoUnit, .. }) => units::size(&format!("{text}b")),
        _ => size,
    }
}

/// A number of CPUs. Docker's client lets negative ones pass, and managers refuse them (spec scheduler 18).
pub(super) fn cpus(text: &str) -> Result<i64, UnitError> {
    match text.strip_prefix('-').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '.')) {
        Some(rest) => units::cpus(rest).map(|billionths| -billionths),
        None => units::cpus(text),
    }
}

/// A whole number.
pub(super) fn number(text: &str) -> Result<u64, Refused> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return refused("it is no whole number");
    }
    text.parse().or_else(|_| refused("it is too large"))
}

/// A number of replicas.
pub(super) fn replicas(text: &str) -> Result<u64, Refused> {
    match number(text)? {
        replicas if replicas > REPLICAS_MAX => {
            refused(format!("at most {REPLICAS_MAX} replicas are simulated"))
        }
        replicas => Ok(replicas),
    }
}

/// A number of retries or processes.
pub(super) fn small_number(text: &str) -> Result<u32, Refused> {
    u32::try_from(number(text)?).or_else(|_| refused("it is too large"))
}

/// One of some words, each with its meaning.
fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Refused> {
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*meaning);
    }
    let words = words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
    refused(format!("it can be {}", words.join(", ")))
}

pub(super) fn restart_condition(text: &str) -> Result<RestartCondition, Refused> {
    let words = [
        ("none", RestartCondition::None),
        ("on-failure", RestartCondition::OnFailure),
        ("any", RestartCondition::Any),
    ];
    one_of(text, &words)
}

pub(super) fn update_failure_action(text: &str) -> Result<FailureAction, Refused> {
    let words = [
        ("pause", FailureAction::Pause),
        ("continue", FailureAction::Continue),
        ("rollback", FailureAction::Rollback),
    ];
    one_of(text, &words)
}

pub(super) fn update_order(text: &str) -> Result<UpdateOrder, Refused> {
    one_of(text, &[("start-first", UpdateOrder::StartFirst), ("stop-first", UpdateOrder::StopFirst)])
}

pub(super) fn endpoint_mode(text: &str) -> Result<EndpointMode, Refused> {
    one_of(&text.to_lowercase(), &[("vip", EndpointMode::Vip), ("dnsrr", EndpointMode::DnsRoundRobin)])
}

pub(super) fn availability(text: &str) -> Result<Availability, Refused> {
    let words =
        [("active", Availability::Active), ("pause", Availability::Pause), ("drain", Availability::Drain)];
    one_of(&text.to_lowercase(), &words)
}

pub(super) fn role(text: &str) -> Result<NodeRole, Refused> {
    one_of(text, &[("worker", NodeRole::Worker), ("manager", NodeRole::Manager)])
}

/// A label: `key=value`, or a key alone, whose value is empty.
pub(super) fn label(text: &str) -> Result<(String, String), Refused> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    match key.trim_start_matches([' ', '\t', '\n']) {
        "" => refused("the name is empty"),
        key if key.contains(char::is_whitespace) => refused("the name has white space in it"),
        _ => Ok((key.to_owned(), value.to_owned())),
    }
}

/// An environment variable. Without a value it would be that of the client's environment, of which there is none.
pub(super) fn env(text: &str) -> Result<String, Refused> {
    match text.split_once('=') {
        Some(("", _)) => refused("the name is empty"),
        Some(_) => Ok(text.to_owned()),
        None => refused("it has no value, and the client has no environment to take it from"),
    }
}

/// A placement preference; only `spread=...` exists.
pub(super) fn preference(text: &str) -> Result<String, Refused> {
    match text.split_once('=') {
        Some(("spread", descriptor)) => Ok(descriptor.to_owned()),
        Some((strategy, _)) if !strategy.is_empty() => {
            refused(format!("unsupported placement preference {strategy} (only spread is supported)"))
        }
        _ => refused("placement preference must be of the format \"<strategy>=<arg>\""),
    }
}

/// A filter: `key=value`.
pub(super) fn filter(text: &str) -> Result<(String, String), Refused> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_lowercase(), value.trim().to_owned())),
        None => refused("bad format of filter (expected name=value)"),
    }
}

/// Words of a value, split as a shell does.
pub(super) fn shell_words(text: &str) -> Result<Vec<String>, Refused> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    super::words::split(text).map_err(|error| Refused(error.problem.to_string()))
}

/// The address of a name server.
pub(super) fn nameserver(text: &str) -> Result<String, Refused> {
    match text.trim().parse::<std::net::IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => refused(format!("{text} is not an ip address")),
    }
}

/// An extra host: `name:address` or `name=address`, as the line `address name`.
pub(super) fn extra_host(text: &str) -> Result<String, Refused> {
    let (name, address) = match text.split_once('=').or_else(|| text.split_once(':')) {
        Some((name, address)) if !name.is_empty() && !name.contains(':') => (name, address),
        _ => return refused("it is not of the form name:address"),
    };
    let address = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
    if address != "host-gateway" && address.parse::<std::net::IpAddr>().is_err() {
        return refused(format!("{address} is no address"));
    }
    Ok(format!("{address} {name}"))
}
