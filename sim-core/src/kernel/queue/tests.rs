use proptest::prelude::*;

use super::super::SimDuration;
use super::*;

fn nanos(time: u64) -> SimTime {
    SimTime::from_nanos(time)
}

fn pop_all<T>(queue: &mut EventQueue<T>) -> Vec<(u64, T)> {
    std::iter::from_fn(|| queue.pop()).map(|(at, payload)| (at.as_nanos(), payload)).collect()
}

/// The number of keys that are held, and the number that there is memory for.
fn keys<T>(queue: &EventQueue<T>) -> (usize, usize) {
    let buckets = queue.wheel.buckets();
    let held: usize = buckets.iter().map(Vec::len).sum();
    let room: usize = buckets.iter().map(Vec::capacity).sum();
    (held + queue.due.len() + queue.late.len(), room + queue.due.capacity() + queue.late.capacity())
}

#[test]
fn events_come_out_by_time_and_at_one_instant_by_insertion() {
    let mut queue = EventQueue::new();
    for (at, name) in [(7, "a"), (3, "b"), (7, "c"), (0, "d"), (3, "e")] {
        queue.push(nanos(at), name);
    }
    assert_eq!(pop_all(&mut queue), [(0, "d"), (3, "b"), (3, "e"), (7, "a"), (7, "c")]);
}

#[test]
fn an_event_pushed_for_now_comes_after_those_already_due_now() {
    let mut queue = EventQueue::new();
    for name in ["a", "b", "c"] {
        queue.push(nanos(5), name);
    }
    assert_eq!(queue.pop(), Some((nanos(5), "a")));
    queue.push(nanos(5), "pushed at 5");
    queue.push(nanos(6), "later");
    assert_eq!(pop_all(&mut queue), [(5, "b"), (5, "c"), (5, "pushed at 5"), (6, "later")]);
}

#[test]
#[should_panic(expected = "an event at 0.000000004s is pushed after the one at 0.000000005s has happened")]
fn an_event_in_the_past_is_refused() {
    let mut queue = EventQueue::new();
    queue.push(nanos(5), ());
    queue.pop();
    queue.push(nanos(4), ());
}

#[test]
fn a_look_at_the_next_event_does_not_forbid_earlier_ones() {
    let mut queue = EventQueue::new();
    (0..1_000).for_each(|number| _ = queue.push(nanos(1_000_000 + number), number));
    assert_eq!(queue.peek_time(), Some(nanos(1_000_000)));
    (0..1_000).for_each(|number| _ = queue.push(nanos(999 - number), number));
    assert_eq!(queue.peek_time(), Some(nanos(0)));
    let times: Vec<u64> = pop_all(&mut queue).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, (0..1_000).chain(1_000_000..1_001_000).collect::<Vec<u64>>());
}

#[test]
fn a_cancelled_event_does_not_happen() {
    let mut queue = EventQueue::new();
    let id = queue.push(nanos(1), "cancelled");
    queue.push(nanos(2), "kept");
    assert_eq!(queue.cancel(id), Some("cancelled"));
    assert_eq!((queue.len(), queue.peek_time()), (1, Some(nanos(2))));
    assert_eq!(pop_all(&mut queue), [(2, "kept")]);
    assert!(queue.is_empty());
}

#[test]
fn an_old_id_never_cancels_a_later_event() {
    let mut queue = EventQueue::new();
    let cancelled = queue.push(nanos(1), "cancelled");
    queue.cancel(cancelled);
    let popped = queue.push(nanos(1), "popped");
    queue.pop();
    // Takes the place that both had.
    queue.push(nanos(1), "kept");
    assert_eq!(queue.cancel(cancelled), None);
    assert_eq!(queue.cancel(popped), None);
    assert_eq!(pop_all(&mut queue), [(1, "kept")]);
}

#[test]
fn sweeping_out_cancelled_events_leaves_the_others_in_order() {
    let mut queue = EventQueue::new();
    let ids: Vec<TimerId> = (0..10_000).map(|number| queue.push(nanos(number * number), number)).collect();
    assert_eq!(queue.pop(), Some((nanos(0), 0)));
    let kept = |number: u64| number.is_multiple_of(100);
    for (number, id) in (0..).zip(ids) {
        if !kept(number) {
            assert_eq!(queue.cancel(id), Some(number));
        }
    }
    assert_eq!(pop_all(&mut queue), (1..10_000).filter(|n| kept(*n)).map(|n| (n * n, n)).collect::<Vec<_>>());
}

/// The last instant of the bucket that is being emptied, pushed for before and after the bucket's rest has gone
/// back to the wheel.
#[test]
fn one_instant_keeps_its_order_when_the_near_part_is_spilled() {
    let mut queue = EventQueue::new();
    queue.push(nanos(1_000_000), "far");
    (64..64 + LATE_MAX as u64).for_each(|at| _ = queue.push(nanos(at), "near"));
    assert_eq!(queue.pop(), Some((nanos(64), "near")));
    assert_eq!(queue.near_until, nanos(127));
    queue.push(nanos(127), "first");
    (0..LATE_MAX).for_each(|_| _ = queue.push(nanos(100), "late"));
    assert_eq!(queue.near_until, nanos(64));
    queue.push(nanos(127), "second");
    let last: Vec<&str> = pop_all(&mut queue).into_iter().rev().take(3).map(|(_, name)| name).collect();
    assert_eq!(last, ["far", "second", "first"]);
}

#[test]
fn the_end_of_time_is_an_instant_like_any_other() {
    let mut queue = EventQueue::new();
    for number in 0..300 {
        queue.push(SimTime::FAR_FUTURE, number);
        queue.push(nanos(number), number);
    }
    (0..300).for_each(|number| assert_eq!(queue.pop(), Some((nanos(number), number))));
    assert_eq!(queue.pop(), Some((SimTime::FAR_FUTURE, 0)));
    queue.push(SimTime::FAR_FUTURE, 300);
    let numbers: Vec<u64> = pop_all(&mut queue).into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, (1..=300).collect::<Vec<u64>>());
}

#[test]
fn memory_does_not_grow_with_cancelled_events() {
    let mut queue = EventQueue::new();
    let mut expiry = queue.push(SimTime::from_secs(15), 0);
    for number in 1..200_000u64 {
        assert!(queue.cancel(expiry).is_some());
        let now = SimTime::from_millis(number);
        expiry = queue.push(now + SimDuration::from_secs(15), number);
        queue.push(now, number);
        assert_eq!(queue.pop(), Some((now, number)));
    }
    assert_eq!(queue.len(), 1);
    assert_eq!(queue.slots.places(), 2);
    let (_, room) = keys(&queue);
    assert!(room < 20_000, "room for {room} keys is kept");
}

#[test]
fn memory_of_crowded_instants_is_given_back() {
    let mut queue = EventQueue::new();
    for instant in (0..200).map(|number| nanos(number * 1_000_003)) {
        (0..1_000).for_each(|number| _ = queue.push(instant, number));
        queue.push(SimTime::from_secs(1), 0);
        (0..1_000).for_each(|number| assert_eq!(queue.pop(), Some((instant, number))));
    }
    let (_, room) = keys(&queue);
    assert!(room < 20_000, "room for {room} keys is kept");
}

/// Takes minutes, not milliseconds, if the crowd is moved or searched for each event.
#[test]
fn a_crowded_instant_does_not_slow_down_what_happens_before_and_in_it() {
    const CROWD: u64 = 100_000;
    let mut queue = EventQueue::new();
    (0..CROWD).for_each(|number| _ = queue.push(nanos(CROWD), number));
    for now in 0..CROWD / 100 {
        assert_eq!(queue.peek_time(), Some(nanos(CROWD)));
        (0..100).for_each(|number| _ = queue.push(nanos(now), number));
        assert_eq!(queue.due.len() as u64, CROWD, "the crowd stays where it is");
        (0..100).for_each(|number| assert_eq!(queue.pop(), Some((nanos(now), number))));
    }
    assert_eq!(queue.near_until, nanos(CROWD), "what comes after the crowd does not mix with it");
    for number in 0..CROWD {
        queue.push(nanos(CROWD), CROWD + number);
        assert_eq!(queue.pop(), Some((nanos(CROWD), number)));
    }
    assert_eq!(queue.len() as u64, CROWD);
    (0..CROWD).for_each(|number| assert_eq!(queue.pop(), Some((nanos(CROWD), CROWD + number))));
    (0..CROWD).for_each(|number| _ = queue.push(nanos(CROWD), number));
    (0..CROWD).for_each(|number| assert_eq!(queue.pop(), Some((nanos(CROWD), number))));
}

/// What the queue must do, done slowly: all events in one list, sorted at each pop.
#[derive(Default)]
struct Model {
    events: Vec<(SimTime, u64)>,
}

#[derive(Clone, Debug)]
enum Step {
    Push { delay: u64 },
    PushMany { delay: u64, count: u64, stride: u64 },
    Pop(usize),
    Peek,
    Cancel(prop::sample::Index),
    CancelMany(prop::sample::Index, usize),
}

/// Delays of every order of magnitude, often equal.
fn delay() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 0u64..4,
        3 => 0u64..1_000,
        2 => (0u32..64).prop_map(|bits| 1 << bits),
        2 => (0u32..64, any::<u64>()).prop_map(|(bits, value)| value >> bits),
        1 => Just(u64::MAX),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => delay().prop_map(|delay| Step::Push { delay }),
        2 => (delay(), 1u64..400, delay()).prop_map(|(delay, count, stride)| Step::PushMany { delay, count, stride }),
        6 => (1usize..200).prop_map(Step::Pop),
        2 => Just(Step::Peek),
        4 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        1 => (any::<prop::sample::Index>(), 1usize..2_000).prop_map(|(from, count)| Step::CancelMany(from, count)),
    ]
}

/// The queue and the model, driven in step.
#[derive(Default)]
struct Pair {
    queue: EventQueue<u64>,
    model: Model,
    ids: Vec<TimerId>,
    now: SimTime,
}

impl Pair {
    fn push(&mut self, delay: u64) {
        let at = nanos(self.now.as_nanos().saturating_add(delay));
        let number = self.ids.len() as u64;
        self.model.events.push((at, number));
        self.ids.push(self.queue.push(at, number));
    }

    fn pop(&mut self) {
        self.model.events.sort();
        let expected = if self.model.events.is_empty() { None } else { Some(self.model.events.remove(0)) };
        assert_eq!(self.queue.pop(), expected);
        if let Some((at, _)) = expected {
            self.now = at;
        }
    }

    fn cancel(&mut self, number: usize) {
        let pending = self.model.events.iter().position(|(_, pending)| *pending == number as u64);
        let expected = pending.map(|position| self.model.events.remove(position).1);
        assert_eq!(self.queue.cancel(self.ids[number]), expected);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push { delay } => self.push(delay),
            Step::PushMany { delay, count, stride } => {
                for index in 0..count {
                    self.push(delay.saturating_add(index.saturating_mul(stride)));
                }
            }
            Step::Pop(count) => (0..count).for_each(|_| self.pop()),
            Step::Peek => {
                let expected = self.model.events.iter().map(|(at, _)| *at).min();
                assert_eq!(self.queue.peek_time(), expected);
            }
            Step::Cancel(_) | Step::CancelMany(..) if self.ids.is_empty() => {}
            Step::Cancel(index) => self.cancel(index.index(self.ids.len())),
            Step::CancelMany(index, count) => {
                let from = index.index(self.ids.len());
                (from..self.ids.len().min(from + count)).for_each(|number| self.cancel(number));
            }
        }
        assert_eq!(self.queue.len(), self.model.events.len());
        assert_eq!(keys(&self.queue).0, self.queue.len() + self.queue.stale);
        assert_eq!(self.queue.is_empty(), self.model.events.is_empty());
    }
}

proptest! {
    #[test]
    fn does_what_a_sorted_list_does(steps in prop::collection::vec(step(), 0..120)) {
        let mut pair = Pair::default();
        steps.into_iter().for_each(|step| pair.step(step));
        while !pair.model.events.is_empty() {
            pair.pop();
        }
        prop_assert_eq!(pair.queue.pop(), None);
    }
}
