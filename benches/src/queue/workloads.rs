//! What the contenders have to do.
use sim_core::kernel::Stream;

use super::{Contender, Payload};

/// A workload in progress.
pub trait Workload {
    /// Handles one event.
    fn step(&mut self);

    /// Handles many events.
    fn steps(&mut self, count: u64) {
        (0..count).for_each(|_| self.step());
    }
}

/// The hold model: a constant number of events is pending; each one that happens pushes another after an
/// exponential delay.
pub struct Hold<Q> {
    queue: Q,
    delays: Delays,
}

/// A waiting line with one server at load 0.9: two events are pending, the next arrival and the next departure.
pub struct MM1<Q> {
    queue: Q,
    arrivals: Delays,
    services: Delays,
    present: u64,
}

/// Nodes of a cluster with a heartbeat every five seconds. The nodes have one of fifty phases, so that many
/// events share an instant. Each heartbeat is delivered and acknowledged after half a millisecond, and
/// replaces the timer that would declare its node down.
pub struct Cluster<Q: Contender> {
    queue: Q,
    expiries: Vec<Q::Id>,
}

/// As the hold model, but nothing is ever delayed: all events share one instant.
pub struct Crowd<Q> {
    queue: Q,
}

impl<Q: Contender> Hold<Q> {
    /// With this many events pending, after a warm-up in which each has happened twice on average.
    pub fn new(pending: u64) -> Self {
        let mut hold = Hold { queue: Q::empty(), delays: Delays::exponential("hold", 10_000_000) };
        for number in 0..pending {
            hold.queue.push(hold.delays.next(), Q::Payload::new(number));
        }
        hold.steps(2 * pending);
        hold
    }
}

impl<Q: Contender> Workload for Hold<Q> {
    fn step(&mut self) {
        let (now, payload) = self.queue.pop().expect("the number of pending events is constant");
        self.queue.push(now + self.delays.next(), payload);
    }
}

const ARRIVAL: u64 = 0;
const DEPARTURE: u64 = 1;

impl<Q: Contender> MM1<Q> {
    /// With nobody waiting.
    pub fn new() -> Self {
        let mut queue = Q::empty();
        queue.push(0, Q::Payload::new(ARRIVAL));
        let (arrivals, services) =
            (Delays::exponential("arrivals", 1_000_000), Delays::exponential("services", 900_000));
        MM1 { queue, arrivals, services, present: 0 }
    }

    fn serve(&mut self, now: u64) {
        self.queue.push(now + self.services.next(), Q::Payload::new(DEPARTURE));
    }
}

impl<Q: Contender> Default for MM1<Q> {
    fn default() -> Self {
        MM1::new()
    }
}

impl<Q: Contender> Workload for MM1<Q> {
    fn step(&mut self) {
        let (now, payload) = self.queue.pop().expect("there is always a next arrival");
        if payload.number() == ARRIVAL {
            self.queue.push(now + self.arrivals.next(), payload);
            self.present += 1;
            if self.present == 1 {
                self.serve(now);
            }
        } else {
            self.present -= 1;
            if self.present > 0 {
                self.serve(now);
            }
        }
    }
}

const MILLISECOND: u64 = 1_000_000;
const PHASES: u64 = 50;
const PERIOD: u64 = 5_000 * MILLISECOND;
const GRACE: u64 = 3 * PERIOD;
const LATENCY: u64 = MILLISECOND / 2;

const TICK: u64 = 0;
const HEARTBEAT: u64 = 1;
const ACKNOWLEDGEMENT: u64 = 2;
const EXPIRY: u64 = 3;
const KINDS: u64 = 4;

impl<Q: Contender> Cluster<Q> {
    /// With this many nodes, after four periods.
    pub fn new(nodes: u64) -> Self {
        let mut queue = Q::empty();
        let mut expiries = Vec::new();
        for node in 0..nodes {
            queue.push(node % PHASES * PERIOD / PHASES, event::<Q>(node, TICK));
            expiries.push(queue.push(GRACE, event::<Q>(node, EXPIRY)));
        }
        let mut cluster = Cluster { queue, expiries };
        cluster.steps(4 * 3 * nodes);
        cluster
    }
}

fn event<Q: Contender>(node: u64, kind: u64) -> Q::Payload {
    Q::Payload::new(node * KINDS + kind)
}

impl<Q: Contender> Workload for Cluster<Q> {
    fn step(&mut self) {
        let (now, payload) = self.queue.pop().expect("heartbeats never end");
        let (node, kind) = (payload.number() / KINDS, payload.number() % KINDS);
        match kind {
            TICK => {
                self.queue.push(now + LATENCY, event::<Q>(node, HEARTBEAT));
                self.queue.push(now + PERIOD, payload);
            }
            HEARTBEAT => {
                let expiry = &mut self.expiries[node as usize];
                self.queue.cancel(*expiry);
                *expiry = self.queue.push(now + GRACE, event::<Q>(node, EXPIRY));
                self.queue.push(now + LATENCY, event::<Q>(node, ACKNOWLEDGEMENT));
            }
            ACKNOWLEDGEMENT => {}
            _ => panic!("node {node} is silent although its heartbeats arrive"),
        }
    }
}

impl<Q: Contender> Crowd<Q> {
    /// With this many events pending.
    pub fn new(pending: u64) -> Self {
        let mut queue = Q::empty();
        for number in 0..pending {
            queue.push(0, Q::Payload::new(number));
        }
        Crowd { queue }
    }
}

impl<Q: Contender> Workload for Crowd<Q> {
    fn step(&mut self) {
        let (now, payload) = self.queue.pop().expect("the number of pending events is constant");
        self.queue.push(now, payload);
    }
}

/// Random delays with an exponential distribution, read round and round.
struct Delays {
    table: Vec<u64>,
    next: usize,
}

const TABLE_LENGTH: usize = 1 << 16;

impl Delays {
    fn exponential(name: &str, mean: u64) -> Self {
        let mut stream = Stream::named(1, name);
        let mut delay = || {
            let uniform = (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            (-(1.0 - uniform).ln() * mean as f64) as u64
        };
        Delays { table: (0..TABLE_LENGTH).map(|_| delay()).collect(), next: 0 }
    }

    fn next(&mut self) -> u64 {
        self.next = (self.next + 1) % TABLE_LENGTH;
        self.table[self.next]
    }
}
