//! Why a node knows less than there is, or more: faults that kept it from hearing what others have to tell.
use std::collections::BTreeSet;

use super::Traffic;
use super::departures::Door;
use super::ground::Ground;
use super::request::Request;
use super::server::{End, Told};
use crate::mesh::Target;
use crate::model::{FactId, HostId, NetworkId, ObjectId, TaskId, TrafficId};

/// Tasks of a service that are looked at to find out why a node does not know them.
const TASKS_LOOKED_AT: usize = 8;

impl Traffic {
    /// The fact by which the engine of a node ended, if a port was open there until then.
    pub(super) fn closed_with_engine(
        &self,
        source: TrafficId,
        entry: HostId,
        ground: &impl Ground,
    ) -> Option<FactId> {
        let plan = &self.sources[source.index()].plan;
        let was_open = |open: &BTreeSet<_>| open.contains(&(plan.protocol, plan.port));
        ground.stopped(entry).filter(|_| self.ports_at_end.get(&entry).is_some_and(was_open))
    }

    /// Why a node does not know that tasks of a service take requests: its engine does not run, it was told of none
    /// since it has begun anew, or a fault keeps it from being told. `client` is the task there that sends, if it is
    /// one. To look at a few of the tasks is enough. None: there are
    /// none, or the news of them is on its way.
    pub(super) fn unknown_since(
        &self,
        source: TrafficId,
        client: Option<TaskId>,
        entry: HostId,
        ground: &impl Ground,
    ) -> Option<FactId> {
        let plan = &self.sources[source.index()].plan;
        let door = Door::of(plan);
        let told = |task: &TaskId| {
            let server = self.servers.get(*task)?;
            let Told::Ready(because) = server.told else { return None };
            // A client finds names on its own networks only.
            let leads = |(network, one): &&(NetworkId, Door)| {
                *one == door && client.is_none_or(|client| ground.is_attached(entry, client, *network))
            };
            let (network, _) = server.doors.iter().find(leads)?;
            (!ground.knows_backend_on(entry, *network, *task)).then_some((server.host, because))
        };
        let running = self.servers.running(&plan.service).iter();
        let unknown: Vec<(HostId, FactId)> = running.filter_map(told).take(TASKS_LOOKED_AT).collect();
        let forgot = self.forgot_networks.get(&entry).map(|(_, fact)| *fact);
        if unknown.is_empty() {
            // Who takes no part would not know them if they were there.
            return forgot.filter(|_| !ground.takes_part(entry));
        }
        // Of what cannot be told at all, the node does not know whenever it came.
        let never = || unknown.iter().find_map(|(host, _)| ground.untold(*host, entry));
        let later = || {
            unknown.iter().find_map(|(host, told)| {
                let silenced = ground.silenced(*host, entry, *told);
                silenced.max(forgot.filter(|forgot| forgot > told || !ground.takes_part(entry)))
            })
        };
        ground.stopped(entry).or_else(never).or_else(later)
    }

    /// Why a node still sends to a backend that has ended: the fault that keeps it from hearing of that, or did so
    /// for a time. None: the news is on its way, or there is nobody who could tell it.
    pub(super) fn unheard_since(
        &self,
        request: &Request,
        target: Target,
        end: End,
        ground: &impl Ground,
    ) -> Option<FactId> {
        let (entry, End::Ended(ended)) = (request.entry?, end) else { return None };
        if request.connected || self.sources[request.source.index()].plan.client.keeps_addresses {
            return None;
        }
        let never = || ground.untold(target.host, entry);
        ground.stopped(entry).or_else(never).or_else(|| ground.silenced(target.host, entry, ended))
    }
}
