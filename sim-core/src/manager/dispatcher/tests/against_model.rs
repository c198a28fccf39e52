//! Random registrations and heartbeats against a model that looks at every node each millisecond: nobody is DOWN too
//! early or too late (I-S6), and only the last session of a node is valid (I-S5).
//!
//! Times are chosen so that no pass and no deadline meet in one millisecond: their order would be arbitrary.
use proptest::prelude::*;

use super::script::Script;
use crate::text_test::Command;

/// Milliseconds that are simulated.
const END: u64 = 80_000;

#[derive(Clone, Debug)]
enum Call {
    Register,
    /// With the last session that the node was given.
    Heartbeat,
    /// With the one before that.
    LateHeartbeat,
}

/// What a node is to the slow dispatcher.
#[derive(Clone, Debug, Default)]
struct NodeModel {
    entry: Option<Entry>,
    sessions: Vec<u64>,
    pending: Vec<u64>,
    goes_down: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    session: Option<u64>,
    expires: u64,
    accepted: Option<u64>,
    count: u32,
}

/// The slow dispatcher. Its periods are exact, and every multiple of 100 ms is a pass.
struct Model {
    period: u64,
    nodes: Vec<NodeModel>,
    sessions: u64,
    said: Vec<String>,
}

impl Model {
    fn new(period: u64, nodes: usize) -> Self {
        let entry = Entry { session: None, expires: 6 * period, accepted: None, count: 0 };
        let node = NodeModel { entry: Some(entry), ..NodeModel::default() };
        Model { period, nodes: vec![node; nodes], sessions: 0, said: Vec::new() }
    }

    fn say(&mut self, now: u64, what: &str) {
        let (seconds, rest) = (now / 1000, now % 1000);
        let decimals = format!(".{rest:03}");
        self.said.push(format!("{seconds}{}s {what}", decimals.trim_end_matches('0').trim_end_matches('.')));
    }

    fn tick(&mut self, now: u64) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].entry.as_ref().is_some_and(|entry| entry.expires == now) {
                self.nodes[node].entry = None;
                self.nodes[node].goes_down = true;
            }
        }
        if now > 0 && now.is_multiple_of(100) {
            self.pass(now);
        }
    }

    fn pass(&mut self, now: u64) {
        let mut waiting = Vec::new();
        for node in 0..self.nodes.len() {
            if std::mem::take(&mut self.nodes[node].goes_down) {
                self.say(now, &format!("writes w{node} DOWN"));
            }
            waiting.extend(self.nodes[node].pending.drain(..).map(|call| (call, node)));
        }
        waiting.sort_unstable();
        for (call, node) in waiting {
            self.sessions += 1;
            let session = self.sessions;
            let old = self.nodes[node].entry.take();
            let (accepted, count) = old.map_or((Some(now), 0), |old| (old.accepted, old.count));
            let expires = now + 3 * self.period;
            self.nodes[node].entry = Some(Entry { session: Some(session), expires, accepted, count });
            self.nodes[node].sessions.push(session);
            self.say(now, &format!("tells w{node} c{call} s{session}:"));
        }
    }

    fn register(&mut self, now: u64, node: usize, call: u64) {
        if let Some(entry) = &mut self.nodes[node].entry {
            if entry.accepted.is_none_or(|accepted| now - accepted > 8_000) {
                entry.count = 0;
            }
            entry.count += 1;
            if entry.count > 3 {
                return self.say(now, &format!("tells w{node} c{call} Unavailable"));
            }
            entry.accepted = Some(now);
        }
        self.nodes[node].goes_down = false;
        self.nodes[node].pending.push(call);
    }

    fn heartbeat(&mut self, now: u64, node: usize, call: u64, session: Option<u64>) {
        let period = self.period;
        let answer = match &mut self.nodes[node].entry {
            None => "NotFound \"node not registered\"",
            Some(entry) if session.is_some() && entry.session == session => {
                entry.expires = now + 3 * period;
                "next heartbeat in"
            }
            Some(_) => "InvalidArgument \"session invalid\"",
        };
        self.say(now, &format!("tells w{node} c{call} {answer}"));
    }
}

/// Runs both and compares what they said about each call, and when nodes went down.
fn compare(period: u64, calls: &[(u64, usize, Call)]) -> Result<(), TestCaseError> {
    let mut model = Model::new(period, 3);
    let mut lines = vec!["0s start".to_owned()];
    let mut now = 0;
    model.tick(0);
    for (number, (gap, node, call)) in (1..).zip(calls) {
        let at = (now / 100 + gap) * 100 + 15;
        while now < at {
            now += 1;
            model.tick(now);
        }
        let given = |back: usize| model.nodes[*node].sessions.iter().rev().nth(back).copied();
        let text = |session: Option<u64>| session.map_or("-".to_owned(), |number| format!("s{number}"));
        match call {
            Call::Register => {
                lines.push(format!("{at}ms w{node} session"));
                model.register(at, *node, number);
            }
            Call::Heartbeat | Call::LateHeartbeat => {
                let session = given(usize::from(matches!(call, Call::LateHeartbeat)));
                lines.push(format!("{at}ms w{node} heartbeat {}", text(session)));
                model.heartbeat(at, *node, number, session);
            }
        }
    }
    while now < END {
        now += 1;
        model.tick(now);
    }
    let log = run(period, &lines);
    for expected in &model.said {
        let found = log.lines().any(|line| line.starts_with(expected.as_str()));
        prop_assert!(found, "no line {expected} in\n{log}\nof\n{lines:#?}");
    }
    let written = log.lines().filter(|line| line.contains(" writes ") && line.contains(" DOWN ")).count();
    let expected = model.said.iter().filter(|line| line.ends_with(" DOWN")).count();
    prop_assert_eq!(written, expected, "{}", log);
    Ok(())
}

fn run(period: u64, lines: &[String]) -> String {
    let mut script = Script::default();
    let words = vec![format!("period={period}ms")];
    let body = vec!["m1 manager state=DOWN", "w0", "w1", "w2"];
    script.run(&Command { name: "cluster", words, body });
    let body = lines.iter().map(String::as_str).collect();
    script.run(&Command { name: "run", words: vec![format!("until={END}ms")], body })
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        2 => Just(Call::Register),
        5 => Just(Call::Heartbeat),
        1 => Just(Call::LateHeartbeat),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn sessions_and_deadlines_agree_with_a_slow_model(
        period in prop_oneof![Just(1_003), Just(2_007)],
        calls in prop::collection::vec((0_u64..12, 0_usize..3, call()), 0..60),
    ) {
        compare(period, &calls)?;
    }
}
