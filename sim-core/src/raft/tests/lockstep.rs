//! This implementation and another one, side by side: the same messages, ticks and time-outs drive both, and they agree
//! after every step.
//!
//! Each member is a pair. What one of the two sends (a case is led by ours or by the other) goes onto the wire, and what
//! comes off it is heard by both. Compared are the state and everything that is sent, except for the appends,
//! snapshots and calls to take over of a leader, whose flow control differs in known places: the other implementation
//! does not replicate after an equal answer to a probe, does not append to a probing member on an answer to a
//! heartbeat, leaves a snapshot only at the pending index and then probes, and frees a place of a full window on an
//! answer to a heartbeat.
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::kernel::Stream;

use super::super::{
    Body, ConfChange, Config, Disk, EntryData, EntryId, HardState, Message, Raft, RaftId, Role, Term,
};
use super::cluster::{disk_at, ids};
use super::partner::{Partner, Shelf, View};
use super::text::{self, State, Text};

/// Members are never reused.
const MEMBERS_MAX: usize = 7;

/// One thing that happens. Numbers choose among what there is at that moment.
#[derive(Clone, Copy, Debug)]
enum Event {
    Tick(usize),
    TickAll,
    Campaign(usize),
    Propose(usize),
    Add(usize),
    Remove(usize, usize),
    Update(usize, usize),
    Transfer(usize, usize),
    Unreachable(usize, usize),
    SnapshotReport(usize, usize, bool),
    Deliver(usize),
    DeliverAll,
    Lose(usize),
    Repeat(usize),
    Restart(usize),
    Snapshot(usize, u64),
}

#[derive(Clone, Debug)]
struct Case {
    size: u64,
    config: Config,
    seed: u64,
    /// Whose messages travel.
    led_by_ours: bool,
    events: Vec<Event>,
}

fn event() -> impl Strategy<Value = Event> {
    let one = 0..64usize;
    let pair = (0..64usize, 0..64usize);
    prop_oneof![
        8 => one.clone().prop_map(Event::Tick),
        8 => Just(Event::TickAll),
        2 => one.clone().prop_map(Event::Campaign),
        12 => one.clone().prop_map(Event::Propose),
        2 => one.clone().prop_map(Event::Add),
        2 => pair.clone().prop_map(|(at, whom)| Event::Remove(at, whom)),
        1 => pair.clone().prop_map(|(at, whom)| Event::Update(at, whom)),
        2 => pair.clone().prop_map(|(at, whom)| Event::Transfer(at, whom)),
        1 => pair.clone().prop_map(|(at, whom)| Event::Unreachable(at, whom)),
        2 => (pair, any::<bool>()).prop_map(|((at, whom), ok)| Event::SnapshotReport(at, whom, ok)),
        60 => one.clone().prop_map(Event::Deliver),
        3 => Just(Event::DeliverAll),
        5 => one.clone().prop_map(Event::Lose),
        3 => one.clone().prop_map(Event::Repeat),
        2 => one.clone().prop_map(Event::Restart),
        4 => (one, 0..4u64).prop_map(|(at, kept)| Event::Snapshot(at, kept)),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let config = (any::<bool>(), 1..5usize, prop_oneof![Just(20u64), Just(65_535)]);
    let events = prop::collection::vec(event(), 0..600);
    (1..6u64, config, any::<u64>(), any::<bool>(), events).prop_map(
        |(size, (check_quorum, max_inflight, max_message_bytes), seed, led_by_ours, events)| {
            let config = Config { check_quorum, max_inflight, max_message_bytes, ..Config::default() };
            Case { size, config, seed, led_by_ours, events }
        },
    )
}

/// One member in both implementations.
struct Pair {
    ours: Raft<Text>,
    disk: Disk<Text>,
    state: State,
    theirs: Partner,
}

struct Lockstep {
    config: Config,
    led_by_ours: bool,
    pairs: BTreeMap<RaftId, Pair>,
    /// Members that have applied their own removal, which ends a manager.
    gone: BTreeSet<RaftId>,
    wire: Vec<Message<Text>>,
    /// The states behind the snapshots.
    saved: BTreeMap<u64, State>,
    seed: u64,
    proposals: u64,
    /// What was seen so far, to know whether a case reached anything.
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    terms: u64,
    commits: u64,
    snapshots: u64,
    transfers: u64,
    removals: u64,
}

impl Lockstep {
    fn new(case: &Case) -> Self {
        let voters = ids(&(1..=case.size).collect::<Vec<_>>());
        let mut lockstep = Lockstep {
            config: case.config,
            led_by_ours: case.led_by_ours,
            pairs: BTreeMap::new(),
            gone: BTreeSet::new(),
            wire: Vec::new(),
            saved: BTreeMap::from([(1, State::default())]),
            seed: case.seed,
            proposals: 0,
            seen: Seen::default(),
        };
        let start = EntryId { term: Term(1), index: 1 };
        let numbers: Vec<u64> = voters.iter().map(|id| id.0).collect();
        let hard_state = HardState { term: Term(1), vote: None, commit: 1 };
        for id in &voters {
            lockstep.add(*id, disk_at(&numbers, start, hard_state), &Shelf::at(start, &voters));
        }
        lockstep
    }

    fn add(&mut self, id: RaftId, disk: Disk<Text>, shelf: &Shelf) {
        let random = Stream::named(self.seed, &format!("election/{id}"));
        let pair = Pair::start(id, self.config, disk, shelf, random);
        self.pairs.insert(id, pair);
        self.settle(id);
    }

    fn member(&self, choice: usize) -> RaftId {
        *self.pairs.keys().nth(choice % self.pairs.len()).expect("the choice is within the members")
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(at) => self.tick(self.member(at)),
            Event::TickAll => (0..self.pairs.len()).for_each(|at| self.tick(self.member(at))),
            Event::Campaign(at) => self.at(self.member(at), |pair| {
                // The other implementation leaves it to its caller not to campaign without a vote.
                if pair.ours.is_promotable() {
                    pair.ours.campaign();
                    pair.theirs.campaign();
                }
            }),
            Event::Propose(at) => self.propose(at),
            Event::Add(at) => self.add_member(at),
            Event::Remove(at, whom) => {
                let change = ConfChange::RemoveNode { id: self.member(whom) };
                self.propose_conf_change(at, change, 2);
            }
            Event::Update(at, whom) => {
                let change = ConfChange::UpdateNode { id: self.member(whom), member: "elsewhere".to_owned() };
                self.propose_conf_change(at, change, 1);
            }
            Event::Transfer(at, whom) => {
                let target = self.member(whom);
                self.at_leader(at, |pair| {
                    pair.ours.transfer_leader(target);
                    pair.theirs.transfer_leader(target);
                });
            }
            Event::Unreachable(at, whom) => {
                let peer = self.member(whom);
                self.at_leader(at, |pair| {
                    pair.ours.report_unreachable(peer);
                    pair.theirs.report_unreachable(peer);
                });
            }
            Event::SnapshotReport(at, whom, delivered) => {
                let peer = self.member(whom);
                self.at_leader(at, |pair| {
                    pair.ours.report_snapshot(peer, delivered);
                    pair.theirs.report_snapshot(peer, delivered);
                });
            }
            Event::Deliver(which) => {
                if let Some(position) = self.message(which) {
                    self.deliver(position);
                }
            }
            Event::DeliverAll => {
                for _ in 0..200 {
                    if !self.wire.is_empty() {
                        self.deliver(0);
                    }
                }
            }
            Event::Lose(which) => {
                if let Some(position) = self.message(which) {
                    self.wire.remove(position);
                }
            }
            Event::Repeat(which) => {
                if let Some(position) = self.message(which) {
                    self.wire.push(self.wire[position].clone());
                }
            }
            Event::Restart(at) => self.restart(self.member(at)),
            Event::Snapshot(at, kept) => self.snapshot(self.member(at), kept),
        }
    }

    /// Small choices prefer the oldest messages, so that much arrives in order.
    fn message(&self, choice: usize) -> Option<usize> {
        (!self.wire.is_empty()).then(|| (choice / 8) % self.wire.len())
    }

    /// Lets a member do something in both implementations, brings both to rest and compares them.
    fn at(&mut self, id: RaftId, action: impl FnOnce(&mut Pair)) {
        if !self.gone.contains(&id) {
            action(self.pairs.get_mut(&id).expect("the member exists"));
            self.settle(id);
        }
    }

    fn leader(&self, choice: usize) -> Option<RaftId> {
        let leads = |id: &&RaftId| !self.gone.contains(id) && self.pairs[id].ours.role() == Role::Leader;
        let leaders: Vec<RaftId> = self.pairs.keys().filter(leads).copied().collect();
        (!leaders.is_empty()).then(|| leaders[choice % leaders.len()])
    }

    fn at_leader(&mut self, choice: usize, action: impl FnOnce(&mut Pair)) {
        if let Some(leader) = self.leader(choice) {
            self.at(leader, action);
        }
    }

    fn tick(&mut self, id: RaftId) {
        self.at(id, |pair| {
            pair.theirs.tick(pair.ours.randomized_timeout());
            pair.ours.tick();
        });
    }

    fn deliver(&mut self, position: usize) {
        let message = self.wire.remove(position);
        self.seen.snapshots += u64::from(matches!(message.body, Body::Snapshot(_)));
        self.seen.transfers += u64::from(matches!(message.body, Body::TimeoutNow));
        self.at(message.to, |pair| {
            pair.theirs.step(&message);
            pair.ours.step(message);
        });
    }

    fn propose(&mut self, at: usize) {
        self.proposals += 1;
        let text = Text::new(&format!("x{}", self.proposals));
        self.at_leader(at, |pair| {
            let is_taken = pair.theirs.propose(&text);
            assert_eq!(pair.ours.propose(text).is_ok(), is_taken);
        });
    }

    /// Proposes a change if there are at least so many members.
    fn propose_conf_change(&mut self, at: usize, change: ConfChange<String>, members_min: usize) {
        self.at_leader(at, |pair| {
            if pair.ours.members().len() >= members_min {
                let is_taken = pair.theirs.propose_conf_change(&change);
                assert_eq!(pair.ours.propose_conf_change(change).is_ok(), is_taken);
            }
        });
    }

    fn add_member(&mut self, at: usize) {
        if self.pairs.len() >= MEMBERS_MAX || self.leader(at).is_none() {
            return;
        }
        let id = RaftId(self.pairs.len() as u64 + 1);
        self.propose_conf_change(at, ConfChange::AddNode { id, member: format!("node-{id}") }, 1);
        self.add(id, Disk::empty(), &Shelf::default());
    }

    fn restart(&mut self, id: RaftId) {
        if self.gone.contains(&id) {
            return;
        }
        let Pair { ours, disk, theirs, .. } = self.pairs.remove(&id).expect("the member exists");
        let pair = Pair::start(id, self.config, disk, theirs.shelf(), ours.into_random());
        self.pairs.insert(id, pair);
        self.settle(id);
    }

    fn snapshot(&mut self, id: RaftId, entries_kept: u64) {
        let pair = self.pairs.get_mut(&id).expect("the member exists");
        let Some(snapshot) = pair.ours.snapshot_of(pair.state.clone()) else { return };
        if snapshot.last.index == 0 {
            return;
        }
        self.saved.insert(snapshot.last.index, snapshot.data.clone());
        pair.disk.save_snapshot(&snapshot);
        pair.theirs.save_snapshot(snapshot.last, &snapshot.voters, entries_kept);
        pair.ours.snapshot_saved(snapshot, entries_kept);
        pair.compare(id, &[], &[]);
    }

    /// Brings both to rest, compares them, and sends what the leading implementation has to say.
    fn settle(&mut self, id: RaftId) {
        let pair = self.pairs.get_mut(&id).expect("the member exists");
        let ours = pair.settle();
        let saved = &self.saved;
        let state = |index: u64| saved.get(&index).cloned().unwrap_or_default();
        let theirs: Vec<Message<Text>> =
            pair.theirs.settle().iter().map(|message| pair.theirs.translate(message, state)).collect();
        pair.compare(id, &ours, &theirs);
        self.seen.terms = self.seen.terms.max(pair.ours.term().0);
        self.seen.commits = self.seen.commits.max(pair.ours.commit_index());
        if pair.state.removed.contains(&id) && self.gone.insert(id) {
            self.seen.removals += 1;
        }
        self.wire.extend(if self.led_by_ours { ours } else { theirs });
    }
}

impl Pair {
    fn start(id: RaftId, config: Config, disk: Disk<Text>, shelf: &Shelf, random: Stream) -> Self {
        let state = disk.snapshot().map(|snapshot| snapshot.data.clone()).unwrap_or_default();
        let ours = Raft::start(id, config, &disk, random);
        Pair { ours, disk, state, theirs: Partner::start(id, config, shelf) }
    }

    /// Stores and applies all that ours hands out; returns what is to be sent.
    fn settle(&mut self) -> Vec<Message<Text>> {
        let mut sent = Vec::new();
        while let Some(ready) = self.ours.ready() {
            self.disk.write(&ready.persist);
            sent.extend(ready.messages);
            if let Some(snapshot) = ready.persist.snapshot {
                self.state = snapshot.data;
            }
            for entry in &ready.committed {
                self.state.apply(entry);
                if let EntryData::ConfChange(change) = &entry.data {
                    self.ours.apply_conf_change(change);
                }
            }
            self.ours.advance();
        }
        sent
    }

    fn compare(&self, id: RaftId, ours: &[Message<Text>], theirs: &[Message<Text>]) {
        assert_eq!(self.view(), self.theirs.view(), "{id}: ours is left, theirs is right");
        assert_eq!(comparable(ours), comparable(theirs), "{id} sends: ours is left, theirs is right");
    }

    fn view(&self) -> View {
        let raft = &self.ours;
        let leads = raft.role() == Role::Leader;
        let progress = raft.members().iter().filter(|(id, _)| leads && *id != raft.id());
        View {
            term: raft.term(),
            role: raft.role(),
            leader: raft.leader(),
            vote: raft.vote(),
            commit: raft.commit_index(),
            applied: raft.applied_index(),
            first_index: raft.first_index(),
            log: raft.log.entries.starting_at(raft.first_index()).map(text::entry).collect(),
            voters: raft.members().ids().collect(),
            transferee: raft.transferee(),
            election_elapsed: raft.election_elapsed(),
            progress: progress.map(|(id, progress)| (id, progress.matched, progress.recent_active)).collect(),
        }
    }
}

/// What does not depend on flow control, in one order.
fn comparable(messages: &[Message<Text>]) -> Vec<String> {
    let independent = messages.iter().filter(|message| match message.body {
        Body::Vote { .. }
        | Body::VoteResponse { .. }
        | Body::AppendResponse(_)
        | Body::Heartbeat { .. }
        | Body::HeartbeatResponse => true,
        Body::Append { .. } | Body::Snapshot(_) | Body::TimeoutNow => false,
    });
    let mut shown: Vec<String> = independent.map(text::message).collect();
    shown.sort();
    shown
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_implementations_agree_after_every_step(case in case()) {
        let mut lockstep = Lockstep::new(&case);
        case.events.iter().for_each(|event| lockstep.happen(*event));
    }
}

/// Agreement about nothing would prove little.
#[test]
fn the_cases_reach_what_they_are_meant_for() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut total = Seen::default();
    for _ in 0..50 {
        let case = case().new_tree(&mut runner).expect("a case can be made").current();
        let mut lockstep = Lockstep::new(&case);
        case.events.iter().for_each(|event| lockstep.happen(*event));
        let Seen { terms, commits, snapshots, transfers, removals } = lockstep.seen;
        total.terms += terms;
        total.commits += commits;
        total.snapshots += snapshots;
        total.transfers += transfers;
        total.removals += removals;
    }
    let Seen { terms, commits, snapshots, transfers, removals } = total;
    let reached = (terms, commits, snapshots, transfers, removals);
    assert!(terms > 150 && commits > 500, "{reached:?}");
    assert!(snapshots > 20 && transfers > 10 && removals > 10, "{reached:?}");
}
