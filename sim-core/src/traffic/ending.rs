//! Requests end: answered, failed, or given up. What follows is up to whoever sent them.
use super::ground::{self, Ground};
use super::request::{Blame, Kind, Phase, Request, RequestId};
use super::server::End;
use super::{Step, Traffic};
use crate::kernel::SimTime;
use crate::mesh::Target;
use crate::model::{Defect, Failure, ObjectId, TrafficId};

impl Traffic {
    /// The answer arrives at the client.
    pub(super) fn succeed(&mut self, id: RequestId, at: SimTime, ground: &mut impl Ground) {
        if let Some(blame) = self.client_gone(id) {
            return self.fail(id, blame, ground);
        }
        let request = self.take_out(id);
        let (entry, target) =
            (request.entry.expect("it has entered"), request.target.expect("it was routed"));
        let tally = &mut self.source(request.source).tally;
        tally.answered(request.first_sent, at.since(request.first_sent), target.task, entry);
        self.follow_up(&request, at, None);
    }

    /// An attempt has failed. Its client tries again, or takes the request for failed.
    pub(super) fn fail(&mut self, id: RequestId, blame: Blame, ground: &mut impl Ground) {
        let gone = self.client_gone(id);
        let request = self.take_out(id);
        let now = self.now;
        let source = self.source(request.source);
        let tries_again = gone.is_none() && request.retries < source.behaviour().retries;
        // Who sends datagrams has a port and no connection that could break. What is sent again has another one.
        if source.behaviour().kept_connections > 0 && (tries_again || !source.plan.sends_datagrams()) {
            let client = source.client(request.client);
            (client.connection, client.correspondent) = (None, None);
        }
        if tries_again {
            source.tally.retried();
            return self.attempt(request.again(now), ground);
        }
        let blame = gone.unwrap_or(blame);
        let is_forgotten = blame.failure == Failure::Gone && self.setup.sabotage.is(Defect::ForgetRequests);
        if !is_forgotten {
            let tally = &mut self.source(request.source).tally;
            // What went wrong behind the program counts for the node through which the request itself came.
            let entry = if blame.via.is_some() { request.entry } else { blame.entry };
            tally.failed(request.first_sent, blame.failure.cause(), entry);
            self.losses.add(request.source, request.first_sent, blame);
        }
        self.follow_up(&request, now, Some(blame));
    }

    /// The process that worked on a request has ended. The client hears of it, if the way is open.
    pub(super) fn breaks(&mut self, id: RequestId, ground: &mut impl Ground) {
        let Some(request) = self.requests.get_mut(id) else { return };
        let (entry, target) =
            (request.entry.expect("it has entered"), request.target.expect("it was routed"));
        let trouble = request.trouble.expect("the end of the process is known");
        match ground.way(target.host, entry) {
            Ok(_) => self.fail(id, trouble, ground),
            Err(because) => {
                let failure = ground::no_way(entry, ground);
                request.trouble = Some(Blame { failure, because, ..trouble });
            }
        }
    }

    /// A client waits for no connection any longer.
    pub(super) fn gives_up(&mut self, id: RequestId, ground: &mut impl Ground) {
        let Some(request) = self.requests.get_mut(id).filter(|request| !request.connected) else { return };
        if request.overdue_on.is_some() {
            return;
        }
        if let Some(host) = self.standing_client(id) {
            return self.keep_overdue(id, host);
        }
        let request = self.requests.get_mut(id).expect("it is under way");
        let trouble = request.trouble.expect("only what is in trouble is given up");
        self.fail(id, trouble, ground);
    }

    /// Clients whose time is over wait for no answer any longer.
    pub(super) fn deadline(&mut self, id: TrafficId, ground: &mut impl Ground) {
        let now = self.now;
        loop {
            let source = &mut self.sources[id.index()];
            let timeout = source.behaviour().timeout;
            let Some((request, first)) = self.requests.first(&source.deadlines) else {
                source.deadline_awaited = false;
                return;
            };
            if first.sent + timeout > now {
                let at = first.sent + timeout;
                return self.later(at, Step::Deadline(id));
            }
            match self.standing_client(request) {
                Some(host) => self.keep_overdue(request, host),
                None => self.give_up_waiting(request, ground),
            }
        }
    }

    /// A client waits for no answer to a request any longer.
    pub(super) fn give_up_waiting(&mut self, id: RequestId, ground: &mut impl Ground) {
        let request = self.requests.get_mut(id).expect("it is under way");
        let (source, entry, target) = (request.source, request.entry, request.target);
        let trouble = request.trouble.or_else(|| request.stands_still(ground));
        let server = target.and_then(|target| self.servers.get(target.task));
        let (failure, because) = match server.filter(|server| server.hangs(self.now)) {
            Some(server) => (Failure::Hangs, server.started_by),
            None => {
                let way = entry.zip(target);
                let hindrance = way.and_then(|(entry, target)| ground.hindrance(entry, target.host));
                (Failure::TooSlow, hindrance.unwrap_or(self.sources[source.index()].begun))
            }
        };
        let waited = Blame { failure, because, entry, target, via: None };
        self.fail(id, trouble.unwrap_or(waited), ground);
    }

    /// The blame if the task that sent a request has ended.
    fn client_gone(&mut self, id: RequestId) -> Option<Blame> {
        let request = self.requests.get_mut(id)?;
        let (task, entry) = (request.client.task?, request.entry);
        let end = self.servers.end_of(task)?;
        let host = self.servers.get(task)?.host;
        let target = Target { task, host, address: std::net::Ipv4Addr::UNSPECIFIED };
        Some(Blame {
            failure: Failure::ClientGone,
            because: End::fact(end),
            entry,
            target: Some(target),
            via: None,
        })
    }

    /// A request is nothing that its client waits for any more. Its server may still be at it.
    fn take_out(&mut self, id: RequestId) -> Request {
        let Traffic { sources, requests, servers, standing, .. } = self;
        let request = requests.get_mut(id).expect("a request ends once");
        let (source, phase, target) = (request.source, request.phase, request.target);
        let awaited = match request.overdue_on {
            Some(host) => &mut standing.get_mut(&host).expect("the machine stands still").overdue,
            None => &mut sources[source.index()].deadlines,
        };
        requests.unlink(awaited, Kind::Deadlines, id);
        match (phase, target) {
            (Phase::Serving, _) => {
                let request = requests.get_mut(id).expect("it is being served");
                let left = request.clone();
                request.phase = Phase::Abandoned;
                return left;
            }
            (Phase::Waiting, Some(target)) => {
                let server = servers.get_mut(target.task).expect("it waits there");
                requests.unlink(&mut server.waiting, Kind::Server, id);
                server.waiting_count -= 1;
            }
            (Phase::Waiting | Phase::Sent | Phase::Hanging | Phase::Abandoned | Phase::Answered, _) => {}
        }
        requests.remove(id)
    }

    /// Whoever needed the answer goes on.
    fn follow_up(&mut self, request: &Request, at: SimTime, blame: Option<Blame>) {
        let Some(parent) = request.parent else {
            return self.user_thinks(request.source, request.client.number, at);
        };
        if let Some(waiting) = self.requests.get_mut(parent) {
            let via = |blame: Blame| Blame { via: blame.via.or(Some(request.source)), ..blame };
            waiting.upstream = blame.map(via);
            self.later(at, Step::Resumes(parent));
        }
    }
}

impl Request {
    /// The next attempt. It remembers through which node the last one went, to choose another.
    fn again(self, now: SimTime) -> Request {
        Request {
            first_sent: self.first_sent,
            retries: self.retries + 1,
            entry: self.entry,
            ..Request::new(self.source, self.client, self.parent, now)
        }
    }
}
