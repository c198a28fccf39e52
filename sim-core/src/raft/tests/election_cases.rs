//! Tables of cases about terms, votes and elections (control-plane-cases A.1, A.3). The longer stories stand in
//! `testdata/raft`.
use std::collections::BTreeMap;

use crate::kernel::Stream;

use super::super::{
    AppendResponse, Body, ConfChange, Config, EntryId, HardState, Message, Raft, RaftId, Role, Term,
};
use super::cluster::{case_config, disk, ids};
use super::text::{self, Text};

/// A node at this term, made from a disk.
pub(super) struct Given<'a> {
    pub(super) voters: &'a [u64],
    pub(super) log: &'a [u64],
    pub(super) term: u64,
    pub(super) vote: Option<u64>,
    pub(super) commit: u64,
    pub(super) config: Config,
}

impl Default for Given<'_> {
    fn default() -> Self {
        Given { voters: &[1, 2, 3], log: &[], term: 0, vote: None, commit: 0, config: case_config() }
    }
}

impl Given<'_> {
    /// Node 1 in the situation given.
    pub(super) fn start(&self) -> Raft<Text> {
        self.start_with(Stream::named(0, "election/1"))
    }

    fn start_with(&self, random: Stream) -> Raft<Text> {
        let hard_state =
            HardState { term: Term(self.term), vote: self.vote.map(RaftId), commit: self.commit };
        Raft::start(RaftId(1), self.config, &disk(self.voters, self.log, hard_state), random)
    }

    /// Node 1 after it has asked for votes at the next term.
    pub(super) fn candidate(&self) -> Raft<Text> {
        let mut raft = self.start();
        raft.campaign();
        work(&mut raft);
        raft
    }

    /// Node 1 as the leader of the next term, elected by everybody; what it has sent is forgotten.
    pub(super) fn leader(&self) -> Raft<Text> {
        let mut raft = self.candidate();
        for voter in self.voters.iter().filter(|voter| **voter != 1) {
            hear(&mut raft, *voter, self.term + 1, Body::VoteResponse { granted: true });
        }
        assert_eq!(raft.role(), Role::Leader);
        work(&mut raft);
        raft
    }
}

/// Does everything that a member wants done, and tells what it has sent.
pub(super) fn work(raft: &mut Raft<Text>) -> Vec<String> {
    messages(raft).iter().map(text::message).collect()
}

pub(super) fn messages(raft: &mut Raft<Text>) -> Vec<Message<Text>> {
    let mut sent = Vec::new();
    while let Some(ready) = raft.ready() {
        sent.extend(ready.messages);
        raft.advance();
    }
    sent
}

/// Node 1 hears this.
pub(super) fn hear(raft: &mut Raft<Text>, from: u64, term: u64, body: Body<Text>) {
    raft.step(Message { from: RaftId(from), to: RaftId(1), term: Term(term), body });
}

pub(super) fn at(term: u64, index: u64) -> EntryId {
    EntryId { term: Term(term), index }
}

pub(super) fn vote(term: u64, index: u64) -> Body<Text> {
    Body::Vote { last: at(term, index), transfer: false }
}

pub(super) fn append(term: u64, index: u64, commit: u64) -> Body<Text> {
    Body::Append { previous: at(term, index), entries: Vec::new(), commit }
}

fn soft(raft: &Raft<Text>) -> (Role, u64) {
    (raft.role(), raft.term().0)
}

/// Ticks until the member campaigns.
fn ticks_to_campaign(raft: &mut Raft<Text>) -> u64 {
    let term = raft.term();
    (1..)
        .find(|_| {
            raft.tick();
            raft.term() != term
        })
        .expect("it campaigns at last")
}

#[test]
fn a_higher_term_makes_a_follower_of_everybody() {
    // RAFT-001
    let given = Given { term: 0, ..Given::default() };
    for mut raft in [Given { term: 1, ..Given::default() }.start(), given.candidate(), given.leader()] {
        assert_eq!(raft.term(), Term(1));
        hear(&mut raft, 2, 2, append(0, 0, 0));
        assert_eq!(soft(&raft), (Role::Follower, 2));
        assert_eq!(raft.leader(), Some(RaftId(2)));
    }
}

#[test]
fn a_lower_term_is_not_even_answered_without_the_quorum_check() {
    // RAFT-002
    let mut raft = Given { term: 2, ..Given::default() }.start();
    hear(&mut raft, 2, 1, append(0, 0, 0));
    assert_eq!(raft.leader(), None);
    assert_eq!(work(&mut raft), [""; 0]);
}

#[test]
fn a_new_member_follows() {
    // RAFT-003
    assert_eq!(soft(&Given::default().start()), (Role::Follower, 0));
}

#[test]
fn silence_makes_followers_and_candidates_campaign_once_in_nineteen_ticks() {
    // RAFT-005
    let mut follower = Given { term: 1, ..Given::default() }.start();
    hear(&mut follower, 2, 1, append(0, 0, 0));
    let candidate = Given::default().candidate();
    for mut raft in [follower, candidate] {
        work(&mut raft);
        (0..19).for_each(|_| raft.tick());
        assert_eq!(soft(&raft), (Role::Candidate, 2));
        assert_eq!(raft.vote(), Some(RaftId(1)));
        assert_eq!(work(&mut raft), ["1->2 Vote term 2 last 0/0", "1->3 Vote term 2 last 0/0"]);
    }
}

#[test]
fn a_majority_of_answers_decides_an_election() {
    // RAFT-006
    let cases = [
        (1, &[][..], Role::Leader),
        (3, &[(2, true)], Role::Leader),
        (3, &[(2, true), (3, true)], Role::Leader),
        (5, &[(2, true), (3, true)], Role::Leader),
        (3, &[(2, false), (3, false)], Role::Follower),
        (5, &[(2, false), (3, false), (4, false), (5, false)], Role::Follower),
        (5, &[(2, true), (3, false), (4, false), (5, false)], Role::Follower),
        (3, &[], Role::Candidate),
        (5, &[(2, true)], Role::Candidate),
        (5, &[(2, false), (3, false)], Role::Candidate),
        (5, &[], Role::Candidate),
    ];
    for (size, answers, role) in cases {
        let voters: Vec<u64> = (1..=size).collect();
        let mut raft = Given { voters: &voters, ..Given::default() }.candidate();
        for (voter, granted) in answers {
            hear(&mut raft, *voter, 1, Body::VoteResponse { granted: *granted });
        }
        assert_eq!(soft(&raft), (role, 1), "{size} voters, {answers:?}");
    }
}

#[test]
fn a_vote_is_given_once_a_term() {
    // RAFT-007
    let cases = [
        (None, 2, true),
        (None, 3, true),
        (Some(2), 2, true),
        (Some(3), 3, true),
        (Some(2), 3, false),
        (Some(3), 2, false),
    ];
    for (vote_before, candidate, granted) in cases {
        let mut raft = Given { term: 1, vote: vote_before, ..Given::default() }.start();
        hear(&mut raft, candidate, 1, vote(0, 0));
        let answer = if granted { "granted" } else { "rejected" };
        assert_eq!(work(&mut raft), [format!("1->{candidate} VoteResponse term 1 {answer}")]);
    }
}

#[test]
fn a_candidate_gives_way_to_a_leader() {
    // RAFT-008
    for term in [1, 2] {
        let mut raft = Given::default().candidate();
        hear(&mut raft, 2, term, append(0, 0, 0));
        assert_eq!(soft(&raft), (Role::Follower, term));
    }
}

#[test]
fn every_timeout_from_ten_to_nineteen_occurs_and_no_other() {
    // RAFT-009
    for campaigns_before in [0, 1] {
        let mut random = Stream::named(9, "election/1");
        let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
        for _ in 0..500 {
            let mut raft = Given::default().start_with(random);
            (0..campaigns_before).for_each(|_| _ = ticks_to_campaign(&mut raft));
            *seen.entry(ticks_to_campaign(&mut raft)).or_default() += 1;
            random = raft.into_random();
        }
        assert_eq!(seen.keys().copied().collect::<Vec<_>>(), (10..20).collect::<Vec<_>>());
    }
}

#[test]
fn two_of_five_rarely_campaign_at_the_same_tick() {
    // RAFT-010: at most three rounds of ten, for followers and for candidates.
    for campaigns_before in [0, 1] {
        let mut streams: Vec<Stream> =
            (1..=5).map(|id| Stream::named(10, &format!("election/{id}"))).collect();
        let mut conflicts = 0;
        for _ in 0..1000 {
            let mut ticks = Vec::new();
            for random in &mut streams {
                let mut raft = Given::default().start_with(random.clone());
                (0..campaigns_before).for_each(|_| _ = ticks_to_campaign(&mut raft));
                ticks.push(ticks_to_campaign(&mut raft));
                *random = raft.into_random();
            }
            let first = ticks.iter().min().expect("five members");
            conflicts += usize::from(ticks.iter().filter(|tick| *tick == first).count() > 1);
        }
        assert!(conflicts <= 300, "{conflicts} of 1000 rounds");
    }
}

#[test]
fn the_chance_of_being_past_the_timeout_grows_by_a_tenth_each_tick() {
    // RAFT-011: (elapsed ticks, chance in tenths)
    for (elapsed, tenths) in [(5, 0), (10, 1), (13, 4), (15, 6), (18, 9), (20, 10)] {
        let mut random = Stream::named(11, "election/1");
        let mut expired = 0u64;
        for _ in 0..10_000 {
            let raft = Given::default().start_with(random);
            expired += u64::from(raft.randomized_timeout() <= elapsed);
            random = raft.into_random();
        }
        assert_eq!((expired + 500) / 1000, tenths, "after {elapsed} ticks");
    }
}

#[test]
fn a_follower_votes_for_logs_that_hold_at_least_its_own() {
    // RAFT-012: the own log is [2 2]; (index, last term) of the candidate.
    let rejected = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0), (3, 1)];
    let granted = [(0, 3), (1, 3), (2, 2), (2, 3), (3, 2), (3, 3)];
    let answer = |index, log_term: u64, vote_before| {
        let term = log_term.max(2);
        let mut raft = Given { log: &[2, 2], term, vote: vote_before, ..Given::default() }.start();
        hear(&mut raft, 2, term, vote(log_term, index));
        work(&mut raft)[0].ends_with("granted")
    };
    for (index, log_term) in rejected {
        assert!(!answer(index, log_term, None), "({index}, {log_term})");
    }
    for (index, log_term) in granted {
        assert!(answer(index, log_term, None), "({index}, {log_term})");
    }
    assert!(answer(3, 2, Some(2)));
    assert!(!answer(3, 2, Some(1)));
    let given = Given { log: &[2, 2], term: 2, ..Given::default() };
    for mut raft in [given.candidate(), given.leader()] {
        hear(&mut raft, 2, 3, vote(3, 9));
        assert_eq!(work(&mut raft), ["1->2 VoteResponse term 3 rejected"], "it has voted for itself");
    }
}

#[test]
fn the_last_term_counts_more_than_the_length() {
    // RAFT-013: own log, (last term, index) of the candidate, answer.
    let cases: [(&[u64], u64, u64, bool); 9] = [
        (&[1], 1, 1, true),
        (&[1], 1, 2, true),
        (&[1, 1], 1, 1, false),
        (&[1], 2, 1, true),
        (&[1], 2, 2, true),
        (&[1, 1], 2, 1, true),
        (&[2], 1, 1, false),
        (&[2], 1, 2, false),
        (&[2, 2], 1, 1, false),
    ];
    for (log, log_term, index, granted) in cases {
        let mut raft = Given { log, term: 2, ..Given::default() }.start();
        hear(&mut raft, 2, 3, vote(log_term, index));
        let answer = if granted { "granted" } else { "rejected" };
        assert_eq!(
            work(&mut raft),
            [format!("1->2 VoteResponse term 3 {answer}")],
            "{log:?} {log_term}/{index}"
        );
    }
}

#[test]
fn a_vote_names_the_last_entry() {
    // RAFT-014
    for (log, term, last) in [(&[1][..], 1, "1/1"), (&[1, 2], 2, "2/2")] {
        let mut raft = Given { log, term, ..Given::default() }.start();
        (0..19).for_each(|_| raft.tick());
        let next = term + 1;
        assert_eq!(
            work(&mut raft),
            [format!("1->2 Vote term {next} last {last}"), format!("1->3 Vote term {next} last {last}")]
        );
    }
}

#[test]
fn every_role_votes_in_a_new_term() {
    // RAFT-017
    let given = Given::default();
    for mut raft in [Given { term: 1, ..Given::default() }.start(), given.candidate(), given.leader()] {
        hear(&mut raft, 2, 2, vote(2, 42));
        assert_eq!(work(&mut raft), ["1->2 VoteResponse term 2 granted"]);
        assert_eq!(soft(&raft), (Role::Follower, 2));
        assert_eq!(raft.vote(), Some(RaftId(2)));
    }
}

#[test]
#[should_panic(expected = "a follower leads only after a campaign")]
fn a_follower_cannot_become_leader() {
    // RAFT-024: only a candidate counts votes; forced on a follower, a majority is a programming error.
    let mut raft = Given::default().start();
    raft.count_vote(RaftId(2), true);
    raft.count_vote(RaftId(3), true);
}

#[test]
fn a_campaign_raises_the_term_of_followers_and_candidates_and_leaders_do_not_campaign() {
    // RAFT-024
    let mut raft = Given::default().start();
    raft.campaign();
    assert_eq!(soft(&raft), (Role::Candidate, 1));
    raft.campaign();
    assert_eq!(soft(&raft), (Role::Candidate, 2));
    let mut raft = Given::default().leader();
    raft.campaign();
    assert_eq!(soft(&raft), (Role::Leader, 1));
}

#[test]
fn a_vote_of_a_higher_term_deposes_everybody_and_an_append_names_the_new_leader() {
    // RAFT-025
    let given = Given::default();
    for (mut raft, last_index) in [(given.start(), 0), (given.candidate(), 0), (given.leader(), 1)] {
        hear(&mut raft, 2, 3, vote(3, 9));
        assert_eq!((soft(&raft), raft.leader()), ((Role::Follower, 3), None));
        hear(&mut raft, 2, 3, append(0, 0, 0));
        assert_eq!((soft(&raft), raft.leader()), ((Role::Follower, 3), Some(RaftId(2))));
        assert_eq!(raft.last().index, last_index);
    }
}

#[test]
fn only_a_voter_is_promotable() {
    // RAFT-029
    for (voters, promotable) in [(&[1][..], true), (&[1, 2, 3], true), (&[], false), (&[2, 3], false)] {
        assert_eq!(Given { voters, ..Given::default() }.start().is_promotable(), promotable, "{voters:?}");
    }
}

#[test]
fn a_removed_member_does_not_campaign_even_when_told_to() {
    // RAFT-033
    let mut raft = Given { voters: &[2, 3, 4], ..Given::default() }.start();
    hear(&mut raft, 2, 1, Body::TimeoutNow);
    hear(&mut raft, 2, 1, Body::VoteResponse { granted: true });
    hear(&mut raft, 3, 1, Body::VoteResponse { granted: true });
    assert_eq!(raft.role(), Role::Follower);
}

#[test]
fn a_leader_with_a_living_quorum_stays() {
    // RAFT-080
    let config = Config { election_tick: 5, check_quorum: true, ..Config::default() };
    let mut raft = Given { config, ..Given::default() }.leader();
    for _ in 0..6 {
        hear(&mut raft, 2, 1, Body::HeartbeatResponse);
        raft.tick();
    }
    assert_eq!(soft(&raft), (Role::Leader, 1));
}

#[test]
fn a_leader_without_answers_steps_down() {
    // RAFT-081: nobody has answered since the election itself.
    let config = Config { election_tick: 5, check_quorum: true, ..Config::default() };
    let mut raft = Given { config, ..Given::default() }.leader();
    (0..6).for_each(|_| raft.tick());
    assert_eq!((soft(&raft), raft.leader()), ((Role::Follower, 1), None));
}

#[test]
fn a_new_leader_takes_changes_when_everything_older_is_applied() {
    // RAFT-122: the empty entry of the term itself does not count.
    for log in [&[][..], &[1]] {
        let raft = Given { log, term: 1, ..Given::default() }.leader();
        assert_eq!(raft.pending_conf_index, log.len() as u64);
    }
}

#[test]
fn applied_changes_add_and_remove_voters() {
    // RAFT-123
    let mut raft = Given { voters: &[1], ..Given::default() }.start();
    raft.apply_conf_change(&ConfChange::AddNode { id: RaftId(2), member: "node-2".to_owned() });
    assert_eq!(raft.members().ids().collect::<Vec<_>>(), ids(&[1, 2]));
    raft.apply_conf_change(&ConfChange::RemoveNode { id: RaftId(2) });
    assert_eq!(raft.members().ids().collect::<Vec<_>>(), ids(&[1]));
}

#[test]
#[should_panic(expected = "the last voter 1 cannot be removed")]
fn removing_the_last_voter_is_fatal() {
    // RAFT-123
    let mut raft = Given { voters: &[1], ..Given::default() }.start();
    raft.apply_conf_change(&ConfChange::RemoveNode { id: RaftId(1) });
}

#[test]
fn an_answer_of_a_stranger_changes_nothing() {
    let mut raft = Given::default().leader();
    let stray = Body::AppendResponse(AppendResponse::Accepted { index: 0 });
    hear(&mut raft, 9, 7, stray);
    assert_eq!(soft(&raft), (Role::Leader, 1));
}
