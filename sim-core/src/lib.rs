//! A deterministic discrete-event simulation of a Docker Swarm cluster.
//!
//! A run is a pure function of a cluster, a list of stimuli and a seed: equal inputs give equal bytes on
//! every machine. The crate reads no clock, no file and no environment, and holds no float in its state.
pub mod kernel;
pub mod model;
mod store;

pub use store::Store;
