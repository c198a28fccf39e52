//! The names that a node knows on one network (spec networking 9.1).
//!
//! Every entry remembers who brought it, so that an address which two of them brought stays until both are gone.
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::kernel::{Digest, StateDigest};
use crate::model::{EndpointRecord, ServiceId, ServiceRecord, TaskId};

/// Who brought an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    /// All backends of a service together: its virtual address.
    Service(ServiceId),
    /// One endpoint, by its task.
    Endpoint(TaskId),
}

/// Names in lower case, with their addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    forward: BTreeMap<String, BTreeSet<(Ipv4Addr, Holder)>>,
}

impl Names {
    /// The addresses of a name, each once, in order. None: the name is not known.
    pub(super) fn addresses(&self, name: &str) -> Option<Vec<Ipv4Addr>> {
        let entries = self.forward.get(&name.to_ascii_lowercase())?;
        let mut addresses: Vec<Ipv4Addr> = entries.iter().map(|(address, _)| *address).collect();
        addresses.dedup();
        Some(addresses)
    }

    /// An endpoint takes connections: its own names, and its part of the names of its service. `balanced` is the
    /// virtual address of the load balancer that it is behind: that of the first backend, whatever this one says of
    /// its service. `first`: it is that first backend, with which the name of the virtual address comes.
    pub(super) fn enable(&mut self, record: &EndpointRecord, balanced: Option<Ipv4Addr>, first: bool) {
        let holder = Holder::Endpoint(record.id.task);
        for name in endpoint_names(record) {
            self.add(&name, record.address, holder);
        }
        let (Some(service), Some(address)) = (&record.service, balanced) else { return };
        if first {
            self.add(&service.name, address, Holder::Service(service.id));
        }
        for alias in &service.aliases {
            self.add(alias, address, holder);
        }
    }

    /// An endpoint takes no new connections: what leads to the virtual address of its service stays.
    pub(super) fn disable(&mut self, record: &EndpointRecord) {
        for name in endpoint_names(record) {
            self.remove(&name, record.address, Holder::Endpoint(record.id.task));
        }
    }

    /// An endpoint is gone from behind a load balancer, of which `balanced` is the virtual address. `last`: it was
    /// the last backend of its service here.
    pub(super) fn forget(&mut self, record: &EndpointRecord, balanced: Option<Ipv4Addr>, last: bool) {
        self.disable(record);
        let Some(service) = &record.service else { return };
        if last {
            self.retain(&service.name, |(_, holder)| *holder != Holder::Service(service.id));
        }
        let Some(address) = balanced else { return };
        for alias in &service.aliases {
            self.remove(alias, address, Holder::Endpoint(record.id.task));
        }
    }

    fn add(&mut self, name: &str, address: Ipv4Addr, holder: Holder) {
        self.forward.entry(name.to_ascii_lowercase()).or_default().insert((address, holder));
    }

    fn remove(&mut self, name: &str, address: Ipv4Addr, holder: Holder) {
        self.retain(name, |entry| *entry != (address, holder));
    }

    fn retain(&mut self, name: &str, stays: impl FnMut(&(Ipv4Addr, Holder)) -> bool) {
        let name = name.to_ascii_lowercase();
        let Some(entries) = self.forward.get_mut(&name) else { return };
        entries.retain(stays);
        if entries.is_empty() {
            self.forward.remove(&name);
        }
    }
}

/// The names that lead to the address of the endpoint itself. With DNS round robin those of its service do, too.
fn endpoint_names(record: &EndpointRecord) -> Vec<String> {
    let mut names = vec![record.name.clone()];
    names.extend(record.aliases.iter().cloned());
    if let Some(service @ ServiceRecord { virtual_ip, .. }) = &record.service {
        for name in std::iter::once(&service.name).chain(&service.aliases) {
            names.push(format!("tasks.{name}"));
            if virtual_ip.is_none() {
                names.push(name.clone());
            }
        }
    }
    names
}

impl StateDigest for Names {
    fn digest(&self, digest: &mut Digest) {
        let Self { forward } = self;
        for (name, entries) in forward {
            digest.text(name);
            for (address, holder) in entries {
                digest.u32(address.to_bits());
                let (kind, number) = match holder {
                    Holder::Service(service) => (0, service.0),
                    Holder::Endpoint(task) => (1, task.0),
                };
                digest.u8(kind);
                digest.u32(number);
            }
        }
    }
}
