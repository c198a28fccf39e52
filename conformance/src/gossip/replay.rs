//! Does in a simulated cluster what was done in a recorded one, and reads the same figures from it.
use std::collections::BTreeMap;

use sim_core::gossip::Notice;
use sim_core::kernel::{SimDuration, SimTime};

use super::Figures;
use super::lab::{Lab, PROCESS_START, Seen};
use super::recording::{Cross, Given, Pair, Recording, Sheet, Writes, partition_figures};

/// The age at which a process compares its tables first.
const COMPARED_AT: SimDuration = SimDuration::from_secs(30);
/// How long spreading, crashes and bursts are watched.
const WATCHED: SimDuration = SimDuration::from_secs(45);

/// Replays a run with a seed.
pub(super) fn run(recording: &Recording, seed: u64) -> Figures {
    let nodes = recording.nodes;
    let mut sheet = Sheet::default();
    match &recording.given {
        Given::Spread { operation, origin } => spread(nodes, seed, operation, *origin, &mut sheet),
        Given::Crash { victim, silent, uptimes } => {
            crash(nodes, seed, (*victim, *silent), uptimes, &mut sheet)
        }
        Given::Leave { leaver, cluster } => leave(nodes, seed, *leaver, *cluster, &mut sheet),
        Given::Return { node, down_ms } => come_back(nodes, seed, *node, millis(*down_ms), &mut sheet),
        Given::Partition { side_a, heal_ms, watched_until_ms, writes } => {
            partition(nodes, seed, side_a, (*heal_ms, *watched_until_ms), writes, &mut sheet);
        }
        Given::Join { entries, owners, late } => join(nodes, seed, (*entries, *owners), *late, &mut sheet),
        Given::Burst { origin, entries, compared_ms } => {
            burst(nodes, seed, (*origin, *entries), compared_ms, &mut sheet);
        }
    }
    sheet.finish()
}

fn millis(time: f64) -> SimDuration {
    SimDuration::from_micros((time * 1_000.0) as u64)
}

fn since(start: SimTime, at: SimTime) -> f64 {
    at.since(start).as_nanos() as f64 / 1_000_000.0
}

/// When each node saw the last of some events, in milliseconds after `start`.
fn last_seen(lab: &Lab, start: SimTime, wanted: impl Fn(&Seen) -> bool) -> BTreeMap<u32, f64> {
    let mut last = BTreeMap::new();
    for seen in lab.seen.iter().filter(|seen| seen.at >= start && wanted(seen)) {
        last.insert(seen.observer, since(start, seen.at));
    }
    last
}

fn spread(nodes: u32, seed: u64, operation: &str, origin: u32, sheet: &mut Sheet) {
    let mut lab = Lab::formed(nodes, seed);
    let start = lab.now;
    match operation {
        "create" => lab.write(origin, 2),
        "update" => lab.write(origin, 0),
        _ => lab.delete(origin, 0),
    }
    lab.run_until(start + SimDuration::from_secs(5));
    let delays = last_seen(&lab, start, |seen| seen.observer != origin);
    sheet.count("never", never(nodes, delays.len()));
    sheet.times_and_last("each_node_ms", "last_node_ms", delays.into_values());
}

/// How many of all nodes but one did not see something.
fn never(nodes: u32, seen: usize) -> usize {
    (nodes as usize - 1).saturating_sub(seen)
}

fn crash(
    nodes: u32,
    seed: u64,
    (victim, silent): (u32, bool),
    uptimes: &BTreeMap<u32, f64>,
    sheet: &mut Sheet,
) {
    let mut lab = Lab::new(nodes, seed);
    let oldest = uptimes.values().copied().fold(0.0, f64::max);
    let start = SimTime::from_secs(60).max(SimTime::from_secs(1) + millis(oldest));
    let starts: Vec<SimTime> = uptimes.values().map(|age| start - millis(*age)).collect();
    lab.start_all(&starts);
    lab.run_until(start);
    lab.notices.clear();
    let process = lab.process(victim);
    lab.kill(victim, silent);
    lab.run_until(start + WATCHED);
    let removed = last_seen(&lab, start, |seen| seen.gone && seen.owner == victim);
    sheet.count("never_removed", never(nodes, removed.len()));
    sheet.times_and_last("removed_ms", "last_removed_ms", removed.into_values());
    let failed = || {
        let of_victim = |notice: &Notice| matches!(notice, Notice::ProbeFailed { target, .. } if Some(*target) == process);
        lab.notices.iter().filter(move |(_, notice)| of_victim(notice))
    };
    sheet.times("first_failed_probe_ms", failed().next().map(|(at, _)| since(start, *at)));
    sheet.count("failed_probes", failed().count());
}

fn leave(nodes: u32, seed: u64, leaver: u32, cluster: bool, sheet: &mut Sheet) {
    let mut lab = Lab::formed(nodes, seed);
    let start = lab.now;
    let process = lab.process(leaver);
    if cluster {
        lab.leave_cluster(leaver);
    } else {
        lab.leave_network(leaver);
    }
    lab.run_until(start + SimDuration::from_secs(20));
    let removed = last_seen(&lab, start, |seen| seen.gone && seen.owner == leaver && seen.observer != leaver);
    sheet.count("never_removed", never(nodes, removed.len()));
    sheet.times_and_last("removed_ms", "last_removed_ms", removed.into_values());
    let mut left = 0;
    for (at, notice) in &lab.notices {
        match notice {
            Notice::Gone { peer, .. } if Some(*peer) == process => {
                // The leaver itself notices it too, and is no survivor.
                if !matches!(notice, Notice::Gone { seen_by, .. } if Some(*seen_by) == process) {
                    sheet.times("member_left_ms", [since(start, *at)]);
                    left += 1;
                }
            }
            Notice::LeftCluster { .. } => sheet.times("call_returned_ms", [since(start, *at)]),
            Notice::Gone { .. }
            | Notice::Joined { .. }
            | Notice::ProbeFailed { .. }
            | Notice::JoinedCluster { .. }
            | Notice::JoinedNetwork { .. } => {}
        }
    }
    sheet.count("members_that_left", left);
}

fn come_back(nodes: u32, seed: u64, node: u32, down: SimDuration, sheet: &mut Sheet) {
    let mut lab = Lab::formed(nodes, seed);
    let start = lab.now;
    let others: Vec<u32> = (0..nodes).filter(|other| *other != node).collect();
    lab.kill(node, false);
    lab.run_until(start + SimDuration::from_nanos(down.as_nanos() / 2));
    lab.write(others[0], 2);
    lab.delete(others[others.len() - 1], 1);
    lab.run_until(start + down);
    let back = lab.now;
    let removed = last_seen(&lab, start, |seen| seen.gone && seen.owner == node);
    lab.run_until(back + PROCESS_START);
    lab.start(node);
    lab.join(node);
    let process = lab.process(node);
    let joined = lab.run_until_notice(
        back + WATCHED,
        |notice| matches!(notice, Notice::JoinedNetwork { peer, .. } if Some(*peer) == process),
    );
    let pause = lab.within(300, 1_500).since(SimTime::ZERO);
    let written = joined.unwrap_or(lab.now) + pause;
    lab.run_until(written);
    (10..12).for_each(|number| lab.write(node, number));
    lab.run_until(written + WATCHED);
    let late = last_seen(&lab, back, |seen| seen.gone && seen.owner == node && seen.number < 2);
    let late = late.into_iter().filter(|(observer, _)| !removed.contains_key(observer));
    let late: Vec<f64> = late.map(|(_, time)| time + since(start, back)).collect();
    sheet.count("never_removed", never(nodes, removed.len() + late.len()));
    sheet.times("old_removed_ms", removed.into_values().chain(late));
    let deleted = (others[others.len() - 1], 1);
    let mut of_deleted = lab.seen.iter().filter(|seen| seen.at >= back && seen.observer == node);
    let last = of_deleted.rfind(|seen| (seen.owner, seen.number) == deleted);
    sheet.count("stale_deleted", usize::from(last.is_some_and(|seen| !seen.gone)));
    let seen_again = lab.notices.iter().filter(|(_, notice)| {
        matches!(notice, Notice::Joined { peer, seen_by, .. } if Some(*peer) == process && Some(*seen_by) != process)
    });
    sheet.times("seen_again_ms", seen_again.map(|(at, _)| since(back, *at)));
    let new = lab
        .seen
        .iter()
        .filter(|seen| seen.owner == node && seen.number >= 10 && !seen.gone && seen.observer != node);
    sheet.count("new_entries_seen", new.clone().count());
    sheet.times("new_entries_ms", new.map(|seen| since(written, seen.at)));
    let full = last_seen(&lab, back, |seen| seen.observer == node && seen.at <= written);
    sheet.times("full_table_ms", full.into_values());
}

fn partition(
    nodes: u32,
    seed: u64,
    side_a: &[u32],
    (heal_ms, watched_until_ms): (f64, f64),
    writes: &Writes,
    sheet: &mut Sheet,
) {
    let mut lab = Lab::formed(nodes, seed);
    let start = lab.now;
    let healed = start + millis(heal_ms);
    lab.cut(side_a);
    lab.run_until(start + millis(writes.at_ms));
    lab.write(writes.on_a, 2);
    lab.write(writes.on_b, 3);
    lab.delete(writes.deleted_by, 1);
    lab.run_until(healed);
    lab.heal();
    // A run is watched longer than the recorded one was: that one ended when it was complete.
    lab.run_until(start + millis(watched_until_ms.max(heal_ms + 120_000.0)));
    let on_a = |node: u32| side_a.contains(&node);
    let mut pairs: BTreeMap<(u32, u32), Pair> = BTreeMap::new();
    for (observer, owner) in (0..nodes).flat_map(|one| (0..nodes).map(move |other| (one, other))) {
        if on_a(observer) != on_a(owner) {
            let pair = Pair { observer_on_a: on_a(observer), events: Vec::new(), members: Vec::new() };
            pairs.insert((observer, owner), pair);
        }
    }
    let mut whole: f64 = 0.0;
    for seen in lab.seen.iter().filter(|seen| on_a(seen.observer) != on_a(seen.owner)) {
        if seen.number == 0 {
            let pair = pairs.get_mut(&(seen.observer, seen.owner)).expect("they are on different sides");
            pair.events.push((seen.gone, since(start, seen.at)));
        }
        if seen.at > healed {
            whole = whole.max(since(healed, seen.at));
        }
    }
    let peers: BTreeMap<_, u32> = (0..nodes).filter_map(|node| Some((lab.process(node)?, node))).collect();
    for (at, notice) in &lab.notices {
        let (gone, seen_by, host) = match notice {
            Notice::Gone { seen_by, host, .. } => (true, seen_by, host),
            Notice::Joined { seen_by, host, .. } => (false, seen_by, host),
            Notice::ProbeFailed { .. }
            | Notice::JoinedCluster { .. }
            | Notice::JoinedNetwork { .. }
            | Notice::LeftCluster { .. } => continue,
        };
        let observer = peers.get(seen_by).copied().unwrap_or(host.0);
        if let Some(pair) = pairs.get_mut(&(observer, host.0)) {
            pair.members.push((gone, since(start, *at)));
        }
    }
    let pairs: Vec<Pair> = pairs.into_values().collect();
    let of = |owner: u32, number: u32| {
        let mut by_observer: BTreeMap<u32, Vec<(bool, f64)>> = BTreeMap::new();
        let seen = lab.seen.iter().filter(|seen| (seen.owner, seen.number) == (owner, number));
        for seen in seen.filter(|seen| on_a(seen.observer) != on_a(owner)) {
            by_observer.entry(seen.observer).or_default().push((seen.gone, since(start, seen.at)));
        }
        by_observer
    };
    let cross = Cross {
        created_on_a: of(writes.on_a, 2),
        created_on_b: of(writes.on_b, 3),
        deleted_on_a: of(writes.deleted_by, 1),
    };
    partition_figures((&pairs, &cross), heal_ms, Some(whole), sheet);
    // Each node has two records; one more was created on either side, and one deleted.
    let all = 2 * nodes as usize + 1;
    sheet.count("never_complete", (0..nodes).filter(|node| lab.known(*node) != all).count());
}

fn join(nodes: u32, seed: u64, (entries, owners): (u32, u32), late: bool, sheet: &mut Sheet) {
    let joiner = nodes - 1;
    let mut lab = Lab::new(nodes, seed);
    let mut starts: Vec<SimTime> = (0..joiner).map(|_| lab.within(1_000, 3_000)).collect();
    starts[0] = SimTime::from_millis(900);
    lab.start_all(&starts);
    lab.run_until(SimTime::from_secs(5));
    (0..entries).for_each(|entry| lab.write(entry % owners, 10 + entry / owners));
    lab.run_until(SimTime::from_secs(30));
    let start = lab.now;
    lab.run_until(start + PROCESS_START);
    lab.start(joiner);
    let process = lab.process(joiner);
    let end = start + WATCHED;
    let Some(joined) = lab.run_until_notice(
        end,
        |notice| matches!(notice, Notice::JoinedCluster { peer } if Some(*peer) == process),
    ) else {
        return;
    };
    sheet.times("cluster_join_returned_ms", [since(start, joined)]);
    if late {
        let pause = lab.within(3_000, 6_000).since(SimTime::ZERO);
        lab.run_until(joined + pause);
    }
    let called = lab.now;
    lab.join(joiner);
    lab.run_until(called + SimDuration::from_secs(2));
    let entry = |seen: &&Seen| seen.at >= called && seen.observer == joiner && seen.number >= 10;
    let first = lab.seen.iter().find(entry).map(|seen| since(called, seen.at));
    sheet.times("first_after_join_ms", first);
    sheet.count("missing", (entries as usize).saturating_sub(lab.known(joiner)));
    let complete = last_seen(&lab, called, |seen| seen.observer == joiner && seen.number >= 10);
    if lab.known(joiner) >= entries as usize {
        sheet.times("complete_after_join_ms", complete.into_values());
    }
}

/// Tables are compared when processes are half a minute old: the recorded comparisons tell when they have started.
fn burst(
    nodes: u32,
    seed: u64,
    (origin, entries): (u32, u32),
    compared_ms: &BTreeMap<u32, f64>,
    sheet: &mut Sheet,
) {
    let mut lab =
        if compared_ms.is_empty() { Lab::formed(nodes, seed) } else { aged(nodes, seed, compared_ms) };
    let start = lab.now;
    (0..entries).for_each(|entry| lab.write(origin, 10 + entry));
    lab.run_until(start + WATCHED);
    let mut by_receiver: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for seen in lab.seen.iter().filter(|seen| seen.owner == origin && seen.number >= 10) {
        by_receiver.entry(seen.observer).or_default().push(since(start, seen.at));
    }
    sheet.count("received", by_receiver.values().map(Vec::len).sum());
    let part = |times: &[f64], percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
    for (name, percent) in [("half_ms", 50), ("most_ms", 90), ("all_ms", 100)] {
        sheet.times(name, by_receiver.values().map(|times| part(times, percent)));
    }
    let all = by_receiver.values().map(|times| part(times, 100)).reduce(f64::max);
    sheet.times("all_nodes_ms", all);
}

/// A cluster whose nodes compare their tables so long after now. Those of which nothing is known do so after the others,
/// but have started within two seconds of the first.
fn aged(nodes: u32, seed: u64, compared_ms: &BTreeMap<u32, f64>) -> Lab {
    let mut lab = Lab::new(nodes, seed);
    let first = compared_ms.values().copied().fold(f64::MAX, f64::min);
    let last = compared_ms.values().copied().fold(first, f64::max);
    let started = |compared_ms: f64| SimTime::from_secs(1) + millis(compared_ms - first);
    let (earliest, latest) = (started(last), started((first + 2_000.0).max(last + 1.0)));
    let starts = (0..nodes).map(|node| match compared_ms.get(&node) {
        Some(at) => started(*at),
        None => lab.between(earliest, latest),
    });
    let starts: Vec<SimTime> = starts.collect();
    lab.start_all(&starts);
    lab.run_until(started(first) + COMPARED_AT.saturating_sub(millis(first)));
    lab.seen.clear();
    lab.notices.clear();
    lab
}
