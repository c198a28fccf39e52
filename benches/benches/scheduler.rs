//! The scheduler: one service whose tasks all wait, on nodes that are all ready.
//!
//! `decide` is the decision about all tasks, without writing it. `tick` is the whole way of a tick on a bench:
//! hearing the store, deciding and writing in transactions of 200 tasks.
use std::time::Duration;

use benches::scheduler::{Scene, store_of};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use sim_core::bench::{EmptyWorld, LoopSettings, WaitingScheduler};

/// Nodes and tasks.
const SIZES: [(u32, u32); 6] =
    [(100, 1_000), (1_000, 1_000), (1_000, 10_000), (5_000, 10_000), (10_000, 10_000), (1_000, 100_000)];

fn decide(criterion: &mut Criterion) {
    for (name, scene) in scenes() {
        let mut group = criterion.benchmark_group(format!("decide/{name}"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(2));
        for (nodes, tasks) in SIZES {
            let bench = store_of(&Scene { nodes, tasks, ..scene });
            let size = BenchmarkId::from_parameter(format!("{nodes}x{tasks}"));
            group.bench_function(size, |bencher| {
                bencher.iter_batched_ref(
                    || WaitingScheduler::new(bench.store(), &LoopSettings::default()),
                    |scheduler| assert_eq!(scheduler.decide(), tasks as usize),
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

fn tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick/group");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    for (nodes, tasks) in SIZES {
        let size = BenchmarkId::from_parameter(format!("{nodes}x{tasks}"));
        group.bench_function(size, |bencher| {
            bencher.iter_batched_ref(
                || store_of(&Scene { nodes, tasks, ..Scene::default() }),
                |bench| {
                    bench.start();
                    bench.run_until(bench.now(), &mut EmptyWorld);
                },
                BatchSize::PerIteration,
            );
        });
    }
}

/// What is decided about, by name.
fn scenes() -> [(&'static str, Scene); 4] {
    let group = Scene::default();
    [
        ("group", group),
        ("one-off", Scene { one_off: true, ..group }),
        ("reserving", Scene { reserving: true, ..group }),
        ("spread-reserving", Scene { reserving: true, zones: 5, ..group }),
    ]
}

criterion_group!(benches, decide, tick);
criterion_main!(benches);
