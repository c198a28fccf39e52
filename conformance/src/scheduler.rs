//! Recordings of the real scheduler: which node each task got, and what those say that got none.
//!
//! A case gives nodes, services, tasks and a list of changes, and tells what came out of it in many runs with
//! different random choices. What was the same in all runs must be the same here.
mod case;
mod compare;
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
    /// What is stable here is a promise: rules 1, 2 and 4 hold for every order.
    const ORDERS: u64 = 0;

    fn check(&self) -> Result<(), String> {
        self.check()
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn class(&self) -> &str {
        &self.class
    }

    fn compare(&self, settings: LoopSettings) -> Result<Comparison, String> {
        let observed = replay::replay(&self.given, &settings)?;
        Ok(compare::compare(&self.expected, &observed, settings.seeded_ties))
    }
}
