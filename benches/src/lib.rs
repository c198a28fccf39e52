//! Shared set-ups of the benchmarks.
pub mod costs;
pub mod queue;
pub mod raft;
pub mod rolling;
pub mod scheduler;
