//! Recordings that cannot be replayed as they are meant are refused, with the line that is to blame: they neither pass
//! nor end in a panic.
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use conformance::{RecordingError, timelines};
use expect_test::expect;
use serde_json::{Value, json};

/// The first recording of a sub-case.
fn recorded(file: &str, variant: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file);
    let text = fs::read_to_string(path).expect("the recordings are readable");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines.into_iter().find(|line| line["variant"] == variant).expect("the sub-case exists")
}

/// What a set says to a recording, with its line.
fn said<R>(case: &str, recording: &Value, run: impl Fn(&Path) -> Result<R, RecordingError>) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{case}.jsonl"));
    fs::write(&file, format!("{recording}\n")).expect("the folder for temporary files can be written");
    match run(&file) {
        Ok(_) => format!("{case}: accepted\n"),
        Err(error) => {
            format!("{case}: line {:?}: {}\n", error.line.expect("a line is to blame"), error.problem)
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

#[test]
fn timelines_that_are_not_understood_are_refused() {
    let mut text = String::new();
    for (case, (file, variant), spoil) in TIMELINES {
        let mut recording = recorded(file, variant);
        spoil(&mut recording);
        let options = timelines::Options { seeds: 0..1 };
        let _ =
            write!(text, "{}", said(case, &recording, |file| timelines::run(&[file.to_owned()], &options)));
    }
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
        node-state: line 1: unknown variant `DOWN`, expected `READY` at line 1 column 334
        dead-dies: line 1: Thaw { node: "w1" } at 0.1 ms finds no such process
        order: line 1: an action at 99999999 ms is out of order, or after the end
        service: line 1: an update of service api at 5002.3 ms changes nothing
        probes: line 1: probes: every_ms is zero, or there are too many of them
        probes-via: line 1: probes.via: m9 is no manager at time zero
        ratio: line 1: web: a failure ratio is outside of 0 to 1
        event: line 1: an event is of the unknown kind 'wobble'
        derived: line 1: derived.node_down_ms is 1.0, and the events of the recording give 11466.6
    "#]].assert_eq(&text);
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
