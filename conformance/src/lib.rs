//! Recordings of the real system, and how the simulation compares with them.
//!
//! Each set of recordings has a module: a reader of its cases, a replay on the simulation, and a comparison
//! that checks only what the recording marks as stable. The command line prints what they report.
mod cases;
mod distributions;
pub mod gossip;
pub mod objects;
pub mod orchestration;
mod recordings;
pub mod report;
pub mod scheduler;
pub mod timelines;

pub use self::recordings::RecordingError;
