//! One load balancer of a node: the IPVS virtual service of a service on a network (spec networking 6.1, 7.1).
//!
//! Two endpoints can have one address for a while, when it is given anew before everybody has heard that it was
//! freed: they share a destination, which stays for the later one.
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::kernel::{Digest, StateDigest};
use crate::model::{EndpointRecord, HostId, PortConfig, ServiceId, ServiceRecord, TaskId};

/// A load balancer: backends, and whose turn it is.
#[derive(Clone, Debug)]
pub(super) struct LoadBalancer {
    pub(super) service: ServiceId,
    pub(super) virtual_ip: Option<Ipv4Addr>,
    /// The ports that it is reached by; part of its key, so that old and new ports of a service are two balancers.
    pub(super) ports: Arc<[PortConfig]>,
    backends: BTreeMap<TaskId, Backend>,
    /// The kernel's list, its head last.
    destinations: Vec<Destination>,
    /// Number of the destination of each address, by address.
    numbers: Vec<(Ipv4Addr, u32)>,
    next_number: u32,
    /// Index of the destination that had the last connection; none: the next one goes to the head of the list.
    position: Option<usize>,
    /// Destinations that take connections.
    weighted: usize,
}

/// An endpoint that a load balancer knows.
#[derive(Clone, Debug)]
struct Backend {
    record: Arc<EndpointRecord>,
    disabled: bool,
}

/// An address that connections can be sent to.
#[derive(Clone, Debug)]
struct Destination {
    /// Its place in the order in which destinations came.
    number: u32,
    address: Ipv4Addr,
    /// Weight 1, or 0: the address gets no new connections.
    weighted: bool,
    /// The latest endpoint with this address.
    latest: (TaskId, HostId),
    /// Others that had it before and are still known, the latest last. Hardly ever there are any.
    earlier: Vec<(TaskId, HostId)>,
}

/// Where a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The task that was last known to have the address.
    pub task: TaskId,
    /// The machine where it is.
    pub host: HostId,
    /// The address.
    pub address: Ipv4Addr,
}

/// One backend of a load balancer, as a node knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownBackend {
    /// Its service.
    pub service: ServiceId,
    /// Its task.
    pub task: TaskId,
    /// The machine where it is.
    pub host: HostId,
    /// Its address.
    pub address: Ipv4Addr,
    /// True in the phase before its stop, when it gets no new connections.
    pub disabled: bool,
}

impl LoadBalancer {
    pub(super) fn new(service: &ServiceRecord) -> Self {
        LoadBalancer {
            service: service.id,
            virtual_ip: service.virtual_ip,
            ports: Arc::clone(&service.ingress_ports),
            backends: BTreeMap::new(),
            destinations: Vec::new(),
            numbers: Vec::new(),
            next_number: 0,
            position: None,
            weighted: 0,
        }
    }

    /// A backend takes connections from here on. True if it is the first one at all.
    pub(super) fn enable(&mut self, record: &Arc<EndpointRecord>) -> bool {
        let first = self.backends.is_empty();
        let task = record.id.task;
        self.backends.insert(task, Backend { record: Arc::clone(record), disabled: false });
        let endpoint = (task, record.host);
        let place = match self.place_of(record.address) {
            Some(place) => {
                let destination = &mut self.destinations[place];
                let before = std::mem::replace(&mut destination.latest, endpoint);
                destination.earlier.push(before);
                destination.earlier.retain(|(known, _)| *known != task);
                place
            }
            None => self.insert(record.address, endpoint),
        };
        self.weigh(place);
        first
    }

    /// A backend gets no new connections from here on, and stays known.
    pub(super) fn disable(&mut self, task: TaskId) {
        let Some(backend) = self.backends.get_mut(&task) else { return };
        backend.disabled = true;
        let address = backend.record.address;
        self.weigh(self.place_of(address).expect("a backend has a destination"));
    }

    /// True if it has the endpoint of a task, whether that takes connections or not.
    pub(super) fn knows(&self, task: TaskId) -> bool {
        self.backends.contains_key(&task)
    }

    /// A backend is gone. True if none is left.
    pub(super) fn remove(&mut self, task: TaskId) -> bool {
        let Some(backend) = self.backends.remove(&task) else { return self.backends.is_empty() };
        let address = backend.record.address;
        let place = self.place_of(address).expect("a backend has a destination");
        let destination = &mut self.destinations[place];
        if destination.latest.0 != task {
            destination.earlier.retain(|(known, _)| *known != task);
            self.weigh(place);
        } else if let Some(before) = destination.earlier.pop() {
            destination.latest = before;
            self.weigh(place);
        } else {
            self.take_out(place);
        }
        self.backends.is_empty()
    }

    /// The next destination in the list that has a weight gets the connection.
    pub(super) fn choose(&mut self) -> Option<Target> {
        if self.weighted == 0 {
            return None;
        }
        let mut place = self.position.unwrap_or(0);
        loop {
            place = place.checked_sub(1).unwrap_or(self.destinations.len() - 1);
            let destination = &self.destinations[place];
            if destination.weighted {
                self.position = Some(place);
                let (task, host) = destination.latest;
                return Some(Target { task, host, address: destination.address });
            }
        }
    }

    /// All backends in the order of their tasks.
    pub(super) fn backends(&self) -> impl Iterator<Item = KnownBackend> + '_ {
        self.backends.values().map(|Backend { record, disabled }| KnownBackend {
            service: self.service,
            task: record.id.task,
            host: record.host,
            address: record.address,
            disabled: *disabled,
        })
    }

    fn place_of(&self, address: Ipv4Addr) -> Option<usize> {
        let known = self.numbers.binary_search_by_key(&address, |(known, _)| *known).ok()?;
        let number = self.numbers[known].1;
        let place = self.destinations.binary_search_by_key(&number, |destination| destination.number);
        Some(place.expect("an address with a number has a destination"))
    }

    /// The kernel puts a new destination at the head of the list; whose turn it is does not change.
    fn insert(&mut self, address: Ipv4Addr, latest: (TaskId, HostId)) -> usize {
        let number = self.next_number;
        self.next_number += 1;
        self.destinations.push(Destination { number, address, weighted: false, latest, earlier: Vec::new() });
        let place = self.numbers.partition_point(|(known, _)| *known < address);
        self.numbers.insert(place, (address, number));
        self.destinations.len() - 1
    }

    /// The turn of a destination that goes falls back to the one before it.
    fn take_out(&mut self, place: usize) {
        let destination = self.destinations.remove(place);
        let known = self.numbers.partition_point(|(known, _)| *known < destination.address);
        self.numbers.remove(known);
        self.weighted -= usize::from(destination.weighted);
        self.position = match self.position {
            Some(last) if last > place => Some(last - 1),
            other => other.filter(|last| *last < self.destinations.len()),
        };
    }

    /// A destination has a weight while a backend with its address takes connections.
    fn weigh(&mut self, place: usize) {
        let (backends, destination) = (&self.backends, &mut self.destinations[place]);
        let takes = |(task, _): &(TaskId, HostId)| backends.get(task).is_some_and(|known| !known.disabled);
        let weighted = takes(&destination.latest) || destination.earlier.iter().any(takes);
        self.weighted -= usize::from(destination.weighted);
        self.weighted += usize::from(weighted);
        destination.weighted = weighted;
    }
}

impl StateDigest for LoadBalancer {
    fn digest(&self, digest: &mut Digest) {
        // Destinations and their weights follow from the backends, their order does not. What else the records say is
        // digested where their owners have them.
        let Self {
            service,
            virtual_ip,
            ports,
            backends,
            destinations,
            numbers: _,
            next_number: _,
            position,
            weighted: _,
        } = self;
        service.digest(digest);
        digest.debug(virtual_ip);
        ports.digest(digest);
        for Backend { record, disabled } in backends.values() {
            record.id.task.digest(digest);
            digest.u32(record.address.to_bits());
            record.host.digest(digest);
            digest.bool(*disabled);
        }
        for destination in destinations {
            digest.u32(destination.address.to_bits());
        }
        position.digest(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EndpointId, NetworkId};

    fn record(task: u32, address: u8) -> Arc<EndpointRecord> {
        Arc::new(EndpointRecord {
            id: EndpointId { network: NetworkId(0), task: TaskId(task) },
            host: HostId(task),
            name: format!("web.{task}"),
            service: None,
            address: Ipv4Addr::new(10, 0, 0, address),
            aliases: Vec::new(),
            disabled: false,
        })
    }

    fn balancer(tasks: &[u32]) -> LoadBalancer {
        let service = ServiceRecord {
            id: ServiceId(0),
            name: "web".to_owned(),
            virtual_ip: None,
            ingress_ports: Arc::from([]),
            aliases: Vec::new(),
        };
        let mut balancer = LoadBalancer::new(&service);
        for task in tasks {
            balancer.enable(&record(*task, u8::try_from(*task).expect("small numbers")));
        }
        balancer
    }

    fn turns(balancer: &mut LoadBalancer, count: usize) -> Vec<u32> {
        (0..count).map_while(|_| balancer.choose()).map(|target| target.task.0).collect()
    }

    /// NET-102
    #[test]
    fn each_backend_has_its_turn_in_a_fixed_order() {
        assert_eq!(turns(&mut balancer(&[1, 2, 3]), 7), [3, 2, 1, 3, 2, 1, 3]);
    }

    #[test]
    fn whose_turn_it_is_survives_changes_of_the_list() {
        let mut balancer = balancer(&[1, 2, 3]);
        assert_eq!(turns(&mut balancer, 2), [3, 2]);
        balancer.enable(&record(4, 4));
        assert_eq!(turns(&mut balancer, 2), [1, 4]);
        balancer.remove(TaskId(4));
        assert_eq!(turns(&mut balancer, 2), [3, 2]);
        balancer.remove(TaskId(3));
        assert_eq!(turns(&mut balancer, 2), [1, 2]);
    }

    #[test]
    fn a_disabled_backend_is_passed_over_until_it_is_enabled_again() {
        let mut balancer = balancer(&[1, 2, 3]);
        balancer.disable(TaskId(2));
        assert_eq!(turns(&mut balancer, 4), [3, 1, 3, 1]);
        balancer.disable(TaskId(1));
        balancer.disable(TaskId(3));
        assert_eq!(turns(&mut balancer, 1), Vec::<u32>::new());
        balancer.enable(&record(2, 2));
        assert_eq!(turns(&mut balancer, 2), [2, 2]);
    }

    /// NET-136
    #[test]
    fn an_address_that_was_given_anew_stays_when_its_old_holder_goes() {
        let mut balancer = balancer(&[1]);
        balancer.disable(TaskId(1));
        balancer.enable(&record(2, 1));
        assert_eq!(turns(&mut balancer, 1), [2]);
        assert!(!balancer.remove(TaskId(1)), "the new one is left");
        assert_eq!(turns(&mut balancer, 2), [2, 2]);
        assert!(balancer.remove(TaskId(2)), "none is left");
    }
}
