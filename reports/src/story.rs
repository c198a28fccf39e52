//! The narrated timeline: what happened, when and why, short enough to be read even for ten thousand tasks.
//!
//! Facts that a reader wants to know are put into groups: the same thing happening to several tasks or nodes for the
//! same reason within a short time is one line. If the story is still too long, the time within which things belong
//! together grows. The reason of a line is the nearest group behind it that explains something; it is left out
//! where it is what the reader has just read.
mod chapters;
mod lines;
mod replacements;

use sim_core::Recording;
use sim_core::kernel::SimDuration;

use self::chapters::Chapters;
pub(crate) use self::chapters::patience;
use self::replacements::Replacements;
use crate::text::Text;

/// Lines that a story has at most, as long as wider groups can bring it down to that.
const LINES_MAX: usize = 150;

/// How far apart things of one group may be, in milliseconds: the first that makes the story short enough.
const WINDOWS_MS: [u64; 7] = [1_000, 3_000, 10_000, 30_000, 120_000, 600_000, u64::MAX / 1_000_000];

/// The story of a run whose facts were kept.
#[must_use]
pub fn story(recording: &Recording) -> Text {
    let replacements = Replacements::of(recording);
    let mut chapters = Chapters::default();
    for window in WINDOWS_MS {
        chapters = Chapters::collect(recording, &replacements, SimDuration::from_millis(window));
        if chapters.len() <= LINES_MAX {
            break;
        }
    }
    lines::print(&chapters, recording)
}
