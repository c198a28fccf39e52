//! Which manager a worker talks to: the better its record, the likelier (spec control-plane 7.2).
use crate::kernel::{Digest, StateDigest, Stream};
use crate::model::HostId;

/// What a manager is observed with when a dispatcher lists it, and, negated, when a connection to it ends (spec
/// control-plane 7.2).
const OBSERVATION: i32 = 10;
/// No weight goes beyond this, either way (spec control-plane 7.2).
const WEIGHT_LIMIT: i32 = 256;

/// The managers that a worker knows, with the average of what it saw of them.
#[derive(Debug)]
pub(super) struct Remotes {
    /// In host order. A worker knows few managers.
    weights: Vec<(HostId, i32)>,
}

impl Remotes {
    /// What is known after the start of a process: each manager was seen once.
    pub(super) fn new(managers: &[HostId]) -> Self {
        let mut remotes = Remotes { weights: Vec::new() };
        managers.iter().for_each(|manager| remotes.observe(*manager, OBSERVATION));
        remotes
    }

    /// The process starts anew: of the list only the names were kept.
    pub(super) fn restart(&mut self) {
        let managers: Vec<HostId> = self.weights.iter().map(|(manager, _)| *manager).collect();
        *self = Remotes::new(&managers);
    }

    /// All managers have been listed so often that their weights stand still.
    pub(super) fn settle(&mut self) {
        self.weights.iter_mut().for_each(|(_, weight)| *weight = OBSERVATION);
    }

    /// A dispatcher says who the managers are. Others are forgotten, unless it names nobody.
    pub(super) fn list(&mut self, managers: &[HostId]) {
        if managers.is_empty() {
            return;
        }
        self.weights.retain(|(manager, _)| managers.contains(manager));
        managers.iter().for_each(|manager| self.observe(*manager, OBSERVATION));
    }

    /// A connection to a manager ended, in whatever way.
    pub(super) fn disconnected(&mut self, manager: HostId) {
        if self.place(manager).is_ok() {
            self.observe(manager, -OBSERVATION);
        }
    }

    /// Draws a manager in proportion to its weight. A weight of zero or less keeps a small chance.
    pub(super) fn choose(&self, except: Option<HostId>, stream: &mut Stream) -> Option<HostId> {
        // In thousandths, so that the chance that always remains is one of them.
        let share = |weight: i32| u64::from(weight.max(0).unsigned_abs()) * 1_000 + 1;
        let candidates = || self.weights.iter().filter(|(manager, _)| Some(*manager) != except);
        let total: u64 = candidates().map(|(_, weight)| share(*weight)).sum();
        if total == 0 {
            return None;
        }
        let mut drawn = stream.below(total);
        for (manager, weight) in candidates() {
            if drawn < share(*weight) {
                return Some(*manager);
            }
            drawn -= share(*weight);
        }
        unreachable!("the shares add up to the total")
    }

    /// All that are known, in host order.
    pub(super) fn known(&self) -> Vec<HostId> {
        self.weights.iter().map(|(manager, _)| *manager).collect()
    }

    fn observe(&mut self, manager: HostId, observation: i32) {
        let place = match self.place(manager) {
            Ok(place) => place,
            Err(place) => {
                self.weights.insert(place, (manager, 0));
                place
            }
        };
        let weight = &mut self.weights[place].1;
        // The mean, rounded up.
        *weight = (*weight + observation + 1).div_euclid(2).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT);
    }

    fn place(&self, manager: HostId) -> Result<usize, usize> {
        self.weights.binary_search_by_key(&manager, |(manager, _)| *manager)
    }
}

impl StateDigest for Remotes {
    fn digest(&self, digest: &mut Digest) {
        let Self { weights } = self;
        for (manager, weight) in weights {
            manager.digest(digest);
            digest.i64(i64::from(*weight));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: HostId = HostId(1);
    const B: HostId = HostId(2);

    fn weight(remotes: &Remotes, manager: HostId) -> Option<i32> {
        remotes.place(manager).ok().map(|place| remotes.weights[place].1)
    }

    #[test]
    fn a_listed_manager_gains_weight_up_to_ten() {
        let mut remotes = Remotes::new(&[A]);
        let seen: Vec<i32> = (0..5)
            .map(|_| {
                let weight = weight(&remotes, A).unwrap();
                remotes.list(&[A]);
                weight
            })
            .collect();
        assert_eq!(seen, [5, 8, 9, 10, 10]);
    }

    #[test]
    fn every_end_of_a_connection_costs_weight() {
        let mut remotes = Remotes::new(&[A]);
        remotes.settle();
        let seen: Vec<i32> = (0..5)
            .map(|_| {
                remotes.disconnected(A);
                weight(&remotes, A).unwrap()
            })
            .collect();
        assert_eq!(seen, [0, -5, -7, -8, -9]);
        remotes.disconnected(B);
        assert_eq!(weight(&remotes, B), None, "an unknown manager stays unknown");
    }

    #[test]
    fn unlisted_managers_are_forgotten_unless_nobody_is_listed() {
        let mut remotes = Remotes::new(&[A, B]);
        remotes.list(&[]);
        assert_eq!((weight(&remotes, A), weight(&remotes, B)), (Some(5), Some(5)));
        remotes.list(&[B]);
        assert_eq!((weight(&remotes, A), weight(&remotes, B)), (None, Some(8)));
    }

    #[test]
    fn managers_are_drawn_in_proportion_to_their_weight() {
        let mut remotes = Remotes::new(&[A, B]);
        remotes.settle();
        remotes.list(&[A, B]);
        remotes.disconnected(A);
        let mut stream = Stream::named(1, "manager-choice/test");
        let chosen = (0..20_000).filter(|_| remotes.choose(None, &mut stream) == Some(A)).count();
        // A has the weight 0 and keeps one thousandth against the ten of B.
        assert!((1..=8).contains(&chosen), "{chosen}");
        assert_eq!(Remotes::new(&[]).choose(None, &mut stream), None);
    }
}
