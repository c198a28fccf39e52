//! Command lines and what they become. `testdata/docker/*.txt` has blocks of a line, `----` and the outcome.
use expect_test::expect_file;
use proptest::prelude::*;
use sim_core::model::command::{ServiceCommand, ServiceCreate};
use sim_core::model::spec::ContainerSpec;
use sim_core::model::{ServiceSpec, TaskSpec};

use super::*;

fn find_host(text: &str) -> Option<HostId> {
    let known = [("m1", "192.168.56.10"), ("w1", "192.168.56.11")];
    known
        .iter()
        .position(|(name, address)| text == *name || text == *address)
        .map(|index| HostId(index as u32))
}

fn created(line: &str) -> Box<ServiceCreate> {
    match parse(line, &find_host) {
        Ok(DockerCommand::Service(ServiceCommand::Create(create))) => create,
        other => panic!("{line} is no `service create`: {other:?}"),
    }
}

/// The outcome of a line. Of a new service only what differs from that of a bare `service create x`.
fn outcome(line: &str) -> String {
    match parse(line, &find_host) {
        Err(CommandError { problem, part, help }) => format!("error at `{part}`: {problem}\nhelp: {help}"),
        Ok(DockerCommand::Service(ServiceCommand::Create(create))) => {
            let bare = fields(&created("service create x"));
            let differing = fields(&create).into_iter().zip(bare).filter(|(field, bare)| field != bare);
            differing.map(|(field, _)| field).collect::<Vec<_>>().join("\n")
        }
        Ok(command) => format!("{command:?}"),
    }
}

/// Every field of a new service, in a line.
fn fields(create: &ServiceCreate) -> Vec<String> {
    let ServiceCreate { spec, networks, detach } = create;
    let ServiceSpec { annotations, task, mode, update, rollback, endpoint } = spec;
    let TaskSpec { container, resources, restart, placement, networks: by_id, log_driver, force_update } =
        &**task;
    let ContainerSpec { image, args, command, env, labels, mounts, health, hosts, other, .. } = container;
    let placement = placement.as_ref().expect("always written");
    let resources = resources.as_ref().expect("always written");
    assert!(by_id.is_empty() && *force_update == 0, "networks have names at this stage");
    let process = (&container.hostname, &container.user, &container.directory, &container.stop_signal);
    vec![
        format!("name: {:?}", annotations.name),
        format!("labels: {:?}", annotations.labels),
        format!("mode: {mode:?}"),
        format!("image: {image}"),
        format!("args: {args:?}"),
        format!("command: {command:?}"),
        format!("env: {env:?}"),
        format!("container labels: {labels:?}"),
        format!("hostname, user, directory, stop signal: {process:?}"),
        format!("stop grace period: {:?}", container.stop_grace_period),
        format!("pull options: {:?}", container.pull_options),
        format!("mounts: {mounts:?}"),
        format!("health: {health:?}"),
        format!("hosts: {hosts:?}"),
        format!("dns: {:?}", container.dns),
        format!("other: {other:?}"),
        format!("limits: {:?}", resources.limits),
        format!("reservations: {:?}", resources.reservations),
        format!("restart: {restart:?}"),
        format!("placement: {placement:?}"),
        format!("networks: {networks:?}"),
        format!("log driver: {log_driver:?}"),
        format!("update: {update:?}"),
        format!("rollback: {rollback:?}"),
        format!("endpoint: {endpoint:?}"),
        format!("detach: {detach}"),
    ]
}

fn render(input: &str) -> String {
    let blocks = input.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    let render = |block: &str| {
        let line = block.split("\n----").next().unwrap_or(block);
        format!("{line}\n----\n{}\n", outcome(line).trim_end())
    };
    blocks.map(render).collect::<Vec<_>>().join("\n")
}

#[test]
fn commands_of_services_are_read_as_docker_reads_them() {
    let file = expect_file!["../../testdata/docker/service.txt"];
    file.assert_eq(&render(&file.data()));
}

#[test]
fn commands_of_nodes_networks_and_swarms_are_read_as_docker_reads_them() {
    let file = expect_file!["../../testdata/docker/cluster.txt"];
    file.assert_eq(&render(&file.data()));
}

#[test]
fn lines_that_docker_or_the_simulator_refuses_say_why() {
    let file = expect_file!["../../testdata/docker/refused.txt"];
    file.assert_eq(&render(&file.data()));
}

#[test]
fn flags_after_the_image_belong_to_the_program() {
    let create = created("service create --detach alpine ping -c 3 --detach docker.com");
    assert_eq!(create.spec.task.container.image, "alpine");
    assert_eq!(create.spec.task.container.args, ["ping", "-c", "3", "--detach", "docker.com"]);
    assert!(create.detach);
}

#[test]
fn a_switch_can_be_given_a_value_and_the_last_flag_counts() {
    assert!(!created("service create -d --detach=false nginx").detach);
    let create = created("service create --name a --name b nginx");
    assert_eq!(create.spec.annotations.name, "b");
}

#[test]
fn every_flag_of_every_command_can_be_reached() {
    // A definition that contradicts itself shows as a panic of clap, and only when its command is built.
    command().debug_assert();
}

proptest! {
    #[test]
    fn no_words_make_it_panic(words in proptest::collection::vec(word(), 0..8)) {
        let _ = parse(&words.join(" "), &find_host);
    }
}

fn word() -> impl Strategy<Value = String> {
    let flags: Vec<String> = flags_of(&command());
    prop_oneof![
        proptest::sample::select(vec![
            "service", "node", "network", "swarm", "create", "update", "ps", "ls", "scale"
        ])
        .prop_map(str::to_owned),
        proptest::sample::select(flags),
        "[-=,:/.a-z0-9]{0,12}",
        ".{0,6}",
    ]
}

fn flags_of(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?)));
    own.chain(command.get_subcommands().flat_map(flags_of)).collect()
}
