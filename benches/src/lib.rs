//! Shared set-ups of the benchmarks.
pub mod costs;
pub mod queue;
pub mod scheduler;
