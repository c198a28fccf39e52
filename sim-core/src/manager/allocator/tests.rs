//! Text tests of the allocator on a bench, and the cases of its parts.
mod script;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::script::Script;
use super::error::AllocationError;
use super::holdings::Holdings;
use super::ports::{are_allocated, host_ports_need_update, reconcile, with_host_ports};
use super::*;
use crate::model::*;
use crate::text_test;
use crate::text_test::objects::port;

fn check(file: &str) {
    let mut script = Script::new();
    text_test::check(&format!("allocator/{file}"), |command| script.run(command));
}

#[test]
fn networks_get_subnets() {
    check("networks.txt");
}

#[test]
fn services_get_virtual_addresses() {
    check("virtual_addresses.txt");
}

#[test]
fn tasks_get_addresses() {
    check("tasks.txt");
}

#[test]
fn nodes_get_addresses_for_their_load_balancers() {
    check("nodes.txt");
}

#[test]
fn services_get_ports() {
    check("ports.txt");
}

#[test]
fn a_new_leader_knows_what_was_handed_out() {
    check("new_leader.txt");
}

fn service(wanted: Option<&[&str]>, runtime: Option<&[&str]>) -> Service {
    let ports = |list: &[&str]| list.iter().map(|text| port(text)).collect::<Vec<PortConfig>>();
    let spec = ServiceSpec {
        annotations: Annotations::default(),
        task: Arc::new(TaskSpec::default()),
        mode: ServiceMode::Replicated { replicas: 1 },
        update: None,
        rollback: None,
        endpoint: wanted.map(|list| EndpointSpec { ports: ports(list), ..EndpointSpec::default() }),
    };
    Service {
        endpoint: runtime.map(|list| Arc::new(Endpoint { ports: ports(list), ..Endpoint::default() })),
        ..Service::new(ServiceId(0), Arc::new(spec))
    }
}

fn numbers(ports: &[PortConfig]) -> Vec<(u16, u16)> {
    ports.iter().map(|port| (port.target_port, port.published_port)).collect()
}

/// PORT-001, PORT-002, PORT-003, PORT-004
#[test]
fn ports_without_a_number_take_over_what_the_service_has() {
    let reconciled = |wanted: &[&str], runtime: Option<&[&str]>| {
        let service = service(Some(wanted), runtime);
        numbers(&reconcile(&service.spec.endpoint.as_ref().unwrap().ports, service.endpoint.as_deref()))
    };
    assert_eq!(reconciled(&["10000:10000"], None), [(10000, 10000)]);
    assert_eq!(reconciled(&["0:1", "0:2"], Some(&["10000:1"])), [(1, 0), (2, 0)]);
    assert_eq!(reconciled(&["10000:10000"], Some(&["10000:10001"])), [(10000, 10000)]);
    assert_eq!(reconciled(&["0:1", "0:2"], Some(&["10001:2", "10000:1"])), [(1, 10000), (2, 10001)]);
}

/// PORT-020 to PORT-026
#[test]
fn host_ports_are_rewritten_when_a_number_is_missing() {
    let need = |wanted: Option<&[&str]>, runtime| host_ports_need_update(&service(wanted, runtime));
    assert!(!need(None, None), "PORT-020");
    assert!(!need(Some(&["10000:99"]), None), "PORT-021");
    assert!(need(Some(&["10000:10000/tcp/host"]), Some(&["10000:10000"])), "PORT-022");
    assert!(!need(Some(&["10000:99/tcp/host"]), Some(&["10000:99/tcp/host"])), "PORT-023");
    assert!(!need(Some(&["0:99/tcp/host"]), Some(&["0:99/tcp/host"])), "PORT-024");
    assert!(need(Some(&["30099:99/tcp/host"]), Some(&["0:99/tcp/host"])), "PORT-025");
    assert!(!need(Some(&["30099:99/tcp/host"]), Some(&["30099:99/tcp/host"])), "PORT-026");
}

/// PORT-027 to PORT-034
#[test]
fn ports_are_compared_without_regard_to_order() {
    let allocated =
        |wanted: Option<&[&str]>, runtime, starting| are_allocated(&service(wanted, runtime), starting);
    assert!(allocated(None, None, false), "PORT-027");
    assert!(!allocated(Some(&["80:80"]), None, false), "PORT-028");
    assert!(!allocated(None, Some(&["80:80"]), false), "PORT-028");
    assert!(!allocated(Some(&["80:80", "81:81"]), Some(&["80:80"]), false), "PORT-029: counts");
    assert!(!allocated(Some(&["80:80"]), Some(&["80:81"]), false), "PORT-029: targets");
    assert!(!allocated(Some(&["80:80"]), Some(&["81:80"]), false), "PORT-029: numbers");
    assert!(!allocated(Some(&["0:80"]), Some(&["0:80"]), false), "PORT-030");
    assert!(allocated(Some(&["0:80"]), Some(&["10000:80"]), false), "PORT-031");
    assert!(!allocated(Some(&["0:80"]), Some(&["10000:80"]), true), "PORT-031: as a leadership begins");
    let (one, other) = (["80:80", "0:99/tcp/host", "81:81"], ["81:81", "80:80", "0:99/tcp/host"]);
    assert!(allocated(Some(&one), Some(&other), false), "PORT-032");
    let wanted = ["5000:80", "5001:80", "0:80", "0:80"];
    let runtime = ["5000:80", "5001:80", "30000:80", "30001:80"];
    assert!(allocated(Some(&wanted), Some(&runtime), false), "PORT-033");
    assert!(!allocated(Some(&["0:99/tcp/host"]), Some(&["0:77/tcp/host"]), false), "PORT-034");
}

/// PORT-035
#[test]
fn ports_of_the_routing_mesh_stay_in_front_of_host_ports() {
    let service = service(Some(&["90:99/tcp/host", "80:80"]), Some(&["0:99/tcp/host", "80:80"]));
    assert_eq!(numbers(&with_host_ports(&service)), [(80, 80), (99, 90)]);
}

fn holdings() -> Holdings {
    Holdings::new(&[DEFAULT_POOL], DEFAULT_BLOCK_BITS)
}

/// PORT-005 to PORT-008
#[test]
fn a_port_is_held_once() {
    let mut ports = ports::PortAllocator::new();
    assert_eq!(ports.allocate(&service(None, Some(&["80:80"]))), Ok(Vec::new()), "PORT-005");
    for number in ["10001:1", "30000:1", "10000:1"] {
        let wanted: &[&str] = &[number];
        assert!(ports.allocate(&service(Some(wanted), None)).is_ok());
        assert_eq!(ports.allocate(&service(Some(wanted), None)), Err(AllocationError::BitAllocated));
    }
}

/// PORT-013
#[test]
fn the_dynamic_range_has_2768_ports() {
    let mut ports = ports::PortAllocator::new();
    let automatic = service(Some(&["0:80"]), None);
    assert!((0..2768).all(|_| ports.allocate(&automatic).is_ok()));
    assert_eq!(ports.allocate(&automatic), Err(AllocationError::NoBitAvailable));
    assert_eq!(AllocationError::NoBitAvailable.text(0), "no bit available");
}

fn network(id: u32, spec: NetworkSpec) -> Network {
    Network::new(NetworkId(id), spec)
}

/// NET-026, NET-042
#[test]
fn the_lowest_free_subnet_is_used_until_the_pool_is_cut_up() {
    let pool = Subnet { address: [10, 0, 0, 0].into(), prefix_bits: 23 };
    let mut holdings = Holdings::new(&[pool], 24);
    let allocate = |holdings: &mut Holdings, id| {
        let subnets = holdings.allocate_network(&network(id, NetworkSpec::default()));
        subnets.map(|subnets| (subnets[0].subnet.to_string(), subnets[0].gateway.to_string()))
    };
    let first = Ok(("10.0.0.0/24".to_owned(), "10.0.0.1".to_owned()));
    assert_eq!(allocate(&mut holdings, 0), first);
    assert_eq!(allocate(&mut holdings, 1), Ok(("10.0.1.0/24".to_owned(), "10.0.1.1".to_owned())));
    assert_eq!(allocate(&mut holdings, 2), Err(AllocationError::PoolsExhausted));
    holdings.free_network(NetworkId(0));
    assert_eq!(allocate(&mut holdings, 2), first);
}

/// NET-032, NET-033
#[test]
fn networks_that_cannot_be_made_say_why() {
    let mut holdings = holdings();
    let plugin = NetworkSpec { driver: "plugin".to_owned(), ..NetworkSpec::default() };
    let foreign = NetworkSpec { ipam_driver: "plugin".to_owned(), ..NetworkSpec::default() };
    let why = |result: Result<Vec<AllocatedSubnet>, AllocationError>| result.unwrap_err().text(1);
    assert_eq!(why(holdings.allocate_network(&network(0, plugin))), "could not resolve driver plugin");
    assert_eq!(why(holdings.allocate_network(&network(0, foreign))), "could not resolve IPAM driver plugin");
    let good = network(0, NetworkSpec::default());
    assert!(holdings.allocate_network(&good).is_ok());
    let id = NetworkId(0).text(1);
    assert_eq!(why(holdings.allocate_network(&good)), format!("network {id} already allocated"));
}

/// NET-031, NET-043
#[test]
fn impossible_subnets_are_refused() {
    let mut holdings = holdings();
    let subnet = Subnet { address: [10, 9, 0, 0].into(), prefix_bits: 29 };
    let with = |gateway: Option<[u8; 4]>| {
        let subnets = vec![SubnetSpec { subnet, gateway: gateway.map(Into::into) }];
        NetworkSpec { subnets, ..NetworkSpec::default() }
    };
    let outside = holdings.allocate_network(&network(0, with(Some([10, 8, 0, 1]))));
    assert_eq!(outside, Err(AllocationError::AddressOutOfRange));
    assert!(holdings.allocate_network(&network(1, with(None))).is_ok());
    let overlapping = holdings.allocate_network(&network(2, with(None))).unwrap_err();
    assert_eq!(
        overlapping.text(0),
        "invalid pool request: Pool overlaps with other one on this address space"
    );
}

/// NET-034
#[test]
fn freed_addresses_can_be_asked_for_again() {
    let mut holdings = holdings();
    let network = Arc::new(network(0, NetworkSpec::default()));
    holdings.allocate_network(&network).unwrap();
    let mut attachments = [NetworkAttachment::to(network)];
    holdings.allocate_task(TaskId(0), &mut attachments).unwrap();
    let given = attachments[0].addresses.clone();
    assert!(holdings.free_task(TaskId(0)));
    holdings.allocate_task(TaskId(0), &mut attachments).unwrap();
    assert_eq!(attachments[0].addresses, given);
}

/// NET-013
#[test]
fn no_address_is_given_twice_by_a_hundred_leaders() {
    let mut script = Script::new();
    let mut run = |name, body: &[&str]| {
        script.run(&text_test::Command { name, words: Vec::new(), body: body.to_vec() })
    };
    run("do", &["network A"]);
    let mut addresses = BTreeSet::new();
    for number in 0..100 {
        run("start", &[]);
        let written = run("do", &[&format!("task t{number} networks=A")]);
        addresses.insert(written.split_once("A=").expect("an address").1.to_owned());
        run("stop", &[]);
    }
    assert_eq!(addresses.len(), 100);
}

/// The texts are logged only, and tell whoever asks why a task waits.
#[test]
fn what_a_task_waits_for_has_a_text() {
    let (service, task, network) = (ServiceId(0), TaskId(0), NetworkId(0));
    let (s, t, n) = (service.text(3), task.text(3), network.text(3));
    let text = |error: AllocationError| error.text(3);
    assert_eq!(
        text(AllocationError::NoService { service, task }),
        format!("could not find service {s} for task {t}")
    );
    assert_eq!(
        text(AllocationError::ServicePending { service, task }),
        format!("service {s} to which task {t} belongs has pending allocations")
    );
    assert_eq!(
        text(AllocationError::NoNetwork { network, task }),
        format!("failed to retrieve network {n} while allocating task {t}")
    );
    assert_eq!(
        text(AllocationError::NetworkPending { network, task }),
        format!("network {n} attached to task {t} not allocated yet")
    );
}
