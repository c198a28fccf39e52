//! Replays a recorded run on a whole simulated cluster (stub until agents are joined).
use super::history::History;
use super::recording::Recording;

/// Runs a recording with a seed.
pub(super) fn run(recording: &Recording, seed: u64) -> Result<History, String> {
    Err(format!("{} cannot be replayed yet (seed {seed})", recording.experiment))
}
