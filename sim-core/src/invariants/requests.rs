//! Every request is answered, or failed for one cause, or under way; what is counted adds up; and who answers is a
//! process that listens.
use std::collections::BTreeMap;

use super::Invariant;
use crate::cluster::Cluster;
use crate::kernel::{SimDuration, SimTime};
use crate::model::setup::Origin;
use crate::model::{ContainerEvent, Fact, FactRecord, ObjectId, TaskId, TrafficId};
use crate::traffic::{Counts, Tally};

/// All seconds of a run are added up this often: at every sweep, a long run would do little else.
const BETWEEN_SUMS: SimDuration = SimDuration::from_secs(60);

/// Counts requests again, and remembers which processes have ended.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Failed requests of which facts have told.
    told: BTreeMap<TrafficId, u64>,
    ended: BTreeMap<TaskId, SimTime>,
    answered: BTreeMap<(TrafficId, TaskId), u64>,
    /// How far traffic had come when everything was looked at last.
    looked: SimTime,
    /// When seconds, tasks and nodes were last added up.
    added_up: SimTime,
    /// When links were last seen to delay or to lose anything, and with it answers that were given long before.
    hindered: SimTime,
}

impl Invariant for Requests {
    fn name(&self) -> &'static str {
        "requests are conserved"
    }

    fn after_fact(&mut self, record: &FactRecord) -> Result<(), String> {
        if let Fact::RequestsFailed(failed) = &record.fact {
            *self.told.entry(failed.traffic).or_default() += failed.count;
        }
        if let Fact::Container { task, event, .. } = &record.fact {
            if matches!(event, ContainerEvent::Exited { .. } | ContainerEvent::Lost) {
                self.ended.insert(*task, record.time);
            } else if *event == ContainerEvent::Started {
                // A task whose node crashed before it ran is started there once more.
                self.ended.remove(task);
            }
        }
        Ok(())
    }

    fn sweep(&mut self, cluster: &Cluster) -> Result<(), String> {
        if !cluster.traffic.is_planned() {
            return Ok(());
        }
        if !cluster.net.are_smooth() {
            self.hindered = cluster.traffic.now();
        }
        let now = cluster.traffic.now();
        let adds_up_now = now.since(self.added_up) >= BETWEEN_SUMS;
        if adds_up_now {
            self.added_up = now;
        }
        let (under_way, untold) = (cluster.traffic.under_way(), cluster.traffic.untold());
        let of = |counts: &BTreeMap<TrafficId, u64>, id| counts.get(&id).copied().unwrap_or(0);
        for (id, tally) in cluster.traffic.tallies() {
            let total = tally.total();
            let (sent, ended) = (total.sent, total.answered + total.failed());
            let open = of(&under_way, id);
            if sent != ended + open {
                return Err(format!("{id:?} sent {sent}: {ended} have ended, {open} are under way"));
            }
            let (told, untold) = (of(&self.told, id), of(&untold, id));
            if total.failed() != told + untold {
                let failed = total.failed();
                return Err(format!("{failed} of {id:?} failed: {told} are told, {untold} are not yet"));
            }
            if adds_up_now {
                adds_up(id, tally)?;
            }
            came_through(id, tally, &cluster.setup.traffic[id.index()].origin)?;
            self.answers(id, tally, cluster)?;
        }
        self.looked = now;
        Ok(())
    }
}

impl Requests {
    /// Whoever has answered since the last look listened at some instant since then, unless links may have held the
    /// answer back.
    fn answers(&mut self, id: TrafficId, tally: &Tally, cluster: &Cluster) -> Result<(), String> {
        for (task, count) in tally.answered_by() {
            let before = self.answered.insert((id, task), count).unwrap_or(0);
            if before == count {
                continue;
            }
            let listened =
                cluster.traffic.listens_from(task).is_some_and(|from| from <= cluster.traffic.now());
            if !listened {
                return Err(format!("{task:?} has answered {id:?} and does not listen yet"));
            }
            let patience = cluster.setup.traffic[id.index()].client.timeout;
            let is_late = |end: &&SimTime| **end < self.looked && self.looked.since(self.hindered) > patience;
            if let Some(end) = self.ended.get(&task).filter(is_late) {
                return Err(format!(
                    "{task:?} has answered {id:?} since {}, and ended at {end}",
                    self.looked
                ));
            }
        }
        Ok(())
    }
}

/// Clients outside send to their nodes only.
fn came_through(id: TrafficId, tally: &Tally, origin: &Origin) -> Result<(), String> {
    let Origin::Outside { through, .. } = origin else { return Ok(()) };
    match tally.through().find(|(host, _)| !through.contains(host)) {
        Some((host, _)) => Err(format!("requests of {id:?} count for {host:?}, and are not sent there")),
        None => Ok(()),
    }
}

/// Seconds, tasks and nodes make up the total.
fn adds_up(id: TrafficId, tally: &Tally) -> Result<(), String> {
    let total = tally.total();
    let mut seconds = Counts::default();
    tally.seconds().for_each(|(_, counts)| seconds.add(counts));
    if seconds != *total {
        return Err(format!("the seconds of {id:?} make {seconds:?}, not {total:?}"));
    }
    let by_tasks: u64 = tally.answered_by().map(|(_, count)| count).sum();
    let through: u64 = tally.through().map(|(_, counts)| counts.answered).sum();
    if by_tasks != total.answered || through != total.answered {
        let answered = total.answered;
        return Err(format!(
            "{answered} of {id:?} are answered, {by_tasks} by tasks and {through} through nodes"
        ));
    }
    Ok(())
}
