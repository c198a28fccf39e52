//! Changes of who is a member of the Raft cluster (spec control-plane 3.3, 3.4): joins that others ask for, and
//! removals that the role manager wishes for.
//!
//! One change is under way at a time. A member that joins is called back first, at the address that it advertises. A
//! leader that shall be removed hands the leadership over, and leaves the rest to the next one.
use std::collections::VecDeque;

use super::Manager;
use super::loops::{MembershipWish, WriteError};
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::model::{Fact, FactId, NodeId};
use crate::protocol::{
    Answer, CallError, CallId, Component, Effects, ManagerTimer, Member, Message, ReplyTo, Request, Response,
    Seat, Status, StatusCode, Timer,
};
use crate::raft::{ConfChange, RaftId};

/// A member that joins must answer within this time.
const JOIN_HEALTH_TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// A removal must be applied within this time.
const REMOVAL_TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// Somebody else must lead within this time: 5 s and two election timeouts.
const TRANSFER_TIMEOUT: SimDuration = SimDuration::from_secs(25);
/// What a manager says that does not lead, or not any more.
const NOT_LEADER: &str = "raft: failed to process the request: node lost leader status";

/// Changes of the members that wait for each other.
#[derive(Debug, Default)]
pub(super) struct Membership {
    queue: VecDeque<(Change, FactId)>,
    under_way: Option<UnderWay>,
    /// Counts time limits, so that one that is out of date is not heard.
    limits: u32,
}

#[derive(Debug)]
enum Change {
    Join { reply: ReplyTo, member: Member },
    Remove { node: NodeId },
}

#[derive(Debug)]
enum UnderWay {
    /// The member that joins is being called back.
    Greeting { reply: ReplyTo, member: Member, call: CallId, timeout: TimerId },
    /// The entry of this index adds the member.
    Joining { reply: ReplyTo, index: u64, id: RaftId, cause: FactId },
    /// The entry of this index removes a member.
    Removing { index: u64, timeout: TimerId, limit: u32, cause: FactId },
    /// Somebody else is to lead.
    HandingOver { timeout: TimerId, limit: u32 },
}

impl Manager {
    /// A manager without a place in the Raft cluster asks for one.
    pub(super) fn join_requested(&mut self, reply: ReplyTo, member: Member, out: &mut Effects) {
        if !self.leads() {
            let status = Status::new(StatusCode::FailedPrecondition, NOT_LEADER);
            return answer(reply, Err(CallError::Status(status)), out);
        }
        self.membership.queue.push_back((Change::Join { reply, member }, out.cause()));
        self.change_members(out);
    }

    /// Takes up what the loops wish for.
    pub(super) fn hear_wishes(&mut self, out: &mut Effects) {
        let Some(leadership) = &mut self.leadership else { return };
        for (wish, cause) in leadership.take_wishes() {
            let MembershipWish::Remove(node) = wish;
            self.membership.queue.push_back((Change::Remove { node }, cause));
        }
        self.change_members(out);
    }

    fn change_members(&mut self, out: &mut Effects) {
        while self.membership.under_way.is_none() {
            let Some((change, cause)) = self.membership.queue.pop_front() else { return };
            out.set_cause(cause);
            match change {
                Change::Join { reply, member } => self.greet(reply, member, out),
                Change::Remove { node } => self.begin_removal(node, out),
            }
        }
    }

    /// Whoever is a member already gets its old place, everybody else is called back.
    fn greet(&mut self, reply: ReplyTo, member: Member, out: &mut Effects) {
        let known = self.members.iter().find(|(_, known)| known.node == member.node);
        if let Some((id, _)) = known.filter(|(_, known)| known.host == member.host) {
            let seat = self.seat(*id);
            return answer(reply, Ok(Response::JoinedRaft(seat)), out);
        }
        let call = out.mint_call(Component::Manager);
        let timer = Timer::Manager(ManagerTimer::CallTimeout(call));
        let timeout = out.set_timer(timer, out.now() + JOIN_HEALTH_TIMEOUT);
        out.send(member.host, Message::Request { call, request: Request::Health });
        self.membership.under_way = Some(UnderWay::Greeting { reply, member, call, timeout });
    }

    /// The answer to a call of [`Manager::greet`], if it is one.
    pub(super) fn greeted(&mut self, call: CallId, result: &Answer, out: &mut Effects) -> bool {
        let Some(UnderWay::Greeting { reply, member, call: asked, timeout }) = self.membership.under_way
        else {
            return false;
        };
        if asked != call {
            return false;
        }
        out.cancel_timer(timeout);
        self.membership.under_way = None;
        match result {
            Ok(_) => self.propose_join(reply, member, out),
            Err(error) => {
                let text = format!(
                    "could not connect to prospective new cluster member using its advertised address: {error}"
                );
                answer(reply, Err(CallError::Status(Status::new(StatusCode::Unknown, text))), out);
            }
        }
        self.change_members(out);
        true
    }

    /// A member that is known under another address keeps its id.
    fn propose_join(&mut self, reply: ReplyTo, member: Member, out: &mut Effects) {
        let known = self.members.iter().find(|(_, known)| known.node == member.node).map(|(id, _)| *id);
        let id = known.unwrap_or_else(|| out.mint_raft_id());
        let change = match known {
            Some(id) => ConfChange::UpdateNode { id, member },
            None => ConfChange::AddNode { id, member },
        };
        match self.raft.propose_conf_change(change) {
            Ok(index) => {
                let cause = out.cause();
                self.membership.under_way = Some(UnderWay::Joining { reply, index, id, cause });
            }
            Err(dropped) => {
                let status = Status::new(StatusCode::Unknown, dropped.to_string());
                answer(reply, Err(CallError::Status(status)), out);
            }
        }
    }

    /// Removes a member, unless the others could not decide without it (spec control-plane 3.4).
    fn begin_removal(&mut self, node: NodeId, out: &mut Effects) {
        let id = self.members.iter().find(|(_, member)| member.node == node).map(|(id, _)| *id);
        let Some(id) = id.filter(|_| self.member_list().can_remove(node)) else {
            return self.removal_settled(out);
        };
        if id == self.raft.id() && self.hand_over(out) {
            return;
        }
        self.propose_removal(id, out);
    }

    fn propose_removal(&mut self, id: RaftId, out: &mut Effects) {
        match self.raft.propose_conf_change(ConfChange::RemoveNode { id }) {
            Ok(index) => {
                let (timeout, limit) = self.limit(REMOVAL_TIMEOUT, out);
                let cause = out.cause();
                self.membership.under_way = Some(UnderWay::Removing { index, timeout, limit, cause });
            }
            Err(_) => self.removal_settled(out),
        }
    }

    /// The member that shall lead next: the first of those that can be reached.
    pub(super) fn active_peer(&self) -> Option<RaftId> {
        let own = self.raft.id();
        self.members.keys().copied().filter(|id| *id != own && self.transport.is_active(*id)).min()
    }

    /// Lets another member lead that can be reached. False if there is none.
    fn hand_over(&mut self, out: &mut Effects) -> bool {
        let Some(target) = self.active_peer() else { return false };
        self.raft.transfer_leader(target);
        let (timeout, limit) = self.limit(TRANSFER_TIMEOUT, out);
        self.membership.under_way = Some(UnderWay::HandingOver { timeout, limit });
        true
    }

    fn limit(&mut self, after: SimDuration, out: &mut Effects) -> (TimerId, u32) {
        self.membership.limits += 1;
        let limit = self.membership.limits;
        let timer = Timer::Manager(ManagerTimer::MembershipTimeout(limit));
        (out.set_timer(timer, out.now() + after), limit)
    }

    /// A change has taken too long. The entry may be applied all the same.
    pub(super) fn membership_timeout(&mut self, expired: u32, out: &mut Effects) {
        match self.membership.under_way {
            Some(UnderWay::Removing { limit, .. }) if limit == expired => {
                self.membership.under_way = None;
                self.removal_settled(out);
            }
            // The leadership could not be handed over: the leader removes itself.
            Some(UnderWay::HandingOver { limit, .. }) if limit == expired => {
                self.membership.under_way = None;
                self.propose_removal(self.raft.id(), out);
            }
            Some(_) | None => return,
        }
        self.change_members(out);
    }

    /// The entry of this index is applied, with the change or with what has silently taken its place.
    pub(super) fn membership_applied(&mut self, applied: u64, out: &mut Effects) {
        match self.membership.under_way {
            Some(UnderWay::Joining { reply, index, id, cause }) if index == applied => {
                self.membership.under_way = None;
                out.set_cause(cause);
                let seat = self.seat(id);
                answer(reply, Ok(Response::JoinedRaft(seat)), out);
            }
            Some(UnderWay::Removing { index, timeout, cause, .. }) if index == applied => {
                out.set_cause(cause);
                out.cancel_timer(timeout);
                self.membership.under_way = None;
                self.removal_settled(out);
            }
            Some(_) | None => return,
        }
        self.change_members(out);
    }

    fn removal_settled(&mut self, out: &mut Effects) {
        self.with_loops(out, |loops, store, out| loops.membership_settled(store, out));
        if let Some(leadership) = &mut self.leadership {
            let wishes = leadership.take_wishes();
            let changes = wishes
                .into_iter()
                .map(|(MembershipWish::Remove(node), cause)| (Change::Remove { node }, cause));
            self.membership.queue.extend(changes);
        }
    }

    /// Leadership is lost: whoever wants to join has to ask the next leader.
    pub(super) fn abandon_membership(&mut self, out: &mut Effects) {
        let Membership { queue, under_way, limits } = std::mem::take(&mut self.membership);
        self.membership.limits = limits;
        let waiting = queue.into_iter().filter_map(|(change, _)| match change {
            Change::Join { reply, .. } => Some(reply),
            Change::Remove { .. } => None,
        });
        let current = match under_way {
            Some(UnderWay::Greeting { reply, timeout, .. }) => {
                out.cancel_timer(timeout);
                Some(reply)
            }
            Some(UnderWay::Joining { reply, .. }) => Some(reply),
            Some(UnderWay::Removing { timeout, .. } | UnderWay::HandingOver { timeout, .. }) => {
                out.cancel_timer(timeout);
                None
            }
            None => None,
        };
        for reply in current.into_iter().chain(waiting).collect::<Vec<_>>() {
            let text = WriteError::LostLeadership.to_string();
            answer(reply, Err(CallError::Status(Status::new(StatusCode::Unknown, text))), out);
        }
    }

    /// Applies a change of the members.
    pub(super) fn apply_conf_change(&mut self, change: &ConfChange<Member>, out: &mut Effects) {
        match change {
            ConfChange::AddNode { id, member } | ConfChange::UpdateNode { id, member } => {
                self.members.insert(*id, *member);
                if *id != self.raft.id() {
                    self.transport.add(*id, member.host, true);
                }
            }
            ConfChange::RemoveNode { id } => {
                self.members.remove(id);
                self.removed.insert(*id);
                self.transport.remove(*id);
                self.lost_membership |= *id == self.raft.id();
            }
        }
        self.raft.apply_conf_change(change);
        let (hosts, members) = (self.member_hosts(), self.member_list());
        self.with_loops(out, |loops, store, out| loops.managers_changed(hosts, &members, store, out));
    }

    fn seat(&self, id: RaftId) -> Box<Seat> {
        let members = self.members.iter().map(|(id, member)| (*id, *member)).collect();
        Box::new(Seat { id, lineage: self.kit.lineage, members })
    }

    /// True if this manager is no member of the Raft cluster any more: its process has to end.
    pub(crate) fn has_lost_membership(&self) -> bool {
        self.lost_membership
    }

    /// Tells that the process runs, or does not any more.
    pub(super) fn tell_process(&self, running: bool, out: &mut Effects) {
        let fact = out.fact(Fact::Manager { host: self.host, running });
        out.set_cause(fact);
    }
}

fn answer(reply: ReplyTo, answer: Answer, out: &mut Effects) {
    out.send(reply.host, Message::Answer { call: reply.call, answer });
}

impl StateDigest for Membership {
    fn digest(&self, digest: &mut Digest) {
        let Self { queue, under_way, limits } = self;
        digest.debug(queue);
        // The time-outs are in the queue.
        match under_way {
            None => digest.u8(0),
            Some(UnderWay::Greeting { reply, member, call, timeout: _ }) => {
                digest.u8(1);
                reply.digest(digest);
                member.digest(digest);
                call.digest(digest);
            }
            // What explains the run does not change it.
            Some(UnderWay::Joining { reply, index, id, cause: _ }) => {
                digest.u8(2);
                reply.digest(digest);
                digest.u64(*index);
                digest.u64(id.0);
            }
            Some(UnderWay::Removing { index, timeout: _, limit, cause: _ }) => {
                digest.u8(3);
                digest.u64(*index);
                digest.u32(*limit);
            }
            Some(UnderWay::HandingOver { timeout: _, limit }) => {
                digest.u8(4);
                digest.u32(*limit);
            }
        }
        digest.u32(*limits);
    }
}
