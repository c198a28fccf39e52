//! Calls of the control API among the loops of a leader, with a network and a Raft that the test plays.
use std::sync::Arc;

use crate::manager::loops::{LeaderLoops, LoopSettings, WriteError};
use crate::model::command::{ServiceCreate, SpecChange};
use crate::model::spec::{Mount, MountKind};
use crate::model::*;
use crate::protocol::{
    ApiError, ApiRead, ApiRequest, ApiResponse, ApiWrite, CallId, Component, Effects, Lineage, LoopKind,
    MemberList, Message, ReplyTo, Request, Response,
};
use crate::store::{ChangeSet, Store, StoreError, Transaction};

struct Leader {
    store: Store,
    loops: LeaderLoops,
    effects: Effects,
    version: u64,
    calls: u64,
}

impl Leader {
    fn new() -> Self {
        let mut leader = Leader {
            store: Store::default(),
            loops: LeaderLoops::of_kinds(&[LoopKind::Api], &LoopSettings::default()),
            effects: Effects::new(),
            version: 1,
            calls: 0,
        };
        leader.loops.start(&MemberList::default(), &leader.store, &mut leader.effects);
        leader
    }

    fn create_ingress_network(&mut self) {
        let now = self.effects.now();
        let ids = &mut self.effects.ids;
        let mut transaction = Transaction::new(&mut self.store, ids, now, self.version, FactId(0));
        let id = transaction.mint_network();
        let spec = NetworkSpec { ingress: true, ..NetworkSpec::default() };
        transaction.create_network(Network::new(id, spec)).unwrap();
        let changes = transaction.into_changes();
        self.store.apply(&changes);
    }

    fn ask(&mut self, request: impl Into<ApiRequest>) -> ReplyTo {
        self.calls += 1;
        let reply =
            ReplyTo { host: HostId(7), call: CallId { caller: Component::Client, number: self.calls } };
        let request = Request::Api(Box::new(request.into()));
        self.loops.request(reply, HostId(7), request, &self.store, &mut self.effects);
        reply
    }

    fn propose(&mut self) -> Option<Arc<ChangeSet>> {
        self.loops.next_proposal(&mut self.store, &mut self.effects, self.version)
    }

    fn commit(&mut self, changes: &Arc<ChangeSet>) {
        self.version += 1;
        self.store.apply(changes);
        let causes = self.effects.tell_commit(Lineage::default(), self.version, changes);
        self.loops.committed(changes, causes, &self.store, &mut self.effects);
    }

    /// The answers since the last time, by the number of the call.
    fn answers(&mut self) -> Vec<(u64, Result<ApiResponse, ApiError>)> {
        let mut outbox = Vec::new();
        self.effects.swap_outbox(&mut outbox);
        let number = |(_, to, _, message)| {
            assert_eq!(to, HostId(7));
            let Message::Answer { call, answer: Ok(Response::Api(result)) } = message else {
                panic!("{message:?} is no answer of the API")
            };
            (call.number, *result)
        };
        outbox.into_iter().map(number).collect()
    }
}

fn create(name: &str, port: Option<u16>) -> ApiWrite {
    let mut task = TaskSpec::default();
    task.container.image = "nginx".to_owned();
    let published = |port| PortConfig { target_port: 80, published_port: port, ..PortConfig::default() };
    let spec = ServiceSpec {
        annotations: Annotations { name: name.to_owned(), ..Annotations::default() },
        task: Arc::new(task),
        mode: ServiceMode::Replicated { replicas: 1 },
        update: None,
        rollback: None,
        endpoint: port.map(|port| EndpointSpec { ports: vec![published(port)], ..EndpointSpec::default() }),
    };
    ApiWrite::CreateService(Box::new(ServiceCreate { spec, networks: Vec::new(), detach: true }))
}

fn remove(name: &str) -> ApiWrite {
    ApiWrite::RemoveService { service: name.to_owned() }
}

#[test]
fn a_write_is_answered_when_it_is_committed() {
    let mut leader = Leader::new();
    leader.ask(create("web", None));
    let changes = leader.propose().expect("a new service");
    assert_eq!(leader.answers(), []);
    leader.commit(&changes);
    assert_eq!(leader.answers(), [(1, Ok(ApiResponse::ServiceCreated(ServiceId(0))))]);
    let image = &leader.store.service(ServiceId(0)).unwrap().spec.task.container.image;
    assert_eq!(image, "nginx:latest");
}

#[test]
fn a_read_is_answered_at_once_and_sees_no_write_under_way() {
    let mut leader = Leader::new();
    leader.ask(create("web", None));
    let changes = leader.propose().expect("a new service");
    leader.ask(ApiRead::ListServices(Vec::new()));
    assert_eq!(leader.answers(), [(2, Ok(ApiResponse::Services(Vec::new())))]);
    leader.commit(&changes);
    leader.ask(ApiRead::ListServices(Vec::new()));
    let answers = leader.answers();
    let [(1, Ok(_)), (3, Ok(ApiResponse::Services(services)))] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    assert_eq!(services.len(), 1);
}

#[test]
fn writes_wait_for_the_one_that_holds_the_lock() {
    let mut leader = Leader::new();
    leader.ask(create("web", None));
    leader.ask(create("WEB", None));
    let changes = leader.propose().expect("a new service");
    assert!(leader.propose().is_none());
    leader.commit(&changes);
    assert!(leader.propose().is_none());
    let exists = ApiError::ServiceExists { name: "WEB".to_owned() };
    assert_eq!(leader.answers(), [(1, Ok(ApiResponse::ServiceCreated(ServiceId(0)))), (2, Err(exists))]);
}

#[test]
fn a_refused_write_proposes_nothing() {
    let mut leader = Leader::new();
    leader.ask(remove("web"));
    assert!(leader.propose().is_none());
    let [(1, Err(error))] = &leader.answers()[..] else { panic!("one answer") };
    assert_eq!(error.message(0), "Error response from daemon: service web not found");
}

#[test]
fn two_services_that_are_created_at_one_time_can_take_one_port() {
    // Spec networking 5.2: the check is not part of the transaction.
    let mut leader = Leader::new();
    leader.create_ingress_network();
    leader.ask(create("first", Some(8080)));
    leader.ask(create("second", Some(8080)));
    for _ in 0..2 {
        let changes = leader.propose().expect("a new service");
        leader.commit(&changes);
    }
    leader.ask(create("late", Some(8080)));
    let answers = leader.answers();
    let [(1, Ok(_)), (2, Ok(_)), (3, Err(ApiError::PortInUse { .. }))] = &answers[..] else {
        panic!("{answers:?}")
    };
}

#[test]
fn a_lost_leadership_ends_every_call() {
    let mut leader = Leader::new();
    leader.ask(create("web", None));
    leader.ask(create("api", None));
    leader.propose().expect("a new service");
    leader.loops.failed(WriteError::LostLeadership, &leader.store, &mut leader.effects);
    leader.loops.stop(&leader.store, &mut leader.effects);
    let text = "Error response from daemon: rpc error: code = Unknown desc = raft: failed to process the request: node lost leader status";
    for (_, answer) in leader.answers() {
        assert_eq!(answer.unwrap_err().message(0), text);
    }
    assert_eq!(leader.store.services().count(), 0);
}

#[test]
fn a_write_goes_on_when_its_caller_has_given_up() {
    let mut leader = Leader::new();
    let reply = leader.ask(create("web", None));
    leader.ask(create("api", None));
    leader.loops.hang_up(reply, &leader.store, &mut leader.effects);
    let changes = leader.propose().expect("a new service");
    leader.commit(&changes);
    assert_eq!(leader.answers(), []);
    leader.loops.reset(HostId(7), &leader.store, &mut leader.effects);
    let changes = leader.propose().expect("a new service");
    leader.commit(&changes);
    assert_eq!(leader.answers(), []);
    assert_eq!(leader.store.services().count(), 2);
}

#[test]
fn a_transaction_that_the_store_refuses_is_told_in_its_words() {
    let error = ApiError::Store(StoreError::SequenceConflict);
    assert_eq!(
        error.message(0),
        "Error response from daemon: rpc error: code = Unknown desc = update out of sequence"
    );
}

#[test]
fn a_beginning_of_an_id_must_be_unique() {
    let mut leader = Leader::new();
    for name in ["web", "api"] {
        leader.ask(create(name, None));
        let changes = leader.propose().expect("a new service");
        leader.commit(&changes);
    }
    leader.answers();
    // Every id begins with the empty text.
    leader.ask(ApiRead::ListServiceTasks { services: vec![String::new()], filters: Vec::new() });
    leader.ask(remove(""));
    assert!(leader.propose().is_none());
    let messages: Vec<String> =
        leader.answers().into_iter().map(|(_, answer)| answer.unwrap_err().message(0)).collect();
    assert_eq!(
        messages,
        [
            "multiple services found with provided prefix: ",
            "Error response from daemon: service  is ambiguous (2 matches found)"
        ]
    );
}

#[test]
fn a_change_of_labels_can_make_tasks_out_of_date() {
    // Docker's client brings the mounts in order whenever it sends a spec back.
    let mut leader = Leader::new();
    let ApiWrite::CreateService(mut service) = create("web", None) else { unreachable!() };
    let mount = |source: &str| Mount {
        kind: MountKind::Volume,
        source: source.to_owned(),
        target: format!("/{source}"),
        read_only: false,
        driver: String::new(),
    };
    Arc::make_mut(&mut service.spec.task).container.mounts = vec![mount("logs"), mount("data")];
    leader.ask(ApiWrite::CreateService(service));
    let changes = leader.propose().expect("a new service");
    leader.commit(&changes);
    let before = Arc::clone(&leader.store.service(ServiceId(0)).unwrap().spec.task);

    let labels = Labels::from([("tier".to_owned(), "front".to_owned())]);
    let changes = vec![SpecChange::LabelAdd(labels)];
    leader.ask(ApiWrite::UpdateService { service: "web".to_owned(), changes });
    let changes = leader.propose().expect("a new spec");
    leader.commit(&changes);
    let after = &leader.store.service(ServiceId(0)).unwrap().spec.task;
    assert_ne!(*after, before);
    assert_eq!(after.container.mounts, [mount("data"), mount("logs")]);
}
