//! Recordings of the real orchestrators: what becomes of services over a timeline of changes.
//!
//! A case gives nodes, times of a model agent and a timeline, and tells which facts came out in all of several
//! runs. Those must come out here, to the millisecond.
mod agents;
mod case;
mod compare;
mod facts;
mod journal;
mod replay;

use std::path::PathBuf;

use sim_core::bench::LoopSettings;

use self::case::Case;
pub use crate::cases::Options;
use crate::cases::{self, Comparison};
use crate::recordings::RecordingError;
use crate::report::Report;

/// Replays all cases in these files, and in the `.jsonl` files of these folders.
///
/// # Errors
/// If a file cannot be read or has no case, or has a line that is no case.
pub fn run(paths: &[PathBuf], options: &Options) -> Result<Report, RecordingError> {
    cases::run::<Case>(paths, options)
}

impl cases::Case for Case {
    /// As many as the recordings ask for.
    const ORDERS: u64 = 20;

    fn check(&self) -> Result<(), String> {
        self.check()
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn class(&self) -> &str {
        &self.class
    }

    /// The recorded managers had no allocator of ports.
    fn compare(&self, settings: LoopSettings) -> Result<Comparison, String> {
        let observed = replay::replay(&self.given, &LoopSettings { without_ports: true, ..settings });
        Ok(compare::compare(self, &observed))
    }
}
