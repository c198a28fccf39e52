//! Shared set-ups of the benchmarks.
pub mod queue;
