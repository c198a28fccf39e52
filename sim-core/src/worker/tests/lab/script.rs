//! The commands of the agent's text tests.
use std::fmt::Write as _;
use std::sync::Arc;

use super::words::{changed_task, failure, host, hosts, image, manner, span, task_id};
use super::{Lab, agent};
use crate::model::setup::{Images, Setup};
use crate::model::{Fact, FactId, Task};
use crate::protocol::Assignment;
use crate::text_test::{Command, check, split_words};

/// Runs a text test.
///
/// `agent` makes one (`managers=1,2`, `local`, `seed=`; the body lists images), `start`, `settle`,
/// `power_off`, `kill`, `stop`, `kill_task`, `leave`, `reset h1` and `local yes` act on it. `dispatcher` says how
/// managers answer (`sessions=`, `heartbeats=`, `reports=`: `yes`, `silent`, `refused`, or a status), `assign`
/// sends tasks, `tell` another session message, `end session|assignments "..."` ends a stream, `freeze` and `thaw`
/// keep events back, `attached no` takes the node's address on the network of the tasks away, `note` is the cause of
/// what follows, `advance` lets time pass, `show` and `hide` choose among `sessions`, `heartbeats` and `causes`.
pub(in crate::worker::tests) fn run(file: &str) {
    let mut lab = Lab::new();
    check(file, |command| {
        lab.command(command);
        let log = std::mem::take(&mut lab.log);
        if log.is_empty() { "ok\n".to_owned() } else { log }
    });
}

impl Lab {
    fn command(&mut self, command: &Command<'_>) {
        let first = command.words.first().map_or("", String::as_str);
        match command.name {
            "agent" => self.make_agent(command),
            "dispatcher" => self.instruct(command),
            "assign" => {
                let changes = command.body.iter().map(|line| self.assignment(line)).collect();
                self.assign(first == "complete", changes);
            }
            "tell" => {
                self.managers = hosts(command.get("managers").expect("managers"));
                self.tell_session();
            }
            "attached" => {
                self.attached = first == "yes";
                self.tell_session();
            }
            "end" => self.end_stream(first, failure(&command.words[1])),
            "advance" => self.pass(span(first)),
            "show" => self.shown.extend(command.words.iter().cloned()),
            "hide" => self.shown.retain(|shown| !command.words.contains(shown)),
            "note" => {
                self.out.set_cause(FactId(0));
                self.because = self.out.fact(Fact::Note { text: first.into() });
            }
            "node" => self.print_node(),
            name => self.act(name, command),
        }
        self.work();
        self.advance(self.out.now());
    }

    fn act(&mut self, name: &str, command: &Command<'_>) {
        let first = command.words.first().map_or("", String::as_str);
        self.enter();
        let (agent, out) = (&mut self.agent, &mut self.out);
        match name {
            "start" => agent.start(out),
            "settle" => {
                let heartbeat = span(command.get("heartbeat").expect("heartbeat"));
                let tasks = command.body.iter().map(|line| self.task(&split_words(line))).collect();
                self.settle(heartbeat, tasks);
            }
            "local" => agent.set_local_manager(first == "yes"),
            "reset" => agent.reset(host(first), out),
            "kill_task" => {
                agent.kill_task(task_id(first), out);
            }
            "power_off" => agent.power_off(out),
            "kill" => agent.kill(first == "survive", out),
            "stop" => agent.stop(out),
            "leave" => agent.leave(out),
            "left" => {
                let left = agent.has_left();
                writeln!(self.log, "{left}").unwrap();
            }
            "freeze" => self.freeze(),
            "thaw" => self.thaw(),
            other => panic!("unknown command {other}"),
        }
        if matches!(name, "power_off" | "kill" | "stop") {
            self.work();
            self.process_ended();
        }
    }

    fn make_agent(&mut self, command: &Command<'_>) {
        self.managers = hosts(command.get("managers").unwrap_or("1"));
        let local = command.words.iter().any(|word| word == "local");
        let seed = command.get("seed").map_or(1, |seed| seed.parse().unwrap());
        let listed = command.body.iter().map(|line| image(line)).collect();
        let setup = Setup { images: Images { listed, ..Images::default() }, ..Setup::default() };
        let managers = Arc::clone(&self.managers);
        *self = Lab { managers, shown: std::mem::take(&mut self.shown), ..Lab::new() };
        self.agent = agent(Arc::new(setup), &self.managers, local, seed);
    }

    fn instruct(&mut self, command: &Command<'_>) {
        for (key, place) in [
            ("sessions", &mut self.sessions),
            ("heartbeats", &mut self.heartbeats),
            ("reports", &mut self.reports),
        ] {
            if let Some(text) = command.get(key) {
                *place = manner(text);
            }
        }
        if let Some(period) = command.get("period") {
            self.period = span(period);
        }
    }

    /// `t1 image=app desired=RUNNING` or `- t1`.
    fn assignment(&mut self, line: &str) -> Assignment {
        let cause = self.because;
        let words = split_words(line);
        if words[0] == "-" {
            return Assignment::Remove { task: task_id(&words[1]), cause };
        }
        Assignment::Update { task: self.task(&words), cause }
    }

    /// `t1 image=app`: the task as it is from now on.
    fn task(&mut self, words: &[String]) -> Arc<Task> {
        let id = task_id(&words[0]);
        let task = Arc::new(changed_task(self.tasks.get(&id), id, words));
        self.tasks.insert(id, Arc::clone(&task));
        task
    }

    fn print_node(&mut self) {
        let node = self.agent.node_object().map_or("none".to_owned(), |node| format!("{:?}", node.id));
        writeln!(self.log, "{node}").unwrap();
    }
}
