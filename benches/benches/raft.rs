//! Raft of three, five and seven managers: committed entries per second of wall time and per virtual round trip.
use std::time::{Duration, Instant};

use benches::raft::{Load, Writes};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const MANAGERS: [u8; 3] = [3, 5, 7];
/// Entries of a turn.
const ENTRIES: u32 = 1_000;
/// How often the lines for programs are measured; the median counts.
const TURNS: usize = 9;

/// A line for programs for each number of managers, with and without the time of disks.
fn rates(_: &mut Criterion) {
    for managers in MANAGERS {
        for disks in [true, false] {
            let mut turns: Vec<(Duration, _)> = (0..TURNS)
                .map(|_| {
                    let mut writes = Writes::new(Load { managers, entries: ENTRIES, disks });
                    let begin = Instant::now();
                    let committed = writes.commit();
                    (begin.elapsed(), committed)
                })
                .collect();
            turns.sort_by_key(|(wall, _)| *wall);
            let (wall, committed) = turns[TURNS / 2];
            let entries = committed.entries as f64;
            println!(
                "raft managers={managers} disks={disks} entries_per_second={:.0} entries_per_round_trip={:.2}",
                entries / wall.as_secs_f64(),
                entries / committed.round_trips as f64
            );
        }
    }
}

fn commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("raft");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(ENTRIES)));
    for managers in MANAGERS {
        let load = Load { managers, entries: ENTRIES, disks: true };
        group.bench_function(BenchmarkId::from_parameter(managers), |bencher| {
            bencher.iter_batched_ref(|| Writes::new(load), Writes::commit, BatchSize::PerIteration);
        });
    }
}

criterion_group!(benches, rates, commit);
criterion_main!(benches);
