use proptest::prelude::*;

use super::*;

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
        2 => (delay(), 1u64..200, delay()).prop_map(|(delay, count, stride)| Step::PushMany { delay, count, stride }),
        6 => (1usize..100).prop_map(Step::Pop),
        2 => Just(Step::Peek),
        4 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        1 => (any::<prop::sample::Index>(), 1usize..300).prop_map(|(from, count)| Step::CancelMany(from, count)),
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
        let at = SimTime::from_nanos(self.now.as_nanos().saturating_add(delay));
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
