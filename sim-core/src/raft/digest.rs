//! The part of the state hash that a member and its disk contribute.
use crate::kernel::{Digest, StateDigest};

use super::election::Timer;
use super::log::{Incoming, Log};
use super::ready::{Outbox, Outstanding, OwnRecord, Persist, Ready};
use super::{
    AppendResponse, Body, ConfChange, Config, Disk, Entry, EntryData, EntryId, HardState, Members, Message,
    Payload, Progress, ProgressState, Raft, RaftId, Role, Snapshot, SoftState, Term,
};

impl<P: Payload> StateDigest for Raft<P> {
    fn digest(&self, digest: &mut Digest) {
        let Self {
            id,
            config,
            term,
            vote,
            log,
            role,
            leader,
            votes,
            members,
            pending_conf_index,
            transferee,
            timer,
            random,
            outbox,
        } = self;
        id.digest(digest);
        config.digest(digest);
        term.digest(digest);
        vote.digest(digest);
        log.digest(digest);
        role.digest(digest);
        leader.digest(digest);
        votes.digest(digest);
        members.digest(digest);
        pending_conf_index.digest(digest);
        transferee.digest(digest);
        timer.digest(digest);
        random.digest(digest);
        outbox.digest(digest);
    }
}

impl<P: Payload> StateDigest for Disk<P> {
    fn digest(&self, digest: &mut Digest) {
        let Self { hard_state, snapshot, entries } = self;
        hard_state.digest(digest);
        snapshot.digest(digest);
        entries.digest(digest);
    }
}

impl StateDigest for Config {
    fn digest(&self, digest: &mut Digest) {
        // A defect is chosen before a run and never changes.
        let Self {
            election_tick,
            heartbeat_tick,
            check_quorum,
            max_message_bytes,
            max_inflight,
            sabotage: _,
        } = self;
        election_tick.digest(digest);
        heartbeat_tick.digest(digest);
        check_quorum.digest(digest);
        max_message_bytes.digest(digest);
        max_inflight.digest(digest);
    }
}

impl<P: Payload> StateDigest for Log<P> {
    fn digest(&self, digest: &mut Digest) {
        let Self { entries, snapshot, incoming, commit, applied, persist_from } = self;
        entries.digest(digest);
        snapshot.digest(digest);
        digest.u8(match incoming {
            Incoming::None => 0,
            Incoming::Waiting => 1,
            Incoming::HandedOut => 2,
        });
        commit.digest(digest);
        applied.digest(digest);
        persist_from.digest(digest);
    }
}

impl StateDigest for Role {
    fn digest(&self, digest: &mut Digest) {
        digest.u8(match self {
            Role::Follower => 0,
            Role::Candidate => 1,
            Role::Leader => 2,
        });
    }
}

impl StateDigest for Timer {
    fn digest(&self, digest: &mut Digest) {
        let Self { election_elapsed, heartbeat_elapsed, randomized_timeout } = self;
        election_elapsed.digest(digest);
        heartbeat_elapsed.digest(digest);
        randomized_timeout.digest(digest);
    }
}

impl StateDigest for Members {
    fn digest(&self, digest: &mut Digest) {
        digest.sequence(self.iter());
    }
}

impl StateDigest for Progress {
    fn digest(&self, digest: &mut Digest) {
        let Self { matched, next, state, recent_active, append_paused, sent_commit, inflight } = self;
        matched.digest(digest);
        next.digest(digest);
        match state {
            ProgressState::Probe => digest.u8(0),
            ProgressState::Replicate => digest.u8(1),
            ProgressState::Snapshot { pending } => {
                digest.u8(2);
                pending.digest(digest);
            }
        }
        recent_active.digest(digest);
        append_paused.digest(digest);
        sent_commit.digest(digest);
        inflight.digest(digest);
    }
}

impl<P: Payload> StateDigest for Outbox<P> {
    fn digest(&self, digest: &mut Digest) {
        let Self { messages, attestations, own_records, known_hard_state, known_soft_state, outstanding } =
            self;
        messages.digest(digest);
        attestations.digest(digest);
        own_records.digest(digest);
        known_hard_state.digest(digest);
        known_soft_state.digest(digest);
        outstanding.digest(digest);
    }
}

impl StateDigest for Outstanding {
    fn digest(&self, digest: &mut Digest) {
        let Self { own_records, snapshot_index, applied_index } = self;
        own_records.digest(digest);
        snapshot_index.digest(digest);
        applied_index.digest(digest);
    }
}

impl StateDigest for OwnRecord {
    fn digest(&self, digest: &mut Digest) {
        match self {
            OwnRecord::Vote { term } => {
                digest.u8(0);
                term.digest(digest);
            }
            OwnRecord::Entry { id } => {
                digest.u8(1);
                id.digest(digest);
            }
        }
    }
}

impl<P: Payload> StateDigest for Ready<P> {
    fn digest(&self, digest: &mut Digest) {
        let Self { persist, messages, soft_state, committed } = self;
        let Persist { hard_state, snapshot, entries, must_sync } = persist;
        hard_state.digest(digest);
        snapshot.digest(digest);
        entries.digest(digest);
        must_sync.digest(digest);
        messages.digest(digest);
        soft_state.digest(digest);
        committed.digest(digest);
    }
}

impl StateDigest for HardState {
    fn digest(&self, digest: &mut Digest) {
        let Self { term, vote, commit } = self;
        term.digest(digest);
        vote.digest(digest);
        commit.digest(digest);
    }
}

impl StateDigest for SoftState {
    fn digest(&self, digest: &mut Digest) {
        let Self { role, leader } = self;
        role.digest(digest);
        leader.digest(digest);
    }
}

impl<P: Payload> StateDigest for Message<P> {
    fn digest(&self, digest: &mut Digest) {
        let Self { from, to, term, body } = self;
        from.digest(digest);
        to.digest(digest);
        term.digest(digest);
        body.digest(digest);
    }
}

impl<P: Payload> StateDigest for Body<P> {
    fn digest(&self, digest: &mut Digest) {
        match self {
            Body::Vote { last, transfer } => {
                digest.u8(0);
                last.digest(digest);
                transfer.digest(digest);
            }
            Body::VoteResponse { granted } => {
                digest.u8(1);
                granted.digest(digest);
            }
            Body::Append { previous, entries, commit } => {
                digest.u8(2);
                previous.digest(digest);
                entries.digest(digest);
                commit.digest(digest);
            }
            Body::AppendResponse(response) => {
                digest.u8(3);
                response.digest(digest);
            }
            Body::Heartbeat { commit } => {
                digest.u8(4);
                commit.digest(digest);
            }
            Body::HeartbeatResponse => digest.u8(5),
            Body::Snapshot(snapshot) => {
                digest.u8(6);
                snapshot.digest(digest);
            }
            Body::TimeoutNow => digest.u8(7),
        }
    }
}

impl StateDigest for AppendResponse {
    fn digest(&self, digest: &mut Digest) {
        match self {
            AppendResponse::Accepted { index } => {
                digest.u8(0);
                index.digest(digest);
            }
            AppendResponse::Rejected { rejected, hint_index, hint_term } => {
                digest.u8(1);
                rejected.digest(digest);
                hint_index.digest(digest);
                hint_term.digest(digest);
            }
        }
    }
}

impl<P: Payload> StateDigest for Snapshot<P> {
    fn digest(&self, digest: &mut Digest) {
        let Self { last, voters, data } = self;
        last.digest(digest);
        voters.digest(digest);
        data.digest(digest);
    }
}

impl<P: Payload> StateDigest for Entry<P> {
    fn digest(&self, digest: &mut Digest) {
        let Self { id, data } = self;
        id.digest(digest);
        match data {
            EntryData::Empty => digest.u8(0),
            EntryData::Normal(payload) => {
                digest.u8(1);
                payload.digest(digest);
            }
            EntryData::ConfChange(change) => {
                digest.u8(2);
                change.digest(digest);
            }
        }
    }
}

impl<M: StateDigest> StateDigest for ConfChange<M> {
    fn digest(&self, digest: &mut Digest) {
        match self {
            ConfChange::AddNode { id, member } => {
                digest.u8(0);
                id.digest(digest);
                member.digest(digest);
            }
            ConfChange::RemoveNode { id } => {
                digest.u8(1);
                id.digest(digest);
            }
            ConfChange::UpdateNode { id, member } => {
                digest.u8(2);
                id.digest(digest);
                member.digest(digest);
            }
        }
    }
}

impl StateDigest for EntryId {
    fn digest(&self, digest: &mut Digest) {
        let Self { term, index } = self;
        term.digest(digest);
        index.digest(digest);
    }
}

impl StateDigest for Term {
    fn digest(&self, digest: &mut Digest) {
        digest.u64(self.0);
    }
}

impl StateDigest for RaftId {
    fn digest(&self, digest: &mut Digest) {
        digest.u64(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::text::Text;
    use super::*;
    use crate::kernel::Stream;

    fn digest_of(state: &impl StateDigest) -> u64 {
        let mut digest = Digest::new();
        state.digest(&mut digest);
        digest.finish()
    }

    #[test]
    fn every_step_of_a_member_shows_in_its_digest() {
        let random = Stream::named(0, "election/1");
        let mut disk = Disk::empty();
        let mut raft: Raft<Text> =
            Raft::bootstrap(RaftId(1), Config::default(), "node-1".to_owned(), random.clone());
        let mut seen = vec![digest_of(&raft)];
        let mut step = |raft: &mut Raft<Text>, action: &mut dyn FnMut(&mut Raft<Text>)| {
            action(raft);
            seen.push(digest_of(raft));
        };
        step(&mut raft, &mut |raft| raft.tick());
        step(&mut raft, &mut |raft| disk.write(&raft.ready().expect("the first entry").persist));
        step(&mut raft, &mut |raft| raft.advance());
        step(&mut raft, &mut |raft| raft.campaign());
        step(&mut raft, &mut |raft| disk.write(&raft.ready().expect("a vote").persist));
        step(&mut raft, &mut |raft| raft.advance());
        let distinct: std::collections::BTreeSet<u64> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len());
        assert_eq!(digest_of(&raft.clone()), digest_of(&raft));
        let empty: Disk<Text> = Disk::empty();
        assert_ne!(digest_of(&disk), digest_of(&empty));
        assert!(empty.is_empty() && !disk.is_empty());
    }
}
