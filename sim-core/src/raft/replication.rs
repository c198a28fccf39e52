//! The leader's side of replication (spec 2.6 to 2.8): proposals, what is sent to whom, and when it is committed.
use std::fmt;

use crate::model::Defect;

use super::ready::OwnRecord;
use super::{
    AppendResponse, Body, ConfChange, EntryData, EntryId, Payload, ProgressState, Raft, RaftId, Role,
};

/// Why a proposal was not appended. The proposer may try again elsewhere or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProposalDropped {
    /// This member does not lead, and proposals are not forwarded.
    NotLeader,
    /// This leader has removed itself from the configuration.
    NotMember,
    /// The leadership is being transferred.
    Transferring,
}

impl fmt::Display for ProposalDropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("raft proposal dropped")
    }
}

impl<P: Payload> Raft<P> {
    /// Appends an entry to the log of the leader and sends it to its peers. Returns its index; whether it will
    /// be committed shows only when an entry of that index is applied.
    pub(crate) fn propose(&mut self, payload: P) -> Result<u64, ProposalDropped> {
        self.may_propose()?;
        Ok(self.append_and_send(EntryData::Normal(payload)))
    }

    /// Appends a change of the configuration. While an older one may be unapplied, an empty entry silently takes
    /// its place (spec 2.11): the proposer learns of it only by not seeing its change applied.
    pub(crate) fn propose_conf_change(
        &mut self,
        change: ConfChange<P::Member>,
    ) -> Result<u64, ProposalDropped> {
        self.may_propose()?;
        if self.pending_conf_index > self.log.applied {
            return Ok(self.append_and_send(EntryData::Empty));
        }
        self.pending_conf_index = self.log.last_index() + 1;
        Ok(self.append_and_send(EntryData::ConfChange(change)))
    }

    fn may_propose(&self) -> Result<(), ProposalDropped> {
        if self.role != Role::Leader {
            Err(ProposalDropped::NotLeader)
        } else if !self.members.contains(self.id) {
            Err(ProposalDropped::NotMember)
        } else if self.transferee.is_some() {
            Err(ProposalDropped::Transferring)
        } else {
            Ok(())
        }
    }

    fn append_and_send(&mut self, data: EntryData<P>) -> u64 {
        let index = self.append_own(data);
        self.broadcast_append();
        index
    }

    /// Appends without sending. The leader counts its own copy when it is durable.
    pub(super) fn append_own(&mut self, data: EntryData<P>) -> u64 {
        let index = self.log.append(self.term, data);
        self.record_own(OwnRecord::Entry { id: EntryId { term: self.term, index } });
        index
    }

    pub(super) fn broadcast_append(&mut self) {
        for peer in self.peers() {
            self.send_append(peer);
        }
    }

    /// Tells every peer that the leader lives. It never names a commit index beyond what the peer has stored.
    pub(super) fn broadcast_heartbeat(&mut self) {
        for peer in self.peers() {
            let progress = self.members.progress_mut(peer).expect("peers are members");
            let commit = progress.matched.min(self.log.commit);
            progress.sent_commit = commit;
            self.send(peer, Body::Heartbeat { commit });
        }
    }

    /// Sends what comes next, or an empty append for the sake of the commit index.
    pub(super) fn send_append(&mut self, to: RaftId) {
        self.try_append(to, true);
    }

    /// Sends entries, if there are any to send. Returns whether a message left.
    pub(super) fn send_entries(&mut self, to: RaftId) -> bool {
        self.try_append(to, false)
    }

    fn try_append(&mut self, to: RaftId, even_if_empty: bool) -> bool {
        let progress = self.members.progress_mut(to).expect("appends go to members");
        if progress.is_paused() {
            return false;
        }
        let previous_index = progress.next - 1;
        let Some(previous_term) = self.log.term_at(previous_index) else {
            return self.send_snapshot(to);
        };
        // Through a full window only an empty append passes: its answer empties the window if everything in it
        // was lost.
        let is_full = progress.state == ProgressState::Replicate && progress.inflight.is_full();
        let entries = if is_full {
            Vec::new()
        } else {
            self.log.batch_from(progress.next, self.config.max_message_bytes)
        };
        if entries.is_empty() && !even_if_empty {
            return false;
        }
        progress.sent_entries(entries.len() as u64);
        progress.sent_commit = self.log.commit;
        let previous = EntryId { term: previous_term, index: previous_index };
        self.send(to, Body::Append { previous, entries, commit: self.log.commit });
        true
    }

    pub(super) fn handle_append_response(&mut self, from: RaftId, response: AppendResponse) {
        let Some(progress) = self.members.progress_mut(from) else {
            return; // a leader that removed itself hears of its own entries
        };
        progress.recent_active = true;
        match response {
            AppendResponse::Accepted { index } => self.handle_accepted(from, index),
            AppendResponse::Rejected { rejected, hint_index, hint_term } => {
                // Where the own log has newer terms than the follower, the two cannot agree.
                let hint = match hint_term {
                    Some(term) => self.log.possible_match(hint_index, term).0,
                    None => hint_index,
                };
                self.handle_rejected(from, rejected, hint);
            }
        }
    }

    fn handle_rejected(&mut self, from: RaftId, rejected: u64, hint: u64) {
        let progress = self.members.progress_mut(from).expect("the caller has found the member");
        if progress.back_off(rejected, hint) {
            if progress.state == ProgressState::Replicate {
                progress.become_probe();
            }
            self.send_append(from);
        }
    }

    fn handle_accepted(&mut self, from: RaftId, index: u64) {
        let first_index = self.log.first_index();
        let progress = self.members.progress_mut(from).expect("the caller has found the member");
        // The answer to an empty probe brings nothing new, but ends the probing.
        let ends_probe = progress.state == ProgressState::Probe && index == progress.matched;
        if !progress.acknowledge(index) && !ends_probe {
            return;
        }
        match progress.state {
            ProgressState::Probe => progress.become_replicate(),
            // The log reaches back to what the peer has: no matter which snapshot brought it there.
            ProgressState::Snapshot { .. } if progress.matched + 1 >= first_index => {
                progress.become_replicate()
            }
            ProgressState::Snapshot { .. } => {}
            ProgressState::Replicate => progress.inflight.free_through(index),
        }
        let lacks_commit = progress.can_bump_commit(self.log.commit);

        if self.advance_commit() {
            self.broadcast_append();
        } else if from != self.id && lacks_commit {
            self.send_append(from);
        }
        if from != self.id {
            while self.send_entries(from) {}
        }
        self.continue_transfer(from);
    }

    pub(super) fn handle_heartbeat_response(&mut self, from: RaftId) {
        let last_index = self.log.last_index();
        let Some(progress) = self.members.progress_mut(from) else { return };
        progress.recent_active = true;
        progress.append_paused = false;
        if progress.matched < last_index || progress.state == ProgressState::Probe {
            self.send_append(from);
        }
    }

    /// The transport could not reach a peer: what was sent optimistically is probably lost.
    pub(crate) fn report_unreachable(&mut self, peer: RaftId) {
        if self.role != Role::Leader {
            return;
        }
        if let Some(progress) = self.members.progress_mut(peer)
            && progress.state == ProgressState::Replicate
        {
            progress.become_probe();
        }
    }

    /// Commits what a majority has stored, if the last of it is of the own term: an entry of an older term that
    /// a majority has can still be replaced (spec 2.8). Returns whether there is something new.
    pub(super) fn advance_commit(&mut self) -> bool {
        let index = if self.config.sabotage.is(Defect::CommitAlone) {
            self.log.last_index()
        } else {
            self.members.quorum_index()
        };
        if index <= self.log.commit || self.log.term_at(index) != Some(self.term) {
            return false;
        }
        self.log.commit_to(index);
        true
    }
}
