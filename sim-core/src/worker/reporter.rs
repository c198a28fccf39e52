//! Tells the dispatcher what became of tasks (spec control-plane 7.3).
//!
//! One status per task is pending. One call is outstanding; it takes along all that is pending when it leaves,
//! where the real reporter makes a call per task: the dispatcher gathers the reports of 100 ms anyway.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernel::{Digest, StateDigest};
use crate::model::{FactId, HostId, NodeId, TaskId, TaskStatus};
use crate::protocol::{
    Answer, CallError, CallId, Component, Effects, Message, Request, SessionId, StatusCode, StatusUpdate,
};

/// Where reports go: an open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) peer: HostId,
    pub(super) session: SessionId,
    /// The stream that this opening of the session rides on. A session can be opened again under its old id.
    pub(super) opening: CallId,
}

/// Statuses on their way to the dispatcher.
#[derive(Debug)]
pub(super) struct Reporter {
    node: NodeId,
    route: Option<Route>,
    pending: BTreeMap<TaskId, Report>,
    outstanding: Option<(CallId, Arc<[StatusUpdate]>)>,
}

/// The latest status of a task, and the fact behind it.
#[derive(Debug)]
struct Report {
    status: TaskStatus,
    cause: FactId,
}

/// What an answer to a report means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It answers no report of ours.
    NotOurs,
    /// The report counts as delivered.
    Delivered,
    /// The session is over; the report will be sent again.
    Failed(CallError),
}

impl Reporter {
    pub(super) fn new(node: NodeId) -> Self {
        Reporter { node, route: None, pending: BTreeMap::new(), outstanding: None }
    }

    /// Follows the session. True if it is open anew, so that everything has to be reported again.
    pub(super) fn follow(&mut self, route: Option<Route>) -> bool {
        if self.route == route {
            return false;
        }
        self.route = route;
        self.take_back();
        route.is_some()
    }

    /// The process is over: what was pending is reported from the disk after the next registration.
    pub(super) fn forget(&mut self) {
        *self = Reporter::new(self.node);
    }

    /// A task has this status now. A newer status replaces a pending one unless its state is lower.
    pub(super) fn report(&mut self, task: TaskId, status: &TaskStatus, cause: FactId) {
        let older = self.pending.get(&task).filter(|pending| pending.status.state > status.state);
        if older.is_none() {
            self.pending.insert(task, Report { status: status.clone(), cause });
        }
    }

    /// Sends what is pending, if there is a session and the last call was answered.
    pub(super) fn flush(&mut self, out: &mut Effects) {
        let Some(route) = self.route else { return };
        if self.outstanding.is_some() || self.pending.is_empty() {
            return;
        }
        let updates: Arc<[StatusUpdate]> = std::mem::take(&mut self.pending)
            .into_iter()
            .map(|(task, Report { status, cause })| StatusUpdate { task, status, cause })
            .collect();
        let call = out.mint_call(Component::Agent);
        self.outstanding = Some((call, Arc::clone(&updates)));
        let request = Request::UpdateTaskStatus { node: self.node, session: route.session, updates };
        out.send(route.peer, Message::Request { call, request });
    }

    /// A call of the agent came to its end. A node that the dispatcher does not know any more counts as served:
    /// the full report at the next registration repairs it.
    pub(super) fn answered(&mut self, call: CallId, answer: &Answer) -> Delivery {
        if self.outstanding.as_ref().is_none_or(|(outstanding, _)| *outstanding != call) {
            return Delivery::NotOurs;
        }
        match answer {
            Ok(_) => {}
            Err(CallError::Status(status)) if status.code == StatusCode::NotFound => {}
            Err(error) => {
                self.take_back();
                return Delivery::Failed(error.clone());
            }
        }
        self.outstanding = None;
        Delivery::Delivered
    }

    /// What was sent and not answered is pending again, unless there is something newer.
    fn take_back(&mut self) {
        let Some((_, updates)) = self.outstanding.take() else { return };
        for StatusUpdate { task, status, cause } in updates.iter() {
            let report = || Report { status: status.clone(), cause: *cause };
            self.pending.entry(*task).or_insert_with(report);
        }
    }
}

impl StateDigest for Reporter {
    fn digest(&self, digest: &mut Digest) {
        let Self { node, route, pending, outstanding } = self;
        node.digest(digest);
        digest.bool(route.is_some());
        if let Some(Route { peer, session, opening }) = route {
            peer.digest(digest);
            digest.u64(session.0);
            digest.u64(opening.number);
        }
        digest.u64(pending.len() as u64);
        for (task, Report { status, cause }) in pending {
            task.digest(digest);
            digest.debug(status);
            digest.u64(cause.0);
        }
        if let Some((call, updates)) = outstanding {
            digest.u64(call.number);
            digest.debug(updates);
        }
    }
}
