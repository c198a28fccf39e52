//! Shared set-ups of the benchmarks.
pub mod queue;
pub mod scheduler;
