//! What happens in which order, from a command to the load balancers of all nodes (spec networking 10).
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use expect_test::expect_file;
use scenarios::runner::{RunOptions, Spectator, run};
use scenarios::{Scenario, ScenarioOptions};
use sim_core::metrics::Census;
use sim_core::model::{Fact, FactRecord};

/// A line a fact about services, tasks, containers and backends.
#[derive(Default)]
struct Order(String);

impl Spectator for Order {
    fn fact(&mut self, record: &FactRecord, census: &Census) {
        if let Some(what) = line(&record.fact, census) {
            let milliseconds = record.time.as_nanos() / 1_000_000;
            let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
            writeln!(self.0, "{seconds:>3}.{rest:03}  {what}").expect("a text takes everything");
        }
    }
}

fn line(fact: &Fact, census: &Census) -> Option<String> {
    let host = |host| census.names().host(host).to_owned();
    let task = |task| census.task_name(task);
    match fact {
        Fact::Command { line, .. } => Some(format!("docker {line}")),
        Fact::Fault { fault } => Some(census.names().fault(fault)),
        Fact::ServiceCreated { service } => Some(format!("{} is stored", census.service_name(*service))),
        Fact::ServiceUpdated { service } => Some(format!("{} has a new spec", census.service_name(*service))),
        Fact::NodeStatus { node, to, .. } => Some(format!("{} is {}", census.node_name(*node), to.name())),
        Fact::TaskCreated { task: id, desired, .. } => Some(format!("{} NEW, desired {desired}", task(*id))),
        Fact::TaskState { task: id, to, .. } => Some(format!("{} {to}", task(*id))),
        Fact::TaskAssigned { task: id, node } => {
            Some(format!("{} goes to {}", task(*id), census.node_name(*node)))
        }
        Fact::TaskDesired { task: id, to, .. } => Some(format!("{} desired {to}", task(*id))),
        Fact::TaskRemoved { task: id } => Some(format!("{} is deleted", task(*id))),
        Fact::Container { task: id, host: on, event } => {
            Some(format!("{}: container of {} {event:?}", host(*on), task(*id)))
        }
        Fact::Backends { host: on, event, tasks, .. } => {
            let tasks: Vec<String> = tasks.iter().map(|id| task(*id)).collect();
            Some(format!("{}: backend {} {}", host(*on), tasks.join(" "), event.name()))
        }
        Fact::Start
        | Fact::Answer { .. }
        | Fact::Note { .. }
        | Fact::WithoutEffect(_)
        | Fact::RaftRole { .. }
        | Fact::Leadership { .. }
        | Fact::Manager { .. }
        | Fact::Lost { .. }
        | Fact::Session { .. }
        | Fact::NodeCreated { .. }
        | Fact::NodeAvailability { .. }
        | Fact::NodeRole { .. }
        | Fact::NodeUpdated { .. }
        | Fact::NodeRemoved { .. }
        | Fact::ServiceUpdateStatus { .. }
        | Fact::ServiceRemoved { .. }
        | Fact::Network { .. }
        | Fact::Traffic { .. }
        | Fact::RequestsFailed(_) => None,
    }
}

fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/event-order");
    let text = fs::read_to_string(folder.join(format!("{name}.yaml"))).expect("the file exists");
    let scenario =
        Scenario::parse(&text, name, &ScenarioOptions::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let mut order = Order::default();
    let outcome = run(&scenario, RunOptions { check: true, ..RunOptions::default() }, &mut order);
    assert_eq!(outcome.simulation.violations(), []);
    expect_file![folder.join(format!("{name}.txt"))].assert_eq(&order.0);
}

#[test]
fn a_service_is_created_and_stopped() {
    check("create-and-stop");
}

#[test]
fn a_task_is_replaced_the_old_one_first() {
    check("stop-first-update");
}

#[test]
fn a_task_is_replaced_the_new_one_first() {
    check("start-first-update");
}

#[test]
fn a_container_dies() {
    check("container-dies");
}

#[test]
fn a_node_dies_and_returns() {
    check("node-dies");
}

#[test]
fn a_container_is_checked_before_it_takes_connections() {
    check("health-check");
}
