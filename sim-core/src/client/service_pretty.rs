//! `docker service inspect --pretty`: a service with all defaults filled in, for a person to read.
use std::fmt::Write;

use super::Viewpoint;
use super::words::{bytes_size, exact_duration, human_duration};
use crate::kernel::{SimDuration, SimTime};
use crate::model::spec::{DEFAULT_MONITOR, Driver, HealthConfig, Limits, Mount};
use crate::model::{
    ContainerSpec, Labels, Placement, PortConfig, Reservations, ResourceRequirements, Service, ServiceMode,
    UpdateConfig, UpdateState, UpdateStatus,
};
use crate::protocol::{ServiceDetails, general_notation};

/// A service for a person to read.
#[must_use]
pub(crate) fn service_pretty(details: &ServiceDetails, view: Viewpoint) -> String {
    let service = &details.service;
    let spec = &service.spec;
    let mut text = format!("\nID:\t\t{}\nName:\t\t{}", service.id.text(view.seed), service.name());
    write_labels(&mut text, &spec.annotations.labels);
    write_mode(&mut text, spec.mode);
    if let Some(status) = &service.update_status {
        write_update_status(&mut text, status, view.now);
    }
    write_placement(&mut text, spec.task.placement.as_ref().unwrap_or(&Placement::default()));
    write_update_config(&mut text, "Update", spec.update.unwrap_or_default());
    write_update_config(&mut text, "Rollback", spec.rollback.unwrap_or_default());
    write_container(&mut text, &spec.task.container);
    if let Some(driver) = &spec.task.log_driver {
        write_log_driver(&mut text, driver);
    }
    write_resources(&mut text, spec.task.resources.as_ref().unwrap_or(&ResourceRequirements::default()));
    write_networks(&mut text, details, view);
    write_endpoint(&mut text, service);
    if let Some(health) = &spec.task.container.health {
        write_health(&mut text, health);
    }
    text.push_str("\n\n");
    text
}

fn write_labels(text: &mut String, labels: &Labels) {
    if !labels.is_empty() {
        text.push_str("\nLabels:");
    }
    for (name, value) in labels {
        let equals = if value.is_empty() { "" } else { "=" };
        let _ = write!(text, "\n {name}{equals}{value}");
    }
}

/// Jobs have no word for their mode here.
fn write_mode(text: &mut String, mode: ServiceMode) {
    text.push_str("\nService Mode:");
    match mode {
        ServiceMode::Global => text.push_str("\tGlobal"),
        ServiceMode::Replicated { replicas } => {
            let _ = write!(text, "\tReplicated\n Replicas:\t{replicas}");
        }
        ServiceMode::ReplicatedJob { .. } | ServiceMode::GlobalJob => {}
    }
}

/// The time of completion is told of an update only, not of a rollback.
fn write_update_status(text: &mut String, status: &UpdateStatus, now: SimTime) {
    let ago = |time: SimTime| format!("{} ago", human_duration(now.since(time)));
    let _ = write!(text, "\nUpdateStatus:\n State:\t\t{}", status.state.name());
    if let Some(started) = status.started_at {
        let _ = write!(text, "\n Started:\t{}", ago(started));
    }
    if let Some(completed) = status.completed_at.filter(|_| status.state == UpdateState::Completed) {
        let _ = write!(text, "\n Completed:\t{}", ago(completed));
    }
    let _ = write!(text, "\n Message:\t{}", status.message);
}

fn write_placement(text: &mut String, placement: &Placement) {
    text.push_str("\nPlacement:");
    if !placement.constraints.is_empty() {
        let _ = write!(text, "\n Constraints:\t[{}]", placement.constraints.join(" "));
    }
    if !placement.preferences.is_empty() {
        let spreads: Vec<String> =
            placement.preferences.iter().map(|descriptor| format!("spread={descriptor}")).collect();
        let _ = write!(text, "\n Preferences:   [{}]", spreads.join(" "));
    }
    if placement.max_replicas != 0 {
        let _ = write!(text, "\n Max Replicas Per Node:   {}", placement.max_replicas);
    }
}

/// The block of an update or a rollback; `what` is the word for it.
fn write_update_config(text: &mut String, what: &str, config: UpdateConfig) {
    let _ = write!(text, "\n{what}Config:\n Parallelism:\t{}", config.parallelism);
    if !config.delay.is_zero() {
        let _ = write!(text, "\n Delay:\t\t{}", exact_duration(config.delay));
    }
    let _ = write!(text, "\n On failure:\t{}", config.failure_action.name());
    let monitor = config.monitor.unwrap_or(DEFAULT_MONITOR);
    if !monitor.is_zero() {
        let _ = write!(text, "\n Monitoring Period: {}", exact_duration(monitor));
    }
    let ratio = general_notation(i64::from(config.max_failure_ratio_ppb));
    let order = format!("{what} order:");
    let _ = write!(text, "\n Max failure ratio: {ratio}\n {order:<18} {}", config.order.name());
}

fn write_container(text: &mut String, container: &ContainerSpec) {
    let _ = write!(text, "\nContainerSpec:\n Image:\t\t{}", container.image);
    write_words(text, "Args", &container.args);
    write_words(text, "Env", &container.env);
    if !container.directory.is_empty() {
        let _ = write!(text, "\n Dir:\t\t{}", container.directory);
    }
    let init = container.other.get("init").map_or("false", String::as_str);
    let _ = write!(text, "\n Init:\t\t{init}");
    if !container.user.is_empty() {
        let _ = write!(text, "\n User: {}", container.user);
    }
    write_mounts(text, &container.mounts);
    write_references(text, "Configs", &container.configs);
    write_references(text, "Secrets", &container.secrets);
}

fn write_words(text: &mut String, title: &str, words: &[String]) {
    if !words.is_empty() {
        let _ = write!(text, "\n {title}:\t\t");
    }
    for word in words {
        let _ = write!(text, "{word} ");
    }
}

fn write_mounts(text: &mut String, mounts: &[Mount]) {
    if !mounts.is_empty() {
        text.push_str("\nMounts:");
    }
    for mount in mounts {
        let Mount { kind, source, target, read_only, driver: _ } = mount;
        let kind = kind.name();
        let _ = write!(
            text,
            "\n Target:\t{target}\n  Source:\t{source}\n  ReadOnly:\t{read_only}\n  Type:\t\t{kind}"
        );
    }
}

/// Secrets or configs; each is a file of its own name.
fn write_references(text: &mut String, title: &str, names: &[String]) {
    if !names.is_empty() {
        let _ = write!(text, "\n{title}:");
    }
    for name in names {
        let _ = write!(text, "\n Target:\t{name}\n  Source:\t{name}");
    }
}

fn write_log_driver(text: &mut String, driver: &Driver) {
    text.push_str("\nLog Driver:");
    if !driver.name.is_empty() {
        let _ = write!(text, "\n Name:\t\t{}", driver.name);
    }
    if !driver.options.is_empty() {
        text.push_str("\n LogOpts:");
    }
    for (name, value) in &driver.options {
        let colon = if value.is_empty() { "" } else { ":       " };
        let _ = write!(text, "\n  {name}{colon}{value}");
    }
    text.push('\n');
}

fn write_resources(text: &mut String, resources: &ResourceRequirements) {
    text.push_str("\nResources:");
    let Reservations { nano_cpus, memory_bytes, generic: _ } =
        resources.reservations.clone().unwrap_or_default();
    if nano_cpus > 0 || memory_bytes > 0 {
        text.push_str("\n Reservations:");
        write_amounts(text, nano_cpus, memory_bytes);
    }
    let Limits { nano_cpus, memory_bytes, pids } = resources.limits.unwrap_or_default();
    if nano_cpus > 0 || memory_bytes > 0 || pids > 0 {
        text.push_str("\n Limits:");
        write_amounts(text, nano_cpus, memory_bytes);
    }
    if pids > 0 {
        let _ = write!(text, "\n  PIDs:\t\t{pids}");
    }
}

fn write_amounts(text: &mut String, nano_cpus: i64, memory_bytes: i64) {
    if nano_cpus > 0 {
        let _ = write!(text, "\n  CPU:\t\t{}", general_notation(nano_cpus));
    }
    if memory_bytes != 0 {
        let _ = write!(text, "\n  Memory:\t{}", bytes_size(memory_bytes));
    }
}

fn write_networks(text: &mut String, details: &ServiceDetails, view: Viewpoint) {
    let attached = &details.service.spec.task.networks;
    if attached.is_empty() {
        return;
    }
    text.push_str("\nNetworks:");
    for attachment in attached {
        let known = details.networks.get(&attachment.network);
        let name = known.map(|network| network.spec.annotations.name.clone());
        let _ = write!(text, " {}", name.unwrap_or_else(|| attachment.network.text(view.seed)));
    }
    text.push(' ');
}

fn write_endpoint(text: &mut String, service: &Service) {
    let mode = service.spec.endpoint.as_ref().map_or("", |endpoint| endpoint.mode.name());
    let _ = write!(text, "\nEndpoint Mode:\t{mode}");
    let ports: &[PortConfig] = service.endpoint.as_ref().map_or(&[], |endpoint| &endpoint.ports);
    if ports.is_empty() {
        return;
    }
    text.push_str("\nPorts:");
    for port in ports {
        let PortConfig { name: _, protocol, target_port, published_port, publish_mode } = port;
        let (protocol, publish_mode) = (protocol.name(), publish_mode.name());
        let _ = write!(
            text,
            "\n PublishedPort = {published_port}\n  Protocol = {protocol}\n  TargetPort = {target_port}\n  PublishMode = {publish_mode}"
        );
    }
    text.push(' ');
}

fn write_health(text: &mut String, health: &HealthConfig) {
    let HealthConfig { test, interval, timeout, retries, start_period, start_interval: _ } = health;
    let time = |time: &Option<SimDuration>| exact_duration(time.unwrap_or(SimDuration::ZERO));
    let _ = write!(
        text,
        "\n Healthcheck:\n  Interval = {}\n  Retries = {retries}\n  StartPeriod =\t{}\n  Timeout =\t{}",
        time(interval),
        time(start_period),
        time(timeout)
    );
    if !test.is_empty() {
        text.push_str("\n  Tests:");
        for word in test {
            let _ = write!(text, "\n\t Test = {word}");
        }
        text.push(' ');
    }
}
