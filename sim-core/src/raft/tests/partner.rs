//! Another implementation of Raft behind the words of this one: the `raft` crate, descended from the same original.
//!
//! It is driven so that it is always at rest: whatever it hands out is stored and applied at once.
use ::raft::eraftpb;
use ::raft::{GetEntriesContext, RaftState, RawNode, SnapshotStatus, StateRole, Storage, StorageError};

use super::super::{ConfChange, Config, EntryData, EntryId, Message, RaftId, Role, Snapshot, Term};
use super::text::{self, State, Text};
use super::translation::{
    conf_change, context_of, from_partner, from_partner_entry, id, metadata, to_partner,
};

/// One member that runs the other implementation.
pub(super) struct Partner {
    node: RawNode<Shelf>,
}

/// Its storage, like that of etcd: the term of the last compacted entry stays known.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    hard_state: eraftpb::HardState,
    snapshot: eraftpb::SnapshotMetadata,
    base: EntryId,
    entries: Vec<eraftpb::Entry>,
}

/// What both implementations must agree on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) term: Term,
    pub(super) role: Role,
    pub(super) leader: Option<RaftId>,
    pub(super) vote: Option<RaftId>,
    pub(super) commit: u64,
    pub(super) applied: u64,
    pub(super) first_index: u64,
    pub(super) log: Vec<String>,
    pub(super) voters: Vec<RaftId>,
    pub(super) transferee: Option<RaftId>,
    pub(super) election_elapsed: u64,
    /// On a leader: what each other member is known to have, and whether it has spoken lately.
    pub(super) progress: Vec<(RaftId, u64, bool)>,
}

impl Shelf {
    /// The storage of a member that has nothing but this snapshot.
    pub(super) fn at(last: EntryId, voters: &[RaftId]) -> Self {
        let mut shelf = Shelf { base: last, ..Shelf::default() };
        shelf.hard_state.term = last.term.0;
        shelf.hard_state.commit = last.index;
        shelf.snapshot = metadata(last, voters);
        shelf
    }

    /// What is read after a restart: nothing from before the snapshot.
    fn reopened(&self) -> Self {
        let mut shelf = self.clone();
        let last = id(self.snapshot.term, self.snapshot.index);
        shelf.entries.retain(|entry| entry.index > last.index);
        shelf.base = last;
        shelf
    }

    fn compact(&mut self, last: u64) {
        if let Some(position) = self.entries.iter().position(|entry| entry.index == last) {
            self.base = id(self.entries[position].term, last);
            self.entries.drain(..=position);
        }
    }
}

impl Storage for Shelf {
    fn initial_state(&self) -> ::raft::Result<RaftState> {
        Ok(RaftState::new(self.hard_state.clone(), self.snapshot.get_conf_state().clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> ::raft::Result<Vec<eraftpb::Entry>> {
        if low <= self.base.index {
            return Err(StorageError::Compacted.into());
        }
        let wanted = self.entries.iter().filter(|entry| (low..high).contains(&entry.index));
        let mut entries = wanted.cloned().collect();
        ::raft::util::limit_size(&mut entries, max_size.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> ::raft::Result<u64> {
        if index == self.base.index {
            return Ok(self.base.term.0);
        }
        let entry = self.entries.iter().find(|entry| entry.index == index);
        entry.map(|entry| entry.term).ok_or_else(|| StorageError::Unavailable.into())
    }

    fn first_index(&self) -> ::raft::Result<u64> {
        Ok(self.base.index + 1)
    }

    fn last_index(&self) -> ::raft::Result<u64> {
        Ok(self.entries.last().map_or(self.base.index, |entry| entry.index))
    }

    fn snapshot(&self, _request_index: u64, _to: u64) -> ::raft::Result<eraftpb::Snapshot> {
        let mut snapshot = eraftpb::Snapshot::default();
        snapshot.set_metadata(self.snapshot.clone());
        Ok(snapshot)
    }
}

impl Partner {
    pub(super) fn start(id: RaftId, config: Config, shelf: &Shelf) -> Self {
        let shelf = shelf.reopened();
        let config = ::raft::Config {
            id: id.0,
            election_tick: config.election_tick as usize,
            heartbeat_tick: config.heartbeat_tick as usize,
            applied: shelf.base.index,
            max_size_per_msg: config.max_message_bytes,
            max_inflight_msgs: config.max_inflight,
            check_quorum: config.check_quorum,
            ..::raft::Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        Partner { node: RawNode::new(&config, shelf, &logger).expect("the configuration is valid") }
    }

    pub(super) fn shelf(&self) -> &Shelf {
        self.node.store()
    }

    pub(super) fn tick(&mut self, randomized_timeout: u64) {
        self.node.raft.set_randomized_election_timeout(randomized_timeout as usize);
        self.node.tick();
    }

    pub(super) fn step(&mut self, message: &Message<Text>) {
        // The answer of a stranger is refused with an error; ours drops it.
        let _ = self.node.step(to_partner(message));
    }

    pub(super) fn campaign(&mut self) {
        self.node.campaign().expect("nothing can go wrong");
    }

    /// Whether the entry was appended.
    pub(super) fn propose(&mut self, text: &Text) -> bool {
        self.node.propose(Vec::new(), text.0.as_bytes().to_vec()).is_ok()
    }

    pub(super) fn propose_conf_change(&mut self, change: &ConfChange<String>) -> bool {
        self.node.propose_conf_change(context_of(change).into_bytes(), conf_change(change)).is_ok()
    }

    pub(super) fn transfer_leader(&mut self, target: RaftId) {
        self.node.transfer_leader(target.0);
    }

    pub(super) fn report_unreachable(&mut self, peer: RaftId) {
        self.node.report_unreachable(peer.0);
    }

    pub(super) fn report_snapshot(&mut self, peer: RaftId, delivered: bool) {
        let status = if delivered { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.node.report_snapshot(peer.0, status);
    }

    /// The applied state is saved, and the log compacted.
    pub(super) fn save_snapshot(&mut self, last: EntryId, voters: &[RaftId], entries_kept: u64) {
        let shelf = self.node.mut_store();
        if last.index > shelf.snapshot.index {
            shelf.snapshot = metadata(last, voters);
            shelf.compact(last.index.saturating_sub(entries_kept));
        }
    }

    /// Stores and applies all that is handed out; returns what is to be sent.
    pub(super) fn settle(&mut self) -> Vec<eraftpb::Message> {
        let mut sent = Vec::new();
        while self.node.has_ready() {
            let mut ready = self.node.ready();
            sent.append(&mut ready.take_messages());
            let shelf = self.node.mut_store();
            if !ready.snapshot().is_empty() {
                shelf.snapshot = ready.snapshot().get_metadata().clone();
                shelf.base = id(shelf.snapshot.term, shelf.snapshot.index);
                shelf.entries.clear();
            }
            if let Some(first) = ready.entries().first() {
                shelf.entries.retain(|entry| entry.index < first.index);
                shelf.entries.extend_from_slice(ready.entries());
            }
            if let Some(hard_state) = ready.hs() {
                shelf.hard_state = hard_state.clone();
            }
            sent.append(&mut ready.take_persisted_messages());
            let mut committed = ready.take_committed_entries();
            let mut light = self.node.advance_append(ready);
            if let Some(commit) = light.commit_index() {
                self.node.mut_store().hard_state.commit = commit;
            }
            sent.append(&mut light.take_messages());
            committed.append(&mut light.take_committed_entries());
            committed.iter().for_each(|entry| self.apply(entry));
            self.node.advance_apply();
        }
        sent
    }

    fn apply(&mut self, entry: &eraftpb::Entry) {
        let EntryData::ConfChange(change) = from_partner_entry(entry).data else { return };
        let change = match change {
            // It has no word for an update; adding again who is there has the same effect.
            ConfChange::UpdateNode { member, .. } => {
                ConfChange::AddNode { id: self.view().voters[0], member }
            }
            ConfChange::AddNode { .. } | ConfChange::RemoveNode { .. } => change,
        };
        self.node.apply_conf_change(&conf_change(&change)).expect("somebody is left to vote");
    }

    /// The message in our words. Like SwarmKit, a snapshot names the present voters of its sender.
    pub(super) fn translate(
        &self,
        message: &eraftpb::Message,
        state: impl Fn(u64) -> State,
    ) -> Message<Text> {
        let last = message.get_snapshot().get_metadata();
        let snapshot = || Snapshot {
            last: id(last.term, last.index),
            voters: self.view().voters,
            data: state(last.index),
        };
        Message {
            from: RaftId(message.from),
            to: RaftId(message.to),
            term: Term(message.term),
            body: from_partner(message, snapshot),
        }
    }

    pub(super) fn view(&self) -> View {
        let raft = &self.node.raft;
        let log = &raft.raft_log;
        let some = |id: u64| (id != 0).then_some(RaftId(id));
        let role = match raft.state {
            StateRole::Follower => Role::Follower,
            StateRole::Candidate => Role::Candidate,
            StateRole::Leader => Role::Leader,
            StateRole::PreCandidate => panic!("there is no PreVote"),
        };
        let mut voters: Vec<RaftId> = raft.prs().iter().map(|(id, _)| RaftId(*id)).collect();
        voters.sort();
        let entries = log.entries(log.first_index(), None, GetEntriesContext::empty(false));
        let entries = entries.expect("what is not compacted can be read");
        let mut progress: Vec<(RaftId, u64, bool)> = Vec::new();
        if role == Role::Leader {
            let known = raft.prs().iter().filter(|(id, _)| **id != raft.id);
            progress
                .extend(known.map(|(id, progress)| (RaftId(*id), progress.matched, progress.recent_active)));
            progress.sort();
        }
        View {
            term: Term(raft.term),
            role,
            leader: some(raft.leader_id),
            vote: some(raft.vote),
            commit: log.committed,
            applied: log.applied,
            first_index: log.first_index(),
            log: entries.iter().map(|entry| text::entry(&from_partner_entry(entry))).collect(),
            voters,
            transferee: raft.lead_transferee.map(RaftId),
            election_elapsed: raft.election_elapsed as u64,
            progress,
        }
    }
}
