//! Requests arrive at a backend, are served, and are answered.
use super::client::{ClientKey, Connection};
use super::ground::{self, Ground};
use super::request::{Blame, Kind, Phase, RequestId};
use super::server::End;
use super::{Step, Traffic};
use crate::mesh::Target;
use crate::model::setup::Origin;
use crate::model::{Defect, Failure, ObjectId, TrafficId};

impl Traffic {
    /// A request arrives, if the way is still open.
    pub(super) fn reaches(&mut self, id: RequestId, ground: &mut impl Ground) {
        let Some(request) = self.requests.get_mut(id).filter(|request| request.phase == Phase::Sent) else {
            return;
        };
        let (entry, target) =
            (request.entry.expect("it has entered"), request.target.expect("it was routed"));
        match ground.way(entry, target.host) {
            Err(fault) => self.stop(id, ground::no_way(entry, ground), fault),
            Ok(_) => self.arrive(id, ground),
        }
    }

    /// A request is at the machine of its backend: whoever has the address there hears it.
    pub(super) fn arrive(&mut self, id: RequestId, ground: &mut impl Ground) {
        let now = self.now;
        let request = self.requests.get_mut(id).expect("it is being sent");
        let target = request.target.expect("it was routed");
        let task = match self.servers.end_of(target.task) {
            None => target.task,
            // Somebody else may have got the address by now.
            Some(end) => match ground.holder(target.host, target.address) {
                Some(other) if self.servers.end_of(other).is_none() => other,
                _ if self.setup.sabotage.is(Defect::AnswerWhenDead) => target.task,
                _ => return self.gone(id, target, end, ground),
            },
        };
        request.target = Some(Target { task, ..target });
        let (source, connected, entry) = (request.source, request.connected, request.entry);
        let server = self.servers.get(task).expect("a container has a process");
        let failure = if !server.listens(now) {
            Some(Failure::NotListening)
        } else if !self.finds_port(source, Target { task, ..target }, ground) {
            Some(Failure::WrongPort)
        } else {
            None
        };
        if let Some(failure) = failure.filter(|_| !connected) {
            let target = Some(Target { task, ..target });
            let because = server.started_by;
            return self.fail(id, Blame { failure, because, entry, target, via: None }, ground);
        }
        self.accept(id);
    }

    /// True if the program listens on the port that requests of a source arrive at.
    pub(super) fn finds_port(&self, source: TrafficId, target: Target, ground: &impl Ground) -> bool {
        let server = self.servers.get(target.task).expect("a container has a process");
        if server.behaviour.ports.is_none() {
            return true;
        }
        let plan = &self.sources[source.index()].plan;
        server.has_port(match plan.origin {
            Origin::Outside { .. } => {
                let port = ground.target_port(target.host, target.task, plan.protocol, plan.port);
                port.map(|port| (plan.protocol, port))
            }
            Origin::Tasks { .. } | Origin::Calls { .. } => Some((plan.protocol, plan.port)),
        })
    }

    /// The container is gone. On an open connection that was not known to be closed, that is no different.
    fn gone(&mut self, id: RequestId, target: Target, end: End, ground: &impl Ground) {
        let request = self.requests.get_mut(id).expect("it is being sent").clone();
        let failure = match end {
            End::Ended(_) => Failure::Gone,
            End::Lost(_) => request.lost_with_host(),
        };
        let unheard = self.unheard_since(&request, target, end, ground);
        self.hang(id, failure, unheard.unwrap_or(end.fact()));
    }

    /// The connection is there. The program begins at once, or when it has time.
    fn accept(&mut self, id: RequestId) {
        let now = self.now;
        let Traffic { requests, servers, .. } = self;
        let request = requests.get_mut(id).expect("it is being served");
        let target = request.target.expect("it was routed");
        let server = servers.get_mut(target.task).expect("it was looked at");
        let has_time = server.has_time();
        if !has_time && !server.has_room() {
            let failure = if server.hangs(now) { Failure::Hangs } else { Failure::QueueFull };
            let because = server.started_by;
            return self.hang(id, failure, because);
        }
        (request.connected, request.trouble) = (true, None);
        if !has_time {
            request.phase = Phase::Waiting;
            server.waiting_count += 1;
            requests.push(&mut server.waiting, Kind::Server, id);
        }
        self.keep_connection(id);
        if has_time {
            self.serve(id);
        }
    }

    /// A client that keeps connections keeps this one.
    fn keep_connection(&mut self, id: RequestId) {
        let now = self.now;
        let request = self.requests.get_mut(id).expect("it is being served");
        let (entry, target) =
            (request.entry.expect("it has entered"), request.target.expect("it was routed"));
        let (client, balanced) = (request.client, request.balanced);
        let source = request.source;
        let source = self.source(source);
        if source.behaviour().kept_connections > 0 && !source.plan.sends_datagrams() {
            source.client(client).connection = Some(Connection { entry, target, balanced, used: now });
        }
    }

    /// The program begins with a request.
    fn serve(&mut self, id: RequestId) {
        let now = self.now;
        let Traffic { requests, servers, sources, .. } = self;
        let request = requests.get_mut(id).expect("it is being served");
        let target = request.target.expect("it was routed");
        let server = servers.get_mut(target.task).expect("it serves");
        request.phase = Phase::Serving;
        let takes = server.service_time(now, &mut sources[request.source.index()].lots);
        server.working_count += 1;
        requests.push(&mut server.working, Kind::Server, id);
        self.later(now + takes, Step::Served(id));
    }

    /// The program has done its own part, and asks others for the rest.
    pub(super) fn served(&mut self, id: RequestId, ground: &mut impl Ground) {
        let Some(request) = self.requests.get_mut(id) else { return };
        let (phase, done, target) = (request.phase, request.calls_done as usize, request.target);
        if !matches!(phase, Phase::Serving | Phase::Abandoned) || self.keeps_unfinished(id, ground) {
            return;
        }
        let task = target.expect("it was routed").task;
        let server = self.servers.get(task).expect("it serves");
        if server.hangs(self.now) {
            return;
        }
        match server.behaviour.calls.get(done).filter(|_| phase == Phase::Serving) {
            Some(call) => {
                let client = ClientKey { task: Some(task), number: 0 };
                self.send(*call, client, Some(id), ground);
            }
            None => self.done(id, ground),
        }
    }

    /// What the program has asked for is there, or failed.
    pub(super) fn resumes(&mut self, id: RequestId, ground: &mut impl Ground) {
        let Some(request) = self.requests.get_mut(id) else { return };
        if request.upstream.is_some() && matches!(request.phase, Phase::Serving | Phase::Abandoned) {
            return self.done(id, ground);
        }
        request.calls_done += 1;
        self.served(id, ground);
    }

    /// The program is done with a request, and has time for another one.
    fn done(&mut self, id: RequestId, ground: &mut impl Ground) {
        let Traffic { requests, servers, .. } = self;
        let request = requests.get_mut(id).expect("it is being served");
        let (task, phase) = (request.target.expect("it was routed").task, request.phase);
        request.phase = Phase::Answered;
        let server = servers.get_mut(task).expect("it serves");
        requests.unlink(&mut server.working, Kind::Server, id);
        server.working_count -= 1;
        if let Some(next) = requests.pop(&mut server.waiting, Kind::Server) {
            server.waiting_count -= 1;
            self.serve(next);
        }
        if phase == Phase::Abandoned {
            self.requests.remove(id);
        } else {
            self.answer(id, ground);
        }
    }

    /// The answer goes back the way that the request came.
    pub(super) fn answer(&mut self, id: RequestId, ground: &mut impl Ground) {
        let Some(request) = self.requests.get_mut(id) else { return };
        let (entry, target) =
            (request.entry.expect("it has entered"), request.target.expect("it was routed"));
        let (source, sent, upstream) = (request.source, request.sent, request.upstream);
        if self.sends_datagrams(source) {
            return self.fly_back(id, ground);
        }
        if let Some(End::Lost(because)) = self.servers.end_of(target.task) {
            // What the machine still had to send again is lost with it.
            let failure = self.requests.get_mut(id).expect("it is answered").lost_with_host();
            return self.hang(id, failure, because);
        }
        match ground.way(target.host, entry) {
            Ok(link) => {
                let now = self.now;
                let source = self.source(source);
                let at = now + ground::delay(link, &mut source.lots);
                if at > sent + source.behaviour().timeout {
                    // The deadline comes first.
                    return;
                }
                match upstream {
                    Some(blame) => self.fail(id, blame, ground),
                    None => self.succeed(id, at, ground),
                }
            }
            Err(_) if self.is_kept_for_reader(id, target.host, ground) => {}
            Err(because) => {
                let request = self.requests.get_mut(id).expect("it is answered");
                let pause = ground::pause(true, request.tries);
                request.tries = request.tries.saturating_add(1);
                let (sent_to, entry, target) = (entry, request.entry, request.target);
                let failure = ground::no_way(sent_to, ground);
                request.trouble = Some(Blame { failure, because, entry, target, via: None });
                self.later(self.now + pause, Step::Answers(id));
            }
        }
    }
}
