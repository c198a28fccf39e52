//! Time, random streams, digests, the event queue and the trace: what a simulation needs before it knows
//! anything about Swarm.
pub mod digest;
mod logarithm;
pub mod queue;
pub mod random;
pub mod time;
pub mod trace;

pub use digest::{Digest, StateDigest};
pub use queue::{EventQueue, TimerId};
pub use random::{Ppm, Stream, Streams};
pub use time::{SimDuration, SimTime};
