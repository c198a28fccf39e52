//! Metrics of short traces, written by hand: every line is a fact, `<milliseconds> <cause> <fact>`.
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::*;
use crate::bench::create_service;
use crate::kernel::SimTime;
use crate::model::setup::{HostSetup, Setup};
use crate::model::{
    Annotations, ContainerSpec, Fact, Fault, Node, NodeState, Service, ServiceMode, ServiceSpec, Slot,
    TaskId, TaskSpec, TaskState, ZoneId,
};
use crate::store::{Ids, Transaction};
use crate::text_test::{self, Command};

#[test]
fn metrics_of_hand_made_traces() {
    for file in ["metrics/crash.txt", "metrics/modes.txt"] {
        text_test::check(file, |command| {
            assert_eq!(command.name, "facts");
            Script::new().run(command)
        });
    }
}

/// A trace under way.
struct Script {
    store: Store,
    ids: Ids,
    metrics: Metrics,
    next: u64,
}

impl Script {
    /// Three hosts and their nodes.
    fn new() -> Self {
        let mut setup = Setup::default();
        setup.zones.insert(ZoneId(0), "default".to_owned());
        let (mut store, mut ids) = (Store::default(), Ids::default());
        for number in 0..3 {
            let host = HostSetup::new(&format!("w{}", number + 1), ZoneId(0), Ipv4Addr::LOCALHOST);
            setup.hosts.insert(HostId(number), host);
            write(&mut store, &mut ids, |transaction| create_node(transaction, HostId(number)));
        }
        Script { store, ids, metrics: Metrics::new(Census::new(&setup, 0)), next: 0 }
    }

    fn run(&mut self, command: &Command<'_>) -> String {
        let mut now = SimTime::ZERO;
        for line in &command.body {
            let words: Vec<&str> = line.split(' ').collect();
            let time = SimTime::from_millis(words[0].parse().expect("milliseconds"));
            if time > now {
                self.metrics.instant_over(now);
                now = time;
            }
            let fact = self.fact(&words[2..]);
            let cause = FactId(words[1].parse().expect("a cause"));
            let record = FactRecord { id: FactId(self.next), time, cause, commit: None, fact };
            self.next += 1;
            let store = &self.store;
            self.metrics.fact(&record, || Some(store));
        }
        self.metrics.instant_over(now);
        self.report(now)
    }

    fn fact(&mut self, words: &[&str]) -> Fact {
        let number = |word: &str| word.parse::<u32>().expect("a number");
        let state = |word: &str| TaskState::from_name(word).expect("a task state");
        match words {
            ["start"] => Fact::Start,
            ["crash", host] => Fact::Fault { fault: Arc::new(Fault::Crash { hosts: vec![host_id(host)] }) },
            ["restart", host] => {
                Fact::Fault { fault: Arc::new(Fault::Restart { hosts: vec![host_id(host)] }) }
            }
            ["leads", host] => Fact::Leadership { host: host_id(host), active: true },
            ["down", node] => Fact::NodeStatus {
                node: NodeId(host_id(node).0),
                from: NodeState::Ready,
                to: NodeState::Down,
                message: "heartbeat failure".into(),
            },
            ["service", name, mode] => Fact::ServiceCreated { service: self.create_service(name, mode) },
            ["replicas", service, replicas] => {
                Fact::ServiceUpdated { service: self.scale(service, number(replicas)) }
            }
            ["service-removed", service] => Fact::ServiceRemoved { service: self.service(service) },
            ["task", task, service, slot, desired] => Fact::TaskCreated {
                task: TaskId(number(task)),
                service: Some(self.service(service)),
                slot: Slot(number(slot)),
                node: None,
                desired: state(desired),
            },
            ["assigned", task, node] => {
                Fact::TaskAssigned { task: TaskId(number(task)), node: NodeId(host_id(node).0) }
            }
            ["state", task, from, to] => Fact::TaskState {
                task: TaskId(number(task)),
                from: state(from),
                to: state(to),
                message: "".into(),
                err: "".into(),
            },
            ["desired", task, from, to] => {
                Fact::TaskDesired { task: TaskId(number(task)), from: state(from), to: state(to) }
            }
            ["removed", task] => Fact::TaskRemoved { task: TaskId(number(task)) },
            _ => panic!("no fact is written {words:?}"),
        }
    }

    fn service(&self, name: &str) -> ServiceId {
        self.store.service_by_name(name).expect("services are created first").id
    }

    fn create_service(&mut self, name: &str, mode: &str) -> ServiceId {
        let mode = match mode.parse() {
            Ok(replicas) => ServiceMode::Replicated { replicas },
            Err(_) if mode == "global" => ServiceMode::Global,
            Err(_) => ServiceMode::ReplicatedJob { max_concurrent: 2, total_completions: 2 },
        };
        let container = ContainerSpec { image: "nginx".to_owned(), ..ContainerSpec::default() };
        let spec = ServiceSpec {
            annotations: Annotations { name: name.to_owned(), ..Annotations::default() },
            task: Arc::new(TaskSpec { container, ..TaskSpec::default() }),
            mode,
            update: None,
            rollback: None,
            endpoint: None,
        };
        write(&mut self.store, &mut self.ids, |transaction| {
            create_service(transaction, spec).expect("the service is valid")
        })
    }

    fn scale(&mut self, name: &str, replicas: u32) -> ServiceId {
        let mut service =
            Service::clone(self.store.service_by_name(name).expect("services are created first"));
        let id = service.id;
        Arc::make_mut(&mut service.spec).mode = ServiceMode::Replicated { replicas: replicas.into() };
        write(&mut self.store, &mut self.ids, |transaction| transaction.update_service(service))
            .expect("the service is there");
        id
    }

    fn report(&self, end: SimTime) -> String {
        let census = self.metrics.census();
        let mut text = String::new();
        for measurement in self.metrics.read(end, Totals { commit_index: 7, messages: 30, tallies: &[] }) {
            text.push_str(measurement.kind().name);
            for label in &measurement.labels {
                text.push_str(&match label {
                    Label::Service(service) => format!(" {}", census.service_name(*service)),
                    Label::Node(node) => format!(" {}", census.node_name(*node)),
                    Label::Host(host) => format!(" {}", census.names().host(*host)),
                    Label::Fault(fact) => format!(" fact {}", fact.0),
                    Label::Traffic(traffic) => format!(" {}", census.names().traffic(*traffic)),
                    Label::Cause(cause) => format!(" {}", cause.name()),
                });
            }
            match measurement.value {
                Some(value) => text.push_str(&format!(" = {value}")),
                None => text.push_str(" = none"),
            }
            let steps = measurement.history.iter().map(|(time, value)| format!(" {time}:{value}"));
            text.extend(steps);
            text.push('\n');
        }
        text.trim_end().to_owned()
    }
}

fn write<R>(store: &mut Store, ids: &mut Ids, work: impl FnOnce(&mut Transaction<'_>) -> R) -> R {
    let mut transaction = Transaction::new(store, ids, SimTime::ZERO, 0, FactId(0));
    let result = work(&mut transaction);
    let changes = transaction.into_changes();
    store.apply(&changes);
    result
}

fn create_node(transaction: &mut Transaction<'_>, host: HostId) {
    let node = Node {
        status: crate::model::NodeStatus { state: NodeState::Ready, ..crate::model::NodeStatus::default() },
        ..Node::new(transaction.mint_node(), host, crate::model::NodeRole::Worker)
    };
    transaction.create_node(node).expect("the id is new");
}

fn host_id(name: &str) -> HostId {
    HostId(name.strip_prefix('w').and_then(|number| number.parse::<u32>().ok()).expect("w1 to w3") - 1)
}
