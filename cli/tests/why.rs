//! `swarm-sim why` from outside.
mod common;

use std::fs;
use std::path::Path;

use common::{Ran, files, folder, run, scenario};
use expect_test::expect_file;

/// Asks about the update that meets a crash.
fn ask(name: &str, words: &[&str]) -> Ran {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/why/update.yaml");
    let file = file.to_str().expect("the path is text");
    run(&folder(name), &[&["why", file], words].concat())
}

fn answer(name: &str, words: &[&str]) -> String {
    let ran = ask(name, words);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout
}

#[test]
fn a_task_names_the_fault_behind_the_fault_of_its_predecessor() {
    let text = answer("why-task", &["web.2"]);
    expect_file!["../testdata/why/task.txt"].assert_eq(&text);
}

#[test]
fn a_task_that_never_ran_did_not_stop() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/story/never-ran.yaml");
    // The name means the newer task; the older one goes by its id.
    let ran = run(&folder("why-never-ran"), &["why", file, "sjqxz67w88j6"]);
    let (why, _) = ran.stdout.split_once("\n\nRight now").expect("it is kept as history");
    expect_test::expect![[r#"
        web.1, task sjqxz67w88j6vswvhzl594u88 at 60 s

        Why
          web.1 was created at 0.001 s because of the command `docker service create --detach --name web --constraint node.labels.x==1 app` on manager-1 at 0 s
          web.1 was told to stop at 30.002 s because of the command `docker service update --detach --force web` on manager-1 at 30 s
          web.1 ended before it ran at 30.053 s because of the command `docker service update --detach --force web` on manager-1 at 30 s"#]]
    .assert_eq(why);
}

#[test]
fn tasks_of_one_name_are_told_apart_and_what_one_did_by_itself_ends_the_chain() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/story/failing-update.yaml");
    let file = file.to_str().expect("the path is text");
    let mut text = String::new();
    for (task, at) in [("web.1", "10.5s"), ("web.1", "55s"), ("web", "64s"), ("web.3", "80s")] {
        let ran = run(&folder("why-same-name"), &["why", file, task, "--at", at]);
        let (why, _) = ran.stdout.split_once("\n\nRight now").expect("something is waited for");
        text.push_str(&format!("{why}\n\n"));
    }
    expect_file!["../testdata/why/same-name.txt"].assert_eq(&text);
}

/// SCH-088: what the scheduler has given up waits for more than a node.
#[test]
fn a_task_that_was_given_up_says_what_gets_it_out() {
    let ran = run(&folder("why-given-up"), &["why", "scaling-forgets-waiting-tasks", "web.5", "--at", "45s"]);
    let now = ran.stdout.split("\n\n").find(|part| part.starts_with("Right now"));
    expect_test::expect![[r#"
        Right now
          web.5 found no node while its service was newer, and the scheduler has given it up: it waits until `docker service update --force` replaces it, or another leader takes over"#]]
    .assert_eq(now.expect("the section is there"));
}

#[test]
fn a_service_says_what_its_update_waits_for_at_that_time() {
    let mut text = String::new();
    for at in ["20.001s", "21s", "25s", "60s", "102s", "240s"] {
        let told = answer("why-service", &["web", "--at", at]);
        let (told, _history) = told.split_once("\nWhat happened\n").expect("there is a history");
        text.push_str(told);
        text.push('\n');
    }
    expect_file!["../testdata/why/service.txt"].assert_eq(&text);
}

#[test]
fn a_node_tells_of_its_host_too() {
    expect_file!["../testdata/why/node.txt"].assert_eq(&answer("why-node", &["worker-2"]));
}

#[test]
fn a_command_tells_its_answer_and_what_followed() {
    let text = answer("why-command", &["up"]) + &answer("why-command", &["typo"]);
    expect_file!["../testdata/why/command.txt"].assert_eq(&text);
}

#[test]
fn names_of_traces_and_beginnings_of_ids_are_understood() {
    let folder = "why-names";
    assert_eq!(answer(folder, &["task/web.2"]), answer(folder, &["web.2"]));
    let text = answer(folder, &["web.2"]);
    let id = text.split_whitespace().nth(2).expect("the heading has the id");
    assert_eq!(answer(folder, &[&id[..6]]), text);
}

#[test]
fn programs_get_the_same_with_the_facts_behind_each_sentence() {
    let text = answer("why-json", &["web.2", "--at", "45s", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&json["schema"], &json["at_ns"]), (&"swarm-sim/why/1".into(), &45_000_000_000_u64.into()));
    let facts = json["facts"].as_array().expect("facts");
    assert!(facts.iter().all(|fact| fact["subject"] == "task/web.2"), "{text}");
    assert_eq!(json["reasons"][0]["fact"], facts[0]["id"]);
    let causes = json["causes"].as_array().expect("causes");
    assert_eq!(causes.last().expect("the chain has an end")["fault"], "crash of worker-2");
}

#[test]
fn what_nobody_is_called_gets_a_hint() {
    let ran = ask("why-unknown", &["wbe"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    expect_file!["../testdata/why/unknown.txt"].assert_eq(&ran.stderr);
    assert_eq!(ask("why-unknown", &["web.2", "--at", "0s"]).code, 2, "there is no task yet");
}

#[test]
fn expectations_play_no_part_and_nothing_is_written() {
    let folder = folder("why-expectations");
    let text = scenario("{ at: 35s, node: worker-2, availability: Drain }");
    fs::write(folder.join("small.yaml"), text).expect("the file can be written");
    assert_eq!(run(&folder, &["run", "small.yaml"]).code, 1);
    assert_eq!(run(&folder, &["why", "small.yaml", "worker-2"]).code, 0);
    assert_eq!(files(&folder), ["small.yaml"]);
}

#[test]
fn a_time_after_the_end_is_refused() {
    let ran = ask("why-late", &["web", "--at", "241s"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("use --until to let the run go on"), "{}", ran.stderr);
    assert_eq!(ask("why-late", &["web", "--at", "241s", "--until", "5m"]).code, 0);
}

#[test]
fn failed_requests_name_their_backend_and_how_long_it_was_one() {
    let mut text = String::new();
    for at in ["123s", "127s"] {
        let ran = run(&folder("why-traffic"), &["why", "stale-backends", "users", "--at", at]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        text.push_str(&ran.stdout);
    }
    expect_file!["../testdata/why/traffic.txt"].assert_eq(&text);
}

#[test]
fn a_source_tells_all_that_was_lost_like_that_and_when_it_was_sent() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/why/crash.yaml");
    let ran = run(&folder("why-crash"), &["why", file.to_str().expect("the path is text"), "users"]);
    let (told, _) = ran.stdout.split_once("\nWhat happened\n").expect("there is a history");
    expect_file!["../testdata/why/crash.txt"].assert_eq(told);
}

#[test]
fn a_source_that_loses_requests_again_and_again_tells_the_last_times_and_how_many_it_leaves_out() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/why/many.yaml");
    let ran = run(&folder("why-many"), &["why", file.to_str().expect("the path is text"), "users"]);
    let (told, _) = ran.stdout.split_once("\nRequests lost\n").expect("requests are lost");
    expect_file!["../testdata/why/many.txt"].assert_eq(told);
}
