//! Requests through a real cluster: the wall time of ten million of them, and criterion's figure for a hundred
//! thousand.
//!
//! A hundred nodes, each with its own load balancer for 500 backends; clients send to all nodes in turn, and nine of
//! ten requests cross a link. Heartbeats, Raft and gossip of the cluster go on meanwhile and are part of the time.
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput};
use scenarios::{Scenario, ScenarioOptions};
use sim_core::kernel::SimTime;
use sim_core::{NoObserver, Simulation};

const BEGINS: SimTime = SimTime::from_secs(60);
const REQUESTS: u64 = 10_000_000;
const SAMPLE: u64 = 100_000;

/// A cluster whose 500 backends run and are known everywhere, just before clients send the first request.
fn cluster(requests: u64, load: &str) -> Simulation {
    let text = format!(
        "
name: traffic
cluster: {{ managers: 3, workers: 97 }}
timeline:
  - {{ at: 0s, docker: \"service create --name web --replicas 500 --publish 8080:80 nginx\" }}
  - {{ at: 60s, traffic: {{ name: users, to: \"web:8080\", through: all, {load}, for: {}us }} }}
until: 3600s
",
        requests * 5
    );
    let scenario = Scenario::parse(&text, "traffic.yaml", &ScenarioOptions::default());
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    let mut simulation = Simulation::new(Arc::new(scenario.setup), 1);
    let just_before = SimTime::from_nanos(BEGINS.as_nanos() - 1);
    simulation.run_until(just_before, &mut NoObserver);
    for host in simulation.view().setup().hosts.ids() {
        assert_eq!(simulation.view().backends_of_port(host, 8080).len(), 500, "gossip is done");
    }
    simulation
}

/// Runs until all requests are answered. 200 000 are sent a second.
fn serve(simulation: &mut Simulation, requests: u64) -> u64 {
    let seconds = requests.div_ceil(200_000) + 1;
    simulation.run_until(SimTime::from_secs(60 + seconds), &mut NoObserver);
    let (_, tally) = simulation.view().tallies().next().expect("there is one source");
    assert_eq!((tally.total().sent, tally.total().answered), (requests, requests));
    tally.total().answered
}

fn ten_million(name: &str, load: &str) {
    let mut simulation = cluster(REQUESTS, load);
    let began = Instant::now();
    serve(&mut simulation, REQUESTS);
    let took = began.elapsed();
    println!(
        "traffic {name} requests={REQUESTS} seconds={:.2} requests_per_second={:.0}",
        took.as_secs_f64(),
        REQUESTS as f64 / took.as_secs_f64()
    );
}

fn main() {
    ten_million("constant", "rate: 200000/s");
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("traffic");
    group.sample_size(10).throughput(Throughput::Elements(SAMPLE));
    let loads = [("fresh", "rate: 200000/s"), ("kept", "rate: 200000/s, keep_alive: true, clients: 1000")];
    for (name, load) in loads {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || cluster(SAMPLE, load),
                |simulation| black_box(serve(simulation, SAMPLE)),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    criterion.final_summary();
}
