//! The event queue against a binary heap: the time per event of each, and lines with the ratio of the two.
//!
//! The ratios are measured by taking turns, so that a change of the machine's speed meets both contenders.
use std::time::{Duration, Instant};

use benches::queue::{Cluster, Crowd, HeapQueue, Hold, MM1, Payload, Workload};
use criterion::{BenchmarkId, Criterion, Throughput};
use sim_core::kernel::EventQueue;

/// One workload in one size, ready to be started for each contender.
struct Case {
    group: &'static str,
    payload_bytes: usize,
    size: u64,
    heap: Start,
    queue: Start,
}

type Start = Box<dyn Fn() -> Box<dyn Workload>>;

/// Turns that each contender takes for a ratio, and the events of one turn.
const TURNS: usize = 15;
const TURN_EVENTS: u64 = 200_000;

fn main() {
    let cases: Vec<Case> = cases::<[u64; 3]>().into_iter().chain(cases::<[u64; 6]>()).collect();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    for case in &cases {
        time(&mut criterion, case, "heap", &case.heap);
        time(&mut criterion, case, "queue", &case.queue);
    }
    criterion.final_summary();
    for case in &cases {
        print_ratio(case);
    }
}

fn cases<P: Payload + 'static>() -> Vec<Case> {
    let case = |group, size, heap, queue| Case { group, payload_bytes: size_of::<P>(), size, heap, queue };
    let mut cases = Vec::new();
    for pending in [1_000, 10_000, 100_000, 1_000_000] {
        cases.push(case(
            "hold",
            pending,
            Box::new(move || Box::new(Hold::<HeapQueue<P>>::new(pending))),
            Box::new(move || Box::new(Hold::<EventQueue<P>>::new(pending))),
        ));
    }
    cases.push(case(
        "mm1",
        2,
        Box::new(|| Box::new(MM1::<HeapQueue<P>>::new())),
        Box::new(|| Box::new(MM1::<EventQueue<P>>::new())),
    ));
    for nodes in [100, 1_000, 10_000] {
        cases.push(case(
            "cluster",
            nodes,
            Box::new(move || Box::new(Cluster::<HeapQueue<P>>::new(nodes))),
            Box::new(move || Box::new(Cluster::<EventQueue<P>>::new(nodes))),
        ));
    }
    cases.push(case(
        "crowd",
        10_000,
        Box::new(|| Box::new(Crowd::<HeapQueue<P>>::new(10_000))),
        Box::new(|| Box::new(Crowd::<EventQueue<P>>::new(10_000))),
    ));
    cases
}

fn time(criterion: &mut Criterion, case: &Case, contender: &str, start: &Start) {
    let name = BenchmarkId::new(format!("{contender}/{} bytes", case.payload_bytes), case.size);
    let mut workload = None;
    let mut group = criterion.benchmark_group(case.group);
    group.throughput(Throughput::Elements(1)).bench_function(name, |bencher| {
        let workload = workload.get_or_insert_with(start);
        bencher.iter_custom(|events| elapsed(workload.as_mut(), events));
    });
}

fn print_ratio(case: &Case) {
    let (mut heap, mut queue) = ((case.heap)(), (case.queue)());
    let turns: Vec<(Duration, Duration)> = (0..TURNS)
        .map(|_| (elapsed(heap.as_mut(), TURN_EVENTS), elapsed(queue.as_mut(), TURN_EVENTS)))
        .collect();
    let heap = nanoseconds_per_event(turns.iter().map(|(heap, _)| *heap));
    let queue = nanoseconds_per_event(turns.iter().map(|(_, queue)| *queue));
    println!(
        "ratio {} size={} payload_bytes={} heap_ns={heap:.1} queue_ns={queue:.1} ratio={:.2}",
        case.group,
        case.size,
        case.payload_bytes,
        heap / queue
    );
}

fn elapsed(workload: &mut dyn Workload, events: u64) -> Duration {
    let start = Instant::now();
    workload.steps(events);
    start.elapsed()
}

/// The median of the turns.
fn nanoseconds_per_event(turns: impl Iterator<Item = Duration>) -> f64 {
    let mut turns: Vec<Duration> = turns.collect();
    turns.sort();
    turns[turns.len() / 2].as_nanos() as f64 / TURN_EVENTS as f64
}
