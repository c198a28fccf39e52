//! A follower's side of replication: what it does with the leader's appends and heartbeats (spec 2.7).
use crate::model::Defect;

use super::{AppendResponse, Body, Entry, EntryId, Payload, Raft, RaftId};

impl<P: Payload> Raft<P> {
    pub(super) fn handle_append(
        &mut self,
        leader: RaftId,
        previous: EntryId,
        entries: Vec<Entry<P>>,
        commit: u64,
    ) {
        let response = self.take_entries(previous, entries, commit);
        self.send(leader, Body::AppendResponse(response));
    }

    fn take_entries(&mut self, previous: EntryId, entries: Vec<Entry<P>>, commit: u64) -> AppendResponse {
        if previous.index < self.log.commit {
            // An old message; everything committed agrees anyway.
            return AppendResponse::Accepted { index: self.log.commit };
        }
        let keeps_conflicts = self.config.sabotage.is(Defect::KeepConflicts);
        match self.log.append_after(previous, entries, keeps_conflicts) {
            Some(agreed) => {
                // Entries behind `agreed` may be left over from another leader.
                self.log.commit_to(commit.min(agreed));
                AppendResponse::Accepted { index: agreed }
            }
            None => self.reject(previous),
        }
    }

    fn reject(&self, previous: EntryId) -> AppendResponse {
        let end = previous.index.min(self.log.last_index());
        let (hint_index, hint_term) = self.log.possible_match(end, previous.term);
        AppendResponse::Rejected { rejected: previous.index, hint_index, hint_term }
    }

    pub(super) fn handle_heartbeat(&mut self, leader: RaftId, commit: u64) {
        self.log.commit_to(commit);
        self.send(leader, Body::HeartbeatResponse);
    }
}
