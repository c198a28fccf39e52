//! `swarm-sim run` from outside.
mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use common::{Ran, command, files, finish, folder, run, scenario};
use expect_test::expect_file;
use serde_json::Value;

const BREAKS: &str = "{ at: 35s, node: worker-2, availability: Drain }";

/// One manager goes on alone, and the other two without it.
const TWO_SWARMS: &str = r#"
name: two-swarms
seed: 1
cluster: { managers: 3, workers: 1 }
timeline:
  - { at: 1s, docker: "service create --detach --name web app:1" }
  - { at: 10s, fault: { cut: [ manager-1, manager-2 ] } }
  - { at: 10s, fault: { cut: [ manager-1, manager-3 ] } }
  - { at: 40s, on: manager-1, docker: "swarm init --force-new-cluster" }
until: 80s
"#;

/// Requests through a follower whose leader has just died look for one every 500 ms, each from its own beginning.
const OWN_POLLS: &str = r#"
name: own-polls
seed: 1
cluster: { managers: 3, workers: 1 }
timeline:
  - { at: 10s, fault: { kill: manager-1 } }
  - { at: 10400ms, on: manager-2, docker: "node ls" }
  - { at: 10530ms, on: manager-2, docker: "node ls" }
  - { at: 10900ms, on: manager-2, docker: "node ls" }
until: 60s
"#;

/// The two hashes at the end of a text report.
fn hashes(ran: &Ran) -> &str {
    ran.stdout
        .lines()
        .last()
        .filter(|line| line.starts_with("trace "))
        .expect("a report ends with its hashes")
}

#[test]
fn a_run_that_goes_as_expected_tells_its_story_and_exits_with_0() {
    let ran = run(&folder("story"), &["run", "worker-failure"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    expect_file!["../testdata/worker-failure.txt"].assert_eq(&ran.stdout);
}

#[test]
fn json_tells_the_same_to_programs() {
    let ran = run(&folder("json"), &["run", "worker-failure", "--format", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    expect_file!["../testdata/worker-failure.json"].assert_eq(&ran.stdout);
}

#[test]
fn a_broken_expectation_exits_with_1_and_says_what_was_seen() {
    let folder = folder("broken-expectation");
    fs::write(folder.join("small.yaml"), scenario(BREAKS)).expect("the file can be written");
    let ran = run(&folder, &["run", "small.yaml"]);
    assert_eq!(ran.code, 1);
    let lines: Vec<&str> = ran.stdout.lines().skip_while(|line| *line != "Expectations").take(4).collect();
    expect_file!["../testdata/broken-expectation.txt"].assert_eq(&lines.join("\n"));
}

#[test]
fn an_earlier_end_leaves_expectations_unreached_and_fails_none() {
    let folder = folder("until");
    fs::write(folder.join("small.yaml"), scenario(BREAKS)).expect("the file can be written");
    let ran = run(&folder, &["run", "small.yaml", "--until", "20s"]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.stdout.contains("skip  at 35s, node worker-2: availability Drain: the run ended at 20.000 s"),
        "{}",
        ran.stdout
    );
}

#[test]
fn bad_input_exits_with_2_and_touches_no_file() {
    let folder = folder("bad-input");
    fs::write(folder.join("bad.yaml"), "name: bad\ncluster: { managers: 3, wrokers: 2 }\n").expect("written");
    let ran = run(&folder, &["run", "bad.yaml", "--trace", "trace.jsonl", "--report", "report"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    expect_file!["../testdata/bad-input.txt"].assert_eq(&ran.stderr);
    assert_eq!(files(&folder), ["bad.yaml"]);
}

#[test]
fn bad_arguments_exit_with_2() {
    let folder = folder("bad-arguments");
    for arguments in [
        &["run"][..],
        &["run", "no-such-scenario"],
        &["run", "no-such-file.yaml"],
        &["run", "."],
        &["run", "worker-failure", "--until", "20"],
        &["run", "worker-failure", "--set", "nothing"],
        &["run", "worker-failure", "--set", "unknown=1"],
        &["run", "worker-failure", "--seed", "-1"],
        &["run", "worker-failure", "--trace", "no/such/folder/trace.jsonl"],
        &["run", "worker-failure", "--report", "no/such/folder/report"],
        &["run", "worker-failure", "--trace", "."],
        &["test", "worker-failure", "--seeds", "5..5"],
        &["test", "worker-failure", "--jobs", "0"],
        &["test", "."],
        &["conform", "scheduler", "no-such-file.jsonl"],
        &["no-such-command"],
    ] {
        let ran = run(&folder, arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty() && !ran.stderr.contains("panicked"), "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[test]
fn a_name_that_is_nearly_right_gets_a_hint() {
    let ran = run(&folder("hint"), &["run", "worker-failur"]);
    assert!(ran.stderr.contains("did you mean `worker-failure`?"), "{}", ran.stderr);
}

#[test]
fn files_of_others_are_not_replaced_without_force() {
    let folder = folder("force");
    fs::write(folder.join("notes.txt"), "mine").expect("written");
    fs::create_dir(folder.join("photos")).expect("made");
    fs::write(folder.join("photos/cat.jpg"), "meow").expect("written");
    let trace = ["run", "worker-failure", "--trace", "notes.txt"];
    let report = ["run", "worker-failure", "--report", "photos"];
    for arguments in [trace, report] {
        let ran = run(&folder, &arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
        assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
        let forced = [&arguments[..], &["--force"]].concat();
        assert_eq!(run(&folder, &forced).code, 0);
    }
    assert!(fs::read_to_string(folder.join("notes.txt")).expect("it is there").starts_with("{\"schema\""));
    assert_eq!(fs::read_to_string(folder.join("photos/cat.jpg")).expect("it is there"), "meow");
}

#[test]
fn a_report_of_ours_may_be_written_again() {
    let folder = folder("report-again");
    let report = |scenario: &str| {
        let ran = run(&folder, &["run", scenario, "--report", "report"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, "the report is in report\n"));
        files(&folder.join("report"))
    };
    let with_requests = ["metrics.csv", "metrics.json", "requests.svg", "tasks.svg"];
    assert_eq!(report("zero-downtime-recipe"), with_requests);
    assert_eq!(report("zero-downtime-recipe"), with_requests);
    assert_eq!(
        report("worker-failure"),
        ["metrics.csv", "metrics.json", "tasks.svg"],
        "nobody sent a request"
    );
}

#[test]
fn a_trace_has_one_fact_a_line_and_every_cause_is_an_earlier_fact() {
    let folder = folder("trace");
    assert_eq!(run(&folder, &["run", "worker-failure", "--trace", "trace.jsonl"]).code, 0);
    assert_eq!(files(&folder), ["trace.jsonl"]);
    let text = fs::read_to_string(folder.join("trace.jsonl")).expect("the trace is there");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let header = lines.next().expect("a header");
    assert_eq!((&header["schema"], &header["seed"]), (&"swarm-sim/trace/1".into(), &42.into()));
    for (place, fact) in lines.enumerate() {
        assert_eq!(fact["id"], place, "ids count from 0");
        let cause = fact["cause"].as_u64().expect("every fact has a cause");
        assert!(cause < place as u64 || place == 0, "{fact}");
    }
}

#[test]
fn the_hash_is_the_same_however_often_and_however_closely_one_looks() {
    let folder = folder("hashes");
    let plain = run(&folder, &["run", "worker-failure"]);
    let variants: [&[&str]; 5] = [
        &[],
        &["--trace", "trace.jsonl"],
        &["--report", "report"],
        &["--trace", "trace.jsonl", "--report", "report", "--force"],
        &["--check"],
    ];
    for variant in variants {
        let arguments = [&["run", "worker-failure"], variant].concat();
        assert_eq!(hashes(&run(&folder, &arguments)), hashes(&plain), "{variant:?}");
    }
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let folder = folder("at-once");
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let folder = folder.clone();
            std::thread::spawn(move || run(&folder, &["run", "worker-failure"]))
        })
        .collect();
    let runs: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("the run ends")).collect();
    assert_eq!(runs[0].stdout, runs[1].stdout);
}

#[test]
fn another_seed_is_another_run() {
    let folder = folder("seeds");
    let (one, other) =
        (run(&folder, &["run", "worker-failure"]), run(&folder, &["run", "worker-failure", "--seed", "43"]));
    assert_eq!(other.code, 0);
    assert_ne!(hashes(&one), hashes(&other));
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let folder = folder("colours");
    let has_colours = |name: &str, value: &str| {
        let mut command = command(&folder, &["run", "worker-failure"]);
        command.env(name, value);
        finish(command).stdout.contains('\u{1b}')
    };
    assert!(!has_colours("NO_COLOR", "1"));
    assert!(!run(&folder, &["run", "worker-failure"]).stdout.contains('\u{1b}'), "a pipe is no terminal");
    assert!(has_colours("CLICOLOR_FORCE", "1"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut command = command(&folder("pipe"), &["run", "worker-failure", "--format", "json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the program runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("the program ends").code(), Some(0));
}

#[test]
fn the_managers_are_shown_whenever_a_role_a_term_a_leader_or_the_voters_change() {
    for (scenario, file) in [("leader-crash", "raft-crash.txt"), ("promote-demote", "raft-voters.txt")] {
        let ran = run(&folder("raft"), &["run", scenario, "--raft"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let lines = ran.stdout.lines().skip_while(|line| !line.starts_with("Raft, "));
        let text: String =
            lines.take_while(|line| *line != "Expectations").map(|line| format!("{line}\n")).collect();
        expect_file![format!("../testdata/{file}")].assert_eq(&text);
    }
}

#[test]
fn programs_find_the_managers_in_the_one_object_that_is_printed() {
    let ran = run(&folder("raft-json"), &["run", "leader-crash", "--raft", "--format", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let object: Value = serde_json::from_str(&ran.stdout).expect("nothing but one object is printed");
    let looks = object["raft"].as_array().expect("the managers were asked for");
    let leaders = |look: &Value| {
        let managers = look["managers"].as_array().expect("a list").iter();
        managers.filter(|one| one["role"] == "leader").map(|one| one["host"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(leaders(&looks[0]), ["m1"]);
    assert_eq!(leaders(looks.last().expect("the end is shown")), ["m3"]);
    assert_eq!(looks.last().expect("the end is shown")["time_ns"], object["ended_ns"]);
}

#[test]
fn the_story_says_of_a_fault_that_it_changed_nothing_and_of_a_disk_that_it_recovered() {
    let folder = folder("without-effect");
    let scenario = "name: idle\ncluster: { managers: 1, workers: [ w1, w2 ] }\ntimeline:\n  \
        - { at: 0s, docker: \"service create --detach --name web nginx\" }\n  \
        - { at: 1s, fault: { restart: w1 } }\n  \
        - { at: 2s, fault: { thaw: w1 } }\n  \
        - { at: 3s, fault: { stop: w1 } }\n  \
        - { at: 4s, fault: { freeze: [ w1, w2 ] } }\n  \
        - { at: 5s, fault: { kill_task: web.2 } }\n  \
        - { at: 6s, fault: { slow_disk: manager-1, by: 10ms, for: 1s } }\nuntil: 8s\n";
    fs::write(folder.join("idle.yaml"), scenario).expect("the file can be written");
    let ran = run(&folder, &["run", "idle.yaml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let story = ran.stdout.lines().skip_while(|line| *line != "Story").skip(1);
    let text: String = story.take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    expect_file!["../testdata/without-effect.txt"].assert_eq(&text);
}

#[test]
fn a_node_that_was_unknown_is_ready_because_somebody_leads() {
    let ran = run(&folder("ready"), &["run", "leader-crash"]);
    let ready: Vec<&str> =
        ran.stdout.lines().filter(|line| line.contains("is Ready") || line.contains("are Ready")).collect();
    expect_file!["../testdata/ready.txt"].assert_eq(&ready.join("\n"));
}

#[test]
fn the_tables_of_a_cluster_in_two_swarms_name_those_who_are_not_shown() {
    let folder = folder("two-swarms");
    fs::write(folder.join("two.yaml"), TWO_SWARMS).expect("the file can be written");
    let ran = run(&folder, &["run", "two.yaml"]);
    let tables: Vec<&str> = ran
        .stdout
        .lines()
        .skip_while(|line| *line != "At the end")
        .take_while(|line| *line != "Metrics")
        .collect();
    expect_file!["../testdata/two-swarms.txt"].assert_eq(&tables.join("\n"));
}

#[test]
fn every_request_looks_for_a_leader_by_itself() {
    let folder = folder("own-polls");
    fs::write(folder.join("polls.yaml"), OWN_POLLS).expect("the file can be written");
    let ran = run(&folder, &["run", "polls.yaml"]);
    let answers: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|line| line.contains("node ls") || line.contains("answered after"))
        .collect();
    expect_file!["../testdata/own-polls.txt"].assert_eq(&answers.join("\n"));
}

#[test]
fn whoever_is_refused_is_refused_because_of_what_ended_the_manager() {
    let ran = run(&folder("refused"), &["run", "force-new-cluster"]);
    let refused: Vec<&str> = ran.stdout.lines().filter(|line| line.contains("connection refused")).collect();
    expect_file!["../testdata/refused.txt"].assert_eq(&refused.join("\n"));
}

#[test]
fn the_view_changes_nothing_about_the_run() {
    let folder = folder("raft-hash");
    let hashes = |arguments: &[&str]| {
        let ran = run(&folder, arguments);
        ran.stdout.lines().find(|line| line.starts_with("trace ")).map(str::to_owned).expect("hashes")
    };
    assert_eq!(hashes(&["run", "leader-crash"]), hashes(&["run", "leader-crash", "--raft"]));
}

/// Seconds with three decimals, or `the end`.
fn seconds(nanoseconds: &Value) -> String {
    nanoseconds.as_u64().map_or_else(|| "the end".to_owned(), |time| format!("{:.3} s", time as f64 / 1e9))
}

#[test]
fn a_waiting_client_shows_its_tasks_until_they_are_stable_or_its_wait_is_in_vain() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let ran = run(&folder, &["run", "progress.yaml", "--format", "json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let result: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    let mut text = String::new();
    for command in result["commands"].as_array().expect("a list") {
        let _ = writeln!(text, "$ {}", command["line"].as_str().expect("a text"));
        for waited in command["progress"].as_array().expect("a list") {
            for line in waited["lines"].as_array().expect("a list") {
                let _ = writeln!(text, "  {}", line.as_str().expect("a text"));
            }
            if let Some(error) = waited["error"].as_str() {
                let _ = writeln!(text, "  {error}");
            }
            let exit = waited["exit"].as_u64().map_or_else(String::new, |code| format!(", exit {code}"));
            let (began, ended) = (seconds(&waited["began_ns"]), seconds(&waited["ended_ns"]));
            let _ = writeln!(text, "  waited from {began} to {ended}{exit}");
        }
    }
    expect_file!["../testdata/progress.txt"].assert_eq(&text);
}

#[test]
fn lost_requests_have_a_reason_and_what_would_have_saved_them() {
    let folder = folder("requests");
    let ran = run(&folder, &["run", "zero-downtime-recipe", "--report", "report"]);
    assert_eq!(ran.code, 0);
    let lines = ran.stdout.lines().skip_while(|line| *line != "Traffic");
    let text: String =
        lines.take_while(|line| *line != "Expectations").map(|line| format!("{line}\n")).collect();
    expect_file!["../testdata/lost-requests.txt"].assert_eq(&text);
    let chart = fs::read_to_string(folder.join("report/requests.svg")).expect("a report has this chart");
    for title in
        ["of-a: requests per second, sent to a", "of-a: failed per second", "refused 668", "reset 13"]
    {
        assert!(chart.contains(title), "{title}");
    }
    assert!(!chart.contains("of-d: failed per second"), "nothing failed there");
}

#[test]
fn json_has_every_loss_with_its_reason() {
    let ran = run(&folder("losses"), &["run", "stale-backends", "--format", "json"]);
    let result: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    let losses = result["lost_requests"].as_array().expect("a list");
    let lost: u64 = losses.iter().filter_map(|loss| loss["requests"].as_u64()).sum();
    assert_eq!(Some(lost), result["traffic"][0]["total"]["failed"].as_u64(), "each loss is listed once");
    let crash = losses.iter().find(|loss| loss["because"] == "because of the crash of n5 at 120 s");
    assert_eq!(crash.expect("it costs requests")["cause"], "black_hole");
}

#[test]
fn an_engine_that_is_no_manager_knows_the_networks_that_it_has() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/networks-elsewhere.yaml");
    let ran = run(&folder("networks-elsewhere"), &["run", file.to_str().expect("the path is text")]);
    let (_, story) = ran.stdout.split_once("\nStory\n").expect("there is a story");
    let (story, _) = story.split_once("\nAt the end\n").expect("it ends");
    expect_file!["../testdata/networks-elsewhere.txt"].assert_eq(story);
}

#[test]
fn requests_under_way_at_the_end_are_counted_as_such() {
    let folder = folder("under-way");
    let text = "name: early\nabout: The run ends before the last answers.\ncluster: { managers: 1 }\n\
                images: { web: { server: { takes: 2s } } }\ntimeline:\n  \
                - { at: 0s, docker: \"service create --name web --publish 8080:80 web\" }\n  \
                - { at: 10s, traffic: { name: users, to: \"web:8080\", through: all, rate: 10/s, for: 60s } }\n\
                until: 20s\n";
    fs::write(folder.join("early.yaml"), text).expect("the file can be written");
    let ran = run(&folder, &["run", "early.yaml"]);
    let table = ran.stdout.split("\n\n").find(|part| part.starts_with("Traffic")).expect("there is traffic");
    expect_test::expect![[r#"
        Traffic
          source  sent  ok  failed  under way        p50        p90        p99        max  worst second
          users    101  81       0         20  2000.8 ms  2000.8 ms  2000.8 ms  2000.8 ms             -"#]]
    .assert_eq(table);
    let json: Value =
        serde_json::from_str(&run(&folder, &["run", "early.yaml", "--format", "json"]).stdout).unwrap();
    let total = &json["traffic"][0]["total"];
    assert_eq!((&total["sent"], &total["ok"], &total["under_way"]), (&101.into(), &81.into(), &20.into()));
    let seconds = json["traffic"][0]["seconds"].as_array().expect("a list");
    assert_eq!((&seconds[0]["under_way"], &seconds[9]["under_way"]), (&Value::Null, &10.into()));
}
