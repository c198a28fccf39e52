//! Positions in a circle that are closed one after the other.

/// Finds the next open position without walking over those that are closed.
#[derive(Debug)]
pub(super) struct Ring {
    /// For each position itself if it is open, else a later one, or the length if all later ones are closed.
    next: Vec<usize>,
}

impl Ring {
    /// A circle of open positions.
    pub(super) fn new(length: usize) -> Self {
        Ring { next: (0..=length).collect() }
    }

    /// The first open position from `at` on, and whether it lies in front of `at`: the search went round. None
    /// if all are closed.
    pub(super) fn open_from(&mut self, at: usize) -> Option<(usize, bool)> {
        let length = self.next.len() - 1;
        match self.find(at.min(length)) {
            position if position < length => Some((position, false)),
            _ => Some((self.find(0), true)).filter(|(position, _)| *position < length),
        }
    }

    pub(super) fn close(&mut self, position: usize) {
        self.next[position] = position + 1;
    }

    /// Follows the chain of closed positions to its end and halves it on the way.
    fn find(&mut self, start: usize) -> usize {
        let mut at = start;
        while self.next[at] != at {
            self.next[at] = self.next[self.next[at]];
            at = self.next[at];
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_goes_round_and_ends_when_all_are_closed() {
        let mut ring = Ring::new(4);
        assert_eq!(ring.open_from(2), Some((2, false)));
        assert_eq!(ring.open_from(4), Some((0, true)));
        ring.close(2);
        ring.close(3);
        assert_eq!(ring.open_from(2), Some((0, true)));
        ring.close(0);
        assert_eq!(ring.open_from(3), Some((1, true)));
        assert_eq!(ring.open_from(0), Some((1, false)));
        ring.close(1);
        assert_eq!(ring.open_from(0), None);
        assert_eq!(Ring::new(0).open_from(0), None);
    }
}
