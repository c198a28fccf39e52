//! Recordings that cannot be replayed as they are meant are refused, with the line that is to blame: they neither pass
//! nor end in a panic.
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use conformance::{RecordingError, gossip, orchestration, scheduler, timelines};
use expect_test::expect;
use serde_json::{Value, json};

/// The first recording of a sub-case, or of a file if it has none.
fn recorded(file: &str, variant: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file);
    let text = fs::read_to_string(path).expect("the recordings are readable");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines
        .into_iter()
        .find(|line| line["variant"] == variant || variant.is_empty())
        .expect("the sub-case exists")
}

/// What a set says to a recording, with its line.
fn said<R>(case: &str, recording: &Value, run: impl Fn(&Path) -> Result<R, RecordingError>) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{case}.jsonl"));
    fs::write(&file, format!("{recording}\n")).expect("the folder for temporary files can be written");
    match run(&file) {
        Ok(_) => format!("{case}: accepted\n"),
        Err(error) => {
            // Where in its line a field stands depends on the order in which the test writes them.
            let problem = error.problem.split(" at line ").next().expect("there is a first part");
            format!("{case}: line {}: {problem}\n", error.line.expect("a line is to blame"))
        }
    }
}

/// A name, a sub-case, and how its recording is spoiled.
type Spoiled = (&'static str, (&'static str, &'static str), fn(&mut Value));

const CRASH: (&str, &str) = ("timelines/01_worker_crash.jsonl", "crash");
const LEADER: (&str, &str) = ("timelines/03_leader_crash.jsonl", "crash");
const SCALE: (&str, &str) = ("timelines/08_scale.jsonl", "workers");
const UPDATE: (&str, &str) = ("timelines/07_rolling_update.jsonl", "stop_first");

const TIMELINES: [Spoiled; 20] = [
    ("experiment", CRASH, |run| run["experiment"] = json!("11_power_loss")),
    ("nothing-known", CRASH, |run| {
        run["given"]["actions"][0] = json!({"t_ms": 0, "action": "node_activate", "node": "w1"})
    }),
    ("roles", CRASH, |run| run["given"]["initial"]["nodes"][5]["role"] = json!("manager")),
    ("hosts", CRASH, |run| run["given"]["workers"] = json!(300)),
    ("leader", CRASH, |run| run["given"]["leader"] = json!("w1")),
    ("join-via", CRASH, |run| run["given"]["join_via"] = json!("m9")),
    ("target", CRASH, |run| run["given"]["target"] = json!("w9")),
    ("desired", CRASH, |run| run["given"]["initial"]["tasks"][0]["desired"] = json!("SHUTDOWN")),
    ("image", CRASH, |run| run["given"]["initial"]["tasks"][0]["image"] = json!("app:7")),
    ("ordinal", CRASH, |run| run["given"]["initial"]["tasks"][0]["task"] = json!("web.1#x")),
    ("twice", CRASH, |run| run["given"]["initial"]["tasks"][1]["task"] = json!("web.1#2")),
    ("node-state", CRASH, |run| run["given"]["initial"]["nodes"][0]["state"] = json!("DOWN")),
    ("dead-dies", CRASH, |run| run["given"]["actions"][0]["action"] = json!("thaw")),
    ("order", SCALE, |run| run["given"]["actions"][1]["t_ms"] = json!(99_999_999)),
    ("service", SCALE, |run| run["given"]["actions"][1]["service"] = json!("api")),
    ("probes", LEADER, |run| run["given"]["probes"]["read_every_ms"] = json!(0)),
    ("probes-via", LEADER, |run| run["given"]["probes"]["via"] = json!("m9")),
    ("ratio", UPDATE, |run| run["given"]["service"]["update_config"]["max_failure_ratio"] = json!(7)),
    ("event", CRASH, |run| run["events"][0]["kind"] = json!("wobble")),
    ("derived", CRASH, |run| run["derived"]["node_down_ms"] = json!(1.0)),
];

/// What a set says to spoiled recordings, one line each.
fn all_said<R>(spoiled: &[Spoiled], run: impl Fn(&Path) -> Result<R, RecordingError>) -> String {
    let mut text = String::new();
    for (case, (file, variant), spoil) in spoiled {
        let mut recording = recorded(file, variant);
        spoil(&mut recording);
        let _ = write!(text, "{}", said(case, &recording, &run));
    }
    text
}

#[test]
fn timelines_that_are_not_understood_are_refused() {
    let options = timelines::Options { seeds: 0..1 };
    let text = all_said(&TIMELINES, |file| timelines::run(&[file.to_owned()], &options));
    expect![[r#"
        experiment: line 1: '11_power_loss' is no known experiment
        nothing-known: line 1: nothing is known to look at after [NodeActivate { node: "w1" }]
        roles: line 1: 3 nodes are said to be managers at time zero, 4 are listed
        hosts: line 1: 300 nodes are said to be workers at time zero, 3 are listed
        leader: line 1: 3 nodes are said to be managers at time zero, 4 are listed
        join-via: line 1: join_via: m9 is no manager at time zero
        target: line 1: target: w9 is no node
        desired: line 1: web.1#1 is SHUTDOWN/RUNNING at time zero, and only running tasks are replayed
        image: line 1: web.1#1 runs app:7 at time zero, its service app:1
        ordinal: line 1: web.1#x is no name of a task
        twice: line 1: place of a task at time zero web.1 is there twice
        node-state: line 1: unknown variant `DOWN`, expected `READY`
        dead-dies: line 1: Thaw { node: "w1" } at 0.1 ms finds no such process
        order: line 1: an action at 99999999 ms is out of order, or after the end
        service: line 1: an update of service api at 5002.3 ms changes nothing
        probes: line 1: probes: every_ms is zero, or there are too many of them
        probes-via: line 1: probes.via: m9 is no manager at time zero
        ratio: line 1: web: a failure ratio is outside of 0 to 1
        event: line 1: an event is of the unknown kind 'wobble'
        derived: line 1: derived.node_down_ms is 1.0, and the events of the recording give 11466.6
    "#]]
    .assert_eq(&text);
}

const NODE_DOWN: (&str, &str) = ("orchestration/node-down.jsonl", "");

const ORCHESTRATION: [Spoiled; 8] = [
    ("orc-fact", NODE_DOWN, |case| case["expected"]["stable"]["web"]["nonsense"] = json!(5)),
    ("orc-range", NODE_DOWN, |case| {
        case["expected"]["ranges"] = json!({"web": {"created_by_image": [1, 2]}})
    }),
    ("orc-unstable", NODE_DOWN, |case| case["expected"]["unstable"] = json!(["web.mood"])),
    ("orc-node", NODE_DOWN, |case| {
        case["given"]["timeline"][1] = json!({"at_ms": 1, "op": "node_remove", "node": "zz"})
    }),
    ("orc-twice", NODE_DOWN, |case| {
        case["given"]["nodes"][1]["id"] = case["given"]["nodes"][0]["id"].clone()
    }),
    ("orc-order", NODE_DOWN, |case| case["given"]["timeline"][0]["at_ms"] = json!(20_000_000)),
    ("orc-long", NODE_DOWN, |case| case["given"]["agent"]["stop_ms"] = json!(1_000_000_000_000_000_u64)),
    ("orc-many", NODE_DOWN, |case| case["given"]["timeline"][0]["spec"]["replicas"] = json!(9_000_000)),
];

#[test]
fn timelines_of_orchestrators_that_are_not_understood_are_refused() {
    let options = orchestration::Options::default();
    let text = all_said(&ORCHESTRATION, |file| orchestration::run(&[file.to_owned()], &options));
    expect![[r#"
        orc-fact: line 1: nothing is known of the fact 'nonsense'
        orc-range: line 1: nothing is known of the fact 'created_by_image'
        orc-unstable: line 1: nothing is known of the fact 'mood'
        orc-node: line 1: there is no node zz
        orc-twice: line 1: node n1 is there twice
        orc-order: line 1: an event at 20000000 ms is out of order, or after the end
        orc-long: line 1: stop_ms: 1000000000000000 is more than can be replayed
        orc-many: line 1: replicas: 9000000 is more than can be replayed
    "#]]
    .assert_eq(&text);
}

const PREFERENCES: (&str, &str) = ("scheduler/preferences.jsonl", "");

const SCHEDULER: [Spoiled; 7] = [
    ("sch-case", PREFERENCES, |case| case["nonsense"] = json!(4)),
    ("sch-expected", PREFERENCES, |case| case["expected"]["nonsense"] = json!(4)),
    ("sch-op", PREFERENCES, |case| case["given"]["steps"][0]["ops"][0]["gently"] = json!(true)),
    ("sch-node", PREFERENCES, |case| {
        case["given"]["steps"][0]["ops"][0] = json!({"op": "node", "node": "n1", "role": "MANAGER"});
    }),
    ("sch-service", PREFERENCES, |case| {
        case["expected"]["services"]["ghost"] = case["expected"]["services"]["s1"].clone();
    }),
    ("sch-level", PREFERENCES, |case| case["expected"]["services"]["s1"]["branches"][0]["level"] = json!(0)),
    ("sch-twice", PREFERENCES, |case| {
        case["given"]["nodes"][1]["id"] = case["given"]["nodes"][0]["id"].clone()
    }),
];

#[test]
fn cases_of_the_scheduler_that_are_not_understood_are_refused() {
    let options = scheduler::Options::default();
    let text = all_said(&SCHEDULER, |file| scheduler::run(&[file.to_owned()], &options));
    expect![[r#"
        sch-case: line 1: unknown field `nonsense`, expected one of `id`, `class`, `given`, `expected`
        sch-expected: line 1: unknown field `nonsense`, expected one of `deterministic`, `canonical_deterministic`, `node_class`, `placement`, `unscheduled`, `unscheduled_stable`, `services`, `after_step`, `outcomes`, `outcomes_exhaustive`, `runs`, `outcomes_seen`
        sch-op: line 1: unknown field `gently`, expected `service` or `count`
        sch-node: line 1: unknown field `role`, expected one of `node`, `state`, `availability`, `labels`, `nano_cpus`, `memory_bytes`
        sch-service: line 1: facts are expected of ghost, which is no service
        sch-level: line 1: s1 has no preference of level 0
        sch-twice: line 1: node n001 is there twice
    "#]].assert_eq(&text);
}

const SPREAD: (&str, &str) = ("gossip/spread.jsonl", "create");
const KILLED: (&str, &str) = ("gossip/crash.jsonl", "kill");
const LEFT: (&str, &str) = ("gossip/leave.jsonl", "node");
const BACK: (&str, &str) = ("gossip/crash_return.jsonl", "");
const CUT: (&str, &str) = ("gossip/partition.jsonl", "");
const JOINED: (&str, &str) = ("gossip/bulk_sync.jsonl", "node");
const BURST: (&str, &str) = ("gossip/burst.jsonl", "");

const GOSSIP: [Spoiled; 15] = [
    ("go-loss", KILLED, |run| run["given"]["loss"] = json!(0.2)),
    ("go-field", KILLED, |run| run["weather"] = json!("fine")),
    ("go-version", KILLED, |run| run["version"] = json!("28.2.2")),
    ("go-variant", KILLED, |run| run["variant"] = json!("reset")),
    ("go-victim", KILLED, |run| run["given"]["victim"] = json!("n999")),
    ("go-uptime", KILLED, |run| run["given"]["uptime_ms"] = json!({"n1": 20_000})),
    ("go-survivors", KILLED, |run| run["survivors"] = json!({})),
    ("go-origin", SPREAD, |run| run["given"]["origin"] = json!("n999")),
    ("go-none", SPREAD, |run| run["n"] = json!(0)),
    ("go-one", SPREAD, |run| run["n"] = json!(1)),
    ("go-leaver", LEFT, |run| run["given"]["leaver"] = json!("n999")),
    ("go-node", BACK, |run| run["given"]["node"] = json!("n999")),
    ("go-late", CUT, |run| run["given"]["writes"]["at_ms"] = json!(1_000_000)),
    ("go-owners", JOINED, |run| run["given"]["owners"] = json!(0)),
    ("go-burst", BURST, |run| run["given"]["entries"] = json!(2_000)),
];

#[test]
fn gossip_that_is_not_understood_is_refused() {
    let options = gossip::Options { seeds: 0..1, ..gossip::Options::all() };
    let text = all_said(&GOSSIP, |file| gossip::run(&[file.to_owned()], &options));
    expect![[r#"
        go-loss: line 1: unknown field 'loss' of given
        go-field: line 1: unknown field 'weather' of the run
        go-version: line 1: '28.2.2' is no known version
        go-variant: line 1: crash is not described completely
        go-victim: line 1: n999 is not among the 2 nodes
        go-uptime: line 1: uptime_ms has 1 of 2 nodes
        go-survivors: line 1: survivors: no node has reported
        go-origin: line 1: n999 is not among the 2 nodes
        go-none: line 1: n: gossip of 0 nodes is not replayed
        go-one: line 1: n: gossip of 1 nodes is not replayed
        go-leaver: line 1: n999 is not among the 2 nodes
        go-node: line 1: n999 is not among the 3 nodes
        go-late: line 1: writes: they are made during the cut, two on side a and one on side b
        go-owners: line 1: 100 entries of 0 owners are not replayed
        go-burst: line 1: a burst of 2000 entries is not replayed
    "#]]
    .assert_eq(&text);
}

/// What is asked about services and nodes that are not there is answered, and nothing happens to the other cases.
#[test]
fn requests_about_what_is_not_there_are_answered() {
    let mut case = recorded("orchestration/scale.jsonl", "");
    let end = case["given"]["end_ms"].as_u64().expect("a case ends");
    let spec = case["given"]["timeline"][0]["spec"].clone();
    let node = case["given"]["nodes"][0]["id"].clone();
    let events = case["given"]["timeline"].as_array_mut().expect("a timeline is a list");
    let first = events.len();
    events.extend([
        json!({"at_ms": end, "op": "service_update", "service": "ghost", "spec": spec}),
        json!({"at_ms": end, "op": "node_remove", "node": node}),
        json!({"at_ms": end, "op": "node_availability", "node": node, "availability": "DRAIN"}),
        json!({"at_ms": end, "op": "node_state", "node": node, "state": "READY"}),
        json!({"at_ms": end, "op": "task_fail", "service": "ghost", "slot": 1}),
    ]);
    let answers = [
        format!("{first}: rpc error: code = NotFound desc = service ghost not found"),
        format!(
            "{}: rpc error: code = NotFound desc = node {} not found",
            first + 2,
            node.as_str().expect("a name")
        ),
    ];
    case["expected"]["api_errors"] = json!(answers);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("not-there.jsonl");
    fs::write(&file, format!("{case}\n")).expect("the folder for temporary files can be written");
    let report = orchestration::run(&[file], &orchestration::Options::default()).expect("it can be replayed");
    assert!(!report.to_string().contains("refusals of the control API"), "{report}");
}

#[test]
fn a_figure_of_which_nothing_is_known_is_told() {
    let mut recording = recorded(CRASH.0, CRASH.1);
    recording["derived"]["mood_ms"] = json!(5);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unknown-figure.jsonl");
    fs::write(&file, format!("{recording}\n")).expect("the folder for temporary files can be written");
    let report = timelines::run(&[file], &timelines::Options { seeds: 0..1 }).expect("it can be replayed");
    let text = report.text();
    let note = "not compared: 01_worker_crash, crash: mood_ms: nothing is known of this figure";
    assert!(text.lines().any(|line| line == note), "{text}");
}
