//! What a member shows of itself, for its manager, for invariants and for learners.
use super::{Entry, EntryId, Members, Payload, Raft, RaftId, Role, Term};

impl<P: Payload> Raft<P> {
    pub(crate) fn id(&self) -> RaftId {
        self.id
    }

    pub(crate) fn term(&self) -> Term {
        self.term
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// The leader of the own term, as far as this member knows.
    pub(crate) fn leader(&self) -> Option<RaftId> {
        self.leader
    }

    /// Whom this member voted for in its term.
    pub(crate) fn vote(&self) -> Option<RaftId> {
        self.vote
    }

    /// The last entry known to be committed.
    pub(crate) fn commit_index(&self) -> u64 {
        self.log.commit
    }

    /// The last entry whose application the driver has reported.
    pub(crate) fn applied_index(&self) -> u64 {
        self.log.applied
    }

    /// The first entry that is not compacted.
    pub(crate) fn first_index(&self) -> u64 {
        self.log.first_index()
    }

    /// The last entry of the log.
    pub(crate) fn last(&self) -> EntryId {
        self.log.last()
    }

    /// The term of the entry at an index, if the log reaches there.
    pub(crate) fn term_at(&self, index: u64) -> Option<Term> {
        self.log.term_at(index)
    }

    /// The ids of the last entries, at most `count` of them, oldest first.
    pub(crate) fn log_tail(&self, count: u64) -> impl Iterator<Item = EntryId> {
        let first = self.log.first_index().max((self.log.last_index() + 1).saturating_sub(count));
        self.log.entries.starting_at(first).map(|entry| entry.id)
    }

    /// The entries from an index on, as far back as the log reaches.
    pub(crate) fn entries_from(&self, first: u64) -> impl Iterator<Item = &Entry<P>> {
        let first = first.clamp(self.log.first_index(), self.log.last_index() + 1);
        self.log.entries.starting_at(first)
    }

    /// The last entry that the newest snapshot covers.
    pub(crate) fn snapshot_index(&self) -> u64 {
        self.log.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index)
    }

    /// The voters and, on a leader, what is known of their logs.
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// Whether this member is the only voter, so that it may campaign without waiting (spec 3.1).
    pub(crate) fn is_sole_voter(&self) -> bool {
        self.members.len() == 1 && self.members.contains(self.id)
    }

    /// To whom the leadership is being transferred.
    #[cfg(test)]
    pub(crate) fn transferee(&self) -> Option<RaftId> {
        self.transferee
    }

    /// Ticks since a leader was heard or a vote was given; for a leader, since its last quorum check.
    #[cfg(test)]
    pub(crate) fn election_elapsed(&self) -> u64 {
        self.timer.election_elapsed
    }

    /// The ticks of silence after which this member campaigns.
    #[cfg(test)]
    pub(crate) fn randomized_timeout(&self) -> u64 {
        self.timer.randomized_timeout
    }

    /// Whether votes for others are ignored because a leader lives, which a leader believes of itself (spec 2.4).
    pub(crate) fn is_in_lease(&self) -> bool {
        self.config.check_quorum
            && self.leader.is_some()
            && self.timer.election_elapsed < self.config.election_tick
    }
}
