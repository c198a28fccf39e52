//! How ties are broken: the one switch for all that reality draws by the order of a Go map.
//!
//! By default ids decide, so that equal clusters behave equally. With a seed, lists are put in the order in
//! which SwarmKit might have walked through its map (spec scheduler 17, orchestration 17).
use crate::kernel::random::Stream;
use crate::kernel::{Digest, StateDigest};

/// What decides where the real system draws lots.
#[derive(Clone, Debug, Default)]
pub(crate) enum TieBreaker {
    /// The lower id.
    #[default]
    ById,
    /// A random stream.
    Seeded(Box<Stream>),
}

impl TieBreaker {
    /// Puts a list that is sorted by id in the order in which it is to be visited.
    pub(crate) fn order<T>(&mut self, items: &mut [T]) {
        match self {
            TieBreaker::ById => {}
            TieBreaker::Seeded(stream) => stream.map_order(items),
        }
    }
}

impl StateDigest for TieBreaker {
    fn digest(&self, digest: &mut Digest) {
        match self {
            TieBreaker::ById => digest.u8(0),
            TieBreaker::Seeded(stream) => {
                digest.u8(1);
                stream.digest(digest);
            }
        }
    }
}
