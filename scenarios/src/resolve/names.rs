//! Names of hosts and zones, and what they stand for.
use std::collections::BTreeMap;

use sim_core::model::{HostId, Place, ZoneId};

use super::reader::{Pointer, Reader};
use crate::error::{Location, NameKind, Problem};
use crate::file::{Names, Text};
use crate::suggest;

/// The word that stands for every host.
pub(super) const ALL: &str = "all";

/// All hosts and zones by name and by address.
#[derive(Debug, Default)]
pub(super) struct PlaceNames {
    pub(super) hosts: BTreeMap<String, HostId>,
    pub(super) zones: BTreeMap<String, ZoneId>,
    pub(super) addresses: BTreeMap<String, HostId>,
    /// The zone of each host, in order.
    pub(super) zone_of: Vec<ZoneId>,
}

impl PlaceNames {
    /// The host of this name or address.
    pub(super) fn host_or_address(&self, text: &str) -> Option<HostId> {
        self.hosts.get(text).or_else(|| self.addresses.get(text)).copied()
    }

    /// All hosts in order.
    pub(super) fn all(&self) -> impl Iterator<Item = HostId> {
        (0..self.zone_of.len()).map(|index| HostId(index as u32))
    }

    /// The hosts of a place.
    pub(super) fn hosts_of(&self, place: Place) -> Vec<HostId> {
        match place {
            Place::Host(host) => vec![host],
            Place::Zone(zone) => self.all().filter(|host| self.zone_of[host.0 as usize] == zone).collect(),
        }
    }
}

impl Reader<'_> {
    /// The host of this name.
    pub(super) fn host(&mut self, names: &PlaceNames, text: &str, at: &Location) -> Option<HostId> {
        let host = names.hosts.get(text).copied();
        if host.is_none() {
            let help = suggest::help(text, names.hosts.keys().map(String::as_str), "hosts");
            self.fail(at.clone(), Problem::UnknownName { kind: NameKind::Host, name: text.to_owned() }, help);
        }
        host
    }

    /// The zone of this name.
    pub(super) fn zone(&mut self, names: &PlaceNames, text: &str, at: &Location) -> Option<ZoneId> {
        let zone = names.zones.get(text).copied();
        if zone.is_none() {
            let help = suggest::help(text, names.zones.keys().map(String::as_str), "zones");
            self.fail(at.clone(), Problem::UnknownName { kind: NameKind::Zone, name: text.to_owned() }, help);
        }
        zone
    }

    /// The host or zone of this name.
    pub(super) fn named_place(&mut self, names: &PlaceNames, text: &str, at: &Location) -> Option<Place> {
        let zone = || names.zones.get(text).map(|zone| Place::Zone(*zone));
        let place = names.hosts.get(text).map(|host| Place::Host(*host)).or_else(zone);
        if place.is_none() {
            let known = names.hosts.keys().chain(names.zones.keys()).map(String::as_str);
            let help = suggest::help(text, known, "hosts and zones");
            self.fail(
                at.clone(),
                Problem::UnknownName { kind: NameKind::Place, name: text.to_owned() },
                help,
            );
        }
        place
    }

    /// The hosts of one name or a list of names of hosts and zones, each once; `all` are all.
    pub(super) fn hosts(&mut self, names: &PlaceNames, wanted: &Names, pointer: &Pointer) -> Vec<HostId> {
        let mut hosts = Vec::new();
        for text in wanted.texts() {
            let found = self.given(Some(text), pointer, |reader, text, at| match text {
                ALL => Some(names.all().collect()),
                _ => Some(names.hosts_of(reader.named_place(names, text, at)?)),
            });
            hosts.extend(found.unwrap_or_default());
        }
        let mut seen = std::collections::BTreeSet::new();
        hosts.retain(|host| seen.insert(*host));
        hosts
    }

    /// The hosts of one name or a list of names of hosts.
    pub(super) fn only_hosts(
        &mut self,
        names: &PlaceNames,
        wanted: &[Text],
        pointer: &Pointer,
    ) -> Vec<HostId> {
        let mut hosts = Vec::new();
        for text in wanted {
            hosts.extend(self.given(Some(text), pointer, |reader, text, at| reader.host(names, text, at)));
        }
        hosts
    }
}
