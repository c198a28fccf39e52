//! The manager of a host starts and ends with its certificate's role (spec control-plane 8.4).
//!
//! A manager without data joins the Raft cluster through another manager, before its own process can do anything but
//! say that it is there: its Raft begins when its empty log is on the disk. One that was removed from the Raft cluster
//! ends at once and waits for a worker's certificate; if none comes, it takes itself for promoted again and joins anew.
use super::Host;
use super::call::OpenCall;
use crate::kernel::queue::TimerId;
use crate::kernel::{Digest, SimDuration, StateDigest};
use crate::manager::Manager;
use crate::model::{Fact, Loss, NodeRole};
use crate::protocol::{Answer, CallId, Effects, Member, NodeTimer, Request, Response, Seat, Timer};
use crate::raft::RaftId;

/// How long a place in the Raft cluster is waited for: 5 s and two election timeouts (spec control-plane 1.1).
const JOIN_TIMEOUT: SimDuration = SimDuration::from_secs(25);
/// Time between two looks whether the manager serves requests.
const READY_POLL: SimDuration = SimDuration::from_millis(500);
/// How long a manager that was removed waits for another role (spec control-plane 1.1).
const ROLE_TIMEOUT: SimDuration = SimDuration::from_secs(16);

/// What the manager of a host waits for.
#[derive(Debug)]
pub(super) enum ManagerPart {
    /// Nothing: it runs, or there is none.
    Idle,
    /// A place in the Raft cluster.
    Joining(OpenCall),
    /// That its log is on the disk. These are the members of the Raft cluster.
    Writing { timer: TimerId, members: Vec<(RaftId, Member)> },
    /// That it serves requests. Its process runs.
    Opening(TimerId),
    /// It was removed from the Raft cluster: that the certificate's role changes too. `forced` if a renewal was
    /// asked for because of that.
    Removed { timer: TimerId, forced: bool },
}

impl ManagerPart {
    /// The call that is not answered.
    pub(super) fn open_call(&self) -> Option<&OpenCall> {
        match self {
            ManagerPart::Joining(call) => Some(call),
            ManagerPart::Idle
            | ManagerPart::Writing { .. }
            | ManagerPart::Opening(_)
            | ManagerPart::Removed { .. } => None,
        }
    }

    /// True while the manager's process runs and does not serve requests yet.
    pub(super) fn is_opening(&self) -> bool {
        matches!(self, ManagerPart::Opening(_))
    }

    pub(super) fn is_for(&self, call: CallId) -> bool {
        self.open_call().is_some_and(|open| open.is(call))
    }
}

impl Host {
    /// The manager runs if the certificate says so.
    pub(super) fn follow_role(&mut self, out: &mut Effects) {
        let Some(identity) = self.node.identity else { return };
        match (identity.role, &self.node.manager) {
            (NodeRole::Manager, ManagerPart::Idle) if self.manager.is_none() => self.start_manager(out),
            (NodeRole::Manager, _) => {}
            (NodeRole::Worker, _) => self.drop_manager(out),
        }
    }

    fn start_manager(&mut self, out: &mut Effects) {
        if let Some(disk) = self.manager_disk.take() {
            self.manager = Some(Box::new(Manager::start(*disk, out)));
            return self.use_local_manager(true);
        }
        let node = self.node.identity.expect("a manager is a node").node;
        let Some(manager) = self.node.join_address.or_else(|| self.contact(true)) else {
            return self.fail("no remote hosts provided", out);
        };
        let request = Request::JoinRaft(Member { node, host: self.node.host });
        self.node.manager = ManagerPart::Joining(OpenCall::make(manager, request, JOIN_TIMEOUT, out));
    }

    /// True while the manager can say that it is there, and nothing else.
    pub(crate) fn manager_joins(&self) -> bool {
        matches!(self.node.manager, ManagerPart::Joining(_) | ManagerPart::Writing { .. })
    }

    pub(super) fn join_answered(&mut self, answer: Answer, out: &mut Effects) {
        let ManagerPart::Joining(call) = self.node.manager else { return };
        call.close(&answer, out);
        self.node.manager = ManagerPart::Idle;
        match answer {
            Ok(Response::JoinedRaft(seat)) => self.joined(*seat, out),
            Ok(response) => unreachable!("{response:?} is no place in a Raft cluster"),
            Err(error) => {
                self.fail(&format!("manager stopped: can't initialize raft node: {error}"), out);
            }
        }
    }

    fn joined(&mut self, seat: Seat, out: &mut Effects) {
        let node = self.node.identity.expect("a manager is a node").node;
        let mut disk = self.node.joined_disk(node, &seat);
        let timer = out.set_timer(Timer::Node(NodeTimer::ManagerWritten), out.now() + disk.kit.write_time());
        self.manager_disk = Some(Box::new(disk));
        self.node.manager = ManagerPart::Writing { timer, members: seat.members };
    }

    /// The log of the new manager is on the disk.
    pub(super) fn begin_manager(&mut self, out: &mut Effects) {
        let ManagerPart::Writing { members, .. } = &mut self.node.manager else { return };
        let members = std::mem::take(members);
        let disk = self.manager_disk.take().expect("it was written");
        if disk.kit.has_forgotten {
            out.fact(Fact::Lost { host: self.node.host, loss: Loss::Log });
        }
        self.manager = Some(Box::new(Manager::join(*disk, &members, out)));
        self.use_local_manager(true);
        self.await_ready(out);
    }

    pub(super) fn await_ready(&mut self, out: &mut Effects) {
        let timer = out.set_timer(Timer::Node(NodeTimer::ManagerReady), out.now() + READY_POLL);
        self.node.manager = ManagerPart::Opening(timer);
    }

    /// The manager serves requests from here on.
    pub(super) fn manager_ready(&mut self, out: &mut Effects) {
        if !self.node.manager.is_opening() {
            return;
        }
        self.node.manager = ManagerPart::Idle;
        self.continue_init(out);
        self.finish_join(out);
    }

    /// The certificate is a worker's: no manager, and no data of one.
    pub(super) fn drop_manager(&mut self, out: &mut Effects) {
        self.node.close_manager_part(out);
        self.stop_manager(out);
        if let Some(disk) = self.manager_disk.take() {
            self.node.wipe(*disk);
        }
    }

    /// The manager is no member of the Raft cluster any more: its process ends, and its data is deleted.
    pub(super) fn manager_removed(&mut self, out: &mut Effects) {
        if let ManagerPart::Opening(timer) = self.node.manager {
            out.cancel_timer(timer);
        }
        self.stop_manager(out);
        self.await_role(false, out);
    }

    fn await_role(&mut self, forced: bool, out: &mut Effects) {
        let timer = out.set_timer(Timer::Node(NodeTimer::RoleTimeout), out.now() + ROLE_TIMEOUT);
        self.node.manager = ManagerPart::Removed { timer, forced };
    }

    /// No other role has come: a renewal is asked for, and after that the manager joins again.
    pub(super) fn role_overdue(&mut self, out: &mut Effects) {
        let ManagerPart::Removed { forced, .. } = self.node.manager else { return };
        if forced {
            self.node.manager = ManagerPart::Idle;
            self.follow_role(out);
        } else {
            self.node.certificate.request(out);
            self.await_role(true, out);
        }
    }

    fn stop_manager(&mut self, out: &mut Effects) {
        if let Some(manager) = self.manager.take() {
            let disk = manager.shut_down(out);
            self.manager_ended(out);
            self.ended_by = Some(out.cause());
            self.node.wipe(disk);
            self.use_local_manager(false);
        }
    }

    fn use_local_manager(&mut self, local: bool) {
        if let Some(agent) = &mut self.agent {
            agent.set_local_manager(local);
        }
    }

    /// A component has failed, and takes the others with it. They run again after a pause, and do not remember the
    /// address that was once named for joining. Until then the engine tells why.
    fn fail(&mut self, error: &str, out: &mut Effects) {
        if self.node.join.is_some() {
            return self.fail_join(error, out);
        }
        self.node.join_address = None;
        self.node.error = Some(error.to_owned());
        self.node.close_manager_part(out);
        self.node.end_renewal(out);
        if let Some(agent) = &mut self.agent {
            agent.fail(out);
        }
        self.agent_ended(out);
        self.node.restart_later(out);
    }
}

impl StateDigest for ManagerPart {
    fn digest(&self, digest: &mut Digest) {
        match self {
            ManagerPart::Idle => digest.u8(0),
            ManagerPart::Joining(call) => {
                digest.u8(1);
                call.digest(digest);
            }
            ManagerPart::Opening(_) => digest.u8(2),
            ManagerPart::Writing { timer: _, members } => {
                digest.u8(4);
                members.iter().for_each(|(id, _)| digest.u64(id.0));
            }
            ManagerPart::Removed { timer: _, forced } => {
                digest.u8(3);
                digest.bool(*forced);
            }
        }
    }
}
