//! Random clusters under random faults: safety at every step, and convergence once everything is healed.
use proptest::prelude::*;

use super::super::{ConfChange, Config, Disk, EntryId, HardState, Raft, RaftId, Term};
use super::cluster::{Cluster, Node, disk_at, ids};
use super::text::Text;
use super::witness::check_log_matching;

/// Members are never reused, so the storm stops adding at some point.
const MEMBERS_MAX: usize = 8;

/// Elections may collide for a long time, but not for ever: usually a calm needs twenty ticks.
const CALM_TICKS_MAX: usize = 5_000;

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
    Lose(usize),
    Repeat(usize),
    Take(usize),
    Write(usize),
    Finish(usize),
    Work(usize),
    Settle,
    Crash(usize),
    Start(usize),
    Snapshot(usize, u64),
    Cut(usize, usize),
    Heal,
}

/// A cluster and what happens to it.
#[derive(Clone, Debug)]
struct Weather {
    size: u64,
    config: Config,
    seed: u64,
    events: Vec<Event>,
}

fn event() -> impl Strategy<Value = Event> {
    let one = 0..64usize;
    let pair = (0..64usize, 0..64usize);
    prop_oneof![
        6 => one.clone().prop_map(Event::Tick),
        8 => Just(Event::TickAll),
        2 => one.clone().prop_map(Event::Campaign),
        12 => one.clone().prop_map(Event::Propose),
        4 => one.clone().prop_map(Event::Add),
        2 => pair.clone().prop_map(|(at, whom)| Event::Remove(at, whom)),
        1 => pair.clone().prop_map(|(at, whom)| Event::Update(at, whom)),
        1 => pair.clone().prop_map(|(at, whom)| Event::Transfer(at, whom)),
        1 => pair.clone().prop_map(|(at, whom)| Event::Unreachable(at, whom)),
        2 => (pair.clone(), any::<bool>()).prop_map(|((at, whom), ok)| Event::SnapshotReport(at, whom, ok)),
        40 => one.clone().prop_map(Event::Deliver),
        3 => one.clone().prop_map(Event::Lose),
        2 => one.clone().prop_map(Event::Repeat),
        6 => one.clone().prop_map(Event::Take),
        6 => one.clone().prop_map(Event::Write),
        6 => one.clone().prop_map(Event::Finish),
        40 => one.clone().prop_map(Event::Work),
        8 => Just(Event::Settle),
        1 => one.clone().prop_map(Event::Crash),
        4 => one.clone().prop_map(Event::Start),
        4 => (one.clone(), 0..4u64).prop_map(|(at, kept)| Event::Snapshot(at, kept)),
        1 => pair.prop_map(|(from, to)| Event::Cut(from, to)),
        1 => Just(Event::Heal),
    ]
}

fn weather() -> impl Strategy<Value = Weather> {
    let config = (any::<bool>(), 1..5usize, prop_oneof![Just(20u64), Just(65_535)]);
    (1..6u64, config, any::<u64>(), prop::collection::vec(event(), 0..1000)).prop_map(
        |(size, (check_quorum, max_inflight, max_message_bytes), seed, events)| {
            let config = Config { check_quorum, max_inflight, max_message_bytes, ..Config::default() };
            Weather { size, config, seed, events }
        },
    )
}

struct Storm {
    cluster: Cluster,
    config: Config,
    proposals: u64,
}

impl Storm {
    fn new(weather: &Weather) -> Self {
        let mut cluster = Cluster::new(weather.seed);
        cluster.refuses_removed = true;
        let voters: Vec<u64> = (1..=weather.size).collect();
        let start = EntryId { term: Term(1), index: 1 };
        let hard_state = HardState { term: Term(1), vote: None, commit: 1 };
        for id in ids(&voters) {
            cluster.add(id, weather.config, disk_at(&voters, start, hard_state));
        }
        Storm { cluster, config: weather.config, proposals: 0 }
    }

    fn node(&self, choice: usize) -> RaftId {
        let nodes = &self.cluster.nodes;
        *nodes.keys().nth(choice % nodes.len()).expect("the choice is within the nodes")
    }

    /// Lets somebody who believes to lead do something.
    fn at_leader(&mut self, choice: usize, action: impl FnOnce(&mut Raft<Text>)) {
        let leaders = self.cluster.leaders();
        if !leaders.is_empty() {
            self.cluster.act(leaders[choice % leaders.len()], action);
        }
    }

    /// Lets a running node do something.
    fn at(&mut self, choice: usize, action: impl FnOnce(&mut Raft<Text>)) {
        let id = self.node(choice);
        if self.cluster.is_up(id) {
            self.cluster.act(id, action);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(at) => self.at(at, Raft::tick),
            Event::TickAll => (0..self.cluster.nodes.len()).for_each(|at| self.at(at, Raft::tick)),
            Event::Campaign(at) => self.at(at, Raft::campaign),
            Event::Propose(at) => self.propose(at),
            Event::Add(at) => self.add(at),
            Event::Remove(at, whom) => self.remove(at, whom),
            Event::Update(at, whom) => {
                let change = ConfChange::UpdateNode { id: self.node(whom), member: "elsewhere".to_owned() };
                self.at_leader(at, |raft| {
                    let _ = raft.propose_conf_change(change);
                });
            }
            Event::Transfer(at, whom) => {
                let target = self.node(whom);
                self.at_leader(at, |raft| raft.transfer_leader(target));
            }
            Event::Unreachable(at, whom) => {
                let peer = self.node(whom);
                self.at_leader(at, |raft| raft.report_unreachable(peer));
            }
            Event::SnapshotReport(at, whom, delivered) => {
                let peer = self.node(whom);
                self.at_leader(at, |raft| raft.report_snapshot(peer, delivered));
            }
            Event::Deliver(which) => {
                if let Some(position) = self.message(which) {
                    self.cluster.deliver(position);
                }
            }
            Event::Lose(which) => {
                if let Some(position) = self.message(which) {
                    self.cluster.wire.remove(position);
                }
            }
            Event::Repeat(which) => {
                if let Some(position) = self.message(which) {
                    let again = self.cluster.wire[position].clone();
                    self.cluster.wire.push(again);
                }
            }
            Event::Take(at) => drop(self.cluster.take_ready(self.node(at))),
            Event::Write(at) => self.cluster.write(self.node(at)),
            Event::Finish(at) => self.cluster.finish(self.node(at)),
            Event::Work(at) => drop(self.cluster.work(self.node(at))),
            Event::Settle => self.cluster.settle(),
            Event::Crash(at) => self.cluster.crash(self.node(at)),
            Event::Start(at) => {
                let id = self.node(at);
                if !self.cluster.is_up(id) {
                    self.cluster.start(id);
                }
            }
            Event::Snapshot(at, kept) => self.cluster.snapshot(self.node(at), kept),
            Event::Cut(from, to) => drop(self.cluster.cuts.insert((self.node(from), self.node(to)))),
            Event::Heal => self.cluster.cuts.clear(),
        }
    }

    fn message(&self, choice: usize) -> Option<usize> {
        // Small choices prefer the oldest messages, so that much arrives in order.
        let waiting = self.cluster.wire.len();
        (waiting > 0).then(|| (choice / 8) % waiting)
    }

    fn propose(&mut self, at: usize) {
        self.proposals += 1;
        let text = Text::new(&format!("x{}", self.proposals));
        self.at_leader(at, |raft| {
            let _ = raft.propose(text);
        });
    }

    /// A leader proposes to add a manager, which starts with nothing.
    fn add(&mut self, at: usize) {
        let id = RaftId(self.cluster.nodes.len() as u64 + 1);
        if self.cluster.nodes.len() >= MEMBERS_MAX || self.cluster.leaders().is_empty() {
            return;
        }
        let change = ConfChange::AddNode { id, member: format!("node-{id}") };
        self.at_leader(at, |raft| {
            let _ = raft.propose_conf_change(change);
        });
        self.cluster.add(id, self.config, Disk::empty());
    }

    /// Two members never become one: if the leader is the one to go and loses its leadership before the other knows
    /// that the removal is committed, neither can be elected any more. That is Raft, not a mistake.
    fn remove(&mut self, at: usize, whom: usize) {
        let change = ConfChange::RemoveNode { id: self.node(whom) };
        self.at_leader(at, |raft| {
            if raft.members().len() > 2 {
                let _ = raft.propose_conf_change(change);
            }
        });
    }

    /// Everything works again. After a while there is one leader, and all its members agree.
    fn calm(&mut self) {
        self.cluster.cuts.clear();
        let nodes: Vec<RaftId> = self.cluster.nodes.keys().copied().collect();
        for id in nodes {
            self.cluster.write(id);
            self.cluster.finish(id);
            if !self.cluster.is_up(id) {
                self.cluster.start(id);
            }
        }
        self.cluster.settle();
        let rounds = (0..CALM_TICKS_MAX).find(|_| {
            self.report_lost_snapshots();
            self.happen(Event::TickAll);
            self.cluster.settle();
            self.has_converged()
        });
        assert!(rounds.is_some(), "no agreement after {CALM_TICKS_MAX} ticks: {}", self.describe());
        let leader = self.cluster.leaders()[0];
        let last =
            self.cluster.act(leader, |raft| raft.propose(Text::new("last"))).expect("nothing prevents it");
        self.cluster.settle();
        assert!(self.has_converged(), "a last proposal: {}", self.describe());
        assert_eq!(self.cluster.raft(leader.0).commit_index(), last);
    }

    /// The wire is empty: a snapshot that is still awaited was lost, and the transport says so.
    fn report_lost_snapshots(&mut self) {
        for leader in self.cluster.leaders() {
            let members: Vec<RaftId> = self.cluster.raft(leader.0).members().ids().collect();
            members
                .iter()
                .for_each(|peer| self.cluster.act(leader, |raft| raft.report_snapshot(*peer, false)));
        }
    }

    fn has_converged(&self) -> bool {
        let [leader] = self.cluster.leaders()[..] else { return false };
        let leading = self.cluster.nodes[&leader].raft().expect("a leader is up");
        let agrees = |id: RaftId| {
            let node = &self.cluster.nodes[&id];
            node.raft().is_some_and(|raft| {
                raft.leader() == Some(leader)
                    && raft.applied_index() == leading.last().index
                    && raft.transferee().is_none()
                    && raft.members().ids().eq(leading.members().ids())
                    && node.state == self.cluster.nodes[&leader].state
            })
        };
        leading.members().contains(leader) && leading.members().ids().all(agrees)
    }

    fn check_logs(&self) {
        let running: Vec<&Raft<Text>> = self.cluster.nodes.values().filter_map(Node::raft).collect();
        for (position, first) in running.iter().enumerate() {
            running[position + 1..].iter().for_each(|second| check_log_matching(first, second));
        }
    }

    fn describe(&self) -> String {
        let member = |raft: &Raft<Text>| {
            let voters: Vec<u64> = raft.members().ids().map(|id| id.0).collect();
            let (role, term, applied) = (raft.role(), raft.term(), raft.applied_index());
            format!("{} {role:?} term {term} applied {applied} last {} of {voters:?}", raft.id(), raft.last())
        };
        let running: Vec<String> = self.cluster.nodes.values().filter_map(Node::raft).map(member).collect();
        running.join("; ")
    }
}

fn survive(weather: &Weather) {
    let mut storm = Storm::new(weather);
    for (position, event) in weather.events.iter().enumerate() {
        storm.happen(*event);
        if position % 16 == 0 {
            storm.check_logs();
        }
    }
    storm.check_logs();
    // Without the quorum check nobody tells a leader of a member that is stuck in a higher term.
    if weather.config.check_quorum {
        storm.calm();
        storm.check_logs();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn storms_break_no_promise_and_end_in_agreement(weather in weather()) {
        survive(&weather);
    }
}

/// A storm that never elects anybody, or never moves a snapshot, would prove little.
#[test]
fn storms_reach_what_they_are_meant_for() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut elections, mut entries, mut changes, mut snapshots) = (0, 0, 0, 0);
    for _ in 0..50 {
        let weather = weather().new_tree(&mut runner).expect("a storm can be made").current();
        let mut storm = Storm::new(&weather);
        weather.events.iter().for_each(|event| storm.happen(*event));
        let witness = &storm.cluster.witness;
        elections += witness.leaders.len();
        entries += witness.applied.len();
        changes += witness.applied.values().filter(|entry| !entry.ends_with(['"', 'y'])).count();
        snapshots += witness.snapshots_heard;
    }
    let reached = (elections, entries, changes, snapshots);
    assert!(elections > 50 && entries > 500 && changes > 100 && snapshots > 50, "{reached:?}");
}
