//! How members start, what they refuse, and what a quiet cluster looks like.
use crate::kernel::Stream;

use super::super::{
    Body, ConfChange, Config, Disk, HardState, ProposalDropped, Raft, RaftId, Role, Snapshot, Term,
};
use super::cluster::{Cluster, disk, ids};
use super::election_cases::{Given, at, hear, work};
use super::text::{State, Text};

#[test]
fn the_first_member_is_alone_and_leads_at_term_two() {
    let random = Stream::named(0, "election/1");
    let mut raft: Raft<Text> = Raft::bootstrap(RaftId(1), Config::default(), "node-1".to_owned(), random);
    raft.campaign();
    assert_eq!(raft.role(), Role::Follower, "its own addition is not applied yet");
    work(&mut raft);
    assert!(raft.is_sole_voter());
    raft.campaign();
    work(&mut raft);
    assert_eq!((raft.role(), raft.term(), raft.applied_index()), (Role::Leader, Term(2), 2));
}

#[test]
fn only_a_member_that_leads_and_stays_takes_proposals() {
    let x = || Text::new("x");
    assert_eq!(Given::default().start().propose(x()), Err(ProposalDropped::NotLeader));
    assert_eq!(Given::default().candidate().propose(x()), Err(ProposalDropped::NotLeader));
    let mut raft = Given::default().leader();
    raft.transfer_leader(RaftId(2));
    assert_eq!(raft.propose(x()), Err(ProposalDropped::Transferring));
    let mut raft = Given::default().leader();
    raft.apply_conf_change(&ConfChange::RemoveNode { id: RaftId(1) });
    assert_eq!(raft.propose(x()), Err(ProposalDropped::NotMember));
    assert_eq!(ProposalDropped::NotMember.to_string(), "raft proposal dropped");
}

#[test]
fn a_restarted_member_goes_on_drawing_from_its_stream() {
    let mut timeouts = Vec::new();
    let mut random = Stream::named(3, "election/1");
    for _ in 0..20 {
        let disk: Disk<Text> = disk(&[1, 2, 3], &[], HardState::default());
        let raft = Raft::start(RaftId(1), Config::default(), &disk, random);
        timeouts.push(raft.randomized_timeout());
        random = raft.into_random();
    }
    let mut expected = Stream::named(3, "election/1");
    assert_eq!(timeouts, (0..20).map(|_| 10 + expected.below(10)).collect::<Vec<_>>());
}

#[test]
fn heartbeats_do_not_draw_a_new_timeout() {
    let mut raft = Given { term: 1, ..Given::default() }.start();
    hear(&mut raft, 2, 1, Body::Heartbeat { commit: 0 });
    let timeout = raft.randomized_timeout();
    for _ in 0..50 {
        (0..3).for_each(|_| raft.tick());
        assert_eq!(raft.election_elapsed(), 3);
        hear(&mut raft, 2, 1, Body::Heartbeat { commit: 0 });
        assert_eq!((raft.randomized_timeout(), raft.election_elapsed()), (timeout, 0));
    }
}

#[test]
fn a_settled_cluster_has_nothing_to_do_and_goes_on_as_if_it_had_run_for_long() {
    let voters = [1, 2, 3];
    let mut cluster = Cluster::of(&voters, Config::default());
    let snapshot = Snapshot { last: at(2, 100), voters: ids(&voters), data: State::default() };
    let disk = Disk::from_snapshot(snapshot, Some(RaftId(1)));
    for id in ids(&voters) {
        let elapsed = if id == RaftId(1) { 7 } else { 0 };
        cluster.settled(id, disk.clone(), RaftId(1), elapsed);
        assert!(!cluster.raft(id.0).has_ready());
        assert_eq!(cluster.raft(id.0).snapshot_index(), 100);
    }
    cluster.act(RaftId(1), |raft| raft.propose(Text::new("x"))).expect("it leads");
    cluster.settle();
    for id in voters {
        assert_eq!((cluster.raft(id).term(), cluster.raft(id).applied_index()), (Term(2), 101));
        assert_eq!(cluster.nodes[&RaftId(id)].state.texts, [Text::new("x")]);
    }
    // The third tick is the tenth since the last check, at which everybody has answered.
    (0..3).for_each(|_| cluster.act(RaftId(1), Raft::tick));
    assert_eq!(cluster.raft(1).role(), Role::Leader);
}

#[test]
#[should_panic(expected = "a snapshot is taken after the driver has advanced")]
fn a_state_with_entries_that_do_not_count_yet_is_no_snapshot() {
    let random = Stream::named(0, "election/1");
    let mut raft: Raft<Text> = Raft::bootstrap(RaftId(1), Config::default(), "node-1".to_owned(), random);
    let ready = raft.ready().expect("its own addition is to be applied");
    let mut state = State::default();
    ready.committed.iter().for_each(|entry| state.apply(entry));
    raft.snapshot_of(state);
}
