//! How docker's client applies the flags of `service update` to the spec it has read.
//!
//! A block that is absent gets docker's defaults when one of its flags is given, so naming one flag of a block
//! also writes down all others of it. That is not the zero value of the block (spec orchestration 3.1).
use std::fmt;
use std::sync::Arc;

use super::{NetworkReference, SpecChange, UpdateConfigChange};
use crate::kernel::SimDuration;
use crate::model::spec::{
    ContainerSpec, DEFAULT_MONITOR, DEFAULT_RESTART_DELAY, HealthConfig, Limits, Mount,
    NetworkAttachmentConfig, ResourceRequirements,
};
use crate::model::{
    EndpointSpec, GenericResource, NetworkId, Placement, PortConfig, RestartCondition, RestartPolicy,
    ServiceMode, ServiceSpec, UpdateConfig,
};

/// Why a client cannot change a spec as asked. The text is docker's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// `--replicas` for a service that has no replicas, or is a job.
    NotReplicated,
    /// `scale` for a service that has no replicas.
    NotScalable,
    /// `--generic-resource-rm` of a kind that the service does not reserve.
    UnknownGenericResource(String),
    /// `--network-add` of a network that the service is attached to already.
    AlreadyAttached(String),
    /// A network that does not exist.
    UnknownNetwork(String),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeError::NotReplicated => write!(f, "replicas can only be used with replicated mode"),
            ChangeError::NotScalable => {
                write!(f, "scale can only be used with replicated or replicated-job mode")
            }
            ChangeError::UnknownGenericResource(kind) => {
                write!(f, "could not find generic-resource `{kind}` to remove it")
            }
            ChangeError::AlreadyAttached(network) => {
                write!(f, "service is already attached to network {network}")
            }
            ChangeError::UnknownNetwork(network) => write!(f, "network {network} not found"),
        }
    }
}

impl std::error::Error for ChangeError {}

/// Sets the number of replicas as `docker service scale` does; for a job, how many tasks must complete.
pub fn scale(spec: &mut ServiceSpec, wanted: u64) -> Result<(), ChangeError> {
    match &mut spec.mode {
        ServiceMode::Replicated { replicas } => *replicas = wanted,
        ServiceMode::ReplicatedJob { total_completions, .. } => *total_completions = wanted,
        ServiceMode::Global | ServiceMode::GlobalJob => return Err(ChangeError::NotScalable),
    }
    Ok(())
}

impl SpecChange {
    /// Changes a spec. `network` finds a network by name or id.
    pub fn apply(
        &self,
        spec: &mut ServiceSpec,
        network: &dyn Fn(&str) -> Option<NetworkId>,
    ) -> Result<(), ChangeError> {
        let task = Arc::make_mut(&mut spec.task);
        let container = &mut task.container;
        match self {
            SpecChange::LabelRemove(names) => names.iter().for_each(|name| {
                spec.annotations.labels.remove(name);
            }),
            SpecChange::LabelAdd(labels) => spec.annotations.labels.extend(labels.clone()),
            SpecChange::ContainerLabelRemove(names) => names.iter().for_each(|name| {
                container.labels.remove(name);
            }),
            SpecChange::ContainerLabelAdd(labels) => container.labels.extend(labels.clone()),
            SpecChange::Image(image) => container.image.clone_from(image),
            SpecChange::Args(args) => container.args.clone_from(args),
            SpecChange::Entrypoint(words) => container.command.clone_from(words),
            SpecChange::EnvRemove(names) => {
                container.env.retain(|entry| !names.iter().any(|name| name == env_name(entry)));
            }
            SpecChange::EnvAdd(entries) => {
                entries.iter().for_each(|entry| set_env(&mut container.env, entry))
            }
            SpecChange::Directory(path) => container.directory.clone_from(path),
            SpecChange::User(user) => container.user.clone_from(user),
            SpecChange::Hostname(name) => container.hostname.clone_from(name),
            SpecChange::Mounts { add, remove } => change_mounts(&mut container.mounts, add, remove),
            SpecChange::LimitCpu(nano_cpus) => limits(&mut task.resources).nano_cpus = *nano_cpus,
            SpecChange::LimitMemory(bytes) => limits(&mut task.resources).memory_bytes = *bytes,
            SpecChange::LimitPids(pids) => limits(&mut task.resources).pids = *pids,
            SpecChange::ReserveCpu(nano_cpus) => reservations(&mut task.resources).nano_cpus = *nano_cpus,
            SpecChange::ReserveMemory(bytes) => reservations(&mut task.resources).memory_bytes = *bytes,
            SpecChange::GenericAdd(add) => add_generic(&mut reservations(&mut task.resources).generic, add),
            SpecChange::GenericRemove(kinds) => {
                remove_generic(&mut reservations(&mut task.resources).generic, kinds)?;
            }
            SpecChange::StopGracePeriod(period) => container.stop_grace_period = Some(*period),
            SpecChange::RestartCondition(condition) => restart(&mut task.restart).condition = *condition,
            SpecChange::RestartDelay(delay) => restart(&mut task.restart).delay = Some(*delay),
            SpecChange::RestartMaxAttempts(attempts) => restart(&mut task.restart).max_attempts = *attempts,
            SpecChange::RestartWindow(window) => restart(&mut task.restart).window = Some(*window),
            SpecChange::Constraints { add, remove } => {
                let constraints = &mut placement(&mut task.placement).constraints;
                constraints.extend_from_slice(add);
                constraints.retain(|constraint| !remove.contains(constraint));
                constraints.sort();
            }
            SpecChange::Preferences { add, remove } => {
                let preferences = &mut placement(&mut task.placement).preferences;
                preferences.retain(|preference| !remove.contains(preference));
                preferences.extend_from_slice(add);
            }
            SpecChange::Networks { add, remove } => {
                change_networks(&mut task.networks, add, remove, network)?;
            }
            SpecChange::Replicas(wanted) => match &mut spec.mode {
                ServiceMode::Replicated { replicas } => *replicas = *wanted,
                ServiceMode::Global | ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob => {
                    return Err(ChangeError::NotReplicated);
                }
            },
            SpecChange::MaxReplicasPerNode(max) => placement(&mut task.placement).max_replicas = *max,
            SpecChange::Update(change) => change.apply(&mut spec.update),
            SpecChange::Rollback(change) => change.apply(&mut spec.rollback),
            SpecChange::EndpointMode(mode) => endpoint(&mut spec.endpoint).mode = *mode,
            SpecChange::Ports { add, remove } => {
                change_ports(&mut endpoint(&mut spec.endpoint).ports, add, remove)
            }
            SpecChange::HostRemove(hosts) => remove_hosts(&mut container.hosts, hosts),
            SpecChange::HostAdd(hosts) => {
                let known = container.hosts.clone();
                container.hosts.extend(hosts.iter().filter(|host| !known.contains(host)).cloned());
            }
            SpecChange::Nameservers(change) => change.apply(&mut container.dns.nameservers),
            SpecChange::DnsSearch(change) => change.apply(&mut container.dns.search),
            SpecChange::DnsOptions(change) => change.apply(&mut container.dns.options),
            SpecChange::LogDriver(driver) => task.log_driver = Some(driver.clone()),
            SpecChange::Force => task.force_update += 1,
            SpecChange::NoHealthcheck => {
                container.health =
                    Some(HealthConfig { test: vec!["NONE".to_owned()], ..HealthConfig::default() });
            }
            SpecChange::HealthInterval(span) => health(container).interval = nonzero(*span),
            SpecChange::HealthTimeout(span) => health(container).timeout = nonzero(*span),
            SpecChange::HealthStartPeriod(span) => health(container).start_period = nonzero(*span),
            SpecChange::HealthStartInterval(span) => health(container).start_interval = nonzero(*span),
            SpecChange::HealthRetries(retries) => health(container).retries = *retries,
            SpecChange::HealthCommand(command) if command.is_empty() => health(container).test.clear(),
            SpecChange::HealthCommand(command) => {
                health(container).test = vec!["CMD-SHELL".to_owned(), command.clone()];
            }
            SpecChange::StopSignal(signal) => container.stop_signal.clone_from(signal),
            SpecChange::RegistryAuth => container.pull_options = Some("client".to_owned()),
            SpecChange::Other { option, value } => {
                container.other.insert(option.clone(), value.clone());
            }
        }
        Ok(())
    }
}

impl UpdateConfigChange {
    fn apply(self, config: &mut Option<UpdateConfig>) {
        let monitor = Some(DEFAULT_MONITOR);
        let config = config.get_or_insert_with(|| UpdateConfig { monitor, ..UpdateConfig::default() });
        match self {
            UpdateConfigChange::Parallelism(slots) => config.parallelism = slots,
            UpdateConfigChange::Delay(delay) => config.delay = delay,
            // The engine passes a monitoring period on only if it is not zero.
            UpdateConfigChange::Monitor(period) => config.monitor = nonzero(period),
            UpdateConfigChange::FailureAction(action) => config.failure_action = action,
            UpdateConfigChange::MaxFailureRatioPpb(ratio) => config.max_failure_ratio_ppb = ratio,
            UpdateConfigChange::Order(order) => config.order = order,
        }
    }
}

fn nonzero(span: SimDuration) -> Option<SimDuration> {
    (!span.is_zero()).then_some(span)
}

fn env_name(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(name, _)| name)
}

/// Gives a variable a value, in place if it has one.
fn set_env(env: &mut Vec<String>, entry: &str) {
    match env.iter_mut().find(|known| env_name(known) == env_name(entry)) {
        Some(known) => entry.clone_into(known),
        None => env.push(entry.to_owned()),
    }
}

fn change_mounts(mounts: &mut Vec<Mount>, add: &[Mount], remove: &[String]) {
    mounts.retain(|mount| !add.iter().any(|new| new.target == mount.target));
    mounts.extend_from_slice(add);
    mounts.retain(|mount| !remove.contains(&mount.target));
    mounts.sort_by(|a, b| (&a.source, &a.target).cmp(&(&b.source, &b.target)));
}

fn resources(resources: &mut Option<ResourceRequirements>) -> &mut ResourceRequirements {
    let resources = resources.get_or_insert_default();
    resources.limits.get_or_insert_default();
    resources.reservations.get_or_insert_default();
    resources
}

fn limits(requirements: &mut Option<ResourceRequirements>) -> &mut Limits {
    resources(requirements).limits.as_mut().expect("present by now")
}

fn reservations(requirements: &mut Option<ResourceRequirements>) -> &mut crate::model::Reservations {
    resources(requirements).reservations.as_mut().expect("present by now")
}

fn add_generic(reserved: &mut Vec<GenericResource>, add: &[GenericResource]) {
    reserved.retain(|known| !add.iter().any(|new| new.kind() == known.kind()));
    reserved.extend_from_slice(add);
    reserved.sort();
}

fn remove_generic(reserved: &mut Vec<GenericResource>, kinds: &[String]) -> Result<(), ChangeError> {
    for kind in kinds {
        let before = reserved.len();
        reserved.retain(|known| known.kind() != kind);
        if reserved.len() == before {
            return Err(ChangeError::UnknownGenericResource(kind.clone()));
        }
    }
    Ok(())
}

fn restart(policy: &mut Option<RestartPolicy>) -> &mut RestartPolicy {
    policy.get_or_insert(RestartPolicy {
        condition: RestartCondition::Any,
        delay: Some(DEFAULT_RESTART_DELAY),
        max_attempts: 0,
        window: None,
    })
}

fn placement(placement: &mut Option<Placement>) -> &mut Placement {
    placement.get_or_insert_default()
}

fn endpoint(endpoint: &mut Option<EndpointSpec>) -> &mut EndpointSpec {
    endpoint.get_or_insert_default()
}

/// The service's own check, or an empty one. A check that was switched off is on again, with the image's test.
fn health(container: &mut ContainerSpec) -> &mut HealthConfig {
    let health = container.health.get_or_insert_default();
    if health.test.first().is_some_and(|word| word == "NONE") {
        health.test.clear();
    }
    health
}

fn change_networks(
    attached: &mut Vec<NetworkAttachmentConfig>,
    add: &[NetworkReference],
    remove: &[String],
    network: &dyn Fn(&str) -> Option<NetworkId>,
) -> Result<(), ChangeError> {
    let find = |name: &str| network(name).ok_or_else(|| ChangeError::UnknownNetwork(name.to_owned()));
    for name in remove {
        let id = find(name)?;
        attached.retain(|known| known.network != id);
    }
    for wish in add {
        let id = find(&wish.network)?;
        if attached.iter().any(|known| known.network == id) {
            return Err(ChangeError::AlreadyAttached(wish.network.clone()));
        }
        attached.push(NetworkAttachmentConfig { network: id, aliases: wish.aliases.clone() });
    }
    attached.sort_by_key(|known| known.network);
    Ok(())
}

/// Removes by target port, protocol and mode, whatever is published; then adds. An added port that equals one from
/// before is not added, even if it has just been removed: docker compares with the list it began with.
fn change_ports(ports: &mut Vec<PortConfig>, add: &[PortConfig], remove: &[PortConfig]) {
    let matches = |port: &PortConfig, other: &PortConfig| {
        let key = |port: &PortConfig| (port.target_port, port.protocol, port.publish_mode);
        key(port) == key(other)
    };
    let before: Vec<String> = ports.iter().map(port_text).collect();
    ports.retain(|port| !remove.iter().any(|other| matches(port, other)));
    ports.extend(add.iter().filter(|port| !before.contains(&port_text(port))).cloned());
    ports.sort_by_key(port_text);
}

/// Docker's text for a port, in whose alphabetical order it keeps the list: `8080:80/tcp/ingress`.
fn port_text(port: &PortConfig) -> String {
    let (protocol, mode) = (port.protocol.name(), port.publish_mode.name());
    format!("{}:{}/{protocol}/{mode}", port.published_port, port.target_port)
}

/// Takes host names out of lines of the form `address name name`; a wish is `name` or `name:address`.
fn remove_hosts(lines: &mut Vec<String>, wishes: &[String]) {
    for line in lines.iter_mut() {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let Some(address) = words.first().map(|word| (*word).to_owned()) else { continue };
        for wish in wishes {
            let (name, at) = wish.split_once(':').unwrap_or((wish, ""));
            if at.is_empty() || at == address {
                let mut index = 0;
                words.retain(|word| {
                    index += 1;
                    index == 1 || *word != name
                });
            }
        }
        *line = if words.len() > 1 { words.join(" ") } else { String::new() };
    }
    lines.retain(|line| !line.is_empty());
}

#[cfg(test)]
mod tests;
