//! Commands from words. No parser of docker's command line: flags of a spec are written `key=value`.
use std::sync::Arc;

use super::world::span;
use crate::model::command::*;
use crate::model::spec::{Driver, HealthConfig, Limits, Mount, MountKind};
use crate::model::*;
use crate::text_test::objects::port;

/// The command of these words, which follow `docker`.
pub(super) fn command(words: &[String]) -> DockerCommand {
    let verb = words[1].as_str();
    let (flags, names): (Vec<String>, Vec<String>) =
        words[2..].iter().cloned().partition(|word| word.starts_with('-'));
    match words[0].as_str() {
        "service" => DockerCommand::Service(service_command(verb, names, &flags)),
        "node" => DockerCommand::Node(node_command(verb, names, &flags)),
        "network" => DockerCommand::Network(network_command(verb, names, &flags)),
        "swarm" => DockerCommand::Swarm(swarm_command(verb, &names, &flags)),
        other => panic!("no command {other}"),
    }
}

fn service_command(verb: &str, names: Vec<String>, flags: &[String]) -> ServiceCommand {
    let detach = true;
    let listing = listing(flags);
    match verb {
        "create" => {
            let networks = networks(&names, "network");
            ServiceCommand::Create(Box::new(ServiceCreate { spec: spec(&names), networks, detach }))
        }
        "update" => {
            ServiceCommand::Update { service: names[0].clone(), changes: changes(&names[1..]), detach }
        }
        "scale" => {
            let pair = |word: &String| {
                let (service, replicas) = word.split_once('=').expect("service=replicas");
                (service.to_owned(), replicas.parse().expect("a number"))
            };
            ServiceCommand::Scale { replicas: names.iter().map(pair).collect(), detach }
        }
        "rollback" => ServiceCommand::Rollback { service: names[0].clone(), detach },
        "rm" => ServiceCommand::Remove { services: names },
        "ls" => ServiceCommand::List(listing),
        "ps" => ServiceCommand::Tasks { services: names, listing },
        "inspect" => {
            ServiceCommand::Inspect { services: names, pretty: flags.contains(&"--pretty".to_owned()) }
        }
        other => panic!("no command service {other}"),
    }
}

fn network_command(verb: &str, names: Vec<String>, flags: &[String]) -> NetworkCommand {
    let has = |flag: &str| flags.iter().any(|word| word == flag);
    match verb {
        "create" => {
            let labels = pairs(&names[1..]).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let spec = NetworkSpec {
                annotations: Annotations { name: names[0].clone(), labels },
                driver: if has("--macvlan") { "macvlan" } else { "overlay" }.to_owned(),
                ingress: has("--ingress"),
                attachable: has("--attachable"),
                ..NetworkSpec::default()
            };
            NetworkCommand::Create { spec: Box::new(spec) }
        }
        "ls" => NetworkCommand::List(listing(flags)),
        "rm" => NetworkCommand::Remove { networks: names, force: has("--force") },
        "inspect" => NetworkCommand::Inspect { networks: names },
        other => panic!("no command network {other}"),
    }
}

fn node_command(verb: &str, names: Vec<String>, flags: &[String]) -> NodeCommand {
    let listing = listing(flags);
    let nodes: Vec<NodeReference> = names.iter().map(|name| node_reference(name)).collect();
    match verb {
        "update" => NodeCommand::Update { node: nodes[0].clone(), change: node_change(&names[1..]) },
        "ls" => NodeCommand::List(listing),
        "ps" => NodeCommand::Tasks { nodes, listing },
        "inspect" => NodeCommand::Inspect { nodes, pretty: flags.contains(&"--pretty".to_owned()) },
        "promote" => NodeCommand::Promote { nodes },
        "demote" => NodeCommand::Demote { nodes },
        "rm" => NodeCommand::Remove { nodes, force: flags.contains(&"--force".to_owned()) },
        other => panic!("no command node {other}"),
    }
}

fn swarm_command(verb: &str, names: &[String], flags: &[String]) -> SwarmCommand {
    let has = |flag: &str| flags.iter().any(|word| word == flag);
    if verb == "join-token" {
        let role = if names[0] == "manager" { NodeRole::Manager } else { NodeRole::Worker };
        return SwarmCommand::JoinToken { role, rotate: has("--rotate"), quiet: has("-q") };
    }
    let mut change = SwarmChange::default();
    for (key, value) in pairs(names) {
        match key {
            "heartbeat" => change.heartbeat_period = Some(span(value)),
            "history" => change.task_history_retention_limit = Some(value.parse().expect("a number")),
            "snapshot" => change.snapshot_interval = Some(value.parse().expect("a number")),
            "certificate" => change.certificate_validity = Some(span(value)),
            other => panic!("no setting {other}"),
        }
    }
    SwarmCommand::Update(change)
}

fn node_reference(word: &str) -> NodeReference {
    match word.split_once('#') {
        Some((hostname, number)) => {
            NodeReference::Nth { hostname: hostname.to_owned(), number: number.parse().expect("a number") }
        }
        None if word == "self" => NodeReference::Own,
        None => NodeReference::Name(word.to_owned()),
    }
}

/// `-q`, `--no-trunc`, `--no-resolve` and `--filter:key=value`.
fn listing(flags: &[String]) -> Listing {
    let has = |flag: &str| flags.iter().any(|word| word == flag);
    let filters = flags.iter().filter_map(|flag| flag.strip_prefix("--filter:")?.split_once('='));
    Listing {
        quiet: has("-q"),
        no_trunc: has("--no-trunc"),
        no_resolve: has("--no-resolve"),
        filters: filters.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
    }
}

pub(super) fn node_change(words: &[String]) -> NodeChange {
    let mut change = NodeChange::default();
    for (key, value) in pairs(words) {
        match key {
            "availability" => {
                let all = [Availability::Active, Availability::Pause, Availability::Drain];
                change.availability = all.into_iter().find(|known| known.name().eq_ignore_ascii_case(value));
            }
            "role" => {
                let all = [NodeRole::Worker, NodeRole::Manager];
                change.role = all.into_iter().find(|known| known.name().eq_ignore_ascii_case(value));
            }
            "label" => {
                let (name, value) = value.split_once('=').expect("name=value");
                change.labels.add.insert(name.to_owned(), value.to_owned());
            }
            "label-rm" => change.labels.remove.push(value.to_owned()),
            _ => {}
        }
    }
    change
}

fn pairs(words: &[String]) -> impl Iterator<Item = (&str, &str)> {
    words.iter().filter_map(|word| word.split_once('='))
}

fn networks(words: &[String], key: &str) -> Vec<NetworkReference> {
    let named = pairs(words).filter(|(word, _)| *word == key);
    named.map(|(_, name)| NetworkReference { network: name.to_owned(), aliases: Vec::new() }).collect()
}

/// The spec of a new service; its name is the first word without `=`.
fn spec(words: &[String]) -> ServiceSpec {
    let name = words.iter().find(|word| !word.contains('=')).cloned().unwrap_or_default();
    let mut task = TaskSpec { placement: Some(Placement::default()), ..TaskSpec::default() };
    task.container.image = "nginx:1.28".to_owned();
    let mut spec = ServiceSpec {
        annotations: Annotations { name, ..Annotations::default() },
        task: Arc::default(),
        mode: ServiceMode::Replicated { replicas: 1 },
        update: None,
        rollback: None,
        endpoint: Some(EndpointSpec::default()),
    };
    for (key, value) in pairs(words) {
        let number = || value.parse::<u64>().expect("a number");
        let text = value.to_owned();
        let placement = task.placement.get_or_insert_default();
        let update = || spec.update.unwrap_or_default();
        match key {
            "image" => task.container.image = text,
            "replicas" => spec.mode = ServiceMode::Replicated { replicas: number() },
            "mode" => spec.mode = mode(value),
            "publish" => spec.endpoint.get_or_insert_default().ports.extend(ports([value])),
            "max-per-node" => placement.max_replicas = number(),
            "constraint" => placement.constraints.push(text),
            "spread" => placement.preferences.push(text),
            "label" => {
                let (name, value) = value.split_once('=').unwrap_or((value, ""));
                spec.annotations.labels.insert(name.to_owned(), value.to_owned());
            }
            "env" => task.container.env.push(text),
            "arg" => task.container.args.push(text),
            "user" => task.container.user = text,
            "workdir" => task.container.directory = text,
            "secret" => task.container.secrets.push(text),
            "config" => task.container.configs.push(text),
            "mount" => task.container.mounts.push(mount(value)),
            "delay" => spec.update = Some(UpdateConfig { delay: span(value), ..update() }),
            "ratio-ppb" => {
                spec.update = Some(UpdateConfig { max_failure_ratio_ppb: number() as u32, ..update() });
            }
            "limit-cpu-nano" => limits(&mut task).nano_cpus = number() as i64,
            "limit-memory" => limits(&mut task).memory_bytes = number() as i64,
            "limit-pids" => limits(&mut task).pids = number() as i64,
            "reserve-memory" => {
                let resources = task.resources.get_or_insert_default();
                resources.reservations.get_or_insert_default().memory_bytes = number() as i64;
            }
            "log-driver" => {
                let options = Labels::from([("max-file".to_owned(), "5".to_owned())]);
                task.log_driver = Some(Driver { name: text, options });
            }
            "health" => {
                task.container.health = Some(HealthConfig {
                    test: vec!["CMD-SHELL".to_owned(), text],
                    interval: Some(span("10s")),
                    retries: 3,
                    ..HealthConfig::default()
                });
            }
            "network" => {}
            other => panic!("no option {other}"),
        }
    }
    spec.task = Arc::new(task);
    spec
}

fn limits(task: &mut TaskSpec) -> &mut Limits {
    task.resources.get_or_insert_default().limits.get_or_insert_default()
}

fn mount(value: &str) -> Mount {
    let (source, target) = value.split_once(':').expect("source:target");
    Mount {
        kind: MountKind::Volume,
        source: source.to_owned(),
        target: target.to_owned(),
        read_only: false,
        driver: String::new(),
    }
}

fn mode(text: &str) -> ServiceMode {
    match text.split_once(':') {
        None if text == "global" => ServiceMode::Global,
        None => ServiceMode::GlobalJob,
        Some((concurrent, total)) => ServiceMode::ReplicatedJob {
            max_concurrent: concurrent.parse().expect("a number"),
            total_completions: total.parse().expect("a number"),
        },
    }
}

/// `8080:80`, `8080:80/udp` or `8080:80/tcp/host`.
pub(super) fn ports<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<PortConfig> {
    texts.into_iter().map(port).collect()
}

fn changes(words: &[String]) -> Vec<SpecChange> {
    let change = |(key, value): (&str, &str)| match key {
        "image" => SpecChange::Image(value.to_owned()),
        "replicas" => SpecChange::Replicas(value.parse().expect("a number")),
        "network-add" => SpecChange::Networks { add: networks(words, "network-add"), remove: Vec::new() },
        "network-rm" => SpecChange::Networks { add: Vec::new(), remove: vec![value.to_owned()] },
        "publish-add" => SpecChange::Ports { add: ports([value]), remove: Vec::new() },
        "generic-rm" => SpecChange::GenericRemove(vec![value.to_owned()]),
        "constraint-add" => SpecChange::Constraints { add: vec![value.to_owned()], remove: Vec::new() },
        "label-add" => SpecChange::LabelAdd(Labels::from([(value.to_owned(), String::new())])),
        other => panic!("no change {other}"),
    };
    pairs(words).map(change).collect()
}
