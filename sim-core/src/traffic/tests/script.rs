//! The commands of the text tests of traffic.
use std::collections::BTreeMap;

use super::lab::{Lab, Seat};
use crate::kernel::{Ppm, SimDuration};
use crate::model::setup::*;
use crate::model::*;
use crate::text_test::Command;

/// A lab, and names for what is in it.
#[derive(Default)]
pub(super) struct Script {
    lab: Option<Lab>,
    sources: Vec<String>,
    seats: BTreeMap<String, Seat>,
}

impl Script {
    pub(super) fn run(&mut self, command: &Command<'_>) -> String {
        let first = || command.words.first().map_or("", String::as_str);
        match command.name {
            "lab" => *self = Script::build(command),
            "begin" => {
                let source = self.source(first());
                self.lab().begin(source);
            }
            "start" => self.start(command),
            "disable" | "remove" => {
                let seat = self.seats[first()].clone();
                match command.name {
                    "disable" => self.lab().disable(&seat),
                    _ => self.lab().remove(&seat),
                }
            }
            "deaf" => {
                let host = host(first()).0 as usize;
                self.lab().world.deaf.insert(host);
            }
            "hear" => {
                self.lab().world.deaf.clear();
                self.lab().world.deliver();
            }
            "crash" => self.lab().crash(host(first())),
            "give-up" => self.lab().give_up(host(first())),
            "cut" => self.lab().cut(host(first()), host(&command.words[1])),
            "heal" => self.lab().heal(),
            "lose" => self.lab().world.loss = Ppm(first().parse().expect("a share of a million")),
            "go" => return self.go(span(first())),
            other => panic!("no command {other}"),
        }
        "ok".to_owned()
    }

    fn lab(&mut self) -> &mut Lab {
        self.lab.as_mut().expect("a lab comes first")
    }

    fn source(&self, name: &str) -> TrafficId {
        TrafficId::from_index(self.sources.iter().position(|known| known == name).expect("a source"))
    }

    /// `lab 3` with a line for each image and each source.
    fn build(command: &Command<'_>) -> Self {
        let (mut setup, mut sources) = (Setup::default(), Vec::new());
        for line in &command.body {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            match words[0].as_str() {
                "image" => {
                    let server = server(&words, &sources);
                    let profile = ImageProfile { server, ..ImageProfile::default() };
                    setup.images.listed.insert(words[1].clone(), ImageSetup { profile, on: BTreeMap::new() });
                }
                "source" => {
                    setup.traffic.push(source(&words));
                    sources.push(words[1].clone());
                }
                other => panic!("no line {other}"),
            }
        }
        let hosts = command.words[0].parse().expect("a number of hosts");
        Script { lab: Some(Lab::new(setup, hosts)), sources, seats: BTreeMap::new() }
    }

    /// `start web.1 n1 port=8080 address=5 image=app dnsrr`
    fn start(&mut self, command: &Command<'_>) {
        let name = command.words[0].clone();
        let service = name.split('.').next().expect("service.slot").to_owned();
        let number = |key: &str| command.get(key).map(|number| number.parse().expect("a number"));
        let seat = Seat {
            task: TaskId(u32::try_from(self.seats.len()).expect("few tasks")),
            host: host(&command.words[1]),
            image: command.get("image").unwrap_or(&service).to_owned(),
            service,
            port: number("port").unwrap_or(8080),
            address: number("address").map_or(self.seats.len() as u8 + 5, |number| number as u8),
            round_robin: command.words.iter().any(|word| word == "dnsrr"),
        };
        self.lab().start(&seat);
        self.seats.insert(name, seat);
    }

    /// What happened meanwhile: a line a source that did something, a line a kind of failure.
    fn go(&mut self, span: SimDuration) -> String {
        let lab = self.lab.as_mut().expect("a lab comes first");
        let before: Vec<_> = lab.traffic.tallies().map(|(_, tally)| tally.clone()).collect();
        lab.losses.clear();
        lab.go(span);
        let name_of = |task: TaskId| {
            let seat = self.seats.iter().find(|(_, seat)| seat.task == task);
            seat.map_or("nobody", |(name, _)| name.as_str())
        };
        let mut lines = Vec::new();
        for ((id, after), before) in lab.traffic.tallies().zip(&before) {
            let (now, then) = (after.total(), before.total());
            if now == then {
                continue;
            }
            let old: BTreeMap<TaskId, u64> = before.answered_by().collect();
            let tasks = after.answered_by().map(|(task, count)| (task, count - old.get(&task).unwrap_or(&0)));
            let tasks: Vec<String> = tasks
                .filter(|(_, count)| *count > 0)
                .map(|(task, count)| format!(" {} {count}", name_of(task)))
                .collect();
            lines.push(format!(
                "{}: sent {}, ok {}{}, under way {}, retried {}",
                self.sources[id.0 as usize],
                now.sent - then.sent,
                now.answered - then.answered,
                tasks.concat(),
                now.under_way(),
                after.retries() - before.retries(),
            ));
        }
        for (_, failed) in &lab.losses {
            let task = failed.task.map_or("nobody", name_of);
            let entry = failed.entry.map_or("nowhere".to_owned(), |entry| format!("n{}", entry.0 + 1));
            let source = &self.sources[failed.traffic.0 as usize];
            let (cause, failure) = (failed.failure.cause().name(), failed.failure.name());
            lines.push(format!("  {source} {cause} ({failure}) {} at {task} through {entry}", failed.count));
        }
        if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") }
    }
}

/// `n1` is the first host.
fn host(name: &str) -> HostId {
    HostId(name.strip_prefix('n').and_then(|number| number.parse::<u32>().ok()).expect("n1 to n9") - 1)
}

/// `10ms` or `2s`
fn span(text: &str) -> SimDuration {
    match text.strip_suffix("ms") {
        Some(millis) => SimDuration::from_millis(millis.parse().expect("a number")),
        None => SimDuration::from_secs(text.trim_end_matches('s').parse().expect("a number")),
    }
}

fn get<'a>(words: &'a [String], key: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// `image app ports=80,443 takes=10ms listens=1s hangs=9s at_once=2 queue=1 calls=inner`; sources that are called stand before it.
fn server(words: &[String], sources: &[String]) -> ServerBehaviour {
    let usual = ServerBehaviour::default();
    let calls = get(words, "calls").map(|name| {
        TrafficId::from_index(sources.iter().position(|known| known == name).expect("a source before"))
    });
    let ports = |list: &str| list.split(',').map(port).collect();
    ServerBehaviour {
        ports: get(words, "ports").map(ports),
        hangs_after: get(words, "hangs").map(span),
        listens_after: get(words, "listens").map_or(usual.listens_after, span),
        takes: get(words, "takes").map_or(usual.takes, |takes| Spread::Constant(span(takes))),
        at_once: get(words, "at_once").map(|number| number.parse().expect("a number")),
        queue: get(words, "queue").map_or(usual.queue, |number| number.parse().expect("a number")),
        slow_start: None,
        calls: calls.into_iter().collect(),
    }
}

/// `80` or `53/udp`
fn port(text: &str) -> (TransportProtocol, u16) {
    let (port, protocol) = match text.strip_suffix("/udp") {
        Some(port) => (port, TransportProtocol::Udp),
        None => (text, TransportProtocol::Tcp),
    };
    (protocol, port.parse().expect("a port"))
}

/// `source users to=web:8080 through=n1,n2 every=100ms for=1s connect=1s timeout=2s retries=1 kept=1 check`, with
/// `from=web` in place of `through`, `users=2 think=1s` in place of `every`, or `image=web` for calls.
fn source(words: &[String]) -> Traffic {
    let (service, port) = get(words, "to").and_then(|to| to.split_once(':')).expect("a target");
    let (protocol, port) = self::port(port);
    let check = EntryCheck { every: SimDuration::from_millis(100), falls: 2, rises: 1 };
    let has = |word: &str| words.iter().any(|one| one == word);
    let origin = match (get(words, "through"), get(words, "from"), get(words, "image")) {
        (Some(hosts), _, _) => Origin::Outside {
            through: hosts.split(',').map(host).collect(),
            check: has("check").then_some(check),
        },
        (None, Some(service), _) => Origin::Tasks { service: service.to_owned() },
        (None, None, image) => Origin::Calls { image: image.expect("an origin").to_owned() },
    };
    let load = match (get(words, "every"), get(words, "users")) {
        (Some(interval), _) => Load::Constant(span(interval)),
        (None, Some(users)) => Load::Users {
            users: users.parse().expect("a number"),
            think: Spread::Constant(get(words, "think").map_or(SimDuration::ZERO, span)),
        },
        (None, None) => Load::OnDemand,
    };
    let usual = ClientBehaviour::default();
    Traffic {
        name: words[1].clone(),
        address: service.to_owned(),
        service: service.trim_start_matches("tasks.").to_owned(),
        port,
        protocol,
        origin,
        load,
        client: ClientBehaviour {
            connect_timeout: get(words, "connect").map_or(usual.connect_timeout, span),
            timeout: get(words, "timeout").map_or(usual.timeout, span),
            retries: get(words, "retries").map_or(0, |number| number.parse().expect("a number")),
            kept_connections: get(words, "kept").map_or(0, |number| number.parse().expect("a number")),
            keeps_addresses: has("cached"),
        },
        lasts: get(words, "for").map_or(SimDuration::from_secs(3_600), span),
    }
}
