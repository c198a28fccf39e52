//! Reports of runs that are written by hand.
mod tale;

use std::sync::Arc;

use expect_test::expect_file;
use sim_core::Recording;
use sim_core::kernel::SimDuration;
use sim_core::model::{CommandId, Fact, Fault, HostId, Place, TaskState, ZoneId};

use self::tale::Tale;
use crate::strikes::blows;
use crate::{CHARTS, ScenarioInfo, metrics_csv, metrics_table, story, trace_header, trace_line};

/// Six replicas; a worker with two of them crashes; the leader crashes later.
fn worker_failure() -> Recording {
    let mut tale = Tale::new(3);
    let create = tale.command(0, 0, "service create --name web --replicas 6 nginx:1.28");
    let answer = Fact::Answer {
        command: CommandId(0),
        exit: 0,
        stdout: "k5m2\n".into(),
        stderr: "".into(),
        took: SimDuration::from_millis(4),
    };
    let created = tale.service(3, create, "web", 6);
    tale.tell(4, create, answer);
    for task in 0..6 {
        tale.task(10, created, task, task + 1, task % 6, TaskState::Running);
    }
    let runs = [0, 1, 2, 3, 4, 5].map(|task| {
        tale.state(650 + u64::from(task) * 10, created, task, TaskState::Starting, TaskState::Running, "")
    });
    let crash = tale.crash(30_000, &[4]);
    let down = tale.down(43_912, crash, 4);
    tale.task(43_913, down, 6, 5, 0, TaskState::Ready);
    tale.desired(43_913, down, 4, TaskState::Shutdown);
    tale.desired(48_913, down, 6, TaskState::Running);
    tale.state(49_400, down, 6, TaskState::Starting, TaskState::Running, "");
    let failed =
        tale.state(60_000, runs[2], 2, TaskState::Running, TaskState::Failed, "task: non-zero exit (1)");
    tale.task(60_002, failed, 7, 3, 2, TaskState::Ready);
    tale.desired(60_002, failed, 2, TaskState::Shutdown);
    tale.desired(65_002, failed, 7, TaskState::Running);
    tale.state(65_600, failed, 7, TaskState::Starting, TaskState::Running, "");
    let crash = tale.crash(80_000, &[0]);
    tale.tell(91_000, crash, Fact::Leadership { host: HostId(1), active: true });
    tale.command(95_000, 1, "service ls");
    tale.end(100_000)
}

fn scenario() -> ScenarioInfo {
    ScenarioInfo {
        name: "worker-failure".to_owned(),
        about: "A worker loses power.".to_owned(),
        file: "worker-failure.yaml".to_owned(),
        seed: 42,
        ..ScenarioInfo::default()
    }
}

#[test]
fn the_story_names_what_happened_when_and_why() {
    expect_file!["../testdata/story.txt"].assert_eq(&story(&worker_failure()).to_string());
}

#[test]
fn metrics_print_as_a_table() {
    expect_file!["../testdata/metrics.txt"].assert_eq(&metrics_table(&worker_failure()).to_string());
}

#[test]
fn metrics_print_as_csv() {
    expect_file!["../testdata/metrics.csv"].assert_eq(&metrics_csv(&worker_failure()));
}

#[test]
fn a_trace_has_a_header_and_a_line_for_every_fact() {
    let run = worker_failure();
    let lines: Vec<String> = run.facts.iter().map(|record| trace_line(record, &run.census)).collect();
    expect_file!["../testdata/trace.jsonl"].assert_eq(&format!(
        "{}\n{}\n",
        trace_header(&scenario()),
        lines.join("\n")
    ));
}

#[test]
fn the_chart_shows_tasks_faults_and_leaders() {
    expect_file!["../testdata/tasks.svg"]
        .assert_eq(&CHARTS[0].draw(&worker_failure(), &scenario()).expect("every run has this chart"));
}

#[test]
fn a_cut_of_a_zone_from_many_hosts_is_one_blow() {
    let mut tale = Tale::new(4);
    let cut = |host| {
        let (from, to) = (Place::Zone(ZoneId(0)), Place::Host(HostId(host)));
        Fact::Fault { fault: Arc::new(Fault::Cut { from, to, one_way: false }) }
    };
    for host in 3..7 {
        tale.tell(10_000, 0, cut(host));
    }
    tale.tell(20_000, 0, cut(3));
    let blows = blows(&tale.end(30_000));
    let told: Vec<(String, usize)> = blows.iter().map(|blow| (blow.words(), blow.facts.len())).collect();
    let expected =
        [("cut between default and worker-1 to worker-4", 4), ("cut between default and worker-1", 1)];
    assert_eq!(told, expected.map(|(words, faults)| (words.to_owned(), faults)));
}

#[test]
fn ten_thousand_tasks_make_a_short_story() {
    let mut tale = Tale::new(100);
    let create = tale.command(0, 0, "service create --name web --replicas 10000 nginx");
    let created = tale.service(3, create, "web", 10_000);
    for task in 0..10_000 {
        tale.task(10 + u64::from(task) / 5, created, task, task + 1, 3 + task % 100, TaskState::Running);
    }
    let mut runs = Vec::new();
    for task in 0..10_000 {
        let millis = 650 + u64::from(task) * 3;
        runs.push(tale.state(millis, created, task, TaskState::Starting, TaskState::Running, ""));
    }
    for task in (0..10_000_u32).step_by(3) {
        let millis = 60_000 + u64::from(task) * 20;
        let failed = tale.state(
            millis,
            runs[task as usize],
            task,
            TaskState::Running,
            TaskState::Failed,
            "task: non-zero exit (1)",
        );
        tale.task(millis + 2, failed, 10_000 + task, task + 1, 3 + task % 100, TaskState::Ready);
        tale.desired(millis + 2, failed, task, TaskState::Shutdown);
    }
    let text = story(&tale.end(300_000)).to_string();
    assert!(text.lines().count() < 150, "{} lines", text.lines().count());
    expect_file!["../testdata/story_of_ten_thousand.txt"].assert_eq(&text);
}
