//! Watches a cluster and panics when a promise of Raft is broken (spec control-plane 10).
use std::collections::BTreeMap;

use super::super::{
    AppendResponse, Body, Disk, Entry, EntryId, HardState, Message, ProgressState, Raft, RaftId, Role, Term,
};
use super::text::{self, State, Text};

/// What has been seen so far.
#[derive(Default)]
pub(super) struct Witness {
    pub(super) leaders: BTreeMap<Term, RaftId>,
    /// Votes that became durable.
    votes: BTreeMap<(RaftId, Term), RaftId>,
    /// Committed entries with the term in which they were first seen to be committed.
    committed: BTreeMap<u64, (EntryId, Term)>,
    /// Applied entries in full.
    pub(super) applied: BTreeMap<u64, String>,
    pub(super) snapshots_heard: usize,
    /// The last states seen of each running member.
    seen: BTreeMap<RaftId, Seen>,
    /// The log of each leader, with the term it leads.
    leader_logs: BTreeMap<RaftId, (Term, Vec<EntryId>)>,
    vote_under_lease: Option<(HardState, usize)>,
}

#[derive(Clone, Copy)]
struct Seen {
    hard_state: HardState,
    applied: u64,
    role: Role,
}

impl Witness {
    /// A member comes up with what it has on its disk; what it knew beyond that is forgotten.
    pub(super) fn started(&mut self, raft: &Raft<Text>, disk: &Disk<Text>) {
        assert_eq!(raft.hard_state(), disk.hard_state(), "I-R6: {} restarts with another state", raft.id());
        self.seen.remove(&raft.id());
    }

    /// A member's disk is about to be written.
    pub(super) fn written(&mut self, id: RaftId, before: HardState, after: HardState) {
        assert!(
            after.term >= before.term && after.commit >= before.commit,
            "I-R6: {id} goes back on its disk"
        );
        if let Some(vote) = after.vote {
            let first = *self.votes.entry((id, after.term)).or_insert(vote);
            assert_eq!(first, vote, "I-R6: {id} votes twice in term {}", after.term);
        }
    }

    /// Looks at a member after anything has happened to it.
    pub(super) fn observe(&mut self, raft: &Raft<Text>, state: &State) {
        let now = Seen { hard_state: raft.hard_state(), applied: raft.applied_index(), role: raft.role() };
        let before = self.seen.insert(raft.id(), now);
        if let Some(before) = before {
            check_monotone(raft, before, now);
        }
        self.check_commit(raft, before.map_or(0, |seen| seen.hard_state.commit));
        self.check_bounds(raft);
        if raft.role() == Role::Leader {
            self.check_leader(raft);
            check_progress(raft);
        } else {
            self.leader_logs.remove(&raft.id());
        }
        let reappears = raft.members().ids().any(|id| state.removed.contains(&id));
        assert!(!reappears, "I-R13: {} has a removed member", raft.id());
    }

    /// I-R5, and I-R4's memory of what is committed.
    fn check_commit(&mut self, raft: &Raft<Text>, known: u64) {
        for index in raft.first_index().max(known + 1)..=raft.commit_index() {
            let term = raft.log.term_at(index).expect("what is committed is in the log");
            let id = EntryId { term, index };
            let (first, _) = self.committed.entry(index).or_insert((id, raft.term()));
            assert_eq!(*first, id, "I-R5: {} has committed another entry", raft.id());
        }
        let open_changes = (raft.commit_index() + 1..=raft.last().index)
            .filter(|index| raft.log.entries.get(*index).is_some_and(Entry::is_conf_change))
            .count();
        assert!(open_changes <= 1, "I-R10: {} has {open_changes} uncommitted changes", raft.id());
    }

    fn check_bounds(&self, raft: &Raft<Text>) {
        let (applied, commit, last) = (raft.applied_index(), raft.commit_index(), raft.last().index);
        assert!(applied <= commit && commit <= last, "I-R5: {} {applied} {commit} {last}", raft.id());
    }

    fn check_leader(&mut self, raft: &Raft<Text>) {
        let (id, term) = (raft.id(), raft.term());
        let first = *self.leaders.entry(term).or_insert(id);
        assert_eq!(first, id, "I-R1: two leaders in term {term}");
        let log: Vec<EntryId> = raft.log_tail(u64::MAX).collect();
        match self.leader_logs.get(&id) {
            Some((known_term, known)) if *known_term == term => {
                let first_index = raft.first_index();
                let kept: Vec<EntryId> =
                    known.iter().copied().filter(|entry| entry.index >= first_index).collect();
                assert!(log.starts_with(&kept), "I-R2: leader {id} has changed its log");
            }
            Some(_) | None => {
                let older = self.committed.values().filter(|(_, committed_in)| *committed_in < term);
                for (entry, _) in older.filter(|(entry, _)| entry.index >= raft.first_index()) {
                    assert!(raft.log.contains(*entry), "I-R4: leader {id} of term {term} lacks {entry}");
                }
                assert!(raft.members().contains(id), "I-R11: {id} leads without being a member");
            }
        }
        self.leader_logs.insert(id, (term, log));
    }

    /// A message is about to leave; the disk is that of its sender (I-R7).
    pub(super) fn sent(&mut self, message: &Message<Text>, disk: &Disk<Text>) {
        let durable = disk.hard_state();
        let who = text::message(message);
        assert!(message.term <= durable.term, "I-R7: {who} before its term is durable");
        match &message.body {
            Body::Vote { .. } | Body::VoteResponse { granted: true } if message.term == durable.term => {
                assert!(durable.vote.is_some(), "I-R7: {who} before the vote is durable");
            }
            Body::AppendResponse(AppendResponse::Accepted { index }) if message.term == durable.term => {
                assert!(*index <= disk.entries.last().index, "I-R7: {who} before the entries are durable");
            }
            Body::Append { entries, .. } if message.term == durable.term => {
                let last = entries.last().map_or(0, |entry| entry.id.index);
                assert!(last <= disk.entries.last().index, "I-R7: {who} before the entries are durable");
            }
            Body::Vote { .. }
            | Body::VoteResponse { .. }
            | Body::AppendResponse(_)
            | Body::Append { .. }
            | Body::Heartbeat { .. }
            | Body::HeartbeatResponse
            | Body::Snapshot(_)
            | Body::TimeoutNow => {}
        }
    }

    /// An entry is applied (I-R5).
    pub(super) fn applied(&mut self, id: RaftId, entry: &Entry<Text>) {
        let content = text::entry(entry);
        let first = self.applied.entry(entry.id.index).or_insert_with(|| content.clone());
        assert_eq!(*first, content, "I-R5: {id} applies another entry");
    }

    /// A message is about to be heard: remembers what a vote may not change (I-R12).
    pub(super) fn before(&mut self, raft: &Raft<Text>, message: &Message<Text>) {
        self.snapshots_heard += usize::from(matches!(message.body, Body::Snapshot(_)));
        let is_plain_vote = matches!(message.body, Body::Vote { transfer: false, .. });
        self.vote_under_lease = (is_plain_vote && raft.is_in_lease() && message.term > raft.term())
            .then(|| (raft.hard_state(), raft.outbox.attestations.len()));
    }

    pub(super) fn after(&mut self, raft: &Raft<Text>) {
        if let Some((hard_state, answers)) = self.vote_under_lease.take() {
            assert_eq!(raft.hard_state(), hard_state, "I-R12: {} heeds a vote within its lease", raft.id());
            assert_eq!(raft.outbox.attestations.len(), answers, "I-R12: {} answers it", raft.id());
        }
    }
}

/// I-R6 within one life, and I-R8.
fn check_monotone(raft: &Raft<Text>, before: Seen, now: Seen) {
    let id = raft.id();
    let (old, new) = (before.hard_state, now.hard_state);
    assert!(new.term >= old.term && new.commit >= old.commit, "I-R6: {id} goes from {old:?} to {new:?}");
    assert!(now.applied >= before.applied, "I-R5: {id} applies twice");
    let leads_on = before.role == Role::Leader && now.role == Role::Leader && old.term == new.term;
    if leads_on && new.commit > old.commit {
        assert_eq!(
            raft.log.term_at(new.commit),
            Some(new.term),
            "I-R8: {id} commits an older term by counting"
        );
    }
}

/// I-R9.
fn check_progress(raft: &Raft<Text>) {
    for (id, progress) in raft.members().iter() {
        let who = format!("I-R9: leader {} of {id}: {progress}", raft.id());
        assert!(progress.matched < progress.next, "{who}");
        assert!(progress.next <= raft.last().index + 1, "{who}");
        assert!(progress.inflight() <= raft.config.max_inflight, "{who}");
        match progress.state {
            ProgressState::Probe => assert_eq!(progress.inflight(), 0, "{who}"),
            ProgressState::Replicate | ProgressState::Snapshot { .. } => {}
        }
    }
}

/// Equal ids in two logs mean equal logs up to there (I-R3). Costly, hence not at each step.
pub(super) fn check_log_matching(first: &Raft<Text>, second: &Raft<Text>) {
    let low = first.first_index().max(second.first_index());
    let high = first.last().index.min(second.last().index);
    let mut must_agree = false;
    for index in (low..=high).rev() {
        let (own, other) = (first.log.entries.get(index), second.log.entries.get(index));
        let (own, other) = (own.expect("in both logs"), other.expect("in both logs"));
        must_agree |= own.id == other.id;
        let agree = text::entry(own) == text::entry(other);
        assert!(agree || !must_agree, "I-R3: {} and {} differ at {index}", first.id(), second.id());
    }
}
