//! `cluster`: hosts, zones and links.
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_saphyr::Spanned;
use sim_core::kernel::Ppm;
use sim_core::model::setup::{HostSetup, LinkSetup, Settings, Start, SwarmPart};
use sim_core::model::{Availability, GenericResource, HostId, IdMap, ObjectId, Platform, ZoneId};

use super::names::{ALL, PlaceNames};
use super::reader::{Pointer, Reader};
use crate::error::{Location, NameKind, Problem};
use crate::file::{ClusterFile, HostFile, LinkFile, Names, TextOrList, TextOrTable};
use crate::units;

/// Most hosts of a cluster: the addresses of one /16.
const HOSTS_MAX: u64 = 65_534;
/// Zone of hosts that name none.
const ZONE: &str = "default";

/// Hosts, zones and links with their names.
#[derive(Debug, Default)]
pub(super) struct ResolvedCluster {
    pub(super) start: Start,
    pub(super) hosts: IdMap<HostId, HostSetup>,
    pub(super) zones: IdMap<ZoneId, String>,
    pub(super) links: Vec<LinkSetup>,
    pub(super) names: PlaceNames,
}

pub(super) fn resolve(
    reader: &mut Reader<'_>,
    file: &Spanned<ClusterFile>,
    settings: &Settings,
) -> ResolvedCluster {
    let pointer = Pointer::default().key("cluster");
    let ClusterFile { start, managers, workers, links, settings: _ } = &file.value;
    let start = reader.given(start.as_ref(), &pointer.key("start"), |reader, text, at| {
        let words = [("settled", Start::Settled), ("empty", Start::Empty), ("off", Start::Off)];
        reader.word(text, at, "state to start from", &words)
    });
    let mut cluster = ResolvedCluster { start: start.unwrap_or_default(), ..ResolvedCluster::default() };
    let errors = reader.errors.len();
    let groups = [(managers, "managers", SwarmPart::Manager), (workers, "workers", SwarmPart::Worker)];
    for (group, key, part) in groups {
        if let Some(group) = group {
            cluster.add_group(reader, group, &pointer.key(key), part);
        }
    }
    cluster.give_addresses();
    let at = reader.place(file.referenced, &pointer);
    cluster.check_names(reader, &at);
    if reader.errors.len() == errors {
        cluster.check_managers(reader, at);
    }
    for (index, link) in links.iter().enumerate() {
        let link = cluster.link(reader, link, settings, &pointer.key("links").index(index));
        cluster.links.extend(link);
    }
    cluster
}

impl ResolvedCluster {
    /// Hosts of one part, given as a number or as a list.
    fn add_group(
        &mut self,
        reader: &mut Reader<'_>,
        group: &TextOrList<TextOrTable<HostFile>>,
        pointer: &Pointer,
        part: SwarmPart,
    ) {
        match group {
            TextOrList::Text(count) => {
                let at = reader.place(count.referenced, pointer);
                let count = reader.given(Some(count), pointer, |reader, text, at| {
                    reader.number(text, at, "number of hosts", HOSTS_MAX)
                });
                let word = if part == SwarmPart::Manager { "manager" } else { "worker" };
                for number in 1..=count.unwrap_or(0) {
                    let host = HostSetup { part, ..self.plain_host(&format!("{word}-{number}"), ZONE) };
                    self.add_host(reader, host, &at);
                }
            }
            TextOrList::List(list) => {
                for (index, host) in list.value.iter().enumerate() {
                    let pointer = pointer.index(index);
                    match host {
                        TextOrTable::Text(name) => {
                            let at = reader.place(name.referenced, &pointer);
                            if let Some(name) = reader.given(Some(name), &pointer, Reader::plain_name) {
                                let host = HostSetup { part, ..self.plain_host(&name, ZONE) };
                                self.add_host(reader, host, &at);
                            }
                        }
                        TextOrTable::Table(table) => self.add_table(reader, &table.value, &pointer, part),
                    }
                }
            }
        }
    }

    /// A host given as a table.
    fn add_table(&mut self, reader: &mut Reader<'_>, file: &HostFile, pointer: &Pointer, part: SwarmPart) {
        let HostFile { name, zone, labels, cpus, memory, generic, availability, platform, ip, swarm } = file;
        let at = reader.place(name.referenced, &pointer.key("name"));
        let name = reader.given(Some(name), &pointer.key("name"), Reader::plain_name);
        let zone = reader.given(zone.as_ref(), &pointer.key("zone"), Reader::plain_name);
        let mut host = self.plain_host(name.as_deref().unwrap_or_default(), zone.as_deref().unwrap_or(ZONE));
        host.part = part;
        for (label, value) in &labels.0 {
            let value = reader.given(Some(value), &pointer.key("labels"), Reader::text);
            host.labels.insert(label.value.clone(), value.unwrap_or_default());
        }
        let read =
            reader.given(cpus.as_ref(), &pointer.key("cpus"), |r, text, at| r.unit(text, at, units::cpus));
        host.resources.nano_cpus = read.unwrap_or(host.resources.nano_cpus);
        let read = reader
            .given(memory.as_ref(), &pointer.key("memory"), |r, text, at| r.unit(text, at, units::size));
        host.resources.memory_bytes = read.unwrap_or(host.resources.memory_bytes);
        for (kind, amount) in &generic.0 {
            host.resources.generic.extend(generic_resources(
                reader,
                &kind.value,
                amount,
                &pointer.key("generic"),
            ));
        }
        let read = reader.given(availability.as_ref(), &pointer.key("availability"), read_availability);
        host.availability = read.unwrap_or_default();
        let read = reader.given(platform.as_ref(), &pointer.key("platform"), read_platform);
        host.platform = read.unwrap_or(host.platform);
        if let Some(address) = reader.given(ip.as_ref(), &pointer.key("ip"), read_address) {
            if self.names.addresses.contains_key(&address.to_string()) {
                let at = ip.as_ref().map(|ip| reader.place(ip.referenced, &pointer.key("ip")));
                let problem = Problem::Contradiction("two hosts have the same address");
                reader.fail(at.unwrap_or_default(), problem, "leave `ip` out, or give every host its own");
            }
            host.address = address;
        }
        if reader.given(swarm.as_ref(), &pointer.key("swarm"), Reader::boolean) == Some(false) {
            host.part = SwarmPart::None;
        }
        if name.is_some() {
            self.add_host(reader, host, &at);
        }
    }

    /// A host with defaults; its address is not known yet.
    fn plain_host(&mut self, name: &str, zone: &str) -> HostSetup {
        let zone = match self.names.zones.get(zone) {
            Some(zone) => *zone,
            None => {
                let id = ZoneId::from_index(self.zones.len());
                self.names.zones.insert(zone.to_owned(), id);
                self.zones.insert(id, zone.to_owned());
                id
            }
        };
        HostSetup::new(name, zone, Ipv4Addr::UNSPECIFIED)
    }

    fn add_host(&mut self, reader: &mut Reader<'_>, mut host: HostSetup, at: &Location) {
        if self.start == Start::Empty {
            host.part = SwarmPart::None;
        }
        let id = HostId::from_index(self.hosts.len());
        let name = host.name.clone();
        if self.hosts.len() as u64 >= HOSTS_MAX {
            if self.hosts.len() as u64 == HOSTS_MAX {
                let (what, text) = ("number of hosts", (HOSTS_MAX + 1).to_string());
                reader.fail(at.clone(), Problem::OutOfRange { what, text, max: HOSTS_MAX }, "");
            }
            return;
        }
        if name == ALL || name == "self" {
            let problem = Problem::Invalid { what: "name of a host", text: name };
            reader.fail(at.clone(), problem, "the words `all` and `self` mean something else");
            return;
        }
        if self.names.hosts.insert(name.clone(), id).is_some() {
            let problem = Problem::DuplicateName { kind: NameKind::Host, name };
            reader.fail(at.clone(), problem, "every host needs a name of its own");
            return;
        }
        if host.address != Ipv4Addr::UNSPECIFIED {
            self.names.addresses.insert(host.address.to_string(), id);
        }
        self.names.zone_of.push(host.zone);
        self.hosts.insert(id, host);
    }

    /// Gives the hosts without an address the next free ones.
    fn give_addresses(&mut self) {
        let taken: BTreeSet<Ipv4Addr> = self.hosts.values().map(|host| host.address).collect();
        let first = u32::from(Ipv4Addr::new(172, 31, 0, 1));
        let mut free = (first..).map(Ipv4Addr::from).filter(|address| !taken.contains(address));
        for (index, host) in self.hosts.values_mut().enumerate() {
            if host.address == Ipv4Addr::UNSPECIFIED {
                host.address = free.next().expect("more addresses than hosts");
                self.names.addresses.insert(host.address.to_string(), HostId::from_index(index));
            }
        }
    }

    /// A host and a zone of one name cannot be told apart.
    fn check_names(&self, reader: &mut Reader<'_>, at: &Location) {
        for name in self.names.zones.keys().filter(|zone| self.names.hosts.contains_key(*zone)) {
            let problem = Problem::DuplicateName { kind: NameKind::Place, name: name.clone() };
            let help = "faults name hosts and zones alike, so a zone needs a name of its own";
            reader.fail(at.clone(), problem, help);
        }
    }

    /// A swarm needs a manager.
    fn check_managers(&self, reader: &mut Reader<'_>, at: Location) {
        let has_manager = self.hosts.values().any(|host| host.part == SwarmPart::Manager);
        if self.start == Start::Empty && self.hosts.is_empty() {
            reader.fail(
                at,
                Problem::Contradiction("the cluster has no hosts"),
                "write `managers: 3`, for example",
            );
        } else if self.start != Start::Empty && !has_manager {
            let help = "write `managers: 1`, for example, or `start: empty` for hosts without a swarm";
            reader.fail(at, Problem::Contradiction("the cluster has no manager"), help);
        }
    }

    fn link(
        &self,
        reader: &mut Reader<'_>,
        file: &LinkFile,
        settings: &Settings,
        pointer: &Pointer,
    ) -> Option<LinkSetup> {
        let LinkFile { between, latency, jitter, loss } = file;
        let at = reader.place(between.referenced, &pointer.key("between"));
        let [one, other] = between.value.as_slice() else {
            let problem = Problem::WrongShape { expected: "a list of two zones".to_owned() };
            reader.fail(at, problem, "write the same zone twice for the links inside it");
            return None;
        };
        let mut zone = |text| {
            reader.given(Some(text), &pointer.key("between"), |reader, text, at| {
                reader.zone(&self.names, text, at)
            })
        };
        let ends = (zone(one), zone(other));
        let is_inside = ends.0 == ends.1;
        let usual = if is_inside { settings.latency_same_zone } else { settings.latency_between_zones };
        let latency =
            reader.given(latency.as_ref(), &pointer.key("latency"), Reader::duration).unwrap_or(usual);
        let jitter =
            reader.given(jitter.as_ref(), &pointer.key("jitter"), Reader::duration).unwrap_or_default();
        let loss = reader.given(loss.as_ref(), &pointer.key("loss"), |reader, text, at| {
            reader.unit(text, at, units::percentage)
        });
        Some(LinkSetup { between: (ends.0?, ends.1?), latency, jitter, loss: loss.unwrap_or(Ppm(0)) })
    }
}

pub(super) fn read_availability(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<Availability> {
    let words =
        [("active", Availability::Active), ("pause", Availability::Pause), ("drain", Availability::Drain)];
    reader.word(text, at, "availability", &words)
}

fn read_platform(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<Platform> {
    match text.split_once('/') {
        Some((os, architecture)) if !os.is_empty() && !architecture.is_empty() => {
            Some(Platform { os: os.to_owned(), architecture: architecture.to_owned() })
        }
        _ => {
            let problem = Problem::Invalid { what: "platform", text: text.to_owned() };
            reader.fail(at.clone(), problem, "write system and processor, such as `linux/aarch64`");
            None
        }
    }
}

fn read_address(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<Ipv4Addr> {
    let address = text.parse().ok().filter(|address: &Ipv4Addr| !address.is_unspecified());
    if address.is_none() {
        let problem = Problem::Invalid { what: "address", text: text.to_owned() };
        reader.fail(at.clone(), problem, "write an IPv4 address, such as `192.168.56.10`");
    }
    address
}

/// `gpu: 2` is an amount, `gpu: [a, b]` are two named ones.
fn generic_resources(
    reader: &mut Reader<'_>,
    kind: &str,
    amount: &Names,
    pointer: &Pointer,
) -> Vec<GenericResource> {
    let kind = kind.to_owned();
    if let TextOrList::Text(text) = amount {
        let read = reader.given(Some(text), pointer, |reader, text, at| {
            reader.number(text, at, "amount of a resource", i64::MAX as u64)
        });
        return read
            .map(|value| GenericResource::Discrete { kind, value: value as i64 })
            .into_iter()
            .collect();
    }
    let mut named = Vec::new();
    for text in amount.texts() {
        let value = reader.given(Some(text), pointer, Reader::text);
        named.extend(value.map(|value| GenericResource::Named { kind: kind.clone(), value }));
    }
    named
}
