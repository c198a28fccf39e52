//! Docker's flags for placement, and the settings `ties` and `scheduler`, in whole clusters.
mod common;

use std::collections::BTreeSet;
use std::fs;

use scenarios::runner::{NoSpectator, Outcome, RunOptions, Verdict, run};
use scenarios::{Scenario, ScenarioOptions};
use sim_core::model::NodeId;

use self::common::scenario_files;

#[test]
fn docker_flags_of_placement_do_what_they_do_in_docker() {
    let files = scenario_files("testdata/placement");
    assert_eq!(files.len(), 7);
    for file in files {
        let text = fs::read_to_string(&file).expect("scenarios are text");
        for seed in 0..3 {
            let outcome = played(&text, seed);
            let failed = outcome.judgements.iter().filter(|one| one.verdict != Verdict::Passed);
            let failed: Vec<String> =
                failed.map(|one| format!("{}: {}: {}", one.at.line, one.expected, one.seen)).collect();
            assert!(failed.is_empty(), "{} with seed {seed}:\n{}", file.display(), failed.join("\n"));
        }
    }
}

fn played(text: &str, seed: u64) -> Outcome {
    let options = ScenarioOptions { seed: Some(seed), ..ScenarioOptions::default() };
    let scenario = Scenario::parse(text, "test.yaml", &options).unwrap_or_else(|errors| panic!("{errors}"));
    run(&scenario, RunOptions::default(), &mut NoSpectator)
}

/// How many tasks run on each of four workers, with some settings.
fn loads(settings: &str, seed: u64) -> Vec<usize> {
    let text = format!(
        "name: loads
cluster:
  managers: [ {{ name: m1, availability: drain }} ]
  workers: [ {{ name: w1, memory: 4g }}, {{ name: w2, memory: 4g }}, {{ name: w3, memory: 4g }}, {{ name: w4, memory: 4g }} ]
  settings: {{ {settings} }}
timeline:
  - {{ at: 0s, docker: 'service create --detach --name a --replicas 2 --reserve-memory 1g nginx' }}
  - {{ at: 1s, docker: 'service create --detach --name b --replicas 1 --reserve-memory 2g nginx' }}
  - {{ at: 2s, docker: 'service create --detach --name c --replicas 4 --reserve-memory 1g nginx' }}
until: 5s
"
    );
    let outcome = played(&text, seed);
    let view = outcome.simulation.view();
    let hosts = ["w1", "w2", "w3", "w4"].map(|name| view.setup().host(name).expect("a host"));
    hosts.map(|host| view.running_of_node(view.node_of_host(host).expect("it is in the swarm"))).into()
}

/// The different outcomes over some seeds.
fn outcomes(settings: &str) -> BTreeSet<Vec<usize>> {
    (0..12).map(|seed| loads(settings, seed)).collect()
}

#[test]
fn ties_go_to_the_lowest_id_with_every_seed_unless_they_are_drawn() {
    assert_eq!(outcomes("ties: by-id"), BTreeSet::from([vec![2, 2, 2, 1]]));
    assert_eq!(outcomes(""), outcomes("ties: by-id"), "it is the default");
    let drawn = outcomes("ties: seeded");
    assert!(drawn.len() > 3, "{drawn:?}");
    for mut loads in drawn {
        loads.sort_unstable();
        assert_eq!(loads, [1, 2, 2, 2], "only who gets what is drawn, not how much");
    }
}

#[test]
fn each_strategy_puts_the_same_tasks_elsewhere() {
    assert_eq!(outcomes("scheduler: swarmkit"), outcomes(""), "it is the default");
    // Spread looks at reserved memory: w3 has two GiB, so w4 gets a second task before it.
    assert_eq!(outcomes("scheduler: classic-spread"), BTreeSet::from([vec![2, 2, 1, 2]]));
    // Binpack fills the four GiB of w1 with a and b, then those of w2.
    assert_eq!(outcomes("scheduler: classic-binpack"), BTreeSet::from([vec![3, 4, 0, 0]]));
    let drawn = outcomes("scheduler: classic-random");
    assert!(drawn.len() > 3, "{drawn:?}");
    assert!(drawn.iter().all(|loads| loads.iter().sum::<usize>() == 7));
}

/// The node of the only task after the first entries of a timeline in which the manager begins to lead once more.
fn node_after(entries: usize, seed: u64) -> NodeId {
    let timeline = [
        "{ at: 10s, docker: 'service create --detach --name a --replicas 1 app' }",
        "{ at: 50s, docker: 'service rm a' }",
        "{ at: 60s, fault: { kill: m1, for: 1s } }",
        "{ at: 120s, docker: 'service create --detach --name b --replicas 1 app' }",
    ];
    let text = format!(
        "name: leads-twice
cluster: {{ managers: [ {{ name: m1, availability: drain }} ], workers: 4, settings: {{ ties: seeded }} }}
timeline: [ {} ]
until: 150s
",
        timeline[..entries].join(", ")
    );
    let outcome = played(&text, seed);
    let view = outcome.simulation.view();
    let mut tasks = view.store().expect("the manager runs").tasks();
    tasks.find_map(|task| task.node).expect("the task was placed")
}

#[test]
fn a_manager_that_leads_once_more_draws_anew() {
    let same = (0..20).filter(|seed| node_after(1, *seed) == node_after(4, *seed));
    // One in four is expected.
    assert!(same.count() <= 12);
}
