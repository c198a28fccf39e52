//! Rolling updates: the time of a whole update, and what one replaced task costs in services of different sizes.
use std::time::{Duration, Instant};

use benches::rolling::{Rolling, Size};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};

/// The update that has to be over in five seconds.
const WHOLE: Size = Size { nodes: 1_000, replicas: 10_000, parallelism: 100 };
/// Replicas of services whose tasks should cost the same.
const REPLICAS: [u64; 5] = [1_000, 5_000, 10_000, 20_000, 50_000];
/// How often each is measured; the median counts.
const TURNS: usize = 3;

fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rolling");
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(5));
    let id = BenchmarkId::from_parameter(format!("{}x{}", WHOLE.nodes, WHOLE.replicas));
    group.bench_function(id, |bencher| {
        bencher.iter_batched_ref(|| Rolling::new(WHOLE), Rolling::update, BatchSize::PerIteration);
    });
}

/// A line for programs for each size.
fn per_task(_: &mut Criterion) {
    for replicas in REPLICAS {
        let size = Size { replicas, ..WHOLE };
        let mut turns: Vec<Duration> = (0..TURNS)
            .map(|_| {
                let mut rolling = Rolling::new(size);
                let begin = Instant::now();
                rolling.update();
                begin.elapsed()
            })
            .collect();
        turns.sort();
        let median = turns[TURNS / 2];
        let micros = median.as_secs_f64() * 1e6 / replicas as f64;
        println!(
            "rolling replicas={replicas} seconds={:.2} micros_per_task={micros:.1}",
            median.as_secs_f64()
        );
    }
}

criterion_group!(benches, per_task, whole);
criterion_main!(benches);
