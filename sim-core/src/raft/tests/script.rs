//! Runs the scripts of `testdata/raft`: commands, a line of dashes, what they print.
//!
//! A word without `=` after the verb names members (or is a text or a count), the others are options. `stabilize`
//! shows every Ready, `settle` does the same in silence. Nothing moves by itself: no message is delivered and no
//! Ready is handled without a command.
use std::fmt::Write as _;

use super::super::{ConfChange, Config, Disk, EntryId, HardState, Raft, RaftId, Ready, Term};
use super::cluster::{self, Cluster, Process};
use super::text::{self, Text, or_none};
use crate::text_test;

macro_rules! scripts {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name));
        }
    )*};
}

scripts! {
    campaign
    check_quorum
    commit
    conf_change
    elections
    flow_control
    persistence
    probing
    snapshots
    starting
    transfer
}

/// Runs a script: each block is a list of commands, which print one after the other.
fn check(script: &str) {
    let mut cluster = Cluster::new(0);
    text_test::check(&format!("raft/{script}.txt"), |block| {
        let first = Command::new(block.name, block.words.clone());
        let others = block.body.iter().map(|line| Command::parse(line));
        let printed: String =
            std::iter::once(first).chain(others).map(|command| command.run(&mut cluster)).collect();
        if printed.is_empty() { "ok".to_owned() } else { printed }
    });
}

/// One line of a script.
struct Command {
    verb: String,
    words: Vec<String>,
    options: Vec<(String, String)>,
}

impl Command {
    fn parse(line: &str) -> Self {
        let mut words = text_test::split_words(line);
        let verb = words.remove(0);
        Command::new(&verb, words)
    }

    fn new(verb: &str, words: Vec<String>) -> Self {
        let (options, words): (Vec<String>, Vec<String>) =
            words.into_iter().partition(|word| word.contains('='));
        let option = |option: &String| {
            let (name, value) = option.split_once('=').expect("options have values");
            (name.to_owned(), value.to_owned())
        };
        Command { verb: verb.to_owned(), words, options: options.iter().map(option).collect() }
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.option(name).map(number)
    }

    fn member(&self) -> RaftId {
        RaftId(number(self.words.first().expect("a member is named")))
    }

    /// The members named, or all.
    fn members(&self, cluster: &Cluster) -> Vec<RaftId> {
        if self.words.is_empty() {
            cluster.nodes.keys().copied().collect()
        } else {
            self.words.iter().map(|word| RaftId(number(word))).collect()
        }
    }

    fn run(&self, cluster: &mut Cluster) -> String {
        let mut printed = String::new();
        match self.verb.as_str() {
            "cluster" => {
                *cluster = Cluster::new(0);
                for id in self.option("voters").map_or(Vec::new(), |voters| numbers(voters).collect()) {
                    cluster.add(RaftId(id), self.config(), self.disk());
                }
            }
            "node" => cluster.add(self.member(), self.config(), self.disk()),
            "bootstrap" => self.bootstrap(cluster),
            "crash" => self.words.iter().for_each(|id| cluster.crash(RaftId(number(id)))),
            "start" => self.words.iter().for_each(|id| cluster.start(RaftId(number(id)))),
            "force-new-cluster" => {
                let own = self.member();
                let removed = cluster.node(own).disk.force_new_cluster(own, format!("node-{own}"));
                printed = format!("removed {}\n", text::list(&removed, ToString::to_string));
            }
            "timeout" => self.set_timeout(cluster),
            "cut" => self.cut(cluster),
            "heal" => cluster.cuts.clear(),
            "deliver" | "drop" => printed = self.move_messages(cluster),
            "ready" => printed = self.handle_ready(cluster),
            "stabilize" => printed = self.stabilize(cluster),
            "settle" => cluster.settle_among(&self.members(cluster)),
            "elect" => cluster.elect(self.member().0),
            "snapshot" => cluster.snapshot(self.member(), self.number("keep").unwrap_or(0)),
            "status" => printed = self.show(cluster, status),
            "progress" => printed = self.show(cluster, progress),
            "log" => printed = self.show(cluster, log),
            "state" => printed = self.states(cluster),
            _ => printed = self.act(cluster),
        }
        printed
    }

    /// Commands to one running member.
    fn act(&self, cluster: &mut Cluster) -> String {
        let id = self.member();
        let mut printed = String::new();
        match self.verb.as_str() {
            "campaign" => cluster.act(id, Raft::campaign),
            "tick" => {
                let count = self.words.get(1).map_or(1, |count| number(count));
                (0..count).for_each(|_| cluster.act(id, Raft::tick));
            }
            "propose" => {
                let text = Text::new(self.words.get(1).expect("a text is given"));
                for _ in 0..self.number("count").unwrap_or(1) {
                    printed = outcome(cluster.act(id, |raft| raft.propose(text.clone())));
                }
            }
            "conf" => printed = outcome(cluster.act(id, |raft| raft.propose_conf_change(self.change()))),
            "transfer" => cluster.act(id, |raft| raft.transfer_leader(self.peer("to"))),
            "unreachable" => cluster.act(id, |raft| raft.report_unreachable(self.peer("peer"))),
            "snapshot-delivered" => cluster.act(id, |raft| raft.report_snapshot(self.peer("peer"), true)),
            "snapshot-failed" => cluster.act(id, |raft| raft.report_snapshot(self.peer("peer"), false)),
            "take" => {
                let ready = cluster.take_ready(id).expect("there is something to do");
                show_ready(&mut printed, id, ready);
            }
            "write" => cluster.write(id),
            "finish" => cluster.finish(id),
            verb => panic!("there is no command {verb}"),
        }
        printed
    }

    fn peer(&self, name: &str) -> RaftId {
        RaftId(self.number(name).expect("a peer is named"))
    }

    fn config(&self) -> Config {
        let default = cluster::case_config();
        Config {
            check_quorum: self.option("check-quorum").is_some_and(|value| value == "on"),
            max_inflight: self.number("inflight").map_or(default.max_inflight, |count| count as usize),
            max_message_bytes: self.number("max-bytes").unwrap_or(default.max_message_bytes),
            ..default
        }
    }

    /// `index=2` is a snapshot at 1/2, `log=1,1` are the terms of entries from index 1.
    fn disk(&self) -> Disk<Text> {
        let voters: Vec<u64> = self.option("voters").map_or(Vec::new(), |voters| numbers(voters).collect());
        let terms: Vec<u64> = self.option("log").map_or(Vec::new(), |terms| numbers(terms).collect());
        let index = self.number("index").unwrap_or(0);
        let hard_state = HardState {
            term: Term(self.number("term").unwrap_or(0)),
            vote: self.number("vote").map(RaftId),
            commit: self.number("commit").unwrap_or(index),
        };
        if index > 0 {
            let last = EntryId { term: Term(1), index };
            cluster::with_entries(cluster::disk_at(&voters, last, hard_state), &terms)
        } else if voters.is_empty() {
            Disk::empty()
        } else {
            cluster::disk(&voters, &terms, hard_state)
        }
    }

    fn bootstrap(&self, cluster: &mut Cluster) {
        let id = self.member();
        cluster.add(id, self.config(), Disk::empty());
        let node = cluster.node(id);
        let Process::Up { raft, .. } = &mut node.process else { panic!("{id} is down") };
        let random = raft.clone().into_random();
        **raft = Raft::bootstrap(id, node.config, format!("node-{id}"), random);
    }

    fn set_timeout(&self, cluster: &mut Cluster) {
        cluster.raft(self.member().0).timer.randomized_timeout = number(&self.words[1]);
    }

    /// `cut 1 3` cuts one pair, `cut 3` a member from all others.
    fn cut(&self, cluster: &mut Cluster) {
        let first = self.member();
        let others = match self.words.get(1) {
            Some(second) => vec![RaftId(number(second))],
            None => cluster.nodes.keys().copied().filter(|id| *id != first).collect(),
        };
        for other in others {
            cluster.cuts.insert((first, other));
            cluster.cuts.insert((other, first));
        }
    }

    fn change(&self) -> ConfChange<String> {
        let (kind, id) = self.options.first().expect("a change is named");
        let id = RaftId(number(id));
        let member = format!("node-{id}");
        match kind.as_str() {
            "add" => ConfChange::AddNode { id, member },
            "remove" => ConfChange::RemoveNode { id },
            "update" => ConfChange::UpdateNode { id, member },
            kind => panic!("there is no change {kind}"),
        }
    }

    /// Takes the messages that fit `from`, `to` and `kind` off the wire, and delivers or drops them.
    fn move_messages(&self, cluster: &mut Cluster) -> String {
        let mut printed = String::new();
        let waiting = std::mem::take(&mut cluster.wire);
        for message in waiting {
            let shown = text::message(&message);
            let fits = self.number("from").is_none_or(|from| message.from.0 == from)
                && self.number("to").is_none_or(|to| message.to.0 == to)
                && self.option("kind").is_none_or(|kind| shown.split(' ').nth(1) == Some(kind));
            if !fits {
                cluster.wire.push(message);
                continue;
            }
            writeln!(printed, "{shown}").expect("a string takes everything");
            if self.verb == "deliver" {
                cluster.hear(message);
            }
        }
        printed
    }

    fn handle_ready(&self, cluster: &mut Cluster) -> String {
        let mut printed = String::new();
        for id in self.members(cluster) {
            if let Some(ready) = cluster.take_ready(id) {
                show_ready(&mut printed, id, ready);
                cluster.write(id);
                cluster.finish(id);
            }
        }
        printed
    }

    fn stabilize(&self, cluster: &mut Cluster) -> String {
        let members = self.members(cluster);
        let mut printed = String::new();
        loop {
            let handled = self.handle_ready(cluster);
            let before = cluster.wire.len();
            while let Some(next) = cluster.wire.iter().position(|message| members.contains(&message.to)) {
                cluster.deliver(next);
            }
            if handled.is_empty() && cluster.wire.len() == before {
                return printed;
            }
            printed += &handled;
        }
    }

    fn show(&self, cluster: &Cluster, line: fn(&Raft<Text>) -> String) -> String {
        let running = self.members(cluster).into_iter().filter_map(|id| cluster.nodes[&id].raft());
        running.map(line).collect()
    }

    fn states(&self, cluster: &Cluster) -> String {
        let mut printed = String::new();
        for id in self.members(cluster) {
            let texts = text::list(&cluster.nodes[&id].state.texts, |Text(text)| text.to_string());
            writeln!(printed, "{}", format!("{id}: {texts}").trim_end()).expect("a string takes everything");
        }
        printed
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn numbers(text: &str) -> impl Iterator<Item = u64> {
    text.split(',').map(number)
}

fn outcome(result: Result<u64, impl std::fmt::Display>) -> String {
    match result {
        Ok(index) => format!("index {index}\n"),
        Err(error) => format!("error: {error}\n"),
    }
}

fn status(raft: &Raft<Text>) -> String {
    let transferee = raft.transferee().map_or(String::new(), |target| format!(" transfer to {target}"));
    format!(
        "{} {:?} term {} vote {} leader {} commit {} applied {} last {}{transferee}\n",
        raft.id(),
        raft.role(),
        raft.term(),
        or_none(raft.vote()),
        or_none(raft.leader()),
        raft.commit_index(),
        raft.applied_index(),
        raft.last(),
    )
}

fn progress(raft: &Raft<Text>) -> String {
    raft.members().iter().map(|(id, progress)| format!("{}: {id} {progress}\n", raft.id())).collect()
}

fn log(raft: &Raft<Text>) -> String {
    let entries = raft.log.entries.starting_at(raft.first_index()).map(text::entry).collect::<Vec<_>>();
    format!("{}: {}", raft.id(), entries.join(", ")).trim_end().to_owned() + "\n"
}

fn show_ready(printed: &mut String, id: RaftId, ready: &Ready<Text>) {
    let mut line = |text: String| writeln!(printed, "{text}").expect("a string takes everything");
    let synced = if ready.persist.must_sync { " (sync)" } else { "" };
    line(format!("{id} ready{synced}"));
    if let Some(soft) = ready.soft_state {
        line(format!("  {:?}, leader {}", soft.role, or_none(soft.leader)));
    }
    if let Some(snapshot) = &ready.persist.snapshot {
        line(format!("  save snapshot {}", snapshot.last));
    }
    if let Some(HardState { term, vote, commit }) = ready.persist.hard_state {
        line(format!("  save term {term} vote {} commit {commit}", or_none(vote)));
    }
    ready.persist.entries.iter().for_each(|entry| line(format!("  save {}", text::entry(entry))));
    ready.messages.iter().for_each(|message| line(format!("  send {}", text::message(message))));
    ready.committed.iter().for_each(|entry| line(format!("  apply {}", text::entry(entry))));
}
