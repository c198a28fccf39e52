//! `docker service inspect`: the service object with all defaults filled in.
use super::Viewpoint;
use super::calendar::timestamp;
use super::json::{Json, Object};
use crate::kernel::SimDuration;
use crate::model::network::VirtualIp;
use crate::model::spec::{DEFAULT_MONITOR, DEFAULT_RESTART_DELAY, DnsConfig, HealthConfig, Limits, Mount};
use crate::model::{
    ContainerSpec, Endpoint, EndpointSpec, GenericResource, JobStatus, Labels, Meta, Placement, PortConfig,
    ResourceRequirements, RestartCondition, RestartPolicy, ServiceMode, ServiceSpec, TaskSpec, UpdateConfig,
    UpdateStatus,
};
use crate::protocol::{ServiceDetails, general_notation};

/// What a manager fills in for a time to stop that was not given (spec orchestration 3.1).
const DEFAULT_STOP_GRACE_PERIOD: SimDuration = SimDuration::from_secs(10);

/// A service as an object of the engine's API.
pub(super) fn service_json(details: &ServiceDetails, view: Viewpoint) -> Json {
    let service = &details.service;
    let endpoint = service
        .endpoint
        .as_deref()
        .map_or(Object::new().set("Spec", Object::new()), |endpoint| endpoint_json(endpoint, details, view));
    meta(service.id.text(view.seed), service.meta)
        .set("Spec", spec_json(&service.spec, true, view))
        .set_some("PreviousSpec", service.previous_spec.as_ref().map(|spec| spec_json(spec, false, view)))
        .set("Endpoint", endpoint)
        .set_some("UpdateStatus", service.update_status.as_ref().map(update_status))
        .set_some("JobStatus", service.job_status.map(job_status))
        .into()
}

/// What every object begins with.
pub(super) fn meta(id: String, meta: Meta) -> Object {
    let Meta { version, created_at, updated_at } = meta;
    Object::new()
        .set("ID", id)
        .set("Version", Object::new().set_unless_empty("Index", version))
        .set("CreatedAt", timestamp(created_at))
        .set("UpdatedAt", timestamp(updated_at))
}

pub(super) fn labels_json(labels: &Labels) -> Object {
    labels.iter().fold(Object::new(), |object, (name, value)| object.set(name, value))
}

/// A spec; the present one has its defaults filled in, the previous one is shown as it was given.
fn spec_json(spec: &ServiceSpec, defaults: bool, view: Viewpoint) -> Object {
    let update = |config: Option<UpdateConfig>| {
        let config = if defaults { Some(config.unwrap_or_default()) } else { config };
        config.map(|config| update_config(config, defaults))
    };
    Object::new()
        .set_unless_empty("Name", &spec.annotations.name)
        .set("Labels", labels_json(&spec.annotations.labels))
        .set("TaskTemplate", task_json(&spec.task, defaults, view))
        .set("Mode", mode_json(spec.mode))
        .set_some("UpdateConfig", update(spec.update))
        .set_some("RollbackConfig", update(spec.rollback))
        .set_some("EndpointSpec", spec.endpoint.as_ref().map(endpoint_spec))
}

fn task_json(task: &TaskSpec, defaults: bool, view: Viewpoint) -> Object {
    let filled = |present: bool| present || defaults;
    let resources = task.resources.clone().unwrap_or_default();
    let restart = task
        .restart
        .unwrap_or(RestartPolicy { condition: RestartCondition::Any, ..RestartPolicy::default() });
    let placement = task.placement.clone().unwrap_or_default();
    let networks: Json = task
        .networks
        .iter()
        .map(|attachment| {
            let aliases: Json = attachment.aliases.iter().collect();
            Object::new()
                .set("Target", attachment.network.text(view.seed))
                .set_unless_empty("Aliases", aliases)
        })
        .collect();
    let log_driver = task.log_driver.as_ref().map(|driver| {
        let options = labels_json(&driver.options);
        Object::new().set_unless_empty("Name", &driver.name).set_unless_empty("Options", options)
    });
    Object::new()
        .set("ContainerSpec", container_json(&task.container, defaults))
        .set_some("Resources", filled(task.resources.is_some()).then(|| resources_json(&resources)))
        .set_some("RestartPolicy", filled(task.restart.is_some()).then(|| restart_json(restart, defaults)))
        .set_some("Placement", filled(task.placement.is_some()).then(|| placement_json(&placement)))
        .set_unless_empty("Networks", networks)
        .set_some("LogDriver", log_driver)
        .set("ForceUpdate", task.force_update)
        .set("Runtime", "container")
}

/// Options that change nothing here are shown by the names of their flags.
fn container_json(container: &ContainerSpec, defaults: bool) -> Object {
    let list = |items: &[String]| items.iter().collect::<Json>();
    let grace = container.stop_grace_period.or(defaults.then_some(DEFAULT_STOP_GRACE_PERIOD));
    let reference = |kind: &'static str| {
        move |name: &String| {
            Object::new().set("File", Object::new().set("Name", name)).set(&format!("{kind}Name"), name)
        }
    };
    let secrets: Json = container.secrets.iter().map(reference("Secret")).collect();
    let configs: Json = container.configs.iter().map(reference("Config")).collect();
    let object = Object::new()
        .set_unless_empty("Image", &container.image)
        .set_unless_empty("Labels", labels_json(&container.labels))
        .set_unless_empty("Command", list(&container.command))
        .set_unless_empty("Args", list(&container.args))
        .set_unless_empty("Hostname", &container.hostname)
        .set_unless_empty("Env", list(&container.env))
        .set_unless_empty("Dir", &container.directory)
        .set_unless_empty("User", &container.user)
        .set("Init", container.other.get("init").is_some_and(|init| init == "true"))
        .set_unless_empty("StopSignal", &container.stop_signal)
        .set_unless_empty("Mounts", container.mounts.iter().map(mount_json).collect::<Json>())
        .set_some("StopGracePeriod", grace.map(SimDuration::as_nanos))
        .set_some("Healthcheck", container.health.as_ref().map(health_json))
        .set_unless_empty("Hosts", list(&container.hosts))
        .set("DNSConfig", dns_json(&container.dns))
        .set_unless_empty("Secrets", secrets)
        .set_unless_empty("Configs", configs)
        .set("Isolation", "default");
    let others = container.other.iter().filter(|(option, _)| *option != "init");
    others.fold(object, |object, (option, value)| object.set(option, value))
}

fn dns_json(dns: &DnsConfig) -> Object {
    let DnsConfig { nameservers, search, options } = dns;
    Object::new()
        .set_unless_empty("Nameservers", nameservers.iter().collect::<Json>())
        .set_unless_empty("Search", search.iter().collect::<Json>())
        .set_unless_empty("Options", options.iter().collect::<Json>())
}

fn mount_json(mount: &Mount) -> Object {
    let Mount { kind, source, target, read_only, driver } = mount;
    let driver =
        (!driver.is_empty()).then(|| Object::new().set("DriverConfig", Object::new().set("Name", driver)));
    Object::new()
        .set("Type", kind.name())
        .set_unless_empty("Source", source)
        .set_unless_empty("Target", target)
        .set_unless_empty("ReadOnly", *read_only)
        .set_some("VolumeOptions", driver)
}

fn health_json(health: &HealthConfig) -> Object {
    let HealthConfig { test, interval, timeout, retries, start_period, start_interval } = health;
    let nanoseconds = |time: &Option<SimDuration>| time.unwrap_or(SimDuration::ZERO).as_nanos();
    Object::new()
        .set_unless_empty("Test", test.iter().collect::<Json>())
        .set_unless_empty("Interval", nanoseconds(interval))
        .set_unless_empty("Timeout", nanoseconds(timeout))
        .set_unless_empty("StartPeriod", nanoseconds(start_period))
        .set_unless_empty("StartInterval", nanoseconds(start_interval))
        .set_unless_empty("Retries", u64::from(*retries))
}

fn resources_json(resources: &ResourceRequirements) -> Object {
    let limits = resources.limits.map(|Limits { nano_cpus, memory_bytes, pids }| {
        Object::new()
            .set_unless_empty("NanoCPUs", nano_cpus)
            .set_unless_empty("MemoryBytes", memory_bytes)
            .set_unless_empty("Pids", pids)
    });
    let reservations = resources.reservations.as_ref().map(|reserved| {
        Object::new()
            .set_unless_empty("NanoCPUs", reserved.nano_cpus)
            .set_unless_empty("MemoryBytes", reserved.memory_bytes)
            .set_unless_empty("GenericResources", reserved.generic.iter().map(generic_json).collect::<Json>())
    });
    Object::new().set_some("Limits", limits).set_some("Reservations", reservations)
}

/// A generic resource of a service or a node.
pub(super) fn generic_json(resource: &GenericResource) -> Object {
    let (name, value): (&str, Json) = match resource {
        GenericResource::Discrete { value, .. } => ("DiscreteResourceSpec", (*value).into()),
        GenericResource::Named { value, .. } => ("NamedResourceSpec", value.into()),
    };
    Object::new().set(name, Object::new().set("Kind", resource.kind()).set("Value", value))
}

fn restart_json(restart: RestartPolicy, defaults: bool) -> Object {
    let RestartPolicy { condition, delay, max_attempts, window } = restart;
    let condition = match condition {
        RestartCondition::None => "none",
        RestartCondition::OnFailure => "on-failure",
        RestartCondition::Any => "any",
    };
    let delay = delay.or(defaults.then_some(DEFAULT_RESTART_DELAY));
    Object::new()
        .set("Condition", condition)
        .set_some("Delay", delay.map(SimDuration::as_nanos))
        .set("MaxAttempts", max_attempts)
        .set_some("Window", window.map(SimDuration::as_nanos))
}

fn placement_json(placement: &Placement) -> Object {
    let Placement { constraints, preferences, max_replicas, platforms } = placement;
    let preferences: Json = preferences
        .iter()
        .map(|spread| Object::new().set("Spread", Object::new().set("SpreadDescriptor", spread)))
        .collect();
    let platforms: Json = platforms
        .iter()
        .map(|platform| {
            Object::new()
                .set_unless_empty("Architecture", &platform.architecture)
                .set_unless_empty("OS", &platform.os)
        })
        .collect();
    Object::new()
        .set_unless_empty("Constraints", constraints.iter().collect::<Json>())
        .set_unless_empty("Preferences", preferences)
        .set_unless_empty("MaxReplicas", *max_replicas)
        .set_unless_empty("Platforms", platforms)
}

fn mode_json(mode: ServiceMode) -> Object {
    match mode {
        ServiceMode::Replicated { replicas } => {
            Object::new().set("Replicated", Object::new().set("Replicas", replicas))
        }
        ServiceMode::Global => Object::new().set("Global", Object::new()),
        ServiceMode::ReplicatedJob { max_concurrent, total_completions } => {
            let numbers =
                Object::new().set("MaxConcurrent", max_concurrent).set("TotalCompletions", total_completions);
            Object::new().set("ReplicatedJob", numbers)
        }
        ServiceMode::GlobalJob => Object::new().set("GlobalJob", Object::new()),
    }
}

fn update_config(config: UpdateConfig, defaults: bool) -> Object {
    let UpdateConfig { parallelism, delay, failure_action, monitor, max_failure_ratio_ppb, order } = config;
    let monitor = monitor.or(defaults.then_some(DEFAULT_MONITOR)).unwrap_or(SimDuration::ZERO);
    Object::new()
        .set("Parallelism", parallelism)
        .set_unless_empty("Delay", delay.as_nanos())
        .set("FailureAction", failure_action.name())
        .set_unless_empty("Monitor", monitor.as_nanos())
        .set("MaxFailureRatio", Json::Number(general_notation(i64::from(max_failure_ratio_ppb))))
        .set("Order", order.name())
}

fn endpoint_json(endpoint: &Endpoint, details: &ServiceDetails, view: Viewpoint) -> Object {
    let addresses: Json = endpoint
        .virtual_ips
        .iter()
        .map(|VirtualIp { network, address }| {
            let known = details.networks.get(network);
            let address = address.map(|address| {
                known.map_or_else(|| address.to_string(), |network| network.with_prefix(address))
            });
            Object::new().set("NetworkID", network.text(view.seed)).set_some("Addr", address)
        })
        .collect();
    Object::new()
        .set("Spec", endpoint_spec(&endpoint.spec))
        .set_unless_empty("Ports", endpoint.ports.iter().map(port_json).collect::<Json>())
        .set_unless_empty("VirtualIPs", addresses)
}

fn endpoint_spec(endpoint: &EndpointSpec) -> Object {
    Object::new()
        .set("Mode", endpoint.mode.name())
        .set_unless_empty("Ports", endpoint.ports.iter().map(port_json).collect::<Json>())
}

fn port_json(port: &PortConfig) -> Object {
    let PortConfig { name, protocol, target_port, published_port, publish_mode } = port;
    Object::new()
        .set_unless_empty("Name", name)
        .set("Protocol", protocol.name())
        .set_unless_empty("TargetPort", u64::from(*target_port))
        .set_unless_empty("PublishedPort", u64::from(*published_port))
        .set("PublishMode", publish_mode.name())
}

fn update_status(status: &UpdateStatus) -> Object {
    let UpdateStatus { state, started_at, completed_at, message } = status;
    Object::new()
        .set("State", state.name())
        .set_some("StartedAt", started_at.map(timestamp))
        .set_some("CompletedAt", completed_at.map(timestamp))
        .set_unless_empty("Message", message.as_ref())
}

fn job_status(status: JobStatus) -> Object {
    let JobStatus { iteration, last_execution } = status;
    Object::new()
        .set("JobIteration", Object::new().set_unless_empty("Index", iteration))
        .set("LastExecution", timestamp(last_execution))
}
