//! Tables of cases about appends, commits, progress and snapshots (control-plane-cases A.2, A.5). The longer stories
//! stand in `testdata/raft`.
use super::super::{
    AppendResponse, Body, Disk, Entry, EntryData, HardState, Progress, ProgressState, Raft, RaftId, Snapshot,
    Term,
};
use super::cluster::{Cluster, case_config, disk, disk_at, ids};
use super::election_cases::{Given, append, at, hear, messages, work};
use super::text::{State, Text};
use crate::kernel::Stream;

fn entry(term: u64, index: u64) -> Entry<Text> {
    Entry { id: at(term, index), data: EntryData::Normal(Text::new(&index.to_string())) }
}

/// An append after `previous` with entries of these terms.
fn append_entries(previous: (u64, u64), terms: &[u64], commit: u64) -> Body<Text> {
    let (term, index) = previous;
    let entries = terms.iter().zip(index + 1..).map(|(term, index)| entry(*term, index)).collect();
    Body::Append { previous: at(term, index), entries, commit }
}

fn accepted(index: u64) -> Body<Text> {
    Body::AppendResponse(AppendResponse::Accepted { index })
}

fn rejected(rejected: u64, hint_index: u64, hint_term: Option<u64>) -> Body<Text> {
    Body::AppendResponse(AppendResponse::Rejected { rejected, hint_index, hint_term: hint_term.map(Term) })
}

fn terms(raft: &Raft<Text>) -> Vec<u64> {
    raft.log_tail(u64::MAX).map(|id| id.term.0).collect()
}

fn progress(raft: &mut Raft<Text>, id: u64) -> &mut Progress {
    raft.members.progress_mut(RaftId(id)).expect("a member")
}

/// A leader whose peers have acknowledged everything.
fn leader_with_replicating_peers() -> Raft<Text> {
    let mut raft = Given::default().leader();
    hear(&mut raft, 2, 1, accepted(1));
    hear(&mut raft, 3, 1, accepted(1));
    work(&mut raft);
    raft
}

#[test]
fn a_heartbeat_names_no_more_than_is_known_to_match() {
    // RAFT-004: nothing of the ten entries is known to be there.
    let mut raft = Given::default().leader();
    (0..10).for_each(|_| _ = raft.propose(Text::new("x")));
    work(&mut raft);
    raft.tick();
    assert_eq!(work(&mut raft), ["1->2 Heartbeat term 1 commit 0", "1->3 Heartbeat term 1 commit 0"]);
}

#[test]
fn an_entry_commits_when_a_majority_has_it() {
    // RAFT-042
    let cases: [(u64, &[u64], bool); 8] = [
        (1, &[], true),
        (3, &[], false),
        (3, &[2], true),
        (3, &[2, 3], true),
        (5, &[], false),
        (5, &[2], false),
        (5, &[2, 3], true),
        (5, &[2, 3, 4], true),
    ];
    for (size, acknowledged_by, committed) in cases {
        let voters: Vec<u64> = (1..=size).collect();
        let mut raft = Given { voters: &voters, ..Given::default() }.leader();
        voters.iter().skip(1).for_each(|voter| hear(&mut raft, *voter, 1, accepted(1)));
        work(&mut raft);
        let index = raft.propose(Text::new("x")).expect("it leads");
        work(&mut raft);
        acknowledged_by.iter().for_each(|voter| hear(&mut raft, *voter, 1, accepted(index)));
        assert_eq!(raft.commit_index() == index, committed, "{size} voters, {acknowledged_by:?}");
    }
}

#[test]
fn an_entry_of_the_own_term_commits_all_before_it() {
    // RAFT-043
    for log in [&[][..], &[2], &[1, 2], &[1]] {
        let mut raft = Given { log, term: 2, ..Given::default() }.leader();
        let index = raft.propose(Text::new("x")).expect("it leads");
        work(&mut raft);
        hear(&mut raft, 2, 3, accepted(index));
        let ready = raft.ready().expect("something is committed");
        let committed: Vec<u64> = ready.committed.iter().map(|entry| entry.id.term.0).collect();
        assert_eq!(committed, [log, &[3, 3]].concat());
    }
}

#[test]
fn a_follower_applies_what_the_leader_has_committed() {
    // RAFT-044: (entries, commit)
    for (terms, commit) in [(&[1][..], 1), (&[1, 1], 2), (&[1, 1], 1)] {
        let mut raft = Given { term: 1, ..Given::default() }.start();
        hear(&mut raft, 2, 1, append_entries((0, 0), terms, commit));
        assert_eq!(raft.commit_index(), commit);
        let applied = raft.ready().expect("something is committed").committed;
        assert_eq!(
            applied.iter().map(|entry| entry.id.index).collect::<Vec<_>>(),
            (1..=commit).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_follower_answers_with_what_matches_or_a_hint() {
    // RAFT-045: the own log is [1 2], of which 1 is committed; (term, index) before the append.
    let cases = [
        (0, 0, "index 1"),
        (1, 1, "index 1"),
        (2, 2, "index 2"),
        (1, 2, "rejected 2 hint 1/1"),
        (3, 3, "rejected 3 hint 2/2"),
    ];
    for (term, index, answer) in cases {
        let mut raft = Given { log: &[1, 2], term: 2, commit: 1, ..Given::default() }.start();
        hear(&mut raft, 2, 2, append(term, index, 0));
        let last = work(&mut raft).pop();
        assert_eq!(last, Some(format!("1->2 AppendResponse term 2 {answer}")), "{term}/{index}");
    }
}

#[test]
fn a_follower_replaces_what_differs_and_nothing_else() {
    // RAFT-046: entries after (term, index), the resulting log, what is written anew.
    let cases = [
        ((2, 2), &[3][..], &[1, 2, 3][..], 1),
        ((1, 1), &[3, 4], &[1, 3, 4], 2),
        ((0, 0), &[1], &[1, 2], 0),
        ((0, 0), &[3], &[3], 1),
    ];
    for (previous, entries, log, written) in cases {
        let mut raft = Given { log: &[1, 2], term: 4, ..Given::default() }.start();
        hear(&mut raft, 2, 4, append_entries(previous, entries, 0));
        assert_eq!(terms(&raft), log);
        assert_eq!(raft.ready().expect("an answer").persist.entries.len(), written);
    }
}

#[test]
fn a_leader_makes_every_log_equal_to_its_own() {
    // RAFT-047
    let leader_log = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    let follower_logs: [&[u64]; 6] = [
        &[1, 1, 1, 4, 4, 5, 5, 6, 6],
        &[1, 1, 1, 4, 4],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        &[1, 1, 1, 4, 4, 4, 4],
        &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    for follower_log in follower_logs {
        let mut cluster = Cluster::new(0);
        let hard_state = |term, commit| HardState { term: Term(term), vote: None, commit };
        let leader_disk = disk(&[1, 2, 3], &leader_log, hard_state(8, 10));
        cluster.add(RaftId(1), case_config(), leader_disk);
        let follower_term = *follower_log.last().expect("no log is empty");
        cluster.add(RaftId(2), case_config(), disk(&[1, 2, 3], follower_log, hard_state(follower_term, 0)));
        // The third votes for the leader whatever it says, and says nothing else.
        cluster.act(RaftId(1), Raft::campaign);
        cluster.work(RaftId(1));
        cluster.act(RaftId(1), |raft| hear(raft, 3, 9, Body::VoteResponse { granted: true }));
        cluster.settle();
        cluster.act(RaftId(1), |raft| raft.propose(Text::new("x"))).expect("it leads");
        cluster.settle();
        assert_eq!(terms(cluster.raft(2)), [&leader_log[..], &[9, 9]].concat(), "{follower_log:?}");
    }
}

#[test]
fn entries_of_older_terms_never_commit_by_counting() {
    // RAFT-048
    for (acknowledged, commit) in [(1, 0), (2, 0), (3, 3)] {
        let mut raft = Given { log: &[1, 2], term: 2, ..Given::default() }.leader();
        raft.propose(Text::new("x")).expect("it leads");
        work(&mut raft);
        hear(&mut raft, 2, 3, accepted(acknowledged));
        assert_eq!(raft.commit_index(), commit, "after {acknowledged}");
    }
}

#[test]
fn the_commit_index_is_what_a_majority_has_of_the_own_term() {
    // RAFT-049: what each has, the leader's log, its term, the commit index.
    let cases: [(&[u64], &[u64], u64, u64); 12] = [
        (&[1], &[1], 1, 1),
        (&[1], &[1], 2, 0),
        (&[2], &[1, 2], 2, 2),
        (&[1], &[2], 2, 1),
        (&[2, 1, 1], &[1, 2], 1, 1),
        (&[2, 1, 1], &[1, 1], 2, 0),
        (&[2, 1, 2], &[1, 2], 2, 2),
        (&[2, 1, 2], &[1, 1], 2, 0),
        (&[2, 1, 1, 1], &[1, 2], 1, 1),
        (&[2, 1, 1, 2], &[1, 2], 1, 1),
        (&[2, 1, 2, 2], &[1, 2], 2, 2),
        (&[2, 1, 2, 2], &[1, 1], 2, 0),
    ];
    for (matched, log, term, commit) in cases {
        let voters: Vec<u64> = (1..=matched.len() as u64).collect();
        let mut raft = Given { voters: &voters, log, term, ..Given::default() }.start();
        for (voter, index) in voters.iter().zip(matched) {
            progress(&mut raft, *voter).matched = *index;
        }
        raft.advance_commit();
        assert_eq!(raft.commit_index(), commit, "{matched:?} {log:?} term {term}");
    }
}

#[test]
fn proposals_need_a_majority_that_lives() {
    // RAFT-054: (members, those alive, whether an entry commits)
    for (size, alive, commits) in [(3, 3, true), (3, 2, true), (3, 1, false), (4, 2, false), (5, 3, true)] {
        let voters: Vec<u64> = (1..=size).collect();
        let mut cluster = Cluster::of(&voters, case_config());
        (alive + 1..=size).for_each(|id| cluster.crash(RaftId(id)));
        cluster.elect(1);
        let proposed = cluster.act(RaftId(1), |raft| raft.propose(Text::new("x")));
        cluster.settle();
        assert_eq!(proposed.is_ok(), commits);
        assert_eq!(!cluster.leaders().is_empty(), commits);
        for id in 1..=alive {
            assert_eq!(cluster.raft(id).commit_index(), if commits { 2 } else { 0 }, "{alive} of {size}");
        }
    }
}

#[test]
fn an_append_moves_the_commit_index_no_further_than_it_vouches_for() {
    // RAFT-056: the own log is [1 2]; entries after (term, index) with a commit index; last index and commit after.
    for (term, index) in [(3, 2), (3, 3)] {
        let mut raft = Given { log: &[1, 2], term: 2, ..Given::default() }.start();
        hear(&mut raft, 2, 3, append(term, index, 3));
        assert!(work(&mut raft).pop().expect("an answer").contains("rejected"), "{term}/{index}");
    }
    let cases = [
        ((1, 1), &[][..], 1, 2, 1),
        ((0, 0), &[2], 1, 1, 1),
        ((2, 2), &[2, 2], 3, 4, 3),
        ((2, 2), &[2], 4, 3, 3),
        ((1, 1), &[2], 4, 2, 2),
        ((1, 1), &[], 3, 2, 1),
        ((1, 1), &[2], 3, 2, 2),
        ((2, 2), &[], 3, 2, 2),
        ((2, 2), &[], 4, 2, 2),
    ];
    for (previous, entries, leader_commit, last, commit) in cases {
        let mut raft = Given { log: &[1, 2], term: 2, ..Given::default() }.start();
        hear(&mut raft, 2, 2, append_entries(previous, entries, leader_commit));
        assert_eq!((raft.last().index, raft.commit_index()), (last, commit), "{previous:?} {leader_commit}");
        assert!(!work(&mut raft).pop().expect("an answer").contains("rejected"));
    }
}

#[test]
fn a_heartbeat_never_takes_the_commit_index_back() {
    // RAFT-057
    for (heartbeat, commit) in [(3, 3), (1, 2)] {
        let mut raft = Given { log: &[1, 2, 3], term: 2, commit: 2, ..Given::default() }.start();
        hear(&mut raft, 2, 2, Body::Heartbeat { commit: heartbeat });
        assert_eq!(raft.commit_index(), commit);
        assert_eq!(work(&mut raft), ["1->2 HeartbeatResponse term 2"]);
    }
}

#[test]
fn answers_move_the_progress_of_a_probed_member() {
    // RAFT-060: the leader has [1 1] and an empty entry; 2 is probed at 3.
    let cases = [
        (rejected(3, 0, None), 0, 3, ProgressState::Probe, &[][..]),
        (rejected(2, 2, Some(1)), 0, 2, ProgressState::Probe, &["after 1/1 commit 0"]),
        (accepted(2), 2, 4, ProgressState::Replicate, &["commit 2", "commit 2"]),
        (accepted(0), 0, 4, ProgressState::Replicate, &["after 0/0 commit 0"]),
    ];
    for (answer, matched, next, state, sent) in cases {
        let shown = format!("{answer:?}");
        // The two entries are of the leader's own term, so that they commit by being counted.
        let mut raft = Given { log: &[1, 1], term: 0, ..Given::default() }.leader();
        progress(&mut raft, 3).append_paused = false;
        hear(&mut raft, 2, 1, answer);
        let found = progress(&mut raft, 2).clone();
        assert_eq!((found.matched, found.next, found.state), (matched, next, state), "{shown}");
        let appends = work(&mut raft);
        assert_eq!(appends.len(), sent.len(), "{shown}: {appends:?}");
        for (message, part) in appends.iter().zip(sent) {
            assert!(message.contains(part), "{message} lacks {part}");
        }
    }
}

#[test]
fn a_heartbeat_carries_no_entries_wherever_the_log_begins() {
    // RAFT-061
    let hard_state = HardState { term: Term(1), vote: None, commit: 1000 };
    let disk = disk_at(&[1, 2, 3], at(1, 1000), hard_state);
    let mut raft = Raft::start(RaftId(1), case_config(), &disk, Stream::named(0, "election/1"));
    raft.campaign();
    work(&mut raft);
    hear(&mut raft, 2, 2, Body::VoteResponse { granted: true });
    (0..10).for_each(|_| _ = raft.propose(Text::new("x")));
    work(&mut raft);
    progress(&mut raft, 2).matched = 5;
    progress(&mut raft, 3).matched = 1011;
    raft.advance_commit();
    raft.tick();
    assert_eq!(work(&mut raft), ["1->2 Heartbeat term 2 commit 5", "1->3 Heartbeat term 2 commit 1011"]);
}

#[test]
fn only_a_leader_sends_heartbeats() {
    // RAFT-062
    let given = Given::default();
    for (mut raft, heartbeats) in [(given.leader(), 2), (given.candidate(), 0), (given.start(), 0)] {
        raft.tick();
        assert_eq!(
            work(&mut raft).iter().filter(|message| message.contains("Heartbeat")).count(),
            heartbeats
        );
    }
}

#[test]
fn only_replication_counts_what_was_sent_as_received() {
    // RAFT-063
    for (state, next) in [(ProgressState::Replicate, 6), (ProgressState::Probe, 2)] {
        let mut raft = Given { log: &[1, 2, 3], term: 3, ..Given::default() }.leader();
        let peer = progress(&mut raft, 2);
        (peer.state, peer.next, peer.append_paused) = (state, 2, false);
        raft.propose(Text::new("x")).expect("it leads");
        assert_eq!(progress(&mut raft, 2).next, next);
    }
}

#[test]
fn a_probe_goes_out_once_until_there_is_a_sign_of_life() {
    // RAFT-064
    let mut raft = Given::default().leader();
    let appends = |raft: &mut Raft<Text>| {
        work(raft).iter().filter(|message| message.starts_with("1->2 Append")).count()
    };
    progress(&mut raft, 2).become_probe();
    let mut sent = 0;
    for _ in 0..11 {
        raft.propose(Text::new("x")).expect("it leads");
        sent += appends(&mut raft);
    }
    assert_eq!(sent, 1);
    for _ in 0..10 {
        raft.tick();
        assert_eq!(appends(&mut raft), 0, "the own heartbeat is no sign of life");
    }
    hear(&mut raft, 2, 1, Body::HeartbeatResponse);
    assert_eq!(appends(&mut raft), 1);
    assert!(progress(&mut raft, 2).is_paused());
}

#[test]
fn replication_sends_every_proposal_and_a_pending_snapshot_none() {
    // RAFT-065
    for (is_replicating, appends) in [(true, 10), (false, 0)] {
        let mut raft = leader_with_replicating_peers();
        if !is_replicating {
            progress(&mut raft, 2).become_snapshot(1);
        }
        (0..10).for_each(|_| _ = raft.propose(Text::new("x")));
        let sent = work(&mut raft);
        assert_eq!(sent.iter().filter(|message| message.starts_with("1->2 Append")).count(), appends);
    }
}

#[test]
fn an_unreachable_member_is_probed_from_what_it_has() {
    // RAFT-066
    let mut raft = leader_with_replicating_peers();
    let peer = progress(&mut raft, 2);
    (peer.matched, peer.next) = (3, 6);
    raft.report_unreachable(RaftId(2));
    let peer = progress(&mut raft, 2);
    assert_eq!((peer.state, peer.matched, peer.next), (ProgressState::Probe, 3, 4));
}

/// Leader's log, follower's log, index up to which the follower has compacted, hint, next probe.
type Rejection<'a> = (&'a [u64], &'a [u64], u64, (u64, u64), (u64, u64));

#[test]
fn hints_lead_to_the_probe_that_can_match() {
    // RAFT-073: hint and probe are (term, index).
    let cases: [Rejection; 9] = [
        (&[1, 2, 2, 4, 4, 4, 4], &[1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3], 0, (3, 7), (2, 3)),
        (&[1, 2, 2, 3, 4, 4, 4, 5], &[1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3], 0, (3, 8), (3, 4)),
        (&[1, 1, 1, 1], &[1, 2, 2, 4], 0, (1, 1), (1, 1)),
        (&[1, 1, 1, 1, 1, 1], &[1, 2, 2, 4], 0, (1, 1), (1, 1)),
        (&[1, 1, 1, 1], &[1, 2, 2, 4, 4, 4], 0, (1, 1), (1, 1)),
        (&[1, 1, 1, 4, 5], &[1, 1, 1, 4], 0, (4, 4), (4, 4)),
        (&[2, 5, 5, 5, 5, 5, 5, 5, 5], &[2, 4, 4, 4, 4, 4], 0, (4, 6), (2, 1)),
        (&[2, 2, 2, 2, 2], &[2, 4, 4, 4, 4, 4, 4, 4], 0, (2, 1), (2, 1)),
        (&[1, 1, 3], &[1, 1, 3, 3, 3], 5, (0, 3), (1, 2)),
    ];
    for (leader_log, follower_log, compacted, hint, probe) in cases {
        let last = leader_log.len() as u64;
        let last_term = leader_log[leader_log.len() - 1];
        let mut follower = Given { log: follower_log, term: 5, ..Given::default() }.start();
        if compacted > 0 {
            follower.log.entries.compact(compacted);
        }
        hear(&mut follower, 2, 5, append(last_term, last, 0));
        let Some(Body::AppendResponse(answer)) = messages(&mut follower).pop().map(|message| message.body)
        else {
            panic!("an append is answered");
        };
        let AppendResponse::Rejected { hint_index, hint_term, .. } = answer else { panic!("{answer:?}") };
        assert_eq!((hint_term.map_or(0, |term| term.0), hint_index), hint, "{leader_log:?} {follower_log:?}");

        let mut leader = Given { log: leader_log, term: 5, ..Given::default() }.leader();
        hear(&mut leader, 2, 6, Body::AppendResponse(answer));
        let shown = work(&mut leader).pop().expect("a probe");
        assert!(shown.contains(&format!("after {}/{} ", probe.0, probe.1)), "{leader_log:?}: {shown}");
    }
}

/// A leader restored from a snapshot at 11/11, whose peer has nothing of what it has.
fn leader_behind_a_snapshot() -> Raft<Text> {
    let hard_state = HardState { term: Term(11), vote: None, commit: 11 };
    let disk: Disk<Text> = disk_at(&[1, 2], at(11, 11), hard_state);
    let mut raft = Raft::start(RaftId(1), case_config(), &disk, Stream::named(0, "election/1"));
    raft.campaign();
    work(&mut raft);
    hear(&mut raft, 2, 12, Body::VoteResponse { granted: true });
    work(&mut raft);
    raft
}

#[test]
fn a_member_that_needs_what_is_compacted_gets_the_snapshot() {
    // RAFT-127
    let mut raft = leader_behind_a_snapshot();
    progress(&mut raft, 2).next = 12;
    hear(&mut raft, 2, 12, rejected(11, 0, None));
    assert_eq!(work(&mut raft), ["1->2 Snapshot term 12 last 11/11 voters 1, 2"]);
}

#[test]
fn a_member_that_is_silent_gets_no_snapshot() {
    // RAFT-128
    let mut raft = leader_behind_a_snapshot();
    let peer = progress(&mut raft, 2);
    (peer.next, peer.recent_active, peer.append_paused) = (10, false, false);
    raft.propose(Text::new("x")).expect("it leads");
    assert_eq!(work(&mut raft), [""; 0]);
}

#[test]
fn a_snapshot_of_what_is_there_moves_the_commit_index_at_most() {
    // RAFT-129: the own log is [1 1 1], of which 1 is committed.
    for (index, commit) in [(1, 1), (2, 2)] {
        let mut raft = Given { log: &[1, 1, 1], term: 1, commit: 1, ..Given::default() }.start();
        let snapshot = Snapshot { last: at(1, index), voters: ids(&[1, 2]), data: State::default() };
        hear(&mut raft, 2, 1, Body::Snapshot(snapshot));
        assert_eq!((raft.commit_index(), terms(&raft)), (commit, vec![1, 1, 1]));
        assert_eq!(work(&mut raft), [format!("1->2 AppendResponse term 1 index {commit}")]);
    }
}

#[test]
fn a_snapshot_without_the_member_itself_is_ignored() {
    let mut raft = Given { term: 1, ..Given::default() }.start();
    let snapshot = Snapshot { last: at(1, 9), voters: ids(&[2, 3]), data: State::default() };
    hear(&mut raft, 2, 1, Body::Snapshot(snapshot));
    assert_eq!(
        (raft.last().index, work(&mut raft)),
        (0, vec!["1->2 AppendResponse term 1 index 0".to_owned()])
    );
}

#[test]
fn a_member_is_not_promotable_before_its_snapshot_is_applied() {
    let mut raft = Given { term: 1, ..Given::default() }.start();
    let snapshot = Snapshot { last: at(1, 9), voters: ids(&[1, 2]), data: State::default() };
    hear(&mut raft, 2, 1, Body::Snapshot(snapshot));
    assert!(!raft.is_promotable());
    raft.ready().expect("a snapshot is to be saved");
    assert!(!raft.is_promotable());
    raft.advance();
    assert!(raft.is_promotable());
    assert_eq!(raft.applied_index(), 9);
}
