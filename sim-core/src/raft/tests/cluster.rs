//! A cluster without time: members with disks, a wire between them, and every step taken by hand.
use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::Stream;

use super::super::{
    Config, Disk, Entry, EntryData, EntryId, HardState, Message, Raft, RaftId, Ready, Role, Snapshot, Term,
};
use super::text::{State, Text};
use super::witness::Witness;

/// The world of one test.
pub(super) struct Cluster {
    pub(super) nodes: BTreeMap<RaftId, Node>,
    /// Messages that have been sent and not delivered, oldest first.
    pub(super) wire: Vec<Message<Text>>,
    /// Directions in which nothing gets onto the wire.
    pub(super) cuts: BTreeSet<(RaftId, RaftId)>,
    /// Whether members refuse those they know to be removed, who then stop, as SwarmKit's transport does.
    pub(super) refuses_removed: bool,
    pub(super) witness: Witness,
    seed: u64,
}

/// One manager.
pub(super) struct Node {
    pub(super) config: Config,
    pub(super) disk: Disk<Text>,
    pub(super) process: Process,
    pub(super) state: State,
}

/// The process of a manager.
pub(super) enum Process {
    Up {
        raft: Box<Raft<Text>>,
        work: Option<Work>,
    },
    /// Between a crash and a restart the host keeps the random stream.
    Down(Stream),
}

/// The Ready at hand, and whether it is on the disk already.
pub(super) struct Work {
    pub(super) ready: Ready<Text>,
    pub(super) is_written: bool,
}

/// Constants of the conformance cases: as SwarmKit's, but without the quorum check.
pub(super) fn case_config() -> Config {
    Config { check_quorum: false, ..Config::default() }
}

pub(super) fn ids(numbers: &[u64]) -> Vec<RaftId> {
    numbers.iter().copied().map(RaftId).collect()
}

/// A disk with a configuration and entries of these terms, from index 1 on.
pub(super) fn disk(voters: &[u64], terms: &[u64], hard_state: HardState) -> Disk<Text> {
    with_entries(disk_at(voters, EntryId::START, hard_state), terms)
}

/// The disk with more entries, each with its index for a text.
pub(super) fn with_entries(mut disk: Disk<Text>, terms: &[u64]) -> Disk<Text> {
    for term in terms {
        let id = EntryId { term: Term(*term), index: disk.entries.last().index + 1 };
        disk.entries.push(Entry { id, data: EntryData::Normal(Text::new(&id.index.to_string())) });
    }
    disk
}

/// A disk with nothing but a snapshot.
pub(super) fn disk_at(voters: &[u64], last: EntryId, hard_state: HardState) -> Disk<Text> {
    let snapshot = Snapshot { last, voters: ids(voters), data: State::default() };
    let mut disk = Disk::from_snapshot(snapshot, None);
    disk.hard_state = hard_state;
    disk
}

impl Cluster {
    pub(super) fn new(seed: u64) -> Self {
        Cluster {
            nodes: BTreeMap::new(),
            wire: Vec::new(),
            cuts: BTreeSet::new(),
            refuses_removed: false,
            witness: Witness::default(),
            seed,
        }
    }

    /// Members with empty logs, whose configuration is all of them.
    pub(super) fn of(voters: &[u64], config: Config) -> Self {
        let mut cluster = Cluster::new(0);
        for voter in voters {
            cluster.add(RaftId(*voter), config, disk(voters, &[], HardState::default()));
        }
        cluster
    }

    /// A new manager starts on this disk.
    pub(super) fn add(&mut self, id: RaftId, config: Config, disk: Disk<Text>) {
        let process = Process::Down(Stream::named(self.seed, &format!("election/{id}")));
        let node = Node { config, disk, process, state: State::default() };
        assert!(self.nodes.insert(id, node).is_none(), "{id} exists");
        self.start(id);
    }

    /// A manager that is down starts again from its disk.
    pub(super) fn start(&mut self, id: RaftId) {
        let node = self.node(id);
        let Process::Down(random) = &node.process else { panic!("{id} is running") };
        let raft = Raft::start(id, node.config, &node.disk, random.clone());
        node.state = node.disk.snapshot().map(|snapshot| snapshot.data.clone()).unwrap_or_default();
        node.process = Process::Up { raft: Box::new(raft), work: None };
        let node = &self.nodes[&id];
        self.witness.started(node.raft().expect("it has just started"), &node.disk);
        self.observe(id);
    }

    /// The member goes on from the middle of a quiet life.
    pub(super) fn settled(&mut self, id: RaftId, disk: Disk<Text>, leader: RaftId, election_elapsed: u64) {
        self.crash(id);
        let node = self.node(id);
        let Process::Down(random) = &node.process else { panic!("{id} is running") };
        let raft = Raft::settled(id, node.config, &disk, random.clone(), leader, election_elapsed);
        node.disk = disk;
        node.process = Process::Up { raft: Box::new(raft), work: None };
    }

    /// Everything that is not on the disk is lost.
    pub(super) fn crash(&mut self, id: RaftId) {
        let node = self.node(id);
        if let Process::Up { raft, .. } = &node.process {
            node.process = Process::Down(raft.clone().into_random());
        }
    }

    pub(super) fn node(&mut self, id: RaftId) -> &mut Node {
        self.nodes.get_mut(&id).unwrap_or_else(|| panic!("there is no member {id}"))
    }

    /// The running member.
    pub(super) fn raft(&mut self, id: u64) -> &mut Raft<Text> {
        self.node(RaftId(id)).raft_mut().unwrap_or_else(|| panic!("{id} is down"))
    }

    pub(super) fn is_up(&self, id: RaftId) -> bool {
        self.nodes.get(&id).is_some_and(|node| node.raft().is_some())
    }

    /// Lets a running member do something, and looks at the result.
    pub(super) fn act<R>(&mut self, id: RaftId, action: impl FnOnce(&mut Raft<Text>) -> R) -> R {
        let result = action(self.raft(id.0));
        self.observe(id);
        result
    }

    fn observe(&mut self, id: RaftId) {
        let node = &self.nodes[&id];
        if let Some(raft) = node.raft() {
            self.witness.observe(raft, &node.state);
        }
    }

    /// Takes the next Ready of a member, unless it has none or is busy.
    pub(super) fn take_ready(&mut self, id: RaftId) -> Option<&Ready<Text>> {
        let Process::Up { raft, work } = &mut self.node(id).process else { return None };
        let ready = raft.ready()?;
        Some(&work.insert(Work { ready, is_written: false }).ready)
    }

    /// Makes the Ready at hand durable.
    pub(super) fn write(&mut self, id: RaftId) {
        let node = self.nodes.get_mut(&id).expect("the member exists");
        if let Process::Up { work: Some(work), .. } = &mut node.process {
            let before = node.disk.hard_state();
            node.disk.write(&work.ready.persist);
            work.is_written = true;
            self.witness.written(id, before, node.disk.hard_state());
        }
    }

    /// Does the rest of a Ready that is durable: sends, loads, applies, advances.
    pub(super) fn finish(&mut self, id: RaftId) {
        let node = self.nodes.get_mut(&id).expect("the member exists");
        let Process::Up { raft, work } = &mut node.process else { return };
        let Some(Work { ready, is_written: true }) = work.take_if(|work| work.is_written) else { return };
        for message in ready.messages {
            self.witness.sent(&message, &node.disk);
            if !self.cuts.contains(&(message.from, message.to)) {
                self.wire.push(message);
            }
        }
        if let Some(snapshot) = ready.persist.snapshot {
            node.state = snapshot.data;
        }
        for entry in &ready.committed {
            self.witness.applied(id, entry);
            node.state.apply(entry);
            if let EntryData::ConfChange(change) = &entry.data {
                raft.apply_conf_change(change);
            }
        }
        raft.advance();
        self.observe(id);
    }

    /// Takes, writes and finishes one Ready.
    pub(super) fn work(&mut self, id: RaftId) -> bool {
        let has_work = self.take_ready(id).is_some();
        self.write(id);
        self.finish(id);
        has_work
    }

    /// Takes a message off the wire and lets its addressee hear it.
    pub(super) fn deliver(&mut self, position: usize) {
        let message = self.wire.remove(position);
        self.hear(message);
    }

    pub(super) fn hear(&mut self, message: Message<Text>) {
        let (from, to) = (message.from, message.to);
        if !self.is_up(to) {
            return;
        }
        if self.refuses_removed && self.node(to).state.removed.contains(&from) {
            return self.crash(from); // the refusal tells the sender that it was removed
        }
        self.witness.before(self.nodes[&to].raft().expect("it is up"), &message);
        self.act(to, |raft| raft.step(message));
        self.witness.after(self.nodes[&to].raft().expect("it is up"));
    }

    /// Delivers and works until nothing is left to do, among these members.
    pub(super) fn settle_among(&mut self, members: &[RaftId]) {
        loop {
            let mut is_quiet = true;
            for id in members {
                while self.is_up(*id) && self.work(*id) {
                    is_quiet = false;
                }
            }
            while let Some(position) = self.wire.iter().position(|message| members.contains(&message.to)) {
                self.deliver(position);
                is_quiet = false;
            }
            if is_quiet {
                return;
            }
        }
    }

    pub(super) fn settle(&mut self) {
        let members: Vec<RaftId> = self.nodes.keys().copied().collect();
        self.settle_among(&members);
    }

    /// Elects a member and lets everybody settle.
    pub(super) fn elect(&mut self, id: u64) {
        self.act(RaftId(id), Raft::campaign);
        self.settle();
    }

    /// Saves a snapshot of a member's applied state, and compacts its log.
    pub(super) fn snapshot(&mut self, id: RaftId, entries_kept: u64) {
        let node = self.node(id);
        let state = node.state.clone();
        let Process::Up { raft, work: None } = &mut node.process else { return };
        if let Some(snapshot) = raft.snapshot_of(state) {
            node.disk.save_snapshot(&snapshot);
            raft.snapshot_saved(snapshot, entries_kept);
        }
        self.observe(id);
    }

    /// The running members that believe to lead.
    pub(super) fn leaders(&self) -> Vec<RaftId> {
        let running = self.nodes.values().filter_map(Node::raft);
        running.filter(|raft| raft.role() == Role::Leader).map(Raft::id).collect()
    }
}

impl Node {
    pub(super) fn raft(&self) -> Option<&Raft<Text>> {
        match &self.process {
            Process::Up { raft, .. } => Some(raft),
            Process::Down(_) => None,
        }
    }

    pub(super) fn raft_mut(&mut self) -> Option<&mut Raft<Text>> {
        match &mut self.process {
            Process::Up { raft, .. } => Some(raft),
            Process::Down(_) => None,
        }
    }
}
