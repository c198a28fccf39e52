//! Requests to a manager: Raft messages are for itself, everything else is answered by the leader
//! (spec control-plane 3.5, 3.6).
use super::Manager;
use super::api;
use super::forward::{LOST_QUORUM_TICKS, NO_LEADER, Patience, Waiting};
use super::transport::Delivery;
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::HostId;
use crate::protocol::{
    Answer, ApiRequest, CallError, CallId, CertificateRequest, Component, Effects, ManagerTimer, Member,
    Message, ReplyTo, Request, Response, Status, StatusCode, StoreEntry, StreamItem, Timer,
};
use crate::raft::{self, Body};

/// A voter calls the candidate back for at most this time (spec control-plane 3.5).
const HEALTH_TIMEOUT: SimDuration = SimDuration::from_secs(2);

/// What a manager says to one that is no member any more (spec control-plane 3.4).
const MEMBER_REMOVED: &str = "raft: member was removed from the cluster";

/// A vote request whose sender is being called back.
#[derive(Debug)]
pub(super) struct HealthCheck {
    vote: raft::Message<StoreEntry>,
    reply: ReplyTo,
    timeout: TimerId,
}

impl StateDigest for HealthCheck {
    fn digest(&self, digest: &mut Digest) {
        // The time-out is in the queue.
        let Self { vote, reply, timeout: _ } = self;
        vote.digest(digest);
        reply.digest(digest);
    }
}

/// What a manager does with a request that the leader must answer.
enum Route {
    Here,
    To(HostId),
    Wait,
    Fail,
}

impl Manager {
    pub(super) fn requested(&mut self, reply: ReplyTo, request: Request, out: &mut Effects) {
        match request {
            Request::Raft(message) => self.raft_message(reply, *message, out),
            Request::Health => answer(reply, Ok(Response::Alive), out),
            Request::Forwarded { .. }
            | Request::RootCertificate
            | Request::IssueCertificate(_)
            | Request::CertificateStatus { .. }
            | Request::JoinRaft(_)
            | Request::Api(_)
            | Request::Session { .. }
            | Request::Heartbeat { .. }
            | Request::UpdateTaskStatus { .. }
            | Request::Assignments { .. } => self.for_leader(reply, request, out),
        }
    }

    /// Answers here, passes on, waits or fails, as the leader's whereabouts demand. What another manager has passed
    /// on goes no further.
    fn for_leader(&mut self, reply: ReplyTo, request: Request, out: &mut Effects) {
        match (self.route(), request) {
            (Route::Here, Request::Forwarded { from, request }) => self.execute(reply, from, *request, out),
            (Route::Here, request) => match self.refusal(&request) {
                None => self.execute(reply, reply.host, request, out),
                Some(status) => answer(reply, Err(CallError::Status(status)), out),
            },
            (Route::To(_), Request::Forwarded { .. }) => {
                let text = format!("more than one redirect to leader from: {}", self.address(reply.host));
                answer(reply, Err(CallError::Status(Status::new(StatusCode::ResourceExhausted, text))), out);
            }
            (Route::To(leader), request) => self.forwarding.pass_on(reply, request, leader, out),
            (Route::Wait, request) => self.forwarding.wait(reply, request, Patience::Endless, out),
            (Route::Fail, _) => {
                let status = Status::new(StatusCode::Unknown, NO_LEADER);
                answer(reply, Err(CallError::Status(status)), out);
            }
        }
    }

    /// A leader refuses nodes that were removed. What another manager passes on is not looked at again: so a removed
    /// node that is still alive goes on through a manager that does not lead (spec control-plane 8.7).
    fn refusal(&self, request: &Request) -> Option<Status> {
        let node = match request {
            Request::Session { node, .. }
            | Request::Heartbeat { node, .. }
            | Request::UpdateTaskStatus { node, .. }
            | Request::Assignments { node, .. }
            | Request::IssueCertificate(CertificateRequest::Renew { node })
            | Request::CertificateStatus { node }
            | Request::JoinRaft(Member { node, .. }) => *node,
            Request::IssueCertificate(CertificateRequest::Join { .. })
            | Request::RootCertificate
            | Request::Api(_)
            | Request::Raft(_)
            | Request::Health
            | Request::Forwarded { .. } => return None,
        };
        let removed = &self.store.cluster()?.blacklisted_certificates;
        removed.contains(&node).then(|| {
            let id = node.text(self.kit.settings.seed);
            let denied = Status::new(
                StatusCode::PermissionDenied,
                format!("Permission denied: node {id} was removed from swarm"),
            );
            let text = format!("Permission denied: unauthorized peer role: {denied}");
            Status::new(StatusCode::PermissionDenied, text)
        })
    }

    /// The address of another manager.
    fn address(&self, host: HostId) -> String {
        let node = self.store.nodes().find(|node| node.host == host);
        let address = node.and_then(|node| node.status.address);
        address.map_or_else(String::new, |address| format!("{address}:2377"))
    }

    fn route(&self) -> Route {
        match self.raft.leader() {
            Some(leader) if leader == self.raft.id() => Route::Here,
            Some(leader) if self.transport.is_active(leader) => {
                Route::To(self.transport.host(leader).expect("an active peer has a host"))
            }
            _ if self.ticks_without_leader > LOST_QUORUM_TICKS => Route::Fail,
            _ => Route::Wait,
        }
    }

    fn execute(&mut self, reply: ReplyTo, from: HostId, request: Request, out: &mut Effects) {
        if let Request::Api(request) = request {
            self.execute_api(reply, from, request, out);
        } else if let Request::JoinRaft(member) = request {
            self.join_requested(reply, member, out);
        } else if self.leads() {
            self.with_loops(out, |loops, store, out| loops.request(reply, from, request, store, out));
        } else {
            let status = Status::new(StatusCode::Aborted, "dispatcher is stopped");
            answer(reply, Err(CallError::Status(status)), out);
        }
    }

    /// Some requests of clients depend on who the members are and which of them can be reached.
    fn execute_api(&mut self, reply: ReplyTo, from: HostId, request: Box<ApiRequest>, out: &mut Effects) {
        let members = self.member_list();
        if !self.leads() {
            let result = api::answer_while_starting(&request, &self.store, members, self.kit.settings.seed);
            return answer(reply, Ok(Response::Api(Box::new(result))), out);
        }
        self.with_loops(out, |loops, store, out| {
            loops.set_members(&members);
            loops.request(reply, from, Request::Api(request), store, out);
        });
    }

    /// A request that waits for a leader looks again. One that has waited before is not failed by the tick counter any
    /// more (spec control-plane 3.6).
    pub(super) fn look_for_leader(&mut self, place: u64, out: &mut Effects) {
        let Some(Waiting { reply, request, cause, patience }) = self.forwarding.take_waiting(place) else {
            return;
        };
        out.set_cause(cause);
        match (self.route(), patience) {
            (Route::Wait | Route::Fail, Patience::Endless) => {
                self.forwarding.wait(reply, request, patience, out);
            }
            (Route::Here | Route::To(_), _) | (Route::Wait | Route::Fail, Patience::Once) => {
                self.for_leader(reply, request, out);
            }
        }
    }

    fn raft_message(&mut self, reply: ReplyTo, message: raft::Message<StoreEntry>, out: &mut Effects) {
        if message.to != self.raft.id() {
            return answer(reply, Ok(Response::Done), out);
        }
        if self.removed.contains(&message.from) {
            let status = Status::new(StatusCode::NotFound, MEMBER_REMOVED);
            return answer(reply, Err(CallError::Status(status)), out);
        }
        if matches!(message.body, Body::Vote { .. }) {
            return self.call_back(reply, message, out);
        }
        let response = if message.body.is_heartbeat() { Response::Alive } else { Response::Done };
        self.step(message, out);
        answer(reply, Ok(response), out);
    }

    /// A vote counts only if its sender can be reached from here (spec control-plane 3.5).
    fn call_back(&mut self, reply: ReplyTo, vote: raft::Message<StoreEntry>, out: &mut Effects) {
        let member = self.members.get(&vote.from).filter(|_| self.transport.can_reach(vote.from));
        let Some(member) = member else {
            return answer(reply, Ok(Response::Done), out);
        };
        let call = out.mint_call(Component::Manager);
        let timer = Timer::Manager(ManagerTimer::CallTimeout(call));
        let timeout = out.set_timer(timer, out.now() + HEALTH_TIMEOUT);
        out.send(member.host, Message::Request { call, request: Request::Health });
        self.health_checks.insert(call, HealthCheck { vote, reply, timeout });
    }

    /// A call that this manager made is over.
    pub(super) fn call_over(&mut self, call: CallId, result: Answer, out: &mut Effects) {
        if let Some(check) = self.health_checks.remove(&call) {
            out.cancel_timer(check.timeout);
            if result.is_ok() && !self.removed.contains(&check.vote.from) {
                self.step(check.vote, out);
            }
            return answer(check.reply, Ok(Response::Done), out);
        }
        if let Some((reply, again)) = self.forwarding.finish(call) {
            // What may have been done by a leader that has died since then is not asked for a second time.
            let refused = matches!(result, Err(CallError::Refused));
            return match again.filter(|_| refused) {
                Some((request, cause)) => {
                    out.set_cause(cause);
                    self.forwarding.wait(reply, request, Patience::Once, out);
                }
                None => answer(reply, result, out),
            };
        }
        if self.greeted(call, &result, out) {
            return;
        }
        self.lost_membership |=
            matches!(&result, Err(CallError::Status(status)) if status.text == MEMBER_REMOVED);
        let delivery = match result {
            Ok(_) => Delivery::Done,
            Err(CallError::Refused) => Delivery::Refused,
            Err(CallError::Reset | CallError::TimedOut | CallError::Status(_)) => Delivery::Failed,
        };
        if let Some(reports) = self.transport.settle(call, delivery, &mut self.kit.streams.redial, out) {
            self.report(reports);
        }
    }

    /// An item of a stream that this manager passes on.
    pub(super) fn relay_item(&mut self, call: CallId, item: StreamItem, out: &mut Effects) {
        if let Some(reply) = self.forwarding.origin(call) {
            out.send(reply.host, Message::Item { call: reply.call, item });
        }
    }

    /// A caller is not interested in its call any longer.
    pub(super) fn hung_up(&mut self, reply: ReplyTo, out: &mut Effects) {
        if let Some((call, leader)) = self.forwarding.hang_up(reply) {
            out.send(leader, Message::HangUp { call });
        }
        self.with_loops(out, |loops, store, out| loops.hang_up(reply, store, out));
    }

    /// The process ends: nobody waits for it any longer.
    pub(super) fn close_requests(&mut self, out: &mut Effects) {
        for check in std::mem::take(&mut self.health_checks).into_values() {
            out.cancel_timer(check.timeout);
            answer(check.reply, Err(CallError::Reset), out);
        }
        for (call, leader) in self.forwarding.calls() {
            out.send(leader, Message::HangUp { call });
        }
        for reply in self.forwarding.close() {
            answer(reply, Err(CallError::Reset), out);
        }
    }

    /// The process at the other end of all connections with a host has died.
    pub(super) fn reset(&mut self, host: HostId, out: &mut Effects) {
        let reports = self.transport.reset(host, &mut self.kit.streams.redial, out);
        self.report(reports);
        let unanswered: Vec<CallId> = self
            .health_checks
            .iter()
            .filter(|(_, check)| self.members.get(&check.vote.from).is_some_and(|m| m.host == host))
            .map(|(call, _)| *call)
            .collect();
        for call in unanswered {
            self.call_over(call, Err(CallError::Reset), out);
        }
        for call in self.forwarding.calls_to(host) {
            self.call_over(call, Err(CallError::Reset), out);
        }
        for (call, leader) in self.forwarding.forget(host) {
            out.send(leader, Message::HangUp { call });
        }
        self.with_loops(out, |loops, store, out| loops.reset(host, store, out));
    }
}

fn answer(reply: ReplyTo, answer: Answer, out: &mut Effects) {
    out.send(reply.host, Message::Answer { call: reply.call, answer });
}
