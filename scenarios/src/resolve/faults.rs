//! `fault`: what breaks, for how long, and what ends it.
use serde_saphyr::Spanned;
use sim_core::kernel::SimDuration;
use sim_core::model::{Fault, HostId, Place, SwarmPort};

use super::names::{ALL, PlaceNames};
use super::reader::{Pointer, Reader};
use crate::error::{Location, Problem};
pub(super) use crate::file::FaultFile;
use crate::file::{Names, Text, TextOrList};
use crate::units;

/// The faults of one entry. A fault of links between groups of places is one fault per pair.
#[derive(Debug)]
pub(super) struct ResolvedFaults {
    pub(super) faults: Vec<Fault>,
    /// Time until they are healed.
    pub(super) lasts: Option<SimDuration>,
}

/// The kind of a fault, as its key says, with what the key names.
#[derive(Clone, Copy, Debug)]
enum Kind<'a> {
    Hosts(HostKind, &'a Names),
    Task(&'a Text),
    Links(LinkKind, &'a Spanned<Vec<Names>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HostKind {
    Crash,
    LoseDisk,
    Kill,
    Stop,
    Restart,
    Freeze,
    Thaw,
    SlowDisk,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkKind {
    Cut,
    Heal,
    Slow,
    Loss,
    Block,
    GossipLoss,
}

pub(super) fn resolve(
    reader: &mut Reader<'_>,
    file: &Spanned<FaultFile>,
    names: &PlaceNames,
    pointer: &Pointer,
) -> Option<ResolvedFaults> {
    let errors = reader.errors.len();
    let at = reader.place(file.referenced, pointer);
    let file = &file.value;
    let (key, kind) = kind(reader, file, &at)?;
    check_keys(reader, file, kind, &at, pointer);
    let lasts = reader.given(file.lasts.as_ref(), &pointer.key("for"), Reader::positive_duration);
    let faults = match kind {
        Kind::Hosts(kind, hosts) => {
            let hosts = reader.hosts(names, hosts, &pointer.key(key));
            vec![host_fault(reader, file, kind, hosts, pointer)]
        }
        Kind::Task(task) => {
            vec![Fault::KillTask { task: reader.given(Some(task), &pointer.key(key), Reader::text)? }]
        }
        Kind::Links(kind, sides) => {
            let pairs = pairs(reader, sides, names, &pointer.key(key));
            link_faults(reader, file, kind, pairs, pointer)
        }
    };
    (reader.errors.len() == errors).then_some(ResolvedFaults { faults, lasts })
}

/// What ends a fault, if something does.
pub(super) fn healing(fault: &Fault) -> Option<Fault> {
    match fault {
        Fault::Crash { hosts }
        | Fault::LoseDisk { hosts }
        | Fault::Kill { hosts, .. }
        | Fault::Stop { hosts } => Some(Fault::Restart { hosts: hosts.clone() }),
        Fault::Freeze { hosts } => Some(Fault::Thaw { hosts: hosts.clone() }),
        Fault::SlowDisk { hosts, .. } => {
            Some(Fault::SlowDisk { hosts: hosts.clone(), by: SimDuration::ZERO })
        }
        Fault::Cut { from, to, one_way }
        | Fault::Slow { from, to, one_way, .. }
        | Fault::Loss { from, to, one_way, .. }
        | Fault::Block { from, to, one_way, .. }
        | Fault::GossipLoss { from, to, one_way, .. } => {
            Some(Fault::Heal { from: *from, to: *to, one_way: *one_way })
        }
        Fault::Restart { .. } | Fault::Thaw { .. } | Fault::Heal { .. } | Fault::KillTask { .. } => None,
    }
}

/// The one key that says what kind of fault it is, and the kind.
fn kind<'a>(reader: &mut Reader<'_>, file: &'a FaultFile, at: &Location) -> Option<(&'static str, Kind<'a>)> {
    let host = |kind, hosts: &'a Option<_>| hosts.as_ref().map(|hosts| Kind::Hosts(kind, hosts));
    let link = |kind, sides: &'a Option<_>| sides.as_ref().map(|sides| Kind::Links(kind, sides));
    let kinds = [
        ("crash", host(HostKind::Crash, &file.crash)),
        ("lose_disk", host(HostKind::LoseDisk, &file.lose_disk)),
        ("kill", host(HostKind::Kill, &file.kill)),
        ("stop", host(HostKind::Stop, &file.stop)),
        ("restart", host(HostKind::Restart, &file.restart)),
        ("freeze", host(HostKind::Freeze, &file.freeze)),
        ("thaw", host(HostKind::Thaw, &file.thaw)),
        ("cut", link(LinkKind::Cut, &file.cut)),
        ("heal", link(LinkKind::Heal, &file.heal)),
        ("slow", link(LinkKind::Slow, &file.slow)),
        ("loss", link(LinkKind::Loss, &file.loss)),
        ("block", link(LinkKind::Block, &file.block)),
        ("gossip_loss", link(LinkKind::GossipLoss, &file.gossip_loss)),
        ("slow_disk", host(HostKind::SlowDisk, &file.slow_disk)),
        ("kill_task", file.kill_task.as_ref().map(Kind::Task)),
    ];
    let keys = kinds.map(|(key, kind)| (key, kind.is_some()));
    let key = reader.exactly_one(&keys, at, "make each fault an entry of its own")?;
    kinds.into_iter().find(|(known, _)| *known == key).and_then(|(key, kind)| Some((key, kind?)))
}

/// Keys that go with some kinds only: those that are there must belong, those that belong must be there.
fn check_keys(reader: &mut Reader<'_>, file: &FaultFile, kind: Kind<'_>, at: &Location, pointer: &Pointer) {
    let is_slow = matches!(kind, Kind::Hosts(HostKind::SlowDisk, _) | Kind::Links(LinkKind::Slow, _));
    let is_loss = matches!(kind, Kind::Links(LinkKind::Loss | LinkKind::GossipLoss, _));
    let is_block = matches!(kind, Kind::Links(LinkKind::Block, _));
    let is_link = matches!(kind, Kind::Links(..));
    let is_kill = matches!(kind, Kind::Hosts(HostKind::Kill, _));
    let ends_something = match kind {
        Kind::Hosts(kind, _) => matches!(kind, HostKind::Restart | HostKind::Thaw),
        Kind::Links(kind, _) => kind == LinkKind::Heal,
        Kind::Task(_) => true,
    };
    let keys = [
        ("by", &file.by, is_slow, "it belongs to `slow` and `slow_disk`"),
        ("rate", &file.rate, is_loss, "it belongs to `loss` and `gossip_loss`"),
        ("one_way", &file.one_way, is_link, "it belongs to faults of links"),
        ("containers", &file.containers, is_kill, "it belongs to `kill`"),
        ("for", &file.lasts, !ends_something, "there is nothing to heal afterwards"),
    ];
    for (key, text, belongs, reason) in keys {
        if let Some(text) = text.as_ref().filter(|_| !belongs) {
            let at = reader.place(text.referenced, &pointer.key(key));
            reader.fail(at, Problem::KeyNotAllowed { key: key.to_owned(), reason }, "");
        }
    }
    if let Some(port) = file.port.as_ref().filter(|_| !is_block) {
        let at = reader.place(port.position(), &pointer.key("port"));
        let reason = "it belongs to `block`";
        reader.fail(at, Problem::KeyNotAllowed { key: "port".to_owned(), reason }, "");
    }
    if is_block && file.port.is_none() {
        let help = "say which port is closed: 2377, 7946, 4789 or a list of them";
        reader.fail(at.clone(), Problem::MissingKey("port"), help);
    }
    if is_slow && file.by.is_none() {
        reader.fail(
            at.clone(),
            Problem::MissingKey("by"),
            "say how much longer it takes, such as `by: 50ms`",
        );
    }
    if is_loss && file.rate.is_none() {
        reader.fail(at.clone(), Problem::MissingKey("rate"), "say how much is lost, such as `rate: 5%`");
    }
}

fn host_fault(
    reader: &mut Reader<'_>,
    file: &FaultFile,
    kind: HostKind,
    hosts: Vec<HostId>,
    pointer: &Pointer,
) -> Fault {
    let containers =
        reader.given(file.containers.as_ref(), &pointer.key("containers"), |reader, text, at| {
            reader.word(text, at, "fate of containers", &[("survive", true), ("die", false)])
        });
    let by = reader.given(file.by.as_ref(), &pointer.key("by"), Reader::duration);
    match kind {
        HostKind::Crash => Fault::Crash { hosts },
        HostKind::LoseDisk => Fault::LoseDisk { hosts },
        HostKind::Kill => Fault::Kill { hosts, containers_survive: containers.unwrap_or(false) },
        HostKind::Stop => Fault::Stop { hosts },
        HostKind::Restart => Fault::Restart { hosts },
        HostKind::Freeze => Fault::Freeze { hosts },
        HostKind::Thaw => Fault::Thaw { hosts },
        HostKind::SlowDisk => Fault::SlowDisk { hosts, by: by.unwrap_or_default() },
    }
}

fn link_faults(
    reader: &mut Reader<'_>,
    file: &FaultFile,
    kind: LinkKind,
    pairs: Vec<(Place, Place)>,
    pointer: &Pointer,
) -> Vec<Fault> {
    let one_way =
        reader.given(file.one_way.as_ref(), &pointer.key("one_way"), Reader::boolean).unwrap_or(false);
    let by = reader.given(file.by.as_ref(), &pointer.key("by"), Reader::duration).unwrap_or_default();
    let rate = reader.given(file.rate.as_ref(), &pointer.key("rate"), |reader, text, at| {
        reader.unit(text, at, units::percentage)
    });
    let rate = rate.unwrap_or_default();
    let ports = ports(reader, file, pointer);
    let faults = |(from, to)| match kind {
        LinkKind::Cut => vec![Fault::Cut { from, to, one_way }],
        LinkKind::Heal => vec![Fault::Heal { from, to, one_way }],
        LinkKind::Slow => vec![Fault::Slow { from, to, one_way, by }],
        LinkKind::Loss => vec![Fault::Loss { from, to, one_way, rate }],
        LinkKind::GossipLoss => vec![Fault::GossipLoss { from, to, one_way, rate }],
        LinkKind::Block => ports.iter().map(|port| Fault::Block { from, to, one_way, port: *port }).collect(),
    };
    pairs.into_iter().flat_map(faults).collect()
}

/// The ports that a firewall closes.
fn ports(reader: &mut Reader<'_>, file: &FaultFile, pointer: &Pointer) -> Vec<SwarmPort> {
    let numbers = SwarmPort::ALL.map(|port| (port.number().to_string(), port));
    let words: Vec<(&str, SwarmPort)> =
        numbers.iter().map(|(number, port)| (number.as_str(), *port)).collect();
    let texts = file.port.iter().flat_map(Names::texts);
    let port = |text| {
        reader.given(Some(text), &pointer.key("port"), |reader, text, at| {
            reader.word(text, at, "port of a swarm", &words)
        })
    };
    texts.filter_map(port).collect()
}

/// All pairs of places of two sides. `all` is every host that the other side does not contain.
fn pairs(
    reader: &mut Reader<'_>,
    sides: &Spanned<Vec<Names>>,
    names: &PlaceNames,
    pointer: &Pointer,
) -> Vec<(Place, Place)> {
    let [one, other] = sides.value.as_slice() else {
        let at = reader.place(sides.referenced, pointer);
        let problem = Problem::WrongShape { expected: "a list of two sides".to_owned() };
        reader.fail(
            at,
            problem,
            "write two hosts or zones, such as `[az1, az2]`, or lists of them, or `all`",
        );
        return Vec::new();
    };
    let (from, to) = (side(reader, one, names, pointer), side(reader, other, names, pointer));
    let rest = |others: &[Place]| -> Vec<Place> {
        let others: Vec<HostId> = others.iter().flat_map(|place| names.hosts_of(*place)).collect();
        names.all().filter(|host| !others.contains(host)).map(Place::Host).collect()
    };
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from, to),
        (Some(from), None) => (from.clone(), rest(&from)),
        (None, Some(to)) => (rest(&to), to),
        (None, None) => {
            let at = reader.place(sides.referenced, pointer);
            reader.fail(at, Problem::Contradiction("both sides are `all`"), "name the hosts of one side");
            return Vec::new();
        }
    };
    let mut pairs = Vec::new();
    for one in &from {
        for other in &to {
            if one == other && matches!(one, Place::Host(_)) {
                let at = reader.place(sides.referenced, pointer);
                reader.fail(
                    at,
                    Problem::Contradiction("a host is on both sides"),
                    "a host has no link to itself",
                );
                return Vec::new();
            }
            pairs.push((*one, *other));
        }
    }
    pairs
}

/// The places of one side; none for `all`.
fn side(
    reader: &mut Reader<'_>,
    names_of: &Names,
    names: &PlaceNames,
    pointer: &Pointer,
) -> Option<Vec<Place>> {
    if let TextOrList::Text(Text { value, .. }) = names_of
        && value == ALL
    {
        return None;
    }
    let mut places = Vec::new();
    for text in names_of.texts() {
        places.extend(reader.given(Some(text), pointer, |r, text, at| r.named_place(names, text, at)));
    }
    Some(places)
}
