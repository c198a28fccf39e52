//! Handing the leadership to a chosen member (spec 2.10).
use super::{Body, Payload, Raft, RaftId, Role};

impl<P: Payload> Raft<P> {
    /// Asks this leader to let `target` take over. Proposals are dropped until it has, or until the time of one
    /// election is over. A second target replaces the first, the leader itself only calls the transfer off.
    pub(crate) fn transfer_leader(&mut self, target: RaftId) {
        if self.role != Role::Leader || !self.members.contains(target) || self.transferee == Some(target) {
            return;
        }
        self.transferee = None;
        if target == self.id {
            return;
        }
        self.timer.election_elapsed = 0;
        self.transferee = Some(target);
        if !self.continue_transfer(target) {
            self.send_append(target);
        }
    }

    /// Tells the transferee to campaign, if it has the whole log. Returns whether it does.
    pub(super) fn continue_transfer(&mut self, member: RaftId) -> bool {
        let has_all = self.transferee == Some(member)
            && self
                .members
                .progress(member)
                .is_some_and(|progress| progress.matched == self.log.last_index());
        if has_all {
            self.send(member, Body::TimeoutNow);
        }
        has_all
    }
}
