//! Properties of gossip over many seeds.
use std::sync::Arc;

use proptest::prelude::*;

use super::super::group::Group;
use super::super::limits::TOMBSTONE_LIFE;
use super::super::message::{Membership, Record, Told};
use super::super::tables::Tables;
use super::super::{Change, PeerId, RecordKey};
use super::{Value, Wires, World};
use crate::kernel::{Ppm, SimDuration, SimTime};
use crate::model::{HostId, NetworkId};

fn told(version: u64, value: u32, deleted: bool) -> Told<Value> {
    let (network, key, owner) = (NetworkId(0), RecordKey(7), PeerId(1));
    let record = Record { network, key, owner, version, value: Value(value), deleted };
    let residual = if deleted { TOMBSTONE_LIFE } else { SimDuration::ZERO };
    Told { record: Arc::new(record), residual }
}

/// The tables of peer 0, which knows that peer 1 takes part in the network.
fn tables() -> Tables<Value> {
    let mut tables = Tables::new(PeerId(0));
    tables.settle(&Group::settled(NetworkId(0), &[PeerId(0), PeerId(1), PeerId(2)]));
    tables
}

fn hear(tables: &mut Tables<Value>, told: &Told<Value>) -> Vec<Change<Value>> {
    let mut changes = Vec::new();
    tables.hear(SimTime::from_secs(1), told, false, &mut changes);
    changes
}

#[test]
fn an_older_creation_after_a_deletion_is_ignored() {
    // NET-131
    let mut tables = tables();
    assert!(hear(&mut tables, &told(5, 1, true)).is_empty());
    assert!(hear(&mut tables, &told(4, 1, false)).is_empty());
    assert_eq!(tables.records(NetworkId(0)).count(), 0);
}

#[test]
fn an_update_before_the_creation_counts_as_creation() {
    // NET-132
    let mut tables = tables();
    let changes = hear(&mut tables, &told(5, 2, false));
    assert_eq!((changes[0].previous, changes[0].current), (None, Some(Value(2))));
    assert!(hear(&mut tables, &told(4, 1, false)).is_empty());
}

#[test]
fn records_of_somebody_who_takes_no_part_are_ignored() {
    // NET-135
    let mut tables = tables();
    let part = Membership { peer: PeerId(1), network: NetworkId(0), version: 9, leaving: true };
    assert!(tables.hear_part(SimTime::from_secs(1), part, true, &mut Vec::new()));
    assert!(hear(&mut tables, &told(5, 1, false)).is_empty());
    assert_eq!(tables.version(NetworkId(0), RecordKey(7)), None);
}

#[test]
fn tombstones_are_dropped_after_half_an_hour() {
    let mut tables = tables();
    hear(&mut tables, &told(5, 1, true));
    tables.reap(SimTime::from_secs(29 * 60));
    assert!(tables.version(NetworkId(0), RecordKey(7)).is_some());
    tables.reap(SimTime::from_secs(30 * 60));
    assert!(tables.version(NetworkId(0), RecordKey(7)).is_none());
}

/// Creates, changes and deletes records of several nodes while one of them is gone for a while.
fn busy_run(seed: u64, leaves_out: bool) -> (World, Vec<(SimTime, HostId, RecordKey)>) {
    let mut world = World::settled(12, seed);
    if !leaves_out {
        world.gossip.leave_nothing_out();
    }
    let mut seen = Vec::new();
    for step in 0..60 {
        let end = SimTime::from_millis(1_300 * (step + 1));
        seen.extend(world.run_until(end).into_iter().map(|(at, host, change)| (at, host, change.key)));
        world.publish(HostId((step % 12) as u32), (step % 17) as u32, step as u32);
        match step {
            10 => world.gossip.stop(world.now, HostId(5), false),
            40 => {
                let bootstrap = [HostId(0), HostId(1)];
                world.gossip.start(world.now, HostId(5), &bootstrap, &mut world.wires);
            }
            _ => {}
        }
    }
    (world, seen)
}

#[test]
fn what_is_left_out_changes_nothing() {
    for seed in 0..4 {
        let (short, seen) = busy_run(seed, true);
        let (long, seen_in_full) = busy_run(seed, false);
        assert_eq!(seen, seen_in_full, "seed {seed}");
        assert!(short.gossip.packets() * 2 < long.gossip.packets());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is lost or comes twice: two rounds of comparisons after the last change all know the same.
    #[test]
    fn all_nodes_agree_in_the_end(
        seed in 0u64..1_000,
        hosts in 2u32..9,
        loss in 0u32..40,
        twice in any::<bool>(),
        changes in prop::collection::vec((0u32..9, 0u32..6, any::<bool>(), 0u64..3_000), 1..30),
    ) {
        let mut world = World::settled(hosts, seed);
        world.wires = Wires::new(seed);
        world.wires.twice = twice;
        world.wires.loss.insert(HostId(0), Ppm(loss * 10_000));
        for (owner, number, publishes, pause) in changes {
            let owner = HostId(owner % hosts);
            // A record has one owner: keys of different nodes differ.
            let key = owner.0 * 10 + number;
            let end = world.now + SimDuration::from_millis(pause);
            world.run_until(end);
            if publishes {
                world.publish(owner, key, pause as u32);
            } else {
                let (network, key) = (NetworkId(0), RecordKey(key));
                world.operate(owner, super::Operation::Withdraw { network, key });
            }
        }
        world.wires.loss.clear();
        world.run_until(world.now + SimDuration::from_secs(180));
        let first = world.known(HostId(0));
        for host in 1..hosts {
            prop_assert_eq!(&world.known(HostId(host)), &first, "n{}", host + 1);
        }
    }
}
