//! Tasks on a machine that stands still: neither their work nor their patience goes on.
//!
//! What reaches such a machine waits, and is handled when it goes on. So a program there goes on with the rest of its
//! work, and a client reads the answers that have come before it looks at its watch: they are late, not lost. Clients
//! on other machines wait no longer for that.
//!
//! Deliberately absent: handshakes of connections that the standstill has met half way. They are taken up again by
//! whoever sends his packets once more.
use super::ground::Ground;
use super::request::{Blame, Kind, List, Phase, Request, RequestId};
use super::{Step, Traffic};
use crate::kernel::{Digest, SimTime, StateDigest};
use crate::model::{HostId, ObjectId};

/// What waits until a machine goes on.
#[derive(Clone, Debug)]
pub(super) struct Standstill {
    since: SimTime,
    /// Requests whose clients would have given up, in that order.
    pub(super) overdue: List,
    /// What programs would have done with a request, and when.
    unfinished: Vec<(SimTime, RequestId)>,
}

impl Traffic {
    /// A machine stands still, or does not.
    pub(crate) fn follow_machine(&mut self, now: SimTime, host: HostId, stands_still: bool) {
        match (stands_still, self.standing.contains_key(&host)) {
            (true, false) => {
                let begun = Standstill { since: now, overdue: List::default(), unfinished: Vec::new() };
                self.standing.insert(host, begun);
            }
            (false, true) => self.later(now, Step::GoesOn(host)),
            (true, true) | (false, false) => {}
        }
    }

    /// The machine of the task that has sent a request, if that stands still.
    pub(super) fn standing_client(&mut self, id: RequestId) -> Option<HostId> {
        if self.standing.is_empty() {
            return None;
        }
        let task = self.requests.get_mut(id)?.client.task?;
        let host = self.servers.get(task)?.host;
        self.standing.contains_key(&host).then_some(host)
    }

    /// The time of a request is over, and its client does not notice it yet.
    pub(super) fn keep_overdue(&mut self, id: RequestId, host: HostId) {
        let Traffic { requests, sources, standing, .. } = self;
        let request = requests.get_mut(id).expect("it is under way");
        request.overdue_on = Some(host);
        let source = request.source;
        requests.unlink(&mut sources[source.index()].deadlines, Kind::Deadlines, id);
        let standstill = standing.get_mut(&host).expect("the machine stands still");
        requests.push(&mut standstill.overdue, Kind::Deadlines, id);
    }

    /// True if a program will only go on with a request when its machine does.
    pub(super) fn keeps_unfinished(&mut self, id: RequestId, ground: &impl Ground) -> bool {
        let Traffic { requests, standing, now, .. } = self;
        let Some(request) = requests.get_mut(id).filter(|_| !standing.is_empty()) else { return false };
        let Some(blame) = request.stands_still(ground) else { return false };
        let host = request.target.expect("it was routed").host;
        let Some(standstill) = standing.get_mut(&host) else { return false };
        request.trouble = Some(blame);
        standstill.unfinished.push((*now, id));
        true
    }

    /// A machine goes on: what has arrived is read, then time-outs are noticed, and programs do the rest of their work.
    pub(super) fn goes_on(&mut self, host: HostId, ground: &mut impl Ground) {
        for id in self.answered(host) {
            self.read(id, ground);
        }
        while let Some((id, _)) =
            self.standing.get(&host).and_then(|still| self.requests.first(&still.overdue))
        {
            self.give_up_waiting(id, ground);
        }
        let Some(Standstill { since, unfinished, .. }) = self.standing.remove(&host) else { return };
        for (due, id) in unfinished {
            self.later(self.now + due.since(since), Step::Served(id));
        }
    }

    /// Requests of clients on a machine that have been answered.
    fn answered(&self, host: HostId) -> Vec<RequestId> {
        let is_there = |task| self.servers.get(task).is_some_and(|server| server.host == host);
        let waits = self.requests.iter().filter(|(_, request)| {
            request.phase == Phase::Answered && request.client.task.is_some_and(is_there)
        });
        waits.map(|(id, _)| id).collect()
    }

    /// True if the answer to a request waits at the machine of its client until that goes on.
    pub(super) fn is_kept_for_reader(&mut self, id: RequestId, from: HostId, ground: &impl Ground) -> bool {
        let client = self.standing_client(id);
        client.is_some_and(|client| ground.silent(client).is_some()) && ground.silent(from).is_none()
    }

    /// A client finds the answer to a request, unless something else has kept it away.
    fn read(&mut self, id: RequestId, ground: &mut impl Ground) {
        let Some(request) = self.requests.get_mut(id) else { return };
        let (entry, target) =
            (request.entry.expect("it has entered"), request.target.expect("it was routed"));
        match (ground.way(target.host, entry), request.upstream) {
            (Err(_), _) => self.answer(id, ground),
            (Ok(_), Some(blame)) => self.fail(id, blame, ground),
            (Ok(_), None) => self.succeed(id, self.now, ground),
        }
    }
}

impl Request {
    /// What is wrong if the machine of its backend stands still.
    pub(super) fn stands_still(&self, ground: &impl Ground) -> Option<Blame> {
        let because = ground.silent(self.target?.host)?;
        let (failure, entry, target) = (self.lost_with_host(), self.entry, self.target);
        Some(Blame { failure, because, entry, target, via: None })
    }
}

impl StateDigest for Standstill {
    fn digest(&self, digest: &mut Digest) {
        let Self { since, overdue: _, unfinished } = self;
        digest.time(*since);
        digest.u64(unfinished.len() as u64);
    }
}
