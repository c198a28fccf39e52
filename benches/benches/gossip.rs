//! Gossip of a large cluster: the wall time of a virtual hour in which a thousand tasks change.
//!
//! One figure, measured once: what takes seconds needs no repetition to be told from the twenty that it may take.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sim_core::gossip::{Gossip, Links, Operation, Payload, RecordKey};
use sim_core::kernel::random::Stream;
use sim_core::kernel::{SimDuration, SimTime};
use sim_core::model::{HostId, NetworkId};

const HOSTS: u32 = 1_000;
const CHANGES: u32 = 1_000;
const HOUR: SimDuration = SimDuration::from_secs(3_600);

/// A record as long as an endpoint's usually is.
#[derive(Clone, Debug)]
struct Value;

impl Payload for Value {
    fn size_bytes(&self) -> u32 {
        110
    }
}

/// Healthy links.
struct Wires;

impl Links for Wires {
    fn datagram(&mut self, _: SimTime, _: HostId, _: HostId) -> [Option<SimDuration>; 2] {
        [Some(SimDuration::from_micros(200)), None]
    }

    fn connection(&mut self, _: SimTime, _: HostId, _: HostId) -> Option<SimDuration> {
        Some(SimDuration::from_micros(200))
    }

    fn is_smooth(&self, _: HostId, _: HostId) -> bool {
        true
    }

    fn are_smooth(&self) -> bool {
        true
    }
}

fn main() {
    let began = Instant::now();
    let mut gossip = Gossip::new(1);
    let network = NetworkId(0);
    let hosts: BTreeMap<HostId, BTreeSet<NetworkId>> =
        (0..HOSTS).map(|host| (HostId(host), BTreeSet::from([network]))).collect();
    hosts.keys().for_each(|host| gossip.add_host(*host, &format!("n{}", host.0)));
    gossip.settle(SimTime::ZERO, &hosts, &[HostId(0), HostId(1), HostId(2)]);
    let settled = began.elapsed();
    let mut lots = Stream::named(1, "changes");
    let mut learned = 0;
    for change in 0..CHANGES {
        let now =
            SimTime::ZERO + SimDuration::from_nanos(HOUR.as_nanos() / u64::from(CHANGES) * u64::from(change));
        gossip.run_until(now, &mut Wires);
        learned += gossip.take_changes().len();
        // Each host has its own records: a change creates one or says something else in it.
        let host = HostId(lots.below(u64::from(HOSTS)) as u32);
        gossip.operate(
            now,
            host,
            Operation::Publish { network, key: RecordKey(host.0), value: Value },
            &mut Wires,
        );
    }
    gossip.run_until(SimTime::ZERO + HOUR, &mut Wires);
    learned += gossip.take_changes().len();
    let (total, settled) = (began.elapsed().as_secs_f64(), settled.as_secs_f64());
    println!(
        "{HOSTS} nodes, one hour, {CHANGES} changes: {total:.1} s, of it {settled:.1} s to form the cluster"
    );
    println!("changes learned: {learned}; packets sent: {}", gossip.packets());
}
