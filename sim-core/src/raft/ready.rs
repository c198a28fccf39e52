//! What a member wants done: the contract between the state machine and its driver (spec 2.12).
use super::log::Incoming;
use super::{AppendResponse, Body, Entry, EntryId, Message, Payload, Raft, RaftId, Role, Snapshot, Term};

/// The numbers that must survive a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HardState {
    pub(crate) term: Term,
    pub(crate) vote: Option<RaftId>,
    pub(crate) commit: u64,
}

/// What need not survive a crash, but matters to the manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SoftState {
    pub(crate) role: Role,
    pub(crate) leader: Option<RaftId>,
}

/// A batch of work. The driver writes `persist` to the disk, sends the messages, loads a received snapshot, notes
/// the role, applies the entries, in this order, and then calls [`Raft::advance`]. Meanwhile the member may be
/// ticked and stepped, but hands out nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Ready<P: Payload> {
    pub(crate) persist: Persist<P>,
    pub(crate) messages: Vec<Message<P>>,
    /// Set if role or leader have changed.
    pub(crate) soft_state: Option<SoftState>,
    /// Committed entries in the order of their indices, after the received snapshot if there is one.
    pub(crate) committed: Vec<Entry<P>>,
}

/// What becomes durable at one stroke.
#[derive(Clone, Debug)]
pub(crate) struct Persist<P: Payload> {
    pub(crate) hard_state: Option<HardState>,
    pub(crate) snapshot: Option<Snapshot<P>>,
    /// They replace what the disk has from the index of the first on.
    pub(crate) entries: Vec<Entry<P>>,
    /// Whether the driver waits for the disk. A new commit index alone is written, but not waited for.
    pub(crate) must_sync: bool,
}

/// A vote or an entry of this member, which counts for itself when it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnRecord {
    Vote { term: Term },
    Entry { id: EntryId },
}

/// What waits for the driver.
#[derive(Clone, Debug)]
pub(super) struct Outbox<P: Payload> {
    pub(super) messages: Vec<Message<P>>,
    /// Messages that attest what is stored; they leave behind the others.
    pub(super) attestations: Vec<Message<P>>,
    pub(super) own_records: Vec<OwnRecord>,
    /// Hard and soft state as the driver knows them.
    pub(super) known_hard_state: HardState,
    pub(super) known_soft_state: SoftState,
    pub(super) outstanding: Option<Outstanding>,
}

/// What the Ready that the driver works on will have done.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    pub(super) own_records: Vec<OwnRecord>,
    pub(super) snapshot_index: Option<u64>,
    pub(super) applied_index: u64,
}

impl<P: Payload> Outbox<P> {
    /// Nothing waits; the driver knows these states.
    pub(super) fn new(known_hard_state: HardState, known_soft_state: SoftState) -> Self {
        Outbox {
            messages: Vec::new(),
            attestations: Vec::new(),
            own_records: Vec::new(),
            known_hard_state,
            known_soft_state,
            outstanding: None,
        }
    }
}

impl<P: Payload> Raft<P> {
    /// Whether [`Raft::ready`] would return something.
    pub(crate) fn has_ready(&self) -> bool {
        self.outbox.outstanding.is_none()
            && (!self.outbox.messages.is_empty()
                || !self.outbox.attestations.is_empty()
                || self.log.has_unpersisted()
                || self.log.has_entries_to_apply()
                || self.log.incoming == Incoming::Waiting
                || self.hard_state() != self.outbox.known_hard_state
                || self.soft_state() != self.outbox.known_soft_state)
    }

    /// Hands out what is to be done, if there is anything and the driver has finished the last batch.
    pub(crate) fn ready(&mut self) -> Option<Ready<P>> {
        if !self.has_ready() {
            return None;
        }
        // Before entries are marked as carried: a batch of applied entries may hold some of them.
        let committed = self.log.batch_to_apply(self.config.max_message_bytes);
        let soft_state = Some(self.soft_state()).filter(|soft| *soft != self.outbox.known_soft_state);
        self.outbox.known_soft_state = self.soft_state();
        let persist = self.take_persist();
        let mut messages = std::mem::take(&mut self.outbox.messages);
        messages.append(&mut self.outbox.attestations);
        self.outbox.outstanding = Some(Outstanding {
            own_records: std::mem::take(&mut self.outbox.own_records),
            snapshot_index: persist.snapshot.as_ref().map(|snapshot| snapshot.last.index),
            applied_index: committed.last().map_or(0, |entry| entry.id.index),
        });
        Some(Ready { persist, messages, soft_state, committed })
    }

    fn take_persist(&mut self) -> Persist<P> {
        let (hard_state, known) = (self.hard_state(), self.outbox.known_hard_state);
        self.outbox.known_hard_state = hard_state;
        let snapshot = match self.log.incoming {
            Incoming::Waiting => self.log.snapshot.clone(),
            Incoming::None | Incoming::HandedOut => None,
        };
        if snapshot.is_some() {
            self.log.incoming = Incoming::HandedOut;
        }
        let entries = self.log.take_unpersisted();
        let must_sync = !entries.is_empty()
            || snapshot.is_some()
            || (hard_state.term, hard_state.vote) != (known.term, known.vote);
        Persist { hard_state: Some(hard_state).filter(|state| *state != known), snapshot, entries, must_sync }
    }

    /// The driver has done everything that the last Ready asked for.
    pub(crate) fn advance(&mut self) {
        let done = self.outbox.outstanding.take().expect("a Ready was handed out");
        for record in done.own_records {
            self.count_own_record(record);
        }
        if let Some(index) = done.snapshot_index {
            if self.log.incoming == Incoming::HandedOut {
                self.log.incoming = Incoming::None;
            }
            self.log.applied_to(index);
        }
        self.log.applied_to(done.applied_index);
    }

    /// The own vote and the own entries count like those of the others, unless the term has moved on meanwhile.
    fn count_own_record(&mut self, record: OwnRecord) {
        match record {
            OwnRecord::Vote { term } if term == self.term && self.role == Role::Candidate => {
                self.count_vote(self.id, true);
            }
            OwnRecord::Entry { id } if id.term == self.term && self.role == Role::Leader => {
                let stored = AppendResponse::Accepted { index: id.index };
                self.handle_append_response(self.id, stored);
            }
            OwnRecord::Vote { .. } | OwnRecord::Entry { .. } => {}
        }
    }

    pub(super) fn record_own(&mut self, record: OwnRecord) {
        self.outbox.own_records.push(record);
    }

    pub(super) fn send(&mut self, to: RaftId, body: Body<P>) {
        let lane =
            if body.attests_storage() { &mut self.outbox.attestations } else { &mut self.outbox.messages };
        lane.push(Message { from: self.id, to, term: self.term, body });
    }

    pub(crate) fn hard_state(&self) -> HardState {
        HardState { term: self.term, vote: self.vote, commit: self.log.commit }
    }

    pub(crate) fn soft_state(&self) -> SoftState {
        SoftState { role: self.role, leader: self.leader }
    }
}
