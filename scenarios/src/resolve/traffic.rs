//! `traffic` in the timeline, and the `calls` of programs: who sends requests, to what, and how patient they are.
use serde_saphyr::Spanned;
use sim_core::kernel::SimDuration;
use sim_core::model::TransportProtocol;
use sim_core::model::setup::{ClientBehaviour, EntryCheck, Load, Origin, Spread, Traffic};

use super::names::PlaceNames;
use super::reader::{Pointer, Reader};
use crate::error::{Location, Problem};
use crate::file::{self, CallFile, CheckFile, Text, TextOrTable, TrafficFile};
use crate::units;

/// Most users and clients of one source.
const CLIENTS_MAX: u64 = 100_000;
/// Most attempts after the first one.
const RETRIES_MAX: u64 = 20;
const PROTOCOLS: &[(&str, TransportProtocol)] =
    &[("tcp", TransportProtocol::Tcp), ("udp", TransportProtocol::Udp), ("sctp", TransportProtocol::Sctp)];
/// The name that stands for all tasks of a service, one by one.
const TASKS_PREFIX: &str = "tasks.";
/// How often a node is checked, and what it takes to be marked down and up again, as common load balancers do.
const CHECK: EntryCheck = EntryCheck { every: SimDuration::from_secs(2), falls: 3, rises: 2 };

/// What requests are sent to.
#[derive(Debug)]
pub(super) struct Target {
    /// What clients inside look up.
    pub(super) address: String,
    pub(super) service: String,
    pub(super) port: u16,
    pub(super) protocol: TransportProtocol,
    pub(super) at: Location,
}

/// A source of the timeline. Its name and its target are checked by whoever knows all of them.
pub(super) fn source(
    reader: &mut Reader<'_>,
    file: &Spanned<TrafficFile>,
    names: &PlaceNames,
    pointer: &Pointer,
) -> Option<(Traffic, Target)> {
    let at = reader.place(file.referenced, pointer);
    let file = &file.value;
    let name = reader.given(Some(&file.name), &pointer.key("name"), Reader::plain_name);
    let target = target(reader, &file.to, file.protocol.as_ref(), pointer);
    let protocol = target.as_ref().map_or(TransportProtocol::Tcp, |target| target.protocol);
    let origin = origin(reader, file, names, &at, pointer);
    let load = load(reader, file, &at, pointer);
    let lasts = reader.given(Some(&file.lasts), &pointer.key("for"), Reader::positive_duration);
    let client = client(reader, ClientFile::of_source(file), protocol, pointer);
    check_keys(reader, file, protocol, pointer);
    let client = ClientBehaviour { kept_connections: clients(reader, file, &client, pointer), ..client };
    let (target, origin) = (target?, origin?);
    let Target { address, service, port, .. } = &target;
    let (address, service, port) = (address.clone(), service.clone(), *port);
    let (name, load, lasts) = (name?, load?, lasts?);
    let traffic = Traffic { name, address, service, port, protocol, origin, load, client, lasts };
    Some((traffic, target))
}

/// What a program of an image asks for. `number` counts the calls of the image from one.
pub(super) fn call(
    reader: &mut Reader<'_>,
    file: &TextOrTable<CallFile>,
    image: &str,
    number: usize,
    pointer: &Pointer,
) -> Option<(Traffic, Target)> {
    let (to, keys) = match file {
        TextOrTable::Text(to) => (to, ClientFile::default()),
        TextOrTable::Table(call) => (&call.value.to, ClientFile::of_call(&call.value)),
    };
    let target = target(reader, to, None, pointer)?;
    let client = client(reader, keys, target.protocol, pointer);
    let Target { address, service, port, .. } = &target;
    let again = if number > 1 { format!("#{number}") } else { String::new() };
    let traffic = Traffic {
        name: format!("{image}->{service}{again}"),
        address: address.clone(),
        service: service.clone(),
        port: *port,
        protocol: target.protocol,
        origin: Origin::Calls { image: image.to_owned() },
        load: Load::OnDemand,
        client,
        lasts: SimDuration::ZERO,
    };
    Some((traffic, target))
}

/// A span of time, or how it is distributed.
pub(super) fn spread(reader: &mut Reader<'_>, spread: &file::Spread, pointer: &Pointer) -> Option<Spread> {
    let table = match spread {
        TextOrTable::Text(text) => {
            return reader.given(Some(text), pointer, Reader::duration).map(Spread::Constant);
        }
        TextOrTable::Table(table) => table,
    };
    let at = reader.place(table.referenced, pointer);
    let keys =
        [("uniform", table.value.uniform.is_some()), ("exponential", table.value.exponential.is_some())];
    reader.exactly_one(&keys, &at, "a time that is always the same needs no table: `20ms`")?;
    match &table.value.uniform {
        Some(bounds) => uniform(reader, bounds, &pointer.key("uniform")),
        None => {
            let mean = table.value.exponential.as_ref();
            let mean = reader.given(mean, &pointer.key("exponential"), Reader::positive_duration);
            mean.map(Spread::Exponential)
        }
    }
}

/// `[10ms, 30ms]`
fn uniform(reader: &mut Reader<'_>, bounds: &Spanned<Vec<Text>>, pointer: &Pointer) -> Option<Spread> {
    let at = reader.place(bounds.referenced, pointer);
    let [low, high] = bounds.value.as_slice() else {
        let problem = Problem::WrongShape { expected: "a list of two durations".to_owned() };
        reader.fail(at, problem, "write the shortest and the longest time, such as `[10ms, 30ms]`");
        return None;
    };
    let low = reader.given(Some(low), pointer, Reader::duration);
    let high = reader.given(Some(high), pointer, Reader::duration);
    let (low, high) = (low?, high?);
    if low > high {
        reader.fail(at, Problem::EmptyInterval, "write the shorter time first");
        return None;
    }
    Some(Spread::Uniform(low, high))
}

/// `web:8080`, `dns:53/udp`; inside also `tasks.web:80` and `web.backend:80`. The protocol may stand in a key of its own.
fn target(reader: &mut Reader<'_>, to: &Text, key: Option<&Text>, pointer: &Pointer) -> Option<Target> {
    let key = reader.given(key, &pointer.key("protocol"), |reader, text, at| protocol(reader, text, at));
    reader.given(Some(to), &pointer.key("to"), |reader, text, at| {
        let (text, suffix) = match text.rsplit_once('/') {
            Some((text, suffix)) => (text, Some(protocol(reader, suffix, at)?)),
            None => (text, None),
        };
        if key.zip(suffix).is_some_and(|(key, suffix)| key != suffix) {
            let problem = Problem::Contradiction("the `protocol` is another one");
            reader.fail(at.clone(), problem, "one of the two is enough");
        }
        let protocol = suffix.or(key).unwrap_or_default();
        let parts = text.rsplit_once(':').filter(|(name, _)| !name.is_empty());
        let parts = parts.and_then(|(name, port)| Some((name, port.parse().ok().filter(|port| *port > 0)?)));
        let Some((address, port)) = parts else {
            let problem = Problem::Invalid { what: "target of traffic", text: text.to_owned() };
            reader.fail(
                at.clone(),
                problem,
                "write a service and a port from 1 to 65535, such as `web:8080`",
            );
            return None;
        };
        let service = address.strip_prefix(TASKS_PREFIX).unwrap_or(address);
        let service = service.split('.').next().unwrap_or(service).to_owned();
        Some(Target { address: address.to_owned(), service, port, protocol, at: at.clone() })
    })
}

/// A port that a program listens on: `80`, `53/udp`.
pub(super) fn listened_port(
    reader: &mut Reader<'_>,
    text: &str,
    at: &Location,
) -> Option<(TransportProtocol, u16)> {
    let (port, protocol) = match text.rsplit_once('/') {
        Some((port, suffix)) => (port, protocol(reader, suffix, at)?),
        None => (text, TransportProtocol::Tcp),
    };
    let port = positive(reader, port, at, "port", u64::from(u16::MAX))?;
    Some((protocol, u16::try_from(port).expect("it is at most the greatest port")))
}

/// One over which requests can be sent.
fn protocol(reader: &mut Reader<'_>, text: &str, at: &Location) -> Option<TransportProtocol> {
    let protocol = reader.word(text, at, "protocol", PROTOCOLS)?;
    if protocol == TransportProtocol::Sctp {
        let problem = Problem::Contradiction("only TCP and UDP are simulated");
        let help =
            "an `sctp` port can be published, and is shown and told to other nodes, but nobody sends to it";
        reader.fail(at.clone(), problem, help);
        return None;
    }
    Some(protocol)
}

/// Outside or inside.
fn origin(
    reader: &mut Reader<'_>,
    file: &TrafficFile,
    names: &PlaceNames,
    at: &Location,
    pointer: &Pointer,
) -> Option<Origin> {
    let keys = [("through", file.through.is_some()), ("from", file.from.is_some())];
    let help = "requests come from outside `through` hosts, or `from` the tasks of a service";
    reader.exactly_one(&keys, at, help)?;
    let Some(through) = &file.through else {
        let service = reader.given(file.from.as_ref(), &pointer.key("from"), Reader::plain_name)?;
        return Some(Origin::Tasks { service });
    };
    let errors = reader.errors.len();
    let through = reader.hosts(names, through, &pointer.key("through"));
    if through.is_empty() {
        if reader.errors.len() == errors {
            let problem = Problem::Contradiction("there is no host to send to");
            reader.fail(at.clone(), problem, "name hosts, or `all`");
        }
        return None;
    }
    let check = file.check.as_ref().map(|check| check_of(reader, check, &pointer.key("check")));
    Some(Origin::Outside { through, check })
}

fn check_of(reader: &mut Reader<'_>, file: &Spanned<CheckFile>, pointer: &Pointer) -> EntryCheck {
    let CheckFile { every, falls, rises } = &file.value;
    let every = reader.given(every.as_ref(), &pointer.key("every"), Reader::positive_duration);
    let mut count = |text: &Option<Text>, key| {
        reader.given(text.as_ref(), &pointer.key(key), |reader, text, at| {
            positive(reader, text, at, "number of checks", 1_000)
        })
    };
    let (falls, rises) = (count(falls, "falls"), count(rises, "rises"));
    EntryCheck {
        every: every.unwrap_or(CHECK.every),
        falls: falls.unwrap_or(CHECK.falls),
        rises: rises.unwrap_or(CHECK.rises),
    }
}

/// A rate, or users who wait for answers.
fn load(reader: &mut Reader<'_>, file: &TrafficFile, at: &Location, pointer: &Pointer) -> Option<Load> {
    let keys = [("rate", file.rate.is_some()), ("users", file.users.is_some())];
    let help = "requests come at a `rate`, or from `users` who wait for each answer and `think`";
    reader.exactly_one(&keys, at, help)?;
    if file.rate.is_some() { rate(reader, file, pointer) } else { users(reader, file, at, pointer) }
}

/// Requests that come whatever becomes of those before.
fn rate(reader: &mut Reader<'_>, file: &TrafficFile, pointer: &Pointer) -> Option<Load> {
    let interval = reader.given(file.rate.as_ref(), &pointer.key("rate"), |reader, text, at| {
        reader.unit(text, at, units::rate)
    });
    let is_poisson = reader.given(file.arrivals.as_ref(), &pointer.key("arrivals"), |reader, text, at| {
        reader.word(text, at, "kind of arrivals", &[("constant", false), ("poisson", true)])
    });
    let interval = interval?;
    Some(if is_poisson == Some(true) { Load::Poisson(interval) } else { Load::Constant(interval) })
}

/// Users who wait for each answer.
fn users(reader: &mut Reader<'_>, file: &TrafficFile, at: &Location, pointer: &Pointer) -> Option<Load> {
    let users = reader.given(file.users.as_ref(), &pointer.key("users"), |reader, text, at| {
        positive(reader, text, at, "number of users", CLIENTS_MAX)
    });
    let Some(think) = &file.think else {
        let help = "say how long users wait between an answer and their next request, such as `think: 1s`";
        reader.fail(at.clone(), Problem::MissingKey("think"), help);
        return None;
    };
    let think = spread(reader, think, &pointer.key("think"))?;
    Some(Load::Users { users: users?, think })
}

/// Keys that mean nothing here.
fn check_keys(reader: &mut Reader<'_>, file: &TrafficFile, protocol: TransportProtocol, pointer: &Pointer) {
    let inside = file.from.is_some();
    let check = file.check.as_ref().map(|check| check.referenced);
    let think = file.think.as_ref().map(|think| match think {
        TextOrTable::Text(text) => text.referenced,
        TextOrTable::Table(table) => table.referenced,
    });
    let position = |text: &Option<Text>| text.as_ref().map(|text| text.referenced);
    let keys = [
        ("check", check, inside, "it belongs to `through`"),
        (
            "check",
            check.filter(|_| !inside),
            protocol == TransportProtocol::Udp,
            "whether a UDP port answers cannot be seen by connecting to it",
        ),
        ("dns", position(&file.dns), !inside, "it belongs to `from`"),
        ("arrivals", position(&file.arrivals), file.rate.is_none(), "it belongs to `rate`"),
        ("think", think, file.users.is_none(), "it belongs to `users`"),
        ("clients", position(&file.clients), file.users.is_some(), "the users are the clients"),
        ("clients", position(&file.clients), inside, "the tasks are the clients"),
    ];
    for (key, position, is_wrong, reason) in keys {
        if let Some(position) = position.filter(|_| is_wrong) {
            let at = reader.place(position, &pointer.key(key));
            reader.fail(at, Problem::KeyNotAllowed { key: key.to_owned(), reason }, "");
        }
    }
}

/// How many connections are kept: one a client, if any are.
fn clients(reader: &mut Reader<'_>, file: &TrafficFile, client: &ClientBehaviour, pointer: &Pointer) -> u32 {
    let clients = reader.given(file.clients.as_ref(), &pointer.key("clients"), |reader, text, at| {
        positive(reader, text, at, "number of clients", CLIENTS_MAX)
    });
    client.kept_connections * clients.unwrap_or(1)
}

/// The keys that say how a client behaves.
#[derive(Default)]
struct ClientFile<'a> {
    keep_alive: Option<&'a Text>,
    dns: Option<&'a Text>,
    timeout: Option<&'a Text>,
    connect_timeout: Option<&'a Text>,
    retries: Option<&'a Text>,
}

impl<'a> ClientFile<'a> {
    fn of_source(file: &'a TrafficFile) -> Self {
        let TrafficFile { keep_alive, dns, timeout, connect_timeout, retries, .. } = file;
        Self::of(keep_alive, dns, timeout, connect_timeout, retries)
    }

    fn of_call(file: &'a CallFile) -> Self {
        let CallFile { to: _, keep_alive, dns, timeout, connect_timeout, retries } = file;
        Self::of(keep_alive, dns, timeout, connect_timeout, retries)
    }

    fn of(
        keep_alive: &'a Option<Text>,
        dns: &'a Option<Text>,
        timeout: &'a Option<Text>,
        connect_timeout: &'a Option<Text>,
        retries: &'a Option<Text>,
    ) -> Self {
        ClientFile {
            keep_alive: keep_alive.as_ref(),
            dns: dns.as_ref(),
            timeout: timeout.as_ref(),
            connect_timeout: connect_timeout.as_ref(),
            retries: retries.as_ref(),
        }
    }
}

fn client(
    reader: &mut Reader<'_>,
    file: ClientFile<'_>,
    protocol: TransportProtocol,
    pointer: &Pointer,
) -> ClientBehaviour {
    let usual = ClientBehaviour::default();
    let timeout = reader.given(file.timeout, &pointer.key("timeout"), Reader::positive_duration);
    let timeout = timeout.unwrap_or(usual.timeout);
    let connect =
        reader.given(file.connect_timeout, &pointer.key("connect_timeout"), Reader::positive_duration);
    let keeps = reader.given(file.keep_alive, &pointer.key("keep_alive"), Reader::boolean).unwrap_or(false);
    let keeps_addresses = reader.given(file.dns, &pointer.key("dns"), |reader, text, at| {
        reader.word(text, at, "use of DNS", &[("each", false), ("cached", true)])
    });
    let retries = reader.given(file.retries, &pointer.key("retries"), |reader, text, at| {
        reader.number(text, at, "number of retries", RETRIES_MAX)
    });
    if let Some(text) = file.connect_timeout.filter(|_| protocol == TransportProtocol::Udp) {
        let at = reader.place(text.referenced, &pointer.key("connect_timeout"));
        let reason = "UDP has no connections";
        let help = "`timeout` is all that a client waits";
        reader.fail(at, Problem::KeyNotAllowed { key: "connect_timeout".to_owned(), reason }, help);
    } else if let (Some(text), Some(connect)) = (file.connect_timeout, connect)
        && connect > timeout
    {
        let at = reader.place(text.referenced, &pointer.key("connect_timeout"));
        let problem =
            Problem::Contradiction("a client cannot wait longer for a connection than for the answer");
        reader.fail(at, problem, format!("the `timeout` is {timeout}, and it includes the connection"));
    }
    ClientBehaviour {
        connect_timeout: connect.unwrap_or(usual.connect_timeout.min(timeout)),
        timeout,
        retries: retries.unwrap_or(0) as u8,
        kept_connections: u32::from(keeps),
        keeps_addresses: keeps_addresses.unwrap_or(false),
    }
}

/// A whole number that is not zero.
pub(super) fn positive(
    reader: &mut Reader<'_>,
    text: &str,
    at: &Location,
    what: &'static str,
    max: u64,
) -> Option<u32> {
    let number = reader.number(text, at, what, max)?;
    if number == 0 {
        let problem = Problem::Invalid { what, text: text.to_owned() };
        reader.fail(at.clone(), problem, format!("write a number from 1 to {max}"));
        return None;
    }
    u32::try_from(number).ok()
}
