use super::super::ListChange;
use super::*;
use crate::model::spec::MountKind;
use crate::model::{Annotations, TaskSpec, UpdateOrder};

fn service() -> ServiceSpec {
    ServiceSpec {
        annotations: Annotations { name: "web".to_owned(), ..Annotations::default() },
        task: Arc::new(TaskSpec::default()),
        mode: ServiceMode::Replicated { replicas: 1 },
        update: None,
        rollback: None,
        endpoint: None,
    }
}

fn networks(name: &str) -> Option<NetworkId> {
    ["ingress", "back", "front"].iter().position(|known| *known == name).map(|index| NetworkId(index as u32))
}

fn changed(changes: &[SpecChange]) -> ServiceSpec {
    let mut spec = service();
    for change in changes {
        change.apply(&mut spec, &networks).expect("the change is possible");
    }
    spec
}

#[test]
fn one_flag_of_a_block_writes_dockers_defaults_for_the_others() {
    let spec = changed(&[
        SpecChange::Update(UpdateConfigChange::Order(UpdateOrder::StartFirst)),
        SpecChange::RestartMaxAttempts(3),
    ]);
    let monitor = Some(SimDuration::from_secs(5));
    let update = UpdateConfig { monitor, order: UpdateOrder::StartFirst, ..UpdateConfig::default() };
    assert_eq!((spec.update, spec.rollback), (Some(update), None));
    let restart = spec.task.restart.expect("was absent");
    assert_eq!((restart.condition, restart.delay), (RestartCondition::Any, Some(SimDuration::from_secs(5))));
    assert_eq!((restart.max_attempts, restart.window), (3, None));
}

#[test]
fn a_monitoring_period_of_zero_is_an_absent_one() {
    let spec = changed(&[SpecChange::Update(UpdateConfigChange::Monitor(SimDuration::ZERO))]);
    assert_eq!(spec.update.expect("was absent").monitor, None);
}

#[test]
fn only_a_replicated_service_has_replicas_and_only_one_with_slots_scales() {
    let mut spec = service();
    spec.mode = ServiceMode::ReplicatedJob { max_concurrent: 2, total_completions: 4 };
    assert_eq!(SpecChange::Replicas(3).apply(&mut spec, &networks), Err(ChangeError::NotReplicated));
    assert_eq!(scale(&mut spec, 9), Ok(()));
    assert_eq!(spec.mode, ServiceMode::ReplicatedJob { max_concurrent: 2, total_completions: 9 });
    spec.mode = ServiceMode::Global;
    assert_eq!(scale(&mut spec, 9), Err(ChangeError::NotScalable));
}

#[test]
fn force_changes_the_task_and_an_environment_variable_keeps_its_place() {
    let add =
        |entries: &[&str]| SpecChange::EnvAdd(entries.iter().map(|entry| (*entry).to_owned()).collect());
    let spec = changed(&[
        add(&["A=1", "B=2"]),
        add(&["A=3", "C="]),
        SpecChange::EnvRemove(vec!["B".to_owned()]),
        SpecChange::Force,
        SpecChange::Force,
    ]);
    assert_eq!(spec.task.container.env, ["A=3", "C="]);
    assert_eq!(spec.task.force_update, 2);
}

#[test]
fn constraints_are_sorted_and_preferences_keep_their_order() {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let spec = changed(&[
        SpecChange::Constraints { add: texts(&["node.role==worker", "node.id!=a"]), remove: vec![] },
        SpecChange::Constraints { add: texts(&["node.ip==b"]), remove: texts(&["node.id!=a"]) },
        SpecChange::Preferences { add: texts(&["node.labels.z", "node.labels.a"]), remove: vec![] },
    ]);
    let placement = spec.task.placement.as_ref().expect("was absent");
    assert_eq!(placement.constraints, ["node.ip==b", "node.role==worker"]);
    assert_eq!(placement.preferences, ["node.labels.z", "node.labels.a"]);
}

#[test]
fn a_port_is_removed_by_its_target_and_not_added_again_in_the_same_command() {
    let port =
        |published_port, target_port| PortConfig { published_port, target_port, ..PortConfig::default() };
    let published = |spec: &ServiceSpec| {
        let ports = &spec.endpoint.as_ref().expect("was absent").ports;
        ports.iter().map(|port| (port.published_port, port.target_port)).collect::<Vec<_>>()
    };
    let first = SpecChange::Ports { add: vec![port(9090, 90), port(8080, 80)], remove: vec![] };
    assert_eq!(published(&changed(std::slice::from_ref(&first))), [(8080, 80), (9090, 90)]);
    let moved = SpecChange::Ports { add: vec![port(8081, 80)], remove: vec![port(0, 80)] };
    assert_eq!(published(&changed(&[first.clone(), moved])), [(8081, 80), (9090, 90)]);
    let same = SpecChange::Ports { add: vec![port(8080, 80)], remove: vec![port(0, 80)] };
    assert_eq!(published(&changed(&[first, same])), [(9090, 90)]);
}

#[test]
fn networks_are_found_by_name_and_attached_once() {
    let reference = |name: &str| NetworkReference { network: name.to_owned(), aliases: vec![] };
    let attach = |name: &str| SpecChange::Networks { add: vec![reference(name)], remove: vec![] };
    let mut spec = changed(&[attach("front"), attach("back")]);
    let ids = |spec: &ServiceSpec| spec.task.networks.iter().map(|known| known.network.0).collect::<Vec<_>>();
    assert_eq!(ids(&spec), [1, 2]);
    let again = attach("back").apply(&mut spec, &networks).expect_err("attached");
    assert_eq!(again.to_string(), "service is already attached to network back");
    let unknown = attach("side").apply(&mut spec, &networks).expect_err("unknown");
    assert_eq!(unknown, ChangeError::UnknownNetwork("side".to_owned()));
    let detach = SpecChange::Networks { add: vec![], remove: vec!["back".to_owned()] };
    assert_eq!(detach.apply(&mut spec, &networks), Ok(()));
    assert_eq!(ids(&spec), [2]);
}

#[test]
fn a_health_check_that_was_switched_off_comes_back_with_the_test_of_the_image() {
    let spec = changed(&[SpecChange::NoHealthcheck, SpecChange::HealthRetries(2)]);
    let health = spec.task.container.health.as_ref().expect("was absent");
    assert_eq!((health.test.len(), health.retries), (0, 2));
}

#[test]
fn reserved_kinds_are_replaced_and_must_exist_to_be_removed() {
    let gpu = |value| GenericResource::Discrete { kind: "gpu".to_owned(), value };
    let mut spec = changed(&[SpecChange::GenericAdd(vec![gpu(1)]), SpecChange::GenericAdd(vec![gpu(3)])]);
    let reserved = |spec: &ServiceSpec| {
        let resources = spec.task.resources.as_ref().expect("was absent");
        resources.reservations.as_ref().expect("was absent").generic.clone()
    };
    assert_eq!(reserved(&spec), [gpu(3)]);
    let remove = SpecChange::GenericRemove(vec!["gpu".to_owned()]);
    assert_eq!(remove.apply(&mut spec, &networks), Ok(()));
    let error = remove.apply(&mut spec, &networks).expect_err("gone");
    assert_eq!(error.to_string(), "could not find generic-resource `gpu` to remove it");
}

#[test]
fn a_mount_replaces_the_one_with_its_target_and_extra_hosts_go_by_name_or_address() {
    let mount = |source: &str, target: &str| Mount {
        kind: MountKind::Volume,
        source: source.to_owned(),
        target: target.to_owned(),
        read_only: false,
        driver: String::new(),
    };
    let hosts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let spec = changed(&[
        SpecChange::Mounts { add: vec![mount("z", "/data"), mount("b", "/logs")], remove: vec![] },
        SpecChange::Mounts { add: vec![mount("a", "/data")], remove: vec![] },
        SpecChange::HostAdd(hosts(&["10.0.0.1 db", "10.0.0.2 db", "10.0.0.3 cache"])),
        SpecChange::HostRemove(hosts(&["db:10.0.0.2", "cache"])),
    ]);
    let sources = spec.task.container.mounts.iter().map(|mount| mount.source.as_str());
    assert_eq!(sources.collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(spec.task.container.hosts, ["10.0.0.1 db"]);
}

#[test]
fn name_servers_are_kept_in_order_without_duplicates() {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let change = |add, remove| ListChange { add: list(add), remove: list(remove) };
    let spec = changed(&[
        SpecChange::Nameservers(change(&["8.8.8.8", "1.1.1.1"], &[])),
        SpecChange::Nameservers(change(&["1.1.1.1", "9.9.9.9"], &["8.8.8.8"])),
        SpecChange::DnsSearch(change(&["b", "a"], &["b"])),
        SpecChange::DnsOptions(change(&["ndots:2"], &[])),
    ]);
    let dns = &spec.task.container.dns;
    assert_eq!(
        (&dns.nameservers, &dns.search, &dns.options),
        (&list(&["1.1.1.1", "9.9.9.9"]), &list(&["a"]), &list(&["ndots:2"]))
    );
}
