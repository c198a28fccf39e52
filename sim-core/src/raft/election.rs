//! Terms, roles and elections (spec 2.2 to 2.6): the timer, the campaign, the vote, the lease and the quorum check.
use crate::kernel::Stream;
use crate::model::Defect;

use super::ready::OwnRecord;
use super::{Body, EntryData, EntryId, Payload, Progress, Raft, RaftId, Term};

/// What a member is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Takes entries from a leader, or waits for one.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Orders the entries of its term.
    Leader,
}

/// Ticks counted by a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timer {
    /// Since a leader was heard or a vote was given; for a leader, since its last quorum check.
    pub(super) election_elapsed: u64,
    /// Since a leader's last heartbeat.
    pub(super) heartbeat_elapsed: u64,
    /// Silence after which this member campaigns. Drawn when the role or the term is set, kept in between.
    pub(super) randomized_timeout: u64,
}

/// Why a member campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Campaign {
    /// It has heard no leader for long enough.
    Election,
    /// The leader asked it to take over; voters then disregard their lease.
    Transfer,
}

/// How a campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tally {
    Won,
    Lost,
    Open,
}

impl Timer {
    fn drawn(election_tick: u64, random: &mut Stream) -> Self {
        let randomized_timeout = election_tick + random.below(election_tick);
        Timer { election_elapsed: 0, heartbeat_elapsed: 0, randomized_timeout }
    }

    /// The timer of a member that has drawn nothing yet.
    pub(super) const UNSET: Timer =
        Timer { election_elapsed: 0, heartbeat_elapsed: 0, randomized_timeout: 0 };
}

impl<P: Payload> Raft<P> {
    /// Starts a campaign now, if this member may campaign at all.
    pub(crate) fn campaign(&mut self) {
        self.campaign_if_allowed(Campaign::Election);
    }

    pub(super) fn campaign_for_transfer(&mut self) {
        self.campaign_if_allowed(Campaign::Transfer);
    }

    pub(super) fn tick_election(&mut self) {
        self.timer.election_elapsed += 1;
        if self.is_promotable() && self.timer.election_elapsed >= self.timer.randomized_timeout {
            self.timer.election_elapsed = 0;
            self.campaign();
        }
    }

    pub(super) fn tick_leader(&mut self) {
        self.timer.heartbeat_elapsed += 1;
        self.timer.election_elapsed += 1;
        if self.timer.election_elapsed >= self.config.election_tick {
            self.timer.election_elapsed = 0;
            self.check_quorum();
            // A transfer that takes longer than an election has failed; proposals are accepted again.
            self.transferee = None;
        }
        if self.role == Role::Leader && self.timer.heartbeat_elapsed >= self.config.heartbeat_tick {
            self.timer.heartbeat_elapsed = 0;
            self.broadcast_heartbeat();
        }
    }

    /// Steps down if a majority has been silent since the last check, and starts the next period of listening.
    fn check_quorum(&mut self) {
        if !self.config.check_quorum {
            return;
        }
        if !self.members.quorum_active() {
            self.become_follower(self.term, None);
        }
        for (_, progress) in self.members.iter_mut().filter(|(id, _)| *id != self.id) {
            progress.recent_active = false;
        }
    }

    fn campaign_if_allowed(&mut self, campaign: Campaign) {
        // A committed change may have altered who votes; campaigning before it is applied could split a majority.
        if self.role == Role::Leader || !self.is_promotable() || self.log.has_unapplied_conf_change() {
            return;
        }
        self.become_candidate();
        let body = Body::Vote { last: self.log.last(), transfer: campaign == Campaign::Transfer };
        for voter in self.members.ids().collect::<Vec<_>>() {
            if voter == self.id {
                self.record_own(OwnRecord::Vote { term: self.term });
            } else {
                self.send(voter, body.clone());
            }
        }
    }

    /// A vote for a higher term is ignored while a living leader is known, so that a member which merely missed
    /// the leader cannot depose it (spec 2.4).
    pub(super) fn lease_forbids(&self, body: &Body<P>) -> bool {
        let asks_for_election = matches!(body, Body::Vote { transfer: false, .. });
        asks_for_election && self.is_in_lease()
    }

    /// Answers a vote of the own term (spec 2.5). Whether this member knows itself as a voter does not matter:
    /// the candidate's configuration can be the newer one.
    pub(super) fn answer_vote(&mut self, candidate: RaftId, last: EntryId) {
        let is_free = self.vote == Some(candidate)
            || (self.vote.is_none() && self.leader.is_none())
            || self.config.sabotage.is(Defect::ReuseTerm);
        let is_complete =
            last.is_up_to_date_with(self.log.last()) || self.config.sabotage.is(Defect::VoteForShortLog);
        let granted = is_free && is_complete;
        self.send(candidate, Body::VoteResponse { granted });
        if granted {
            self.timer.election_elapsed = 0;
            self.vote = Some(candidate);
        }
    }

    pub(super) fn count_vote(&mut self, voter: RaftId, granted: bool) {
        self.votes.entry(voter).or_insert(granted);
        match self.tally() {
            Tally::Won => {
                self.become_leader();
                self.broadcast_append();
            }
            Tally::Lost => self.become_follower(self.term, None),
            Tally::Open => {}
        }
    }

    fn tally(&self) -> Tally {
        let count = |answer| self.members.ids().filter(|id| self.votes.get(id) == Some(&answer)).count();
        let (granted, rejected) = (count(true), count(false));
        if granted >= self.members.quorum() {
            Tally::Won
        } else if self.members.len() - rejected < self.members.quorum() {
            Tally::Lost
        } else {
            Tally::Open
        }
    }

    /// The leader of the own term has spoken.
    pub(super) fn follow(&mut self, leader: RaftId) {
        if self.role == Role::Follower {
            self.timer.election_elapsed = 0;
            self.leader = Some(leader);
        } else {
            self.become_follower(self.term, Some(leader));
        }
    }

    pub(super) fn become_follower(&mut self, term: Term, leader: Option<RaftId>) {
        self.reset(term);
        self.leader = leader;
        self.role = Role::Follower;
    }

    fn become_candidate(&mut self) {
        assert_ne!(self.role, Role::Leader, "a leader does not campaign");
        let reuses = self.config.sabotage.is(Defect::ReuseTerm) && self.term > Term(0);
        self.reset(if reuses { self.term } else { self.term.next() });
        self.vote = Some(self.id);
        self.role = Role::Candidate;
    }

    fn become_leader(&mut self) {
        assert_ne!(self.role, Role::Follower, "a follower leads only after a campaign");
        self.reset(self.term);
        self.leader = Some(self.id);
        self.role = Role::Leader;
        let own = self.members.progress_mut(self.id).expect("only a member campaigns");
        own.become_replicate();
        own.recent_active = true;
        // There may be a configuration change somewhere in the log. Instead of looking for it, no new one is
        // accepted before everything older is applied.
        self.pending_conf_index = self.log.last_index();
        self.append_own(EntryData::Empty);
    }

    /// What every change of role or term starts with (spec 2.1).
    fn reset(&mut self, term: Term) {
        if self.term != term {
            self.term = term;
            self.vote = None;
        }
        self.leader = None;
        self.timer = Timer::drawn(self.config.election_tick, &mut self.random);
        self.transferee = None;
        self.votes.clear();
        let last_index = self.log.last_index();
        for (id, progress) in self.members.iter_mut() {
            *progress = Progress::new(last_index + 1, self.config.max_inflight);
            if id == self.id {
                progress.matched = last_index;
            }
        }
        self.pending_conf_index = 0;
    }
}
