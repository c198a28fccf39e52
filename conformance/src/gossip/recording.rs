//! Reads recorded runs of gossip, and the figures that they give.
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::{Figures, fields};
use crate::distributions::Figure;
use crate::recordings::{self, RecordingError};

/// The released engine, and a later version.
const VERSIONS: [&str; 2] = [RELEASED, "b985e231"];
/// The version that is simulated.
const RELEASED: &str = "29.7.2";
/// Larger clusters were never recorded, and would take for ever.
const NODES_MAX: u32 = 1_000;
/// Records of one node, but for the two that each has.
const RECORDS_MAX: u32 = 900;
/// Nobody watched longer.
const WATCHED_MAX_MS: f64 = 3_600_000.0;

/// One recorded run.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    pub(super) nodes: u32,
    version: String,
    pub(super) given: Given,
    pub(super) figures: Figures,
}

/// What was done in a run. Nodes are counted from zero, times are milliseconds.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// One record of a node is created, updated or deleted.
    Spread { operation: String, origin: u32 },
    /// A process dies. Its host goes on to refuse connections, or is silent. Ages of processes by node.
    Crash { victim: u32, silent: bool, uptimes: BTreeMap<u32, f64> },
    /// A node leaves the cluster, or only the network.
    Leave { leaver: u32, cluster: bool },
    /// A process dies and starts again.
    Return { node: u32, down_ms: f64 },
    /// Links between two groups of nodes are cut for a while.
    Partition { side_a: Vec<u32>, heal_ms: f64, watched_until_ms: f64, writes: Writes },
    /// A node joins cluster and network, or only the network later, where there are records already.
    Join { entries: u32, owners: u32, late: bool },
    /// A node creates many records at once. When processes began their first comparison of tables after that.
    Burst { origin: u32, entries: u32, compared_ms: BTreeMap<u32, f64> },
}

/// What was written while links were cut.
#[derive(Clone, Debug)]
pub(super) struct Writes {
    pub(super) at_ms: f64,
    pub(super) on_a: u32,
    pub(super) on_b: u32,
    pub(super) deleted_by: u32,
}

#[derive(Deserialize)]
struct Line {
    experiment: String,
    variant: String,
    n: u32,
    version: String,
    given: Value,
    #[serde(flatten)]
    rest: Value,
}

impl Recording {
    /// Runs of one group have the same figures.
    pub(super) fn group(&self) -> String {
        match &self.given {
            Given::Spread { .. } => "spread".to_owned(),
            Given::Crash { .. } => "crash".to_owned(),
            Given::Leave { cluster: true, .. } => "leave, node".to_owned(),
            Given::Leave { cluster: false, .. } => "leave, network".to_owned(),
            Given::Return { down_ms, .. } => format!("crash and return, {:.0} s", down_ms / 1_000.0),
            Given::Partition { side_a, heal_ms, .. } => {
                let a = side_a.len() as u32;
                format!("partition, {a} from {} for {:.0} s", self.nodes - a, heal_ms / 1_000.0)
            }
            Given::Join { late: false, .. } => "bulk sync, node".to_owned(),
            Given::Join { late: true, .. } => "bulk sync, network".to_owned(),
            Given::Burst { entries, .. } => format!("burst of {entries}"),
        }
    }

    /// The later version differs in what becomes of nodes that come back.
    pub(super) fn is_comparable(&self) -> bool {
        let comes_back = matches!(self.given, Given::Partition { .. } | Given::Return { .. });
        self.version == RELEASED || !comes_back
    }
}

/// All runs in files or folders.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Recording>, RecordingError> {
    recordings::lines(paths)?.iter().map(parse).collect()
}

fn parse(line: &recordings::Line) -> Result<Recording, RecordingError> {
    let place = line.place.clone();
    let line: Line = line.parse()?;
    fields::check(&line.experiment, &line.given, &line.rest).map_err(|error| place.problem(&error))?;
    if !VERSIONS.contains(&line.version.as_str()) {
        return Err(place.problem(&format!("'{}' is no known version", line.version)));
    }
    let incomplete = || place.problem(&format!("{} is not described completely", line.experiment));
    let given = given(&line).ok_or_else(incomplete)?;
    given.check(line.n).map_err(|error| place.problem(&error))?;
    let figures = figures(&given, line.n, &line.rest);
    Ok(Recording { nodes: line.n, version: line.version, given, figures })
}

fn given(line: &Line) -> Option<Given> {
    let given = &line.given;
    let node_in = |field: &Value| node(field.as_str()?);
    let count = |field: &str| u32::try_from(given[field].as_u64()?).ok();
    let either = |yes: &str, no: &str| {
        let is = |word: &str| line.variant == word;
        (is(yes) || is(no)).then(|| is(yes))
    };
    Some(match line.experiment.as_str() {
        "spread" => Given::Spread { operation: line.variant.clone(), origin: node_in(&given["origin"])? },
        "crash" => Given::Crash {
            victim: node_in(&given["victim"])?,
            silent: either("power", "kill")?,
            uptimes: given["uptime_ms"]
                .as_object()?
                .iter()
                .map(|(name, age)| Some((node(name)?, age.as_f64()?)))
                .collect::<Option<_>>()?,
        },
        "leave" => Given::Leave { leaver: node_in(&given["leaver"])?, cluster: either("node", "network")? },
        "crash_return" => {
            Given::Return { node: node_in(&given["node"])?, down_ms: given["down_ms"].as_f64()? }
        }
        "partition" => Given::Partition {
            side_a: given["side_a"].as_array()?.iter().map(node_in).collect::<Option<_>>()?,
            heal_ms: given["heal_ms"].as_f64()?,
            watched_until_ms: given["watched_until_ms"].as_f64()?,
            writes: Writes {
                at_ms: given["writes"]["at_ms"].as_f64()?,
                on_a: node_in(&given["writes"]["a"])?,
                on_b: node_in(&given["writes"]["b"])?,
                deleted_by: node_in(&given["writes"]["deleted_on_a_by"])?,
            },
        },
        "bulk_sync" => Given::Join {
            entries: count("entries")?,
            owners: count("owners")?,
            late: either("network", "node")?,
        },
        "burst" => Given::Burst {
            origin: node_in(&given["origin"])?,
            entries: count("entries")?,
            compared_ms: line.rest["bulk_syncs_started"]
                .as_array()?
                .iter()
                .map(|one| Some((node_in(&one[0])?, one[1].as_f64()?)))
                .collect::<Option<_>>()?,
        },
        _ => return None,
    })
}

/// `n1` is node 0.
fn node(name: &str) -> Option<u32> {
    name.strip_prefix('n')?.parse::<u32>().ok()?.checked_sub(1)
}

/// Collects the values of figures.
#[derive(Default)]
pub(super) struct Sheet(Figures);

impl Sheet {
    pub(super) fn times(&mut self, name: &'static str, times: impl IntoIterator<Item = f64>) {
        self.0.entry(name).or_default().extend(times.into_iter().map(Figure::Time));
    }

    /// Times of nodes, and the last of them.
    pub(super) fn times_and_last(
        &mut self,
        name: &'static str,
        last: &'static str,
        times: impl IntoIterator<Item = f64>,
    ) {
        let times: Vec<f64> = times.into_iter().collect();
        self.times(last, times.iter().copied().reduce(f64::max));
        self.times(name, times);
    }

    pub(super) fn count(&mut self, name: &'static str, count: usize) {
        self.0.entry(name).or_default().push(Figure::Count(count as i64));
    }

    pub(super) fn finish(self) -> Figures {
        self.0.into_iter().filter(|(_, values)| !values.is_empty()).collect()
    }
}

/// What one pair of nodes on different sides of a partition saw.
pub(super) struct Pair {
    pub(super) observer_on_a: bool,
    /// (lost, time) for each event of the owner's record.
    pub(super) events: Vec<(bool, f64)>,
    /// The same for the owner itself.
    pub(super) members: Vec<(bool, f64)>,
}

/// What became of the writes during a partition on the other side: (gone, time) by observer.
pub(super) struct Cross {
    pub(super) created_on_a: BTreeMap<u32, Vec<(bool, f64)>>,
    pub(super) created_on_b: BTreeMap<u32, Vec<(bool, f64)>>,
    pub(super) deleted_on_a: BTreeMap<u32, Vec<(bool, f64)>>,
}

/// The figures of a partition.
pub(super) fn partition_figures(
    (pairs, cross): (&[Pair], &Cross),
    heal_ms: f64,
    whole_ms: Option<f64>,
    sheet: &mut Sheet,
) {
    cross_figures(cross, heal_ms, sheet);
    let member = |pair: &Pair| pair.members.iter().find(|(gone, _)| *gone).map(|(_, time)| *time);
    sheet.times("member_lost_ms", pairs.iter().filter_map(member));
    let member_back = |pair: &Pair| {
        let (gone, time) = pair.members.last()?;
        (!gone && *time > heal_ms).then(|| time - heal_ms)
    };
    sheet.times("member_back_after_heal_ms", pairs.iter().filter_map(member_back));
    let lost = |pair: &&Pair| pair.events.iter().find(|(lost, _)| *lost).map(|(_, time)| *time);
    for (on_a, name, count) in [(true, "lost_on_a_ms", "lost_on_a"), (false, "lost_on_b_ms", "lost_on_b")] {
        let side = pairs.iter().filter(|pair| pair.observer_on_a == on_a);
        let times: Vec<f64> = side.filter_map(|pair| lost(&pair)).collect();
        sheet.count(count, times.len());
        sheet.times(name, times);
    }
    let back = |pair: &Pair| {
        let (gone, time) = pair.events.last()?;
        (!gone && *time > heal_ms).then(|| time - heal_ms)
    };
    sheet.times("back_after_heal_ms", pairs.iter().filter(|pair| lost(pair).is_some()).filter_map(back));
    sheet.times("all_complete_after_heal_ms", whole_ms);
}

/// Records that were created during a partition reach the other side after it, those that were deleted do not come back.
fn cross_figures(cross: &Cross, heal_ms: f64, sheet: &mut Sheet) {
    let created = cross.created_on_a.values().chain(cross.created_on_b.values());
    let first = |events: &Vec<(bool, f64)>| events.iter().find(|(gone, _)| !gone).map(|(_, time)| *time);
    let times: Vec<f64> = created.filter_map(first).collect();
    sheet.count("writes_seen_on_the_other_side", times.len());
    sheet.times("writes_seen_after_heal_ms", times.into_iter().map(|time| time - heal_ms));
    let deleted = || cross.deleted_on_a.values();
    let gone = |events: &Vec<(bool, f64)>| events.iter().find(|(gone, _)| *gone).map(|(_, time)| *time);
    sheet.times("deletion_seen_ms", deleted().filter_map(gone));
    let is_back = |events: &&Vec<(bool, f64)>| events.last().is_some_and(|(gone, _)| !gone);
    sheet.count("deleted_and_back", deleted().filter(is_back).count());
}

fn figures(given: &Given, nodes: u32, line: &Value) -> Figures {
    let mut sheet = Sheet::default();
    let survivors = || line["survivors"].as_object().into_iter().flatten().map(|(_, survivor)| survivor);
    let all = |field: &Value| -> Vec<f64> {
        field.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let gone =
        || survivors().filter_map(|survivor| all(&survivor["entries_ms"]).into_iter().reduce(f64::max));
    let derived = &line["derived"];
    let never = |seen: usize| (nodes as usize - 1).saturating_sub(seen);
    match given {
        Given::Spread { .. } => {
            let delays = line["delay_ms"].as_object().into_iter().flatten();
            let delays: Vec<f64> = delays.filter_map(|(_, delay)| delay.as_f64()).collect();
            sheet.count("never", never(delays.len()));
            sheet.times_and_last("each_node_ms", "last_node_ms", delays);
        }
        Given::Crash { .. } => {
            sheet.times_and_last("removed_ms", "last_removed_ms", gone());
            sheet.count("never_removed", never(gone().count()));
            sheet.times("first_failed_probe_ms", derived["first_failed_probe_ms"].as_f64());
            let probes = survivors().map(|survivor| all(&survivor["own_failed_probes_ms"]).len());
            sheet.count("failed_probes", probes.sum());
        }
        Given::Leave { .. } => {
            sheet.times_and_last("removed_ms", "last_removed_ms", gone());
            sheet.count("never_removed", never(gone().count()));
            let left: Vec<f64> = survivors().filter_map(|survivor| survivor["node_ms"].as_f64()).collect();
            sheet.count("members_that_left", left.len());
            sheet.times("member_left_ms", left);
            sheet.times("call_returned_ms", line["close_returned_ms"].as_f64());
        }
        Given::Return { .. } => {
            sheet.times("old_removed_ms", gone());
            sheet.times("seen_again_ms", survivors().filter_map(|survivor| survivor["new_node_ms"].as_f64()));
            let new = survivors().flat_map(|survivor| all(&survivor["new_entries_after_creation_ms"]));
            let new: Vec<f64> = new.collect();
            sheet.count("new_entries_seen", new.len());
            sheet.times("new_entries_ms", new);
            sheet.count("never_removed", never(gone().count()));
            sheet.count("stale_deleted", usize::from(line["returned"]["stale_deleted"] == true));
            sheet.times("full_table_ms", line["returned"]["full_table_ms"].as_f64());
        }
        Given::Partition { side_a, heal_ms, .. } => {
            let pairs: Vec<Pair> =
                line["pairs"].as_array().into_iter().flatten().map(|value| pair(value, side_a)).collect();
            let whole = derived["whole_after_heal_ms"].as_f64();
            partition_figures((&pairs, &cross(&line["cross"])), *heal_ms, whole, &mut sheet);
            sheet.count("never_complete", line["never_complete"].as_object().map_or(0, |nodes| nodes.len()));
        }
        Given::Join { .. } => {
            sheet.times("complete_after_join_ms", derived["network_join_to_full_ms"].as_f64());
            sheet.times("first_after_join_ms", line["from_network_join_ms"]["first"].as_f64());
            sheet.times("cluster_join_returned_ms", line["join_done_ms"].as_f64());
            sheet.count("missing", line["missing"].as_u64().unwrap_or(0) as usize);
        }
        Given::Burst { .. } => {
            let receivers = || line["receivers"].as_object().into_iter().flatten();
            let received = receivers().filter_map(|(_, receiver)| receiver["received"].as_u64());
            sheet.count("received", received.sum::<u64>() as usize);
            for (name, field) in [("half_ms", "p50"), ("most_ms", "p90"), ("all_ms", "max")] {
                sheet.times(name, receivers().filter_map(|(_, receiver)| receiver[field].as_f64()));
            }
            sheet.times("all_nodes_ms", line["all_have_all_ms"].as_f64());
        }
    }
    sheet.finish()
}

fn pair(value: &Value, side_a: &[u32]) -> Pair {
    let observer = value["observer"].as_str().and_then(node);
    Pair {
        observer_on_a: observer.is_some_and(|observer| side_a.contains(&observer)),
        events: timed(&value["entry"], "d"),
        members: timed(&value["node"], "NL"),
    }
}

/// Events with their times; those of one word tell that something is gone.
fn timed(events: &Value, gone: &str) -> Vec<(bool, f64)> {
    let events = events.as_array().into_iter().flatten();
    events.filter_map(|event| Some((event[0] == gone, event[1].as_f64()?))).collect()
}

fn cross(value: &Value) -> Cross {
    let by_observer = |field: &str| -> BTreeMap<u32, Vec<(bool, f64)>> {
        let observers = value[field].as_object().into_iter().flatten();
        observers.filter_map(|(name, events)| Some((node(name)?, timed(events, "d")))).collect()
    };
    Cross {
        created_on_a: by_observer("created_on_a"),
        created_on_b: by_observer("created_on_b"),
        deleted_on_a: by_observer("deleted_on_a"),
    }
}

impl Given {
    /// Refuses nodes and numbers that a run of so many nodes cannot have.
    fn check(&self, nodes: u32) -> Result<(), String> {
        if !(2..=NODES_MAX).contains(&nodes) {
            return Err(format!("n: gossip of {nodes} nodes is not replayed"));
        }
        let known = |node: u32| match node < nodes {
            true => Ok(()),
            false => Err(format!("n{} is not among the {nodes} nodes", node + 1)),
        };
        let watched = |ms: f64| match (0.0..=WATCHED_MAX_MS).contains(&ms) {
            true => Ok(()),
            false => Err(format!("{ms} ms is not a time of such a run")),
        };
        match self {
            Given::Spread { origin, operation } => {
                if !["create", "update", "delete"].contains(&operation.as_str()) {
                    return Err(format!("nothing is known about the operation {operation}"));
                }
                known(*origin)
            }
            Given::Crash { victim, uptimes, .. } => {
                uptimes.values().try_for_each(|age| watched(*age))?;
                if uptimes.len() != nodes as usize {
                    return Err(format!("uptime_ms has {} of {nodes} nodes", uptimes.len()));
                }
                uptimes.keys().chain([victim]).try_for_each(|node| known(*node))
            }
            Given::Leave { leaver, .. } => known(*leaver),
            Given::Return { node, down_ms } => known(*node).and_then(|()| watched(*down_ms)),
            Given::Partition { side_a, heal_ms, watched_until_ms, writes } => {
                side_a.iter().try_for_each(|node| known(*node))?;
                known(writes.on_b)?;
                [*heal_ms, *watched_until_ms, writes.at_ms].into_iter().try_for_each(watched)?;
                let on_a = |node: &u32| side_a.contains(node);
                if !on_a(&writes.on_a)
                    || !on_a(&writes.deleted_by)
                    || on_a(&writes.on_b)
                    || writes.at_ms > *heal_ms
                {
                    return Err(
                        "writes: they are made during the cut, two on side a and one on side b".to_owned()
                    );
                }
                Ok(())
            }
            Given::Join { entries, owners, .. } => {
                if *owners == 0 || *owners >= nodes || entries.div_ceil(*owners) > RECORDS_MAX {
                    return Err(format!("{entries} entries of {owners} owners are not replayed"));
                }
                Ok(())
            }
            Given::Burst { origin, entries, compared_ms } => {
                if *entries == 0 || *entries > RECORDS_MAX {
                    return Err(format!("a burst of {entries} entries is not replayed"));
                }
                compared_ms.values().try_for_each(|at| watched(*at))?;
                compared_ms.keys().chain([origin]).try_for_each(|node| known(*node))
            }
        }
    }
}
