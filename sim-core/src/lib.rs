//! A deterministic discrete-event simulation of a Docker Swarm cluster.
//!
//! A run is a pure function of a cluster, a list of stimuli and a seed: equal inputs give equal bytes on
//! every machine. The crate reads no clock, no file and no environment, and holds no float in its state.
#![deny(clippy::float_arithmetic)]

pub mod bench;
pub mod client;
mod cluster;
pub mod gossip;
mod inject;
mod invariants;
pub mod kernel;
mod manager;
mod mesh;
pub mod metrics;
pub mod model;
mod net;
pub mod progress;
mod protocol;
mod raft;
pub mod record;
pub mod run;
mod store;
#[cfg(test)]
mod text_test;
pub mod traffic;
mod worker;

pub use cluster::{RaftMember, View};
pub use manager::orchestrator::restart::StartWaits;
pub use manager::orchestrator::update::{SlotWaits, UpdatePhase, UpdateWaits};
pub use record::{Keep, Recorder, Recording};
pub use run::{NoObserver, Observer, Simulation, Violation};
pub use store::Store;
