//! Small clusters of peers, told in text: what is done, and who sees what when.
//!
//! ```text
//! cluster nodes=5 seed=1          a settled cluster n1..n5, all in network 0; left_out=no sends everything
//! publish n1 key=7 value=1        also: withdraw n1 key=7
//! join n1 network=1               also: leave, leave_cluster, start, crash, kill, freeze, thaw
//! cut n1 n2                       these from all others; heal
//! block n1 n2                     a firewall stops what n1 sends to the port of n2, and nothing else
//! loss n3 percent=100             of datagrams to and from it; twice=yes doubles all datagrams
//! run until=5s                    prints what was seen of records, by record and time
//! known key=7                     who knows the record, with its value
//! ```
mod properties;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Change, Gossip, Links, Operation, Payload, RecordKey};
use crate::kernel::random::Stream;
use crate::kernel::{Ppm, SimDuration, SimTime};
use crate::model::{HostId, NetworkId};
use crate::text_test::{self, Command};

/// A value as long as an endpoint's record usually is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Value(u32);

impl Payload for Value {
    fn size_bytes(&self) -> u32 {
        110
    }
}

/// Links of 0.2 ms that can be cut, lose datagrams, and bring them twice.
#[derive(Debug)]
struct Wires {
    island: BTreeSet<HostId>,
    loss: BTreeMap<HostId, Ppm>,
    twice: bool,
    /// Whose datagrams and connections a firewall stops on their way to whom.
    closed: Option<(HostId, HostId)>,
    random: Stream,
}

const DELAY: SimDuration = SimDuration::from_micros(200);

impl Wires {
    fn new(seed: u64) -> Self {
        let random = Stream::named(seed, "wires");
        Wires { island: BTreeSet::new(), loss: BTreeMap::new(), twice: false, closed: None, random }
    }

    fn is_cut(&self, from: HostId, to: HostId) -> bool {
        self.island.contains(&from) != self.island.contains(&to)
    }

    fn loss(&self, from: HostId, to: HostId) -> Ppm {
        [from, to].iter().filter_map(|host| self.loss.get(host)).copied().max().unwrap_or_default()
    }
}

impl Links for Wires {
    fn datagram(&mut self, _: SimTime, from: HostId, to: HostId) -> [Option<SimDuration>; 2] {
        let loss = self.loss(from, to);
        if self.connection(SimTime::ZERO, from, to).is_none() || self.random.chance(loss) {
            return [None, None];
        }
        [Some(DELAY), self.twice.then_some(DELAY.times(3))]
    }

    fn connection(&mut self, now: SimTime, from: HostId, to: HostId) -> Option<SimDuration> {
        self.answer(now, from, to).filter(|_| self.closed != Some((from, to)))
    }

    fn answer(&mut self, _: SimTime, from: HostId, to: HostId) -> Option<SimDuration> {
        (!self.is_cut(from, to)).then_some(DELAY)
    }

    fn is_smooth(&self, from: HostId, to: HostId) -> bool {
        self.closed != Some((from, to)) && !self.is_cut(from, to) && self.loss(from, to).0 == 0 && !self.twice
    }

    fn are_smooth(&self) -> bool {
        self.closed.is_none()
            && self.island.is_empty()
            && self.loss.values().all(|loss| loss.0 == 0)
            && !self.twice
    }
}

/// A cluster and its wires.
struct World {
    gossip: Gossip<Value>,
    wires: Wires,
    hosts: u32,
    now: SimTime,
}

impl World {
    fn settled(hosts: u32, seed: u64) -> Self {
        let mut gossip = Gossip::new(seed);
        let ids: Vec<HostId> = (0..hosts).map(HostId).collect();
        ids.iter().for_each(|host| gossip.add_host(*host, &name(*host)));
        let networks = ids.iter().map(|host| (*host, BTreeSet::from([NetworkId(0)]))).collect();
        gossip.settle(SimTime::ZERO, &networks, &ids[..ids.len().min(3)]);
        World { gossip, wires: Wires::new(seed), hosts, now: SimTime::ZERO }
    }

    fn operate(&mut self, host: HostId, operation: Operation<Value>) {
        self.gossip.operate(self.now, host, operation, &mut self.wires);
    }

    fn publish(&mut self, host: HostId, key: u32, value: u32) {
        let (network, key) = (NetworkId(0), RecordKey(key));
        self.operate(host, Operation::Publish { network, key, value: Value(value) });
    }

    fn run_until(&mut self, end: SimTime) -> Vec<(SimTime, HostId, Change<Value>)> {
        self.gossip.run_until(end, &mut self.wires);
        self.now = end;
        self.gossip.take_changes()
    }

    fn known(&self, host: HostId) -> BTreeMap<RecordKey, Value> {
        self.gossip.records(host, NetworkId(0)).map(|(key, value)| (key, *value)).collect()
    }
}

fn name(host: HostId) -> String {
    format!("n{}", host.0 + 1)
}

fn host(word: &str) -> HostId {
    HostId(word.trim_start_matches('n').parse::<u32>().expect("nodes are n1, n2 and so on") - 1)
}

fn milliseconds(time: SimTime) -> u64 {
    time.since(SimTime::ZERO).as_millis()
}

/// What was seen of each record, with the first and the last time.
fn summary(changes: &[(SimTime, HostId, Change<Value>)]) -> String {
    let mut seen: BTreeMap<(RecordKey, String), Vec<(SimTime, HostId)>> = BTreeMap::new();
    for (at, by, change) in changes {
        let text = |value: &Option<Value>| value.map_or("-".to_owned(), |value| value.0.to_string());
        let what = format!("{} to {}", text(&change.previous), text(&change.current));
        seen.entry((change.key, what)).or_default().push((*at, *by));
    }
    let mut text = String::new();
    for ((key, what), by) in seen {
        let (first, last) = (by[0].0, by[by.len() - 1].0);
        let names: BTreeSet<HostId> = by.iter().map(|(_, host)| *host).collect();
        let names: Vec<String> = names.into_iter().map(name).collect();
        let (first, last) = (milliseconds(first), milliseconds(last));
        let _ = writeln!(text, "{} {what}: {first}..{last} ms at {}", key.0, names.join(" "));
    }
    if text.is_empty() { "nothing was seen".to_owned() } else { text }
}

fn perform(world: &mut Option<World>, command: &Command<'_>) -> String {
    let number = |key: &str| command.get(key).map(|value| value.parse::<u32>().expect("a number"));
    let needed = |key: &str| number(key).unwrap_or_else(|| panic!("{} needs {key}", command.name));
    if command.name == "cluster" {
        let mut made = World::settled(needed("nodes"), u64::from(needed("seed")));
        if command.get("left_out") == Some("no") {
            made.gossip.leave_nothing_out();
        }
        made.wires.twice = command.get("twice") == Some("yes");
        *world = Some(made);
        return "ok".to_owned();
    }
    let world = world.as_mut().expect("a cluster comes first");
    let hosts: Vec<HostId> =
        command.words.iter().filter(|word| !word.contains('=')).map(|word| host(word)).collect();
    let network = NetworkId(number("network").unwrap_or(0));
    match command.name {
        "run" => {
            let until = command.get("until").and_then(|text| text.strip_suffix('s')).expect("until=Ns");
            let end = SimTime::from_secs(until.parse().expect("seconds"));
            return summary(&world.run_until(end));
        }
        "known" => {
            let key = RecordKey(needed("key"));
            let knows =
                |host: u32| world.gossip.records(HostId(host), network).find(|(known, _)| *known == key);
            let knowing = (0..world.hosts).filter_map(|host| Some((HostId(host), knows(host)?.1)));
            let texts: Vec<String> =
                knowing.map(|(host, value)| format!("{}={}", name(host), value.0)).collect();
            return if texts.is_empty() { "nobody".to_owned() } else { texts.join(" ") };
        }
        "publish" => {
            let operation =
                Operation::Publish { network, key: RecordKey(needed("key")), value: Value(needed("value")) };
            world.operate(hosts[0], operation);
        }
        "withdraw" => world.operate(hosts[0], Operation::Withdraw { network, key: RecordKey(needed("key")) }),
        "join" => hosts.iter().for_each(|host| world.operate(*host, Operation::Join(network))),
        "leave" => world.operate(hosts[0], Operation::Leave(network)),
        "leave_cluster" => world.operate(hosts[0], Operation::LeaveCluster),
        "start" => {
            let bootstrap: Vec<HostId> = (0..world.hosts.min(3)).map(HostId).collect();
            world.gossip.start(world.now, hosts[0], &bootstrap, &mut world.wires);
            world.operate(hosts[0], Operation::Join(network));
        }
        "crash" => world.gossip.stop(world.now, hosts[0], false),
        "kill" => world.gossip.stop(world.now, hosts[0], true),
        "freeze" => world.gossip.freeze(world.now, hosts[0]),
        "thaw" => world.gossip.thaw(world.now, hosts[0]),
        "cut" => world.wires.island = hosts.into_iter().collect(),
        "heal" => world.wires.island.clear(),
        "block" => world.wires.closed = Some((hosts[0], hosts[1])),
        "loss" => {
            world.wires.loss.insert(hosts[0], Ppm(needed("percent") * 10_000));
        }
        other => panic!("{other} is no command"),
    }
    "ok".to_owned()
}

fn check(file: &str) {
    let mut world = None;
    text_test::check(&format!("gossip/{file}.txt"), |command| perform(&mut world, command));
}

#[test]
fn records_spread() {
    check("spreading");
}

#[test]
fn nodes_that_fail_take_their_records_with_them() {
    check("failure");
}

#[test]
fn a_firewall_stops_what_goes_to_the_port() {
    check("firewall");
}

#[test]
fn partitions_lose_each_other_and_come_back() {
    check("partition");
}
