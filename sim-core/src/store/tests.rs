//! Transactions on a store, without anybody who replicates it.
use std::sync::Arc;

use super::*;
use crate::kernel::SimTime;
use crate::model::spec::PortConfig;
use crate::model::{EndpointSpec, FactId, ServiceSpec, TaskSpec, TaskState};

struct Fixture {
    store: Store,
    ids: Ids,
    version: u64,
}

impl Fixture {
    fn new() -> Self {
        Fixture { store: Store::default(), ids: Ids::default(), version: 0 }
    }

    fn commit<R>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let now = SimTime::from_secs(self.version);
        let mut transaction = Transaction::new(&mut self.store, &mut self.ids, now, self.version, FactId(0));
        let result = work(&mut transaction);
        let changes = transaction.into_changes();
        if result.is_ok() {
            self.store.apply(&changes);
            self.version += 1;
        }
        assert_eq!(self.store.sum(), self.store.recounted_sum());
        result
    }

    fn create(&mut self) -> TaskId {
        self.commit(|transaction| {
            let id = transaction.mint_task();
            transaction.create_task(Task::new(id, Arc::new(TaskSpec::default()), transaction.now()))?;
            Ok(id)
        })
        .expect("a new id")
    }
}

#[test]
fn sto_001_a_failing_transaction_leaves_nothing() {
    // STO-001
    let mut fixture = Fixture::new();
    let before = fixture.store.sum();
    let result: Result<(), _> = fixture.commit(|transaction| {
        let id = transaction.mint_task();
        transaction.create_task(Task::new(id, Arc::default(), transaction.now()))?;
        Err(StoreError::NotExist)
    });
    assert_eq!(result, Err(StoreError::NotExist));
    assert_eq!((fixture.store.task_count(), fixture.store.sum()), (0, before));
}

#[test]
fn sto_002_a_stale_version_is_refused() {
    // STO-002
    let mut fixture = Fixture::new();
    fixture.create();
    let id = fixture.create();
    let stale = Task::clone(fixture.store.task(id).unwrap());
    fixture
        .commit(|transaction| {
            transaction.update_task(Task { desired_state: TaskState::Shutdown, ..stale.clone() })
        })
        .unwrap();
    let error = fixture.commit(|transaction| transaction.update_task(stale)).unwrap_err();
    assert_eq!(error.to_string(), "update out of sequence");
    let current = Task::clone(fixture.store.task(id).unwrap());
    fixture.commit(|transaction| transaction.update_task(current)).unwrap();
}

#[test]
fn sto_003_times_of_creation_and_update() {
    // STO-003
    let mut fixture = Fixture::new();
    fixture.create();
    let id = fixture.create();
    let created = fixture.store.task(id).unwrap().meta;
    assert_eq!(created.created_at, created.updated_at);
    let task = Task::clone(fixture.store.task(id).unwrap());
    fixture.commit(|transaction| transaction.update_task(task)).unwrap();
    let updated = fixture.store.task(id).unwrap().meta;
    assert_eq!(updated.created_at, created.created_at);
    assert!(updated.updated_at > created.updated_at);
}

#[test]
fn indexes_follow_the_tasks() {
    let mut fixture = Fixture::new();
    let id = fixture.create();
    let mut task = Task::clone(fixture.store.task(id).unwrap());
    task.node = Some(NodeId(3));
    fixture.commit(|transaction| transaction.update_task(task)).unwrap();
    assert_eq!(fixture.store.tasks_of_node(NodeId(3)).count(), 1);
    fixture.commit(|transaction| transaction.delete_task(id)).unwrap();
    assert_eq!(fixture.store.tasks_of_node(NodeId(3)).count(), 0);
    assert!(fixture.store.task(id).is_none());
}

#[test]
fn a_service_is_found_by_the_ports_that_it_publishes_now() {
    let publishing = |ports: &[u16]| {
        let port = |number: &u16| PortConfig { published_port: *number, ..PortConfig::default() };
        let endpoint = EndpointSpec { ports: ports.iter().map(port).collect(), ..EndpointSpec::default() };
        Arc::new(ServiceSpec { endpoint: Some(endpoint), ..ServiceSpec::replicated("web", "nginx", 1) })
    };
    let mut fixture = Fixture::new();
    let id = fixture
        .commit(|transaction| {
            let id = transaction.mint_service();
            transaction.create_service(Service::new(id, publishing(&[80, 0, 443])))?;
            Ok(id)
        })
        .unwrap();
    let on_port = |fixture: &Fixture, port| -> Vec<ServiceId> {
        fixture.store.services_on_port(TransportProtocol::Tcp, port).collect()
    };
    assert_eq!((on_port(&fixture, 80), on_port(&fixture, 443)), (vec![id], vec![id]));
    assert_eq!(on_port(&fixture, 0), [], "a port without a number is not published yet");
    assert_eq!(fixture.store.services_on_port(TransportProtocol::Udp, 80).count(), 0);

    let service = Service::clone(fixture.store.service(id).unwrap());
    let moved = Service { spec: publishing(&[443, 8080]), ..service };
    fixture.commit(|transaction| transaction.update_service(moved)).unwrap();
    assert_eq!([80, 443, 8080].map(|port| on_port(&fixture, port).len()), [0, 1, 1]);
    fixture.commit(|transaction| transaction.delete_service(id)).unwrap();
    assert_eq!([80, 443, 8080].map(|port| on_port(&fixture, port).len()), [0, 0, 0]);
}

#[test]
fn missing_and_double_objects_have_their_own_errors() {
    let mut fixture = Fixture::new();
    let id = fixture.create();
    let again = fixture
        .commit(|transaction| transaction.create_task(Task::new(id, Arc::default(), transaction.now())));
    assert_eq!(again.unwrap_err().to_string(), "object already exists");
    let missing = fixture.commit(|transaction| transaction.delete_task(TaskId(77)));
    assert_eq!(missing.unwrap_err().to_string(), "object does not exist");
}
